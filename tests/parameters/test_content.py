"""What parameters of the filter for new mail (cleanup) change: a row for each.

The mail goes through an SMTP server with the setting, and one without it, to a host that
keeps what it gets; the reply and what came there tell.
"""

import re

import pytest

from harness.instance import wait_until

from .site import Site

MIME = "MIME-Version: 1.0\n"
NESTED = MIME + "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nSubject: y\n\nz\n"
TEXT = "From: anne@host.maison.mrs\nTo: b@sink.example\nSubject: x\n\nhello\n"
MANY = "inline:{ { all@sink.example = a@sink.example, b@sink.example, c@sink.example } }"
MASQUERADE = {"masquerade_domains": "maison.mrs"}
# Parameter, its value, other settings, recipient, text; what is seen with it, and without it.
ROWS = [
    ("masquerade_exceptions", "anne", MASQUERADE, "b@sink.example", TEXT,
     r"From: anne@host\.maison\.mrs", r"From: anne@maison\.mrs"),
    ("masquerade_classes", "envelope_sender", MASQUERADE, "b@sink.example", TEXT,
     r"From: anne@host\.maison\.mrs", r"From: anne@maison\.mrs"),
    ("message_strip_characters", "l", {}, "b@sink.example", TEXT, "(?m)^heo", "(?m)^hello"),
    ("message_reject_characters", "l", {}, "b@sink.example", TEXT, "^550 ", "^250 "),
    ("header_size_limit", "200", {}, "b@sink.example",
     "Subject: " + "\n ".join(["y" * 60] * 20) + "\n\nhello\n", r"(?s)(?!.*(y{60}\s+){15})",
     r"(?s).*(y{60}\s+){15}"),
    ("body_checks_size_limit", "10", {"body_checks": "pcre:{{/far/ REJECT}}"}, "b@sink.example",
     TEXT + "x" * 70 + "\n" * 20 + "far\n", "^250 ", "^550 "),
    ("mime_header_checks", "pcre:{{/^Content-Type: image/ REJECT no}}", {}, "b@sink.example",
     MIME + "Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: image/png\n\nx\n--q--\n",
     "^550 5.7.1 no", "^250 "),
    ("disable_mime_input_processing", "yes",
     {"mime_header_checks": "pcre:{{/^Content-Type: image/ REJECT no}}"}, "b@sink.example",
     MIME + "Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: image/png\n\nx\n--q--\n",
     "^250 ", "^550 "),
    ("strict_mime_encoding_domain", "yes", {}, "b@sink.example", NESTED, "^550 ", "^250 "),
    ("strict_8bitmime", "yes", {}, "b@sink.example", "Subject: caf\xe9\n\nx\n", "^550 ", "^250 "),
    ("strict_8bitmime_body", "yes", {}, "b@sink.example",
     MIME + "Content-Type: text/plain\nContent-Transfer-Encoding: 7bit\n\ncaf\xe9\n", "^550 ",
     "^250 "),
    ("strict_7bit_headers", "yes", {}, "b@sink.example", "Subject: caf\xe9\n\nx\n", "^550 ",
     "^250 "),
    ("sender_canonical_classes", "envelope_sender",
     {"sender_canonical_maps": "inline:{anne@host.maison.mrs=new@maison.mrs}"}, "b@sink.example",
     TEXT, r"(?s)From: anne@host.*FROM new@maison\.mrs", r"(?s)From: new@.*FROM new@maison\.mrs"),
    ("recipient_canonical_classes", "envelope_recipient",
     {"recipient_canonical_maps": "inline:{b@sink.example=c@sink.example}"}, "b@sink.example",
     TEXT, r"(?s)To: b@sink.*RCPT c@sink", r"(?s)To: c@sink.*RCPT c@sink"),
    ("canonical_classes", "envelope_recipient",
     {"canonical_maps": "inline:{b@sink.example=c@sink.example}"}, "b@sink.example",
     TEXT, r"(?s)To: b@sink.*RCPT c@sink", r"(?s)To: c@sink.*RCPT c@sink"),
    ("propagate_unmatched_extensions", "", {"recipient_delimiter": "+", "canonical_maps":
     "inline:{b@sink.example=c@sink.example}"}, "b+x@sink.example", TEXT, r"RCPT c@sink",
     r"RCPT c\+x@sink"),
    ("sender_bcc_maps", "inline:{anne@host.maison.mrs=copy@sink.example}", {}, "b@sink.example",
     TEXT, "RCPT copy@sink", "(?s)(?!.*RCPT copy)"),
    ("virtual_alias_expansion_limit", "2", {"virtual_alias_maps": MANY}, "all@sink.example",
     TEXT, "^(451|452) ", "^250 "),
    ("virtual_alias_recursion_limit", "1",
     {"virtual_alias_maps": "inline:{a@sink.example=b@sink.example,b@sink.example=c@sink.example,"
      "c@sink.example=d@sink.example}"}, "a@sink.example", TEXT, "^(451|452) ", "RCPT d@sink"),
    ("virtual_alias_address_length_limit", "20",
     {"virtual_alias_maps": "inline:{a@sink.example=a-very-long-one@sink.example}"},
     "a@sink.example", TEXT, "^(451|452) ", "RCPT a-very-long-one@sink"),
    ("cleanup_replace_stray_cr_lf", "no", {"smtpd_forbid_bare_newline": "no"}, "b@sink.example",
     "Subject: x\n\nstray\rhere\n", "stray\rhere", "stray here"),
    ("local_header_rewrite_clients", "", {}, "b@sink.example", "From: anne\n\nx\n",
     r"(?m)^From: anne$", r"(?m)^From: anne@maison\.mrs"),
    ("remote_header_rewrite_domain", "far.example", {"local_header_rewrite_clients": ""},
     "b@sink.example", "From: anne\n\nx\n", r"(?m)^From: anne@far\.example",
     r"(?m)^From: anne$"),
    ("always_add_missing_headers", "yes", {"local_header_rewrite_clients": ""}, "b@sink.example",
     "Subject: x\n\nx\n", "(?m)^Message-I[dD]: ", "(?s)(?!.*Message-I[dD]:)"),
    ("append_at_myorigin", "no", {"remote_header_rewrite_domain": ""}, "b@sink.example",
     "From: anne\n\nx\n", r"(?m)^From: anne$", r"(?m)^From: anne@maison\.mrs"),
    ("mime_nesting_limit", "1", {}, "b@sink.example", MIME + "Content-Type: multipart/mixed; "
     "boundary=q\n\n--q\nContent-Type: multipart/mixed; boundary=r\n\n--r\nContent-Type: "
     "multipart/mixed; boundary=s\n\n--s\nContent-Type: multipart/mixed; boundary=t\n\n--t\n\nx\n--s--\n--r--\n--q--\n", "^5", "^250 "),
    ("virtual_maps", "inline:{a@sink.example=z@sink.example}",
     {"virtual_alias_maps": "$virtual_maps"}, "a@sink.example", TEXT, "RCPT z@sink", "RCPT a@sink"),
    ("smtpd_hide_client_session", "yes", {}, "b@sink.example", TEXT, r"^250 .*\nReceived: by gw1",
     r"^250 .*\nReceived: from client\.example"),
    ("default_verp_delimiters", "-=", {"smtpd_authorized_verp_clients": "127.0.0.1"}, "b@sink.example", TEXT,
     r"FROM anne-b=sink\.example@host", r"FROM anne\+b=sink\.example@host"),
    ("mime_boundary_length_limit", "5", {"mime_header_checks": "pcre:{{/^Content-Type: image/ REJECT no}}"},
     "b@sink.example", MIME + "Content-Type: multipart/mixed; boundary=abcdefgh\n\n--abcdefgh\n\nx\n--abcdezzz\n"
     "Content-Type: image/png\n\nx\n--abcdefgh--\n", "^550 5.7.1 no", "^250 "),
    ("header_address_token_limit", "6", {}, "b@sink.example",
     "To: " + ",\n ".join(f"u{n}" for n in range(30)) + "\n\nx\n", r"(?s)(?!.*u29@maison)",
     r"u29@maison\.mrs"),
]


@pytest.fixture(scope="module")
def site(room, net):
    sink = net.host("mx.sink.example")
    one = Site(room / "a", net, relay_domains="sink.example, relay.example")
    one.route("sink.example", f"smtp:[{sink.address}]:{net.port}")
    one.sink = sink
    for name, value, settings, *_ in ROWS:
        one.server(name, **{name: value}, **settings)
        one.server(f"without {name}", **settings)
    one.server("autodetect", smtputf8_autodetect_classes="all").server("no autodetect")
    with one:
        yield one


def seen(site, server, case, recipient, text):
    """The reply, and what reached the host, as one text."""
    options = " XVERP" if "verp" in server else ""
    reply = site.mail(server, "anne@host.maison.mrs", recipient, f"X-Case: {case}\n{text}", options)
    if not reply.startswith("250"):
        return reply
    mark = f"X-Case: {case}\r\n".encode()

    def arrived():
        return [m for m in site.sink.messages if mark in m.content]
    site.wait_removed(reply.rsplit(" ", 1)[-1])
    messages = wait_until(arrived, f"the mail of {case}")
    rcpt = "\n".join(f"RCPT {r}" for m in messages for r in m.recipients)
    content = messages[0].content.decode("latin-1").replace("\r\n", "\n")
    return f"{reply}\n{content}\nFROM {messages[0].sender}\n{rcpt}\n"


@pytest.mark.parametrize("number", range(len(ROWS)), ids=lambda n: ROWS[n][0])
def test_setting(site, number):
    """With the setting and without it something else arrives."""
    name, _, _, recipient, text, with_it, without = ROWS[number]
    found = seen(site, name, f"{number} with", recipient, text)
    assert re.search(with_it, found) if "(?!" not in with_it else re.match(with_it, found), found
    found = seen(site, f"without {name}", f"{number} without", recipient, text)
    assert re.search(without, found) if "(?!" not in without else re.match(without, found), found


def test_mail_that_turns_out_to_need_smtputf8(site):
    """smtputf8_autodetect_classes: a UTF-8 header of a client that said nothing of it"""
    for server, outcome in (("autodetect", "bounced .*SMTPUTF8"), ("no autodetect", "sent")):
        reply = site.mail(server, "anne@maison.mrs", "b@sink.example", "Subject: caf\u00e9\n\nx\n")
        site.wait_log(rf"{reply.rsplit(' ', 1)[-1]}: to=<b@sink\.example>.* status={outcome}")

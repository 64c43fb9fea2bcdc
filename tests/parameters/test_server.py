"""What parameters of the SMTP server change, a row for each (S123 and the tables of group J).

The recipient of a row selects a restriction, or the server's own settings do; the reply tells.
"""

import re
import shutil
import socketserver
import subprocess
import threading
import time

import pytest

from harness.instance import wait_until

from .site import Site

# Recipients of the server "codes" and what is asked for them.
ASKED = {
    "defer-map": "DEFER", "reject-map": "REJECT", "helo": "reject_invalid_helo_hostname",
    "fqdn": "reject_non_fqdn_sender", "host": "reject_unknown_helo_hostname",
    "rbl": "reject_rbl_client rbl.example",
    "rbl2": "reject_rbl_client rbl2.example", "maps": "reject_maps_rbl",
    "plain": "reject_plaintext_session",
}
CODES = {
    "access_map_defer_code": 458, "access_map_reject_code": 558,
    "invalid_hostname_reject_code": 511, "non_fqdn_reject_code": 512,
    "unknown_hostname_reject_code": 514,
    "maps_rbl_reject_code": 515, "relay_domains_reject_code": 516,
    "multi_recipient_bounce_reject_code": 517, "plaintext_reject_code": 518,
    "unknown_local_recipient_reject_code": 519, "unknown_virtual_alias_reject_code": 520,
    "unknown_virtual_mailbox_reject_code": 522,
    "default_rbl_reply": "$rbl_code 5.7.1 $rbl_domain has $client_address",
    "rbl_reply_maps": "inline:{ { rbl2.example = $$rbl_code 5.7.1 the second list } }",
    "maps_rbl_domains": "rbl3.example",
    "show_user_unknown_table_name": "no",
}
# Parameter, HELO, sender, recipient, reply to RCPT.
CODE_ROWS = [
    ("access_map_defer_code", "a.example", "a@b.example", "defer-map@maison.mrs", "458 "),
    ("access_map_reject_code", "a.example", "a@b.example", "reject-map@maison.mrs", "558 "),
    ("invalid_hostname_reject_code", "bad..name", "a@b.example", "helo@maison.mrs", "511 "),
    ("non_fqdn_reject_code", "a.example", "a@b", "fqdn@maison.mrs", "512 "),
    ("unknown_hostname_reject_code", "none.example", "a@b.example", "host@maison.mrs", "514 "),
    ("maps_rbl_reject_code", "a.example", "a@b.example", "rbl@maison.mrs", "515 "),
    ("default_rbl_reply", "a.example", "a@b.example", "rbl@maison.mrs",
     r"515 5\.7\.1 rbl\.example has 127\.0\.0\.1$"),
    ("rbl_reply_maps", "a.example", "a@b.example", "rbl2@maison.mrs",
     r"515 5\.7\.1 the second list$"),
    ("maps_rbl_domains", "a.example", "a@b.example", "maps@maison.mrs", "515 .*rbl3"),
    ("relay_domains_reject_code", "a.example", "a@b.example", "a@far.example", "516 "),
    ("plaintext_reject_code", "a.example", "a@b.example", "plain@maison.mrs", "518 "),
    ("unknown_local_recipient_reject_code", "a.example", "a@b.example", "no@maison.mrs", "519 "),
    ("unknown_virtual_alias_reject_code", "a.example", "a@b.example", "no@alias.example", "520 "),
    ("unknown_virtual_mailbox_reject_code", "a.example", "a@b.example", "no@box.example", "522 "),
    ("show_user_unknown_table_name", "a.example", "a@b.example", "no@maison.mrs",
     "519 .*: User unknown$"),
]

EHLO, MAIL, RCPT = "EHLO a.example", "MAIL FROM:<a@b.example>", "RCPT TO:<chris@maison.mrs>"
BARE = "Subject: x\r\n\r\na line\nanother\r\n."
# Parameter, other settings, lines, reply to the last of them; with the parameter's value, and
# (None: not asked) with its default.
ROWS = [
    ("smtpd_reject_unlisted_recipient", "no", {}, [EHLO, MAIL, "RCPT TO:<no@maison.mrs>"],
     "250 ", "550 "),
    ("smtpd_reject_unlisted_sender", "yes", {}, [EHLO, "MAIL FROM:<no@maison.mrs>", RCPT],
     "550 .*Sender address rejected", "250 "),
    ("smtpd_relay_before_recipient_restrictions", "no",
     {"smtpd_relay_restrictions": "check_client_access static:{501 relay}, reject",
      "smtpd_recipient_restrictions": "check_client_access static:{502 recipient}, reject"},
     [EHLO, MAIL, RCPT], "502 .*recipient", "501 .*relay"),
    ("defer_code", "459", {"smtpd_recipient_restrictions": "defer"}, [EHLO, MAIL, RCPT], "459 ",
     "450 "),
    ("reject_code", "557", {"smtpd_recipient_restrictions": "reject"}, [EHLO, MAIL, RCPT], "557 ",
     "554 "),
    ("unknown_client_reject_code", "513", {"smtpd_peername_lookup": "no",
     "smtpd_recipient_restrictions": "reject_unknown_client_hostname, reject"}, [EHLO, MAIL, RCPT],
     "513 ", "450 "),
    ("unknown_helo_hostname_tempfail_action", "defer",
     {"smtpd_helo_restrictions": "reject_unknown_helo_hostname, reject"},
     ["HELO broken.example", MAIL, RCPT], "450 ", "554 "),
    ("unknown_address_tempfail_action", "defer",
     {"smtpd_sender_restrictions": "reject_unknown_sender_domain, reject"},
     [EHLO, "MAIL FROM:<a@broken.example>", RCPT], "45[01] ", "554 "),
    ("smtpd_null_access_lookup_key", "nobody",
     {"smtpd_sender_restrictions": "check_sender_access inline:{nobody=REJECT}"},
     [EHLO, "MAIL FROM:<>", RCPT], "554 ", "250 "),
    ("smtpd_forbidden_commands", "FROB", {}, ["FROB x"], "221 2.7.0 Error: I can break rules",
     "50"),
    ("queue_minfree", "4000000000000000", {}, [EHLO, MAIL, RCPT, "RSET", MAIL + " SIZE=10"],
     "452 4.3.1", "250 "),
    ("allow_untrusted_routing", "yes", {"smtpd_relay_restrictions": "reject_unauth_destination"},
     [EHLO, MAIL, "RCPT TO:<a%far.example@relay.example>"], "250 ", "554 "),
    ("receive_override_options", "no_unknown_recipient_checks", {},
     [EHLO, MAIL, "RCPT TO:<no@maison.mrs>"], "250 ", "550 "),
    ("reject_tempfail_action", "defer",
     {"smtpd_sender_restrictions": "reject_unknown_sender_domain, reject"},
     [EHLO, "MAIL FROM:<a@broken.example>", RCPT], "45[01] ", "554 "),
    ("authorized_verp_clients", "127.0.0.0/8", {}, [EHLO, MAIL + " XVERP"], "250 ", "555 "),
    ("verp_delimiter_filter", "-", {"smtpd_authorized_verp_clients": "127.0.0.1"}, [EHLO, MAIL + " XVERP=+="], "501 ", "250 "),
    ("smtpd_reject_footer_maps", "static:{see the manual}", {},
     [EHLO, MAIL, "RCPT TO:<no@maison.mrs>"], "550-.*\n550 5.1.1 see the manual", "550 "),
    ("smtpd_discard_ehlo_keyword_address_maps", "static:chunking", {}, [EHLO],
     "(?s)(?!.*CHUNKING)", "(?s).*CHUNKING"),
    ("smtpd_forbid_bare_newline_reject_code", "523",
     {"smtpd_forbid_bare_newline": "reject", "smtpd_forbid_bare_newline_exclusions": ""},
     [EHLO, MAIL, RCPT, "DATA", BARE], "523 ", "5"),
    ("smtpd_forbid_bare_newline_exclusions", "127.0.0.1",
     {"smtpd_forbid_bare_newline": "reject", "mynetworks": "192.0.2.0/24"},
     [EHLO, MAIL, RCPT, "DATA", BARE + "\r\n."], "250 ", "5"),
    ("relocated_prefix_enable", "no", {"relocated_maps": "inline:{ { chris@maison.mrs = 4 elsewhere } }"},
     [EHLO, MAIL, RCPT], "550 .*rejected: 4 elsewhere", "550 .*has moved to 4 elsewhere"),
    ("line_length_limit", "512", {}, ["NOOP " + "x" * 600], "500 ", "250 "),
    ("enable_idna2003_compatibility", "yes", {"smtpd_sender_restrictions": "reject_unknown_sender_domain"},
     [EHLO, "MAIL FROM:<a@fa\u00df.example> SMTPUTF8", RCPT], "250 ", "450 "),
    ("smtpd_policy_service_default_action", "REJECT no policy",
     {"smtpd_recipient_restrictions": "check_policy_service unix:private/nobody",
      "smtpd_policy_service_try_limit": "1"}, [EHLO, MAIL, RCPT], "554 .*no policy", None),
]


class Policy(socketserver.ThreadingTCPServer):
    """A policy server that has no opinion, and counts its clients."""
    daemon_threads = allow_reuse_address = True

    class Answer(socketserver.StreamRequestHandler):
        def handle(self):
            self.server.clients += 1
            for line in self.rfile:
                if line == b"\n":
                    self.wfile.write(b"action=dunno\n\n")

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Answer)
        self.clients, self.port = 0, self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def site(room, net):
    net.odd_hosts()
    for number, name in enumerate(("rbl.example", "rbl2.example", "rbl3.example")):
        net.entry(f"1.0.0.127.{name}")["A"] = [f"127.0.0.{number + 2}"]
    net.address("b.example", "127.10.0.9")
    one = Site(room / "a", net)
    asked = ", ".join(f"{{ {user}@maison.mrs = {what} }}" for user, what in ASKED.items())
    users = ", ".join(f"{user}=x" for user in [*ASKED, "chris"])
    one.server("codes", **CODES, smtpd_recipient_restrictions=f"check_recipient_access inline:"
               f"{{ {asked} }}", smtpd_relay_restrictions="reject_unauth_destination",
               smtpd_data_restrictions="reject_multi_recipient_bounce",
               local_recipient_maps=f"inline:{{ {users} }}")
    for name, value, settings, *_ in ROWS:
        one.server(name, **{name: value}, **settings)
        one.server(f"without {name}", **settings)
    one.server("sessions", sessions_per_process=1, syslog_name="postfix/sessions")
    one.server("ports", smtpd_client_port_logging="yes")
    one.server("proxied", smtpd_proxy_filter=f"[{net.silent('filter.example').address}]:{net.port}",
               smtpd_proxy_timeout="1s")
    one.policy = Policy()
    for name, settings in (("kept", {}), ("replaced", {"smtpd_policy_service_max_ttl": "1s"})):
        one.server(name, smtpd_recipient_restrictions=f"check_policy_service inet:127.0.0.1:{one.policy.port}",
                   **settings)
    one.set(tcp_windowsize="8192")
    net.address("fass.example", "127.10.0.10")
    with one:
        yield one


@pytest.mark.parametrize("row", CODE_ROWS, ids=lambda row: row[0])
def test_code(site, row):
    """Reply codes of restrictions follow their parameters."""
    _, helo, sender, recipient, reply = row
    said = site.talk("codes", f"HELO {helo}", f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>")
    assert re.match(reply, said[-1]), said


def test_code_of_bounces_to_many(site):
    """multi_recipient_bounce_reject_code"""
    said = site.talk("codes", EHLO, "MAIL FROM:<>", RCPT, "RCPT TO:<known@alias.example>", "DATA")
    assert said[-1].startswith("517 "), said


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_setting(site, row):
    """With the setting and without it the reply differs."""
    name, _, _, lines, with_it, without = row
    if name == "queue_minfree":  # the server learns from the queue manager what is free
        wait_until(lambda: re.match(with_it, site.talk(name, *lines)[-1]), name)
    said = site.talk(name, *lines)
    assert re.match(with_it, said[-1]), said
    if without is not None:
        said = site.talk(f"without {name}", *lines)
        assert re.match(without, said[-1]) and not re.match(with_it + "$", said[-1]), said


def test_sessions_per_process(site):
    """sessions_per_process = 1: two sessions at once are in two processes."""
    with site.door("sessions") as one, site.door("sessions") as two:
        assert one.reply()[:3] == two.reply()[:3] == "220"
        lines = site.wait_log(r"postfix/sessions/smtpd\[\d+\]: connect from", count=2)
    assert len({re.search(r"smtpd\[(\d+)\]", line)[1] for line in lines}) == 2, lines


def test_port_in_the_log(site):
    """smtpd_client_port_logging"""
    site.talk("ports", "QUIT")
    assert site.wait_log(r"disconnect from \w+\[127\.0\.0\.1\]:\d+ ")


def test_filter_that_says_nothing(site):
    """smtpd_proxy_timeout"""
    started = time.monotonic()
    replies = site.talk("proxied", EHLO, MAIL, RCPT)
    assert [reply for reply in replies if reply.startswith("451 4.3.0")], replies
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("name, clients", [("kept", 1), ("replaced", 2)])
def test_connections_to_a_policy_server(site, name, clients):
    """smtpd_policy_service_max_ttl: a connection in use since then is replaced"""
    before = site.policy.clients
    with site.door(name) as talk:
        talk.reply()
        for line in (EHLO, MAIL, RCPT):
            talk.say(line)
            assert talk.reply().startswith("250")
        time.sleep(1.1)
        talk.say(RCPT)
        assert talk.reply().startswith("250")
    assert site.policy.clients - before == clients


@pytest.mark.skipif(not shutil.which("ss"), reason="needs iproute2")
def test_window(site):
    """tcp_windowsize: the receive buffer of a session, which the system doubles"""
    with site.door("ports") as talk:
        talk.reply()
        shown = subprocess.run(["ss", "-tmn", f"sport = :{site.ports['ports']}"], check=True, text=True, timeout=10,
                               capture_output=True).stdout
    assert re.search(r"skmem:\(r\d+,rb(\d+)", shown)[1] == str(2 * 8192), shown

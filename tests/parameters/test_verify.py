"""What the parameters of address verification change: a row each, all asked at the same time (S014, S015)."""

import concurrent.futures
import re
import time

import pytest

from .site import Site

# Parameter, recipient: the probe goes where it says, mail where the plain parameter says.
ROUTES = [
    ("address_verify_default_transport", "a@far.test"),
    ("address_verify_local_transport", "chris@maison.mrs"),
    ("address_verify_relay_transport", "a@relay.example"),
    ("address_verify_virtual_transport", "known@box.example"),
    ("address_verify_transport_maps", "a@mapped.test"),
]
EHLO, RCPT = "EHLO a.example", "RCPT TO:<daemon@maison.mrs>"
SENDER = {"smtpd_sender_restrictions": "reject_unverified_sender, permit"}
# Parameter, value, other settings, sender, recipient, reply with it and without it.
REPLIES = [
    ("unverified_sender_reject_code", "559", SENDER, "no@far.test", RCPT, "559 ", "450 "),
    ("unverified_sender_reject_reason", "nobody there", SENDER, "no@far.test", RCPT,
     "450 .*nobody there", "450 (?!.*nobody there)"),
    ("unverified_sender_defer_code", "459", SENDER, "a@later.test", RCPT, "459 ", "450 "),
    ("unverified_sender_tempfail_action", "defer",
     {"smtpd_sender_restrictions": "reject_unverified_sender, reject"}, "a@later.test", RCPT,
     "450 ", "554 "),
    ("unverified_recipient_tempfail_action", "defer",
     {"smtpd_recipient_restrictions": "reject_unverified_recipient, reject"}, "a@b.example",
     "RCPT TO:<a@later.test>", "450 ", "554 "),
]
PROBING = {"smtpd_recipient_restrictions": "reject_unverified_recipient"}
DISCARDING = {f"{kind}_transport": "discard:" for kind in ("default", "relay", "local", "virtual")}


def new_site(directory, net, **settings):
    """A site whose mail all goes nowhere, with a server "probing" that asks about recipients."""
    one = Site(directory, net, **{**DISCARDING, "address_verify_poll_delay": "1s",
               "smtpd_relay_restrictions": "permit_mynetworks, reject", **settings})
    return one.server("probing", **PROBING)


def ask(site, server, sender, command):
    return site.talk(server, EHLO, f"MAIL FROM:<{sender}>", command)[-1]


def probe(site, recipient):
    return ask(site, "probing", "x@b.example", f"RCPT TO:<{recipient}>")


@pytest.fixture(scope="module")
def site(room, net):
    one = new_site(room / "a", net)
    one.route("mapped.test", "discard:").route("later.test", "retry:4.1.1 not now")
    for name, _ in ROUTES[:-1]:
        one.set(**{name: f"error:5.1.1 {name}"})
    one.set(address_verify_transport_maps="inline:{ { mapped.test = error:5.1.1 "
            "address_verify_transport_maps }, { later.test = retry:4.1.1 not now } }")
    for name, value, settings, *_ in REPLIES:
        one.server(name, **{name: value}, **settings)
        one.server(f"without {name}", **settings)
    with one:
        yield one


@pytest.fixture(scope="module")
def replies(site):
    """Everything asked at once: each answer takes the seconds of address_verify_poll_delay."""
    questions = {name: ("probing", "x@b.example", f"RCPT TO:<{recipient}>") for name, recipient in ROUTES}
    for name, _, _, sender, command, *_ in REPLIES:
        questions |= {server: (server, sender, command) for server in (name, f"without {name}")}
    with concurrent.futures.ThreadPoolExecutor(len(questions)) as pool:
        return dict(zip(questions, pool.map(lambda question: ask(site, *question), questions.values())))


@pytest.mark.parametrize("name, recipient", ROUTES, ids=[name for name, _ in ROUTES])
def test_route(site, replies, name, recipient):
    """A probe goes its own way; the mail itself is taken and goes the usual one."""
    assert replies[name].startswith("450 4.1.1 ") and replies[name].endswith(name), replies[name]
    site.send("x@b.example", recipient)
    site.wait_log(rf"to=<{re.escape(recipient)}>.*relay=none.* status=sent")


@pytest.mark.parametrize("row", REPLIES, ids=lambda row: row[0])
def test_reply(replies, row):
    """With the setting and without it the reply differs."""
    name = row[0]
    for server, pattern in zip((name, f"without {name}"), row[5:]):
        assert re.match(pattern, replies[server]), replies[server]


def test_ways_by_the_sender_of_probes(room, net):
    """The maps for probes are asked for the sender of probes, and mail does not use them."""
    host = net.host("inside.example")
    host.on("RCPT", "550 5.1.1 by relayhost")
    one = new_site(room / "b", net, relay_transport="smtp", relayhost="[127.0.0.1]:1")
    one.set(address_verify_sender="prober@maison.mrs",
            address_verify_sender_dependent_relayhost_maps=f"inline:{{prober@maison.mrs=[{host.address}]:{net.port}}}",
            address_verify_sender_dependent_default_transport_maps="inline:{ { prober@maison.mrs = "
            "error:5.1.1 by default_transport } }")
    with one:
        assert "by relayhost (in reply to RCPT" in probe(one, "a@relay.example")
        assert probe(one, "a@far.test").endswith("unverified address: by default_transport")
        one.send("prober@maison.mrs", "a@relay.example")
        one.wait_log(r"to=<a@relay\.example>, relay=none,.*status=deferred .*connect to 127\.0\.0\.1")
    assert not host.messages


def test_lives_of_bad_news(room, net):
    """Renewed after address_verify_negative_refresh_time, gone after address_verify_negative_expire_time."""
    one = new_site(room / "c", net, address_verify_negative_refresh_time="1s",
                   address_verify_negative_expire_time="2s", address_verify_cache_cleanup_interval="1s",
                   address_verify_default_transport="error:5.1.1 nobody", address_verify_service_name="asker")
    one.master_cf = one.master_cf.replace("verify    unix  -       -       n       -       1       verify",
                                          "asker     unix  -       -       n       -       1       verify")
    with one:
        assert "nobody" in probe(one, "a@far.test")
        time.sleep(1.1)
        started = time.monotonic()
        assert "nobody" in probe(one, "a@far.test")
        assert time.monotonic() - started < 0.9  # at once, and asked again behind it
        one.wait_log(r"to=<a@far\.test>.*status=undeliverable", count=2)
        one.wait_log(r"verify_cache full cleanup: retained=0 dropped=1 entries")


def test_too_many_probes(room, net):
    """address_verify_pending_request_limit"""
    with new_site(room / "d", net, address_verify_pending_request_limit="0") as one:
        assert "Too many verification requests" in probe(one, "a@far.test")

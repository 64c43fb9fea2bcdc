"""diligence explain: the server's own verdict, with its reasons (S158, S213)."""

import json

import pytest

from testnet.dnsserver import DnsServer

SETTINGS = {
    "mydestination": "maison.mrs", "local_transport": "discard", "mynetworks": "127.0.0.9",
    "local_recipient_maps": "inline:{chris=x, root=x}",
    "virtual_alias_maps": "inline:{root@maison.mrs=chris@maison.mrs}",
    "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
    "smtpd_sender_restrictions": "check_sender_access texthash:{senders}, "
                                 "reject_unknown_sender_domain",
    "unknown_address_reject_code": "553",
    "smtpd_recipient_restrictions": "warn_if_reject reject_non_fqdn_helo_hostname, permit",
}


def explain(instance, sender, recipient, *more, client="127.0.0.1"):
    done = instance.run("diligence", "explain", "--client", client, "--from", sender, "--to",
                        recipient, "--json", "--helo", "client", *more, config_first=True,
                        check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


def steps(report):
    return [step for stage in report["stages"] for step in stage["steps"]]


@pytest.fixture
def site(instance):
    with DnsServer({}) as dns:
        dns.zone["good.example"] = {"A": ["127.0.0.1"]}
        senders = instance.file("senders", "# who may not\nspam@good.example REJECT no spam\n"
                                           "friend@good.example OK\n")
        instance.set(**{k: v.replace("{senders}", str(senders)) for k, v in SETTINGS.items()},
                     resolver_nameservers=f"{dns.host}@{dns.port}")
        instance.write()
        yield instance


CASES = [("a@good.example", "chris@maison.mrs", 250), ("a@good.example", "x@far.example", 554),
         ("a@nowhere.example", "chris@maison.mrs", 553), ("a@good.example", "no@maison.mrs", 550),
         ("spam@good.example", "chris@maison.mrs", 554), ("", "root@maison.mrs", 250),
         ("friend@good.example", "chris@maison.mrs", 250)]


def test_same_verdict_as_the_server(site):
    """S213: what explain says is what the server says, word for word."""
    with site:
        for sender, recipient, code in CASES:
            live = site.dialogue("EHLO client", f"MAIL FROM:<{sender}>",
                                 f"RCPT TO:<{recipient}>")[3]
            report, status = explain(site, sender, recipient)
            assert live.startswith(str(code)), live
            assert report["accepted"] == (code == 250)
            assert status == (0 if code == 250 else 1)
            if code != 250:
                assert report["reply"] == live
        lines = len(site.log_lines("reject:"))
        explain(site, "spam@good.example", "chris@maison.mrs")
        assert len(site.log_lines("reject:")) == lines, "an explanation is no event of the log"


def test_unknown_sender_domain(site):
    """The 553 of the sources: the domain of the sender must exist; DNS is shown."""
    report, _ = explain(site, "chris@gw1.maison.example", "chris@maison.mrs")
    assert report["reply"].startswith("553 5.1.8 <chris@gw1.maison.example>: Sender address rejected")
    step = [s for s in steps(report) if s.get("verdict") == "reject"][0]
    assert step["restriction"] == "reject_unknown_sender_domain"
    assert {"kind": "dns", "where": "MX", "asked": "gw1.maison.example",
            "answer": "Host not found"} in step["consulted"]
    assert "neither MX nor address" in report["hint"]


def test_places(site):
    """Tables are named with their line, lists with that of main.cf; the hint says what counts."""
    report, _ = explain(site, "spam@good.example", "chris@maison.mrs")
    found = [c for s in steps(report) for c in s["consulted"] if c["answer"] == "REJECT no spam"]
    assert found[0]["line"] == 2
    assert "senders:2" in report["hint"]
    report, _ = explain(site, "a@good.example", "x@far.example")
    line = 1 + [x.split(" ")[0] for x in (site.config / "main.cf").read_text().splitlines()
                ].index("mynetworks")
    assert f"client 127.0.0.1 is not in mynetworks (main.cf:{line})" in report["hint"]
    report, status = explain(site, "a@good.example", "x@far.example", client="127.0.0.9")
    assert report["accepted"] and status == 0


def test_rewriting_and_route(site):
    report, _ = explain(site, "a@good.example", "root@maison.mrs")
    facts = [(s["fact"], s["value"]) for s in steps(report) if "fact" in s]
    assert ("to", "chris@maison.mrs") in facts
    assert ("transport", "discard") in facts


def test_pattern_that_misses(site):
    """S158: the REJECT of the sources does not match a From: with a name; explain shows why."""
    checks = site.file("header_checks", "/^From: chose@public\\.com$/ REJECT\n")
    site.set(header_checks=f"regexp:{checks}").write()
    message = site.file("message", "Subject: x\nFrom: X <chose@public.com>\n\nhello\n")
    report, status = explain(site, "a@good.example", "chris@maison.mrs", "--message", message)
    assert status == 0
    miss = [s["value"] for s in steps(report) if s.get("fact") == "near miss"]
    assert 'line 2, "From: X <chose@public.com>", matches no rule' in miss[0]
    message = site.file("message", "From: chose@public.com\n\nhello\n")
    report, status = explain(site, "a@good.example", "chris@maison.mrs", "--message", message)
    assert status == 1 and report["reply"] == "550 5.7.1 message content rejected"
    hits = [c for s in steps(report) for c in s["consulted"] if c["answer"] == "REJECT"]
    assert hits[0]["line"] == 1

"""diligence explain: the server's own verdict, with its reasons (S158, S213)."""

import json
import re

import pytest

from harness.instance import Dialogue
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


VERDICT = re.compile("[a-z_]+: .*: (dunno|permit|reject)(: |$)")


def in_words(step):
    """The lines of the log that a step of the report stands for, without places in files."""
    for c in step["consulted"]:
        if c["kind"] != "log":
            yield f"{c['kind']} {c['where']}: {c['asked']} -> {c['answer'] or 'nothing'}"
    if "restriction" in step:
        reply = f": {step['reply']}" if "reply" in step else ""
        yield f"{step['list']}: {step['restriction']}: {step['verdict']}{reply}"


def trail(site, place):
    """What the live sessions told since PLACE in the log: {session: [(queue ID, stage, text)]}."""
    found = {}
    for line in site.log()[place:].splitlines():
        m = re.search(r"smtpd\[\d+\]: session=(\S+): (\S+): (\S+): (.*)", line)
        if m:
            found.setdefault(m[1], []).append((m[2], m[3], re.sub(r"^(\S+ [^ ]+?):\d+: ", r"\1: ", m[4])))
    return found


def first_refusal(site, sender, recipient):
    """Send a message, until the server says no; None: it did not."""
    with Dialogue(site.address, site.port) as talk:
        talk.reply()
        refusal = None
        for line in ("EHLO client", f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA",
                     "Subject: x\r\n\r\nx\r\n."):
            talk.say(line)
            reply = talk.reply()
            if reply[0] in "45":
                refusal = reply
                break
        talk.say("QUIT")
        talk.reply()
        return refusal


@pytest.mark.parametrize("settings", [
    {}, {"smtpd_delay_reject": "no", "smtpd_client_restrictions": "check_client_access static:dunno",
         "smtpd_helo_restrictions": "reject_invalid_helo_hostname"},
    {"smtpd_data_restrictions": "reject_multi_recipient_bounce, check_sender_access static:dunno",
     "smtpd_sender_restrictions": "ours", "smtpd_restriction_classes": "ours",
     "ours": "check_sender_access texthash:{senders}, reject_unlisted_sender"}])
def test_live_trail_is_the_same(site, settings):
    """S213 S116: a live decision leaves in the log, under its session's ID, the steps of explain."""
    senders = site.config / "senders"
    site.set(debug_peer_list="127.0.0.1", debug_peer_level="1",
             **{k: v.replace("{senders}", str(senders)) for k, v in settings.items()})
    with site:
        site.wait_log("disconnect from .* commands=0/0")  # of whoever waited for the start
        for number, (sender, recipient, _) in enumerate(CASES):
            place = len(site.log())
            refusal = first_refusal(site, sender, recipient)
            site.wait_log("disconnect from .* quit=1", count=number + 1)
            told = trail(site, place)
            assert len(told) == 1, "one session, one ID"
            live = [text for _, stage, text in list(told.values())[0]
                    if stage in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE")]
            report, _ = explain(site, sender, recipient)
            assert report["accepted"] == (refusal is None)
            if refusal:
                assert report["reply"] == refusal
            stages = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE")
            asked = [line for stage in report["stages"] if stage["stage"] in stages
                     for step in stage["steps"] for line in in_words(step)]
            verdicts = [line for line in asked if VERDICT.match(line)]
            assert verdicts and verdicts == [line for line in live if VERDICT.match(line)]
            assert set(asked) <= set(live), set(asked) - set(live)
            if not refusal:
                assert any(queue_id != "NOQUEUE" for queue_id, _, _ in list(told.values())[0])


def test_quiet_by_default(site):
    """No trail in the log for peers that nobody asked about; smtpd -v shows it for all."""
    site.set(debug_peer_list="127.0.0.77")
    with site:
        site.dialogue("EHLO client", "MAIL FROM:<a@good.example>", "RCPT TO:<x@far.example>", "QUIT")
        site.wait_log("disconnect from")
        assert "session=" not in site.log()
    master = site.config / "master.cf"
    master.write_text(re.sub(r"( smtpd)$", r"\1 -v", master.read_text(), flags=re.M))
    place = len(site.log())
    site.run("diligence", "start", config_first=True)
    try:
        site.wait_log("daemon started", count=2)
        site.dialogue("EHLO client", "MAIL FROM:<a@good.example>", "RCPT TO:<x@far.example>", "QUIT")
        site.wait_log(r"session=\S+: NOQUEUE: RCPT: smtpd_relay_restrictions: "
                      r"reject_unauth_destination: reject: 554 5.7.1 <x@far.example>: Relay access denied")
        assert len(trail(site, place)) >= 1
    finally:
        site.stop()

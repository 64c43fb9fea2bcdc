"""diligence explain asks the milters of the client, and hears what the server hears (S158, S213)."""

import pytest

from explain.test_explain import explain, first_refusal, steps, trail
from harness.instance import free_port
from milters.milter import (ACCEPT, CONTINUE, DISCARD, REJECT, TEMPFAIL, Milter, add_header, add_recipient,
                            change_header, delete_recipient, quarantine, replace_body, reply)

SETTINGS = {"mydestination": "maison.mrs", "local_transport": "discard", "mynetworks": "127.0.0.9",
            "local_recipient_maps": "inline:{chris=x, root=x}", "debug_peer_list": "127.0.0.1"}
A, B = "a@good.example", "chris@maison.mrs"
STAGES = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE")


@pytest.fixture
def site(instance):
    instance.set(**SETTINGS).write()
    yield instance


def ask(site, *more):
    """What explain says of A to B, and the exit status; with a message as in first_refusal()."""
    message = site.file("message", "Subject: x\n\nx\n")
    return explain(site, A, B, *(more or ("--message", message)))


def heard(report):
    """What milters said, in the words of the log, without their place."""
    return [f"{c['asked']} -> {c['answer']}" for s in steps(report) for c in s["consulted"]
            if c["kind"] == "milter"]


def live(site, place):
    """The same of the session since PLACE in the log."""
    (told,) = trail(site, place).values()
    return [text.split(": ", 1)[1] for _, _, text in told if text.startswith("milter ")]


def talk(site, milters, **settings):
    """A live session with MILTERS: its refusal, and what explain makes of it, which must be the same."""
    site.set(smtpd_milters=milters, **settings).write()
    with site:
        site.wait_log("disconnect from .* commands=0/0")
        place = len(site.log())
        refusal = first_refusal(site, A, B)
        site.wait_log("disconnect from .* quit=1")
        report, status = ask(site)
        assert report["accepted"] == (refusal is None)
        if refusal:
            assert report["reply"] == refusal
        assert status == (0 if refusal is None else 75 if refusal[0] == "4" else 1)
        said = [x.partition(" SIZE=")[0] for x in live(site, place)]
        assert heard(report) == said
        return refusal, report, said


ANSWERS = [
    ({}, None, "END-OF-MESSAGE -> continue"),
    ({"R": [reply("550 5.7.9 not him")]}, "550 5.7.9 not him", f"RCPT <{B}> -> reject: 550 5.7.9 not him"),
    ({"M": [TEMPFAIL]}, "451 4.7.1 Service unavailable - try again later",
     f"MAIL <{A}> -> reject: 451 4.7.1 Service unavailable - try again later"),
    ({"M": [ACCEPT]}, None, f"MAIL <{A}> -> accept"),
    ({"H": [REJECT]}, "550 5.7.1 Command rejected", f"MAIL <{A}> -> reject: 550 5.7.1 Command rejected"),
    ({"T": [DISCARD]}, None, "DATA -> discard"),
    ({"L": [reply("554 5.6.0 such headers")]}, "554 5.6.0 such headers",
     "header Subject -> reject: 554 5.6.0 such headers"),
    ({"E": [add_header("X-A", "b"), CONTINUE]}, None, "END-OF-MESSAGE -> add header X-A: b"),
    ({"E": [quarantine("smells"), CONTINUE]}, None, "END-OF-MESSAGE -> hold"),
]


@pytest.mark.parametrize("answers, refusal, step", ANSWERS)
def test_milters_as_the_server(site, answers, refusal, step):
    """S158 S213: each milter's verdict is told, and is the server's; the log has it in the same words."""
    with Milter(answers) as milter:
        said_no, report, said = talk(site, milter.place)
        assert said_no == refusal
        assert said[-1] == step or refusal is None and step in said
        assert milter.connections == 3, "who waited for the start, the session, explain"
        if refusal:
            assert milter.place in report["hint"] and "smtpd_milters (main.cf:" in report["hint"]


def test_changes_are_listed(site):
    """S213: what a milter would change is told, one by one, and goes into the route."""
    end = [change_header(1, "Subject", "y"), delete_recipient(f"<{B}>"), add_recipient("<root@maison.mrs>"),
           replace_body("new\r\n"), replace_body("more\r\n")]
    with Milter(end=end) as milter:
        site.set(smtpd_milters=milter.place).write()
        report, status = ask(site)
        assert status == 0
        assert heard(report)[-5:] == [f"END-OF-MESSAGE -> {x}" for x in (
            "change header 1 Subject: y", f"delete recipient <{B}>", "add recipient <root@maison.mrs>",
            "replace body", "continue")]
        assert ("to", "root@maison.mrs") in [(s.get("fact"), s.get("value")) for s in steps(report)]
        assert [data for letter, data in milter.events if letter == "L"] == ["Subject|x"]


def test_without_message(site):
    """Without a message milters are asked up to RCPT, and then left."""
    with Milter() as milter:
        site.set(smtpd_milters=milter.place).write()
        report, status = ask(site, "--helo", "client")
        assert status == 0 and heard(report)[-1] == f"RCPT <{B}> -> continue"
        assert [letter for letter, _ in milter.events if letter[0] != "D"] == list("CHMRAQ")


@pytest.mark.parametrize("action, refusal", [
    ("tempfail", "451 4.7.1 Service unavailable - try again later"), ("accept", None), ("quarantine", None),
    ("reject", None)])
def test_milter_that_is_down(site, action, refusal):
    """S213: nobody answers: milter_default_action is told as such, and counts as for the server."""
    place = f"inet:127.0.0.1:{free_port()}"
    if action == "reject":  # the greeting is no 220 then, and a session in the harness has no such form
        site.set(smtpd_milters=place, milter_default_action=action).write()
        report, status = ask(site)
        assert status == 1 and report["reply"].startswith("554 ") and report["stage"] == "CONNECT"
        said = heard(report)
    else:
        said_no, report, said = talk(site, place, milter_default_action=action)
        assert said_no == refusal
    assert ": no answer, its default action: " in said[0].replace(" -> ", ": ")
    logged = [c["answer"] for s in steps(report) for c in s["consulted"] if c["kind"] == "log"]
    assert any(f"connect to Milter service {place}: " in line for line in logged)


def test_maps_choose(site):
    """smtpd_milter_maps gives this client other milters than smtpd_milters, or none."""
    with Milter({"M": [REJECT]}) as one, Milter({"R": [REJECT]}) as other:
        site.set(smtpd_milters=one.place, smtpd_milter_maps=f"inline:{{ {{127.0.0.1={other.place}}} }}").write()
        report, status = ask(site)
        assert status == 1 and report["stage"] == "RCPT" and "smtpd_milter_maps" in report["hint"]
        site.set(smtpd_milter_maps="inline:{127.0.0.1=DISABLE}").write()
        report, status = ask(site)
        assert status == 0 and not heard(report)
        assert (one.connections, other.connections) == (0, 1)

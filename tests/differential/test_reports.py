"""Reports about mail, by the real Postfix and by Diligence: who is told, and what programs read.

The words for people are our own; envelope, header and the delivery-status part must
agree (queue IDs and dates apart).
"""

import email
import email.policy
import re
import shutil
import tempfile
import pathlib

import pytest

from harness import postfix
from harness.instance import Dialogue, Instance, wait_until

from .test_smtp import converse, normal

pytestmark = pytest.mark.skipif(not postfix.is_available(),
                                reason="Postfix needs root and its package")

SENDER = "daemon@gw1.maison.mrs"
CONFIGURATION = dict(
    mydestination="$myhostname, localhost", local_recipient_maps="", recipient_delimiter="+",
    virtual_alias_maps="inline:{{liste@gw1.maison.mrs=bin@gw1.maison.mrs, sys@gw1.maison.mrs}, "
                       "{un@gw1.maison.mrs=bin@gw1.maison.mrs}, "
                       "{mixte@gw1.maison.mrs=bin@gw1.maison.mrs, inconnu@gw1.maison.mrs}}",
    smtpd_authorized_verp_clients="127.0.0.1")
HELLO = "EHLO client.example.com"
BODY = "DATA:Message-ID: <1@x>\nSubject: test\n\nbonjour\n"


def message_of(*recipients, mail="", rcpt=""):
    return [HELLO, f"MAIL FROM:<{SENDER}>{mail}",
            *[f"RCPT TO:<{r}@gw1.maison.mrs>{rcpt}" for r in recipients], BODY]


SCENARIOS = {
    "list, success wanted": message_of("liste", rcpt=" NOTIFY=SUCCESS"),
    "list, success and failure wanted": message_of("mixte", rcpt=" NOTIFY=SUCCESS,FAILURE"),
    "list with a failure": message_of("mixte"),
    "list, nothing wanted": message_of("mixte", rcpt=" NOTIFY=NEVER"),
    "one for another, success wanted": message_of("un", rcpt=" NOTIFY=SUCCESS"),
    "list and another": message_of("liste", "bin", rcpt=" NOTIFY=SUCCESS"),
    "unknown user": message_of("inconnu"),
    "VERP, delivered": message_of("bin", "un", mail=" XVERP"),
    "VERP, other delimiters": message_of("bin", mail=" XVERP=-="),
    "VERP, bad delimiters": message_of("bin", mail=" XVERP=@@"),
    "VERP, one character": message_of("bin", mail=" XVERP=+"),
    "VERP, null sender": [HELLO, "MAIL FROM:<> XVERP"],
    "VERP, a bounce": message_of("inconnu", mail=" XVERP"),
    "VERP, bounces of several": message_of("inconnu", "bin", "mixte", "personne", mail=" XVERP"),
    "VERP, a list": message_of("liste", mail=" XVERP", rcpt=" NOTIFY=SUCCESS"),
}


def facts(text):
    """What a program reads in one report."""
    message = email.message_from_string(text, policy=email.policy.default)
    if message.get_content_type() != "multipart/report":
        return normal(text)
    parts = list(message.iter_parts())
    status = next(p for p in parts if "delivery-status" in p.get_content_type())
    head = {k: v for k, v in message.items()
            if k not in ("Received", "Date", "Message-Id", "Content-Type")}
    blocks = [dict(b.items()) for b in status.get_payload()]
    blocks[1:] = sorted(blocks[1:], key=str)
    said = re.sub(r"\s+", " ", parts[0].get_content())
    returned = re.search(r"Return-Path: \S+", str(parts[2]))
    return normal(repr((head, blocks, returned and returned[0], re.findall(r"<[^>]+>(?: \(expanded from <[^>]+>\))?: \S+",
                                                 said), parts[2].get_content_type())))


def mail_of(instance, sizes):
    """New mail by mailbox, reports reduced to their facts."""
    found = {}
    for path in sorted(instance.spool.iterdir()):
        fresh = path.read_text()[sizes.get(path.name, 0):]
        pieces = [p for p in re.split(r"(?m)^(?=From \S+ +\w{3} \w{3} )", fresh) if p]
        if pieces:
            found[path.name] = sorted(
                p.split("\n", 1)[0].split()[1] + " " + facts(p.split("\n", 1)[1])
                for p in pieces)
    return found


def line_of(text):
    """from=, to= and nrcpt= of the log, in a stable order."""
    found = re.findall(r"(?:nrcpt=\d+|from=<\S*>|to=<\S+>.*)", text)
    return sorted(normal(re.sub(r"size=\d+", "", line)) for line in found)


class Side:
    def __init__(self, instance):
        self.instance = instance.start()
        instance.wait_log("disconnect from")

    def run(self, lines):
        begin = len(self.instance.log())
        sizes = {p.name: p.stat().st_size for p in self.instance.spool.iterdir()}
        replies = converse(self.instance, lines)

        def is_done():
            log = self.instance.log()[begin:]
            ids = set(re.findall(r": ([0-9A-F]{6,}): (?:client|uid)=", log))
            done = set(re.findall(r": ([0-9A-F]{6,}): removed", log))
            told = set(re.findall(r"notification: ([0-9A-F]{6,})", log))
            return "disconnect from" in log and (ids | told) <= done
        wait_until(is_done, "an empty queue")
        return {"replies": replies, "mail": mail_of(self.instance, sizes),
                "log": line_of(self.instance.log()[begin:])}


@pytest.fixture(scope="module")
def sides():
    place = pathlib.Path(tempfile.mkdtemp(prefix="dil."))
    place.chmod(0o755)
    both = tuple(Side(kind(place / kind.__name__, **CONFIGURATION))
                 for kind in (postfix.Postfix, Instance))
    yield both
    for side in both:
        side.instance.stop()
    shutil.rmtree(place, ignore_errors=True)


@pytest.mark.parametrize("name", SCENARIOS)
def test_reports_as_postfix(sides, name):
    """S195, S197, S198, S200, S201: lists, failures, successes, VERP."""
    theirs, ours = (side.run(SCENARIOS[name]) for side in sides)
    assert ours == theirs

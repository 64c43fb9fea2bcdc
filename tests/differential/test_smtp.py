"""The same SMTP input into the real Postfix and into Diligence.

Reply texts, delivered bytes (queue IDs and dates apart), what is left in the
queue and the main log lines must agree. Covers S017-S028, S030, S039, S052-S061,
S064, S082, S096, S123, S124, S143, S151, S154, S155, S203, S205, S274.
"""

import re

import pytest

from harness import postfix
from harness.instance import Dialogue, Instance, wait_until

from .scenarios import GROUPS

pytestmark = pytest.mark.skipif(not postfix.is_available(),
                                reason="Postfix needs root and its package")



def normal(text, hostname="gw1.maison.mrs"):
    """TEXT without what differs from run to run: queue IDs, dates, processes."""
    text = re.sub(r"queued as \w+", "queued as QID", text)
    text = re.sub(r"\b\d{14}\.\w+@", "TIME.QID@", text)
    text = re.sub(r"\b[0-9A-F]{6,16}\b", "QID", text)
    text = re.sub(r"\w{3}, +\d+ \w{3} \d{4} [\d:]+ [+-]\d{4}( \(\w+\))?", "DATE", text)
    text = re.sub(r"(From \S+) +\w{3} \w{3} +\d+ [\d:]+ \d{4}", r"\1 DATE", text)
    text = re.sub(r"delays?=[\d./]+", "delay=N", text)
    text = re.sub(r"size=\d+", "size=N", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    return text


def say(talk, line):
    """Say one line of a scenario; its reply or replies."""
    if line.startswith("BDAT:"):
        data = line[5:].encode()
        talk.raw(b"BDAT %d LAST\r\n" % len(data) + data)
        return [talk.reply()]
    if not line.startswith("DATA:"):
        talk.say(line)
        return [talk.reply()]
    talk.say("DATA")
    replies = [talk.reply()]
    if replies[0].startswith("354"):
        text = line[5:].replace("\n", "\r\n").encode("latin-1")
        talk.raw(text + b".\r\n")
        replies.append(talk.reply())
    return replies


def converse(instance, lines):
    with Dialogue(instance.address, instance.port) as talk:
        replies = [talk.reply()]
        for line in lines:
            replies += say(talk, line)
        talk.say("QUIT")
        replies.append(talk.reply())
    return [normal(reply) for reply in replies]


LOG_FORMS = (r" reject: ", r" permit: ", r" client=", r" warning: ", r"status=", r" from=<.*nrcpt",
             r" removed", r"^warning: (connect|problem|restriction) ")


# What Postfix's cleanup says besides, since there smtpd and cleanup count the same bytes.
TWICE = ("cleanup: warning: QID: queue file size limit exceeded",
         "cleanup: warning: mail_stream_cleanup: close error")


def log_lines(text):
    """The lines that log readers live on, without program numbers, in a stable order."""
    found = []
    for line in text.splitlines():
        match = re.search(r"postfix/(\w+)\[\d+\]: (.*)", line)
        if match and any(re.search(form, match[2]) for form in LOG_FORMS):
            if match[1] in ("smtpd", "cleanup", "qmgr", "local", "discard", "error", "bounce"):
                found.append(normal(f"{match[1]}: {match[2]}"))
    return sorted(line for line in found if line not in TWICE)


class Side:
    """One of the two servers, running, with what each scenario left behind."""

    def __init__(self, instance):
        self.instance = instance.start()
        # The connection that showed that it listens belongs to no scenario.
        instance.wait_log("disconnect from")

    def run(self, lines):
        begin = len(self.instance.log())
        boxes = {p.name: p.stat().st_size for p in self.instance.spool.iterdir()}
        replies = converse(self.instance, lines)
        accepted = sum("queued as" in reply for reply in replies)
        wait_until(lambda: self.instance.log()[begin:].count(": removed") >= accepted,
                   f"{accepted} messages to be done\n{self.instance.log()[begin:]}")
        wait_until(lambda: "disconnect from" in self.instance.log()[begin:], "the last line")
        mail = {}
        for path in sorted(self.instance.spool.iterdir()):
            fresh = path.read_bytes()[boxes.get(path.name, 0):]
            if fresh:
                mail[path.name] = normal(fresh.decode("latin-1"))
        return {"replies": replies, "mail": mail, "queue": len(self.instance.queue_ids()),
                "log": log_lines(self.instance.log()[begin:])}


@pytest.fixture(scope="module")
def sides(module_place):
    """Both servers for each group, started when first asked for."""
    running = {}

    def get(group):
        if group not in running:
            parameters = GROUPS[group][0]
            running[group] = tuple(
                Side(kind(module_place / f"{group}-{kind.__name__}", **parameters))
                for kind in (postfix.Postfix, Instance))
        return running[group]

    yield get
    for pair in running.values():
        for side in pair:
            side.instance.stop()


CASES = [(group, name) for group, (_, scenarios) in GROUPS.items() for name in scenarios]


@pytest.mark.parametrize("group,name", CASES, ids=[f"{g}: {n}" for g, n in CASES])
def test_same_as_postfix(sides, group, name):
    """S017 S019 S020 S021 S022 S025 S026 S028 S030 S203 S205 and what the module says."""
    theirs, ours = (side.run(GROUPS[group][1][name]) for side in sides(group))
    assert ours["replies"] == theirs["replies"]
    assert ours["mail"] == theirs["mail"]
    assert ours["queue"] == theirs["queue"]
    assert ours["log"] == theirs["log"]


def test_there_are_enough_scenarios():
    assert len(CASES) >= 40

"""Mail of this machine (sendmail) past the same milter, through the real Postfix and through Diligence."""

import itertools
import pathlib
import re
import shutil
import tempfile

import pytest

from harness import postfix
from harness.instance import Instance, wait_until

from . import milter as m
from .test_differential import ALL, BASE, HOST, NOTHING, QUIET, another_port, head, is_same, log_of, normal, plain

pytestmark = pytest.mark.skipif(not postfix.is_available(),
                                reason="Postfix needs root and its package")
TEXT = ("From: anne@maison.mrs\nTo: b@maison.mrs\nSubject: one\nMessage-Id: <1@maison.mrs>\n"
        "Date: Sun, 22 Nov 2026 08:00:00 +0000\n\nhello\n.\nlast\n")
ARGUMENTS = ["-i", "-f", "anne@maison.mrs", "b@maison.mrs", "daemon@maison.mrs"]
# What the log says when the message has come to its end.
END = r": removed$|milter-hold|milter-discard|not accepted, try again|milter-reject: \S+ from \S+: 4"

# Name, what the milter does, arguments of sendmail.
CASES = {
    "all events": ({}, ARGUMENTS),
    "null sender": ({}, ["-i", "-f", "<>", "b@maison.mrs"]),
    "no replies": (dict(steps=QUIET), ARGUMENTS),
    "no events": (dict(steps=NOTHING, end=[head("End")]), ARGUMENTS),
    "changed": (dict(end=[head("New"), m.insert_header(0, "X-Zero", "0"),
                          m.change_header(1, "Subject", "two"), m.replace_body("new\r\n")]), ARGUMENTS),
    "envelope": (dict(end=[m.change_sender("<other@maison.mrs>"), m.add_recipient("<new@maison.mrs>"),
                           m.delete_recipient("<b@maison.mrs>")]), ARGUMENTS),
    "discard sender": (dict(answers={"M": [m.DISCARD]}), ARGUMENTS),
    "discard": (dict(answers={"E": [m.DISCARD]}), ARGUMENTS),
    "hold": (dict(end=[m.quarantine("smells")]), ARGUMENTS),
    "accept": (dict(answers={"M": [m.ACCEPT]}), ARGUMENTS),
    "accept all": (dict(answers={"C": [m.ACCEPT]}), ARGUMENTS),
    "reject": (dict(answers={"E": [m.REJECT]}), ARGUMENTS),
    "own reply": (dict(answers={"E": [m.reply("554 5.7.9 100%% spam")]}), ARGUMENTS),
    "reject sender": (dict(answers={"M": [m.reply("550 5.1.8 not you")]}), ARGUMENTS),
    "reject connect": (dict(answers={"C": [m.REJECT]}), ARGUMENTS),
    "reject data": (dict(answers={"T": [m.REJECT]}), ARGUMENTS),
    "reject header": (dict(answers={"L": [m.REJECT]}), ARGUMENTS),
    "reject recipient": (dict(answers={"R": [m.REJECT]}), ARGUMENTS),
    "tempfail": (dict(answers={"E": [m.TEMPFAIL]}), ARGUMENTS),
    "gone": (dict(answers={"M": [None]}), ARGUMENTS),
    "gone at the end": (dict(answers={"E": [None]}), ARGUMENTS),
}


class Pair:
    """Both systems, with one milter for all that comes without SMTP."""

    def __init__(self, place):
        self.systems = [postfix.Postfix(place / "p"), Instance(place / "d")]
        self.port = another_port(set(), HOST)
        for system in self.systems:
            boxes = system.directory / "boxes"
            boxes.mkdir(parents=True)
            boxes.chmod(0o777)
            system.set(**{**BASE, "virtual_mailbox_maps": f"static:{boxes}/all",
                          "non_smtpd_milters": f"inet:{HOST}:{self.port}",
                          "export_environment": "TZ MAIL_CONFIG LANG LD_LIBRARY_PATH",
                          "milter_mail_macros": ALL, "milter_connect_macros": ALL,
                          "milter_rcpt_macros": "{rcpt_addr} {rcpt_host} {rcpt_mailer} i"})

    def run(self, name):
        return [self.run_one(system, *CASES[name]) for system in self.systems]

    def run_one(self, system, actions, arguments):
        box = system.directory / "boxes" / "all"
        box.unlink(missing_ok=True)
        before = len(system.log())
        with m.Milter(**actions, port=self.port, address=HOST) as milter:
            system.run("sendmail", *arguments, stdin=TEXT)
            wait_until(lambda: re.search(END, system.log()[before:], re.M), "an end")
            queue = wait_until(lambda: settled(system), "the queue to settle")[0]
        text = system.log()[before:]
        shutil.rmtree(system.queue / "maildrop")  # what waits there would come again
        (system.queue / "maildrop").mkdir(mode=0o730)
        shutil.chown(system.queue / "maildrop", system.parameters["mail_owner"],
                     system.parameters["setgid_group"])
        system.run("postsuper", "-d", "ALL", check=False)
        return dict(events=plain(milter.events), mail=mail(box),
                    log=[line.replace("pickup: warning", "smtpd: warning") for line in log_of(text)],
                    held=queue)

    def __enter__(self):
        for system in self.systems:
            system.start()
        return self

    def __exit__(self, *exception):
        for system in self.systems:
            system.stop()


def mail(box):
    """What arrived; of reports, whose words are each system's own, what they say of whom."""
    said = re.compile(r"^(?:To|Subject|Final-Recipient|Action|Status|Diagnostic-Code): .*", re.M)
    letters = normal(box.read_bytes() if box.exists() else b"")
    return [" ".join(said.findall(x)) if "MAILER-DAEMON" in x[:20] else x for x in letters]


def settled(system):
    """A list with the folders of what stays in the queue; None while some is under way."""
    folders = sorted({entry["queue_name"] for entry in system.queue_ids().values()} - {"maildrop"})
    return None if {"active", "incoming"} & set(folders) else [folders]


@pytest.fixture(scope="module")
def pair():
    place = pathlib.Path(tempfile.mkdtemp(prefix="dil."))
    place.chmod(0o755)
    with Pair(place) as one:
        yield one
    shutil.rmtree(place, ignore_errors=True)


@pytest.mark.parametrize("name", CASES)
def test_as_postfix(pair, name):
    theirs, ours = pair.run(name)
    different = [f"{key}:\n  ours   {a}\n  theirs {b}" for key in theirs
                 for a, b in itertools.zip_longest(ours[key], theirs[key]) if not is_same(a, b)]
    assert not different, "\n".join(different)

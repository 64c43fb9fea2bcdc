"""postlog, postlock, postkick, postqueue, postsuper, postcat and sendmail beside the real Postfix's, where no
mail is needed: S162, S169, S171, S174, S182.

What both say of a stopped system, of wrong words and of what is not there. sendmail(1) of Postfix 3.7 ends
with 75 whatever the reason is; ours tells 64 (wrong words) from 75, as sysexits.h has it, so that statuses of
refusals are not compared there.
"""

import os
import shutil

import pytest

from commands.differential import Cases
from harness.postfix import is_available

pytestmark = pytest.mark.skipif(not is_available(), reason="needs root and the postfix package")

QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "pid",
          "private", "public", "saved", "trace")


def prepare(pair):
    pair.main_cf("compatibility_level = 3.6\nmyhostname = gw1.maison.mrs\ninet_interfaces = 127.0.0.1\n")
    pair.write("master.cf", "qmgr unix n - n 300 1 qmgr\n")
    queue = pair.directory.parent / "queue"
    for name in QUEUES:
        os.makedirs(queue / name, exist_ok=True)
        shutil.chown(queue / name, "uucp")
    (pair.directory.parent / "data").mkdir(exist_ok=True)


CASES = [(command, arguments, stdin) for command, arguments, stdin in (
    ("postlog", ["hello"], None), ("postlog", ["-t", "tag", "-p", "warn", "x y"], None),
    ("postlog", ["-i", "-t", "tag", "a", "b"], None), ("postlog", [], "one\ntwo\n"),
    ("postlog", ["-p", "fatal", "x"], None), ("postlog", ["-p", "panic", "x"], None),
    ("postlock", ["-l", "dotlock", "box", "true"], None), ("postlock", ["-l", "fcntl", "box", "sh", "-c", "exit 3"], None),
    ("postlock", ["box", "/nonexistent/command"], None), ("postlock", ["box", "sh", "-c", "kill -9 $$"], None),
    ("postlock", [], None),
    ("postkick", [], None), ("postkick", ["-Z"], None),
    ("postqueue", [], None), ("postqueue", ["-Z"], None), ("postqueue", ["-p", "-f"], None),
    ("postqueue", ["-i", "bad/id"], None), ("postqueue", ["-s", "bad site"], None), ("postqueue", ["-p", "x"], None),
    ("postsuper", ["-Z"], None), ("postsuper", ["bogusqueue"], None), ("postsuper", ["-d", "bad/id"], None),
    ("postsuper", ["-d", "0123456789"], None), ("postsuper", ["-d", "-"], "0123456789\n"),
    ("postsuper", ["-d", "ALL", "nosuch"], None), ("postsuper", ["-h", "ALL", "hold"], None),
    ("postsuper", ["-d", "ALL", "hold"], None), ("postsuper", ["-r", "ALL", "hold"], None),
    ("postsuper", ["-e", "ALL", "hold"], None), ("postsuper", ["-f", "ALL", "hold"], None),
    ("postcat", ["-Z"], None), ("postcat", ["/nonexistent"], None), ("postcat", ["-q", "bad/id"], None),
)]
# The same but for a part of the text: what both have to say.
ALIKE = [
    ("postlock", ["-l", "bogus", "box", "true"], 75, "unknown mailbox_delivery_lock value"),
    ("postlock", ["/nonexistent/x", "true"], 75, "unable to create lock file /nonexistent/x.lock: No such file or directory"),
    ("postkick", ["public", "nosuch", "W"], 1, "Cannot contact class public service nosuch - perhaps the mail system is down"),
    ("postkick", ["bogus", "pickup", "W"], 1, "Cannot contact class bogus service pickup - perhaps the mail system is down"),
    ("postqueue", ["-f"], 69, "fatal: Cannot flush mail queue - mail system is down"),
    ("postcat", ["-q", "0123456789"], 1, "fatal: open queue file 0123456789: "),
    ("postcat", ["/etc/passwd"], 0, "warning: /etc/passwd: input is not a valid queue file"),
]
REFUSALS = [  # sendmail
    (["-bz"], "fatal: unsupported: -bz"), (["-Bx", "a"], "fatal: -B option needs 8BITMIME or 7BIT"),
    (["-qX"], "fatal: -qX is not implemented"), (["-qI"], "fatal: specify: -qIqueueid"),
    (["-bv", "-t"], "fatal: -t option cannot be used with -bv"),
    (["-bp", "x"], "fatal: display queue mode requires no recipient"),
    (["-bs", "x"], "fatal: stand-alone mode requires no recipient"), (["-XXfoo", "a"], "fatal: unsupported: -XX"),
    (["-Z"], "fatal: usage"),
]


def case_of(command, arguments, stdin=None):
    return ((command, arguments, stdin),)


def sendmail_case(arguments):
    return (("sendmail", ["-C", "."] + arguments, None),)


class MixedCases(Cases):
    """-c goes in front of all but sendmail's arguments."""

    def run(self, i, case):
        if case[0][0] != "sendmail":
            return super().run(i, case)
        from commands.differential import Pair
        pair = Pair(self.place / str(i) / "etc")
        self.prepare(pair)
        config = ["-C", str(pair.directory)]
        steps = [("sendmail", config + case[0][1][2:], None)]
        plain = [lambda c, *a, side=side, **o: side(c, *a, config=None, **o) for side in (pair.theirs, pair.ours)]
        return pair.outcome(plain[0], steps), pair.outcome(plain[1], steps)


@pytest.fixture(scope="module")
def cases():
    everything = ([case_of(*c) for c in CASES] + [case_of(c, a) for c, a, _, _ in ALIKE]
                  + [case_of("postqueue", ["-p"]), case_of("postqueue", ["-j"])] + [sendmail_case(a) for a, _ in REFUSALS])
    all_of_them = MixedCases(prepare, everything)
    yield all_of_them
    all_of_them.close()


@pytest.mark.parametrize("command, arguments, stdin", CASES, ids=lambda v: "-".join(v) if isinstance(v, list) else v)
def test_S163_as_postfix(cases, command, arguments, stdin):
    cases.compare(case_of(command, arguments, stdin))


@pytest.mark.parametrize("option, text", [("-p", "Mail queue is empty\n"), ("-j", "")])
def test_S169_an_empty_queue_of_a_stopped_system(cases, option, text):
    """Postfix warns that it reads the files itself; ours reads them as a matter of course."""
    for results, _, _ in cases.results[repr(case_of("postqueue", [option]))].result(timeout=120):
        assert results[0][:2] == (0, text)


@pytest.mark.parametrize("command, arguments, status, text", ALIKE, ids=lambda v: "-".join(v) if isinstance(v, list) else v)
def test_alike(cases, command, arguments, status, text):
    for results, _, _ in cases.results[repr(case_of(command, arguments))].result(timeout=120):
        assert results[0][0] == status and any(text in line for line in results[0][2]), results


@pytest.mark.parametrize("arguments, text", REFUSALS, ids=lambda v: "-".join(v) if isinstance(v, list) else v)
def test_S171_sendmail_refuses_in_postfix_words(cases, arguments, text):
    for results, _, _ in cases.results[repr(sendmail_case(arguments))].result(timeout=120):
        assert results[0][0] in (64, 75) and any(text in line for line in results[0][2]), results

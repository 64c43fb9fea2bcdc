"""spamass-milter with spamd, as docs/filters.md has it (S282, S285)."""

import contextlib
import os
import shlex
import shutil

import pytest

from harness.instance import Instance, free_port
from testnet.fakehost import FakeHost

from .examples import example, parameters
from .packages import Program, fetch, listens

# The string that every spam filter takes for spam, in two pieces lest one takes this file for it.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
LETTER = ("From: anne@maison.mrs\nTo: b@far.example\nSubject: x\nMessage-Id: <1@maison.mrs>\n"
          "Date: Sun, 22 Nov 2026 08:00:00 +0000\nX-Spam-Status: No, score=-99\n\n{}\n")


class SpamAssassin:
    """spamd, with rules of its own, and spamass-milter."""

    def __init__(self, place):
        if not os.path.exists("/usr/bin/spamc"):
            pytest.skip("spamass-milter runs /usr/bin/spamc, which is not here")
        self.addon = fetch("spamass-milter", "spamd", "spamassassin")
        self.directory = place / "spam"
        self.directory.mkdir()
        self.port, self.socket = free_port(), self.directory / "spamass.sock"
        files = example("SpamAssassin", port=("7830", self.port),
                        socket=("/var/spool/postfix/spamass.sock", self.socket))
        self.settings = parameters(files["main.cf"])
        self.lines = [shlex.split(line) for line in files["run"].splitlines()]

    def rules(self):
        """Few of them, so that spamd is there at once; nothing asks the network."""
        rules = self.directory / "rules"
        rules.mkdir()
        source = self.addon.path("usr/share/spamassassin")
        for name in ("10_default_prefs.cf", "20_body_tests.cf", "20_head_tests.cf", "50_scores.cf"):
            shutil.copy(source / name, rules)
        (rules / "own.cf").write_text("body OWN /coach for sale/i\nscore OWN 6.5\n"
                                      "loadplugin Mail::SpamAssassin::Plugin::BodyEval\n"
                                      "loadplugin Mail::SpamAssassin::Plugin::HeaderEval\n"
                                      "loadplugin Mail::SpamAssassin::Plugin::Check\n"
                                      "dns_available no\nuse_bayes 0\n")
        return rules

    @contextlib.contextmanager
    def running(self):
        (spamd, *options), (milter, *more) = self.lines
        rules = self.rules()
        with Program(self.addon, self.directory, f"usr/sbin/{spamd}", *options, "-x", "-L", "-C",
                     rules, "--siteconfigpath", rules, "--max-children", "1", "--syslog", "stderr",
                     "--pidfile", self.directory / "pid", ready=listens(self.port)):
            with Program(self.addon, self.directory, f"usr/sbin/{milter}", *more,
                         ready=self.socket.exists):
                yield self


@pytest.fixture(scope="module")
def spamassassin(module_place):
    with SpamAssassin(module_place).running() as one:
        yield one


def test_spamassassin(place, spamassassin):
    """S282: what is spam without doubt is refused, all else is marked; a sender's own marks go."""
    with contextlib.closing(FakeHost("end.example", "127.0.0.1", free_port()).start()) as end:
        with Instance(place / "a", relayhost=f"[127.0.0.1]:{end.port}", mydestination="",
                      **spamassassin.settings) as one:
            one.send("anne@maison.mrs", "b@far.example", LETTER.format("hello"))
            one.send("anne@maison.mrs", "b@far.example", LETTER.format("old coach for sale"))
            with pytest.raises(AssertionError, match="550"):
                one.send("anne@maison.mrs", "b@far.example", LETTER.format(GTUBE))
            one.wait_queue_empty()
            one.wait_log("milter-reject: END-OF-MESSAGE .*: 5.7.1 ")
    clean, spam = sorted(end.messages, key=lambda m: b"for sale" in m.content)
    status, = clean.header("X-Spam-Status")
    assert status.startswith("No, score=") and "-99" not in status
    assert clean.header("X-Spam-Checker-Version")
    assert spam.header("X-Spam-Status")[0].startswith("Yes, score=")
    assert spam.header("X-Spam-Flag") == ["YES"] and "OWN" in spam.header("X-Spam-Status")[0]
    assert len(end.messages) == 2

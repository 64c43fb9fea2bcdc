"""clamav-milter with clamd and one signature of its own, as docs/filters.md has it (S287)."""

import base64
import contextlib
import hashlib
import smtplib

import pytest

from harness.instance import Instance, free_port, wait_until
from testnet.fakehost import FakeHost

from .examples import example, parameters
from .packages import Program, fetch, listens

VIRUS = b"This file is what the test calls a virus.\n" * 20
LETTER = ("From: anne@maison.mrs\nSubject: x\nMIME-Version: 1.0\n"
          "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\n"
          "Content-Type: application/octet-stream; name=a.exe\n"
          "Content-Transfer-Encoding: base64\n\n{}\n--b--\n")


class Clamd:
    """clamd that knows VIRUS."""

    def __init__(self, place):
        self.addon = fetch("clamav-milter", "clamav-daemon")
        self.directory = place / "clamd"
        base = self.directory / "base"
        base.mkdir(parents=True)
        digest = hashlib.sha256(VIRUS).hexdigest()
        (base / "own.hsb").write_text(f"{digest}:{len(VIRUS)}:Course.Sample:73\n")
        self.socket = self.directory / "clamd.ctl"
        files = example("ClamAV", socket=("/run/clamav/clamd.ctl", self.socket))
        conf = self.directory / "clamd.conf"
        conf.write_text(files["/etc/clamav/clamd.conf"] + f"DatabaseDirectory {base}\n"
                        "Foreground yes\n")
        self.program = Program(self.addon, self.directory, "usr/sbin/clamd", "-c", conf,
                               ready=self.socket.exists)

    def milter(self, place, **instead):
        """A clamav-milter in PLACE, and what main.cf says of it."""
        port = free_port()
        place.mkdir()
        files = example("ClamAV", port=("7357", port),
                        socket=("/run/clamav/clamd.ctl", self.socket), **instead)
        conf = place / "clamav-milter.conf"
        conf.write_text(files["/etc/clamav/clamav-milter.conf"] + "Foreground yes\n"
                        "ReportHostname gate\n")
        program = Program(self.addon, place, "usr/sbin/clamav-milter", "-c", conf,
                          ready=listens(port))
        return program, parameters(files["main.cf"])


@pytest.fixture(scope="module")
def clamd(module_place):
    one = Clamd(module_place)
    with one.program:
        yield one


@contextlib.contextmanager
def behind(place, settings):
    with contextlib.closing(FakeHost("end.example", "127.0.0.1", free_port()).start()) as end:
        with Instance(place / "a", relayhost=f"[127.0.0.1]:{end.port}", mydestination="",
                      **settings) as one:
            yield one, end


def infected():
    return LETTER.format(base64.encodebytes(VIRUS).decode())


def test_clean_and_infected(place, clamd):
    """S287: infected mail is refused with the virus's name, clean mail is marked as seen."""
    milter, settings = clamd.milter(place / "m")
    with milter, behind(place, settings) as (one, end):
        one.send("anne@maison.mrs", "b@far.example", LETTER.format("aGVsbG8="))
        with pytest.raises(AssertionError, match=r"550.*Infected: Course.Sample"):
            one.send("anne@maison.mrs", "b@far.example", infected())
        one.wait_queue_empty()
        message, = end.messages
        assert message.header("X-Virus-Status") == ["Clean"]
        assert "clamav-milter" in message.header("X-Virus-Scanned")[0]
        one.wait_log(r"milter-reject: END-OF-MESSAGE .* 5.7.1 Infected: Course.Sample.UNOFFICIAL; "
                     r"from=<anne@maison.mrs> to=<b@far.example>")


def test_quarantine(place, clamd):
    """Infected mail is taken and held for the postmaster, who lets it go."""
    milter, settings = clamd.milter(place / "m", action=("OnInfected Reject", "OnInfected Quarantine"),
                                    text=("RejectMsg Infected: %v\n", ""))
    with milter, behind(place, settings) as (one, end):
        held = one.send("anne@maison.mrs", "b@far.example", infected())
        one.wait_log(rf"{held}: milter-hold: END-OF-MESSAGE")
        wait_until(lambda: one.queue_ids()[held]["queue_name"] == "hold", "the hold queue")
        one.run("postsuper", "-H", held)
        one.wait_removed(held)
        assert "Infected" in end.messages[0].header("X-Virus-Status")[0]


def test_absent(place, clamd):
    """While the milter is down mail waits at its sender, or passes, as default_action has it."""
    _, settings = clamd.milter(place / "m")
    with behind(place, settings) as (one, end):
        with smtplib.SMTP("127.0.0.1", one.port, timeout=20) as client:
            client.ehlo("x")
            assert client.mail("anne@maison.mrs")[0] == 451
    _, settings = clamd.milter(place / "n", action=("default_action=tempfail", "default_action=accept"))
    with behind(place / "n", settings) as (one, end):
        one.send("anne@maison.mrs", "b@far.example", infected())
        one.wait_queue_empty()
        assert len(end.messages) == 1

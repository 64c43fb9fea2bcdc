"""opendkim signs what goes out and checks what comes in, as docs/filters.md has it."""

import re
import smtplib
import subprocess

import pytest

from harness.instance import Instance, free_port, wait_until
from testnet.dnsserver import DnsServer
from testnet.fakehost import FakeHost

from .examples import example, parameters
from .packages import Program, fetch, listens

LETTER = (b"From: anne@maison.mrs\r\nTo: b@far.example\r\nSubject:  two  blanks \r\n"
          b"X-Long: one\r\n\ttwo\r\n  three\r\nDate: Sun, 22 Nov 2026 08:00:00 +0000\r\n"
          b"Message-Id: <1@maison.mrs>\r\n\r\n")
BODIES = {
    "plain": b"hello\r\n",
    "lines": b".dot\r\n..two\r\n trailing \t \r\n\r\nFrom here\r\n\r\n\r\n",
    "large": b"".join(b"line %06d of a large body \xe9\r\n" % i for i in range(9000)),
    "empty": b"",
    "one long line": b"x" * 900 + b"\r\n",
}


class Dkim:
    """opendkim with the page's file and a key of its own."""

    def __init__(self, place, dns, name, **instead):
        self.addon = fetch("opendkim", "opendkim-tools")
        self.port, directory = free_port(), place / name
        directory.mkdir()
        self.key = directory / "coach.private"
        files = example("opendkim", port=("8891", self.port),
                        key=("/etc/dkimkeys/coach.private", self.key), **instead)
        self.settings = parameters(files["main.cf"])
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", self.key, "1024"], check=True,
                       capture_output=True)
        self.key.chmod(0o600)
        (directory / "resolver.conf").write_text(
            "server:\n do-not-query-localhost: no\n"
            f"forward-zone:\n name: \".\"\n forward-addr: {dns.nameserver}\n")
        conf = directory / "opendkim.conf"
        conf.write_text(files["/etc/opendkim.conf"] + "AuthservID gate\nRequireSafeKeys no\n"  # below /tmp
                        f"ResolverConfiguration {directory}/resolver.conf\n")
        self.program = Program(self.addon, directory, "usr/sbin/opendkim", "-f", "-x", conf,
                               ready=listens(self.port))

    def record(self):
        """The public key as DNS has it."""
        der = subprocess.run(["openssl", "rsa", "-in", self.key, "-pubout"], check=True,
                             capture_output=True, text=True).stdout
        return "v=DKIM1; k=rsa; p=" + "".join(der.split("\n")[1:-2])


class World:
    """A system that signs, one that checks what the first sent, and a mailbox behind it."""

    def __init__(self, place, style):
        self.dns = DnsServer({}).start()
        self.signer = Dkim(place, self.dns, "s", style=("relaxed/simple", style))
        self.checker = Dkim(place, self.dns, "c", mode=("sv", "v"),
                            inside=("127.0.0.1\nMTA", "192.0.2.0/24\nMTA"))
        self.dns.zone["coach._domainkey.maison.mrs"] = {"TXT": [self.signer.record()]}
        self.end = FakeHost("end.example", "127.0.0.1", free_port())
        common = dict(smtpd_relay_restrictions="permit_mynetworks, reject", mydestination="",
                      smtpd_authorized_xclient_hosts="127.0.0.1", myorigin="maison.mrs")
        self.there = Instance(place / "t", **common, **self.checker.settings,
                              smtpd_recipient_restrictions="check_recipient_access "
                              "inline:{nobody@far.example=REJECT}, permit",
                              relayhost=f"[127.0.0.1]:{self.end.port}")
        self.here = Instance(place / "h", **common, **self.signer.settings,
                             relayhost=f"[127.0.0.1]:{self.there.port}")
        self.submission = free_port()
        self.here.extra_services = (
            f"127.0.0.1:{self.submission} inet n - n - - smtpd\n"
            "   -o milter_macro_daemon_name=ORIGINATING -o mynetworks=0.0.0.0/0\n")
        self.parts = [self.signer.program, self.checker.program, self.there, self.here]

    def __enter__(self):
        self.end.start()
        for part in self.parts:
            part.__enter__()
        return self

    def __exit__(self, *exception):
        for part in reversed(self.parts):
            part.__exit__()
        self.end.close()
        self.dns.stop()

    def arrived(self):
        """What the mailbox has got since the last call, one at least."""
        wait_until(lambda: self.end.messages, "mail at the end")
        self.here.wait_queue_empty()
        self.there.wait_queue_empty()
        new, self.end.messages = self.end.messages, []
        return new


@pytest.fixture(scope="module", params=["relaxed/simple", "simple/simple"])
def world(module_place, request):
    place = module_place / request.param.split("/")[0]
    place.mkdir()
    with World(place, request.param) as one:
        yield one


def results(message):
    """What the checker wrote about the signature."""
    return [re.search(r"dkim=(\w+)", text)[1]
            for text in message.header("Authentication-Results") if "dkim=" in text]


@pytest.mark.parametrize("body", BODIES)
def test_signed_and_verified(world, body):
    """A signature that another system finds good: not one byte is other than what was signed."""
    world.here.send("anne@maison.mrs", "b@far.example", LETTER + BODIES[body])
    message, = world.arrived()
    signature, = message.header("DKIM-Signature")
    assert "d=maison.mrs" in signature and "s=coach" in signature
    assert message.head.index("DKIM-Signature") < message.head.index("From:")
    assert results(message) == ["pass"]


def test_changed_on_the_way(world):
    world.here.send("anne@maison.mrs", "b@far.example", LETTER + BODIES["plain"])
    message, = world.arrived()
    plain = re.sub(rb"(?s)^.*?(?=DKIM-Signature)", b"", message.content)
    world.there.send("anne@maison.mrs", "b@far.example", plain.replace(b"hello", b"hallo"))
    again, = world.arrived()
    assert results(again)[0] == "fail"


def test_local_mail_and_reports(world):
    """sendmail's mail and a bounce are signed as well."""
    world.here.run("sendmail", "-f", "anne@maison.mrs", "b@far.example",
                   stdin="From: anne@maison.mrs\nSubject: x\n\nhello\n")
    message, = world.arrived()
    assert results(message) == ["pass"]
    world.here.send("anne@maison.mrs", "nobody@far.example", LETTER + BODIES["plain"])
    report, = world.arrived()
    assert report.sender == "" and results(report) == ["pass"]


def test_submission(world):
    """A client from elsewhere: not signed at port 25, signed where users send."""
    def send(port):
        with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
            client.ehlo("far.example")
            assert client.docmd("XCLIENT", "ADDR=127.0.0.9 NAME=far.example")[0] == 220
            client.sendmail("anne@maison.mrs", ["b@far.example"], LETTER + BODIES["plain"])
        return world.arrived()[0]

    assert not send(world.here.port).header("DKIM-Signature")
    assert results(send(world.submission)) == ["pass"]

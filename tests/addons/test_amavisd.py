"""amavisd behind the queue and in front of it, as docs/filters.md has it."""

import contextlib
import os
import re

import pytest

from harness.instance import Instance, free_port
from testnet.fakehost import FakeHost

from .examples import example, parameters
from .packages import USER, Program, fetch, listens

LETTER = ("From: anne@far.example\nTo: b@maison.mrs\nSubject: x\nMessage-Id: <1@far.example>\n"
          "Date: Sun, 22 Nov 2026 08:00:00 +0000\nMIME-Version: 1.0\n"
          "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n{0}\n.\n..\n--b\n"
          "Content-Type: application/octet-stream; name={1}\n\nMZ hello\n--b--\n")
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="amavisd wants its file to be of another user")
# What a Debian system would have in the other files of conf.d, as far as it is needed.
LOCAL = """\
use strict;
$MYHOME = '{home}'; $TEMPBASE = "$MYHOME/tmp"; $db_home = "$MYHOME/db";
$pid_file = "$MYHOME/pid"; $lock_file = "$MYHOME/lock"; $daemon_user = {user}; $daemon_group = {group};
$myhostname = 'gate.maison.mrs'; $mydomain = 'maison.mrs'; @local_domains_acl = ('.maison.mrs');
$max_servers = 2; $log_recip_templ = undef; $enable_db = 0; $DO_SYSLOG = 0; $LOGFILE = "$MYHOME/log"; $log_level = 2;
@bypass_virus_checks_maps = (1); @bypass_spam_checks_maps = (1); $QUARANTINEDIR = undef;
$banned_filename_re = new_RE(qr'\\.(exe|vbs)$'i); $enable_dkim_verification = 0;
$file = 'file'; @decoders = (['mail', \\&do_mime_decode]);
"""


class Amavisd:
    """amavisd with the page's settings of SECTION."""

    def __init__(self, place, section):
        self.addon = fetch("amavisd-new")
        self.port, self.back = free_port(), free_port()
        while self.back == self.port:
            self.back = free_port()
        self.files = example(section, port=("10024", self.port), back=("10025", self.back))
        home = place / "amavis"
        for name in (home, home / "tmp", home / "db"):
            name.mkdir()
        user = {key: repr(USER[key]) if USER else "undef" for key in ("user", "group")}
        conf = place / "amavisd.conf"
        conf.write_text(LOCAL.format(home=home, **user) + self.files["/etc/amavis/conf.d/50-user"]
                        + "1;\n")
        self.log = home / "log"
        self.program = Program(self.addon, home, "usr/sbin/amavisd", "-c", conf, "foreground",
                               ready=listens(self.port))


@contextlib.contextmanager
def world(place, section):
    """A system that has amavisd, and a host that gets the mail."""
    amavis = Amavisd(place, section)
    end = FakeHost("end.example", "127.0.0.1", free_port()).start()
    one = Instance(place / "a", mydestination="", relay_domains="maison.mrs", myorigin="maison.mrs",
                   transport_maps=f"inline:{{ {{ * = relay:[127.0.0.1]:{end.port} }} }}",
                   smtpd_authorized_xclient_hosts="127.0.0.1",
                   **parameters(amavis.files.get("main.cf", "")))
    services = amavis.files["master.cf"]
    if services.startswith("smtp "):  # the page's own server in the place of the usual one
        one.master_cf = one.master_cf.split("\n", 1)[1]
        services = re.sub(r"^smtp ", f"127.0.0.1:{one.port} ", services)
    one.extra_services = services
    with contextlib.closing(end), amavis.program, one:
        yield one, end, amavis


def comes(one, text, *, sender="anne@far.example"):
    text = text.replace("\n.", "\n..").replace("\n", "\r\n")
    return one.dialogue("XCLIENT ADDR=198.51.100.7 NAME=mx.far.example PORT=4711", "EHLO far.example",
                        f"MAIL FROM:<{sender}>", "RCPT TO:<b@maison.mrs>", "DATA", text + ".",
                        "QUIT")[6]


def test_behind_the_queue(place):
    """Mail comes back from the filter, and knows where it came from; a report for what is banned."""
    with world(place, "amavisd") as (one, end, amavis):
        first = comes(one, LETTER.format("hello", "a.txt")).rsplit(" ", 1)[1]
        one.wait_log(rf"{first}: to=<b@maison.mrs>, relay=127.0.0.1\[127.0.0.1\]:{amavis.port}, "
                     r".*status=sent \(250 2.0.0 from MTA\(smtp:\[127.0.0.1\]:\d+\): 250 2.0.0 Ok: "
                     r"queued as \w+\)")
        one.wait_queue_empty()
        message, = end.messages
        assert b"\r\nhello\r\n.\r\n..\r\n--b" in message.content
        assert message.header("X-Virus-Scanned") or "amavis" in message.head
        line = next(x for x in amavis.log.read_text().splitlines() if "Passed CLEAN" in x)
        assert "[198.51.100.7]:4711" in line and f"Queue-ID: {first}" in line
        assert one.log_lines(rf"client=unknown\[127.0.0.1\], orig_queue_id={first}, "
                             r"orig_client=mx.far.example\[198.51.100.7\]")
        comes(one, LETTER.format("hello", "a.exe"))
        one.wait_log(r"status=sent \(250 2.[57].0 .*(BOUNCE|BANNED|Ok)")
        one.wait_queue_empty()
        report = end.messages[1]
        assert report.sender == "" and report.recipients == ["anne@far.example"]
        assert "BANNED" in report.header("Subject")[0]


def test_in_front_of_the_queue(place):
    """The filter's word reaches the sender: nothing is taken that it refuses."""
    with world(place, "proxy") as (one, end, amavis):
        assert comes(one, LETTER.format("hello", "a.exe")).startswith("554 5.7.0 Reject")
        assert not end.messages and not one.queue_ids()
        one.wait_log(r"proxy-reject: END-OF-MESSAGE: 554 5.7.0 Reject.*; from=<anne@far.example> "
                     r"to=<b@maison.mrs> proto=ESMTP helo=<far.example>")
        large = "".join(f"line {i} of many\n" for i in range(20000))
        for text in ("hello", large):
            assert comes(one, LETTER.format(text, "a.txt")).startswith("250 2.0.0 from MTA")
        one.wait_queue_empty()
        assert b"\r\n" + large.replace("\n", "\r\n").encode() in end.messages[1].content
        lines = [x for x in amavis.log.read_text().splitlines() if "Passed CLEAN" in x]
        assert len(lines) == 2 and "[198.51.100.7]:4711" in lines[0]

"""The log: Postfix's lines, read by tools that know only Postfix; rows of group K."""

import os
import re
import subprocess
import tempfile

import pytest

from harness.instance import Dialogue, wait_until
from harness.postfix import unpack

from .people import CHRIS, run_as

STAMP = r"^\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ "
ISO_STAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:?\d\d \S+ "


@pytest.fixture
def gw(net, gateway):
    net.host("mx.free.fr").on("MAIL", "553 sorry, your envelope sender domain must exist "
                              "(#5.7.1)")
    net.mx("free.fr", "10 mx.free.fr")
    net.domain("enprovence.com")
    net.domain("plus-tard.example").on("RCPT", "450 4.2.0 greylisted")
    return gateway.set(smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination")


def day(gw):
    """A day in the life of a mail system: sent, bounced, deferred, rejected."""
    gw.start()
    for i in range(3):
        gw.wait_removed(gw.send("x@wanadoo.fr", f"{CHRIS}@gw1.maison.mrs", f"Subject: {i}\n\nx\n"))
    gw.wait_removed(gw.send(f"{CHRIS}@gw1.maison.mrs", "eme13@enprovence.com"))
    gw.wait_removed(gw.send(f"{CHRIS}@gw1.maison.mrs", "christian.caleca@free.fr"))
    gw.send(f"{CHRIS}@gw1.maison.mrs", "x@plus-tard.example")
    gw.wait_log(r"to=<x@plus-tard\.example>.*status=deferred")
    with gw.smtp(source_address=("127.10.0.250", 0)) as client:
        client.ehlo("stranger.example")
        client.mail("spam@stranger.example")
        assert client.rcpt("x@ailleurs.example")[0] == 554
        assert client.rcpt("personne@gw1.maison.mrs")[0] == 550
    gw.wait_log(r"smtpd\[\d+\]: disconnect from unknown\[127\.10\.0\.250\]")
    gw.wait_log(r"to=<" + CHRIS + r"@gw1\.maison\.mrs>.*status=sent", 4)
    return gw


def test_every_line_has_the_form(gw):
    """S185, S182: time, host, postfix/program[process]: in every line, one line an event."""
    day(gw)
    form = re.compile(STAMP + r"postfix/[\w-]+(/\w+)?\[\d+\]: \S")
    odd = [line for line in gw.log().splitlines() if not form.match(line)]
    assert not odd


@pytest.mark.parametrize("name", ["postfix", "postfix-test"])
def test_syslog_name(gw, name):
    """S185: syslog_name is in front of the program's name."""
    gw.set(syslog_name=name).start()
    gw.wait_removed(gw.send("x@wanadoo.fr", f"{CHRIS}@gw1.maison.mrs"))
    assert gw.log_lines(STAMP + rf"{name}/qmgr\[\d+\]: ")


def test_lines_of_one_message(gw):
    """S187, S188, S189: smtpd, cleanup, qmgr, local, qmgr, in this order."""
    gw.start()
    qid = gw.send("x@wanadoo.fr", f"{CHRIS}@gw1.maison.mrs",
                  "Message-ID: <abc@wanadoo.fr>\nSubject: x\n\nx\n")
    gw.wait_removed(qid)
    lines = [re.sub(STAMP, "", line) for line in gw.log_lines(rf"\]: {qid}: ")]
    forms = [rf"postfix/smtpd\[\d+\]: {qid}: client=\S+\[127\.\d+\.\d+\.\d+\]",
             rf"postfix/cleanup\[\d+\]: {qid}: message-id=<abc@wanadoo\.fr>",
             rf"postfix/qmgr\[\d+\]: {qid}: from=<x@wanadoo\.fr>, size=\d+, nrcpt=1 "
             r"\(queue active\)",
             rf"postfix/local\[\d+\]: {qid}: to=<{CHRIS}@gw1\.maison\.mrs>, relay=local, "
             r"delay=\d[\d.]*, delays=[\d.]+/[\d.]+/[\d.]+/[\d.]+, dsn=2\.0\.0, status=sent "
             r"\(delivered to mailbox\)",
             rf"postfix/qmgr\[\d+\]: {qid}: removed"]
    assert len(lines) == len(forms), lines
    for form, line in zip(forms, lines):
        assert re.fullmatch(form, line), line


def test_sessions(gw):
    """S187, S030: connect, disconnect with its counters, and what was refused."""
    gw.start()
    with Dialogue(gw.address, gw.port) as talk:
        talk.reply()
        for line in ("EHLO pchris", "MAIL FROM:<x@wanadoo.fr>", "RCPT TO:<personne@gw1.maison.mrs>",
                     "NONSENSE", "QUIT"):
            talk.say(line)
            talk.reply()
    gw.wait_log(r"smtpd\[\d+\]: disconnect from \S+\[127\.\d+\.\d+\.\d+\] ehlo=1 mail=1 rcpt=0/1 "
                r"quit=1 unknown=0/1 commands=3/5$")
    gw.wait_log(r"NOQUEUE: reject: RCPT from \S+\[[\d.]+\]: 550 5\.1\.1 "
                r"<personne@gw1\.maison\.mrs>: Recipient address rejected: User unknown in local "
                r"recipient table; from=<x@wanadoo\.fr> to=<personne@gw1\.maison\.mrs> "
                r"proto=ESMTP helo=<pchris>$")


def test_pickup_line(gw):
    """S186: uid= and from= of who writes here."""
    gw.start()
    run_as("root", gw, "sendmail", "-f", "chris", CHRIS, stdin="Subject: x\n\nx\n")
    gw.wait_log(rf"postfix/pickup\[\d+\]: \w+: uid={os.getuid()} from=<chris>$")


def test_command_delivery(gw):
    """S190, S114: status=sent (delivered to command: ...); $DOMAIN is in its environment."""
    script = gw.file("procmail", f"#!/bin/sh\necho \"$DOMAIN\" > {gw.spool}/domain\ncat >&2 2>&1 "
                     "> /dev/null\n", mode=0o755)
    gw.set(mailbox_command=f"{script} -Y -a $DOMAIN").start()
    gw.send("x@wanadoo.fr", f"{CHRIS}@gw1.maison.mrs")
    gw.wait_log(r"postfix/local\[\d+\]: .*status=sent \(delivered to command: "
                + re.escape(f"{script} -Y -a $DOMAIN") + r"\)")
    wait_until(lambda: (gw.spool / "domain").exists(), "what the command wrote")


def test_hostile_text_stays_on_its_line(gw):
    """S182: what clients say can neither end a line nor pass for one of ours."""
    gw.start()
    with Dialogue(gw.address, gw.port) as talk:
        talk.reply()
        talk.raw(b"EHLO a\x1b[31m\x07\x80b\r\n")
        talk.reply()
        talk.raw(b"MAIL FROM:<x@wanadoo.fr>\r\nRCPT TO:<\"a\x01b\"@ailleurs.example>\r\nQUIT\r\n")
        for _ in range(3):
            talk.reply()
    gw.wait_log("disconnect from")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", gw.log())


def test_pflogsumm(gw):
    """S194, S185: pflogsumm counts our day as it counts Postfix's."""
    package = unpack("pflogsumm", "libdate-calc-perl", "libbit-vector-perl",
                     "libcarp-clan-perl")
    if package is None:
        pytest.skip("the pflogsumm package cannot be downloaded")
    day(gw)
    libraries = sorted(str(p) for p in package.glob("usr/lib/*/perl5/*"))
    done = subprocess.run(["perl", str(package / "usr/sbin/pflogsumm"), str(gw.log_file)],
                          capture_output=True, text=True, timeout=60, check=True,
                          env=dict(os.environ, PERL5LIB=":".join(
                              [str(package / "usr/share/perl5")] + libraries)))
    counts = dict((name, int(number)) for number, name in re.findall(
        r"(?m)^ +(\d+)k? +([a-z][a-z ]+?)(?: +\(.*\))?$", done.stdout.split("Per-")[0]))
    assert counts["received"] == 6
    assert counts["delivered"] == 5
    assert counts["bounced"] == 1
    assert counts["deferred"] == 1
    assert counts["rejected"] == 2
    assert "enprovence.com" in done.stdout
    assert "Relay access denied" in done.stdout


def test_fail2ban(gw):
    """S185, S206: fail2ban's own filter for Postfix finds the two refusals."""
    package = unpack("fail2ban")
    if package is None:
        pytest.skip("the fail2ban package cannot be downloaded")
    day(gw)
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(["/usr/bin/python3", str(package / "usr/bin/fail2ban-regex"), "--config",
                               str(package / "etc/fail2ban"), "--print-all-matched",
                               str(gw.log_file),
                               str(package / "etc/fail2ban/filter.d/postfix.conf")
                               + "[mode=aggressive]"], cwd=place,
                              env=dict(os.environ, PYTHONPATH=str(
                                  package / "usr/lib/python3/dist-packages")),
                              capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"Failregex: (\d+) total", done.stdout)[1]) >= 2, done.stdout
    lines = re.search(r"Lines: (\d+) lines, \d+ ignored, (\d+) matched", done.stdout)
    assert int(lines[1]) == len(gw.log().splitlines())
    assert "Relay access denied" in done.stdout

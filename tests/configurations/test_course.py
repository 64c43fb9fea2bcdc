"""S107: the main.cf at the end of the course, byte for byte, in /etc/postfix of a machine of its own.

Its print lost the white space in front of two lines. Nothing else stands between the file of 2003 and
a running system: what it does not say has defaults.
"""

import os
import re
import subprocess

import pytest

from harness.instance import ROOT, STAGE, wait_until
from harness.postfix import is_available, unpack
from install.machine import Machine
from install.test_install import CLEAN

from .world import HERE, load

COURSE = HERE / "course"
BROKEN = load("course")["indented"]
PROCMAIL = """\
#!/bin/sh
{ echo "From $LOGNAME"; echo "DOMAIN=$3"; cat; echo; } >>/var/mail/chris
"""


@pytest.fixture
def machine(place):
    with Machine(place) as one:
        one.shell(CLEAN, check=False)
        one.run("/usr/bin/python3", ROOT / "tools/install", STAGE)
        for path in COURSE.iterdir():
            if path.name not in ("expect.toml", "procmail"):
                one.copy_in(path, f"/etc/postfix/{path.name}")
        yield one


def told(machine):
    """What `diligence check` says: a list of (line of main.cf or 0, text), and the status."""
    text = machine.shell("/usr/local/sbin/diligence check 2>&1; echo $?")
    found = re.findall(r"^postfix/postfix-script: (?:\w+: )?/etc/postfix/main\.cf(?::(\d+))?: (.*)", text, re.M)
    return [(int(line or 0), what) for line, what in found], int(text.split()[-1])


@pytest.mark.skipif(os.getuid() != 0, reason="namespaces and users need root")
def test_S107_as_it_stands(machine):
    """The two lines are told with their numbers and the way out; with it everything runs."""
    found, status = told(machine)
    assert status == 1 and [line for line, _ in found] == BROKEN
    assert all("put white space in front of it" in what for _, what in found)
    refused = machine.run("postconf", "-n", check=False)
    assert refused.startswith("postconf: fatal: /etc/postfix/main.cf:12: missing '=' after attribute name: \"xxgdb ")
    assert "main.cf:12: missing '='" in machine.run("diligence", "start", check=False)

    machine.shell("sed -i '%ss/^/  /' /etc/postfix/main.cf" % ",".join(map(str, BROKEN)))
    machine.shell("postalias /etc/postfix/aliases; cd /etc/postfix; postmap transport_maps sender-canonical")
    found, status = told(machine)
    assert status == 0 and not [what for _, what in found if "unknown parameter" in what or "stays empty" in what]
    assert any("permit_mynetworks, reject_unauth_destination rule, as before Postfix 2.10" in what
               for _, what in found)
    used(machine)


def used(machine):
    """The first steps of the course: local mail for root, the greeting, no relaying."""
    machine.new_user("chris")
    machine.write(PROCMAIL.encode(), "/usr/bin/procmail")
    machine.shell("chmod 755 /usr/bin/procmail; : >/var/mail/chris; chown chris /var/mail/chris; diligence start")
    machine.run("sendmail", "root", stdin="Subject: test interne\n\ncoucou\n")
    arrived = wait_until(lambda: "coucou" in (text := machine.run("cat", "/var/mail/chris")) and text, "the mail")
    assert "DOMAIN=gw1.maison.mrs\n" in arrived and "\nX-Original-To: root\n" in arrived
    said = machine.shell("""exec /usr/bin/python3 -c '
import smtplib
client = smtplib.SMTP("127.0.0.1", 25, timeout=20)
print(client.connect("127.0.0.1", 25), client.helo("a.example"), client.mail("x@aol.com"))
print(client.rcpt("chris@maison.mrs"), client.rcpt("chris@gw1.maison.mrs"), client.rcpt("no@maison.mrs"))'""")
    assert "(220, b'ESMTP Postfix')" in said and said.count("(250, b'2.1.5 Ok')") == 2 and "(550, b'5.1.1" in said
    machine.run("diligence", "stop")


@pytest.mark.skipif(not is_available(), reason="needs root and the postfix package")
def test_S107_the_same_lines_stop_postfix(place):
    """The real one names the same line in the same words; ours has its file:line."""
    (place / "main.cf").write_bytes((COURSE / "main.cf").read_bytes())
    package = unpack("postfix", "postfix-pcre")

    def words(program, **environment):
        done = subprocess.run([program, "-c", place, "-n"], capture_output=True, text=True, timeout=30, env=environment)
        assert done.returncode == 1
        return done.stderr.split("fatal: ")[1].replace("main.cf, line 12:", "main.cf:12:")
    theirs = words(package / "usr/sbin/postconf", LD_LIBRARY_PATH=str(package / "usr/lib/postfix"))
    assert words(STAGE / "bin/postconf") == theirs

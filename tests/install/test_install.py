"""S011, S012: `./dev install` and the Debian package, on a layer over this machine's system.

A fresh Debian, with nothing of the build machine, is in in_chroot.py (`./dev check-install`).
"""

import os
import shutil
import subprocess

import pytest

from harness.instance import ROOT, STAGE

from . import walk
from .machine import Machine

NEEDS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="namespaces and users need root")
# What other mail systems left on this machine.
CLEAN = """
rm -rf /etc/postfix /etc/aliases* /etc/mailname /var/spool/postfix /var/mail/* /usr/sbin/policy-rc.d
for name in exim4-daemon-light exim4-daemon-heavy exim4-base exim4-config exim4 nullmailer; do
    rm -f /var/lib/dpkg/info/$name.prerm /var/lib/dpkg/info/$name.postrm
    dpkg --force-depends --purge $name
done
rm -f /usr/sbin/sendmail /usr/lib/sendmail /usr/bin/mailq /usr/bin/newaliases
"""


@pytest.fixture
def machine(place):
    with Machine(place) as one:
        one.shell(CLEAN, check=False)
        yield one


def put(machine, *options):
    return machine.run("/usr/bin/python3", ROOT / "tools/install", *options)


@NEEDS_ROOT
def test_install_and_uninstall(machine):
    """S012: install below /usr/local, start, use, remove; another's sendmail is kept."""
    machine.shell("echo other >/usr/sbin/sendmail")
    assert "stays" in put(machine, STAGE)
    put(machine, STAGE, "--replace-sendmail")
    machine.run("/usr/local/sbin/diligence", "start")
    walk.use(machine)
    walk.permissions(machine, "/usr/local/sbin")
    if shutil.which("mail"):
        walk.mail_program(machine)
    machine.run("/usr/local/sbin/diligence", "stop")
    put(machine, "--uninstall")
    assert machine.run("cat", "/usr/sbin/sendmail") == "other\n"
    left = machine.shell("find /usr/local /usr/lib/sendmail -newer /etc/postfix/master.cf "
                         "-not -type d 2>/dev/null", check=False)
    assert "diligence" not in left and "sendmail" not in left, left
    assert machine.has("/etc/postfix/main.cf")


@NEEDS_ROOT
def test_install_keeps_configuration(machine):
    """An /etc/postfix that exists is used as it is."""
    machine.shell("mkdir /etc/postfix && echo 'myhostname = old.maison.mrs' >/etc/postfix/main.cf")
    put(machine, STAGE)
    assert machine.run("cat", "/etc/postfix/main.cf") == "myhostname = old.maison.mrs\n"
    assert machine.has("/etc/postfix/master.cf")


@NEEDS_ROOT
@pytest.mark.skipif(not shutil.which("dpkg-shlibdeps"), reason="needs dpkg-dev")
def test_debian_package(machine, place):
    """S011, S012, S164, S165, S173, S184: install starts a local mailer now and at boot, the init script and the
    usual names work, remove stops it, purge leaves nothing."""
    made = subprocess.run([ROOT / "tools/package", STAGE, place / "packages", "--fast"], check=True,
                          text=True, capture_output=True, timeout=300).stdout.split()
    package = next(name for name in made if "/diligence_" in name)
    fields = subprocess.run(["dpkg-deb", "--field", package], check=True, text=True,
                            capture_output=True).stdout
    for field in ("Provides", "Conflicts", "Replaces"):
        assert f"\n{field}: mail-transport-agent" in fields
    machine.copy_in(package, "/tmp/diligence.deb")
    machine.run("dpkg", "--force-depends", "--install", "/tmp/diligence.deb")
    walk.use(machine)
    walk.permissions(machine, "/usr/sbin")
    walk.names(machine)
    walk.starts_at_boot(machine)
    walk.init_script(machine)
    # A second installation is an upgrade: what was edited stays.
    machine.run("postconf", "-e", "mail_name = Ours")
    machine.run("dpkg", "--force-depends", "--install", "/tmp/diligence.deb")
    assert machine.run("postconf", "-h", "mail_name") == "Ours\n"
    machine.run("dpkg", "--remove", "--force-depends", "diligence")
    walk.is_stopped(machine)
    assert machine.has("/etc/postfix/main.cf")
    machine.run("dpkg", "--purge", "--force-depends", "diligence")
    assert machine.has("/etc/postfix/main.cf")  # edited: the postmaster's
    for path in ("/var/spool/postfix", "/etc/postfix/master.cf", "/etc/aliases",
                 "/usr/share/diligence", "/usr/sbin/sendmail", "/etc/init.d/diligence"):
        assert not machine.has(path), path

"""S011, S012 on a fresh Debian: the packages of `./dev package` in a debootstrap tree.

Run by `./dev check-install`, not by `./dev check`: the tree is fetched once, into
build/peers/debian, which takes minutes.
"""

import os
import pathlib
import re
import subprocess

import pytest

from harness.instance import ROOT, STAGE

from . import walk
from .machine import Machine

PEERS = ROOT / "build/peers"
DEBIAN = PEERS / "debian"
PACKAGES = pathlib.Path(os.environ.get("DILIGENCE_PACKAGES", ROOT / "build/packages"))
MAIL_PROGRAM = ("bsd-mailx", "liblockfile1", "liblockfile-bin", "libbsd0", "libmd0")


def package():
    return max(PACKAGES.glob("diligence_*.deb"), key=lambda p: p.stat().st_mtime)


def depends():
    text = subprocess.run(["dpkg-deb", "--field", package(), "Depends"], check=True, text=True,
                          capture_output=True).stdout
    return re.findall(r"([a-z0-9][a-z0-9.+-]+)(?: \([^)]*\))?(?:,|$)", text.strip())


@pytest.fixture(scope="session")
def debian():
    """A Debian with nothing but what the package depends on, rpm and an init."""
    wanted = ",".join([*depends(), "rpm", "sysvinit-core"])
    stamp = DEBIAN / "complete"
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run(["rm", "-rf", "--one-file-system", DEBIAN], check=True)
        release = re.search(r"VERSION_CODENAME=(\w+)", pathlib.Path("/etc/os-release").read_text())
        subprocess.run(["unshare", "--mount", "debootstrap", "--variant=minbase",
                        f"--include={wanted}", release[1], DEBIAN], check=True,
                       stdout=subprocess.DEVNULL, timeout=1800)
        stamp.write_text(wanted)
    return DEBIAN


@pytest.fixture
def machine(place, debian):
    with Machine(place, debian) as one:
        yield one


@pytest.fixture(scope="session")
def mail_packages():
    """A mail(1) and what it needs but the mail system, as files."""
    folder = PEERS / "mail-program"
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("bsd-mailx_*.deb")):
        subprocess.run(["apt-get", "-qq", "download", *MAIL_PROGRAM], cwd=folder, check=True,
                       timeout=300)
    return sorted(folder.glob("*.deb"))


def test_debian_package(machine, mail_packages):
    """S011, S012: one dpkg later users send and read mail; mail(1) is content with it."""
    machine.copy_in(package(), "/tmp/diligence.deb")
    machine.run("dpkg", "--install", "/tmp/diligence.deb")
    walk.use(machine)
    walk.permissions(machine, "/usr/sbin")
    walk.names(machine)
    walk.starts_at_boot(machine)
    walk.init_script(machine)
    for one in mail_packages:
        machine.copy_in(one, f"/tmp/{one.name}")
    machine.run("dpkg", "--install", *(f"/tmp/{one.name}" for one in mail_packages))
    assert machine.run("dpkg", "--audit") == ""
    walk.mail_program(machine)
    machine.run("dpkg", "--purge", "bsd-mailx", "diligence")
    walk.is_stopped(machine)
    assert not machine.has("/etc/postfix")
    assert not machine.has("/var/spool/postfix")


def test_rpm_package(machine, place):
    """S011, S183: the spec builds an .rpm; rpm -i installs it in the place of another mail system, and a
    started system works."""
    tree = place / "tree"
    subprocess.run([ROOT / "tools/install", STAGE, "--destdir", tree, "--prefix",
                    "/usr", "--package"], check=True)
    packed = place / "tree.tar"
    subprocess.run(["tar", "-C", place, "-cf", packed, "tree"], check=True)
    machine.copy_in(packed, "/tmp/tree.tar")
    machine.copy_in(ROOT / "packaging/rpm/diligence.spec", "/tmp/diligence.spec")
    machine.shell("cd /tmp && tar xf tree.tar && rpmbuild -bb --quiet --define '_topdir /tmp/rpm' "
                  "--define 'tree /tmp/tree' --define 'dil_version 1' diligence.spec")
    # The libraries are dpkg's here: rpm knows nothing of them.
    provides = machine.shell("rpm --query --provides --package /tmp/rpm/RPMS/*/diligence-1-*.rpm")
    assert {"MTA", "mail-transport-agent", "smtpdaemon"} <= set(provides.split())
    machine.shell("rpm --install --nodeps --force-debian /tmp/rpm/RPMS/*/diligence-1-*.rpm")
    assert machine.run("rpm", "--query", "diligence").startswith("diligence-1-")
    walk.names(machine)
    machine.run("diligence", "start")
    walk.use(machine)
    walk.permissions(machine, "/usr/sbin")
    machine.shell("rpm --erase --force-debian diligence")
    walk.is_stopped(machine)
    assert not machine.has("/usr/sbin/diligence")
    assert machine.has("/etc/postfix/main.cf")


@pytest.fixture(scope="session", autouse=True)
def needs_root():
    assert os.getuid() == 0, "a debootstrap tree and its users need root"

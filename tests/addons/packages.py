"""Add-ons from their Debian packages, with all that they need, unpacked and never installed.

    addon = fetch("opendkim", "opendkim-tools")    # or pytest.skip() with the reason
    addon.path("usr/sbin/opendkim"), addon.environment()

apt says what an installation would bring; what is on this machine anyway is left out.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import socket
import subprocess

import pytest

from harness import postfix
from harness.instance import wait_until

USER = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}

# Never wanted: mail servers, what speaks to the Internet by itself, what a browser shows.
UNWANTED = re.compile(r"postfix$|exim4|sendmail|clamav-freshclam|ca-certificates|fonts-|libjs-|"
                      r"logrotate|adduser|ucf$|debconf|systemd|rsyslog|dns-root-data|pax$|cpio$")
LIBRARIES = ("usr/lib/*-linux-gnu", "lib/*-linux-gnu", "usr/lib", "usr/lib/rspamd")
PERL = ("usr/share/perl5", "usr/share/perl/5.*", "usr/lib/*-linux-gnu/perl5/5.*",
        "usr/lib/*-linux-gnu/perl/5.*")


class Addon:
    """What fetch() unpacked below ROOT."""

    def __init__(self, root):
        self.root = root

    def path(self, name):
        return self.root / name

    def folders(self, patterns):
        found = [str(p) for pattern in patterns for p in sorted(self.root.glob(pattern))]
        return ":".join(found)

    def environment(self, **more):
        """Variables with which its programs find their libraries and modules."""
        return dict(os.environ, PATH=f"{self.root}/usr/sbin:{self.root}/usr/bin:{os.environ['PATH']}",
                    LD_LIBRARY_PATH=self.folders(LIBRARIES), PERL5LIB=self.folders(PERL),
                    PYTHONPATH=self.folders(["usr/lib/python3/dist-packages"]), **more)

    def program(self, name, directory):
        """What to run for NAME.  A Perl program that trusts no environment is copied to DIRECTORY,
        and told where its modules are."""
        path = self.path(name)
        first, _, rest = path.read_bytes().partition(b"\n")
        if not re.match(rb"#!/usr/bin/perl .*-T", first):
            return path
        copy = directory / path.name
        copy.write_bytes(first + b"\nuse lib qw(%s);\n" % self.folders(PERL).replace(":", " ").encode()
                         + rest)
        copy.chmod(0o755)
        return copy


def wanted(packages):
    """PACKAGES and what else an installation of them would bring; None and apt's words."""
    done = subprocess.run(["apt-get", "-s", "-q", "install", "--no-install-recommends", *packages],
                          capture_output=True, text=True, timeout=120,
                          env=dict(os.environ, LC_ALL="C"))
    if done.returncode != 0:
        return None, done.stderr.strip()[-200:]
    names = re.findall(r"^Inst (\S+) \(", done.stdout, re.M)  # "[version]": it is there
    return sorted({n for n in names if not UNWANTED.match(n)} | set(packages)), ""


def fetch(*packages, alone=()):
    """The Addon of PACKAGES, and of those ALONE without what they need; the test is skipped when
    they cannot be had."""
    root = postfix.PEERS / ("addon-" + packages[0])
    downloads = postfix.PEERS / "packages"
    downloads.mkdir(parents=True, exist_ok=True)
    with (postfix.PEERS / f".lock-{packages[0]}").open("w") as lock:  # test runs go side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / ".complete").exists():
            names, why = wanted(packages)
            if names is None or not postfix.fetch([*names, *alone], downloads, root):
                pytest.skip(f"the packages of {packages[0]} cannot be had: {why or names}")
    return Addon(root)


class Program:
    """A program of an Addon that runs until the end of the with block, in DIRECTORY, as an
    ordinary user; READY() tells that it serves."""

    def __init__(self, addon, directory, *command, ready, **environment):
        self.addon, self.directory, self.ready = addon, pathlib.Path(directory), ready
        self.command = [str(addon.program(command[0], self.directory)), *map(str, command[1:])]
        self.environment = addon.environment(HOME=str(directory), LC_ALL="C", **environment)
        self.output = self.directory / "output"

    def __enter__(self):
        give_away(self.directory)
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(self.command, cwd=self.directory, env=self.environment,
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            **USER)
        try:
            wait_until(self.serves, f"{self.command[0]} to serve", 60)
        except AssertionError as failure:
            self.stop()
            raise AssertionError(f"{failure}\n{self.log()[-3000:]}") from None
        return self

    def serves(self):
        assert self.process.poll() is None, f"{self.command} ended\n{self.log()[-3000:]}"
        return self.ready()

    def log(self):
        return self.output.read_text(errors="replace")

    def __exit__(self, *exception):
        self.stop()

    def stop(self):
        """Ends the program, where it has not ended."""
        self.process.terminate()
        try:
            self.process.wait(0.5)  # libmilter takes its time
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def give_away(directory):
    """What lies below DIRECTORY belongs to whom Programs run as."""
    if os.getuid() == 0:
        for path in [directory, *directory.rglob("*")]:
            shutil.chown(path, USER["user"], USER["group"])


def listens(port):
    """A condition: somebody listens on PORT of 127.0.0.1."""
    def condition():
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        return False
    return condition

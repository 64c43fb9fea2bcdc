"""A configuration that is looked at and not started."""

import os
import re
import subprocess

import pytest

from harness.instance import MASTER_CF, STAGE

BASE = """\
compatibility_level = 3.6
myhostname = gw1.maison.mrs
mydestination = gw1.maison.mrs, localhost.maison.mrs, maison.mrs
inet_interfaces = loopback-only
mynetworks = 127.0.0.0/8
queue_directory = {place}/queue
data_directory = {place}/data
alias_maps = hash:{place}/etc/aliases.local
alias_database =
"""


class Configuration:
    """Files in DIRECTORY; check() gives what `diligence check` says about them."""

    def __init__(self, directory):
        self.directory = directory
        self.config = directory / "etc"
        self.config.mkdir()
        self.head = BASE.format(place=directory)
        if os.getuid() == 0:
            self.head += "mail_owner = nobody\nsetgid_group = nogroup\n"
        self.main("")
        self.file("master.cf", MASTER_CF.format(smtp="127.0.0.1:2525"))
        self.file("aliases.local", "postmaster: root\n")

    def main(self, text):
        """main.cf: what every test needs, and TEXT; the number of TEXT's first line."""
        (self.config / "main.cf").write_text(self.head + text)
        return self.head.count("\n") + 1

    def file(self, name, text):
        path = self.config / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def run(self, *words):
        return subprocess.run([STAGE / "bin" / "diligence", "-c", self.config, *words], timeout=30,
                              capture_output=True, text=True, check=False)

    def check(self, status=0):
        """The findings, each "file:line: what; what to do", with the directory taken away."""
        subprocess.run([STAGE / "bin" / "postalias", "-w", "-c", self.config,
                        f"hash:{self.config}/aliases.local"], timeout=30, capture_output=True, check=False)
        done = self.run("check")
        assert done.returncode == status, done.stderr
        found = []
        for line in done.stderr.splitlines():
            text = re.sub(r"^postfix/postfix-script: ", "", line)
            if "set-gid" in text or "not owned by group" in text:
                continue  # the staged tree is not installed
            found.append(text.replace(f"{self.config}/", ""))
        return found

    def find(self, pattern, status=0):
        """The findings that match; at least one."""
        found = self.check(status)
        hits = [line for line in found if re.search(pattern, line)]
        assert hits, f"no /{pattern}/ in:\n" + "\n".join(found)
        return hits


@pytest.fixture
def configuration(place):
    return Configuration(place)

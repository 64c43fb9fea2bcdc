"""A zone with DNSSEC, signed by ldnsutils and served by nsd, both unpacked below build/peers."""

import os
import subprocess

from harness.instance import free_port, wait_until
from harness.postfix import unpack

PACKAGES = ("nsd", "ldnsutils", "libldns3", "libevent-2.1-7", "libfstrm0", "libprotobuf-c1")


class SignedZone:
    """ZONE with RECORDS ("name type data" lines, names relative to it).

    UNSIGNED has further zones, that nobody signs: name, then records.
    """

    def __init__(self, directory, zone, records, unsigned=None):
        self.root = unpack(*PACKAGES)
        self.directory, self.zone = directory, zone
        directory.mkdir(parents=True)
        self.environment = dict(os.environ, LD_LIBRARY_PATH=str(
            self.root / "usr/lib/x86_64-linux-gnu"))
        self.zones = {zone: "signed"}
        self.write("zone", zone, records)
        for name, lines in (unsigned or {}).items():
            self.zones[name] = name
            self.write(name, name, lines)
        key = self.tool("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", zone).strip()
        self.tool("ldns-signzone", "-f", "signed", "zone", key)
        self.anchor = directory / f"{key}.key"
        self.port = free_port()
        self.nameserver = f"127.0.0.1@{self.port}"
        self.server = None

    def write(self, file, zone, records):
        (self.directory / file).write_text(
            f"$ORIGIN {zone}.\n$TTL 60\n@ SOA ns h 1 3600 600 86400 60\n@ NS ns\n"
            f"ns A 127.0.0.1\n" + records)

    def tool(self, name, *arguments):
        return subprocess.run([self.root / "usr/bin" / name, *arguments], check=True,
                              cwd=self.directory, env=self.environment, capture_output=True,
                              text=True, timeout=60).stdout

    def __enter__(self):
        config = self.directory / "nsd.conf"
        config.write_text(
            f"server:\n ip-address: 127.0.0.1@{self.port}\n port: {self.port}\n username: \"\"\n"
            f" zonesdir: {self.directory}\n database: \"\"\n pidfile: \"\"\n logfile: log\n"
            f" xfrdfile: \"\"\n zonelistfile: zones\n server-count: 1\n"
            "remote-control:\n control-enable: no\n"
            + "".join(f"zone:\n name: {zone}\n zonefile: {file}\n" for zone, file in self.zones.items()))
        self.server = subprocess.Popen(
            [self.root / "usr/sbin/nsd", "-d", "-c", config], cwd=self.directory,
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        log = self.directory / "log"
        wait_until(lambda: log.exists() and "nsd started" in log.read_text(), "nsd")
        return self

    def __exit__(self, *exception):
        self.server.terminate()
        self.server.wait(20)

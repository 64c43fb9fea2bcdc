"""Options of posttls-finger that need no TLS; the others are in tests/tls."""

import subprocess

from harness.instance import STAGE
from testnet.internet import Internet


def test_service_records(instance):
    """-R: SRV records of the service in the destination, in place of MX; -x and -X say what they are not."""
    instance.write()
    with Internet() as net:
        host = net.host("far.example")
        net.entry("_submission._tcp.dom.example")["SRV"] = [f"0 0 {host.port} far.example"]

        def finger(*options):
            return subprocess.run([STAGE / "bin/posttls-finger", "-l", "none", "-o",
                                   f"resolver_nameservers={net.dns.nameserver}", *options, "dom.example:submission"],
                                  env={"MAIL_CONFIG": str(instance.config)}, timeout=30, text=True,
                                  capture_output=True, check=False)
        done = finger("-R", "-x", "-X")
        assert f"Connected to far.example[{host.address}]:{host.port}" in done.stderr, done.stderr
        assert "OpenSSL 3.2" in done.stderr and "no tlsproxy" in done.stderr
        assert "lookup failed" in finger().stderr

"""What settings of the TLS client change on the wire and in its trace."""

import re
import socketserver
import threading

import pytest

from harness.instance import Instance, wait_until

PADDING = 21  # RFC 7685


class Listener(socketserver.StreamRequestHandler):
    """A server that says yes to STARTTLS, keeps the first record and hangs up."""

    def handle(self):
        self.wfile.write(b"220 x ESMTP\r\n")
        for line in self.rfile:
            verb, _, name = line.decode().strip().partition(" ")
            if verb == "STARTTLS":
                self.wfile.write(b"220 go\r\n")
                head = self.rfile.read(5)
                self.server.hellos[self.name] = self.rfile.read(int.from_bytes(head[3:5], "big"))
                return
            self.name = name
            self.wfile.write(b"250-x\r\n250 STARTTLS\r\n")


def extensions(hello):
    """Their numbers, from a ClientHello (RFC 8446 4.1.2)."""
    at = 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at:at + 2], "big")
    at += 1 + hello[at] + 2
    found = set()
    while at < len(hello):
        found.add(int.from_bytes(hello[at:at + 2], "big"))
        at += 4 + int.from_bytes(hello[at + 2:at + 4], "big")
    return found


CLIENTS = {"usual": ("smtp", ""), "named": ("smtp", "-o tls_disable_workarounds=TLSEXT_PADDING"),
           "number": ("smtp", "-o tls_disable_workarounds=0x10"),
           "other": ("smtp", "-o tls_disable_workarounds=CVE-2010-4180"),
           "lmtp": ("lmtp", "-o lmtp_tls_loglevel=4 -o lmtp_tls_trace_size_limit=20"),
           "lmtp-whole": ("lmtp", "-o lmtp_tls_loglevel=4")}


@pytest.fixture(scope="module", name="world")
def fixture_world(module_place):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Listener) as server:
        server.daemon_threads, server.hellos = True, {}
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        hop = f"inet:127.0.0.1:{server.server_address[1]}"
        ways = "".join(f" {{{name}.example = {name}:"
                       f"{hop if program == 'lmtp' else hop.replace('inet:', '[').replace('1:', '1]:')}}}"
                       for name, (program, _) in CLIENTS.items())
        one = Instance(module_place, mydestination="", transport_maps=f"inline:{{{ways}}}",
                       smtp_tls_security_level="encrypt", lmtp_tls_security_level="encrypt",
                       smtp_tls_mandatory_ciphers="medium")
        one.extra_services = "".join(
            f"{name} unix - - n - - {program} -o {program}_{'helo' if program == 'smtp' else 'lhlo'}_name={name}"
            f" -o syslog_name={name} {options}\n" for name, (program, options) in CLIENTS.items())
        with one:
            with one.smtp() as client:
                for name in CLIENTS:
                    client.sendmail("a@b.example", [f"x@{name}.example"], "Subject: x\n\nx\n")
            wait_until(lambda: set(CLIENTS) <= set(server.hellos), "all greetings")
            for name in CLIENTS:
                one.wait_log(rf"to=<x@{name}.example>.* status=deferred")
            yield one, server.hellos
        server.shutdown()


def test_workarounds(world):
    """tls_disable_workarounds: by name, by number; one that is history changes nothing."""
    padded = {name: PADDING in extensions(world[1][name]) for name in ("usual", "named", "number", "other")}
    assert padded == {"usual": True, "named": False, "number": False, "other": True}


def test_trace_size(world):
    """lmtp_tls_trace_size_limit: so many bytes of the session are shown, not one more."""
    def shown(name):
        lines = re.findall(rf" {name}/lmtp\[\d+\]: ([0-9a-f]{{4}}) ((?:[0-9a-f]{{2}} ?)+)$", world[0].log(), re.M)
        return sum(len(text.split()) for _, text in lines)
    assert shown("lmtp") == 20
    assert shown("lmtp-whole") >= len(world[1]["lmtp-whole"])
    assert world[0].log_lines(r" lmtp/lmtp\[\d+\]: trace size limit reached")
    assert not world[0].log_lines(r" lmtp-whole/lmtp\[\d+\]: trace size limit reached")

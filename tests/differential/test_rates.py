"""Clients that come, send and log in too often, at the real Postfix and at Diligence.

Replies and notices in the log must agree. Several smtpd processes share the counts (anvil).
"""

import contextlib
import re
import socketserver
import threading

import pytest

from harness import postfix
from harness.instance import Instance, free_port, wait_until
from tls.certificates import Authority

from .visitor import CLOSE, READ, TLS, Visitor

pytestmark = pytest.mark.skipif(not postfix.is_available(),
                                reason="Postfix needs root and its package")

BASE = {"mydestination": "maison.mrs", "local_transport": "discard", "local_recipient_maps": "",
        "mynetworks": "192.0.2.0/24", "anvil_rate_time_unit": "600s",
        "smtpd_tls_security_level": "may", "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination"}
MAIL = ["MAIL FROM:<a@b.example>", "RCPT TO:<chris@maison.mrs>"]
AUTH = "AUTH PLAIN AGEAYg=="
SECURE = [READ, "EHLO c", "STARTTLS", TLS, "EHLO c", "QUIT"]

# Settings, and visits of one client one after the other; the last ones are too many.
CASES = {
    "rate": ({"smtpd_client_connection_rate_limit": "2"}, [[READ, "QUIT"]] * 2 + [[READ, READ]]),
    "messages": ({"smtpd_client_message_rate_limit": "1"},
                 [[READ, "HELO c", MAIL[0], "RSET", MAIL[0], "QUIT"], [READ, "HELO c", *MAIL, "QUIT"]]),
    "recipients": ({"smtpd_client_recipient_rate_limit": "2"},
                   [[READ, "HELO c", *MAIL, MAIL[1], MAIL[1], "QUIT"],
                    [READ, "HELO c", *MAIL, "QUIT"]]),
    "new tls": ({"smtpd_client_new_tls_session_rate_limit": "1"},
                [SECURE, SECURE, [READ, "EHLO c", "STARTTLS", *MAIL, "QUIT"]]),
    "wrapped tls": ({"smtpd_client_new_tls_session_rate_limit": "1",
                     "smtpd_tls_wrappermode": "yes"},
                    [[TLS, READ, "EHLO c", "QUIT"], [TLS, READ, READ]]),
    "logins": ({"smtpd_client_auth_rate_limit": "2"},
               [[READ, "EHLO c", AUTH, AUTH, AUTH, "NOOP", "QUIT"], [READ, "EHLO c", AUTH, "QUIT"]]),
    "exceptions": ({"smtpd_client_message_rate_limit": "1",
                    "smtpd_client_event_limit_exceptions": "127.20.10.0/24"},
                   [[READ, "HELO c", MAIL[0], "RSET", MAIL[0], "QUIT"]]),
    "exceptions, older name": ({"smtpd_client_connection_rate_limit": "1",
                                "smtpd_client_connection_limit_exceptions": "127.20.10.0/24"},
                               [[READ, "QUIT"]] * 2),
    "at once": ({"smtpd_client_connection_count_limit": "2"}, None),
}


class Refuser(socketserver.StreamRequestHandler):
    """Dovecot's login service, to which no password is right."""

    def handle(self):
        self.wfile.write(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\n"
                         b"COOKIE\t0123456789abcdef0123456789abcdef\nDONE\n")
        for line in self.rfile:
            words = line.decode().rstrip("\n").split("\t")
            if words[0] == "AUTH":
                self.wfile.write(f"FAIL\t{words[1]}\tuser=a\treason=no\n".encode())


@contextlib.contextmanager
def refusing_logins(path):
    with socketserver.ThreadingUnixStreamServer(str(path), Refuser) as server:
        server.daemon_threads = True
        path.chmod(0o666)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05},
                         daemon=True).start()
        yield path
        server.shutdown()


class Side:
    """One of the two, with a port for each case."""

    def __init__(self, instance, chain, logins):
        self.instance = instance.set(smtpd_tls_chain_files=chain, smtpd_sasl_path=logins, **BASE)
        self.ports = {}
        for name, (settings, _) in CASES.items():
            port = instance.port
            while port in (instance.port, *self.ports.values()):
                port = free_port()
            self.ports[name] = port
            instance.extra_services += f"127.0.0.1:{port} inet n - n - 5 smtpd\n" + "".join(
                f"    -o {{ {key} = {value} }}\n" for key, value in settings.items())
        instance.start()

    def visit(self, name, steps, address):
        heard = []
        with Visitor(self.ports[name], address) as visitor:
            for step in steps:
                if step == CLOSE:
                    break
                visitor.step(step, address, heard)
        return heard

    def at_once(self, name, address):
        with contextlib.ExitStack() as stack:
            return [stack.enter_context(Visitor(self.ports[name], address)).reply()
                    for _ in range(3)]

    def run(self, name):
        address = f"127.20.10.{list(CASES).index(name) + 1}"
        visits = CASES[name][1]
        if visits:
            heard = [self.visit(name, steps, address) for steps in visits]
        else:
            heard = self.at_once(name, address)
        wait_until(lambda: self.instance.log().count(f"disconnect from unknown[{address}]") >=
                   len(visits or heard), "the end")
        return heard, [line for line in self.log_of(address) if "limit" in line or "NOQUEUE" in line]

    def log_of(self, address):
        found = re.findall(r"postfix/(smtpd\[\d+\]: .*)", self.instance.log())
        text = "\n".join(re.sub(r"\[\d+\]", "", line, count=1) for line in found if address in line)
        for name, port in self.ports.items():
            text = text.replace(f"127.0.0.1:{port}", f"({name})")
        return text.splitlines()


@pytest.fixture(scope="module")
def sides(module_place):
    chain = Authority(module_place / "ca").issue("server.pem", "gw1.maison.mrs")
    with contextlib.ExitStack() as stack:
        logins = stack.enter_context(refusing_logins(module_place / "logins"))
        pair = []
        for kind in (postfix.Postfix, Instance):
            pair.append(Side(kind(module_place / kind.__name__), chain, logins))
            stack.callback(pair[-1].instance.stop)
        yield pair


@pytest.mark.parametrize("name", CASES)
def test_same_as_postfix(sides, name):
    """Replies, and what the log says of it."""
    theirs, ours = (side.run(name) for side in sides)
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1]

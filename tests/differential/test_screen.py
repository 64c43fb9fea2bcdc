"""The same strangers at the real postscreen and at ours.

What they are told and what the log says of them must agree. All scenarios run at once, each
from an address of its own. Covers S019, S207, S213 and what scenarios_screen names.
"""

import concurrent.futures
import contextlib
import re
import socket
import time

import pytest

from harness import postfix
from harness.instance import PATIENCE, Instance, free_port, wait_until
from testnet.dnsserver import DnsServer
from tls.certificates import Authority

from .scenarios_screen import BASE, CLOSE, CROWDS, LISTED, SCENARIOS, SERVICES
from .visitor import Visitor, wait_until_later

pytestmark = pytest.mark.skipif(not postfix.is_available(),
                                reason="Postfix needs root and its package")

RESOLVER = "127.20.0.53"
BEHIND = """\
smtpd     pass  -       -       n       -       20      smtpd
dnsblog   unix  -       -       n       -       0       dnsblog
tlsproxy  unix  -       -       n       -       0       tlsproxy
"""


def client_address(name):
    number = list(SCENARIOS).index(name) + 1
    return f"127.20.{1 + number // 200}.{number % 200 + 1}"


class RealPostfix(postfix.Postfix):
    """Asks the DNS of the test: in a mount namespace with a resolv.conf of its own."""

    def write(self):
        super().write()
        self.file("resolv.conf", f"nameserver {RESOLVER}\n")

    def start(self):
        self.prefix = ["unshare", "--mount", "sh", "-c",
                       'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"', "sh",
                       self.config / "resolv.conf"]
        super().start()
        self.prefix = []
        return self


def fresh_port(taken):
    port = free_port()
    while port in taken:
        port = free_port()
    taken.add(port)
    return port


class Side:
    """One of the two, with a port for each service."""

    def __init__(self, kind, place, chain, taken):
        self.instance = kind(place, port=fresh_port(taken), smtpd_tls_chain_files=chain, **BASE,
                             resolver_nameservers=f"{RESOLVER}@53", processes_per_service="1")
        if kind is not Instance:
            del self.instance.parameters["resolver_nameservers"]
            del self.instance.parameters["processes_per_service"]
        self.ports = {}
        self.instance.extra_services = BEHIND
        for name, settings in SERVICES.items():
            self.ports[name] = port = fresh_port(taken)
            self.instance.extra_services += f"127.0.0.1:{port} inet n - n - 1 postscreen\n" + "".join(
                f"    -o {{ {key} = {value} }}\n" for key, value in settings.items())

    def start(self):
        """Run all scenarios."""
        self.instance.start()
        for port in self.ports.values():  # their processes start now
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as early:
                early.recv(1)
        with concurrent.futures.ThreadPoolExecutor(len(SCENARIOS)) as pool:
            self.outcomes = dict(zip(SCENARIOS, pool.map(self.run, SCENARIOS)))
        self.crowds = {name: self.crowd(name, n) for name, n in CROWDS.items()}

    def visit(self, service, steps, address):
        heard = []
        if len(steps) == 1 and not isinstance(steps[0], str):
            wait_until_later(steps[0])
            return heard
        with Visitor(self.ports[service], address) as visitor:
            for step in steps:
                if step == CLOSE or heard[-1:] and heard[-1].startswith("("):
                    break
                visitor.step(step, address, heard)
        return heard

    def run(self, name):
        service, *steps = SCENARIOS[name]
        address = client_address(name)
        visits = steps if isinstance(steps[0], list) else [steps]
        heard = []
        begin = time.monotonic()
        for n, visit in enumerate(visits, 1):
            heard.append(self.visit(service, visit, address))
            took = time.monotonic() - begin
            with contextlib.suppress(AssertionError):  # the log is compared below
                wait_until(lambda: len(re.findall(rf"(DISCONNECT|PASS OLD|PASS NEW|ALLOWLISTED|from) "
                                                  rf"(unknown)?\[{address}\]",
                                                  self.instance.log())) > n, "the end", 1.5)
        return {"heard": [[self.clean(line, address) for line in visit] for visit in heard],
                "waits": took > 6}

    def crowd(self, service, n):
        """N clients of one address, one after the other, none of whom leaves; the first line of each,
        and the log."""
        address = f"127.20.9.{list(CROWDS).index(service) + 1}"
        begin = len(self.instance.log())
        heard = []
        with contextlib.ExitStack() as stack:
            for _ in range(n):
                visitor = stack.enter_context(Visitor(self.ports[service], address))
                heard.append(visitor.file.readline().decode())
        wait_until(lambda: len(re.findall(rf"(DISCONNECT|PASS NEW|disconnect from) (unknown)?\[{address}\]",
                                          self.instance.log()[begin:])) >= n, "the end")
        modes = re.findall(r"(?:entering|leaving) STRESS mode with .*", self.instance.log()[begin:])
        return heard, sorted(self.log_of(address)), modes

    def clean(self, text, address=None):
        for name, port in self.ports.items():
            text = text.replace(f":{port}", f":({name})")
        text = re.sub(r"\]:\d+", "]:PORT", text)
        text = re.sub(r"after \d+(\.\d+)?\b", "after N", text)
        return text.replace(address, "CLIENT") if address else text

    def log_of(self, address):
        """Lines of postscreen and its helpers about ADDRESS."""
        found = []
        for line in self.instance.log().splitlines():
            match = re.search(r"postfix/(postscreen|dnsblog)\[\d+\]: (.*)", line)
            if match and re.search(rf"\b{address}\b", match[2]):
                found.append(f"{match[1]}: {self.clean(match[2], address)}")
        logged = [text for text in found if not text.startswith("dnsblog")]
        return logged + sorted(set(found) - set(logged))  # DNS answers come in any order


@pytest.fixture(scope="module")
def sides(module_place):
    zone = {}
    for name, entries in LISTED.items():
        reverse = ".".join(reversed(client_address(name).split(".")))
        for site, answer in entries.items():
            zone[f"{reverse}.{site}"] = {"A": [answer]}
    chain = Authority(module_place / "ca").issue("server.pem", "gw1.maison.mrs")
    with DnsServer(zone, host=RESOLVER, port=53), concurrent.futures.ThreadPoolExecutor(2) as pool:
        taken = set()
        pair = [Side(kind, module_place / kind.__name__, chain, taken)
                for kind in (RealPostfix, Instance)]
        list(pool.map(Side.start, pair))
        yield pair
        for side in pair:
            side.instance.stop()


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_as_postscreen(sides, name):
    """S019 S207 S213: replies and log lines."""
    theirs, ours = (side.outcomes[name] for side in sides)
    assert ours["heard"] == theirs["heard"]
    assert ours["waits"] == theirs["waits"]
    address = client_address(name)
    assert sides[1].log_of(address) == sides[0].log_of(address)


@pytest.mark.parametrize("service", CROWDS)
def test_limits_same_as_postscreen(sides, service):
    """Too many clients of one address, and too many at all."""
    assert sides[1].crowds[service] == sides[0].crowds[service]

"""AUTH by brute force: guessing is slow, however many connections it has (S034)."""

import base64
import socket
import threading
import time

import pytest

from harness.instance import Instance, free_port

DOOR = {"smtpd_relay_restrictions": "permit_sasl_authenticated, reject", "mynetworks": "",
        "smtpd_sasl_auth_enable": "yes", "smtpd_tls_auth_only": "no", "smtpd_peername_lookup": "no",
        "smtpd_sasl_security_options": "noanonymous", "smtpd_client_connection_count_limit": "0",
        "auth_password_maps": "inline:{tim={PLAIN}secret}", "auth_failure_delay": "1s",
        "auth_failure_delay_limit": "1s", "auth_client_login_concurrency_limit": "3"}


@pytest.fixture(name="site")
def fixture_site(place):
    site = Instance(place, **DOOR)
    site.extra_services = "auth unix - - n - - auth\n"
    return site


class Guesser:
    """A client at SOURCE that said EHLO."""

    def __init__(self, site, source):
        self.socket = socket.create_connection((site.address, site.port), timeout=20,
                                               source_address=(source, 0))
        self.file = self.socket.makefile("r")
        self.file.readline()
        self.socket.sendall(b"EHLO x\r\n")
        while self.file.readline()[3] == "-":
            pass

    def say(self, password):
        token = base64.b64encode(f"\0tim\0{password}".encode())
        self.socket.sendall(b"AUTH PLAIN " + token + b"\r\n")

    def guess(self, password):
        self.say(password)
        return self.file.readline()[:3]


def refusals(site):
    return len(site.log_lines("smtp login refused: mechanism=PLAIN, user=tim"))


def test_many_at_once(site):
    """Forty connections that do not wait for the answer get three guesses a second, not forty."""
    with site:
        began = time.monotonic()
        crowd = [Guesser(site, "127.0.9.1") for _ in range(40)]
        for number, one in enumerate(crowd):
            one.say(f"guess{number}")
        for one in crowd[20:]:
            one.socket.close()
        honest = Guesser(site, "127.0.8.1")
        start = time.monotonic()
        assert honest.guess("secret") == "235", "another network has its own turn"
        assert time.monotonic() - start < 1
        time.sleep(max(0, began + 2.5 - time.monotonic()))
        assert 3 <= refusals(site) <= 3 * (time.monotonic() - began + 1)
        for one in crowd[:20]:
            one.socket.close()


def test_networks(site):
    """auth_client_ipv4_prefix_length: who counts together; auth_failure_memory: how long."""
    site.set(auth_failure_delay_limit="2s", auth_failure_memory="2s")
    waits = {}

    def guess(name, *sources):
        for source in sources:
            time.sleep(2.1 if name in waits and name == "with pauses" else 0)
            start = time.monotonic()
            assert Guesser(site, source).guess("no") == "535"
            waits.setdefault(name, []).append(round(time.monotonic() - start))

    with site:
        crowd = [threading.Thread(target=guess, args=a) for a in (
            ("one network", "127.0.9.1", "127.0.9.2"), ("another", "127.0.8.1"),
            ("with pauses", "127.0.7.1", "127.0.7.2"))]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join(timeout=20)
        site.set(auth_client_ipv4_prefix_length="32", auth_failure_memory="1h").reload()
        guess("addresses", "127.0.9.3", "127.0.9.4")
    assert waits == {"one network": [1, 2], "another": [1], "with pauses": [1, 1],
                     "addresses": [1, 1]}


def test_networks_of_ipv6(site):
    """auth_client_ipv6_prefix_length, for programs that ask as they ask Dovecot."""
    port = free_port()
    site.extra_services += f"127.0.0.1:{port} inet n - n - - dovecot-auth\n"
    site.set(auth_client_ipv6_prefix_length="64", auth_failure_delay_limit="2s")
    token = base64.b64encode(b"\0tim\0no").decode()
    with site, socket.create_connection(("127.0.0.1", port), timeout=20) as asker:
        file = asker.makefile("rw")
        while file.readline() != "DONE\n":
            pass
        began, ended = time.monotonic(), {}
        for number, address in enumerate(("2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:2::1"), 1):
            file.write(f"AUTH\t{number}\tPLAIN\tservice=smtp\trip={address}\tresp={token}\n")
        file.flush()
        for _ in range(3):
            line = file.readline()
            ended[line.split("\t")[1]] = round(time.monotonic() - began)
            assert line.startswith("FAIL") and "temp" not in line, line + site.log()
    assert ended == {"1": 1, "2": 2, "3": 1}

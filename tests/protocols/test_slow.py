"""Clients that take their time: thousands of them do not stop honest ones, and deadlines end them.

smtpd_timeout, smtpd_per_request_deadline and smtpd_min_data_rate as postconf(5) tells, beside the
real Postfix.
"""

import contextlib
import resource
import select
import socket
import threading
import time

import pytest

from harness import postfix
from harness.instance import Dialogue, Instance, free_port

CLIENTS = 10000
PER_ADDRESS = 40

# What each kind says first, and then byte by byte.
SLOW = {
    "command": (b"", b"EHLO slow.example with a long name"),
    "data": (b"EHLO slow.example\r\nMAIL FROM:<a@slow.example>\r\nRCPT TO:<root@maison.mrs>\r\nDATA\r\n",
             b"Subject: slow\r\n\r\nzzzzzzzzzzzzzzzzzzzz"),
    "tls": (b"\x16\x03\x01\x02\x00", b"\x01\x00\x01\xfc\x03\x03" + bytes(range(100))),
}


class Crowd(threading.Thread):
    """CLIENTS connections, each of which sends a byte now and then."""

    def __init__(self, ports):
        super().__init__(daemon=True)
        self.ports = ports
        self.sockets = []  # (socket, what it says byte by byte)
        self.lost = 0
        self.full = threading.Event()
        self.over = threading.Event()

    def connect(self, number):
        kind = list(SLOW)[number % len(SLOW)]
        at = number // PER_ADDRESS
        client = socket.socket()
        client.bind((f"127.30.{at // 250}.{at % 250 + 1}", 0))
        client.settimeout(20)
        client.connect(("127.0.0.1", self.ports[kind]))
        client.setblocking(False)
        client.send(SLOW[kind][0] or b"E")
        self.sockets.append((client, SLOW[kind][1]))

    def run(self):
        for number in range(CLIENTS):
            self.connect(number)
        self.full.set()
        tick = 0
        while not self.over.is_set():
            at = time.monotonic()
            for number in range(tick % 10, len(self.sockets), 10):
                client, text = self.sockets[number]
                with contextlib.suppress(BlockingIOError):
                    try:
                        client.send(text[tick // 10 % len(text):][:1])
                    except OSError:
                        self.lost += 1
            tick += 1
            self.over.wait(max(0.3 - (time.monotonic() - at), 0.05))

    def __exit__(self, *_):
        self.over.set()
        self.join(timeout=20)
        for client, _ in self.sockets:
            client.close()

    def __enter__(self):
        self.start()
        return self


@pytest.fixture
def many_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < CLIENTS + 1000:
        pytest.skip(f"no more than {before[1]} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_slow_clients_do_not_stop_honest_ones(instance, many_files):
    """Ten thousand clients in commands, in DATA and in handshakes; mail passes meanwhile."""
    wrapped = free_port()
    instance.set(smtpd_tls_security_level="may", mydestination="maison.mrs", local_transport="discard",
                 local_recipient_maps="", smtpd_timeout="60s", smtpd_forbid_unauth_pipelining="no")
    instance.extra_services = f"127.0.0.1:{wrapped} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n"
    ports = {"command": instance.port, "data": instance.port, "tls": wrapped}
    with instance:
        instance.send("a@b.example", "c@maison.mrs")
        with Crowd(ports) as crowd:
            assert crowd.full.wait(60), len(crowd.sockets)
            times = []
            for _ in range(10):
                begin = time.monotonic()
                instance.send("a@b.example", "c@maison.mrs")
                times.append(time.monotonic() - begin)
            assert crowd.lost == 0
            assert len(crowd.sockets) == CLIENTS
            # The first one stands behind connections that are still being accepted.
            assert sorted(times)[5] < 1 and max(times) < 15, times


KINDS = [Instance, pytest.param(postfix.Postfix, marks=pytest.mark.skipif(
    not postfix.is_available(), reason="Postfix needs root and its package"))]


def seconds_alive(port, hello, piece, pause, most):
    """Say HELLO, then PIECE every PAUSE seconds; how long until the server ends it, and its last words."""
    with Dialogue("127.0.0.1", port) as talk:
        talk.reply()
        for line in hello:
            talk.say(line)
            talk.reply()
        begin = time.monotonic()
        while time.monotonic() - begin < most:
            if select.select([talk.socket], [], [], pause)[0]:
                return time.monotonic() - begin, talk.reply()
            with contextlib.suppress(ConnectionError):
                talk.raw(piece)
        return None, ""


@pytest.mark.parametrize("kind", KINDS, ids=["Diligence", "Postfix"])
def test_deadlines(place, kind):
    """Each byte renews smtpd_timeout; with a deadline only enough of them do (smtpd_min_data_rate)."""
    ports = {"bytes": free_port(), "request": free_port(), "older": free_port()}
    one = kind(place / "a", smtpd_timeout="2s", mydestination="maison.mrs", local_transport="discard",
               local_recipient_maps="")
    one.extra_services = (
        f"127.0.0.1:{ports['bytes']} inet n - n - - smtpd -o smtpd_per_request_deadline=no\n"
        f"127.0.0.1:{ports['request']} inet n - n - - smtpd -o smtpd_per_request_deadline=yes\n"
        "    -o smtpd_min_data_rate=100\n"
        f"127.0.0.1:{ports['older']} inet n - n - - smtpd -o smtpd_per_record_deadline=yes\n")
    data = ["EHLO c", "MAIL FROM:<a@b.example>", "RCPT TO:<c@maison.mrs>", "DATA"]
    cases = {"bytes of a command": (ports["bytes"], [], b"x", 0.5, 4),
             "silence": (ports["bytes"], [], b"", 0.5, 4),
             "slow command": (ports["request"], [], b"x", 0.5, 4),
             "slow command, older name": (ports["older"], [], b"x", 0.5, 4),
             "slow content": (ports["request"], data, b"x" * 8 + b"\r\n", 0.5, 4),
             "quick content": (ports["request"], data, b"x" * 98 + b"\r\n", 0.5, 4)}
    results = {}
    with one:
        threads = [threading.Thread(target=lambda n=n, c=c: results.update({n: seconds_alive(*c)}))
                   for n, c in cases.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
    for name in ("bytes of a command", "quick content"):
        assert results[name] == (None, ""), results
    for name in ("silence", "slow command", "slow command, older name", "slow content"):
        seconds, words = results[name]
        assert 1.5 < seconds < 3.6, results
        assert words == "421 4.4.2 gw1.maison.mrs Error: timeout exceeded", results

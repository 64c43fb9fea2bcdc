"""A client with an address of its own that goes through the steps of a scenario.

"text" is said, then a reply is read; bytes are sent alone; READ reads a reply, TEASER its first
line, CLOSE hangs up, TLS shakes hands, a number sleeps. {me} in bytes is the client's address.
"""

import contextlib
import socket
import ssl

from harness.instance import PATIENCE, Dialogue

READ, TEASER, CLOSE, TLS = "read", "teaser", "close", "tls"


class Visitor(Dialogue):
    """See the module."""

    def __init__(self, port, address):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE,
                                               source_address=(address, 0))
        self.file = self.socket.makefile("rb")

    def reply(self):
        try:
            return super().reply()
        except OSError:  # nothing in time, and nothing from then on
            return "(nothing)"

    def start_tls(self, heard):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            self.socket = context.wrap_socket(self.socket)
            self.file = self.socket.makefile("rb")
        except OSError as error:
            heard.append(f"(no TLS: {error})")

    def step(self, step, address, heard):
        if step == READ:
            heard.append(self.reply())
        elif step == TEASER:
            heard.append(self.file.readline().decode())
        elif step == TLS:
            self.start_tls(heard)
        elif isinstance(step, bytes):
            with contextlib.suppress(ConnectionError):
                self.socket.sendall(step.replace(b"{me}", address.encode()))
        elif isinstance(step, (int, float)):
            # A pause that is part of the scenario: nothing tells when it is over.
            wait_until_later(step)
        else:
            with contextlib.suppress(ssl.SSLError):  # closed: the reply tells
                self.say(step)
            heard.append(self.reply())


def wait_until_later(seconds):
    with contextlib.suppress(TimeoutError, socket.timeout), socket.socket(
            socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(seconds)
        silent.recv(1)

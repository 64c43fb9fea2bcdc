"""A milter: it writes down what it is told and answers as a test wants.

    with Milter(answers={"R": [reject]}, end=[add_header("X-A", "b")]) as milter:
        ... smtpd_milters = inet:127.0.0.1:{milter.port}
    milter.events        # [("C", "name 4 ..."), ("M", "<a@b>"), ...]

An answer is a list of packets; what a command has no answer for is continued.
"""

import socket
import struct
import threading

from harness.instance import free_port

ACTIONS, STEPS = 0x1FF, 0


def packet(letter, data=b""):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack("!I", len(data) + 1) + letter.encode() + data


CONTINUE, ACCEPT, REJECT, TEMPFAIL = packet("c"), packet("a"), packet("r"), packet("t")
DISCARD, SKIP, PROGRESS, SHUTDOWN, CONN_FAIL = (packet(x) for x in "dsp4f")


def text(*words):
    return "".join(word + "\0" for word in words)


def reply(line):
    return packet("y", text(line))


def add_header(name, value):
    return packet("h", text(name, value))


def insert_header(index, name, value):
    return packet("i", struct.pack("!I", index) + text(name, value).encode())


def change_header(index, name, value):
    return packet("m", struct.pack("!I", index) + text(name, value).encode())


def change_sender(*words):
    return packet("e", text(*words))


def add_recipient(address):
    return packet("+", text(address))


def add_recipient_with(address, parameters):
    return packet("2", text(address, parameters))


def delete_recipient(address):
    return packet("-", text(address))


def replace_body(piece):
    return packet("b", piece)


def quarantine(reason):
    return packet("q", text(reason))


class Milter:
    """Serves connections until the end of the with block."""

    def __init__(self, answers=None, end=(), version=6, steps=STEPS, macros=b"", actions=ACTIONS, port=None,
                 address="127.0.0.1"):
        self.answers = dict(answers or {})
        self.answers.setdefault("E", [*end, CONTINUE])
        self.options = struct.pack("!III", version, actions, steps) + macros
        self.version, self.steps = version, steps
        self.events, self.connections, self.offer = [], 0, None
        self.open = []
        self.address, self.port = address, port or free_port(address)

    def read(self, connection):
        """The next command's letter and data."""
        head = connection.recv(4, socket.MSG_WAITALL)
        if len(head) < 4:
            return None, b""
        size = struct.unpack("!I", head)[0]
        body = connection.recv(size, socket.MSG_WAITALL)
        return chr(body[0]), body[1:]

    def serve(self, connection):
        self.connections += 1
        with connection:
            while True:
                letter, data = self.read(connection)
                if letter is None:
                    return
                if letter == "O":
                    self.offer = struct.unpack("!III", data[:12])
                    connection.sendall(packet("O", self.options))
                    continue
                if letter == "D":
                    words = data[1:].decode(errors="replace").split("\0")[:-1]
                    self.events.append(("D" + chr(data[0]), dict(zip(words[::2], words[1::2]))))
                    continue
                self.note(letter, data)
                if letter in "QK":
                    return
                if letter != "A" and not self.is_silent(letter):
                    for one in self.answers.get(letter, [CONTINUE]):
                        if one is None:
                            return
                        connection.sendall(one)

    def is_silent(self, letter):
        bits = {"C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000, "U": 0x20000,
                "N": 0x40000, "B": 0x80000, "L": 0x80}
        return self.steps & bits.get(letter, 0)

    def note(self, letter, data):
        if letter == "C":
            name, rest = data.split(b"\0", 1)
            port, address = rest[1:3], rest[3:].rstrip(b"\0")
            data = b" ".join((name, rest[:1], b"port" if any(port) else b"0", address))
        shown = data.rstrip(b"\0").decode("latin-1").replace("\0", "|")
        if letter == "B" and self.events and self.events[-1][0] == "B":
            shown = self.events.pop()[1] + shown
        self.events.append((letter, shown))

    def listen(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self.quiet, args=(connection,), daemon=True).start()

    def quiet(self, connection):
        try:
            self.serve(connection)
        except OSError:
            pass

    def __enter__(self):
        self.server = socket.create_server((self.address, self.port))
        threading.Thread(target=self.listen, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for connection in self.open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @property
    def place(self):
        return f"inet:{self.address}:{self.port}"

"""An IMAP and POP3 client that costs little: it counts bytes and looks for the tagged answer."""

import socket

PIECE = 1 << 20
TAIL = 4096  # longer than any last line


class Client:
    """One connection; the greeting is read."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(PIECE)
        self.tag = 0
        self.greeting = self.line()

    def line(self):
        got = b""
        while not got.endswith(b"\n"):
            piece = self.socket.recv(4096)
            assert piece, "the server closed"
            got += piece
        return got

    def close(self):
        self.socket.close()


class Imap(Client):
    def login(self, user, word):
        self.run(f"LOGIN {user} {word}")
        return self

    def run(self, command, keep=False):
        """Bytes of the answer (or with KEEP the answer); it must be OK."""
        self.tag += 1
        self.socket.sendall(f"t{self.tag} {command}\r\n".encode())
        return self.answer(command, keep)

    def answer(self, command, keep):
        """Read up to the tagged answer, which is the last line; literals cannot look like it: the
        tag's number was never used before."""
        mark = f"t{self.tag} ".encode()
        count, tail, kept = 0, b"", []
        while True:
            n = self.socket.recv_into(self.buffer)
            assert n, f"{command}: the server closed"
            count += n
            if keep:
                kept.append(bytes(self.buffer[:n]))
            tail = (tail + bytes(self.buffer[max(0, n - TAIL):n]))[-TAIL:]
            if tail.endswith(b"\r\n"):
                last = tail[:-2].rsplit(b"\n", 1)[-1]
                if last.startswith(mark):
                    assert last.startswith(mark + b"OK"), f"{command}: {last.decode()}"
                    return b"".join(kept) if keep else count

    def append(self, mailbox, message):
        self.tag += 1
        head = f"t{self.tag} APPEND {mailbox} {{{len(message)}+}}\r\n".encode()
        self.socket.sendall(head + message + b"\r\n")
        return self.answer("APPEND", False)


class Pop3(Client):
    def login(self, user, word):
        for line in (f"USER {user}", f"PASS {word}"):
            self.socket.sendall(line.encode() + b"\r\n")
            assert self.line().startswith(b"+OK")
        return self

    def retrieve(self, count):
        """RETR of messages 1 to COUNT, some hundred commands ahead; bytes received."""
        received = ends = 0
        sent, tail = 0, b""
        while ends < count:
            if sent < count and sent - ends < 100:
                more = range(sent + 1, min(count, sent + 100) + 1)
                self.socket.sendall("".join(f"RETR {i}\r\n" for i in more).encode())
                sent += len(more)
            n = self.socket.recv_into(self.buffer)
            assert n, "the server closed"
            received += n
            piece = tail + bytes(self.buffer[:n])
            ends += piece.count(b"\r\n.\r\n")
            tail = piece[-4:]
        return received

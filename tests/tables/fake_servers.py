"""Servers for tcp: and socketmap: tables, as a site would write them."""

import contextlib
import re
import socketserver
import threading


class Lines(socketserver.StreamRequestHandler):
    """tcp_table(5): get KEY, 200 VALUE."""

    def handle(self):
        self.server.connections += 1
        with contextlib.suppress(ConnectionError):
            for line in self.rfile:
                key = re.sub(rb"%(..)", lambda m: bytes([int(m[1], 16)]), line.strip()[4:])
                self.server.asked.append(key.decode())
                answer = self.server.answers.get(key.decode(), "500 not here")
                if answer is None:
                    return
                self.wfile.write(answer.encode() + b"\n")


class Netstrings(socketserver.StreamRequestHandler):
    """socketmap_table(5): "name key" and "OK value" as netstrings."""

    def handle(self):
        self.server.connections += 1
        with contextlib.suppress(ConnectionError, ValueError):
            while True:
                digits = b""
                while (byte := self.rfile.read(1)) not in (b":", b""):
                    digits += byte
                request = self.rfile.read(int(digits) + 1)[:-1].decode()
                self.server.asked.append(request)
                answer = self.server.answers.get(request, "NOTFOUND ")
                if answer is None:
                    return
                data = answer.encode()
                self.wfile.write(b"%d:%s," % (len(data), data))


class Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True


class Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def serve(handler, answers, path=None):
    """A server that gives ANSWERS, on 127.0.0.1 or at PATH; it notes what it was asked."""
    server = Unix(str(path), handler) if path else Tcp(("127.0.0.1", 0), handler)
    server.answers, server.asked, server.connections = answers, [], 0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

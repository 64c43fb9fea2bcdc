"""Small servers that the SMTP server talks to: a policy server and a filter."""

import socket
import socketserver
import threading


class PolicyServer:
    """Answers each request with what DECIDE says; keeps requests and counts connections."""

    def __init__(self, decide=lambda request: "dunno", path=None):
        self.decide, self.requests, self.connections = decide, [], 0
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                outer.connections += 1
                request = {}
                for line in self.rfile:
                    name, _, value = line.decode().rstrip("\n").partition("=")
                    if name:
                        request[name] = value
                        continue
                    outer.requests.append(request)
                    answer = outer.decide(request)
                    request = {}
                    if answer is None:
                        return
                    self.wfile.write(f"action={answer}\n\n".encode())

        if path:
            self.server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        else:
            self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
            self.port = self.server.server_address[1]
        self.server.daemon_threads = True

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()


class FilterServer:
    """An SMTP server that takes mail (or refuses it as REFUSE says) and keeps what it heard."""

    def __init__(self, refuse=None, xforward=True):
        self.refuse, self.xforward = refuse or {}, xforward
        self.heard, self.messages = [], []
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def answer(self, line):
        verb = line.split()[0].upper() if line.split() else ""
        if verb in self.refuse:
            return self.refuse[verb]
        if verb == "EHLO":
            extra = "250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT\r\n" if self.xforward else ""
            return "250-filter.example\r\n" + extra + "250 8BITMIME"
        return {"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 2.1.0 fine")

    def serve(self, connection):
        file = connection.makefile("rwb")

        def say(text):
            file.write(text.encode() + b"\r\n")
            file.flush()

        say("220 filter.example ESMTP")
        for raw in file:
            line = raw.decode().rstrip("\r\n")
            self.heard.append(line)
            reply = self.answer(line)
            say(reply)
            if reply.startswith("354"):
                content = []
                for raw in file:
                    if raw == b".\r\n":
                        break
                    content.append(raw[1:] if raw.startswith(b".") else raw)
                self.messages.append(b"".join(content))
                say(self.refuse.get(".", "250 2.0.0 filtered"))
            if reply.startswith("221"):
                break
        connection.close()

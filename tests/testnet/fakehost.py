"""A mail server that does as a test tells it, and remembers what it heard.

    host = FakeHost("mx.free.fr", "127.10.0.21", 2525).start()
    host.on("RCPT", "451 4.3.2 later", "451 4.3.2 later", None)   # twice no, then as usual
    host.on("MAIL", lambda session, line: ...)                    # a reply, or None
    host.on("BODY", CLOSE)                                        # in the middle of DATA
    host.without("PIPELINING")
    host.tls = context                                            # an ssl.SSLContext: STARTTLS
    host.messages[0].content, host.sessions[0].commands

Verbs are those of SMTP, and GREETING, BODY (after DATA's first line) and "." (the reply to the
message). The last thing given for a verb stays; one that is None means: as usual.
"""

import re
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field

CLOSE = object()   # hang up without a word
SILENT = object()  # say nothing more, keep the connection

KEYWORDS = ("PIPELINING", "SIZE 10240000", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN")
SESSION_SECONDS = 60  # no session of a test lasts longer


@dataclass
class Message:
    """What one DATA brought."""
    helo: str
    sender: str
    recipients: list
    content: bytes  # as it came, CRLF line ends, dots unstuffed
    mail_options: str = ""
    rcpt_options: list = field(default_factory=list)
    at: float = field(default_factory=time.time)

    @property
    def head(self):
        return self.content.split(b"\r\n\r\n", 1)[0].decode("latin-1").replace("\r\n", "\n")

    @property
    def body(self):
        return self.content.split(b"\r\n\r\n", 1)[1]

    def header(self, name):
        """All values of a header, unfolded."""
        text = re.sub(r"\n[ \t]+", " ", self.head)
        return re.findall(rf"(?im)^{name}:[ \t]*(.*)$", text)


class Session:
    """One connection."""

    def __init__(self, host, connection, peer):
        self.host = host
        self.connection = connection
        self.peer = peer[0]
        self.file = connection.makefile("rb")
        self.commands = []
        self.helo = ""
        self.ended = False
        self.secured = ""  # how, when TLS is on
        self.reset()

    def reset(self):
        self.sender, self.mail_options = None, ""
        self.recipients, self.rcpt_options = [], []

    def say(self, text):
        self.connection.sendall(text.replace("\n", "\r\n").encode("latin-1") + b"\r\n")

    def secure(self):
        """TLS from here on."""
        self.connection = self.host.tls.wrap_socket(self.connection, server_side=True)
        self.file.close()
        self.file = self.connection.makefile("rb")
        end = self.connection
        subject = dict(sum((end.getpeercert() or {"subject": ()})["subject"], ()))
        self.secured = (f"{end.version()} {end.cipher()[0]} reused={end.session_reused} "
                        f"sni={getattr(end, 'asked_for', None)} "
                        f"cert={subject.get('commonName')}")

    def wait_for_end(self):
        """Nothing more is said; read until the other side gives up."""
        while self.file.read(4096):
            pass

    def act(self, verb, line, usual):
        """Do what the test wants for VERB, or as USUAL; False ends the session."""
        answer = self.host.answer(verb, self, line)
        if answer is CLOSE:
            return False
        if answer is SILENT:
            self.wait_for_end()
            return False
        if answer is None:
            answer = usual() if callable(usual) else usual
        if answer is False:
            return False
        self.last = answer
        if answer:
            self.say(answer)
        return True

    def run(self):
        if self.host.is_wrapped:
            self.secure()
        if not self.act("GREETING", "", self.host.greeting):
            return
        while raw := self.file.readline():
            line = raw.decode("latin-1").rstrip("\r\n")
            self.commands.append(line)
            verb = line.split(" ", 1)[0].upper()
            method = getattr(self, "verb_" + verb.lower(), None)
            usual = (lambda: method(line)) if method else "502 5.5.2 command not recognized"
            if not self.act(verb, line, usual) or verb == "QUIT" and self.last[:3] == "221":
                return
            if verb == "DATA" and self.last[:3] == "354" and not self.read_message():
                return
            if verb == "STARTTLS" and self.last[:3] == "220":
                self.secure()

    # --- verbs, as usual ---

    def verb_helo(self, line):
        self.helo = line[5:]
        return f"250 {self.host.name}"

    def verb_ehlo(self, line):
        self.helo = line[5:]
        is_plain = not isinstance(self.connection, ssl.SSLSocket)
        lines = [self.host.name, *self.host.keywords,
                 *(["STARTTLS"] if self.host.tls and is_plain else [])]
        return "\n".join(f"250{'-' if i + 1 < len(lines) else ' '}{text}"
                         for i, text in enumerate(lines))

    verb_lhlo = verb_ehlo  # LMTP, one recipient a message

    def verb_mail(self, line):
        path, _, self.mail_options = line[10:].partition("> ")
        self.sender = path.strip("<> ")
        return f"250 2.1.0 <{self.sender}>... Sender ok"

    def verb_rcpt(self, line):
        path, _, options = line[8:].partition("> ")
        self.recipients.append(path.strip("<> "))
        self.rcpt_options.append(options)
        return f"250 2.1.5 <{self.recipients[-1]}>... Recipient ok"

    def verb_data(self, _):
        if not self.recipients:
            return "554 5.5.1 no valid recipients"
        return '354 Enter mail, end with "." on a line by itself'

    def verb_rset(self, _):
        self.reset()
        return "250 2.0.0 Ok"

    def verb_noop(self, _):
        return "250 2.0.0 Ok"

    def verb_starttls(self, _):
        return "220 2.0.0 Ready to start TLS" if self.host.tls else "502 5.5.1 no TLS here"

    def verb_quit(self, _):
        return f"221 2.0.0 {self.host.name} closing connection"

    def read_message(self):
        """The text until its dot; the reply to it."""
        lines = []
        with self.host.in_data():
            for raw in self.file:
                if raw == b".\r\n":
                    break
                lines.append(raw[1:] if raw.startswith(b".") else raw)
                if len(lines) == 1 and not self.act("BODY", "", ""):
                    return False
            else:
                return False
            message = Message(self.helo, self.sender, self.recipients, b"".join(lines),
                              self.mail_options, self.rcpt_options)
            usual = f"250 2.0.0 LAA{len(self.host.messages):05} Message accepted for delivery"
            if not self.act(".", message, usual):
                return False
            if self.last[:1] == "2":
                self.host.messages.append(message)
        self.reset()
        return True


class FakeHost:
    """One listening server; a thread a session."""

    def __init__(self, name, address, port, greeting=None, keywords=KEYWORDS):
        self.name = name
        self.address = address
        self.port = port
        self.greeting = f"220 {name} ESMTP"
        self.keywords = list(keywords)
        self.rules = {}
        self.tls = None          # an ssl.SSLContext: STARTTLS is offered
        self.is_wrapped = False  # TLS from the first byte
        self.sessions = []
        self.messages = []
        self.lock = threading.Lock()
        self.at_once = 0  # sessions that are inside DATA
        self.most_at_once = 0
        self.listener = None
        if greeting is not None:
            self.on("GREETING", greeting)

    # --- manners ---

    def on(self, verb, *answers):
        """Answer VERB with ANSWERS in turn, the last one for ever."""
        with self.lock:
            self.rules[verb] = list(answers)
        return self

    def usual(self, *verbs):
        """Forget what on() said for VERBS, or for all."""
        with self.lock:
            for verb in verbs or list(self.rules):
                self.rules.pop(verb, None)
        return self

    def without(self, *keywords):
        self.keywords = [k for k in self.keywords if k.split()[0] not in keywords]
        return self

    def answer(self, verb, session, line):
        with self.lock:
            answers = self.rules.get(verb)
            if not answers:
                return None
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer(session, line) if callable(answer) else answer

    def in_data(self):
        return _Counted(self)

    # --- life ---

    def start(self):
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self.listener = socket.create_server((self.address, self.port), family=family,
                                             backlog=100)
        threading.Thread(target=self._serve, args=(self.listener,), daemon=True).start()
        return self

    def close(self):
        """Listen no more (connections are refused) and hang up; start() again later."""
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        for session in list(self.sessions):
            if not session.ended:
                self._hang_up(session)

    @staticmethod
    def _hang_up(session):
        try:
            session.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # has gone by itself

    def _serve(self, listener):
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            connection.settimeout(SESSION_SECONDS)
            session = Session(self, connection, peer)
            self.sessions.append(session)
            threading.Thread(target=self._converse, args=(session,), daemon=True).start()

    @staticmethod
    def _converse(session):
        try:
            session.run()
        except OSError:
            pass  # the other side hung up, or this server closed
        finally:
            session.file.close()
            session.connection.close()
            session.ended = True


class _Counted:
    """How many sessions are inside DATA now, and at most."""

    def __init__(self, host):
        self.host = host

    def __enter__(self):
        with self.host.lock:
            self.host.at_once += 1
            self.host.most_at_once = max(self.host.most_at_once, self.host.at_once)

    def __exit__(self, *exception):
        with self.host.lock:
            self.host.at_once -= 1

"""An instance whose users read their mail: IMAP, POP3 and LMTP in, virtual users in Maildirs."""

import os
import shutil
import socket

from .instance import PATIENCE, Instance, free_port

DOMAIN = "example.com"

SERVICES = """\
127.0.0.1:{imap} inet n - n - - imap-login
  -o login_tls_auth_only=no
127.0.0.1:{pop3} inet n - n - - pop3-login
  -o login_tls_auth_only=no
127.0.0.1:{lmtp} inet n - n - - lmtpd
store unix - - n - - store
auth unix - - n - - auth
virtual unix - n n - - virtual
"""


class MailServer(Instance):
    """With the USERS given, {"name@example.com": password}."""

    def __init__(self, directory, users, **parameters):
        self.users = users
        super().__init__(directory / "server", **parameters)
        self.imap_port, self.pop3_port, self.lmtp_port = (free_port() for _ in range(3))
        domains = sorted({user.split("@")[1] for user in users if "@" in user})
        self.set(virtual_mailbox_domains=" ".join(domains),
                 virtual_mailbox_base=self.directory / "boxes",
                 virtual_mailbox_maps=f"texthash:{self.config}/boxes",
                 auth_password_maps=f"texthash:{self.config}/logins",
                 auth_failure_delay="0")
        if os.getuid() == 0:
            self.set(virtual_uid_maps="static:65534", virtual_gid_maps="static:65534",
                     virtual_minimum_uid="100")
        self.extra_services = SERVICES.format(imap=self.imap_port, pop3=self.pop3_port,
                                              lmtp=self.lmtp_port)

    def maildir(self, user):
        return self.directory / "boxes" / user

    def write(self):
        super().write()
        self.file("boxes", "".join(f"{user} {user}/\n" for user in self.users if "@" in user))
        self.file("logins", "".join(f"{user} {{PLAIN}}{word}\n"
                                    for user, word in self.users.items()), 0o640)
        boxes = self.directory / "boxes"
        boxes.mkdir(exist_ok=True)
        if os.getuid() == 0:
            shutil.chown(self.config / "logins", "root", "nogroup")
            for path in (boxes, *boxes.rglob("*")):
                os.chown(path, 65534, 65534)

    @property
    def pid(self):
        return int((self.queue / "pid" / "master.pid").read_text().strip())

    def imap(self, user=None):
        """A session; logged in when USER is given."""
        session = ImapDialogue(self.imap_port)
        if user:
            assert session.ok(f"LOGIN {user} {self.users[user]}")
        return session


class ImapDialogue:
    """IMAP by hand: each answer as a list of bytes, one a response, literals included."""

    def __init__(self, port, address="127.0.0.1"):
        self.socket = socket.create_connection((address, port), timeout=PATIENCE)
        self.file = self.socket.makefile("rb")
        self.tags = 0
        self.greeting = self.response()

    def response(self):
        """One response: a line, with its literals and what follows them."""
        whole = b""
        while True:
            line = self.file.readline()
            assert line.endswith(b"\n"), f"the server closed: {whole + line!r}"
            whole += line
            if not line.endswith(b"}\r\n") or b"{" not in line:
                return whole[:-2]
            size = int(line[line.rindex(b"{") + 1:-3].rstrip(b"+"))
            whole += self.file.read(size)

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def start(self, command):
        """Send COMMAND; its tag."""
        self.tags += 1
        tag = f"a{self.tags}"
        self.send(tag.encode() + b" " + (command if isinstance(command, bytes)
                                         else command.encode()) + b"\r\n")
        return tag.encode()

    def finish(self, tag):
        """Responses up to the tagged one, which comes last."""
        found = []
        while True:
            found.append(self.response())
            if found[-1].startswith(tag + b" "):
                return found

    def run(self, command):
        return self.finish(self.start(command))

    def ok(self, command):
        """Untagged responses of COMMAND, and the tagged text last, without its tag and OK."""
        found = self.run(command)
        status = found[-1].split(b" ", 2)
        assert status[1] == b"OK", f"{command!r}: {found[-1]!r}"
        return [one[2:] if one.startswith(b"* ") else one for one in found[:-1]] + [status[2]]

    def fails(self, command, with_text=b"NO"):
        found = self.run(command)
        assert found[-1].split(b" ", 1)[1].startswith(with_text), f"{command!r}: {found[-1]!r}"
        return found

    def append(self, mailbox, message, options=""):
        """APPEND with a literal that is not waited for; the tagged text."""
        if isinstance(message, str):
            message = message.encode()
        message = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return self.ok(f"APPEND {mailbox} {options}{{{len(message)}+}}\r\n".encode() + message)[-1]

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

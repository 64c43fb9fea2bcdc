"""A whole mail system in a directory of its own, for tests.

An Instance writes main.cf and master.cf, starts the staged programs with
`diligence -c DIR start`, and knows its log, mailboxes and queue. Everything
listens on 127/8 with ports over 1024; only processes that it started end.
"""

import collections
import contextlib
import getpass
import os
import pathlib
import random
import re
import shutil
import smtplib
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
STAGE = pathlib.Path(os.environ.get("DILIGENCE_STAGE", ROOT / "build" / "stage"))
PATIENCE = float(os.environ.get("DILIGENCE_TEST_PATIENCE", "20"))

MASTER_CF = """\
{smtp}      inet  n       -       n       -       -       smtpd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
flush     unix  n       -       n       1000?   0       flush
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       n       -       -       lmtp
verify    unix  -       -       n       -       1       verify
anvil     unix  -       -       n       -       1       anvil
"""


# Given out of late: whoever asked for them may not listen yet.
recent_ports = collections.deque(maxlen=100)


def free_port(address="127.0.0.1"):
    """A TCP port that nobody listens on at the moment.

    From below the ephemeral ports, so no connection that goes out takes it; test runs that go side
    by side (pytest-xdist's workers gw0, gw1 ...) each have a thousand of their own.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")[2:]
    first = 10000 + 1000 * (1 + int(worker) % 20 if worker else 0)
    for _ in range(1000):
        port = random.randrange(first, first + 1000)
        if port in recent_ports:
            continue
        recent_ports.append(port)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((address, port))
            return port
    raise AssertionError(f"no free port on {address}")


def wait_until(condition, what, patience=None):
    """Call CONDITION until it gives something true; fail with WHAT after a bounded time."""
    end = time.monotonic() + (patience or PATIENCE)
    pause = 0.005
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"timed out waiting for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


class Instance:
    """One mail system below DIRECTORY."""

    def __init__(self, directory, hostname="gw1.maison.mrs", address="127.0.0.1", port=None,
                 **parameters):
        self.directory = pathlib.Path(directory)
        self.config = self.directory / "etc"
        self.queue = self.directory / "queue"
        self.spool = self.directory / "mail"
        self.log_file = self.directory / "maillog"
        self.stage = STAGE
        self.address = address
        self.port = port or free_port(address)
        self.user = getpass.getuser() if os.getuid() else "root"
        self.parameters = {
            "compatibility_level": "3.7",
            "myhostname": hostname,
            "inet_interfaces": address,
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "queue_directory": self.queue,
            "data_directory": self.directory / "data",
            "mail_spool_directory": self.spool,
            "maillog_file": self.log_file,
            "maillog_file_prefixes": self.directory,
            "alias_maps": "",
            "alias_database": "",
            "smtpd_peername_lookup": "no",
            "biff": "no",
        }
        if os.getuid() == 0:
            self.parameters["mail_owner"] = "nobody"
            self.parameters["setgid_group"] = "nogroup"
            self.parameters["default_privs"] = "daemon"
        self.parameters.update({k: v for k, v in parameters.items()})
        self.extra_services = ""
        self.master_cf = MASTER_CF
        self.running = False

    # --- configuration -------------------------------------------------------

    def set(self, **parameters):
        self.parameters.update(parameters)
        return self

    def file(self, name, text, mode=0o644):
        """Write a file below the configuration directory; its path."""
        path = self.config / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def table(self, name, text, kind="hash"):
        """Write and build a table; "hash:/path" for main.cf."""
        path = self.file(name, text)
        self.write()
        command = "postalias" if "aliases" in name else "postmap"
        self.run(command, f"{kind}:{path}")
        return f"{kind}:{path}"

    def write(self):
        self.config.mkdir(parents=True, exist_ok=True)
        for directory in (self.queue, self.spool, self.directory / "data"):
            directory.mkdir(parents=True, exist_ok=True)
        self.spool.chmod(0o1777)
        self.directory.chmod(0o755)
        if os.getuid() == 0:
            shutil.chown(self.directory / "data", "nobody", "nogroup")
        lines = [f"{name} = {value}" for name, value in self.parameters.items()]
        (self.config / "main.cf").write_text("\n".join(lines) + "\n")
        text = self.master_cf.format(smtp=f"{self.address}:{self.port}") + self.extra_services
        (self.config / "master.cf").write_text(text)

    # --- life ------------------------------------------------------------------

    def start(self):
        self.write()
        self.run("diligence", "start", config_first=True)
        self.running = True
        wait_until(self.accepts, "the SMTP port")
        return self

    def accepts(self):
        with contextlib.suppress(OSError):
            socket.create_connection((self.address, self.port), timeout=1).close()
            return True
        return False

    def stop(self):
        if self.running:
            self.run("diligence", "stop", config_first=True, check=False)
            self.running = False

    def reload(self):
        self.write()
        self.run("diligence", "reload", config_first=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.stop()

    def run(self, command, *arguments, stdin=None, check=True, config_first=False, timeout=60,
            env=None):
        """Run a staged command with this instance's configuration."""
        arguments = [str(a) for a in arguments]
        if command in ("mailq", "newaliases", "sendmail"):
            arguments = ["-C", str(self.config)] + arguments
        else:
            arguments = ["-c", str(self.config)] + arguments
        environment = dict(os.environ, MAIL_CONFIG=str(self.config), **(env or {}))
        done = subprocess.run([str(self.stage / "bin" / command)] + arguments, input=stdin,
                              capture_output=True, timeout=timeout, env=environment,
                              text=not isinstance(stdin, bytes))
        if check and done.returncode != 0:
            raise AssertionError(f"{command} {arguments} gave {done.returncode}: "
                                 f"{done.stdout!r} {done.stderr!r}\n{self.log()[-2000:]}")
        return done

    # --- mail ------------------------------------------------------------------

    def smtp(self, **options):
        return smtplib.SMTP(self.address, self.port, timeout=PATIENCE, **options)

    def send(self, sender, recipients, body=b"Subject: test\n\nhello\n", **options):
        """Send one message over SMTP; the queue ID of the reply. LF in BODY goes as CRLF."""
        if isinstance(body, str):
            body = body.encode()
        if b"\r\n" not in body:
            body = body.replace(b"\n", b"\r\n")
        recipients = [recipients] if isinstance(recipients, str) else recipients
        with self.smtp() as client:
            client.ehlo("pchris.maison.mrs")
            code, text = client.mail(sender, options.get("mail_options", ()))
            assert code == 250, (code, text)
            for recipient in recipients:
                code, text = client.rcpt(recipient, options.get("rcpt_options", ()))
                assert code in (250, 251), (code, text)
            code, text = client.data(body)
            assert code == 250, (code, text)
        return text.decode().rsplit(" ", 1)[-1]

    def dialogue(self, *lines, greeting=True):
        """Speak LINES one by one; the list of (whole) replies."""
        with Dialogue(self.address, self.port) as talk:
            replies = [talk.reply()] if greeting else []
            for line in lines:
                talk.say(line)
                replies.append(talk.reply())
            return replies

    # --- what happened -------------------------------------------------------------

    def log(self):
        try:
            return self.log_file.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def log_lines(self, pattern):
        return [line for line in self.log().splitlines() if re.search(pattern, line)]

    def wait_log(self, pattern, count=1, patience=None):
        """Wait until COUNT lines match; the lines."""
        def enough():
            found = self.log_lines(pattern)
            return found if len(found) >= count else None
        try:
            return wait_until(enough, f"log line /{pattern}/", patience)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.log()[-4000:]}") from None

    def wait_removed(self, queue_id, patience=None):
        return self.wait_log(rf"{queue_id}: removed", patience=patience)

    def maildir(self, path):
        """Messages in a Maildir, as bytes."""
        found = []
        for sub in ("new", "cur"):
            folder = pathlib.Path(path) / sub
            if folder.is_dir():
                found += [p.read_bytes() for p in sorted(folder.iterdir())]
        return found

    def mbox(self, user):
        path = self.spool / user
        return path.read_bytes() if path.exists() else b""

    def queue_ids(self):
        """IDs in the queue, as postqueue -j lists them."""
        import json
        text = self.run("postqueue", "-j").stdout
        return {json.loads(line)["queue_id"]: json.loads(line) for line in text.splitlines()}

    def wait_queue_empty(self, patience=None):
        wait_until(lambda: not self.queue_ids(), "an empty queue", patience)


class Dialogue:
    """A hand-made SMTP session."""

    def __init__(self, address, port):
        self.socket = socket.create_connection((address, port), timeout=PATIENCE)
        self.file = self.socket.makefile("rb")

    def say(self, line):
        data = line if isinstance(line, bytes) else line.encode()
        with contextlib.suppress(ConnectionError):  # the reply tells that the server closed
            self.socket.sendall(data if data.endswith(b"\n") else data + b"\r\n")

    def raw(self, data):
        self.socket.sendall(data)

    def reply(self):
        """One whole reply, lines joined by \\n; "" when the server closed."""
        lines = []
        while True:
            try:
                line = self.file.readline().decode(errors="replace").rstrip("\r\n")
            except ConnectionError:
                line = ""
            lines.append(line)
            if len(line) < 4 or line[3] != "-":
                return "\n".join(lines)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.file.close()
        self.socket.close()

#!/usr/bin/env python3
"""A complete mail system on loopback: start it, send through it, read from it.

Usage: demo.py STAGE [--once]

Makes an instance beside STAGE (below /tmp, and gone at the end, when its user may not enter there) and starts it as an
ordinary user. Three messages travel through it: one over SMTP, one from a program to a list (a local mailbox
and another host), one that the other host refuses and that comes back. Of each it shows what every program logged and
what that means, and then the mailbox, which it reads over POP3 and IMAP as a mail program would. The log stays in view until Ctrl-C; with --once all stops at once.
"""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))
from testnet.fakehost import FakeHost  # noqa: E402

PATIENCE = 20
HOST = "gw1.maison.test"
DOMAIN = "maison.test"
USER = f"chris@{DOMAIN}"
PASSWORD = "sesame"
LIST = f"famille@{HOST}"
FRIEND = "ami@ailleurs.test"
NOBODY = "inconnu@ailleurs.test"

MAIN_CF = """\
# The demo's main.cf: Postfix's own settings, on loopback, for one user.
compatibility_level = 3.7
myhostname = {host}
myorigin = {domain}
mydestination = {host}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
queue_directory = {place}/queue
data_directory = {place}/data
maillog_file = {place}/maillog
maillog_file_prefixes = {place}
# A list: one member here, one elsewhere.
alias_maps = inline:{{ {{famille = {user}, {friend}}} }}
alias_database =
# The rest of the world is one host, which this demo plays.
transport_maps = inline:{{ ailleurs.test=smtp:[127.0.0.1]:{elsewhere} }}
# Everybody @{domain} has a Maildir below {place}/mail.
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {place}/mail
virtual_mailbox_maps = inline:{{ {user}=chris/ }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
# One password; {{PLAIN}} is for demos only: `diligence user passwd` keeps a hash.
auth_password_maps = inline:{{ {{{user}={{PLAIN}}{password}}} }}
"""

MASTER_CF = """\
# service      type  private unpriv chroot wakeup maxproc command
127.0.0.1:{port} inet  n  -  n  -     -  smtpd
pickup         unix  n  -  n  60    1  pickup
cleanup        unix  n  -  n  -     0  cleanup
qmgr           unix  n  -  n  300   1  qmgr
rewrite        unix  -  -  n  -     -  trivial-rewrite
bounce         unix  -  -  n  -     0  bounce
defer          unix  -  -  n  -     0  bounce
trace          unix  -  -  n  -     0  bounce
flush          unix  n  -  n  1000? 0  flush
smtp           unix  -  -  n  -     -  smtp
relay          unix  -  -  n  -     -  smtp
showq          unix  n  -  n  -     -  showq
error          unix  -  -  n  -     -  error
retry          unix  -  -  n  -     -  error
discard        unix  -  -  n  -     -  discard
local          unix  -  n  n  -     -  local
virtual        unix  -  n  n  -     -  virtual
lmtp           unix  -  -  n  -     -  lmtp
# Reading mail: IMAP and POP3, with STARTTLS and with TLS from the first byte.
127.0.0.1:{imap} inet  n  -  n  -     -  imap-login
127.0.0.1:{imaps} inet  n  -  n  -     -  imap-login
    -o login_tls_wrappermode=yes
127.0.0.1:{pop3} inet  n  -  n  -     -  pop3-login
127.0.0.1:{pop3s} inet  n  -  n  -     -  pop3-login
    -o login_tls_wrappermode=yes
store          unix  -  n  n  -     -  store
auth           unix  -  -  n  -     -  auth
anvil          unix  -  -  n  -     1  anvil
tlsmgr         unix  -  -  n  1000? 1  tlsmgr
postlog        unix-dgram n - n  -     1  postlogd
"""

# What the boxes of the anatomy say on the way, and what it means.
EXPLAINED = (
    (r"smtpd\[.*: client=", "a client is at the door, its first recipient is good: here is the queue ID"),
    (r"pickup\[.*: uid=", "a file in maildrop/ was taken; who put it there, and in whose name"),
    (r"cleanup\[.*: message-id=", "headers completed and rewritten, content checked, on its way to the disk"),
    (r"qmgr\[.*from=<>.*\(queue active\)", "a report has no sender, so that nothing ever answers it"),
    (r"qmgr\[.*\(queue active\)", "on disk; the queue manager looks for an agent"),
    (r"local\[.*status=sent \(forwarded", "an alias: each member gets the new message named here"),
    (r"virtual\[.*status=sent", "in the mailbox: for whom, how long it took, how it ended"),
    (r"smtp\[.*status=sent", "another host has it, and said so"),
    (r"smtp\[.*status=bounced", "the other host does not want it, and never will"),
    (r"bounce\[.*notification: ", "its sender must know: a report is on its way"),
    (r"qmgr\[.*: removed", "all recipients done: nothing is left in the queue"),
)

BOLD, DIM, PLAIN = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def say(text=""):
    print(text, flush=True)


def title(text):
    say(f"\n{BOLD}{text}{PLAIN}")


def wait_until(condition, what):
    """The first true value of CONDITION; ends the demo with WHAT when there is none in time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    sys.exit(f"demo: {what} did not happen within {PATIENCE} s")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Demo:
    """The instance and its programs."""

    def __init__(self, stage):
        self.stage = stage.resolve()
        self.place = self.stage.parent / "demo"
        self.user = pwd.getpwuid(os.getuid())
        self.prefix = []
        self.is_copy = False
        self.told = set()  # what was explained already
        if os.getuid() == 0:
            self.become_nobody()
        self.config = self.place / "etc"
        self.log = self.place / "maillog"
        self.mailbox = self.place / "mail" / "chris" / "new"

    def become_nobody(self):
        """Root has no part in this: all of it runs as nobody."""
        self.user = pwd.getpwnam("nobody")
        self.prefix = ["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}",
                       "--clear-groups", "--"]
        program = self.stage / "bin" / "diligence"
        if subprocess.run(self.prefix + ["test", "-x", program], check=False).returncode != 0:
            # Our own directories are closed to others: work with a copy of the programs.
            self.place = pathlib.Path(tempfile.mkdtemp(prefix="diligence-demo."))
            self.place.chmod(0o755)
            self.is_copy = True
            shutil.copytree(self.stage, self.place / "stage", symlinks=True)
            self.stage = self.place / "stage"

    def command(self, name, *arguments):
        flag = "-C" if name in ("sendmail", "mailq") else "-c"
        return [*self.prefix, str(self.stage / "bin" / name), flag, str(self.place / "etc"),
                *map(str, arguments)]

    def run(self, name, *arguments, text=None):
        done = subprocess.run(self.command(name, *arguments), input=text, capture_output=True,
                              text=True, check=False, timeout=PATIENCE * 2)
        if done.returncode != 0:
            sys.exit(f"demo: {name} failed ({done.returncode}):\n{done.stderr}{self.read_log()[-3000:]}")
        return done.stdout

    def stop(self):
        """End the instance, or what an earlier demo left running; a copy of the programs goes."""
        if (self.place / "etc" / "main.cf").exists():
            subprocess.run(self.command("diligence", "stop"), check=False, capture_output=True)
        if self.is_copy and self.config.exists():
            shutil.rmtree(self.place)

    def create(self):
        self.stop()
        self.elsewhere = FakeHost("mx.ailleurs.test", "127.0.0.1", free_port()).start()
        self.elsewhere.on("RCPT", lambda session, line: f"550 5.1.1 <{NOBODY}>: no such user here"
                          if NOBODY in line else None)
        self.port = free_port()
        self.ports = {name: free_port() for name in ("imap", "imaps", "pop3", "pop3s")}
        for name in ("queue", "mail", "data", "etc"):
            path = self.place / name
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
        with contextlib.suppress(FileNotFoundError):
            self.log.unlink()
        values = {"place": self.place, "host": HOST, "domain": DOMAIN, "user": USER, "friend": FRIEND,
                  "password": PASSWORD, **self.ports,
                  "port": self.port, "elsewhere": self.elsewhere.port,
                  "uid": self.user.pw_uid, "gid": self.user.pw_gid}
        (self.config / "main.cf").write_text(MAIN_CF.format(**values))
        (self.config / "master.cf").write_text(MASTER_CF.format(**values))
        if os.getuid() == 0:
            for name in (".", "queue", "mail", "data"):
                shutil.chown(self.place / name, self.user.pw_uid, self.user.pw_gid)

    def read_log(self):
        return self.log.read_text() if self.log.exists() else ""

    def messages(self):
        """Read as the mailbox's user would; delivered files have mode 0600."""
        if not self.mailbox.is_dir():
            return []
        return sorted(self.mailbox.iterdir(), key=lambda path: path.stat().st_mtime)

    # --- what is shown ---

    def send_by_smtp(self):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE) as client:
            client.set_debuglevel(0)
            client.ehlo("pchris.maison.test")
            client.mail("maman@wanadoo.test")
            client.rcpt(USER)
            code, text = client.data("From: Maman <maman@wanadoo.test>\r\n"
                                     f"To: {USER}\r\nSubject: par SMTP\r\n\r\n"
                                     "Bonjour ! Ce message est venu par le réseau.\r\n".encode())
        if code != 250:
            sys.exit(f"demo: the message was refused: {code} {text.decode()}")
        return re.search(r"queued as (\S+)", text.decode()).group(1)

    def send_by_sendmail(self, recipient, subject):
        taken = len(re.findall(r"pickup\[\d+\]: \S+: uid=", self.read_log()))
        self.run("sendmail", "-t", "-f", USER,
                 text=f"From: Chris <{USER}>\nTo: {recipient}\nSubject: {subject}\n\n"
                 "Bonjour ! Ce message vient d'un programme de cette machine.\n")

        def new_ids():
            return re.findall(r"pickup\[\d+\]: (\S+): uid=", self.read_log())[taken:]
        return wait_until(new_ids, "pickup of the message from sendmail")[0]

    def explain(self, queue_id, seen=()):
        """The log lines of one message, with their meaning the first time; then those it led to."""
        wait_until(lambda: f"{queue_id}: removed" in self.read_log(), f"delivery of {queue_id}")
        next_ids = []
        for line in self.read_log().splitlines():
            match = re.match(r"\S+ +\S+ \S+ \S+ postfix/(\w+)\[\d+\]: (.*)", line)
            if not match or f"{queue_id}:" not in line:
                continue
            say(f"  {BOLD}{match.group(1):>8}{PLAIN}  {match.group(2)}")
            meaning = next((text for pattern, text in EXPLAINED if re.search(pattern, line)), "")
            if meaning and meaning not in self.told:
                self.told.add(meaning)
                say(f"            {DIM}{meaning}{PLAIN}")
            next_ids += re.findall(r"(?:forwarded as |notification: )(\w+)", line)
        seen = [*seen, queue_id]
        for other in dict.fromkeys(next_ids):
            if other not in seen:
                say(f"  {DIM}-- and so {other} --{PLAIN}")
                self.explain(other, seen)

    def show_mailbox(self):
        """The first message whole, of the others who wrote and why."""
        wait_until(lambda: len(self.messages()) >= 3, "three files in the mailbox")
        for number, path in enumerate(self.messages()):
            lines = path.read_text(errors="replace").splitlines()
            say(f"  {DIM}{path.relative_to(self.place)}{PLAIN}")
            if number > 0:
                lines = [line for line in lines[:lines.index("")]
                         if line.startswith(("From: ", "To: ", "Subject: "))]
            for line in lines:
                say(f"    {line}")
            say()

    def read_back(self):
        """The first message, as curl gets it over POP3 and IMAP, with TLS from the first byte and by command."""
        for what, url in (("POP3, TLS by STLS", f"pop3://127.0.0.1:{self.ports['pop3']}/1"),
                          ("POP3S", f"pop3s://127.0.0.1:{self.ports['pop3s']}/1"),
                          ("IMAP, TLS by STARTTLS", f"imap://127.0.0.1:{self.ports['imap']}/INBOX;MAILINDEX=1"),
                          ("IMAPS", f"imaps://127.0.0.1:{self.ports['imaps']}/INBOX;MAILINDEX=1")):
            started = time.monotonic()
            done = subprocess.run(["curl", "-sS", "-k", "--ssl-reqd", "--user", f"{USER}:{PASSWORD}", url],
                                  capture_output=True, check=False, timeout=PATIENCE)
            if done.returncode != 0:
                sys.exit(f"demo: {what}: {done.stderr.decode()}{self.read_log()[-3000:]}")
            subject = re.search(rb"(?m)^Subject: (.*?)\r?$", done.stdout)
            say(f"  {what:<22} {len(done.stdout)} bytes, \"{subject[1].decode()}\", "
                f"{1000 * (time.monotonic() - started):.0f} ms with the handshake")

    def show_account(self):
        """What a mail program asks for."""
        ports = self.ports
        title("An account for a mail program (Thunderbird, mutt, ...)")
        say(f"  user name       {USER}   (all of it, with the \"@\")")
        say(f"  password        {PASSWORD}   (\"normal password\")")
        say(f"  incoming, IMAP  127.0.0.1  port {ports['imaps']} SSL/TLS, or {ports['imap']} STARTTLS")
        say(f"  incoming, POP3  127.0.0.1  port {ports['pop3s']} SSL/TLS, or {ports['pop3']} STARTTLS")
        say(f"  outgoing, SMTP  127.0.0.1  port {self.port} no encryption, no password")
        say(f"  {DIM}The certificate was made by the demo itself: the program will ask whether to trust it.{PLAIN}")

    def show_elsewhere(self):
        for message in self.elsewhere.messages:
            say(f"  from <{message.sender}> to <{message.recipients[0]}>: {message.header('Subject')[0]}")

    def follow_log(self):
        """Show the log as it grows, until Ctrl-C."""
        with self.log.open() as log:
            log.seek(0, os.SEEK_END)
            while True:
                line = log.readline()
                if line:
                    say(line.rstrip("\n"))
                else:
                    time.sleep(0.2)

    def hints(self):
        """Ready to be typed in another terminal."""
        where = self.place / "etc"
        binary = self.stage / "bin"
        prefix = " ".join(self.prefix) + " " if self.prefix else ""
        title("It is running. What to try in another terminal")
        say(f"  talk to it         telnet 127.0.0.1 {self.port}")
        say(f"  write to chris     printf 'Subject: moi\\n\\nbonjour\\n' | {prefix}{binary}/sendmail -C {where} {USER}")
        say(f"  look at the queue  {prefix}{binary}/mailq -C {where}")
        say(f"  read the mail      curl -k --user {USER}:{PASSWORD} "
            f"'imaps://127.0.0.1:{self.ports['imaps']}/INBOX;MAILINDEX=1'")
        say(f"  change something   edit {where}/main.cf, then {prefix}{binary}/diligence -c {where} reload")
        title(f"The log, {self.log}. Ctrl-C stops everything")


def travel(demo):
    """Three messages, and where they ended."""
    started = time.monotonic()
    demo.run("diligence", "start")
    first = demo.send_by_smtp()
    say(f"  started, and a first message accepted, {1000 * (time.monotonic() - started):.0f} ms later")
    title(f"1. A message over SMTP for {USER}: queue ID {first}")
    demo.explain(first)
    second = demo.send_by_sendmail(LIST, "par sendmail, pour tous")
    title(f"2. A message from a program (sendmail) for the list {LIST}: queue ID {second}")
    demo.explain(second)
    third = demo.send_by_sendmail(NOBODY, "qui est la ?")
    title(f"3. A message for {NOBODY}, whom nobody knows: queue ID {third}")
    demo.explain(third)
    title(f"What {FRIEND.partition('@')[2]} got")
    demo.show_elsewhere()
    title(f"The mailbox of {USER}")
    demo.show_mailbox()
    title("The same over the network")
    demo.read_back()
    demo.show_account()


def main():
    arguments = [a for a in sys.argv[1:] if a != "--once"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    os.umask(0o022)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    demo = Demo(pathlib.Path(arguments[0]))
    demo.create()
    title(f"Starting: configuration in {demo.place / 'etc'}, as user {demo.user.pw_name}")
    try:
        travel(demo)
        if "--once" not in sys.argv:
            demo.hints()
            demo.follow_log()
    except KeyboardInterrupt:
        say()
    finally:
        demo.stop()
    say("Stopped.")


if __name__ == "__main__":
    main()

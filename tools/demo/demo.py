#!/usr/bin/env python3
"""A complete mail system on loopback: start it, send through it, read from it.

Usage: demo.py STAGE [--once]

Makes an instance below build/demo (below /tmp when build/ may not be entered by its user), starts it as an
ordinary user, sends one message over SMTP and one with sendmail, shows what each program logged on the way, and
reads the mailbox. Then it says what to try next; with --once it stops the system instead.
"""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 20
HOST = "gw1.maison.test"
USER = f"chris@{HOST}"

MAIN_CF = """\
# The demo's main.cf: Postfix's own settings, on loopback, for one user.
compatibility_level = 3.7
myhostname = {host}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
queue_directory = {place}/queue
data_directory = {place}/data
maillog_file = {place}/maillog
maillog_file_prefixes = {place}
alias_maps =
alias_database =
# Everybody @{host} has a Maildir below {place}/mail.
virtual_mailbox_domains = {host}
virtual_mailbox_base = {place}/mail
virtual_mailbox_maps = inline:{{ {user}=chris/ }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
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
postlog        unix-dgram n - n  -     1  postlogd
"""

# What the boxes of the anatomy say on the way, and what it means.
EXPLAINED = (
    (r"smtpd\[.*: connect from", "a client is at the door"),
    (r"smtpd\[.*: client=", "the first recipient is good: the message gets its queue ID"),
    (r"smtpd\[.*: disconnect from", "the client has its 250 and leaves"),
    (r"pickup\[.*: uid=", "a file in maildrop/ was taken; who put it there, and in whose name"),
    (r"cleanup\[.*: message-id=", "headers completed and rewritten, content checked, on its way to the disk"),
    (r"qmgr\[.*\(queue active\)", "on disk; the queue manager looks for an agent"),
    (r"status=sent", "an agent delivered it: to whom, how long it took, how it ended"),
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
            self.place = pathlib.Path(tempfile.gettempdir()) / "diligence-demo"
            self.stop_earlier()
            shutil.rmtree(self.place, ignore_errors=True)
            self.place.mkdir(mode=0o755)
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

    def stop_earlier(self):
        """End what an earlier demo left running."""
        if (self.place / "etc" / "main.cf").exists():
            subprocess.run(self.command("diligence", "stop"), check=False, capture_output=True)

    def create(self):
        self.stop_earlier()
        self.port = free_port()
        for name in ("queue", "mail", "data", "etc"):
            path = self.place / name
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
        with contextlib.suppress(FileNotFoundError):
            self.log.unlink()
        values = {"place": self.place, "host": HOST, "user": USER, "port": self.port,
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

    def send_by_sendmail(self):
        self.run("sendmail", "-t", "-f", USER, text=f"From: {USER}\nTo: {USER}\nSubject: par sendmail\n\n"
                 "Bonjour ! Ce message vient d'un programme de cette machine.\n")
        match = wait_until(lambda: re.search(r"pickup\[\d+\]: (\S+): uid=", self.read_log()),
                           "pickup of the message from sendmail")
        return match.group(1)

    def explain(self, queue_id):
        """The log lines of one message in their order, each with its meaning."""
        wait_until(lambda: f"{queue_id}: removed" in self.read_log(), f"delivery of {queue_id}")
        for line in self.read_log().splitlines():
            if f"{queue_id}:" not in line:
                continue
            match = re.match(r"\S+ +\S+ (\S+) \S+ postfix/(\w+)\[\d+\]: (.*)", line)
            meaning = next((text for pattern, text in EXPLAINED if re.search(pattern, line)), "")
            if not match:
                continue
            say(f"  {BOLD}{match.group(2):>8}{PLAIN}  {match.group(3)}")
            if meaning:
                say(f"            {DIM}{meaning}{PLAIN}")

    def show_mailbox(self):
        wait_until(lambda: len(self.messages()) >= 2, "two files in the mailbox")
        for path in self.messages():
            say(f"  {DIM}{path.relative_to(self.place)}{PLAIN}")
            for line in path.read_text(errors="replace").splitlines():
                say(f"    {line}")
            say()

    def hints(self):
        where = self.place / "etc"
        binary = self.stage / "bin"
        prefix = " ".join(self.prefix[:3]) + " -- " if self.prefix else ""
        title("It is running. What to try next")
        say(f"  talk to it         telnet 127.0.0.1 {self.port}")
        say(f"  look at the queue  {prefix}{binary}/mailq -C {where}")
        say(f"  watch the log      tail -f {self.log}")
        say(f"  read the mail      ls {self.mailbox}")
        say(f"  change something   edit {where}/main.cf, then {prefix}{binary}/diligence -c {where} reload")
        say(f"  stop it            {prefix}{binary}/diligence -c {where} stop")


def main():
    arguments = [a for a in sys.argv[1:] if a != "--once"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    os.umask(0o022)
    demo = Demo(pathlib.Path(arguments[0]))
    demo.create()
    title(f"Starting: configuration in {demo.place / 'etc'}, as user {demo.user.pw_name}")
    started = time.monotonic()
    demo.run("diligence", "start")
    first = demo.send_by_smtp()
    say(f"  started, and a first message accepted, {1000 * (time.monotonic() - started):.0f} ms later")
    title(f"A message over SMTP, queue ID {first}")
    demo.explain(first)
    second = demo.send_by_sendmail()
    title(f"A message from a program (sendmail), queue ID {second}")
    demo.explain(second)
    title("The mailbox")
    demo.show_mailbox()
    if "--once" in sys.argv:
        demo.run("diligence", "stop")
        say("Stopped.")
    else:
        demo.hints()


if __name__ == "__main__":
    main()

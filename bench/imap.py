"""Dovecot and Diligence side by side: what mail programs do with a mailbox.

Both serve copies of one Maildir, warm, on one journaled file system (root: an image of its own); each
operation runs on one and then on the other, round by round. Prints seconds or rates, and the ratio;
writes build/bench/imap.json.
"""

import argparse
import json
import pathlib
import random
import shutil
import socket
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from imap_client import Imap, Pop3  # noqa: E402
from imap_corpus import fill  # noqa: E402
from measure import disk, process_tree, usage  # noqa: E402
from harness.dovecot import Dovecot  # noqa: E402
from harness.mailboxes import MailServer  # noqa: E402

UNLIMITED = {"store_sessions_per_user": "0", "login_client_connection_count_limit": "0"}
USER, WORD = "jo@example.com", "secret"


class Subject:
    """A running server and a session on its mailbox."""

    def __init__(self, title, server, maildir):
        self.title, self.server, self.maildir = title, server, maildir
        self.imap = None

    def connect(self):
        return Imap(self.server.imap_port).login(USER, WORD)

    def select(self):
        if self.imap:
            self.imap.close()
        self.imap = self.connect()
        self.imap.run("SELECT INBOX")
        return self.imap


def timed(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


# --- the operations: seconds each, or with "rate" things a second ---

def login_select(s, n):
    def work():
        one = s.connect()
        one.run("SELECT INBOX")
        one.close()
    return timed(work)


def fetch(items):
    return lambda s, n: timed(lambda: s.imap.run(f"FETCH 1:* ({items})"))


def search(keys):
    return lambda s, n: timed(lambda: s.imap.run(f"SEARCH {keys}"))


def store_one(s, n):
    count = 300
    numbers = random.Random(1).sample(range(1, n + 1), count)

    def work():
        for number in numbers:
            s.imap.run(f"STORE {number} +FLAGS (\\Answered)")
            s.imap.run(f"STORE {number} -FLAGS (\\Answered)")
    return 2 * count / timed(work)


def store_all(s, n):
    seconds = timed(lambda: s.imap.run("STORE 1:* +FLAGS.SILENT (\\Flagged)"))
    s.imap.run("STORE 1:* -FLAGS.SILENT (\\Flagged)")
    return seconds


MESSAGE = (b"From: a@example.com\r\nTo: b@example.com\r\nSubject: appended\r\n"
           b"Date: Sun, 11 May 2003 16:06:57 +0200\r\n\r\n" + b"text of a line\r\n" * 230)


def fresh_folder(s):
    try:
        s.imap.run("DELETE work")
    except AssertionError:
        pass
    s.imap.run("CREATE work")


def append(s, n):
    fresh_folder(s)
    count = 200

    def work():
        for _ in range(count):
            s.imap.append("work", MESSAGE)
    return count / timed(work)


def copy(s, n):
    fresh_folder(s)
    return timed(lambda: s.imap.run(f"COPY 1:{n // 10} work"))


def move(s, n):
    copy(s, n)
    s.imap.run("SELECT work")
    seconds = timed(lambda: s.imap.run(f"MOVE 1:{n // 10} INBOX"))
    s.imap.run("SELECT INBOX")
    s.imap.run(f"STORE {n + 1}:* +FLAGS.SILENT (\\Deleted)")
    s.imap.run("EXPUNGE")
    return seconds


def expunge(s, n):
    fresh_folder(s)
    s.imap.run(f"COPY 1:{n // 2} work")
    s.imap.run("SELECT work")
    s.imap.run("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    seconds = timed(lambda: s.imap.run("EXPUNGE"))
    s.imap.run("SELECT INBOX")
    return seconds


def resync(s, n):
    """A client that was away while 1,000 messages got a flag."""
    away = s.connect()
    away.run("ENABLE QRESYNC")
    told = away.run("SELECT INBOX", keep=True).decode()
    validity = told.split("UIDVALIDITY ")[1].split("]")[0]
    modseq = told.split("HIGHESTMODSEQ ")[1].split("]")[0]
    away.run("UNSELECT")
    for sign in "+-":
        s.imap.run(f"STORE 1:{n // 10} {sign}FLAGS.SILENT (\\Draft)")
    seconds = timed(lambda: away.run(f"SELECT INBOX (QRESYNC ({validity} {modseq}))"))
    away.close()
    return seconds


def pop3(s, n):
    one = Pop3(s.server.pop3_port).login(USER, WORD)
    rate = n / timed(lambda: one.retrieve(n))
    one.close()
    return rate


def lmtp(s, n):
    """Deliveries a second over one session, each acknowledged before the next."""
    count = 500
    body = MESSAGE.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    with socket.create_connection(("127.0.0.1", s.server.lmtp_port), 30) as link:
        file = link.makefile("rb")

        def say(text, codes=b"2"):
            link.sendall(text)
            line = file.readline()
            while line[3:4] == b"-":
                line = file.readline()
            assert line[:1] in codes, line
        file.readline()
        say(b"LHLO bench.example\r\n")

        def work():
            for _ in range(count):
                say(b"MAIL FROM:<a@example.com>\r\n")
                say(f"RCPT TO:<lmtp-{USER}>\r\n".encode())
                say(b"DATA\r\n", b"3")
                say(body)
        return count / timed(work)


OPERATIONS = {  # name: (function, is a rate, goal)
    "login and select": (login_select, False, 2),
    "FETCH flags": (fetch("FLAGS"), False, 2),
    "FETCH envelope": (fetch("ENVELOPE"), False, 2),
    "FETCH bodystructure": (fetch("BODYSTRUCTURE"), False, 2),
    "FETCH three fields": (fetch("BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)]"), False, 2),
    "FETCH bodies": (fetch("BODY.PEEK[]"), False, 2),
    "SEARCH subject": (search("SUBJECT harbour"), False, 2),
    "SEARCH body": (search("BODY lighthouse"), False, 5),
    "SEARCH flags": (search("UNSEEN FLAGGED"), False, 2),
    "STORE one": (store_one, True, 2),
    "STORE all": (store_all, False, 2),
    "APPEND": (append, True, 2),
    "COPY a tenth": (copy, False, 2),
    "MOVE a tenth": (move, False, 2),
    "EXPUNGE of a half": (expunge, False, 2),
    "QRESYNC after changes": (resync, False, 2),
    "POP3 RETR of all": (pop3, True, 2),
    "LMTP deliveries": (lmtp, True, 3),
}


# --- idle sessions ---

def memory(root):
    """Proportional bytes of the processes below ROOT: pages that are shared count once."""
    total = 0
    for pid in process_tree(root):
        try:
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            pass
    return total


def idle(subject, sessions):
    """Bytes and CPU seconds a minute for each of SESSIONS clients in IDLE."""
    clients = []

    def add(count):
        for _ in range(count):
            one = subject.connect()
            one.run("SELECT INBOX")
            one.socket.sendall(b"i IDLE\r\n")
            one.line()
            clients.append(one)
        time.sleep(2)
    add(20)  # processes and caches that all share
    before = memory(subject.server.pid)
    add(sessions)
    each = (memory(subject.server.pid) - before) / sessions
    cpu = usage(subject.server.pid)[0]
    time.sleep(10)
    cpu = usage(subject.server.pid)[0] - cpu
    for one in clients:
        one.close()
    return each, cpu * 6


# --- the run ---

def servers(directory, messages, made):
    """Both servers, started; each joins MADE at once, so that it is stopped whatever happens."""
    source = directory / "source"
    fill(source, messages)
    for title, kind in (("Dovecot", Dovecot), ("Diligence", MailServer)):
        place = directory / title
        place.mkdir()
        place.chmod(0o755)
        limits = UNLIMITED if kind is MailServer else {}
        server = kind(place, {USER: WORD, f"lmtp-{USER}": WORD}, **limits)
        maildir = server.maildir(USER)
        maildir.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, maildir)
        made.append(Subject(title, server, maildir))
        server.start()


def run_operation(subjects, name, rounds, messages):
    work, is_rate, goal = OPERATIONS[name]
    values = {s.title: [] for s in subjects}
    for subject in subjects:  # warm
        subject.select()
        work(subject, messages)
    for _ in range(rounds):
        for subject in subjects:
            values[subject.title].append(work(subject, messages))
    middle = {title: statistics.median(v) for title, v in values.items()}
    theirs, ours = middle["Dovecot"], middle["Diligence"]
    ratio = ours / theirs if is_rate else theirs / ours
    unit = "/s" if is_rate else "ms"
    factor = 1 if is_rate else 1000
    print(f"{name:24} {theirs * factor:10.1f} {ours * factor:10.1f} {unit:3} {ratio:7.1f} x"
          f"  (goal {goal}){'' if ratio >= goal else '  below'}", flush=True)
    return {"dovecot": theirs, "diligence": ours, "ratio": ratio, "goal": goal}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=int, default=0, help="sessions in IDLE to weigh")
    parser.add_argument("--only", help="operations whose name holds this")
    options = parser.parse_args()
    bench = ROOT / "build" / "bench"
    bench.mkdir(parents=True, exist_ok=True)
    results = {}
    with disk(bench / "imap") as directory:
        subjects = []
        try:
            servers(directory, options.messages, subjects)
            print(f"{options.messages} messages{'Dovecot':>19} {'Diligence':>10}")
            for name in OPERATIONS:
                if not options.only or options.only in name:
                    results[name] = run_operation(subjects, name, options.rounds, options.messages)
            for subject in subjects if options.idle else ():
                each, cpu = idle(subject, options.idle)
                results[f"idle {subject.title}"] = {"bytes": each, "cpu": cpu}
                print(f"idle in {subject.title}: {each / 1024:.1f} KiB a session, "
                      f"{cpu:.2f} s CPU a minute for all")
        finally:
            for subject in subjects:
                subject.server.stop()
    (bench / "imap.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    sys.exit(main())

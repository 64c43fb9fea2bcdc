"""kill -9 of the store's workers: what was acknowledged to an IMAP client is there, once, with its UID."""

import os
import random
import re
import signal
import threading
import time

from harness.instance import wait_until
from harness.mailboxes import MailServer

from .ledger import children, descendants
from .tracer import EVERY

USER = "jo@example.com"
SECONDS = 60 if EVERY else 6
MESSAGE = "Subject: {}\n\nbody\n"


class Client:
    """Appends, marks, copies and moves in a mailbox of its own, and remembers what was acknowledged."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.kept = {}  # subject: (UID in the mailbox, flagged)
        self.maybe = set()  # subjects of commands whose answer was lost
        self.copied = set()
        self.validity = None
        self.stop = threading.Event()

    def work(self):
        rng, number = random.Random(self.name), 0
        while not self.stop.is_set():
            try:
                with self.server.imap(USER) as session:
                    session.ok(f"SELECT {self.name}")
                    while not self.stop.is_set():
                        number += 1
                        self.step(session, rng, f"{self.name}-{number}")
            except (AssertionError, OSError, IndexError):
                time.sleep(0.05)  # the worker was killed

    def step(self, session, rng, subject):
        self.maybe.add(subject)
        code = session.append(self.name, MESSAGE.format(subject))
        validity, uid = map(int, re.match(rb"\[APPENDUID (\d+) (\d+)\]", code).groups())
        assert self.validity in (None, validity)
        self.validity = validity
        self.kept[subject] = [uid, False]
        self.maybe.discard(subject)
        if rng.random() < 0.5:
            self.kept[subject][1] = None  # asked for; not known yet
            session.ok(f"UID STORE {uid} +FLAGS (\\Flagged)")
            self.kept[subject][1] = True
        if rng.random() < 0.3:
            session.ok(f"UID COPY {uid} copies")
            self.copied.add(subject)


def contents(session, name):
    """{subject: [(UID, flagged)]} of a mailbox."""
    session.ok(f"SELECT {name}")
    found = {}
    for one in session.ok("UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[:-1]:
        match = re.search(rb"UID (\d+) .*Subject: (\S+)", one, re.S)
        if match:
            found.setdefault(match.group(2).decode(), []).append(
                (int(match.group(1)), b"\\Flagged" in one))
    return found


def workers(server):
    """The children of the dispatcher."""
    return [pid for parent in children(server).get("store", []) for pid in descendants(parent)]


def test_acknowledged_changes_survive(place):
    """S076: APPEND, STORE and COPY that were answered with OK stand after kills of the store."""
    server = MailServer(place, {USER: "secret"}).start()
    try:
        clients = [Client(server, f"box{i}") for i in range(3)]
        with server.imap(USER) as session:
            for name in ["copies"] + [one.name for one in clients]:
                session.ok(f"CREATE {name}")
        threads = [threading.Thread(target=one.work) for one in clients]
        for thread in threads:
            thread.start()
        end, kills = time.monotonic() + SECONDS, 0
        while time.monotonic() < end:
            time.sleep(0.5)
            for pid in workers(server):
                os.kill(pid, signal.SIGKILL)
                kills += 1
        for one in clients:
            one.stop.set()
        for thread in threads:
            thread.join(30)
        assert kills > 3
        check(server, clients)
    finally:
        server.stop()


def check(server, clients):
    wait_until(lambda: server.imap(USER), "a login")
    with server.imap(USER) as session:
        copies = contents(session, "copies")
        for one in clients:
            found = contents(session, one.name)
            assert len(one.kept) > 5, "the clients got nothing done"
            for subject, (uid, flagged) in one.kept.items():
                assert [u for u, _ in found[subject]] == [uid], (subject, uid, found[subject])
                assert flagged is None or found[subject][0][1] == flagged, subject
            strangers = set(found) - set(one.kept) - one.maybe
            assert not strangers
            uids = sorted(u for entry in found.values() for u, _ in entry)
            assert len(uids) == len(set(uids))
            assert one.copied <= set(copies), one.copied - set(copies)

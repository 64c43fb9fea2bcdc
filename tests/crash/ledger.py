"""Who was promised what: messages that got 250, and where they must turn up."""

import os
import pathlib
import random
import re
import smtplib
import threading
import time

BOXES = ("riri", "fifi", "loulou")


def mailbox_instance(make, **parameters):
    """An instance that delivers boite.example into Maildirs of virtual users."""
    settings = dict(virtual_mailbox_domains="boite.example", virtual_minimum_uid="1",
                    virtual_mailbox_limit="0", queue_journal_segment_size="1048576",
                    checkpoint_interval="1s", minimal_backoff_time="1s",
                    maximal_backoff_time="2s", queue_run_delay="1s", transport_retry_time="1s",
                    service_throttle_time="1s")  # programs are killed again and again
    instance = make("crash", **{**settings, **parameters})
    base = instance.directory / "boxes"
    base.mkdir(parents=True)
    owner = 65534 if os.getuid() == 0 else os.getuid()
    group = 65534 if os.getuid() == 0 else os.getgid()
    if os.getuid() == 0:
        os.chown(base, owner, group)
    entries = " ".join(f"{{{b}@boite.example = {b}/}}" for b in BOXES)
    instance.set(virtual_mailbox_base=base, virtual_mailbox_maps=f"inline:{{{entries}}}",
                 virtual_uid_maps=f"static:{owner}", virtual_gid_maps=f"static:{group}")
    return instance


class Ledger:
    """Messages by number: acknowledged ones must be delivered exactly once."""

    def __init__(self, instance):
        self.instance = instance
        self.promised, self.tried = set(), set()
        self.lock = threading.Lock()
        self.next = 0

    def send_one(self):
        """Try to hand one message over; True when it was acknowledged."""
        with self.lock:
            number = self.next
            self.next += 1
            self.tried.add(number)
        box = BOXES[number % len(BOXES)]
        text = f"Subject: number {number}\nX-Number: {number}\n\n{'x' * 70}\n"
        try:
            with smtplib.SMTP(self.instance.address, self.instance.port, timeout=15) as client:
                client.sendmail("a@boite.example", [f"{box}@boite.example"], text)
        except (OSError, smtplib.SMTPException):
            return False
        with self.lock:
            self.promised.add(number)
        return True

    def delivered(self, whole=True):
        """Number of copies of each message in the Maildirs. WHOLE: a torn file is a failure; after a
        power cut there may be some until the queue is through, for what is not yet marked as done."""
        copies = {}
        for box in BOXES:
            for text in self.instance.maildir(self.instance.directory / "boxes" / box):
                found = re.search(rb"^X-Number: (\d+)\n(?=.*\nx+\n\Z)", text, re.M | re.S)
                if not found and not whole:
                    continue
                assert found, f"a mangled message in {box}: {text[:200]!r}"
                number = int(found[1])
                assert BOXES[number % len(BOXES)] == box, "mail where it does not belong"
                copies[number] = copies.get(number, 0) + 1
        return copies

    def settle(self, patience=60):
        """Wait until nothing is queued and every promise is kept, then compare."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if self.promised <= set(self.delivered(whole=False)) and not self.instance.queue_ids():
                break
            time.sleep(0.1)
        copies = self.delivered()
        lost = self.promised - set(copies)
        twice = {n for n, count in copies.items() if count > 1}
        invented = set(copies) - self.tried
        assert not lost, f"lost: {sorted(lost)[:10]} of {len(self.promised)}\n" \
                         f"{self.instance.log()[-3000:]}"
        assert not twice, f"twice: {sorted(twice)[:10]}"
        assert not invented
        return copies


def processes():
    """(pid, parent, name) of each process."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        name, rest = stat.split("(", 1)[1].rsplit(")", 1)
        yield int(entry.name), int(rest.split()[1]), name


def children(instance):
    """Pids by program name of the instance's processes."""
    master = int((instance.queue / "pid" / "master.pid").read_text())
    found = {}
    for pid, parent, name in processes():
        if parent == master:
            found.setdefault(name, []).append(pid)
    return found


def descendants(pid):
    """The pids of children, grandchildren and so on of PID."""
    parents = {child: parent for child, parent, _ in processes()}
    found, new = [], [pid]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


def running(ledger, program, patience=15):
    """The pid of PROGRAM; where master has not yet started it (again), mail makes it do so."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        pids = children(ledger.instance).get(program)
        if pids:
            return pids[0]
        ledger.send_one()
        time.sleep(0.05)
    raise AssertionError(f"master does not start {program}\n{ledger.instance.log()[-3000:]}")


def random_victim(instance, names):
    living = children(instance)
    pids = [pid for name in names for pid in living.get(name, [])]
    return random.choice(pids) if pids else None

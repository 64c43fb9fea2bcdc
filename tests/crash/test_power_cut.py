"""The power fails: what got 250 is there when the machine comes back, once.

As root the queue and the mailboxes lie on small ext4 disks (loop devices). At the cut all
programs stand still, the disk as it is at that moment is copied, and the system goes on from the
copy: what was in the page cache and not flushed is gone. Any user can cut the journal alone, at
each of its pages and at sectors between.
"""

import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness.instance import wait_until

from .ledger import Ledger, descendants, mailbox_instance
from .tracer import EVERY

PAGE, SECTOR = 4096, 512
DISK_BYTES = 48 << 20
CUTS = 12 if EVERY else 2


def system(*command):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True,
                          env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"))


class Disk:
    """A journaled file system on a loop device, mounted at WHERE."""

    def __init__(self, image, where):
        self.image, self.where = pathlib.Path(image), pathlib.Path(where)
        with self.image.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, DISK_BYTES)
        system("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0",
               self.image)
        self.where.mkdir(parents=True, exist_ok=True)
        self.mount()

    def mount(self):
        """Metadata too reaches the disk only when somebody asks for it: commit=300."""
        self.device = system("losetup", "--find", "--show", self.image).stdout.strip()
        system("mount", "-o", "commit=300", self.device, self.where)
        self.where.chmod(0o755)

    def activity(self):
        """What the kernel counts of this device; None while something is under way."""
        block = pathlib.Path("/sys/block") / pathlib.Path(self.device).name
        if (block / "inflight").read_text().split() != ["0", "0"]:
            return None
        return (block / "stat").read_text().split()[:8]

    def copy(self):
        """The disk as it is at one moment; nobody may be writing but the kernel."""
        def still():
            before = self.activity()
            shutil.copyfile(self.image, self.image.with_suffix(".cut"))
            return before and before == self.activity()
        wait_until(still, "a moment without writes")

    def become_copy(self):
        self.image.with_suffix(".cut").rename(self.image)
        self.mount()

    def unmount(self):
        wait_until(lambda: subprocess.run(["umount", str(self.where)], check=False,
                                          capture_output=True).returncode == 0, "umount")
        system("losetup", "--detach", self.device)


def freeze(instance):
    """Stop all programs in the middle of what they do; their pids."""
    master = int((instance.queue / "pid" / "master.pid").read_text())

    def all_stopped():
        pids = [master, *descendants(master)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        states = [stat_state(pid) for pid in [master, *descendants(master)]]
        return pids if set(states) <= {"T", "Z"} and len(states) == len(pids) else None
    return wait_until(all_stopped, "all programs to stand still")


def stat_state(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def cut_power(instance, disks):
    pids = freeze(instance)
    for disk in disks:
        disk.copy()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(os.path.exists(f"/proc/{p}/fd/0") for p in pids), "their end")
    instance.running = False
    for disk in reversed(disks):
        disk.unmount()
    for disk in disks:
        disk.become_copy()


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a disk needs root")
@pytest.mark.parametrize("boxes_apart", [False, True], ids=["one disk", "two disks"])
def test_power_cut(new_instance, place, boxes_apart):
    """S098 S106: the disk as it was when the power failed holds all that got 250."""
    disks = [Disk(place / "one.img", place / "crash")]
    try:
        instance = mailbox_instance(new_instance)
        if boxes_apart:
            disks.append(Disk(place / "two.img", instance.directory / "boxes"))
            os.chown(disks[1].where, 65534, 65534)
            system("sync", "--file-system", disks[1].where)
        instance.start()
        ledger = Ledger(instance)
        assert ledger.send_one()
        for _ in range(CUTS):
            promised = under_load(ledger, lambda: cut_power(instance, disks))
            assert promised > 1
            instance.start()
        ledger.settle()
    finally:
        instance.stop()
        for disk in reversed(disks):
            disk.unmount()


def under_load(ledger, cut):
    """CUT while three clients send; how many messages were acknowledged."""
    stop, before = threading.Event(), len(ledger.promised)

    def keep_sending():
        while not stop.is_set():
            ledger.send_one()
    senders = [threading.Thread(target=keep_sending) for _ in range(3)]
    for sender in senders:
        sender.start()
    time.sleep(random.uniform(0.3, 2.0))
    stop.set()  # what is on its way goes on; nobody starts anew
    cut()
    for sender in senders:
        sender.join(timeout=30)
    return len(ledger.promised) - before


# --- the journal alone -----------------------------------------------------------------------


def journal_files(queue):
    return sorted((queue / "incoming").glob("journal.*"))


def written(queue):
    """Bytes of the journal that are not zero any more, up to a page."""
    used = [len(path.read_bytes().rstrip(b"\0")) for path in journal_files(queue)]
    assert sum(1 for n in used if n > PAGE) <= 1, "one segment holds it all"
    return (max(used) + PAGE - 1) // PAGE * PAGE


@pytest.fixture
def silent_host():
    """A server that takes connections and says nothing: messages stay under way."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield listener.getsockname()[1]


def test_journal_cut(new_instance, place, silent_host):
    """S098 S106: with the journal cut anywhere, all messages before the cut are in the queue."""
    instance = mailbox_instance(new_instance, transport_maps="inline:{boite.example=smtp:"
                                f"[127.0.0.1]:{silent_host}}}").start()
    ends = {}
    for number in range(6):
        text = f"Subject: {number}\n\n" + "x" * random.randrange(3 * PAGE) + "\n"
        queue_id = instance.send("a@boite.example", "riri@boite.example", text)
        ends[queue_id] = written(instance.queue)
    for pid in freeze(instance):
        os.kill(pid, signal.SIGKILL)
    instance.running = False
    kept = place / "kept"
    shutil.copytree(instance.queue / "incoming", kept)
    for cut in cuts(max(ends.values())):
        restore(kept, instance.queue, cut)
        listed = set(instance.queue_ids())
        assert {i for i, end in ends.items() if end <= cut} <= listed <= set(ends), cut
    restore(kept, instance.queue, max(ends.values()) - PAGE)
    instance.set(transport_maps="").start()
    wait_until(lambda: len(instance.maildir(instance.directory / "boxes" / "riri")) >= 5,
               "delivery of what was before the cut")


def cuts(end):
    """Each page's edge up to END, and a sector between."""
    for page in range(PAGE, end + 1, PAGE):
        yield page
        if page < end:
            yield page + SECTOR * random.randrange(1, PAGE // SECTOR)


def restore(kept, queue, cut):
    """The queue as KEPT, with nothing in the journal behind CUT."""
    for path in kept.glob("journal.*"):
        data = path.read_bytes()
        if len(data.rstrip(b"\0")) > PAGE:
            data = data[:cut] + bytes(len(data) - cut)
        (queue / "incoming" / path.name).write_bytes(data)

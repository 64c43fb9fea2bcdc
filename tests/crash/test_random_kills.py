"""kill -9 of random programs under load: what got 250 is delivered, once."""

import os
import signal
import threading
import time

from .ledger import Ledger, children, mailbox_instance, random_victim
from .tracer import EVERY

PROGRAMS = ["smtpd", "qmgr", "virtual", "bounce"]
SECONDS = 90 if EVERY else 6


def keep_sending(ledger, stop):
    while not stop.is_set():
        ledger.send_one()


def test_kills_under_load(new_instance):
    """S076 S098 S106: killing workers loses no mail and doubles none in a Maildir."""
    instance = mailbox_instance(new_instance).start()
    ledger, stop = Ledger(instance), threading.Event()
    senders = [threading.Thread(target=keep_sending, args=(ledger, stop)) for _ in range(4)]
    for sender in senders:
        sender.start()
    kills, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(0.7)
        pid = random_victim(instance, PROGRAMS)
        if pid:
            os.kill(pid, signal.SIGKILL)
            kills += 1
    stop.set()
    for sender in senders:
        sender.join(timeout=30)
    assert kills >= 5
    assert ledger.promised, instance.log()[-3000:]
    ledger.settle()


def test_everything_killed_at_once(new_instance):
    """S098 S106: the whole system ends without warning; the journal has it all."""
    instance = mailbox_instance(new_instance, defer_transports="virtual").start()
    ledger = Ledger(instance)
    for _ in range(50):
        assert ledger.send_one()
    master = int((instance.queue / "pid" / "master.pid").read_text())
    victims = [master] + [pid for pids in children(instance).values() for pid in pids]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    instance.running = False
    instance.set(defer_transports="").start()
    instance.run("postqueue", "-f")
    ledger.settle()


def test_stop_and_start_keeps_ids(new_instance):
    """S106: stop and start with many queued messages: same IDs, none lost."""
    instance = mailbox_instance(new_instance, defer_transports="virtual").start()
    ledger = Ledger(instance)
    for _ in range(100):
        assert ledger.send_one()
    before = set(instance.queue_ids())
    assert len(before) == 100
    instance.stop()
    instance.start()
    assert set(instance.queue_ids()) == before

"""kill -9 of local at every call around sending a message on: nothing is lost, nothing comes twice.

A message that an alias sends on gets a new queue ID, so no mailbox could recognise a second copy: the new
message and the mark on the old recipient have to become durable together.
"""

import smtplib

import pytest

from harness.instance import wait_until

from .ledger import BOXES, Ledger, mailbox_instance, running
from .tracer import STEPS, Killer, needs_strace

pytestmark = needs_strace


class Forwarded(Ledger):
    """Mail for aliases that stand for the mailboxes of the ledger."""

    def send_one(self):
        """Try to hand one message over; True when it was acknowledged."""
        number = self.next
        self.next += 1
        self.tried.add(number)
        name = f"{BOXES[number % len(BOXES)]}-list@gw1.maison.mrs"
        text = f"Subject: number {number}\nX-Number: {number}\n\nx\n"
        try:
            with smtplib.SMTP(self.instance.address, self.instance.port, timeout=15) as client:
                client.sendmail("a@boite.example", [name], text)
        except (OSError, smtplib.SMTPException):
            return False
        self.promised.add(number)
        return True


@pytest.mark.parametrize("calls", ["sendmsg", "recvmsg", "write,pwrite64,writev"])
def test_killed_while_sending_on(new_instance, calls):
    """S276 S098: a list whose delivery is killed at any call reaches each member once."""
    instance = mailbox_instance(new_instance)
    entries = ", ".join(f"{{{b}-list = {b}@boite.example}}" for b in BOXES)
    instance.set(alias_maps=f"inline:{{{entries}}}", local_recipient_maps="").start()
    ledger = Forwarded(instance)
    assert ledger.send_one()
    ledger.settle()
    kills = 0
    for number in STEPS:
        with Killer(running(ledger, "local"), calls, number) as killer:
            for _ in range(3):
                ledger.send_one()
            if not killer.has_killed():
                break
        kills += 1
    ledger.settle()
    assert kills > 1


# Worker threads count their calls each for itself.
MOMENTS = {"local": [("sendmsg", n) for n in STEPS],
           "qmgr": [(calls, n) for n in (1, 2) for calls in ("linkat", "fsync", "fdatasync")]}


@pytest.mark.parametrize("program", MOMENTS)
def test_killed_while_sending_on_a_file(new_instance, program):
    """S276 S098: a message above queue_file_threshold never passes the journal: its file says whose
    place it takes, so that a qmgr that was killed between file and mark knows of both or of none."""
    instance = mailbox_instance(new_instance, queue_file_threshold="10")
    entries = ", ".join(f"{{{b}-list = {b}@boite.example}}" for b in BOXES)
    instance.set(alias_maps=f"inline:{{{entries}}}", local_recipient_maps="").start()
    ledger = Forwarded(instance)
    assert ledger.send_one()
    ledger.settle()
    kills = 0
    for calls, number in MOMENTS[program]:
        wait_until(ledger.send_one, "a running system")
        with Killer(running(ledger, program), calls, number) as killer:
            for _ in range(2):
                ledger.send_one()
            kills += killer.has_killed()
    ledger.settle()
    assert kills > 2

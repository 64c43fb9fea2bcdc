"""kill -9 of local at every call around sending a message on: nothing is lost, nothing comes twice.

A message that an alias sends on gets a new queue ID, so no mailbox could recognise a second copy: the new
message and the mark on the old recipient have to become durable together.
"""

import shutil
import signal
import smtplib
import time

import pytest

from .ledger import BOXES, Ledger, children, mailbox_instance
from .test_every_call import STEPS, alive, attach

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")


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


def revived(ledger):
    """The pid of local, when mail has made master start it again; None when that takes too long."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        pids = children(ledger.instance).get("local")
        if pids:
            return pids[0]
        ledger.send_one()
        time.sleep(0.1)
    return None


@pytest.mark.parametrize("calls", ["sendmsg", "recvmsg", "write,pwrite64,writev"])
def test_killed_while_sending_on(new_instance, calls):
    """S276 S098: a list whose delivery is killed at any call reaches each member once."""
    instance = mailbox_instance(new_instance, service_throttle_time="1s")
    entries = ", ".join(f"{{{b}-list = {b}@boite.example}}" for b in BOXES)
    instance.set(alias_maps=f"inline:{{{entries}}}", local_recipient_maps="").start()
    ledger = Forwarded(instance)
    assert ledger.send_one()
    ledger.settle()
    kills = 0
    for number in STEPS:
        pid = revived(ledger)
        assert pid, "master does not start local again\n" + "".join(x + "\n" for x in instance.log().splitlines() if "master" in x or "warning" in x)
        tracer = attach(pid, calls, number)
        for _ in range(4):
            ledger.send_one()
        end = time.monotonic() + 1
        while alive(pid) and time.monotonic() < end:
            time.sleep(0.02)
        killed = not alive(pid)
        kills += killed
        tracer.send_signal(signal.SIGINT)
        tracer.wait(timeout=10)
        if not killed:
            break
    ledger.settle()
    assert kills > 1

"""kill -9 at the calls of pickup and of local: mail of the host's own users is not lost, and not doubled in
a Maildir."""

import contextlib
import os
import pathlib
import pwd
import re
import subprocess

import pytest

from harness.instance import STAGE, wait_until

from .ledger import Ledger, running
from .tracer import STEPS, Killer, needs_strace

pytestmark = needs_strace

USER = "backup" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name


class LocalLedger(Ledger):
    """Messages for one user of the host, handed over by sendmail or by SMTP."""

    def __init__(self, instance, by_sendmail):
        super().__init__(instance)
        self.by_sendmail = by_sendmail

    def send_one(self):
        number, self.next = self.next, self.next + 1
        self.tried.add(number)
        to = f"{USER}@gw1.maison.mrs"
        text = f"Subject: number {number}\nX-Number: {number}\n\nx\n"
        if self.by_sendmail:
            done = subprocess.run([STAGE / "bin/sendmail", "-C", self.instance.config, to], input=text.encode(),
                                  capture_output=True, timeout=30, check=False)
            taken = done.returncode == 0
        else:
            try:
                taken = bool(self.instance.send("a@boite.example", to, text))
            except (OSError, AssertionError):
                taken = False
        if taken:
            self.promised.add(number)
        return taken

    def delivered(self, whole=True):
        copies = {}
        for text in self.instance.maildir(pathlib.Path(self.instance.spool) / USER):
            found = re.search(rb"^X-Number: (\d+)\n(?=.*\nx\n\Z)", text, re.M | re.S)
            assert found or not whole, f"a mangled message: {text[:200]!r}"
            if found:
                copies[int(found[1])] = copies.get(int(found[1]), 0) + 1
        return copies


@pytest.fixture
def instance(new_instance):
    one = new_instance("local", queue_journal_segment_size="1048576", minimal_backoff_time="1s",
                       maximal_backoff_time="2s", queue_run_delay="1s", transport_retry_time="1s",
                       service_throttle_time="1s")
    return one.set(mail_spool_directory=f"{one.spool}/")


@pytest.mark.parametrize("calls", ["openat", "write,pwrite64,writev", "renameat,renameat2,rename,linkat,link",
                                   "fsync,fdatasync", "sendmsg"])
def test_local_killed(instance, calls):
    """S076 S098: local, or its child that acts as the user, is killed: one copy in the Maildir."""
    instance.start()
    ledger = LocalLedger(instance, by_sendmail=False)
    assert ledger.send_one()
    ledger.settle()
    for number in STEPS:
        with Killer(running(ledger, "local"), calls, number) as killer:
            before = len(instance.log_lines("status="))
            ledger.send_one()
            with contextlib.suppress(AssertionError):  # local itself may be gone
                wait_until(lambda n=before: len(instance.log_lines("status=")) > n or killer.has_killed(0),
                           "an outcome", 3)
    ledger.settle()
    assert instance.log_lines("ended without a result|killed by signal 9")


@pytest.mark.parametrize("calls, may_double", [("openat", False), ("sendmsg", False), ("recvmsg", True),
                                               ("unlinkat,unlink", True)])
def test_pickup_killed(instance, calls, may_double):
    """S076 S079 S098: what sendmail took arrives; it may arrive twice only when pickup ends between the
    queue's answer and the removal of the file in maildrop."""
    instance.start()
    ledger = LocalLedger(instance, by_sendmail=True)
    assert ledger.send_one()
    ledger.settle()
    killed = []
    for number in STEPS[:3]:
        with Killer(running(ledger, "pickup"), calls, number) as killer:
            ledger.send_one()
            ledger.send_one()
            killed.append(killer.has_killed())
    assert any(killed)
    wait_until(lambda: ledger.promised <= set(ledger.delivered(whole=False)), "what was promised", 60)
    # A file whose message was sent before its removal is found at the next look.
    instance.run("postkick", "public", "pickup", "W")
    wait_until(lambda: not list((instance.queue / "maildrop").iterdir()), "an empty maildrop", 70)
    instance.wait_queue_empty()
    copies = ledger.delivered()
    assert set(copies) <= ledger.tried
    assert may_double or set(copies.values()) == {1}, copies

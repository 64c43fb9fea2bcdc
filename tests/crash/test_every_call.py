"""kill -9 at every system call that touches a file, program by program.

strace attaches to one running program and delivers SIGKILL at the N-th call of a
kind; N grows until the work gets done without a kill. `./dev check` samples the calls;
`./dev crash` (DILIGENCE_CRASH_ALL=1) takes each one.
"""

import pytest

from .ledger import Ledger, mailbox_instance, running
from .tracer import STEPS, Killer, needs_strace

pytestmark = needs_strace

CALLS = {
    "qmgr": ["pwritev", "fdatasync", "write,pwrite64", "openat", "unlinkat,unlink",
             "renameat,renameat2,rename,linkat,link", "fsync,syncfs", "sendmsg", "recvmsg"],
    "virtual": ["openat", "write,pwrite64,copy_file_range,sendfile",
              "renameat,renameat2,rename,linkat,link", "sendmsg"],
    "smtpd": ["memfd_create", "write,pwrite64", "sendmsg", "recvmsg"],
}
CASES = [(program, calls) for program, kinds in CALLS.items() for calls in kinds]


@pytest.mark.parametrize("program,calls", CASES, ids=[f"{p} {c}" for p, c in CASES])
def test_killed_at_call(new_instance, program, calls):
    """S076 S098: after a kill at any instruction all that was acknowledged is delivered, once."""
    instance = mailbox_instance(new_instance).start()
    ledger = Ledger(instance)
    assert ledger.send_one()
    ledger.settle()
    for number in STEPS:
        with Killer(running(ledger, program), calls, number) as killer:
            for _ in range(3):
                ledger.send_one()
            if not killer.has_killed():
                break
    ledger.settle()

"""kill -9 at every system call that touches a file, program by program.

strace attaches to one running program and delivers SIGKILL at the N-th call of a
kind; N grows until the work gets done without a kill. `./dev check` samples the calls;
DILIGENCE_CRASH_ALL=1 (`./dev crash`) takes each one.
"""

import os
import shutil
import signal
import subprocess
import time

import pytest

from .ledger import Ledger, children, mailbox_instance

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")

EVERY = os.environ.get("DILIGENCE_CRASH_ALL") == "1"
CALLS = {
    "qmgr": ["pwritev", "fdatasync", "write,pwrite64", "openat", "unlinkat,unlink",
             "renameat,renameat2,rename,linkat,link", "fsync,syncfs", "sendmsg", "recvmsg"],
    "store": ["openat", "write,pwrite64,copy_file_range,sendfile", "renameat,renameat2,rename,linkat,link",
              "sendmsg"],
    "smtpd": ["memfd_create", "write,pwrite64", "sendmsg", "recvmsg"],
}
STEPS = range(1, 40) if EVERY else (1, 2, 3, 5, 9)


def attach(pid, calls, number):
    """strace that kills PID at the NUMBER-th of CALLS; None when it cannot attach."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-p", str(pid), "-o", "/dev/null", "-e", f"trace={calls}", "-e",
         f"inject={calls}:signal=KILL:when={number}"], stderr=subprocess.PIPE, text=True)
    time.sleep(0.15)
    return tracer


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


CASES = [(program, calls) for program, kinds in CALLS.items() for calls in kinds]


@pytest.mark.parametrize("program,calls", CASES, ids=[f"{p} {c}" for p, c in CASES])
def test_killed_at_call(new_instance, program, calls):
    """S076 S098: after a kill at any instruction all that was acknowledged is delivered, once."""
    instance = mailbox_instance(new_instance).start()
    ledger = Ledger(instance)
    assert ledger.send_one()
    ledger.settle()
    kills = 0
    for number in STEPS:
        pids = children(instance)
        names = {"store": ["store", "virtual"]}.get(program, [program])
        pid = next((pids[name][0] for name in names if name in pids), None)
        if pid is None:
            ledger.send_one()
            continue
        tracer = attach(pid, calls, number)
        for _ in range(4):
            ledger.send_one()
        end = time.monotonic() + 1
        while alive(pid) and time.monotonic() < end:
            time.sleep(0.02)
        killed = not alive(pid)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(timeout=10)
        kills += killed
        if not killed:
            break
    ledger.settle()

"""strace that kills a running program at one of its system calls."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")

# `./dev check` takes a sample of the calls, `./dev crash` each one.
EVERY = os.environ.get("DILIGENCE_CRASH_ALL") == "1"
STEPS = range(1, 40) if EVERY else (1, 2, 4, 9)
ATTACH_SECONDS = 5
DETACH_SECONDS = 3


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def is_traced(pid):
    """Is each thread of PID traced?"""
    try:
        threads = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
        return threads and all("TracerPid:\t0\n" not in (t / "status").read_text() for t in threads)
    except OSError:
        return False


class Killer:
    """Kill PID at the NUMBER-th of CALLS from now on:

        with Killer(pid, "fdatasync", 3) as killer:
            ... work ...
            killed = killer.has_killed()
    """

    def __init__(self, pid, calls, number):
        self.pid = pid
        self.strace = subprocess.Popen(
            ["strace", "-f", "-qq", "-p", str(pid), "-o", "/dev/null", "-e", f"trace={calls}",
             "-e", f"inject={calls}:signal=KILL:when={number}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        end = time.monotonic() + ATTACH_SECONDS
        while time.monotonic() < end and self.strace.poll() is None and not is_traced(self.pid):
            time.sleep(0.01)
        return self

    def has_killed(self, patience=0.5):
        """Did the program end, now or within PATIENCE seconds?"""
        end = time.monotonic() + patience
        while alive(self.pid) and time.monotonic() < end:
            time.sleep(0.01)
        return not alive(self.pid)

    def __exit__(self, *exception):
        """Let go of what lives.  strace may wait for ever for a thread that was killed while it stood
        at another stop: then it is killed too, and the kernel lets its threads go."""
        self.strace.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.strace.wait(timeout=DETACH_SECONDS)
            return
        self.strace.kill()
        self.strace.wait(timeout=DETACH_SECONDS)

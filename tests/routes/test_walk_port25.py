"""The walk again, in a network of its own, where SMTP has its real port 25."""

import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent


def has_own_network():
    """May we make a network namespace with a loopback?"""
    done = subprocess.run(["unshare", "--net", "ip", "link", "set", "lo", "up"],
                          capture_output=True, timeout=10, check=False)
    return done.returncode == 0


@pytest.mark.skipif("DILIGENCE_INTERNET_PORT" in os.environ, reason="already there")
def test_walk_on_port_25():
    """S016, S008: greeting, delivery to the MX and all the walk with nothing moved."""
    if os.getuid() != 0 or not has_own_network():
        pytest.skip("no network namespace without root")
    command = f"ip link set lo up && exec {sys.executable} -m pytest -q -x {HERE}/test_walk.py"
    done = subprocess.run(["unshare", "--net", "sh", "-c", command], capture_output=True,
                          text=True, timeout=300, check=False,
                          env=dict(os.environ, DILIGENCE_INTERNET_PORT="25"))
    assert done.returncode == 0, done.stdout[-6000:]

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
@pytest.mark.parametrize("tests", [
    pytest.param(["test_walk.py"], id="walk"),
    pytest.param(["test_dns.py", "-k", "no_mx or preference or fallback or loop or better_mx or null_mx"], id="hosts")])
def test_on_port_25(tests):
    """S016, S008, S041, S047: greeting, delivery to the MX and all the walk with nothing moved."""
    if os.getuid() != 0 or not has_own_network():
        pytest.skip("no network namespace without root")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", tests[0], *tests[1:]]
    done = subprocess.run(["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command],
                          capture_output=True, text=True, timeout=120, check=False, cwd=HERE,
                          env=dict(os.environ, DILIGENCE_INTERNET_PORT="25"))
    assert done.returncode == 0, done.stdout[-6000:]
    assert " passed" in done.stdout

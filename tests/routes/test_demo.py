"""What a newcomer sees first: ./dev run --once."""

import re
import subprocess
import sys

from harness.instance import ROOT, STAGE


def test_demo():
    """S001, S002, S005: three messages pass every box of the anatomy, each line explained; exit status 0."""
    done = subprocess.run([sys.executable, ROOT / "tools/demo/demo.py", STAGE, "--once"], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    boxes = set(re.findall(r"^ +(\w+)  [0-9A-F]{10,}: ", done.stdout, re.M))
    assert boxes == {"smtpd", "pickup", "cleanup", "qmgr", "local", "virtual", "smtp", "bounce"}
    assert "Subject: Undelivered Mail Returned to Sender" in done.stdout
    assert done.stdout.endswith("\nStopped.\n")

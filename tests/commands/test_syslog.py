"""Where log lines go when no file is named: to the system's log, as the facility says."""

import os
import re
import socket
import subprocess

import pytest

from harness.instance import STAGE

# A /dev with a log of the test's and not much else.
SCRIPT = """mount --make-rprivate / && touch "$1/null" && mount --bind /dev/null "$1/null" &&
            mount --rbind "$1" /dev && shift && exec "$@" """


@pytest.mark.skipif(os.getuid() != 0, reason="a /dev of one's own needs root")
@pytest.mark.parametrize("facility, code", [("mail", 2), ("local3", 19)])
def test_facility(instance, place, facility, code):
    """syslog_facility: the number in front of each line (RFC 3164 4.1.1), severity info"""
    instance.set(syslog_facility=facility, maillog_file="").write()
    (place / "dev").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(place / "dev/log"))
        log.settimeout(10)
        subprocess.run(["unshare", "--mount", "sh", "-c", SCRIPT, "sh", place / "dev", STAGE / "bin/postlog",
                        "-c", instance.config, "-t", "tag", "said"], check=True, timeout=20)
        assert re.match(rf"<{code * 8 + 6}>.*said", log.recv(1000).decode())

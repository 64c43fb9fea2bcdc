"""qshape beside the real Postfix's script: the same messages, once as files of Postfix's queue, once as a
listing of ours (postqueue -j)."""

import json
import shutil
import subprocess
import time

import pytest

from harness.instance import STAGE, wait_until
from harness.postfix import unpack

MESSAGES = [  # minutes old, sender, recipients
    (0, "root@gw1.maison.mrs", ["a@free.fr", "b@Free.fr", "c@wanadoo.fr"]),
    (7, "", ["a@mail.a.example.com", "a@mail.b.example.com", "x@example.org"]),
    (12, "chris@maison.mrs", ["a@c.example.com", "a@d.example.com", "a@e.example.com", "a@f.example.com"]),
    (50, "chris@maison.mrs", ["joe@free.fr", "local", "x@.odd..example.net."]),
    (400, "x@a-very-long-domain-name-that-does-not-fit.into.any.column.example.com",
     ["y@a-very-long-domain-name-that-does-not-fit.into.any.column.example.com"] * 12),
    (9000, "old@free.fr", ["old@free.fr"] * 101),
]


def record(kind, text=""):
    data = text.encode()
    return kind.encode() + bytes([len(data) & 0x7f | (0x80 if len(data) > 127 else 0)]
                                 + ([len(data) >> 7] if len(data) > 127 else [])) + data


@pytest.fixture
def queues(place):
    """A queue directory for the script, a listing for ours."""
    script = unpack("postfix", "postfix-pcre")
    if script is None or not shutil.which("perl"):
        pytest.skip("needs the postfix package and perl")
    (place / "active").mkdir()
    now, lines = int(time.time()), []
    for i, (age, sender, recipients) in enumerate(MESSAGES):
        arrival = now - age * 60 - 3
        file = place / "active" / f"ABCDEF{i:04d}"
        file.write_bytes(record("C", "0 0 0") + record("T", f"{arrival} 0") + record("S", sender)
                         + b"".join(record("R", r) for r in recipients) + record("M") + record("X") + record("E"))
        file.chmod(0o700)
        lines.append(json.dumps({"queue_name": "active", "queue_id": f"ABCDEF{i:04d}", "arrival_time": arrival,
                                 "message_size": 1, "forced_expire": False, "sender": sender,
                                 "recipients": [{"address": r} for r in recipients]}))
    (place / "listing").write_text("\n".join(lines) + "\n")
    return script / "usr/sbin/qshape", place


@pytest.mark.parametrize("options", ["", "-s", "-p", "-p -m 2", "-l", "-b 3", "-b 1", "-t 60", "-l -t 60 -b 20",
                                     "-w 120", "-w 40", "-s -p -m 1", "-b 30 -w 200", "-b x", "-n 2 -N 1"])
def test_as_the_script(queues, options):
    script, place = queues
    theirs = subprocess.run(["perl", script, *options.split(), place / "active"], capture_output=True, text=True,
                            timeout=20)
    ours = subprocess.run([STAGE / "bin/qshape", *options.split(), place / "listing"], capture_output=True, text=True,
                          timeout=20)
    assert ours.stderr == "" and (ours.returncode, theirs.returncode) == (0, 0)
    lines = [text.splitlines() for text in (theirs.stdout, ours.stdout)]
    assert lines[1][:2] == lines[0][:2]  # heads and TOTAL
    assert sorted(lines[1]) == sorted(lines[0])  # rows of the same count and length come in any order there


def test_the_queue(instance):
    """-c, queue names: incoming and active without them; qmgr down or not."""
    instance.set(mydestination="", relay_domains="free.fr", relay_transport="smtp:[127.0.0.1]:1",
                 default_transport="discard").start()
    identity = instance.send("x@maison.mrs", ["a@free.fr", "b@free.fr"])
    instance.wait_log(f"{identity}: to=<b@free.fr>.*status=deferred")

    def deferred():
        return [line.split()[:3] for line in instance.run("qshape", "deferred").stdout.splitlines()[1:]]

    for _ in range(2):
        # the log tells of a deferral a moment before the message is where it waits
        wait_until(lambda: deferred() == [["TOTAL", "2", "2"], ["free.fr", "2", "2"]], "the deferred message")
        assert len(instance.run("qshape").stdout.splitlines()) == 2
        instance.stop()

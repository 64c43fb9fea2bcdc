"""What an ordinary user may do to the mail of others: nothing; S093, S094, S146."""

import os
import pwd
import random
import stat

import pytest

from harness.instance import wait_until

from .people import CHRIS, IS_ROOT, LOULOU, run_as

pytestmark = pytest.mark.skipif(not IS_ROOT, reason="users of their own need root")


@pytest.fixture
def gw(gateway):
    gateway.set(smtpd_peername_lookup="no").start()
    gateway.stop()  # mail stays in maildrop
    return gateway


def shell(user, gw, script):
    """Run SCRIPT as USER in the maildrop directory: its exit status."""
    return run_as(user, gw, "/bin/sh", "-c", script, check=False).returncode


def post(gw, stage, user=CHRIS, text="Subject: secret\n\nx\n"):
    """USER's message in maildrop; the path of its file."""
    before = set((gw.queue / "maildrop").iterdir())
    run_as(user, gw, "sendmail", LOULOU, stdin=text, stage=stage)
    made = set((gw.queue / "maildrop").iterdir()) - before
    assert len(made) == 1
    return made.pop()


def test_a_user_can_add(gw, installed_stage):
    """S093, S120: set-gid postdrop puts a file into maildrop; it belongs to its writer."""
    file = post(gw, installed_stage)
    status = file.stat()
    assert pwd.getpwuid(status.st_uid).pw_name == CHRIS
    assert stat.S_IMODE(status.st_mode) & 0o022 == 0  # pickup reads it; the directory keeps others out
    gw.start()
    wait_until(lambda: b"Subject: secret\n" in gw.mbox(LOULOU), "the message")


def test_a_user_cannot_look_or_take(gw, installed_stage):
    """S093: neither list, read, change, link nor delete, whoever wrote the file."""
    file = post(gw, installed_stage)
    for user in (CHRIS, LOULOU):
        assert shell(user, gw, f"ls {file.parent}") != 0
        assert shell(user, gw, f"rm -f {file}") != 0
        assert shell(user, gw, f"mv {file} {file}x") != 0
        assert shell(user, gw, f"ln {file} {file}x") != 0
        assert shell(user, gw, f"echo > {file.parent}/forged") != 0
    assert shell(LOULOU, gw, f"cat {file}") != 0
    assert shell(LOULOU, gw, f"echo >> {file}") != 0
    assert list(file.parent.iterdir()) == [file]


def test_no_user_without_set_gid(gw):
    """S093: without the set-gid bit a user cannot even add, and is told."""
    done = run_as(CHRIS, gw, "sendmail", LOULOU, stdin="Subject: x\n\nx\n", check=False,
                  timeout=10)
    assert done.returncode != 0 and "ermission denied" in done.stderr
    assert not list((gw.queue / "maildrop").iterdir())


def test_sender_cannot_be_hidden(gw, installed_stage):
    """S093, S186: -f may say anything; the log and the trace line still name the user ID."""
    run_as(CHRIS, gw, "sendmail", "-f", "root@gw1.maison.mrs", LOULOU,
           stdin="Subject: forged\n\nx\n", stage=installed_stage)
    gw.start()
    wait_until(lambda: gw.mbox(LOULOU), "the message")
    uid = pwd.getpwnam(CHRIS).pw_uid
    assert f"(Postfix, from userid {uid})".encode() in gw.mbox(LOULOU)
    gw.wait_log(rf"pickup\[\d+\]: \w+: uid={uid} from=<root@gw1\.maison\.mrs>")


def test_authorized_submit_users(gw, installed_stage):
    """S093: authorized_submit_users decides who may write."""
    gw.set(authorized_submit_users=f"!{CHRIS}, static:all").write()
    done = run_as(CHRIS, gw, "sendmail", LOULOU, stdin="Subject: x\n\nx\n", check=False,
                  stage=installed_stage)
    assert done.returncode == 77 or "not allowed" in done.stderr, done.stderr
    assert f"User {CHRIS}({pwd.getpwnam(CHRIS).pw_uid}) is not allowed to submit mail" in \
        done.stderr + gw.log()
    post(gw, installed_stage, LOULOU)


def test_malformed_files(gw):
    """S094, S079: rubbish in maildrop is never executed, never stops the mail behind it."""
    dice = random.Random(93)
    maildrop = gw.queue / "maildrop"
    samples = [b"", b"\n", b"#!/bin/sh\ntouch /tmp/never\n", b"T" * 5000, b"\xff" * 300,
               bytes(dice.randrange(256) for _ in range(4000))]
    samples += [bytes(dice.randrange(256) for _ in range(dice.randrange(1, 200)))
                for _ in range(20)]
    for i, sample in enumerate(samples):
        file = maildrop / f"{0xABCD00 + i:010X}"
        file.write_bytes(sample)
        file.chmod(0o700)
        os.chown(file, pwd.getpwnam(CHRIS).pw_uid, -1)
    (maildrop / "ABCDEF0001").mkdir()
    (maildrop / "ABCDEF0002").symlink_to("/etc/passwd")
    os.mkfifo(maildrop / "ABCDEF0003", 0o700)
    gw.start()
    run_as("root", gw, "sendmail", CHRIS, stdin="Subject: apres\n\nx\n")
    wait_until(lambda: b"Subject: apres\n" in gw.mbox(CHRIS), "the mail behind the rubbish")
    gw.stop()
    assert not gw.log_lines("panic:|fatal:|killed by signal|exit status [1-9]|AddressSanitizer")


def test_fuzzed_maildrop_files(gw, installed_stage):
    """S094: a good file with bytes changed at random: a message, or a warning; never a crash."""
    dice = random.Random(94)
    file = post(gw, installed_stage, text="Subject: vrai\n\n" + "x" * 60 + "\n")
    good, owner = file.read_bytes(), file.stat().st_uid
    for i in range(60):
        bad = bytearray(good)
        for _ in range(dice.randrange(1, 6)):
            bad[dice.randrange(len(bad))] = dice.randrange(256)
        if i % 3 == 0:
            del bad[dice.randrange(len(bad)):]
        copy = file.with_name(f"{0xBCDE00 + i:010X}")
        copy.write_bytes(bad)
        copy.chmod(0o700)
        os.chown(copy, owner, -1)
    gw.start()
    wait_until(lambda: b"Subject: vrai\n" in gw.mbox(LOULOU), "the good one")
    run_as("root", gw, "sendmail", CHRIS, stdin="Subject: apres\n\nx\n")
    wait_until(lambda: b"Subject: apres\n" in gw.mbox(CHRIS), "mail after all this")
    gw.stop()
    assert not gw.log_lines("panic:|fatal:|killed by signal|exit status [1-9]|AddressSanitizer")


def test_nothing_is_written_as_root(gw):
    """S146, S145: without an alias root's mail goes to default_privs; no file belongs to 0."""
    gw.set(alias_maps="", alias_database="").start()
    gw.send("x@wanadoo.fr", "root@gw1.maison.mrs")
    gw.wait_log(r"to=<root@gw1\.maison\.mrs>, .*status=")
    for path in gw.spool.iterdir():
        assert path.stat().st_uid != 0, path
    if (gw.spool / "root").exists():
        assert (gw.spool / "root").owner() == gw.parameters["default_privs"]


def test_command_of_an_alias_runs_unprivileged(gw):
    """S146, S275: a program from the alias file runs as default_privs, never as root."""
    table = gw.table("aliases.programs", f"qui: \"|id -u > {gw.spool}/qui\"\n")
    gw.set(alias_maps=table, alias_database=table).start()
    gw.send("x@wanadoo.fr", "qui@gw1.maison.mrs")
    gw.wait_log(r"status=sent \(delivered to command: id -u ")
    uid = pwd.getpwnam(gw.parameters["default_privs"]).pw_uid
    assert (gw.spool / "qui").read_text() == f"{uid}\n"


def test_programs_drop_root(gw):
    """S080, S093: only master and the delivery to users keep root; the others have left it."""
    gw.start()
    gw.wait_removed(gw.send("x@wanadoo.fr", f"{CHRIS}@gw1.maison.mrs"))
    master = int((gw.queue / "pid/master.pid").read_text())
    with open(f"/proc/{master}/task/{master}/children", encoding="ascii") as file:
        children = file.read().split()
    seen = {}
    for pid in children:
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            name = file.read().strip()
        seen[name] = os.stat(f"/proc/{pid}").st_uid
    assert {"smtpd", "qmgr", "pickup"} <= set(seen)
    assert not [name for name, uid in seen.items() if uid == 0 and name not in ("local", "pipe")]

"""POP3 after login: what RFC 1939 says, with Python's poplib, curl and by hand."""

import os
import poplib
import subprocess

import pytest

from .site import OWNER, PASSWORD, Site, status, wait_workers
from .test_before_login import Talk

MESSAGE = b"Subject: =?utf-8?q?=C3=A9t=C3=A9?=\nX-Odd:  two  blanks\n\n.one\n..two\nlast\n"


@pytest.fixture(scope="module", name="site")
def fixture_site(module_place):
    with Site(module_place, login_tls_auth_only="no", store_workers_per_uid="1") as site:
        yield site


@pytest.fixture(name="box")
def fixture_box(site):
    """An empty mailbox."""
    with_mail = site.pop3()
    for number in range(1, with_mail.stat()[0] + 1):
        with_mail.dele(number)
    with_mail.quit()
    return site


def test_session(box):
    """S217: STAT LIST UIDL RETR TOP DELE RSET QUIT; messages go at QUIT only."""
    box.deliver(MESSAGE)
    box.deliver(b"Subject: second\n\nbody\n")
    c = box.pop3()
    count, size = c.stat()
    assert count == 2 and len(c.list()[1]) == 2
    uids = [line.split()[1] for line in c.uidl()[1]]
    assert len(set(uids)) == 2 and all(len(uid) == 16 for uid in uids)
    lines = c.retr(1)[1]
    # S062: the raw source, headers as they came.
    assert b"X-Odd:  two  blanks" in lines
    assert lines[-3:] == [b".one", b"..two", b"last"]
    assert sum(len(line) + 2 for line in lines) == int(c.list(1).split()[2])
    assert c.top(1, 1)[1][-2:] == [b"", b".one"]
    assert c.top(1, 0)[1][-1] == b""
    c.dele(1)
    with pytest.raises(poplib.error_proto):
        c.retr(1)
    assert c.stat()[0] == 1 and c.stat()[1] < size
    c.rset()
    assert c.stat() == (2, size)
    c.dele(2)
    c.close()  # without QUIT
    c = box.pop3()
    assert c.stat() == (2, size) and [u.split()[1] for u in c.uidl()[1]] == uids
    c.dele(1)
    c.quit()
    c = box.pop3(tls=True)
    assert [u.split()[1] for u in c.uidl()[1]] == uids[1:]
    c.quit()


def test_errors(box):
    """What is wrong is said, and the session goes on; RFC 2449 5: codes in brackets."""
    box.deliver()
    c = box.pop3()
    for command in ("RETR 0", "RETR 2", "RETR x", "TOP 1", "TOP 1 x", "DELE", "XYZ", "LIST 99"):
        with pytest.raises(poplib.error_proto):
            c._shortcmd(command)
    assert c.noop().startswith(b"+OK")
    assert {"TOP", "UIDL", "PIPELINING", "EXPIRE"} <= set(c.capa())
    c.quit()


def test_pipelining(box):
    """RFC 2449 6.6: commands sent at once, also behind the password, are answered in order."""
    box.deliver(MESSAGE)
    with Talk(box.pop3_port) as c:
        c.say(f"USER jo@maison.mrs\r\nPASS {PASSWORD}\r\nSTAT\r\nRETR 1\r\nNOOP\r\nQUIT")
        text = c.file.read()
    replies = text.split(b"\r\n")
    assert [line[:3] for line in replies[:5]] == [b"+OK"] * 5
    assert replies[3].startswith(b"+OK 1 ")
    assert text.count(b"\r\n..one\r\n...two\r\n") == 1
    assert text.endswith(b"\r\n.\r\n+OK\r\n+OK Logging out.\r\n")


def test_read_mail_is_seen(box):
    """Flags of Maildir files: what POP3 read is \\Seen, what it did not is not."""
    box.deliver(count=2)
    c = box.pop3()
    c.retr(2)
    c.quit()
    names = [path.name for path in (box.box() / "cur").iterdir()]
    assert sum(name.endswith("S") for name in names) == 1


def test_changes_by_others(box):
    """Files that another program removes or adds while a session runs."""
    box.deliver(count=2)
    c = box.pop3()
    assert c.stat()[0] == 2
    files = [path for sub in ("new", "cur") for path in (box.box() / sub).iterdir()]
    files[0].unlink()
    outcomes = []
    for number in (1, 2):
        try:
            c.retr(number)
            outcomes.append(True)
        except poplib.error_proto as error:
            assert b"gone" in error.args[0]
            outcomes.append(False)
    assert sorted(outcomes) == [False, True]
    box.deliver(b"Subject: late\n\n")
    assert c.stat()[0] == 2
    c.quit()
    c = box.pop3()
    assert c.stat()[0] == 2
    c.quit()


def test_curl_reads(box):
    """The client of `./dev run`: curl, with STLS and with TLS at once."""
    box.deliver(MESSAGE)
    for url, port in (("pop3", box.pop3_port), ("pop3s", box.pop3s_port)):
        done = subprocess.run(["curl", "-sS", "-k", "--ssl-reqd", "--user", f"jo@maison.mrs:{PASSWORD}",
                               f"{url}://127.0.0.1:{port}/1"], capture_output=True, timeout=30)
        assert done.returncode == 0, done.stderr
        assert b"X-Odd:  two  blanks\r\n" in done.stdout


def test_rights(site):
    """Sessions run with the rights of the mailbox's owner, apart from the dispatcher."""
    c = site.pop3()
    [pid] = wait_workers(site, 1)
    if os.getuid() == 0:
        assert status(pid, "Uid").split() == [str(OWNER)] * 4
        assert status(pid, "Groups") in ("", str(OWNER))
    c.quit()


def test_mbox(site):
    """A mailbox that is a file (virtual_mailbox_maps without a final slash)."""
    site.deliver(MESSAGE, user="mbox@maison.mrs")
    c = site.pop3(user="mbox@maison.mrs")
    assert c.stat()[0] == 1 and b".one" in c.retr(1)[1]
    c.dele(1)
    c.quit()
    assert site.pop3(user="mbox@maison.mrs").stat() == (0, 0)


def test_worker_is_killed(site):
    """A worker's death ends its sessions and no others; the next login has a new one."""
    site.deliver()
    c = site.pop3()
    [pid] = wait_workers(site, 1)
    os.kill(pid, 9)
    with pytest.raises((poplib.error_proto, OSError)):
        c.stat()
    site.wait_log(rf"store\[\d+\]: warning: process {pid} .* killed by signal 9")
    c = site.pop3()
    assert c.stat()[0] >= 1
    c.quit()

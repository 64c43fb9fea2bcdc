"""`diligence mailbox` and `diligence store`: an administrator looks after users' mailboxes."""

import mailbox

import pytest

from .messages import ALTERNATIVE, MIXED, SIMPLE, wire
from .test_imap import fetched

JO = "jo@example.com"


@pytest.fixture(scope="module")
def filled(server):
    """jo's folder "a" holds three messages."""
    with server.imap(JO) as session:
        session.ok("CREATE a")
        for message in (SIMPLE, ALTERNATIVE, MIXED):
            session.append("a", message, "(\\Seen key) ")
    open_place = server.directory / "x"
    open_place.mkdir()
    open_place.chmod(0o777)
    return server


def said(server, *words, stdin=None):
    return server.run("diligence", *words, stdin=stdin).stdout


def test_folders(filled):
    """S224: made, shown, renamed and removed while the system runs."""
    said(filled, "mailbox", "create", JO, "b/c", "sent")
    assert "b/c (sent)" in said(filled, "mailbox", "list", JO)
    said(filled, "mailbox", "rename", JO, "b/c", "z")
    assert "  z (sent)" in said(filled, "mailbox", "list", JO)
    said(filled, "mailbox", "delete", JO, "z")
    failed = filled.run("diligence", "mailbox", "delete", JO, "z", check=False)
    assert failed.returncode == 1 and "mailbox z does not exist" in failed.stderr
    failed = filled.run("diligence", "mailbox", "list", "nobody@example.com", check=False)
    assert failed.returncode == 1 and "unknown user" in failed.stderr


def test_acl_and_quota(filled):
    said(filled, "mailbox", "acl", JO, "a", "ann@example.com", "lrs")
    assert said(filled, "mailbox", "acl", JO, "a").splitlines()[1] == "ann@example.com lrs"
    said(filled, "mailbox", "acl", JO, "a", "ann@example.com", "none")
    assert len(said(filled, "mailbox", "acl", JO, "a").splitlines()) == 1
    assert "messages" in said(filled, "mailbox", "quota", JO)


@pytest.mark.parametrize("form", ["mbox", "mh", "maildir"])
def test_export_and_import(filled, form):
    """S236: to other formats and back, with flags and bytes."""
    path = filled.directory / "x" / f"out.{form}"
    assert "3 of 3" in said(filled, "mailbox", "export", JO, f"{form}:{path}", "a")
    if form == "mbox":
        kept = mailbox.mbox(path)
        assert [one["Message-ID"] for one in kept] == ["<1@maison.mrs>", "<2@example.com>",
                                                       "<3@example.com>"]
        assert all("R" in one.get_flags() for one in kept)
    said(filled, "mailbox", "import", JO, f"{form}:{path}", f"from-{form}")
    with filled.imap(JO) as session:
        session.ok(f"SELECT from-{form}")
        got = fetched(session.ok("FETCH 1:* (FLAGS BODY.PEEK[])"))
        assert [wire(m) in got[n] for n, m in ((1, SIMPLE), (2, ALTERNATIVE), (3, MIXED))] == \
            [True] * 3
        assert all(b"\\Seen" in one for one in got.values())


def test_backup_and_restore(filled):
    """S234: a backup while in use takes what is new; one message comes back."""
    place = filled.directory / "x"
    assert "a: 3 of 3" in said(filled, "mailbox", "backup", JO, place)
    assert "a: 0 of 3" in said(filled, "mailbox", "backup", "-", place, stdin=f"{JO}\n")
    with filled.imap(JO) as session:
        session.ok("SELECT a")
        session.ok("STORE 2 +FLAGS (\\Deleted)")
        session.ok("EXPUNGE")
        said(filled, "mailbox", "restore", JO, place, "a", "<2@example.com>")
        session.ok("NOOP")
        assert wire(ALTERNATIVE) in fetched(session.ok("FETCH 3 BODY.PEEK[]"))[3]


def test_rebuild_keeps_uids(filled):
    with filled.imap(JO) as session:
        before = session.ok("STATUS a (MESSAGES UIDNEXT UIDVALIDITY)")[0]
    said(filled, "store", "rebuild", JO)
    with filled.imap(JO) as session:
        assert session.ok("STATUS a (MESSAGES UIDNEXT UIDVALIDITY)")[0] == before

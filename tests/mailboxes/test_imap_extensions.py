"""Extensions of IMAP, each by a dialogue of its RFC."""

import re
import zlib

from harness.instance import wait_until

from .messages import ALTERNATIVE, SIMPLE, wire
from .test_imap import fetched


def modseq(found, number=1):
    return int(re.search(rb"MODSEQ \((\d+)\)", fetched(found)[number]).group(1))


def test_condstore(server, folder):
    """RFC 7162 3.1: STORE is refused where somebody was faster."""
    for _ in range(2):
        folder.append(folder.folder, SIMPLE)
    before = modseq(folder.ok("FETCH 2 (MODSEQ)"), 2)
    with server.imap("jo@example.com") as other:
        other.ok(f"SELECT {folder.folder}")
        other.ok("STORE 1 +FLAGS (\\Flagged)")
    told = folder.ok(f"STORE 1,2 (UNCHANGEDSINCE {before}) +FLAGS (\\Answered)")
    assert told[-1].startswith(b"[MODIFIED 1]"), told
    assert list(fetched(folder.ok(f"FETCH 1:* (FLAGS) (CHANGEDSINCE {before})"))) == [1, 2]
    assert folder.ok(f"SEARCH MODSEQ {before + 1}")[0].startswith(b"SEARCH 1 2 (MODSEQ ")


def test_qresync(server, folder):
    """S225: a client that was away hears of changes and losses at SELECT."""
    for _ in range(4):
        folder.append(folder.folder, SIMPLE)
    folder.ok("ENABLE QRESYNC")
    told = b" ".join(folder.ok(f"SELECT {folder.folder}"))
    validity = re.search(rb"UIDVALIDITY (\d+)", told).group(1).decode()
    highest = re.search(rb"HIGHESTMODSEQ (\d+)", told).group(1).decode()
    with server.imap("jo@example.com") as other:
        other.ok(f"SELECT {folder.folder}")
        other.ok("STORE 2 +FLAGS (\\Deleted)")
        other.ok("EXPUNGE")
        other.ok("STORE 3 +FLAGS (\\Flagged)")
    folder.ok("UNSELECT")
    told = folder.ok(f"SELECT {folder.folder} (QRESYNC ({validity} {highest} 1:4))")
    assert b"VANISHED (EARLIER) 2" in told
    assert any(b"FETCH (UID 4 " in one and b"\\Flagged" in one for one in told)
    assert b"VANISHED (EARLIER) 2" in folder.ok(
        f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {highest} VANISHED)")


def test_enable_rev2(folder):
    """RFC 9051: ESEARCH instead of SEARCH, no RECENT, names in UTF-8."""
    folder.append(folder.folder, SIMPLE)
    assert folder.ok("ENABLE IMAP4rev2")[0] == b"ENABLED IMAP4REV2"
    assert folder.ok("SEARCH ALL")[0].startswith(b"ESEARCH (TAG ")
    told = folder.ok(f"SELECT {folder.folder}")
    assert not any(b"RECENT" in one for one in told)
    assert any(one.startswith(b"LIST () ") for one in told)
    folder.ok('CREATE "été"'.encode())
    assert any("été".encode() in one for one in folder.ok('LIST "" "*"'))
    folder.ok('DELETE "été"'.encode())


def test_uidonly(folder):
    """RFC 9586: no message numbers."""
    folder.append(folder.folder, SIMPLE)
    folder.ok("ENABLE UIDONLY")
    assert folder.ok("UID FETCH 1 FLAGS")[0].startswith(b"1 UIDFETCH (FLAGS")
    folder.fails("FETCH 1 FLAGS", b"BAD [UIDREQUIRED]")
    folder.ok("UID STORE 1 +FLAGS (\\Deleted)")
    assert b"VANISHED 1" in folder.ok("EXPUNGE")


def test_multiappend_is_one(folder):
    """RFC 3502: both or none."""
    one, two = wire(SIMPLE), wire(ALTERNATIVE)
    told = folder.ok(b"APPEND %s (\\Seen) {%d+}\r\n%s (\\Flagged) {%d+}\r\n%s"
                     % (folder.folder.encode(), len(one), one, len(two), two))
    assert re.match(rb"\[APPENDUID \d+ 1:2\]", told[-1])
    folder.fails(b"APPEND %s (\\Seen) {%d+}\r\n%s (\\Flagged) {x" % (
        folder.folder.encode(), len(one), one), b"BAD")
    assert b"MESSAGES 2" in folder.ok(f"STATUS {folder.folder} (MESSAGES)")[0]


def test_catenate(folder):
    """RFC 4469: a message made of parts of another."""
    folder.append(folder.folder, SIMPLE)
    head = b"Subject: joined\r\n\r\n"
    folder.ok(b'APPEND %s CATENATE (TEXT {%d+}\r\n%s URL "/%s/;UID=1/;SECTION=TEXT")'
              % (folder.folder.encode(), len(head), head, folder.folder.encode()))
    got = fetched(folder.ok("FETCH 2 BODY.PEEK[]"))[2]
    assert got.endswith(head + b"One line.\r\nAnother line.\r\n")
    folder.fails(b'APPEND %s CATENATE (URL "/%s/;UID=77/;SECTION=TEXT")'
                 % (folder.folder.encode(), folder.folder.encode()), b"NO [BADURL")


def test_replace(folder):
    """RFC 8508."""
    folder.append(folder.folder, SIMPLE)
    folder.ok("NOOP")
    new = wire(ALTERNATIVE)
    told = folder.ok(b"REPLACE 1 %s {%d+}\r\n%s" % (folder.folder.encode(), len(new), new))
    assert re.match(rb"OK \[APPENDUID \d+ 2\]", told[0])
    assert fetched(folder.ok("FETCH 1 UID"))[1] == b"UID 2"


def test_ids(folder):
    """RFC 8474: a copy has the EMAILID of its original; an answer the THREADID of its question."""
    folder.append(folder.folder, SIMPLE)
    folder.append(folder.folder, ALTERNATIVE)
    folder.ok(f"COPY 1 {folder.folder}")
    got = fetched(folder.ok("FETCH 1:3 (EMAILID THREADID)"))
    ids = [re.search(rb"EMAILID \((\w+)\) THREADID \((\w+)\)", got[n]).groups() for n in (1, 2, 3)]
    assert ids[0][0] == ids[2][0] != ids[1][0] and ids[0][1] == ids[1][1]
    assert folder.ok("SEARCH EMAILID " + ids[1][0].decode())[0] == b"SEARCH 2"
    told = folder.ok(f"STATUS {folder.folder} (MAILBOXID)")[0]
    assert re.search(rb"MAILBOXID \(M\w+\)", told)


def test_preview_and_savedate(folder):
    folder.append(folder.folder, ALTERNATIVE)
    got = fetched(folder.ok("FETCH 1 (PREVIEW SAVEDATE)"))[1]
    assert "Le café est prêt.".encode() in got and b'SAVEDATE "' in got
    assert b"PREVIEW" in fetched(folder.ok("FETCH 1 (PREVIEW (LAZY))"))[1]


def test_partial_fetch(folder):
    for _ in range(5):
        folder.append(folder.folder, SIMPLE)
    assert list(fetched(folder.ok("UID FETCH 1:* (FLAGS) (PARTIAL -1:-2)"))) == [4, 5]


def test_compress(folder):
    """RFC 4978."""
    folder.append(folder.folder, SIMPLE)
    folder.ok("COMPRESS DEFLATE")
    out, back = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)
    folder.send(out.compress(b"z1 FETCH 1 BODY.PEEK[]\r\n") + out.flush(zlib.Z_SYNC_FLUSH))
    got = b""
    while b"z1 OK" not in got:
        got += back.decompress(folder.socket.recv(65536))
    assert wire(SIMPLE) in got
    folder.send(out.compress(b"z2 NOOP\r\n") + out.flush(zlib.Z_SYNC_FLUSH))
    while b"z2 OK" not in got:
        got += back.decompress(folder.socket.recv(65536))


def test_notify(server, session):
    """RFC 5465: news of mailboxes that are not selected, without asking."""
    session.ok("CREATE watched")
    session.ok("NOTIFY SET STATUS (PERSONAL (MessageNew MessageExpunge))")
    with server.imap("jo@example.com") as other:
        other.append("watched", SIMPLE)
    session.socket.settimeout(10)
    assert session.response().startswith(b"* STATUS watched (MESSAGES 1 ")
    session.fails("NOTIFY SET (PERSONAL (MailboxMetadataChange))", b"NO [BADEVENT")
    session.ok("NOTIFY NONE")


def test_idle_tells_of_flags_and_losses(server, folder):
    for _ in range(2):
        folder.append(folder.folder, SIMPLE)
    folder.ok("NOOP")
    tag = folder.start("IDLE")
    folder.response()
    with server.imap("jo@example.com") as other:
        other.ok(f"SELECT {folder.folder}")
        other.ok("STORE 1 +FLAGS (\\Deleted)")
        assert b"1 FETCH" in folder.response()
        other.ok("EXPUNGE")
        assert folder.response() == b"* 1 EXPUNGE"
    folder.send("DONE\r\n")
    folder.finish(tag)


def test_expunge_waits_for_its_moment(server, folder):
    """RFC 9051 7.5.1: no message changes its number while FETCH, STORE or SEARCH is answered."""
    for _ in range(3):
        folder.append(folder.folder, SIMPLE)
    folder.ok("NOOP")
    with server.imap("jo@example.com") as other:
        other.ok(f"SELECT {folder.folder}")
        other.ok("STORE 1 +FLAGS (\\Deleted)")
        other.ok("EXPUNGE")
    assert not any(b"EXPUNGE" in one and one[:1].isdigit() for one in folder.ok("FETCH 2 UID"))
    folder.fails("FETCH 1 BODY[]", b"NO [EXPUNGEISSUED]")
    assert b"1 EXPUNGE" in folder.ok("NOOP")


def test_acl_and_shared_mailboxes(server, session):
    """S224 and RFC 4314: what jo shares, ann may read, and no more."""
    session.ok("CREATE shared")
    session.append("shared", SIMPLE)
    session.ok("SETACL shared ann@example.com lrs")
    assert b"ann@example.com lrs" in session.ok("GETACL shared")[0]
    with server.imap("ann@example.com") as ann:
        name = '"Other Users/jo@example.com/shared"'
        assert any(b"Other Users/jo@example.com/shared" in one for one in ann.ok('LIST "" "*"'))
        assert b"lrs" in ann.ok(f"MYRIGHTS {name}")[0]
        ann.ok(f"SELECT {name}")
        assert wire(SIMPLE) in fetched(ann.ok("FETCH 1 BODY.PEEK[]"))[1]
        ann.ok("STORE 1 +FLAGS (\\Seen)")
        ann.fails("STORE 1 +FLAGS (\\Flagged)", b"NO [NOPERM]")
        ann.fails(f"DELETE {name}", b"NO [NOPERM]")
        ann.fails('SELECT "Other Users/jo@example.com/INBOX"', b"NO [NONEXISTENT]")
    session.ok("DELETEACL shared ann@example.com")
    with server.imap("ann@example.com") as ann:
        ann.fails('SELECT "Other Users/jo@example.com/shared"', b"NO [NONEXISTENT]")


def test_metadata(folder):
    """RFC 5464."""
    folder.ok(f'SETMETADATA {folder.folder} (/private/comment "mine" /shared/comment "ours")')
    told = folder.ok(f"GETMETADATA {folder.folder} /private/comment")[0]
    assert b'/private/comment "mine"' in told
    assert b'/shared/comment "ours"' in folder.ok(
        f"GETMETADATA (DEPTH infinity) {folder.folder} (/shared/comment)")[0]
    folder.ok(f"SETMETADATA {folder.folder} (/private/comment NIL)")
    assert not folder.ok(f"GETMETADATA {folder.folder} /private/comment")[0].startswith(b"METADATA")
    folder.ok('SETMETADATA "" (/private/vendor/x "server")')
    assert b'"server"' in folder.ok('GETMETADATA "" /private/vendor/x')[0]


def test_unauthenticate(server, session):
    """RFC 8437: the connection goes on, for another user."""
    session.ok("SELECT INBOX")
    session.ok("UNAUTHENTICATE")
    session.fails("SELECT INBOX", b"BAD")
    session.ok("LOGIN ann@example.com geheim")
    session.ok("SELECT INBOX")


def test_files_changed_by_others(server, folder):
    """Another program moves, marks and removes files: noticed and kept right."""
    for _ in range(3):
        folder.append(folder.folder, SIMPLE)
    folder.ok("NOOP")
    maildir = server.maildir("jo@example.com") / f".{folder.folder}"
    files = sorted((maildir / "cur").iterdir()) + sorted((maildir / "new").iterdir())
    assert len(files) == 3
    files[0].unlink()
    base = files[1].name.split(":2,")[0]
    files[1].rename(maildir / "cur" / f"{base}:2,FS")

    def noticed():
        told = folder.ok("NOOP")
        return told if any(b"EXPUNGE" in one for one in told) else None
    told = wait_until(noticed, "the lost file")
    got = fetched(folder.ok("FETCH 1:* (UID FLAGS)"))
    assert len(got) == 2 and any(b"\\Flagged" in one and b"\\Seen" in one for one in got.values())
    assert told

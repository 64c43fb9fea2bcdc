"""IMAP4rev1 and IMAP4rev2: mailboxes, messages, flags (RFC 3501, RFC 9051)."""

import re

from .messages import ALTERNATIVE, MIXED, SIMPLE, wire


def names(found):
    """Names of LIST answers."""
    return [re.search(rb' "/" "?([^"]*)"?$', one).group(1).decode()
            for one in found if one.startswith((b"LIST", b"LSUB"))]


def fetched(found):
    """{message number: text of its FETCH}."""
    out = {}
    for one in found:
        match = re.match(rb"(\d+) FETCH \((.*)\)$", one, re.S)
        if match:
            out[int(match.group(1))] = match.group(2)
    return out


def test_login_shows_capabilities(session):
    """S221: the extensions are told at login and on request."""
    words = session.ok("CAPABILITY")[0].split()
    for word in (b"IMAP4rev1", b"IMAP4rev2", b"CONDSTORE", b"QRESYNC", b"MOVE", b"IDLE", b"NOTIFY",
                 b"SORT", b"THREAD=REFERENCES", b"COMPRESS=DEFLATE", b"UIDONLY"):
        assert word in words, word


def test_folders(session):
    """S224: folders are made, renamed with what is below, subscribed, removed."""
    session.ok("CREATE trips/2003/may")
    session.ok("CREATE trips/&AOk-t&AOk-")
    assert names(session.ok('LIST "" "trips/%"')) == ["trips/2003", "trips/&AOk-t&AOk-"]
    assert "trips/2003/may" in names(session.ok('LIST "" "*"'))
    session.ok("RENAME trips/2003 trips/old")
    assert names(session.ok('LIST "trips/" "old/*"')) == ["trips/old/may"]
    session.ok("SUBSCRIBE trips/old/may")
    assert names(session.ok('LSUB "" "trips/*"')) == ["trips/old/may"]
    session.ok("UNSUBSCRIBE trips/old/may")
    assert not names(session.ok('LSUB "" "trips/*"'))
    session.ok("DELETE trips/old/may")
    session.fails("SELECT trips/old/may", b"NO [NONEXISTENT]")
    session.fails("CREATE trips/&AOk-t&AOk-", b"NO [ALREADYEXISTS]")
    session.fails("DELETE INBOX")


def test_rename_refuses_what_is_there(session):
    """No mailbox of the new name is lost, and the account opens as ever."""
    for name in ("old/x", "new/x"):
        session.ok(f"CREATE {name}")
    session.append("new/x", SIMPLE)
    session.fails("RENAME old new", b"NO [ALREADYEXISTS]")
    assert names(session.ok('LIST "" "%/x"')) == ["new/x", "old/x"]
    assert b"MESSAGES 1" in session.ok("STATUS new/x (MESSAGES)")[0]


def test_list_forms(session):
    session.ok("CREATE forms (USE (\\Sent))")
    assert session.ok('LIST "" ""')[0] == b'LIST (\\Noselect) "/" ""'
    told = session.ok('LIST (SPECIAL-USE) "" "*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT))')
    assert any(b"\\Sent" in one and one.endswith(b"forms") for one in told)
    assert any(one.startswith(b"STATUS forms (MESSAGES 0 UIDNEXT 1)") for one in told)
    assert b"INBOX" in session.ok('LIST "" "inbox"')[0]
    session.ok("DELETE forms")


def test_select_tells_state(folder):
    folder.append(folder.folder, SIMPLE, "(\\Seen) ")
    folder.append(folder.folder, SIMPLE)
    told = folder.ok(f"SELECT {folder.folder}")
    assert b"2 EXISTS" in told
    assert any(one.startswith(b"FLAGS (\\Answered") or b"\\Seen" in one for one in told)
    assert any(one.startswith(b"OK [UIDNEXT 3]") for one in told)
    assert any(b"[UNSEEN 2]" in one for one in told)
    assert told[-1].startswith(b"[READ-WRITE]")
    assert folder.ok(f"EXAMINE {folder.folder}")[-1].startswith(b"[READ-ONLY]")
    folder.fails("STORE 1 +FLAGS (\\Seen)", b"NO [READ-ONLY]")


def test_append_and_fetch_give_the_same_bytes(folder):
    """S062: the raw source, byte for byte."""
    code = folder.append(folder.folder, SIMPLE, '(\\Flagged key) " 1-Feb-1994 21:52:25 -0800" ')
    assert re.match(rb"\[APPENDUID \d+ 1\]", code)
    got = fetched(folder.ok("FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"))[1]
    assert b"UID 1 " in got and b"\\Flagged" in got and b"key" in got
    assert b'INTERNALDATE "02-Feb-1994 05:52:25 +0000"' in got
    assert b"RFC822.SIZE %d" % len(wire(SIMPLE)) in got
    assert b"BODY[] {%d}\r\n" % len(wire(SIMPLE)) + wire(SIMPLE) in got


def test_sections(folder):
    folder.append(folder.folder, SIMPLE)
    got = fetched(folder.ok("FETCH 1 (BODY.PEEK[HEADER.FIELDS (Subject X-Spam-Status)] "
                            "BODY.PEEK[TEXT]<4.4> BODY.PEEK[1])"))[1]
    assert b"Subject: first words\r\nX-Spam-Status: No, score=-4.4 required=5.0\r\n\r\n" in got
    assert b"BODY[TEXT]<4> {4}\r\nline" in got
    assert b"BODY[1] {%d}\r\nOne line." % len(wire("One line.\nAnother line.\n")) in got


def test_structure_of_alternative(folder):
    """S068 S070: two parts; the preamble is in the raw message alone."""
    folder.append(folder.folder, ALTERNATIVE)
    got = fetched(folder.ok("FETCH 1 BODYSTRUCTURE"))[1]
    assert got.count(b'"TEXT"') + got.count(b'"text"') == 2
    assert b'"ALTERNATIVE"' in got.upper() and b"C'est" not in got
    assert b"C'est un message de format MIME" in fetched(folder.ok("FETCH 1 BODY.PEEK[]"))[1]
    part = fetched(folder.ok("FETCH 1 (BODY.PEEK[1] BINARY.PEEK[1] BINARY.SIZE[1])"))[1]
    assert b"Le caf=E9 est pr=EAt." in part and b"Le caf\xe9 est pr\xeat." in part


def test_envelope(folder):
    folder.append(folder.folder, ALTERNATIVE)
    got = fetched(folder.ok("FETCH 1 ENVELOPE"))[1]
    assert got.startswith(b'ENVELOPE ("Mon, 12 May 2003 10:00:00 +0200" "=?iso-8859-1?Q?d=E9j=E0_vu?="'
                          b' (("Ann" NIL "ann" "example.com"))')
    assert b'((NIL NIL "jo" "example.com")("Max" NIL "max" "example.com"))' in got
    assert b'(NIL NIL "team" NIL)' in got
    assert got.endswith(b'"<1@maison.mrs>" "<2@example.com>")')


def test_attachment_and_inner_message(folder):
    """S069: the attachment decodes to its bytes; a message inside has parts of its own."""
    folder.append(folder.folder, MIXED)
    got = fetched(folder.ok("FETCH 1 (BINARY.PEEK[2] BODY.PEEK[3.HEADER] BODY.PEEK[3.TEXT] "
                            "BODY.PEEK[2.MIME])"))[1]
    assert b"BINARY[2] ~{8}\r\n" + bytes(range(8)) in got
    assert b"Subject: inside" in got and b"Inner text." in got
    assert b'filename="data.bin"' in got


def test_fetch_marks_seen(folder):
    folder.append(folder.folder, SIMPLE)
    assert b"\\Seen" not in fetched(folder.ok("FETCH 1 (FLAGS BODY.PEEK[])"))[1].split(b"BODY")[0]
    assert b"\\Seen" in fetched(folder.ok("FETCH 1 BODY[TEXT]"))[1]
    assert b"\\Seen" in fetched(folder.ok("FETCH 1 FLAGS"))[1]


def test_store_and_expunge(folder):
    for _ in range(4):
        folder.append(folder.folder, SIMPLE)
    folder.ok("NOOP")
    told = fetched(folder.ok("STORE 1:2 +FLAGS (\\Deleted $Junk)"))
    assert sorted(told) == [1, 2] and b"$Junk" in told[1]
    assert not fetched(folder.ok("STORE 3 FLAGS.SILENT (\\Answered)"))
    assert b"\\Answered" in fetched(folder.ok("FETCH 3 FLAGS"))[3]
    told = folder.ok("EXPUNGE")
    assert told[:2] == [b"1 EXPUNGE", b"1 EXPUNGE"]
    assert b"UID 3" in fetched(folder.ok("FETCH 1 UID"))[1]
    folder.fails("FETCH 3 UID", b"BAD")


def test_copy_and_move(server, folder):
    for _ in range(3):
        folder.append(folder.folder, SIMPLE, "(\\Seen kept) ")
    other = folder.folder + "b"
    folder.fails(f"COPY 1 {other}", b"NO [TRYCREATE]")
    folder.ok(f"CREATE {other}")
    assert re.match(rb"\[COPYUID \d+ 1:2 1:2\]", folder.ok(f"COPY 1:2 {other}")[-1])
    told = folder.ok(f"UID MOVE 3 {other}")
    assert re.match(rb"OK \[COPYUID \d+ 3 3\]", told[0]) and b"3 EXPUNGE" in told
    folder.ok(f"SELECT {other}")
    got = fetched(folder.ok("FETCH 1:* (FLAGS UID)"))
    assert len(got) == 3 and all(b"\\Seen" in one and b"kept" in one for one in got.values())


def test_status(folder):
    folder.append(folder.folder, SIMPLE)
    folder.append(folder.folder, SIMPLE, "(\\Seen) ")
    told = folder.ok(f"STATUS {folder.folder} (MESSAGES UNSEEN UIDNEXT SIZE DELETED)")[0]
    assert told == f"STATUS {folder.folder} (MESSAGES 2 UIDNEXT 3 UNSEEN 1 DELETED 0 SIZE " \
                   f"{2 * len(wire(SIMPLE))})".encode()


def test_wrong_commands(session):
    session.fails("FROBNICATE", b"BAD")
    session.fails("FETCH 1 FLAGS", b"BAD")
    session.fails("SELECT", b"BAD")
    session.fails("LIST \"\"", b"BAD")
    session.ok("NOOP")


def test_uids_survive_a_restart(server, folder):
    """UIDs stay, and are not used again."""
    for _ in range(3):
        folder.append(folder.folder, SIMPLE)
    folder.ok("UID STORE 3 +FLAGS (\\Deleted)")
    folder.ok("EXPUNGE")
    before = folder.ok(f"STATUS {folder.folder} (UIDVALIDITY UIDNEXT MESSAGES)")[0]
    server.stop()
    server.start()
    with server.imap("jo@example.com") as again:
        assert again.ok(f"STATUS {folder.folder} (UIDVALIDITY UIDNEXT MESSAGES)")[0] == before
        assert re.match(rb"\[APPENDUID \d+ 4\]", again.append(folder.folder, SIMPLE))


def test_delivery_is_seen(server, session):
    """Mail that the delivery agent brings appears in INBOX, also during IDLE."""
    session.ok("SELECT INBOX")
    tag = session.start("IDLE")
    assert session.response().startswith(b"+")
    server.send("chris@maison.mrs", "jo@example.com", SIMPLE)
    assert re.match(rb"\* \d+ EXISTS", session.response())
    session.send("DONE\r\n")
    session.finish(tag)
    assert b"Subject: first words" in session.ok("FETCH * BODY.PEEK[HEADER]")[0]

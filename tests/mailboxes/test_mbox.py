"""A system user's mail in /var/spool/mail, as mail programs, local(8) and IMAP share it.

The accounts are those of a host of its own (tests/auth/accounts.py), with homes in the test's place.
"""

import mailbox
import os
import poplib
import re
import shutil
import subprocess
import sys

import pytest

from auth.accounts import Host, Housed
from harness.instance import PATIENCE, free_port, wait_until
from harness.mailboxes import ImapDialogue

from .messages import SIMPLE

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="accounts are root's matter")

UID = 6100
SERVICES = """\
127.0.0.1:{imap} inet n - n - - imap-login
127.0.0.1:{pop3} inet n - n - - pop3-login
store unix - n n - - store
auth unix - - n - - auth
"""
OTHER = """\
import mailbox, sys
box = mailbox.mbox(sys.argv[1], create=False)
box.lock()
message = box[1]
message.set_flags("ROF")
box[1] = message
box.close()
"""
FROM = "From chris@maison.mrs  Sun May 11 16:06:57 2003\n"


def message(subject, *fields):
    return (f"{FROM}From: chris@maison.mrs\nSubject: {subject}\n" + "".join(f"{f}\n" for f in fields)
            + f"\ntext of {subject}\n\n")


class Spool(Housed):
    """A host with the user jean, whose mail is SPOOL/jean."""

    def __init__(self, place, **parameters):
        self.imap_port, self.pop3_port = free_port(), free_port()
        self.host = Host(place)
        self.home = place / "home"
        passwd = self.host.etc / "passwd"
        passwd.write_text(passwd.read_text() + f"jean:x:{UID}:{UID}:Jean:{self.home}:/bin/sh\n")
        group = self.host.etc / "group"
        group.write_text(group.read_text() + f"jean:x:{UID}:\n")
        super().__init__(place / "server", auth_password_maps="inline:{jean={PLAIN}mot}",
                         login_tls_auth_only="no", auth_failure_delay="0", **parameters)
        self.extra_services = SERVICES.format(imap=self.imap_port, pop3=self.pop3_port)
        self.write()
        self.home.mkdir()
        os.chown(self.home, UID, UID)
        self.inbox = self.spool / "jean"

    def put(self, path, text):
        path.write_text(text)
        os.chown(path, UID, UID)
        path.chmod(0o600)

    def as_user(self, *command, stdin=""):
        """Run COMMAND as jean, on this host."""
        words = self.host.command("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", *command)
        done = subprocess.run(words, input=stdin, text=True, capture_output=True, timeout=30, cwd=self.home,
                              env={"HOME": str(self.home), "PATH": os.environ["PATH"], "TERM": "dumb",
                                   "MBOX": str(self.home / "mbox"), "USER": "jean", "LOGNAME": "jean"})
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done

    def imap(self, select="INBOX"):
        session = ImapDialogue(self.imap_port)
        session.ok("LOGIN jean mot")
        session.ok(f"SELECT {select}")
        return session

    def fields(self, subject):
        """{name: value} of the message's header in the file."""
        [block] = [one for one in self.inbox.read_text().split(FROM) if f"Subject: {subject}\n" in one]
        return dict(re.findall(r"^(\S+): (.*)$", block.partition("\n\n")[0], re.M))


@pytest.fixture(name="spool")
def fixture_spool(place):
    one = Spool(place)
    yield one
    one.stop()


def flags(session):
    return [set(re.search(rb"FLAGS \(([^)]*)\)", one).group(1).decode().split()) - {"\\Recent"}
            for one in session.ok("FETCH 1:* (FLAGS)") if b"FETCH (" in one]


def test_status_fields_to_flags(spool):
    """S060: Status and X-Status are flags; the fields themselves are no part of the message."""
    spool.put(spool.inbox, message("unread") + message("old", "Status: O") + message("read", "Status: RO")
              + message("answered", "Status: RO", "X-Status: A")
              + message("all", "Status: RO", "X-Status: AFTD")
              + message("words", "Status: O", "X-Keywords: work later"))
    with spool, spool.imap() as session:
        assert flags(session) == [set(), set(), {"\\Seen"}, {"\\Seen", "\\Answered"},
                                  {"\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted"},
                                  {"work", "later"}]
        header = session.ok("FETCH 5 BODY.PEEK[HEADER]")[0]
        assert b"Subject: all" in header and b"Status:" not in header


def test_flags_to_status_fields(spool):
    """S060: the other way, in the file in place, with the bodies as they were."""
    spool.put(spool.inbox, message("one") + message("two", "Status: RO") + message("three"))
    with spool, spool.imap() as session:
        session.ok("STORE 1 +FLAGS (\\Seen \\Answered)")
        session.ok("STORE 2 FLAGS (\\Flagged)")
        session.ok("STORE 3 +FLAGS (\\Draft work)")
        session.ok("CLOSE")
        assert "R" in spool.fields("one")["Status"] and "A" in spool.fields("one")["X-Status"]
        two = spool.fields("two")
        assert "R" not in two.get("Status", "") and "F" in two["X-Status"]
        assert "T" in spool.fields("three")["X-Status"]
        assert spool.fields("three")["X-Keywords"].split() == ["work"]
        text = spool.inbox.read_text()
        assert [f"\n\ntext of {name}\n\n" in text for name in ("one", "two", "three")] == [True] * 3
        assert spool.inbox.stat().st_uid == UID
        # Another reader: R read, O old, D deleted, F flagged, A answered, T draft.
        known = [set(one.get_flags()) - {"O"} for one in mailbox.mbox(spool.inbox, create=False)]
        assert known == [{"R", "A"}, {"F"}, {"T"}]


def test_other_programs_change_the_file(spool):
    """S060: flags that another program writes while a session is open reach it."""
    spool.put(spool.inbox, message("one") + message("two", "Status: O"))
    with spool, spool.imap() as session:
        assert flags(session) == [set(), set()]
        uids = session.ok("FETCH 1:* UID")[:2]
        spool.as_user(sys.executable, "-c", OTHER, spool.inbox)
        wait_until(lambda: session.ok("NOOP") and flags(session)[-1:] == [{"\\Seen", "\\Flagged"}],
                   "the flags")
        assert session.ok("FETCH 1:* UID")[:2] == uids


@pytest.mark.skipif(not shutil.which("s-nail"), reason="no s-nail")
def test_mail_quits_to_mbox(spool):
    """S060, S239: mail(1) leaves what it did not show, and saves the rest in ~/mbox at its end."""
    spool.set(store_folder_directory=".")
    spool.put(spool.inbox, message("one") + message("two"))
    with spool:
        with spool.imap() as session:
            session.ok("STORE 1 +FLAGS (\\Flagged)")
        done = spool.as_user("s-nail", "-n", "-f", f"%:{spool.inbox}", stdin="headers\nprint 2\nquit\n")
        assert "text of two" in done.stdout, done.stderr
        with spool.imap("mbox") as session:
            assert b"text of two" in session.ok("FETCH 1 BODY.PEEK[TEXT]")[0]
        with spool.imap() as session:
            assert flags(session) == [{"\\Flagged"}]


def test_delivered_by_local_and_read_in_place(spool):
    """S238: local(8) appends to /var/spool/mail/jean; a session that is open sees it, and so does
    POP3; what is deleted is gone from that file."""
    with spool:
        spool.send("chris@elsewhere.example", "jean@gw1.maison.mrs", SIMPLE)
        spool.wait_log(r"to=<jean@gw1.maison.mrs>.*status=sent \(delivered to mailbox\)")
        assert spool.inbox.read_text().startswith("From chris@elsewhere.example")
        with spool.imap() as session:
            whole = session.ok("FETCH 1 BODY[]")[0]
            assert b"One line.\r\nAnother line.\r\n" in whole and b"Delivered-To: jean@gw1" in whole
            assert "R" in re.search(r"^Status: (\S+)", spool.inbox.read_text(), re.M).group(1)
            spool.send("chris@elsewhere.example", "jean@gw1.maison.mrs", SIMPLE.replace("first", "next"))
            spool.wait_log(r"status=sent \(delivered to mailbox\)", 2)
            assert b"2 EXISTS" in session.ok("NOOP")
            pop = poplib.POP3("127.0.0.1", spool.pop3_port, timeout=PATIENCE)
            pop.user("jean")
            pop.pass_("mot")
            assert pop.stat()[0] == 2 and b"Subject: next words" in pop.retr(2)[1]
            pop.quit()
            session.ok("STORE 1 +FLAGS (\\Deleted)")
            session.ok("EXPUNGE")
        text = spool.inbox.read_text()
        assert "Subject: next words" in text and "Subject: first words" not in text


def test_pseudo_message_is_hidden(spool):
    """S240: the first message of UW's programs is not shown; its UIDVALIDITY and UIDs go on."""
    pseudo = (f"{FROM.replace('chris@maison.mrs', 'MAILER-DAEMON')}"
              "From: Mail System Internal Data <MAILER-DAEMON@maison.mrs>\n"
              "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
              "X-IMAP: 1052661617 0000000044\nStatus: RO\n\nThis text is part of the internal format\n\n")
    spool.put(spool.inbox, pseudo + message("b", "X-UID: 17") + message("c", "X-UID: 40"))
    with spool:
        with spool.imap() as session:
            assert re.findall(rb"UID (\d+)", b" ".join(session.ok("FETCH 1:* UID"))) == [b"17", b"40"]
            status = session.ok("STATUS INBOX (MESSAGES UIDVALIDITY UIDNEXT)")[0]
            for item in (b"MESSAGES 2", b"UIDVALIDITY 1052661617", b"UIDNEXT 45"):
                assert item in status
            assert not session.ok("SEARCH SUBJECT INTERNAL")[0].split()[1:]
            session.ok("STORE 1:* +FLAGS (\\Deleted)")
            session.ok("EXPUNGE")
        text = spool.inbox.read_text()
        assert "FOLDER INTERNAL DATA" in text and "X-IMAP: 1052661617" in text and "Subject: b" not in text


def test_home_mbox_is_a_folder(spool):
    """S239: what mail(1) saved in ~/mbox is the folder mbox, beside others of the directory."""
    spool.set(store_folder_directory=".")
    spool.put(spool.home / "mbox", message("saved", "Status: RO"))
    spool.put(spool.home / "notes.txt", "no mail at all\n")
    with spool:
        with spool.imap() as session:
            listed = session.ok('LIST "" "*"')
            assert any(one.endswith(b'"/" mbox') for one in listed)
            assert not any(b"notes.txt" in one for one in listed)
        with spool.imap("mbox") as session:
            assert flags(session) == [{"\\Seen"}]
            assert b"text of saved" in session.ok("FETCH 1 BODY[TEXT]")[0]
            session.append("INBOX", SIMPLE)
            session.ok("COPY 1 INBOX")
    assert "Subject: saved" in spool.inbox.read_text()

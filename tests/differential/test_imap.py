"""The same IMAP and POP3 dialogues to the real Dovecot and to Diligence, on copies of one mailbox.

Compared is what the RFCs leave no room in: envelopes, structures, sections, sizes, what SEARCH,
SORT and THREAD find, which untagged answers a command has, OK or NO or BAD. Left out: texts for
people, UIDVALIDITY, MODSEQs, \\Recent, the order of items and flags, how a string is quoted. Where
Dovecot differs by a choice of its own, the test says so. Rows S062, S066-S071, S218, S221, S224, S225.
"""

import os
import re
import shutil
import socket

import pytest

from harness.dovecot import PACKAGES, Dovecot
from harness.instance import PATIENCE
from harness.mailboxes import ImapDialogue, MailServer
from harness.postfix import unpack
from mailboxes.messages import ALTERNATIVE, MIXED, SIMPLE

from .messages import ODD, messages

pytestmark = pytest.mark.skipif(os.getuid() != 0 or unpack(*PACKAGES) is None,
                                reason="Dovecot needs root and its packages")

USER, WORD = "jo@example.com", "secret"
COUNT = 140
FLAGS = ("", "S", "RS", "F", "FS", "DS", "T")


def fill(maildir, count=COUNT):
    """The same files for each server; half of the Maildir's names tell the size."""
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True)
    texts = [text.encode() for text in (SIMPLE, ALTERNATIVE, MIXED, *ODD)]
    texts += messages(count - len(texts))
    for number, text in enumerate(texts):
        path = maildir / "cur" / f"{1_050_000_000 + number * 40_000}.M1P{number}.x:2,{FLAGS[number % 7]}"
        path.write_bytes(text)
        os.utime(path, (1_050_000_000 + number * 40_000,) * 2)
    shutil.copy(path, maildir / "new" / "1055000000.M1P999.x")
    os.utime(maildir / "new" / "1055000000.M1P999.x", (1_055_000_000,) * 2)
    for path in (maildir, *maildir.rglob("*")):
        os.chown(path, 65534, 65534)


class Pair:
    """Both servers; calls go to each, Dovecot's answer comes second."""

    def __init__(self, place):
        self.ours = MailServer(place, {USER: WORD})
        self.theirs = Dovecot(place / "dovecot", {USER: WORD})
        for one in (self.ours, self.theirs):
            fill(one.maildir(USER))

    def start(self):
        self.ours.start()
        self.theirs.start()

    def stop(self):
        self.ours.stop()
        self.theirs.stop()


@pytest.fixture(scope="module", name="pair")
def fixture_pair(module_place):
    one = Pair(module_place)
    try:
        one.start()
        yield one
    finally:
        one.stop()


class Sessions:
    """An IMAP session with each."""

    def __init__(self, pair, select="INBOX"):
        self.both = [ImapDialogue(one.imap_port) for one in (pair.ours, pair.theirs)]
        for one in self.both:
            one.ok(f"LOGIN {USER} {WORD}")
            if select:
                one.ok(f"SELECT {select}")

    def run(self, command):
        return [one.run(command) for one in self.both]

    def close(self):
        for one in self.both:
            one.close()


@pytest.fixture(name="sessions")
def fixture_sessions(pair):
    one = Sessions(pair)
    yield one
    one.close()


@pytest.fixture(name="fresh")
def fixture_fresh(pair):
    """Nothing selected; what the test makes is its own matter."""
    one = Sessions(pair, None)
    yield one
    one.close()


# --- answers as values ------------------------------------------------------------------------------

TOKEN = re.compile(rb'\(|\)|"((?:[^"\\]|\\.)*)"|~?\{(\d+)\+?\}\r\n|'
                   rb'([^\s()"{]+\[[^\]]*\][^\s()]*|[^\s()"]+)')


def parse(text):
    """TEXT as values: lists, bytes; NIL is None. Section names are one atom."""
    stack, at = [[]], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            at += 1
            continue
        at = match.end()
        if match.group() == b"(":
            stack.append([])
        elif match.group() == b")":
            done = stack.pop()
            stack[-1].append(done)
        elif match.group(2) is not None:
            stack[-1].append(text[at:at + int(match.group(2))])
            at += int(match.group(2))
        elif match.group(3) is not None:
            stack[-1].append(None if match.group(3).upper() == b"NIL" else match.group(3))
        else:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", match.group(1)))
    assert len(stack) == 1, text
    return stack[0]


def pairs(values):
    """Names, as if none were quoted, and what follows each."""
    return {values[i].upper().replace(b'"', b""): values[i + 1] for i in range(0, len(values) - 1, 2)}


def flags(values):
    return frozenset(value.capitalize() if value.startswith(b"\\") else value for value in values
                     if value.lower() != b"\\recent")


def fetch(values):
    found = pairs(values[2])
    found.pop(b"MODSEQ", None)
    if b"FLAGS" in found:
        found[b"FLAGS"] = flags(found[b"FLAGS"])
    return (b"FETCH", int(values[0]), found)


def untagged(line):
    """The answer as a value; None: not compared."""
    if re.match(rb"\* (OK|NO|BAD|PREAUTH|CAPABILITY|ID)\b", line):
        return None
    values = parse(line[2:])
    if len(values) > 1 and values[1] == b"FETCH":
        return fetch(values)
    kind = values[0]
    if kind == b"SEARCH":
        return (kind, frozenset(values[1:]))
    if kind == b"STATUS":
        return (kind, values[1], pairs(values[2]))
    if kind in (b"LIST", b"LSUB"):
        return (kind, frozenset(flags(values[1])) & LISTED, values[2], values[3])
    if kind == b"FLAGS" or values[1] == b"RECENT":
        return None
    if kind == b"ESEARCH":
        return (kind, [value for value in values[1:] if not isinstance(value, list)])
    return tuple(map(repr, values))


# Attributes that a server must give; \Marked, \HasChildren and the like are its choice.
LISTED = {b"\\Noselect", b"\\Noinferiors", b"\\Nonexistent", b"\\Subscribed"}
CODES = rb"\[(TRYCREATE|NONEXISTENT|ALREADYEXISTS|READ-ONLY|READ-WRITE|APPENDUID|COPYUID)([^\]]*)\]"


def tagged(line):
    """(OK, NO or BAD, the code with UIDVALIDITY left out)."""
    words = line.split(b" ", 2)
    code = re.match(CODES, words[2])
    return (words[1], code and (code.group(1), re.sub(rb"^ \d+", b"", code.group(2))))


def answer(lines):
    """What is compared of one command's answers; FETCHes of one message are one."""
    found, fetched, gone = [], {}, []
    for line in lines[:-1]:
        value = untagged(line)
        if value and value[0] == b"FETCH":
            fetched.setdefault(value[1], {}).update(value[2])
        elif value and value[-1] == repr(b"EXPUNGE"):
            number = int(line.split()[1])
            for earlier in sorted(gone):
                number += earlier <= number
            gone.append(number)
        elif value:
            found.append(value)
    if any(b"EXISTS" in line for line in lines):  # that a new message has no flags may be told
        fetched = {n: items for n, items in fetched.items() if items != {b"FLAGS": frozenset()}}
    return found + [("gone", sorted(gone))], fetched, tagged(lines[-1])


def differences(sessions, command, change=lambda item: item, only=None):
    """Texts about COMMAND: what differs, after CHANGE of each message's items, in ONLY these."""
    (mine, my_items, my_end), (other, other_items, other_end) = map(answer, sessions.run(command))
    found = []
    if my_end != other_end and (my_end[0], other_end) != (b"NO", (b"NO", None)):  # RFC 5530: may
        found.append(f"{command}: ours {my_end}, theirs {other_end}")
    if sorted(map(repr, map(ordered, mine))) != sorted(map(repr, map(ordered, other))):
        found.append(f"{command}:\nours   {mine}\ntheirs {other}")
    for number in sorted((my_items.keys() | other_items.keys()) if only is None else only):
        a, b = (change(items.get(number)) for items in (my_items, other_items))
        if a != b:
            found.append(f"{command}, message {number}:\nours   {a}\ntheirs {b}")
    return found


def ordered(value):
    """Sets print in one order."""
    if isinstance(value, (tuple, list)):
        return [ordered(one) for one in value]
    if isinstance(value, dict):
        return sorted((key, ordered(one)) for key, one in value.items())
    return sorted(value) if isinstance(value, frozenset) else value


def same(sessions, *commands, change=lambda item: item, only=None):
    found = [text for command in commands for text in differences(sessions, command, change, only)]
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:8])


# --- FETCH ----------------------------------------------------------------------------------------

def test_numbers(sessions):
    """S062: sizes count CR LF; dates and flags are the files'."""
    same(sessions, "FETCH 1:* (UID FLAGS)", "FETCH 1:* (RFC822.SIZE INTERNALDATE)",
         "UID FETCH 5:9 FLAGS", "FETCH 1:3 FAST", "FETCH *:118 UID", "UID FETCH 500:* UID")


def test_envelopes(sessions):
    same(sessions, "FETCH 1:* ENVELOPE")


def test_structures(sessions):
    """S068-S070; parameters in pieces (RFC 2231 6) are put together."""
    same(sessions, "FETCH 1:* BODYSTRUCTURE", "FETCH 1:* BODY", "FETCH 1:20 ALL", "FETCH 1:20 FULL")


def empty(item):
    """A section that is not there: NIL or "", RFC 9051 7.5.2 has both."""
    return item and {name: value or b"" for name, value in item.items()}


SECTIONS = ["", "HEADER", "TEXT", "1", "2", "1.MIME", "2.MIME", "1.1", "1.2", "2.1", "1.HEADER",
            "1.TEXT", "2.HEADER", "3.HEADER", "3.TEXT", "3.1", "1.1.1", "1.1.MIME", "2.2.TEXT",
            "HEADER.FIELDS (SUBJECT FROM)", "HEADER.FIELDS (x-spam-status \"To\")",
            "HEADER.FIELDS.NOT (RECEIVED SUBJECT)", "3.HEADER.FIELDS (SUBJECT)"]


def parts(structure, above=""):
    """{section: its structure} of a parsed BODY, RFC 9051 6.4.5.1."""
    if isinstance(structure[0], list):
        children = [one for one in structure if isinstance(one, list)]
        found = {}
        for number, child in enumerate(children, 1):
            found.update({f"{above}{number}": child, **inside(child, f"{above}{number}.")})
        return found
    return {f"{above}1": structure, **inside(structure, f"{above}1.")}


def inside(child, above):
    if isinstance(child[0], list):
        return parts(child, above)
    return parts(child[8], above) if child[0].lower() == b"message" else {}


@pytest.fixture(scope="module", name="all_parts")
def fixture_all_parts(pair):
    """{message number: its parts}."""
    sessions = Sessions(pair)
    _, items, _ = answer(sessions.both[0].run("FETCH 1:* BODY"))
    sessions.close()
    return {number: parts(item[b"BODY"]) for number, item in items.items()}


@pytest.mark.parametrize("section", SECTIONS)
def test_sections(sessions, all_parts, section):
    """Where there is such a part. To Dovecot, 1.1 of a part 1 that has no parts is that part again; here
    it is nothing (RFC 9051 6.4.5.1: only multiparts and messages have parts)."""
    part = re.match(r"[\d.]*", section).group().rstrip(".")
    there = [number for number, known in all_parts.items() if not part or part in known]
    assert there
    same(sessions, f"FETCH 1:* BODY.PEEK[{section}]", change=empty, only=there)
    _, items, _ = answer(sessions.both[0].run(f"FETCH 1:* BODY.PEEK[{section}]"))
    assert not [number for number, item in items.items()
                if number not in there and list(item.values()) not in ([None], [b""])]


@pytest.mark.parametrize("partial", ["[]<0.100>", "[]<7.1>", "[TEXT]<3.2000>", "[1]<5.10>",
                                     "[]<100000.1>", "[HEADER]<20.30>", "[1.MIME]<0.12>"])
def test_partials(sessions, partial):
    same(sessions, f"FETCH 1:* BODY.PEEK{partial}", change=empty)


def test_whole_messages(sessions):
    """S062: the raw source."""
    same(sessions, "FETCH 1:* RFC822.HEADER", "FETCH 1:* BODY.PEEK[]",
         "FETCH 1 (RFC822 RFC822.TEXT)")


def test_seen_by_fetch(sessions):
    """BODY[] sets \\Seen and tells it in the same answer, BODY.PEEK[] does not."""
    same(sessions, "STORE 1,8 -FLAGS.SILENT (\\Seen)", "FETCH 1 BODY.PEEK[]", "FETCH 1 FLAGS",
         "FETCH 1 BODY[1]", "FETCH 1,8 FLAGS", "FETCH 8 RFC822.TEXT", "FETCH 8 FLAGS", change=empty)


def test_binary(sessions):
    """RFC 3516: contents without their encoding."""
    same(sessions, "FETCH 1:3 BINARY.PEEK[1]", "FETCH 1:3 BINARY.SIZE[1]", "FETCH 3 BINARY.PEEK[2]",
         "FETCH 3 BINARY.SIZE[2]", "FETCH 3 BINARY.PEEK[2]<2.4>", change=empty)


# --- SEARCH, SORT, THREAD ----------------------------------------------------------------------------

KEYS = ["ALL", "SEEN", "UNSEEN", "FLAGGED", "ANSWERED UNSEEN", "DELETED", "DRAFT",
        "UNDELETED UNDRAFT", "NOT SEEN", "OR FLAGGED DELETED", "1:10", "*", "UID 1:20", "NOT 1:100",
        "(SEEN FLAGGED)", "OR (SEEN) (NOT FLAGGED)", "KEYWORD x", "UNKEYWORD x", "FROM joe",
        "TO x.org", "CC b", "BCC a", "SUBJECT hello", "SUBJECT \"list] he\"", "SUBJECT HELLO",
        "BODY lighthouse", "TEXT lighthouse", "TEXT \"plain text\"", "HEADER Message-ID m1",
        "HEADER References \"\"", "HEADER X-Spam-Status no", "BEFORE 1-May-2003",
        "SINCE 1-May-2003", "ON 12-May-2003", "SENTBEFORE 12-May-2003 HEADER Date 2003", "SENTSINCE 12-May-2003",
        "SENTON 12-May-2003", "LARGER 700", "SMALLER 700", "NOT BODY lighthouse",
        "BODY one FROM chris", "OLDER 3600", "YOUNGER 3600"]
ACCENTS = ["SUBJECT été", "TEXT café", "BODY café", "SUBJECT déjà", "FROM Éric"]


def test_search(sessions):
    """To Dovecot a message without Date was sent before any day; here it was on none."""
    same(sessions, *(f"SEARCH {key}" for key in KEYS), *(f"UID SEARCH {key}" for key in KEYS[:8]))


def test_search_with_accents(sessions):
    """S066, S067, S071: the same in every charset and encoding."""
    for key in ACCENTS:
        field, word = key.split()
        data = word.encode()
        command = f"SEARCH CHARSET UTF-8 {field} {{{len(data)}+}}\r\n".encode() + data
        same(sessions, command)
    same(sessions, "SEARCH CHARSET X-NONE SUBJECT a")
    # Here, encoded words in the header of a message within the message are decoded, too.
    command = "SEARCH CHARSET UTF-8 BODY {5+}\r\n\u00e9t\u00e9"
    ours, theirs = (answer(lines)[0][0][1] for lines in sessions.run(command))
    assert len(theirs) > 10 and ours > theirs


def test_esearch(sessions):
    """RFC 4731."""
    for wanted in ("MIN", "MAX", "ALL", "COUNT", "MIN MAX COUNT", ""):
        same(sessions, *(f"SEARCH RETURN ({wanted}) {key}"
                         for key in ("ALL", "FLAGGED", "SUBJECT nothing")))
    same(sessions, "UID SEARCH RETURN (ALL) DELETED", "SEARCH RETURN (SAVE) FLAGGED", "FETCH $ FLAGS",
         "UID SEARCH RETURN (SAVE COUNT) DELETED", "UID FETCH $ UID")


@pytest.mark.parametrize("order", ["ARRIVAL", "REVERSE ARRIVAL", "DATE", "SUBJECT",
                                   "REVERSE SUBJECT DATE", "SIZE", "FROM", "TO", "CC",
                                   "FROM REVERSE DATE", "DISPLAYFROM"])
def test_sort(sessions, order):
    same(sessions, f"SORT ({order}) UTF-8 ALL", f"UID SORT ({order}) US-ASCII FLAGGED")


@pytest.mark.parametrize("algorithm", ["REFERENCES", "ORDEREDSUBJECT"])
def test_thread(sessions, algorithm):
    same(sessions, f"THREAD {algorithm} UTF-8 ALL", f"UID THREAD {algorithm} UTF-8 SEEN")


# --- mailboxes ------------------------------------------------------------------------------------------

PATTERNS = ('"*"', '"%"', "a/%", "a*", "%/%", "a/b", "inbox", '"*c"', "none", '"a/%/c"', '"&AOk-%"',
            '"%b%"')


def test_mailboxes(fresh):
    """S224: CREATE, LIST with patterns, SUBSCRIBE, RENAME, DELETE, STATUS."""
    same(fresh, "CREATE a/b/c", "CREATE a/x", "CREATE ab", "CREATE a/b/c", "CREATE \"&AOk-t&AOk-\"",
         "CREATE inbox",
         *(f'LIST "" {pattern}' for pattern in PATTERNS),
         'LIST "a/" "%"', 'LIST "a/" "b/*"', "SUBSCRIBE a/x", "SUBSCRIBE ab", 'LSUB "" "*"',
         'LIST (SUBSCRIBED) "" "*"', 'LIST "" ("a/x" "ab")', "UNSUBSCRIBE ab", 'LSUB "" "*"',
         "RENAME a/b z", 'LIST "" "*"', "RENAME none other", "RENAME a/x ab", "DELETE none",
         "DELETE INBOX", "SELECT none", "EXAMINE none", "STATUS none (MESSAGES)", "DELETE z/c",
         "DELETE ab", 'LIST "" "*"', "STATUS a/x (MESSAGES UNSEEN UIDNEXT RECENT)",
         "STATUS INBOX (MESSAGES UNSEEN UIDNEXT SIZE)", "DELETE a/x", "DELETE \"&AOk-t&AOk-\"",
         "RENAME INBOX")


def test_state(fresh):
    """RFC 3501 6.3.1: what SELECT and EXAMINE say."""
    same(fresh, "SELECT INBOX", "UNSELECT", "EXAMINE INBOX", "CLOSE", "FETCH 1 FLAGS", "CLOSE",
         "SELECT none", "FETCH 1 FLAGS", "UNSELECT", "EXAMINE INBOX")
    # Dovecot says OK and does nothing; RFC 9051 6.3.3: "No changes are permitted".
    for command in ("STORE 1 +FLAGS (\\Flagged)", "EXPUNGE"):
        assert [answer(lines)[2][0] for lines in fresh.run(command)] == [b"NO", b"OK"]
    same(fresh, "FETCH 1:* FLAGS")


def test_changes(fresh):
    """COPYUID, APPENDUID, what STORE, MOVE, EXPUNGE and CLOSE tell."""
    text = SIMPLE.replace("\n", "\r\n")
    append = f"{{{len(text)}+}}\r\n{text}"
    same(fresh, "CREATE from", "CREATE to",
         f"APPEND from (\\Seen $Work) \"12-May-2003 10:00:00 +0200\" {append}",
         f"APPEND from {append}", f"APPEND from (\\Draft) {append}", f"APPEND none {append}",
         f"APPEND from (\\Flagged) {append} (\\Deleted) {append}", "SELECT from",
         "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)", "STORE 1:2 +FLAGS (\\Deleted)",
         "STORE 1 -FLAGS (\\Seen)", "STORE 3 FLAGS (\\Answered other)", "STORE 3 FLAGS.SILENT ()",
         "STORE 3 +FLAGS (\\Wrong)", "UID STORE 3 +FLAGS (\\Flagged)", "STORE 9 +FLAGS (\\Seen)",
         "UID STORE 99 +FLAGS (\\Seen)", "COPY 1:3 to", "COPY 1:3 none", "UID COPY 4,2 to",
         "UID COPY 99 to", "FETCH 1:* (UID FLAGS)", "MOVE 4 to", "MOVE 1 none", "UID EXPUNGE 1",
         "NOOP", "FETCH 1:* (UID FLAGS)", "EXPUNGE", "FETCH 1:* UID", f"APPEND from {append}",
         "STATUS to (MESSAGES UIDNEXT UNSEEN)", "STORE 1:* +FLAGS (\\Deleted)", "CLOSE",
         "SELECT from", "SELECT to", "FETCH 1:* (UID FLAGS INTERNALDATE)", "UNSELECT",
         "DELETE from", "DELETE to")


@pytest.mark.parametrize("command", ["", "XYZZY", "FETCH", "FETCH 1", "FETCH x FLAGS",
                                     "FETCH 0 FLAGS", "FETCH 1 (FLAGS", "FETCH 1 NOTHING",
                                     "FETCH 1 BODY[", "FETCH 1 BODY[HEADER.FIELDS]",
                                     "FETCH 1:2:3 UID", "FETCH 500 UID", "STORE 1",
                                     "STORE 1 FLOGS (x)", "STORE 1 FLAGS (\\Recent)", "SEARCH",
                                     "SEARCH NOWHERE", "SEARCH ON yesterday", "SEARCH OR SEEN",
                                     "SEARCH (SEEN", "SEARCH 0", "SEARCH LARGER x",
                                     "SORT (SIZE) UTF-8", "SORT () UTF-8 ALL",
                                     "SORT (WEIGHT) UTF-8 ALL", "THREAD NONE UTF-8 ALL", "COPY 1",
                                     "COPY x y", "UID", "UID NOOP", "UID FETCH 1", "LOGIN a b",
                                     "AUTHENTICATE PLAIN", "CREATE", "CREATE \"\"", "DELETE",
                                     "RENAME a", "LIST", "LIST \"\"", "STATUS INBOX",
                                     "STATUS INBOX ()", "STATUS INBOX (NUMBER)", "APPEND INBOX",
                                     "CAPABILITY", "CHECK", "ENABLE CONDSTORE", "NAMESPACE",
                                     "SELECT", "SELECT INBOX (CONDSTORE)", "UID EXPUNGE",
                                     "LIST \"\" \"unclosed", "STARTTLS", "GETQUOTAROOT"])
def test_wrong_commands(sessions, command):
    """OK, NO or BAD as RFC 3501 7.1 has them."""
    ours, theirs = (tagged(lines[-1])[0] for lines in sessions.run(command))
    assert ours == theirs


@pytest.mark.parametrize("command", ["NOOP x", "CHECK x", "FETCH 1 BODY[0]", "FETCH 1 BODY[]<1>",
                                     "FETCH 1 BODY[]<0.0>", "STORE 1 FLAGS", "EXPUNGE x", "IDLE x"])
def test_stricter(sessions, command):
    """Dovecot takes these; the grammar of RFC 3501 9 (and 2177 for IDLE) has no room for them."""
    sessions.both[0].fails(command, b"BAD")


# --- POP3 -----------------------------------------------------------------------------------------------

class Pop3:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.file = self.socket.makefile("rb")
        self.file.readline()

    def say(self, command, many=False):
        self.socket.sendall(command.encode() + b"\r\n")
        lines = [self.file.readline()]
        while many and lines[0].startswith(b"+OK") and lines[-1] != b".\r\n":
            lines.append(self.file.readline())
        return lines

    def close(self):
        self.file.close()
        self.socket.close()


def test_pop3(pair):
    """S218: STAT LIST RETR TOP DELE RSET; UIDL of another shape is as good."""
    both = [Pop3(one.pop3_port) for one in (pair.ours, pair.theirs)]

    def compare(command, many=False, first=False):
        ours, theirs = (one.say(command, many) for one in both)
        assert ours[0].split()[0] == theirs[0].split()[0], command
        if ours[0].startswith(b"+OK"):
            assert not first or ours[0].split()[:3] == theirs[0].split()[:3], command
            assert ours[1:] == theirs[1:], command
    compare("STAT")
    compare(f"USER {USER}")
    compare(f"PASS {WORD}")
    compare("STAT", first=True)
    compare("LIST", many=True)
    compare("LIST 3", first=True)
    for number in (1, 2, 3, 17, 60, COUNT):
        compare(f"RETR {number}", many=True)
        compare(f"TOP {number} 0", many=True)
        compare(f"TOP {number} 2", many=True)
    for wrong in ("LIST 0", "LIST 9999", "RETR", "RETR x", "TOP 1", "DELE 9999", "UIDL 9999",
                  "NONE", "RETR -1", "TOP 1 x", "DELE"):
        compare(wrong)
    compare("DELE 1")
    compare("DELE 1")
    compare("RETR 1")
    compare("STAT", first=True)
    compare("RSET")
    compare("STAT", first=True)
    compare("NOOP")
    uids = [[line.split()[1] for line in one.say("UIDL", True)[1:-1]] for one in both]
    assert [len(set(one)) for one in uids] == [COUNT + 1] * 2
    told = [{line.split()[0] for line in one.say("CAPA", True)[1:-1]} for one in both]
    assert told[1] - {b"SASL", b"CAPA"} <= told[0]
    compare("QUIT")
    for one in both:
        one.close()

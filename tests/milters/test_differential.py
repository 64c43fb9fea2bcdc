"""The same dialogues past the same milter, through the real Postfix and through Diligence: what the
milter is told, what the client hears, what arrives and what is logged are equal."""

import contextlib
import itertools
import os
import pathlib
import re
import shutil
import struct
import tempfile

import pytest

from harness import postfix
from harness.instance import Dialogue, Instance, free_port, wait_until

from . import milter as m

pytestmark = pytest.mark.skipif(not postfix.is_available(),
                                reason="Postfix needs root and its package")

TEXT = ("From: anne@maison.mrs\r\nTo: b@maison.mrs\r\nSubject: one\r\nX-Two:\ta\r\n b\r\n"
        "Message-Id: <1@maison.mrs>\r\nDate: Sun, 22 Nov 2026 08:00:00 +0000\r\nX-Two: c\r\n\r\n"
        "hello\r\n..dot\r\n\r\nlast\r\n.")
MAIL = ["EHLO client.example", "MAIL FROM:<anne@maison.mrs> SIZE=300", "RCPT TO:<b@maison.mrs>",
        "RCPT TO:<daemon@maison.mrs>", "DATA", TEXT, "QUIT"]
BASE = dict(mydestination="maison.mrs", myorigin="maison.mrs", local_recipient_maps="",
            smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination",
            mailbox_command_maps="", home_mailbox="", virtual_alias_maps="",
            local_transport="virtual", virtual_mailbox_base="/", virtual_uid_maps="static:1",
            virtual_gid_maps="static:1", virtual_minimum_uid="1", append_dot_mydomain="no",
            smtpd_authorized_xclient_hosts="127.0.0.1", smtpd_delay_open_until_valid_rcpt="yes",
            milter_default_action="tempfail", notify_classes="", milter_macro_v="mail 1", in_flow_delay="0")
ALL = " ".join(["i j v _ {daemon_name} {daemon_addr} {client_addr} {client_name} {client_ptr}",
                "{client_resolve} {auth_type} {mail_addr} {mail_host} {mail_mailer} {rcpt_addr}",
                "{rcpt_host} {rcpt_mailer} {tls_version} {nothing}"])


# Where milters and servers listen: nobody else takes their ports while they rest.
HOST = f"127.{os.getpid() % 200 + 30}.{os.getpid() // 200 % 250}.1"


def head(line):
    return m.add_header("X-" + line, line)


LEADING = 0x100000
QUIET = 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x20000 | 0x40000 | 0x80000 | 0x80
NOTHING = 1 | 2 | 4 | 8 | 0x10 | 0x20 | 0x40 | 0x100 | 0x200
STAGES = struct.pack("!I", 0) + b"j {client_addr}\0" + struct.pack("!I", 5) + b"{rcpt_addr} i\0"

LARGE = TEXT[:TEXT.index("\r\n\r\n") + 4] + "".join(f"line {i} \r\n" for i in range(12000))
NULL = [line.replace("anne@maison.mrs", "") if line.startswith("MAIL") else line for line in MAIL]
OPENING = MAIL[:3]


def bdat(*pieces):
    """Commands that bring PIECES as chunks; each ends with a line end, so that nothing is added."""
    last = len(pieces) - 1
    return [f"BDAT {len(piece)}{' LAST' if i == last else ''}\r\n{piece}"
            for i, piece in enumerate(pieces)]


# Name, what the milter does (or each of several does), settings, dialogue.
CASES = {
    "all events": ({}, {}, MAIL),
    "headers": (dict(end=[m.add_header("X-New", "value\n more"), m.insert_header(0, "X-Zero", "0"),
                          m.insert_header(1, "X-One", "1"), m.insert_header(3, "X-Three", "3"),
                          m.insert_header(99, "X-Last", "99"), m.change_header(1, "Subject", "two"),
                          m.change_header(2, "X-Two", ""), m.change_header(1, "X-None", "made"),
                          m.change_header(5, "X-None", "")]), {}, MAIL),
    "leading blanks": (dict(steps=LEADING, end=[
        m.add_header("X-New", "tight"), m.insert_header(1, "X-In", "  wide"),
        m.change_header(1, "Subject", "\tx")]), {}, MAIL),
    "envelope": (dict(end=[m.change_sender("<other@maison.mrs>"), m.add_recipient("<new@maison.mrs>"),
                           m.delete_recipient("<b@maison.mrs>"),
                           m.add_recipient_with("par@maison.mrs", "NOTIFY=NEVER")]), {}, MAIL),
    "sender without": (dict(end=[m.change_sender("<>")]), {}, MAIL),
    "body": (dict(end=[m.replace_body("new\r\nbody\r\n")]), {}, MAIL),
    "shorter": (dict(end=[m.replace_body("n\r\n"), m.change_header(1, "Subject", "")]), {}, MAIL),
    "reject": (dict(answers={"E": [m.REJECT]}), {}, MAIL),
    "tempfail": (dict(answers={"E": [m.TEMPFAIL]}), {}, MAIL),
    "discard": (dict(answers={"E": [m.DISCARD]}), {}, MAIL),
    "quarantine": (dict(end=[m.quarantine("smells")]), {}, MAIL),
    "own reply": (dict(answers={"E": [m.reply("554 5.7.9 100%% spam")]}), {}, MAIL),
    "own lines": (dict(answers={"E": [m.reply("554-5.7.9 one\r\n554 5.7.9 two")]}), {}, MAIL),
    "accept early": (dict(answers={"M": [m.ACCEPT]}), {}, MAIL[:-1] + ["RSET"] + MAIL[1:]),
    "accept all": (dict(answers={"H": [m.ACCEPT]}), {}, MAIL),
    "progress": (dict(answers={"E": [m.PROGRESS, m.PROGRESS, m.CONTINUE]}), {}, MAIL),
    "skip": (dict(answers={"B": [m.SKIP], "R": [m.SKIP]}, steps=0x400), {}, MAIL),
    "reject connect": (dict(answers={"C": [m.REJECT]}), {},
                       ["EHLO x", "VRFY b@maison.mrs", "MAIL FROM:<a@maison.mrs>", "QUIT"]),
    "tempfail connect": (dict(answers={"C": [m.TEMPFAIL]}), {},
                         ["EHLO x", "NOOP", "ETRN maison.mrs", "MAIL FROM:<a@maison.mrs>", "QUIT"]),
    "hang up": (dict(answers={"C": [m.reply("421 4.7.1 later")]}), {}, ["EHLO x"]),
    "reject helo": (dict(answers={"H": [m.REJECT]}), {},
                    ["HELO x", "MAIL FROM:<a@maison.mrs>", "RCPT TO:<b@maison.mrs>", "QUIT"]),
    "reject mail": (dict(answers={"M": [m.reply("550 5.1.8 not you")]}), {}, MAIL[:3] + ["QUIT"]),
    "reject recipient": (dict(answers={"R": [m.REJECT]}), {}, MAIL[:5] + ["QUIT"]),
    "discard recipient": (dict(answers={"R": [m.DISCARD]}), {}, MAIL),
    "reject data": (dict(answers={"T": [m.TEMPFAIL]}), {}, MAIL[:5] + ["QUIT"]),
    "reject header": (dict(answers={"L": [m.REJECT]}), {}, MAIL),
    "unknown command": (dict(answers={"U": [m.reply("500 5.5.1 what")]}), {},
                        ["EHLO x", "XYZZY", "QUIT"]),
    "no replies": (dict(steps=QUIET), {}, MAIL),
    "no events": (dict(steps=NOTHING, end=[head("End")]), {}, MAIL),
    "two messages": ({}, {}, MAIL[:3] + ["RSET"] + MAIL[1:6] + ["MAIL FROM:<c@maison.mrs>", "QUIT"]),
    "refused recipients": (dict(steps=0x800), {"smtpd_recipient_restrictions":
                           "check_recipient_access inline:{b@maison.mrs=REJECT} permit",
                           "milter_rcpt_macros": "{rcpt_mailer} {rcpt_host} {rcpt_addr}"},
                           MAIL[:4] + ["QUIT"]),
    "null sender": ({}, dict(milter_mail_macros=ALL,
                             milter_macro_defaults="{mail_addr}=nobody, {mail_host}=nowhere"), NULL),
    "chunks": ({}, {}, OPENING + bdat(TEXT[:130] + "\r\n", TEXT[130:-1]) + MAIL[-1:]),
    "chunks rejected": (dict(answers={"T": [m.REJECT]}), {},
                        OPENING + bdat(TEXT[:130] + "\r\n", TEXT[130:-1]) + OPENING[1:] + MAIL[-1:]),
    "chunks changed": (dict(end=[head("End"), m.replace_body("n\r\n")]), {},
                       OPENING + bdat(TEXT[:-1]) + MAIL[-1:]),
    "large": (dict(end=[head("End")]), {}, OPENING + ["DATA", LARGE + ".", "QUIT"]),
    "large chunks": ({}, {}, OPENING + bdat(LARGE[:50000] + "\r\n", LARGE[50000:]) + MAIL[-1:]),
    "larger": (dict(end=[m.replace_body(LARGE[:60000]), m.replace_body(LARGE[:60000])]), {}, MAIL),
    "two": ([{}, {}], {}, MAIL),
    "two, changed": ([dict(end=[head("First"), m.change_header(1, "Subject", "two"),
                                m.insert_header(0, "X-Zero", "0"), m.change_header(1, "X-Two", ""),
                                m.replace_body("new\r\nbody\r\n"),
                                m.add_recipient("<new@maison.mrs>")]),
                      dict(end=[head("Second"), m.change_header(1, "X-First", "again"),
                                m.delete_recipient("<new@maison.mrs>")])], {}, MAIL),
    "two, more on top": ([dict(end=[m.insert_header(0, "Received", "from a"),
                                    m.insert_header(0, "Received", "from b"),
                                    m.insert_header(3, "Received", "from c"),
                                    m.change_header(1, "Received", "from d"),
                                    m.change_header(2, "Received", "")]),
                          dict(end=[m.change_header(1, "Received", ""), m.insert_header(1, "X-In", "1"),
                                    m.change_header(2, "Received", "from e")])], {}, MAIL),
    "two, large": ([dict(end=[m.replace_body(LARGE[:60000]), m.replace_body(LARGE[:60000])]),
                    dict(end=[m.replace_body("short\r\n")])], {}, MAIL),
    "two, first rejects": ([dict(answers={"M": [m.REJECT]}), dict(answers={"M": [m.TEMPFAIL]})], {},
                           OPENING[:2] + ["MAIL FROM:<>", "RSET"] + MAIL[-1:]),
    "two, second rejects": ([{}, dict(answers={"M": [m.reply("550 5.1.8 not you")]})], {},
                            OPENING[:2] + ["RSET"] + MAIL[-1:]),
    "two, recipients": ([dict(answers={"R": [m.REJECT]}), {}], {}, MAIL[:5] + ["RSET", "QUIT"]),
    "two, first accepts": ([dict(answers={"M": [m.ACCEPT]}), dict(end=[head("Second")])], {},
                           MAIL[:-1] + ["RSET"] + MAIL[1:]),
    "two, first takes all": ([dict(answers={"C": [m.ACCEPT]}), dict(end=[head("Second")])], {}, MAIL),
    "two, discarded": ([dict(end=[head("First")], answers={"E": [m.DISCARD]}),
                        dict(answers={"E": [m.REJECT]})], {}, MAIL),
    "discard sender": (dict(answers={"M": [m.DISCARD]}), {}, MAIL),
    "discard data": (dict(answers={"T": [m.DISCARD]}), {}, MAIL[:-1] + MAIL[1:]),
    "discard header": (dict(answers={"L": [m.DISCARD]}), {}, MAIL),
    "discarded by us": ({}, {"smtpd_recipient_restrictions":
                             "check_recipient_access inline:{b@maison.mrs=DISCARD} permit"},
                        MAIL[:-1] + ["RSET"] + MAIL[1:]),
    "held by us": ({}, {"smtpd_recipient_restrictions":
                        "check_recipient_access inline:{b@maison.mrs=HOLD} permit"}, MAIL),
    "two, recipient discarded": ([dict(answers={"R": [m.DISCARD]}), {}], {}, MAIL),
    "two, held and rejected": ([dict(end=[m.quarantine("smells")]), dict(answers={"E": [m.REJECT]})], {},
                               MAIL),
    "two, end rejected": ([dict(answers={"E": [m.reply("554 5.7.9 no")]}), {}], {}, MAIL),
    "two, header rejected": ([{}, dict(answers={"L": [m.REJECT]})], {}, MAIL),
    "two, held": ([dict(end=[m.quarantine("smells")]), dict(end=[head("Second")])], {}, MAIL),
    "two, held and discarded": ([dict(end=[m.quarantine("smells"), head("First")],
                                      answers={"E": [m.DISCARD]}), {}], {}, MAIL),
    "held and rejected": (dict(answers={"E": [m.quarantine("smells"), m.REJECT]}), {}, MAIL),
    "held and discarded": (dict(answers={"E": [m.quarantine("smells"), m.DISCARD]}), {}, MAIL),
    "held and accepted": (dict(answers={"E": [m.quarantine("x"), head("End"), m.ACCEPT]}), {}, MAIL),
    "two, connect": ([dict(answers={"C": [m.REJECT]}), {}], {},
                     ["EHLO x", "MAIL FROM:<a@maison.mrs>", "QUIT"]),
    "two, second at connect": ([{}, dict(answers={"C": [m.TEMPFAIL]})], {},
                               ["EHLO x", "MAIL FROM:<a@maison.mrs>", "QUIT"]),
    "two, first gone": ([dict(answers={"M": [None]}), dict(end=[head("Second")])],
                        {"smtpd_milters": "{{ {0}, default_action=accept, "
                         "command_timeout=5s }}, {1}"}, MAIL),
    "two, second gone": ([dict(end=[head("First")]), dict(answers={"E": [None]})],
                         {"smtpd_milters": "{0}, {{ {1}, {{ default_action = quarantine }} }}"}, MAIL),
    "shutdown": (dict(answers={"M": [m.SHUTDOWN]}), {}, OPENING[:2]),
    "conn fail": (dict(answers={"M": [m.CONN_FAIL]}), {}, OPENING[:2]),
    "own protocol": ([dict(version=2, actions=0x3F)],
                     {"smtpd_milters": "{{ {0}, protocol=2 }}"}, MAIL),
    "other milters": ([{}, dict(answers={"M": [m.REJECT]})],
                      {"smtpd_milters": "{0}",
                       "smtpd_milter_maps": "inline:{{ {{ 127.0.0.1 = {1} }} }}"}, OPENING),
    "macros": ({}, dict(milter_connect_macros=ALL, milter_helo_macros=ALL, milter_mail_macros=ALL,
                        milter_rcpt_macros=ALL, milter_data_macros=ALL, milter_macro_v="mail 1",
                        milter_end_of_data_macros=ALL, milter_end_of_header_macros=ALL,
                        milter_unknown_command_macros=ALL, milter_macro_daemon_name="door",
                        milter_macro_defaults="{nothing}=some, {auth_type}=none"),
               ["EHLO x", "XYZZY"] + MAIL),
    "own macros": (dict(macros=STAGES), {}, MAIL),
    "version 4": (dict(version=4, actions=0x3F), {"milter_protocol": "4"}, MAIL + ["XYZZY"]),
    "version 2": (dict(version=2, actions=0x3F), {"milter_protocol": "2"},
                  ["EHLO x", "XYZZY"] + MAIL[1:]),
    "another client": ({}, {}, ["XCLIENT NAME=far.example ADDR=192.0.2.7"] + MAIL),
    "IPv6": ({}, {"milter_connect_macros": "_ {client_addr}"},
             ["XCLIENT NAME=far.example ADDR=IPv6:2001:db8::7", "EHLO x", "QUIT"]),
    "gone": (dict(answers={"M": [None]}), {}, MAIL[:3] + ["QUIT"]),
    "gone, accept": (dict(answers={"M": [None]}), {"milter_default_action": "accept"}, MAIL),
    "gone, reject": (dict(answers={"E": [None]}), {"milter_default_action": "reject"}, MAIL),
    "gone, quarantine": (dict(answers={"R": [None]}), {"milter_default_action": "quarantine"}, MAIL),
    "nonsense": (dict(answers={"M": [m.packet("Z")]}), {}, MAIL[:3] + ["QUIT"]),
    "malformed reply": (dict(answers={"M": [m.reply("250 fine")]}), {}, MAIL[:3] + ["QUIT"]),
    "too much asked": (dict(actions=0xFFFF), {}, MAIL[:3] + ["QUIT"]),
    "header checks": (dict(end=[head("Bad"), head("Worse"), head("Good"), head("Ugly")]),
                      {"milter_header_checks": "pcre:{ {/^X-Bad:/ IGNORE} "
                       "{/^X-Worse:/ REPLACE X-Better: yes} {/^X-Ugly:/ WARN ugly} }"}, MAIL),
    "header checks reject": (dict(end=[head("Bad")]),
                             {"milter_header_checks": "pcre:{ {/^X-Bad:/ REJECT spam} }"}, MAIL),
    "no milters": (dict(answers={"M": [m.REJECT]}), {"receive_override_options": "no_milters"}, MAIL),
    "disabled for some": (dict(answers={"M": [m.REJECT]}),
                          {"smtpd_milter_maps": "inline:{127.0.0.1=DISABLE}"}, MAIL),
}
NEWER = {"500 5.5.2 Error: command not recognized": "502 5.5.2 Error: command not recognized"}


class Pair:
    """Both systems, each with an SMTP server (and a cleanup) of its own for every case."""

    def __init__(self, place):
        self.systems = [postfix.Postfix(place / "p"), Instance(place / "d")]
        used = {system.port for system in self.systems}
        self.milters = {name: [another_port(used, HOST) for _ in listed(CASES[name][0])] for name in CASES}
        self.ports = {(system, name): another_port(used, HOST) for system in self.systems
                      for name in CASES}
        for system in self.systems:
            boxes = system.directory / "boxes"
            boxes.mkdir(parents=True)
            boxes.chmod(0o777)
            system.set(**{**BASE, "virtual_mailbox_maps": f"static:{boxes}/all"})
            for number, (name, (_, settings, _)) in enumerate(CASES.items()):
                self.add(system, number, name, settings)

    def add(self, system, number, name, settings):
        ports = self.milters[name]
        own = {"smtpd_milters": ", ".join(f"inet:{HOST}:{port}" for port in ports), **settings}
        if isinstance(CASES[name][0], list):
            own = {key: value.format(*(f"inet:{HOST}:{port}" for port in ports)) for key, value in own.items()}
        lines = [f"{HOST}:{self.ports[system, name]} inet n - n - - smtpd"]
        if isinstance(system, postfix.Postfix):
            own["cleanup_service_name"] = f"cleanup{number}"
        options = [f"    -o {{ {key} = {value} }}" for key, value in own.items()]
        lines += options
        if isinstance(system, postfix.Postfix):
            lines += [f"cleanup{number} unix n - n - 0 cleanup"] + options
        system.extra_services += "\n".join(lines) + "\n"

    def run(self, name):
        actions, _, lines = CASES[name]
        return [self.run_one(system, name, actions, lines) for system in self.systems]

    def run_one(self, system, name, actions, lines):
        box = system.directory / "boxes" / "all"
        box.unlink(missing_ok=True)
        with contextlib.ExitStack() as stack:
            milters = [stack.enter_context(m.Milter(**one, port=port, address=HOST))
                       for one, port in zip(listed(actions), self.milters[name])]
            before = len(system.log())
            with Dialogue(HOST, self.ports[system, name]) as talk:
                replies = [talk.reply()]
                for line in lines:
                    talk.say(line)
                    replies.append(talk.reply())
            wait_until(lambda: "disconnect from" in system.log()[before:], "the end")
            settle(system, replies, before)
        queue = wait_until(lambda: held(system), "the queue to settle")[0]
        system.run("postsuper", "-d", "ALL", check=False)
        mail = box.read_bytes() if box.exists() else b""
        events = [x for milter in milters for x in [("milter", ""), *plain(milter.events)]]
        return dict(events=events, replies=clean(replies), mail=normal(mail),
                    log=log_of(system.log()[before:]), held=queue)

    def __enter__(self):
        for system in self.systems:
            system.start()
        return self

    def __exit__(self, *exception):
        for system in self.systems:
            system.stop()


def listed(actions):
    """What each milter does, where one or several are asked."""
    return actions if isinstance(actions, list) else [actions]


def another_port(used, address):
    """A free port that is not USED, and is from now on."""
    port = free_port(address)
    while port in used:
        port = free_port(address)
    used.add(port)
    return port


def held(system):
    """A list with the folders of what stays in the queue; None while some is under way."""
    queue = sorted(entry["queue_name"] for entry in system.queue_ids().values())
    return None if "active" in queue or "incoming" in queue else [queue]


def settle(system, replies, before):
    """Every message that was taken is delivered or held."""
    taken = len([r for r in replies if "queued as" in r])

    def done():
        end = r": removed$|milter-hold: END|milter-discard|(hold|discard): RCPT"
        return len(re.findall(end, system.log()[before:], re.M)) >= taken
    wait_until(done, "mail")


def clean(replies):
    replies = [re.sub(r"queued as \w+", "queued as ID", r) for r in replies]
    return [NEWER.get(r, r) for r in replies if not r.startswith("250-")]


def normal(mail):
    text = mail.decode("latin-1")
    text = re.sub(r"id [0-9A-F]+\b", "id ID", text)
    text = re.sub(r"(?m)^From (\S+) .*", r"From \1", text)
    text = re.sub(r"\w\w\w, \d+ \w\w\w \d{4} .*\(UTC\)", "DATE", text)
    return sorted(("\n" + text).split("\nFrom "))


def log_of(text):
    lines = [re.sub(r"^.*?\w+/(\w+)\[\d+\]: ", r"\1: ", line) for line in text.splitlines()]
    lines = [re.sub(r"\b[0-9A-F]{10,12}\b", "ID", line) for line in lines]
    lines = [re.sub(rf"inet:{HOST}:\d+", "MILTER", line) for line in lines]
    lines = [re.sub("^cleanup: warning", "smtpd: warning", line) for line in lines]
    lines = [line.replace("??554 5.7.9", "?").replace("? ", "?") for line in lines]
    return [line for line in lines if re.search("milter|Milter", line)]


@pytest.fixture(scope="module")
def pair():
    place = pathlib.Path(tempfile.mkdtemp(prefix="dil."))
    place.chmod(0o755)
    with Pair(place) as one:
        yield one
    shutil.rmtree(place, ignore_errors=True)


def plain(events):
    """Without what differs by nature: IDs, aborts and good-byes to milters that have ended with the
    message anyway, macros of events that the milter does not want."""
    events = [event for event in events if event[0] not in "AQ"]
    shown = []
    for (letter, data), (then, _) in itertools.zip_longest(events, events[1:], fillvalue=("", "")):
        if isinstance(data, dict):
            data = {k: "ID" if k == "i" else v for k, v in data.items()}
        if letter[0] != "D" or letter[1:] == then:
            shown.append((letter, data))
    return shown


def is_same(ours, theirs):
    """Equal; of macros we may send more: Postfix's cleanup forgets some."""
    if isinstance(ours, tuple) and isinstance(theirs, tuple) and isinstance(theirs[1], dict):
        return ours[0] == theirs[0] and isinstance(ours[1], dict) and theirs[1].items() <= ours[1].items()
    return ours == theirs


@pytest.mark.parametrize("name", CASES)
def test_as_postfix(pair, name):
    theirs, ours = pair.run(name)
    different = [f"{key}:\n  ours   {a}\n  theirs {b}" for key in theirs
                 for a, b in itertools.zip_longest(ours[key], theirs[key]) if not is_same(a, b)]
    assert not different, "\n".join(different)

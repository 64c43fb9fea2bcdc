"""The same mail out of the real Postfix and out of Diligence, to a server that does as told.

What the server hears, what is logged of it, and what stays in the queue must agree.
Covers S028, S031, S032, S043, S086, S191, S201.
"""

import pathlib
import re
import shutil
import tempfile

import pytest

from harness import postfix
from harness.instance import Instance, free_port, wait_until
from testnet.fakehost import CLOSE, FakeHost

from .test_smtp import normal

pytestmark = pytest.mark.skipif(not postfix.is_available(),
                                reason="Postfix needs root and its package")

ONE, TWO = "127.10.0.31", "127.10.0.32"
TEXT = "Subject: x\n\nbonjour\n.dot\n"

# What the first host does, who gets the mail, and what it is.
CASES = {
    "all well": ({}, ["x@free.example"], TEXT),
    "two recipients": ({}, ["x@free.example", "y@free.example"], TEXT),
    "null sender": ({"sender": ""}, ["x@free.example"], TEXT),
    "no pipelining": ({"without": ["PIPELINING"]}, ["x@free.example", "y@free.example"], TEXT),
    "no esmtp": ({"EHLO": "502 what?"}, ["x@free.example"], TEXT),
    "8 bits to 7": ({"without": ["8BITMIME"], "mail_options": ("BODY=8BITMIME",)}, ["x@free.example"],
                    "MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\n"
                    "Content-Transfer-Encoding: 8bit\n\n\u00e9t\u00e9 = oui\n"),
    "8 bits": ({"mail_options": ("BODY=8BITMIME",)}, ["x@free.example"], "Subject: x\n\n\u00e9t\u00e9\n"),
    "long line": ({}, ["x@free.example"], "Subject: x\n\n" + "y" * 1500 + "\n"),
    "sender refused": ({"MAIL": "550 5.7.1 no"}, ["x@free.example", "y@free.example"], TEXT),
    "sender deferred": ({"MAIL": "451 4.3.2 later"}, ["x@free.example"], TEXT),
    "recipient refused": ({"RCPT": "550 5.1.1 who?"}, ["x@free.example"], TEXT),
    "no enhanced code": ({"RCPT": "550 who?"}, ["x@free.example"], TEXT),
    "codes that disagree": ({"RCPT": "550 4.1.1 who?"}, ["x@free.example"], TEXT),
    "one of two refused": ({"RCPT": ("550 5.1.1 who?", None)},
                           ["x@free.example", "y@free.example"], TEXT),
    "recipient deferred": ({"RCPT": "450 4.7.1 greylisted"}, ["x@free.example"], TEXT),
    "data refused": ({"DATA": "554 5.7.1 no data"}, ["x@free.example"], TEXT),
    "content refused": ({".": "550 5.7.1 spam"}, ["x@free.example"], TEXT),
    "content deferred": ({".": "452 4.2.2 full"}, ["x@free.example", "y@free.example"], TEXT),
    "odd code": ({"RCPT": "354 what?"}, ["x@free.example"], TEXT),
    "several lines": ({"RCPT": "550-5.1.1 who\n550 5.1.1 is this?"}, ["x@free.example"], TEXT),
    "greeting refused": ({"GREETING": "554 5.7.1 go away"}, ["x@free.example"], TEXT),
    "greeting deferred": ({"GREETING": "421 4.3.2 busy"}, ["x@free.example"], TEXT),
    "helo refused": ({"EHLO": "550 5.7.1 no", "HELO": "550 5.7.1 no"}, ["x@free.example"], TEXT),
    "lost at greeting": ({"GREETING": CLOSE}, ["x@free.example"], TEXT),
    "lost at hello": ({"EHLO": CLOSE}, ["x@free.example"], TEXT),
    "lost at mail": ({"MAIL": CLOSE}, ["x@free.example"], TEXT),
    "lost at end": ({".": CLOSE}, ["x@free.example"], TEXT),
    "too big": ({"keywords": ["PIPELINING", "SIZE 100"]}, ["x@free.example"], TEXT),
    "next host": ({"closed": True, "hosts": 2}, ["x@free.example"], TEXT),
    "next host after 4xx": ({"MAIL": "451 4.3.2 later", "hosts": 2}, ["x@free.example"], TEXT),
    "next host for one": ({"RCPT": ("451 4.3.2 later", None), "hosts": 2},
                          ["x@free.example", "y@free.example"], TEXT),
    "no next host after 5xx": ({"RCPT": "550 5.1.1 who?", "hosts": 2}, ["x@free.example"], TEXT),
    "next host after loss": ({"MAIL": CLOSE, "hosts": 2}, ["x@free.example"], TEXT),
    "nobody": ({"closed": True}, ["x@free.example"], TEXT),
    "dsn": ({"rcpt_options": ("NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;z@free.example"),
             "mail_options": ("RET=HDRS", "ENVID=QQ+2B1")}, ["x@free.example"], TEXT),
    "dsn to a host without": ({"without": ["DSN"], "rcpt_options": ("NOTIFY=FAILURE",),
                               "mail_options": ("RET=FULL",)}, ["x@free.example"], TEXT),
}


class Out:
    """One of the two, with the servers that it sends to."""

    def __init__(self, kind, place):
        self.port = free_port(ONE)
        self.instance = kind(place, local_recipient_maps="",
                             relayhost=f"[{ONE}]:{self.port}",
                             maximal_backoff_time="4000s", smtp_connect_timeout="5s",
                             smtp_helo_timeout="5s", smtp_skip_quit_response="no",
                             smtp_connection_cache_on_demand="no")
        routes = self.instance.file("transport", f"two.example smtp:[{ONE}]:{self.port}, "
                                                 f"[{TWO}]:{self.port}\n")
        self.instance.set(transport_maps=f"texthash:{routes}")
        self.instance.set(local_transport="discard")  # bounces
        self.instance.set(mydestination="maison.mrs")
        self.instance.start()

    def hosts(self, rules):
        hosts = [FakeHost("mx.free.example", ONE, self.port)]
        hosts[0].keywords = list(rules.get("keywords", hosts[0].keywords))
        hosts[0].without(*rules.get("without", ()))
        for verb in ("GREETING", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "."):
            if verb in rules:
                answers = rules[verb]
                hosts[0].on(verb, *(answers if isinstance(answers, tuple) else (answers,)))
        if rules.get("hosts") == 2:
            hosts.append(FakeHost("mx.free.example", TWO, self.port))
        if rules.get("closed"):
            return [hosts[0]] if len(hosts) == 1 else hosts, hosts[1:]
        return hosts, hosts

    def run(self, case):
        rules, recipients, text = case
        if rules.get("hosts") == 2:
            recipients = [r.replace("free.example", "two.example") for r in recipients]
        begin = len(self.instance.log())
        hosts, listening = self.hosts(rules)
        for host in listening:
            host.start()
        try:
            sender = rules.get("sender", "chris@maison.mrs")
            queue_id = self.instance.send(
                sender, recipients, text.encode("latin-1"),
                mail_options=rules.get("mail_options", ()),
                rcpt_options=rules.get("rcpt_options", ()))
            wait_until(lambda: self.count_done(begin, queue_id) >= len(recipients),
                       f"{len(recipients)} outcomes\n{self.instance.log()[begin:]}")
            lines = [line for line in self.instance.log()[begin:].splitlines()
                     if re.search(r"postfix/smtp\[", line)
                     and (queue_id in line or "connect to" in line)]
            if not any("status=deferred" in line for line in lines):
                self.instance.wait_removed(queue_id)
            stays = queue_id in self.instance.queue_ids()
        finally:
            self.instance.run("postsuper", "-d", "ALL", check=False)
            for host in listening:
                host.close()
        return {"heard": [self.heard(session) for host in hosts for session in host.sessions],
                "content": [self.content(m) for host in hosts for m in host.messages
                            if m.content],
                "log": sorted(self.clean(line.split("]: ", 1)[1]) for line in lines),
                "stays": stays}

    def count_done(self, begin, queue_id):
        return len(re.findall(rf"{queue_id}: to=<.*status=", self.instance.log()[begin:]))

    def clean(self, text):
        text = re.sub(rf":{self.port}\b", ":PORT", normal(text))
        return re.sub(r"message size \d+", "message size N", text)

    def heard(self, session):
        return [re.sub(r"SIZE=\d+", "SIZE=N", line) for line in session.commands
                if line not in ("QUIT", "RSET")]

    @staticmethod
    def content(message):
        text = message.content.decode("latin-1")
        found = re.search(r"(Subject: x|MIME-).*", text, re.DOTALL)
        return normal(found[0]) if found else text


@pytest.fixture(scope="module")
def outs():
    place = pathlib.Path(tempfile.mkdtemp(prefix="dlg."))
    place.chmod(0o755)
    pair = [Out(kind, place / kind.__name__) for kind in (postfix.Postfix, Instance)]
    yield pair
    for out in pair:
        out.instance.stop()
    shutil.rmtree(place, ignore_errors=True)


@pytest.mark.parametrize("name", CASES)
def test_same_as_postfix(outs, name):
    """S028 S031 S032 S043 S086 S191 S201 and what the module says."""
    theirs, ours = (out.run(CASES[name]) for out in outs)
    assert ours["heard"] == theirs["heard"]
    assert ours["content"] == theirs["content"]
    assert ours["log"] == theirs["log"]
    assert ours["stays"] == theirs["stays"]

"""Every restriction name at the real smtpd and at ours: the same replies for the same facts.

Covers group M of the rows, S249, S250 and S258.
"""

import collections
import concurrent.futures
import itertools
import re

import pytest

from doors.servers import PolicyServer
from harness import postfix
from harness.instance import Dialogue, Instance, free_port
from testnet.dnsserver import DnsServer

from .scenarios_restrictions import (CASES, CLIENTS, HELOS, LOGIN_SENDERS, LOGINS, QUIET, RECIPIENTS,
                                     SENDERS, SETTINGS, ZONE)

pytestmark = pytest.mark.skipif(not postfix.is_available(), reason="Postfix needs root and its package")

RESOLVER = "127.31.0.53"
A_TIME = 16  # questions over one connection: the real one slows down who is refused often


class RealPostfix(postfix.Postfix):
    """Asks the DNS of the test: in a mount namespace with a resolv.conf of its own."""

    def start(self):
        resolv = self.directory / "resolv.conf"
        self.directory.mkdir(parents=True, exist_ok=True)
        resolv.write_text(f"nameserver {RESOLVER}\n")
        self.prefix = ["unshare", "--mount", "sh", "-c",
                       'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"', "sh", resolv]
        super().start()
        self.prefix = []
        return self


def choose(request):
    """The case whose number is the client's port."""
    return f"case{int(request['client_port']) - 1000}"


def facts(varied):
    """All (client, helo, sender, recipient) that the letters of VARIED ask for."""
    if varied == "l":
        return itertools.product(LOGINS, HELOS[:1], LOGIN_SENDERS, RECIPIENTS[:1])
    lists = [(CLIENTS, "c"), (HELOS, "h"), (SENDERS, "s"), (RECIPIENTS, "r")]
    return itertools.product(*(list(values)[:None if letter in varied else 1]
                               for values, letter in lists))


def ask(talk, number, client, helo, sender, recipient):
    """What the server says to that client, from its HELO on."""
    said = []
    for line in ("RSET", f"XCLIENT {CLIENTS[client]} PORT={1000 + number}", f"HELO {helo}",
                 f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>"):
        talk.say(line)
        said.append(talk.reply())
    return said[2:]


def several(instance, questions):
    """Over one connection, or a new one after a reply that ends it."""
    talk = None
    for number, case, f in questions:
        if talk is None:
            talk = Dialogue(instance.address, instance.port)
            talk.reply()
            talk.say("EHLO front")
            talk.reply()
        replies = ask(talk, number, *f)
        yield (case, f), replies
        if replies[-1][:3] in ("421", "521"):
            talk.__exit__(None, None, None)
            talk = None
    if talk:
        talk.__exit__(None, None, None)


def events(instance):
    """What the log says of refusals, warnings and actions, without times and queue IDs."""
    found = re.findall(r"smtpd\[\d+\]: [0-9A-F]+: (\w+: (?:RCPT|MAIL) from .*)|smtpd\[\d+\]: NOQUEUE: "
                       r"(\w+: (?:RCPT|MAIL) from .*)", instance.log())
    # Later versions than the real one here, and ours, name the login too.
    return collections.Counter(re.sub(" sasl_username=.*", "", a or b) for a, b in found)


def answers(instance):
    """All cases, over a few connections: {(restrictions, facts): replies}."""
    questions = [(number, case, f) for number, (case, varied) in enumerate(CASES.items())
                 for f in facts(varied)]

    def work(first):
        return {(case, f): replies for (case, f), replies in several(instance, questions[first:first + A_TIME])}

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        parts = list(pool.map(work, range(0, len(questions), A_TIME)))
    return {question: replies for part in parts for question, replies in part.items()}


@pytest.fixture(name="servers", scope="module")
def fixture_servers(module_place):
    """The real one, ours, and what both need: DNS, a policy server, passwords."""
    port = free_port()
    with DnsServer(ZONE, RESOLVER, 53), PolicyServer(choose) as policy:
        ours = Instance(module_place / "ours", resolver_nameservers=f"{RESOLVER}@53", **SETTINGS)
        ours.extra_services = f"127.0.0.1:{port} inet n - n - - dovecot-auth\n"
        theirs = RealPostfix(module_place / "theirs", **SETTINGS)
        for one in (ours, theirs):
            one.set(smtpd_sasl_path=f"inet:127.0.0.1:{port}", smtpd_recipient_restrictions=
                    f"check_policy_service inet:127.0.0.1:{policy.port}, reject_unauth_destination")
        with ours, theirs:
            yield theirs, ours


def test_restrictions(servers):
    """Reply for reply."""
    theirs, ours = (answers(one) for one in servers)
    different = [f"{case} {facts}\n  Postfix: {theirs[case, facts]}\n  ours:    {replies}"
                 for (case, facts), replies in ours.items() if replies != theirs[case, facts]]
    assert not different, "\n".join(different)
    # The comparison says something: each restriction speaks for some facts.
    silent = [case for case in CASES if all(r[-1] == "250 2.1.5 Ok" for (c, _), r in ours.items() if c == case)]
    assert [case for case in silent if "permit" not in case and "a@good.example=" not in case] == QUIET
    logs = [events(one) for one in servers]
    assert not logs[0] - logs[1] and not logs[1] - logs[0], "\n".join(
        ["only Postfix:", *sorted(logs[0] - logs[1]), "only ours:", *sorted(logs[1] - logs[0])])

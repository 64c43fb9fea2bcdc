"""The same questions to a policy server, and the same answers of address verification, from the
real Postfix and from Diligence (S014, S015, S206)."""

import pathlib
import re
import shutil
import tempfile

import pytest

from doors.servers import FilterServer, PolicyServer
from harness import postfix
from harness.instance import Dialogue, Instance, free_port
from testnet.fakehost import FakeHost

from .test_smtp import converse, normal

pytestmark = pytest.mark.skipif(not postfix.is_available(),
                                reason="Postfix needs root and its package")

HELLO, MAIL = "EHLO client.example.com", "MAIL FROM:<a@b.example> SIZE=700"
BASE = dict(mydestination="maison.mrs", local_recipient_maps="", local_transport="discard",
            smtpd_authorized_verp_clients="", notify_classes="",
            smtpd_forbid_unauth_pipelining="no", mynetworks="192.0.2.0/24",
            smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination")


@pytest.fixture
def both():
    """Run a function with each server: what it returned, Postfix's first."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="dil."))
    place.chmod(0o755)

    def run(parameters, function):
        results = []
        shutil.rmtree(place)
        place.mkdir(mode=0o755)
        for kind in (postfix.Postfix, Instance):
            with kind(place / kind.__name__, **dict(BASE, **parameters)) as instance:
                instance.wait_log("disconnect from")  # of the connection that found it awake
                results.append(function(instance))
        return results

    yield run
    shutil.rmtree(place, ignore_errors=True)


def same(ours, theirs):
    """Compare list by list, item by item, so that a difference can be read."""
    different = []
    for mine, yours in zip(ours, theirs):
        for a, b in zip(mine, yours):
            if isinstance(a, dict):
                a, b = ({k: v for k, v in x.items() if y.get(k) != v} for x, y in ((a, b), (b, a)))
            if a != b:
                different.append((a, b))
        if len(mine) != len(yours):
            different.append((mine[len(yours):], yours[len(mine):]))
    assert not different, "\n".join(f"ours   {a}\ntheirs {b}" for a, b in different)


# Newer than the Postfix we compare with, or of the moment.
APART = ("instance", "compatibility_level", "queue_id", "client_port", "server_port", "mail_version",
         "tls_sni")


def test_policy_requests(both):
    """Every attribute at every stage."""
    with PolicyServer() as server:
        ask = f"check_policy_service inet:127.0.0.1:{server.port}"

        def talk(instance):
            server.requests.clear()
            instance.dialogue(HELLO, MAIL, "RCPT TO:<x@maison.mrs>", "RCPT TO:<y@maison.mrs>", "DATA",
                              "Subject: x\r\n\r\nhello\r\n.", "MAIL FROM:<>",
                              "RCPT TO:<z@maison.mrs>", "DATA", "Subject: y\r\n\r\nhello\r\n.",
                              "VRFY v@maison.mrs", "ETRN maison.mrs", "QUIT")
            return [{k: v for k, v in request.items() if k not in APART}
                    for request in server.requests], [
                        (r["protocol_state"], bool(r["queue_id"]), len(r["instance"].split(".")))
                        for r in server.requests]

        stages = {f"smtpd_{stage}_restrictions": ask for stage in
                  ("client", "helo", "sender", "recipient", "data", "end_of_data", "etrn")}
        theirs, ours = both(dict(stages, smtpd_delay_reject="no", fast_flush_domains="maison.mrs",
                                 smtpd_policy_service_policy_context="here"), talk)
    same(ours, theirs)


STORED = "127.10.1.3"
CASES = {
    "good": None,
    "bad": "550 5.1.1 who?",
    "later": "450 4.2.0 not now",
}


def test_verification(both):
    """Replies and log lines of probes that succeed, fail, and come to nothing."""
    port = free_port(STORED)
    host = FakeHost("store.example", STORED, port)
    host.on("RCPT", lambda session, line: CASES[line.split("<")[1].split("@")[0]])
    host.start()

    def talk(instance):
        replies = []
        for user in CASES:
            for verb in (f"RCPT TO:<{user}@site.example>",) * 2:
                replies += instance.dialogue(HELLO, MAIL, verb)[3:]
        lines = instance.wait_log(r"status=(un)?deliverable", count=len(CASES))
        return replies, sorted(re.sub(r"delays?=[\d./]+|conn_use=\d+, ", "", line.split("]: ", 1)[1].split(": ", 1)[1])
                               for line in lines)

    for more in ({}, dict(unverified_recipient_reject_code="550"),
                 dict(unverified_recipient_reject_code="550",
                      unverified_recipient_reject_reason="No such user inside")):
        theirs, ours = both(dict(
            relay_domains="site.example", address_verify_poll_delay="1s", default_transport="smtp",
            transport_maps=f"inline:{{site.example=smtp:[{STORED}]:{port}}}",
            smtpd_recipient_restrictions="reject_unverified_recipient", **more), talk)
        same(ours, theirs)
    host.close()


def test_filter_before_the_queue(both):
    """What the filter hears, what the client hears, and the log."""
    with FilterServer() as server:
        def talk(instance):
            server.heard.clear()
            server.messages.clear()
            server.refuse = {}
            replies = converse(instance, [HELLO, MAIL, "RCPT TO:<x@maison.mrs>", "RCPT TO:<y@maison.mrs>",
                                          "DATA:Subject: x\n\n..hello\n"])
            server.refuse = {"RCPT": "550 5.1.1 no"}
            replies += converse(instance, [HELLO, MAIL, "RCPT TO:<x@maison.mrs>"])
            server.refuse = {".": "554 5.7.1 spam"}
            replies += converse(instance, [HELLO, MAIL, "RCPT TO:<x@maison.mrs>",
                                           "DATA:Subject: x\n\nhello\n"])
            heard = sorted(re.sub(r"PORT=\d+", "PORT=N", line) for line in server.heard)
            lines = [normal(line.split("]: ", 1)[1])
                     for line in instance.log_lines("NOQUEUE: client|proxy-|warning: proxy")]
            content = [normal(re.sub(r"\r\n", "\n", m.decode())) for m in server.messages]
            return replies, heard, sorted(lines), content

        theirs, ours = both(dict(smtpd_proxy_filter=f"127.0.0.1:{server.port}"), talk)
    same(ours, theirs)


def test_rates(both):
    """Replies and warnings of limits."""
    def talk(instance):
        replies = []
        with Dialogue(instance.address, instance.port) as one:
            replies.append(one.reply())
            for line in (HELLO, MAIL, "RCPT TO:<x@maison.mrs>", "RCPT TO:<y@maison.mrs>", "RSET", MAIL):
                one.say(line)
                replies.append(one.reply())
            with Dialogue(instance.address, instance.port) as two:
                replies += [two.reply(), two.reply()]
        lines = instance.wait_log("limit exceeded", count=3)
        port = f":{instance.port}"
        return replies, [line.split("]: ", 1)[1].replace(port, ":PORT") for line in lines]

    theirs, ours = both(dict(smtpd_client_connection_count_limit="1",
                             smtpd_client_message_rate_limit="1",
                             smtpd_client_recipient_rate_limit="1"), talk)
    same(ours, theirs)

"""Address verification: what we do not know we ask the next host (S014, S015)."""

import time
from contextlib import contextmanager

from harness.instance import free_port, wait_until
from testnet.fakehost import FakeHost

HELLO = "EHLO client.example.com"
INSIDE = "127.10.1.1"


@contextmanager
def storing_host(**refusals):
    """A host inside that knows everybody but REFUSALS (user=reply)."""
    host = FakeHost("inside", INSIDE, free_port(INSIDE))

    def answer(session, line):
        user = line.split("<")[1].split("@")[0]
        return refusals.get(user)

    host.on("RCPT", answer)
    host.start()
    yield host
    host.close()


def gateway(instance, host, **parameters):
    """A gateway in front of HOST, which stores the mail of inside.example."""
    return instance.set(**dict(
        mydestination="", relay_domains="inside.example", mynetworks="192.0.2.0/24",
        transport_maps=f"inline:{{inside.example=smtp:[{INSIDE}]:{host.port}}}",
        default_transport="smtp", address_verify_poll_delay="1s",
        smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination",
        smtpd_recipient_restrictions="reject_unverified_recipient", **parameters))


def rcpt(instance, address):
    return instance.dialogue(HELLO, "MAIL FROM:<a@b.example>", f"RCPT TO:<{address}>")[3]


def test_gateway_asks_inside(instance):
    """S014 S015: unknown users are refused at the door, known ones let in; both once asked."""
    with storing_host(bad="550 5.1.1 <bad@inside.example>: no such user") as host:
        with gateway(instance, host):
            assert rcpt(instance, "good@inside.example") == "250 2.1.5 Ok"
            reply = rcpt(instance, "bad@inside.example")
            assert reply.startswith("450 4.1.1 <bad@inside.example>: Recipient address rejected: "
                                    "unverified address: host 127.10.1.1[127.10.1.1] said: "
                                    "550 5.1.1 <bad@inside.example>: no such user (in reply to "
                                    "RCPT TO command)")
            instance.wait_log(r"to=<good@inside.example>.*status=deliverable")
            instance.wait_log(r"to=<bad@inside.example>.*status=undeliverable")
            instance.wait_queue_empty()
            probes = len(instance.log_lines("from=<double-bounce@"))
            assert rcpt(instance, "Good@inside.example") == "250 2.1.5 Ok"
            assert rcpt(instance, "bad@inside.example") == reply
            assert len(instance.log_lines("from=<double-bounce@")) == probes
        # What was learnt is there after a restart.
        instance.set(unverified_recipient_reject_code="550",
                     unverified_recipient_reject_reason="Not known inside")
        with instance:
            assert rcpt(instance, "bad@inside.example") == (
                "550 5.1.1 <bad@inside.example>: Recipient address rejected: undeliverable address: "
                "Not known inside")
            assert len(instance.log_lines("from=<double-bounce@")) == probes


def test_host_that_does_not_answer(instance):
    """While nothing is known mail waits at the sender, and the queue holds no probe."""
    with storing_host() as host:
        pass
    with gateway(instance, host, address_verify_poll_count="2",
                 unverified_recipient_defer_code="451"):
        reply = rcpt(instance, "x@inside.example")
        assert reply.startswith("451 4.1.1 <x@inside.example>: Recipient address rejected: "
                                "unverified address: ")
        assert "Connection refused" in reply
        instance.wait_queue_empty()


def test_sender_and_own_probes(instance):
    """Senders are asked about likewise; who asks about our probes' sender is told it is good."""
    with storing_host(bad="550 5.1.1 who?") as host:
        instance.set(mydestination="$myhostname", mynetworks="127.0.0.0/8",
                     local_recipient_maps="inline:{chris=x}", local_transport="discard",
                     transport_maps=f"inline:{{inside.example=smtp:[{INSIDE}]:{host.port}}}",
                     address_verify_poll_delay="1s", address_verify_sender_ttl="1h",
                     address_verify_negative_cache="no",
                     smtpd_sender_restrictions="reject_unverified_sender",
                     smtpd_recipient_restrictions="reject_unlisted_recipient")
        with instance:
            replies = instance.dialogue(HELLO, "MAIL FROM:<good@inside.example>",
                                        f"RCPT TO:<chris@{instance.parameters['myhostname']}>")
            assert replies[3] == "250 2.1.5 Ok"
            line = instance.wait_log(r"from=<double-bounce\w+@")[0]
            sender = line.split("from=<")[1].split(">")[0]
            replies = instance.dialogue(HELLO, "MAIL FROM:<>", f"RCPT TO:<{sender}>")
            assert replies[3] == "250 2.1.5 Ok"
            # Nothing bad is remembered: each question asks anew.
            for _ in range(2):
                replies = instance.dialogue(HELLO, "MAIL FROM:<bad@inside.example>",
                                            f"RCPT TO:<chris@{instance.parameters['myhostname']}>")
                assert replies[3].startswith("450 4.1.7 <bad@inside.example>: Sender address "
                                             "rejected: unverified address: Address verification "
                                             "in progress")
            wait_until(lambda: len(instance.log_lines("to=<bad@inside.*undeliverable")) >= 2,
                       "two probes")


def test_refresh_and_sweep(instance):
    """Old knowledge is renewed in the background, and forgotten when its time is over."""
    with storing_host() as host:
        with gateway(instance, host, address_verify_positive_refresh_time="1s",
                     address_verify_positive_expire_time="4s",
                     address_verify_cache_cleanup_interval="1s"):
            assert rcpt(instance, "a@inside.example") == "250 2.1.5 Ok"
            time.sleep(2.1)
            assert rcpt(instance, "a@inside.example") == "250 2.1.5 Ok"
            instance.wait_log(r"to=<a@inside.example>.*status=deliverable", count=2)
            instance.wait_log(r"cache .*verify_cache full cleanup: retained=0 dropped=1 entries")

"""ETRN and its relatives: the mail of one site now (flush(8))."""

from harness.instance import free_port, wait_until
from testnet.fakehost import FakeHost

HELLO = "EHLO client.example.com"
SITE = "127.10.1.2"


def wait_deferred(instance, *queue_ids):
    """Until all of them lie in the deferred queue."""
    def lie_there():
        queue = instance.queue_ids()
        return all(queue.get(i, {}).get("queue_name") == "deferred" for i in queue_ids)
    wait_until(lie_there, "deferred mail")


def test_etrn(instance):
    """A dial-up site asks for its mail: only eligible sites may, and only their mail is tried."""
    port = free_port(SITE)
    instance.set(mydestination="", relay_domains="site.example, other.example",
                 transport_maps=f"inline:{{site.example=smtp:[{SITE}]:{port}, "
                                f"other.example=smtp:[{SITE}]:{port}}}",
                 smtpd_etrn_restrictions="reject_unauth_pipelining, check_etrn_access "
                                         "inline:{other.example=REJECT}",
                 minimal_backoff_time="1000s", maximal_backoff_time="1000s", queue_run_delay="1000s")
    with instance:
        first = instance.send("a@b.example", "x@site.example")
        second = instance.send("a@b.example", "x@other.example")
        third = instance.send("a@b.example", "y@site.example")
        wait_deferred(instance, first, second, third)
        host = FakeHost("site", SITE, port).start()
        replies = instance.dialogue(HELLO, "ETRN stranger.example", "ETRN other.example",
                                    "ETRN site.example")
        assert replies[2] == "459 <stranger.example>: service unavailable"
        assert replies[3] == "554 5.7.1 <other.example>: Etrn command rejected: Access denied"
        assert replies[4] == "250 Queuing started"
        instance.wait_removed(first)
        instance.wait_removed(third)
        assert list(instance.queue_ids()) == [second]
        instance.run("postqueue", "-i", second)
        instance.wait_removed(second)
        host.close()


def test_etrn_only_where_allowed(instance):
    """fast_flush_domains = (empty) turns the service off; sendmail -qR asks for a site."""
    port = free_port(SITE)
    instance.set(mydestination="", relay_domains="site.example", fast_flush_domains="",
                 transport_maps=f"inline:{{site.example=smtp:[{SITE}]:{port}}}",
                 minimal_backoff_time="1000s", maximal_backoff_time="1000s", queue_run_delay="1000s")
    with instance:
        assert instance.dialogue(HELLO, "ETRN site.example")[2] == (
            "459 <site.example>: service unavailable")
    instance.set(fast_flush_domains="$relay_domains")
    with instance:
        queue_id = instance.send("a@b.example", "x@site.example")
        wait_deferred(instance, queue_id)
        with_host = FakeHost("site", SITE, port).start()
        instance.run("sendmail", "-qRsite.example")
        instance.wait_removed(queue_id)
        with_host.close()

"""What parameters of the queue manager change: pace, windows, reports, limits.

Delays and limits are general ones, with a transport's own form to tell the two apart.
"""

import os
import re
import signal
import time

import pytest

from harness.instance import wait_until

from .site import Site

FAST = {"minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "queue_run_delay": "1s"}


def new_site(directory, net, **settings):
    return Site(directory, net, relay_domains="example", smtp_connection_cache_on_demand="no", **settings)


def post(site, *domains):
    """A message to each domain; when each was at its host, in order of arrival."""
    for number, domain in enumerate(domains):
        site.send("chris@maison.mrs", f"a{number}@{domain}", "Subject: x\n\nhello\n")


@pytest.fixture(scope="module")
def paced(room, net):
    """Three transports: with both delays, without the destination's, without the transport's."""
    one = new_site(room / "paced", net, default_destination_rate_delay="1s", default_transport_rate_delay="1s",
                   bytransport_destination_rate_delay="0", bydestination_transport_rate_delay="0")
    one.sinks = {}
    for name in ("bytransport", "bydestination"):
        for number in (1, 2):
            sink = one.sinks[f"{name}{number}"] = net.host(f"{name}{number}.sink.example")
            one.client(name, "smtp").route(f"{name}{number}.example", f"{name}:[{sink.address}]:{net.port}")
        one.extra_services = one.extra_services.replace(f"{name} unix - - n - - smtp\n" * 2,
                                                        f"{name} unix - - n - - smtp\n")
    with one:
        yield one


@pytest.mark.parametrize("name, same, other", [("bytransport", True, True), ("bydestination", True, False)])
def test_delays(paced, name, same, other):
    """default_transport_rate_delay holds whatever the destination, default_destination_rate_delay for one."""
    def pause(first, second):
        for sink in paced.sinks.values():
            sink.messages.clear()
        post(paced, f"{first}.example", f"{second}.example")
        at = wait_until(lambda: (found := sorted(m.at for sink in paced.sinks.values() for m in sink.messages))
                        and len(found) == 2 and found, "two messages")
        time.sleep(1)  # nothing is owed to the next pair
        return at[1] - at[0] > 0.9
    assert pause(f"{name}1", f"{name}1") == same
    assert pause(f"{name}1", f"{name}2") == other


@pytest.fixture(scope="module")
def windows(room, net):
    """A transport that goes by the general feedback, which is none, and one with its own."""
    one = new_site(room / "windows", net, destination_concurrency_feedback_debug="yes",
                   default_destination_concurrency_positive_feedback="0",
                   default_destination_concurrency_negative_feedback="0",
                   growing_destination_concurrency_positive_feedback="1", initial_destination_concurrency="3",
                   shrinking_destination_concurrency_negative_feedback="1")
    sink, gone = net.host("window.sink.example"), net.refusing("window.gone.example")
    for name, address in (("steady", sink.address), ("growing", sink.address), ("patient", gone),
                          ("shrinking", gone)):
        one.client(name, "smtp", f"[{address}]:{net.port}")
    with one:
        yield one


@pytest.mark.parametrize("name, says, concurrency", [
    ("steady", "positive", 3), ("growing", "positive", 4), ("patient", "negative", 3), ("shrinking", "negative", 2)])
def test_feedback(windows, name, says, concurrency):
    """transport_destination_concurrency_positive_feedback, ..._negative_feedback and their defaults, told by
    destination_concurrency_feedback_debug"""
    post(windows, f"{name}.example")
    line = windows.wait_log(rf"qmgr\[\d+\]: {name}: .*: feedback {says}, ")[0]
    assert f"concurrency {concurrency}," in line, line


def test_late_mail(room, net):
    """delay_notice_recipient hears of mail that is late, confirm_delay_cleared tells its sender when it has come"""
    sink, slow = net.host("mx.sink.example"), net.host("mx.slow.example")
    slow.on("RCPT", "451 4.3.2 later")
    one = new_site(room / "late", net, delay_warning_time="1s", notify_classes="delay", confirm_delay_cleared="yes",
                   delay_notice_recipient="watch@sink.example", **FAST)
    for host in (sink, slow):
        one.route(host.name.removeprefix("mx."), f"smtp:[{host.address}]:{net.port}")

    def told(recipient, subject):
        return [m for m in sink.messages if m.recipients == [recipient] and m.header("Subject") == [subject]]
    with one:
        one.send("sender@sink.example", "a@slow.example", "Subject: x\n\nhello\n")
        wait_until(lambda: told("sender@sink.example", "Delayed Mail (still being retried)"), "the warning")
        wait_until(lambda: told("watch@sink.example", "Postmaster Warning: Delayed Mail"), "its copy")
        slow.usual("RCPT")
        wait_until(lambda: told("sender@sink.example", "Successful Mail Delivery Report"), "the good news")


def test_full(room, net):
    """qmgr_message_recipient_limit: what has no room waits in incoming; qmgr_clog_warn_time: said again"""
    host = net.host("mx.full.example")
    host.on("BODY", lambda session, line: time.sleep(2))
    where = f"smtp:[{host.address}]:{net.port}"
    one = new_site(room / "few", net, qmgr_message_recipient_limit="1").route("full.example", where)
    with one:
        post(one, "full.example", "full.example")
        queues = wait_until(lambda: len(found := one.queue_ids()) == 2 and found, "two messages").values()
        assert sorted(message["queue_name"] for message in queues) == ["active", "incoming"]
    clogged = new_site(room / "clog", net, qmgr_message_active_limit="6", qmgr_clog_warn_time="1s",
                       smtp_destination_concurrency_limit="1").route("full.example", where)
    with clogged:
        post(clogged, *["full.example"] * 6)
        warning = r"qmgr\[\d+\]: warning: mail for \S+ is using up \d of \d active queue entries"
        clogged.wait_log(warning)
        time.sleep(1)
        post(clogged, "full.example")  # comes in when the first has gone
        clogged.wait_log(warning, count=2)
        assert clogged.log_lines("to turn off these warnings specify: qmgr_clog_warn_time = 0")


def test_filter_without_a_next_hop(room, net):
    """default_filter_nexthop"""
    host = net.host("filter.example")
    one = new_site(room / "filter", net, default_filter_nexthop=f"[{host.address}]:{net.port}",
                   default_transport="discard")
    with one.server("filtered", content_filter="smtp:"):
        one.mail("filtered", "chris@maison.mrs", "a@far.test", "Subject: x\n\nhello\n")
        assert wait_until(lambda: host.messages, "the mail")[0].recipients == ["a@far.test"]


@pytest.mark.parametrize("program, name", [("qmgr", "qmgr_daemon_timeout"), ("smtpd", "daemon_timeout")])
def test_watchdog(room, net, program, name):
    """qmgr_daemon_timeout daemon_timeout: a process that stands still is ended, and another one goes on"""
    with new_site(room / f"{program}.dog", net, **{name: "2s"}) as one:
        one.send("chris@maison.mrs", "chris@maison.mrs")
        one.wait_log("qmgr.*removed")
        time.sleep(2.5)  # one that works is left alone
        process = int(re.search(rf" postfix/{program}\[(\d+)\]", one.log())[1])
        assert not one.log_lines("killed by signal")
        os.kill(process, signal.SIGSTOP)
        time.sleep(2.5)
        os.kill(process, signal.SIGCONT)
        one.wait_log(rf"master.*process \S+{program} pid {process} killed by signal 14")
        one.send("chris@maison.mrs", "chris@maison.mrs")
        one.wait_log("qmgr.*removed", count=2)


RENAMED = {"qmgr": "queue", "bounce": "returns", "error": "refuser", "proxymap": "asker"}


def test_other_names_of_services(room, net):
    """queue_service_name bounce_service_name error_service_name proxymap_service_name: each under a name of its
    own, and none under the usual one"""
    one = new_site(room / "names", net, queue_service_name="queue", bounce_service_name="returns",
                   error_service_name="refuser", proxymap_service_name="asker", virtual_alias_domains="gone.test")
    sink = net.host("mx.names.example")
    one.route("names.example", f"smtp:[{sink.address}]:{net.port}")
    one.master_cf += "proxymap unix - - n - - proxymap\n"
    for old, new in RENAMED.items():
        one.master_cf = re.sub(rf"(?m)^{old}( +unix)", rf"{new}\1", one.master_cf)
    one.file("virtual", "alias@names.example a@names.example\n")
    one.set(virtual_alias_maps=f"proxy:texthash:{one.config}/virtual")
    with one:
        one.send("a@names.example", "alias@names.example")
        wait_until(lambda: [m for m in sink.messages if m.recipients == ["a@names.example"]], "the mail")
        one.run("sendmail", "-f", "back@names.example", "no@gone.test", stdin="Subject: x\n\nx\n")
        wait_until(lambda: [m for m in sink.messages if m.recipients == ["back@names.example"]], "the report")
        assert one.log_lines("error.*to=<no@gone.test>.*User unknown in virtual alias table")
        assert not one.log_lines("fatal|panic|warning")

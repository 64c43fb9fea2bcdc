"""The queue: deferral, retries, flush, hold, restart, windows; rows of group G."""

import json
import os
import re
import shutil
import stat
import time

import pytest

from harness.instance import wait_until

from .people import CHRIS, IS_ROOT, LOULOU, run_as

LATER = "451 4.3.2 please come back later"
FAST = {"minimal_backoff_time": "1s", "maximal_backoff_time": "4s", "queue_run_delay": "1s"}


@pytest.fixture
def host(net):
    return net.domain("enprovence.com")


@pytest.fixture
def gw(gateway):
    """Not started: tests set what they need."""
    return gateway.set(smtpd_peername_lookup="no")


def post(gw, subject="test", recipient="eme13@enprovence.com"):
    return gw.send("chris@gw1.maison.mrs", recipient, f"Subject: {subject}\n\nx\n")


def arrived(host):
    return sorted(m.header("Subject")[0] for m in host.messages)


def wait_arrived(gw, host, count, patience=None):
    try:
        wait_until(lambda: len(host.messages) >= count, f"{count} messages", patience)
    except AssertionError as failure:
        raise AssertionError(f"{failure}: {len(host.messages)}\n{gw.log()[-4000:]}") from None


def deferred(gw, qid, count=1):
    """Wait until COUNT recipients of the message were deferred, and it is put aside."""
    gw.wait_log(rf"{qid}: to=<.*status=deferred", count)
    wait_until(lambda: gw.queue_ids()[qid]["queue_name"] == "deferred", "it in deferred")


def attempts(gw, qid):
    return len(gw.log_lines(rf"{qid}: to=<.*status="))


def test_retry_with_growing_delay(gw, host):
    """S032, S100, S102: deferred, tried again on its own, with growing pauses."""
    host.on("RCPT", LATER, LATER, LATER, None)
    times = []
    host.on("MAIL", lambda session, line: times.append(time.monotonic()))
    gw.set(**FAST).start()
    qid = post(gw)
    deferred(gw, qid)
    wait_arrived(gw, host, 1)
    gw.wait_removed(qid)
    assert attempts(gw, qid) == 4
    pauses = [b - a for a, b in zip(times, times[1:])]
    assert len(pauses) == 3
    assert pauses[-1] > pauses[0]
    assert all(pause > 0.9 for pause in pauses), pauses


def test_not_before_its_time(gw, host):
    """S102: no attempt before minimal_backoff_time; `flush` makes one at once."""
    host.on("RCPT", LATER)
    gw.set(minimal_backoff_time="300s", queue_run_delay="1s").start()
    qid = post(gw)
    deferred(gw, qid)
    time.sleep(2.5)
    assert attempts(gw, qid) == 1
    host.usual()
    gw.run("diligence", "flush", config_first=True)
    wait_arrived(gw, host, 1)
    gw.wait_removed(qid)


def test_flush_by_sendmail_q(gw, host):
    """S170: sendmail -q tries all deferred mail, and gives 0."""
    host.on("RCPT", LATER)
    gw.start()
    ids = [post(gw, f"n{i}") for i in range(5)]
    for qid in ids:
        deferred(gw, qid)
    host.usual()
    assert gw.run("sendmail", "-q").returncode == 0
    wait_arrived(gw, host, 5)
    gw.wait_queue_empty()


def test_flush_one_message(gw, host):
    """S102: postqueue -i tries one message only."""
    host.on("RCPT", LATER)
    gw.start()
    first, second = post(gw, "un"), post(gw, "deux")
    deferred(gw, first)
    deferred(gw, second)
    host.usual()
    gw.run("postqueue", "-i", first)
    gw.wait_removed(first)
    assert arrived(host) == ["un"]
    assert set(gw.queue_ids()) == {second}


def test_reason_per_recipient(gw, host):
    """S105, S169: mailq tells the last reason of each recipient, in Postfix's layout."""
    host.on("RCPT", lambda session, line: LATER if "attend" in line else None)
    gw.start()
    qid = gw.send("chris@gw1.maison.mrs", ["attend1@enprovence.com", "ok@enprovence.com",
                                           "attend2@enprovence.com"])
    deferred(gw, qid, 2)
    wait_arrived(gw, host, 1)
    text = wait_until(lambda: (lambda t: t if "come back" in t else None)(
        gw.run("mailq").stdout), "the reasons in mailq")
    lines = text.splitlines()
    assert lines[0] == "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------"
    assert re.match(rf"{qid} +\d+ \w{{3}} \w{{3}} [ \d]\d [\d:]{{8}}  chris@gw1\.maison\.mrs$",
                    lines[1])
    reason = rf"(host mx.enprovence.com[{host.address}] said: {LATER} (in reply to RCPT TO " \
             "command))"
    assert text.count(reason) >= 1
    assert re.search(r"(?m)^ {41}attend1@enprovence\.com$", text)
    assert re.search(r"(?m)^ {41}attend2@enprovence\.com$", text)
    assert "ok@enprovence.com" not in text
    assert re.match(r"-- \d+ Kbytes in 1 Request\.$", lines[-1])
    entry = gw.queue_ids()[qid]
    assert entry["queue_name"] == "deferred"
    assert {r["address"] for r in entry["recipients"]} == {"attend1@enprovence.com",
                                                           "attend2@enprovence.com"}


def test_hold_and_release(gw, host):
    """S100: postsuper -h holds a message (`!` in mailq), -H lets it go."""
    host.on("RCPT", LATER)
    gw.start()
    qid = post(gw)
    deferred(gw, qid)
    gw.run("postsuper", "-h", qid)
    wait_until(lambda: gw.queue_ids()[qid]["queue_name"] == "hold", "the message on hold")
    assert f"{qid}!" in gw.run("mailq").stdout
    host.usual()
    gw.run("postqueue", "-f")
    time.sleep(1)
    assert not host.messages
    gw.run("postsuper", "-H", qid)
    gw.run("postqueue", "-f")
    wait_arrived(gw, host, 1)
    gw.wait_queue_empty()


def test_delete_all(gw, host):
    """S174: postsuper -d ALL."""
    host.on("RCPT", LATER)
    gw.start()
    for i in range(4):
        deferred(gw, post(gw, f"n{i}"))
    done = gw.run("postsuper", "-d", "ALL")
    assert "Deleted: 4 messages" in done.stderr
    gw.wait_queue_empty()
    host.usual()
    gw.run("postqueue", "-f")
    assert not host.messages


def test_unique_ids(gw, host):
    """S033: every message has its own ID for the life of the queue; long ones on demand."""
    host.on("RCPT", LATER)
    gw.set(smtp_connection_cache_on_demand="yes").start()
    ids = [post(gw) for _ in range(30)]
    assert len(set(ids)) == 30
    assert all(re.fullmatch(r"[0-9A-F]{6,16}", qid) for qid in ids)
    wait_until(lambda: set(gw.queue_ids()) == set(ids), "all in the queue")
    gw.set(enable_long_queue_ids="yes")
    gw.reload()
    gw.wait_log(r"postfix/master\[\d+\]: reload")
    long_form = r"[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]+"
    wait_until(lambda: re.fullmatch(long_form, post(gw)), "a long ID after reload")


def test_restart_keeps_the_queue(gw, host):
    """S106, S098: stop and start with 1,000 messages: same IDs, none lost or doubled."""
    gw.set(defer_transports="smtp").start()
    with gw.smtp() as client:
        client.ehlo("x")
        ids = []
        for i in range(1000):
            client.mail("chris@gw1.maison.mrs")
            client.rcpt("eme13@enprovence.com")
            code, text = client.data(f"Subject: n{i:03}\n\nx\n".encode())
            assert code == 250
            ids.append(text.decode().rsplit(" ", 1)[-1])
    gw.stop()
    gw.start()
    wait_until(lambda: set(gw.queue_ids()) == set(ids), "the same queue after a restart")
    gw.set(defer_transports="").reload()
    gw.run("postqueue", "-f")
    wait_arrived(gw, host, 1000, patience=60)
    gw.wait_queue_empty(patience=60)
    assert arrived(host) == [f"n{i:03}" for i in range(1000)]


def test_abort_keeps_the_queue(gw, host):
    """S098, S076: killed at once after its 250, the system still sends the message."""
    host.on("RCPT", LATER)
    gw.start()
    ids = {post(gw, f"n{i}") for i in range(10)}
    gw.run("diligence", "abort", config_first=True)
    gw.running = False
    host.usual()
    gw.start()
    gw.run("postqueue", "-f")
    wait_arrived(gw, host, 10)
    gw.wait_queue_empty()
    assert sorted(set(arrived(host))) == [f"n{i}" for i in range(10)]
    assert len(ids) == 10


def test_lifetime(gw, host):
    """S089: after maximal_queue_lifetime the sender gets a report."""
    host.on("RCPT", LATER)
    gw.set(**FAST, maximal_queue_lifetime="3s", bounce_queue_lifetime="3s").start()
    qid = gw.send(f"{CHRIS}@gw1.maison.mrs", "eme13@enprovence.com")
    gw.wait_log(rf"qmgr\[\d+\]: {qid}: from=<{CHRIS}@gw1\.maison\.mrs>, status=expired, "
                "returned to sender")
    gw.wait_removed(qid)
    text = wait_until(lambda: gw.mbox(CHRIS), "the report").decode()
    assert "\nSubject: Undelivered Mail Returned to Sender\n" in text
    assert re.search(r"\nAction: failed\nStatus: 4\.3\.2\n", text)


def test_lifetime_zero(gw, host):
    """S089: a lifetime of 0 means one attempt."""
    host.on("RCPT", LATER)
    gw.set(maximal_queue_lifetime="0").start()
    qid = post(gw, recipient="eme13@enprovence.com")
    gw.wait_removed(qid)
    assert attempts(gw, qid) == 1


def test_delay_warning(gw, host):
    """S118, S202: one `Delayed Mail (still being retried)`, once, to the sender."""
    host.on("RCPT", LATER)
    gw.set(**FAST, delay_warning_time="2s").start()
    qid = gw.send(f"{CHRIS}@gw1.maison.mrs", "eme13@enprovence.com")
    text = wait_until(lambda: gw.mbox(CHRIS), "the warning").decode()
    assert "\nSubject: Delayed Mail (still being retried)\n" in text
    assert re.search(r"\nAction: delayed\nStatus: 4\.3\.2\n", text)
    assert re.search(r"\nWill-Retry-Until: \w{3}, ", text)
    gw.wait_log(rf"bounce\[\d+\]: {qid}: sender delay notification: \w+")
    seen = attempts(gw, qid)
    wait_until(lambda: attempts(gw, qid) > seen, "another attempt")
    time.sleep(0.3)
    assert gw.mbox(CHRIS).count(b"\nSubject: Delayed Mail") == 1


def test_parallel_clients(net, gw):
    """S040: ten messages to ten hosts are under way at the same time."""
    hosts = [net.domain(f"d{i}.example") for i in range(10)]
    for one in hosts:
        one.on(".", lambda session, message: time.sleep(1))
    gw.start()
    begin = time.monotonic()
    for i in range(10):
        post(gw, recipient=f"x@d{i}.example")
    wait_until(lambda: all(one.messages for one in hosts), "ten messages")
    assert time.monotonic() - begin < 8


def test_destination_concurrency(gw, host):
    """S040: never more sessions to one destination than its limit says."""
    host.on(".", lambda session, message: time.sleep(0.1))
    gw.set(default_destination_concurrency_limit="3", initial_destination_concurrency="3",
           smtp_destination_recipient_limit="1").start()
    for i in range(12):
        post(gw, f"n{i}")
    wait_arrived(gw, host, 12)
    assert 2 <= host.most_at_once <= 3


def test_local_concurrency(gw):
    """S092: two deliveries to one user at a time; the third waits, another user does not."""
    trace = gw.spool / "trace"
    script = gw.file("deliver", f"#!/bin/sh\necho + >> {trace}.$1\nsleep 0.5\n"
                     f"echo - >> {trace}.$1\ncat > /dev/null\n", mode=0o755)
    gw.set(mailbox_command=f"{script} $USER", local_destination_concurrency_limit="2").start()
    for _ in range(5):
        post(gw, recipient=f"{CHRIS}@gw1.maison.mrs")
    if LOULOU != CHRIS:
        post(gw, recipient=f"{LOULOU}@gw1.maison.mrs")
    gw.wait_log(r"status=sent \(delivered to command: ", 5 + (LOULOU != CHRIS))
    running = most = 0
    for line in (gw.spool / f"trace.{CHRIS}").read_text().split():
        running += 1 if line == "+" else -1
        most = max(most, running)
    assert most == 2


def test_new_mail_passes_deferred_mail(net, gw, host):
    """S100: much deferred mail to a dead host does not keep new mail to another one waiting."""
    host.on("RCPT", LATER)
    other = net.domain("autre.example")
    gw.start()
    with gw.smtp() as client:
        client.ehlo("x")
        for _ in range(300):
            client.mail("chris@gw1.maison.mrs")
            client.rcpt("eme13@enprovence.com")
            assert client.data(b"Subject: lot\n\nx\n")[0] == 250
    begin = time.monotonic()
    post(gw, "neuf", "x@autre.example")
    wait_arrived(gw, other, 1)
    assert time.monotonic() - begin < 5


def time_to_arrive(gw, host, count=15):
    """Seconds from RCPT to the end of a delivery, of COUNT messages one by one, the middle one of them."""
    took = []
    for i in range(count):
        before, begin = len(host.messages), time.monotonic()
        post(gw, f"n{i}", "x@autre.example")
        wait_arrived(gw, host, before + 1)
        took.append(time.monotonic() - begin)
    return sorted(took)[count // 2]


def multiply_deferred(gw, count):
    """COUNT more messages as the one that is deferred, which are not due for a day."""
    deferred = gw.queue / "deferred"
    source, = wait_until(lambda: [f for f in deferred.rglob("*") if f.is_file()], "a file in deferred")
    owner = source.stat()
    os.utime(source, (time.time() + 86400,) * 2)
    for number in range(count):
        target = deferred / f"{number % 16:X}" / f"{number % 16:X}{number:09X}"
        if number < 16:
            target.parent.mkdir(mode=0o700, exist_ok=True)
            os.chown(target.parent, owner.st_uid, owner.st_gid)
        if number % 10000 == 0:  # a file system has a limit of names for one file
            shutil.copy2(source, target)
            os.chown(target, owner.st_uid, owner.st_gid)
            first = target
        else:
            os.link(first, target)


def test_a_hundred_thousand_deferred(net, gw, host):
    """S100: 100,000 deferred messages: mail is taken at once after a start, and new mail is no slower."""
    host.on("RCPT", LATER)
    other = net.domain("autre.example")
    gw.set(maximal_queue_lifetime="5d", minimal_backoff_time="4000s").start()
    deferred(gw, post(gw))
    alone = time_to_arrive(gw, other)
    gw.stop()
    multiply_deferred(gw, 100000)
    begin = time.monotonic()
    gw.start()
    post(gw, "premier", "x@autre.example")
    assert time.monotonic() - begin < 5  # the old queue is read in the background
    wait_until(lambda: len(gw.run("postqueue", "-j").stdout.splitlines()) > 100000, "the whole queue",
               patience=60)
    beside = time_to_arrive(gw, other)
    assert beside < 2 * alone + 0.1, (alone, beside)
    assert len([line for line in gw.log_lines("to=<eme13@")]) == 1  # none of them was due


def test_active_window(gw, host):
    """S099, S084: never more messages in the active queue than its limit; mailq marks them with *."""
    host.on(".", lambda session, message: time.sleep(0.3))
    gw.set(qmgr_message_active_limit="3", default_destination_concurrency_limit="1",
           initial_destination_concurrency="1").start()
    for i in range(8):
        post(gw, f"n{i}")
    most, marked = 0, False
    while len(host.messages) < 7:
        names = [e["queue_name"] for e in gw.queue_ids().values()]
        most = max(most, names.count("active"))
        marked = marked or re.search(r"(?m)^[0-9A-F]+\* ", gw.run("mailq").stdout)
        assert not gw.log_lines("fatal:")
    assert most == 3 and marked
    wait_arrived(gw, host, 8)
    gw.wait_queue_empty()


def test_maildrop_is_for_local_mail(gw, host):
    """S097, S078: mail of a stopped system waits in maildrop, and is sent after the start."""
    gw.write()
    gw.start()
    gw.stop()
    run_as("root", gw, "sendmail", "eme13@enprovence.com", stdin="Subject: attente\n\nx\n")
    files = list((gw.queue / "maildrop").iterdir())
    assert len(files) == 1 and files[0].stat().st_mode & stat.S_IXUSR
    gw.start()
    wait_arrived(gw, host, 1)
    wait_until(lambda: not list((gw.queue / "maildrop").iterdir()), "an empty maildrop")
    post(gw)
    wait_arrived(gw, host, 2)
    assert not list((gw.queue / "maildrop").iterdir())


def test_maildrop_is_emptied_at_once(gw):
    """S079: what is put into maildrop of a running system is taken within a second, and vanishes."""
    gw.start()
    took = []
    for i in range(3):
        run_as("root", gw, "sendmail", CHRIS, stdin=f"Subject: vite {i}\n\nx\n")
        begin = time.monotonic()
        gw.wait_log(r"pickup\[\d+\]: \w+: uid=", i + 1)
        wait_until(lambda: not list((gw.queue / "maildrop").iterdir()), "an empty maildrop")
        took.append(time.monotonic() - begin)
    assert sorted(took)[1] < 1, took


def test_spool_of_local_users(gw):
    """S101, S238: delivered mail is in mail_spool_directory, owned by its reader alone."""
    gw.start()
    gw.wait_removed(post(gw, recipient=f"{CHRIS}@gw1.maison.mrs"))
    path = gw.spool / CHRIS
    status = path.stat()
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert path.owner() == CHRIS or not IS_ROOT
    assert os.listdir(gw.spool) == [CHRIS]


def test_queue_as_json(gw, host):
    """S105: postqueue -j, one object a line, with Postfix's names."""
    host.on("RCPT", LATER)
    gw.start()
    qid = post(gw)
    deferred(gw, qid)

    def entry():
        found = json.loads(gw.run("postqueue", "-j").stdout.splitlines()[0])
        return found if found["queue_name"] == "deferred" else None
    found = wait_until(entry, "the message in deferred")
    assert found["queue_id"] == qid and found["sender"] == "chris@gw1.maison.mrs"
    assert abs(found["arrival_time"] - time.time()) < 60
    assert found["message_size"] > 0 and found["forced_expire"] is False
    assert found["recipients"][0]["address"] == "eme13@enprovence.com"
    assert LATER in found["recipients"][0]["delay_reason"]

"""Mail that comes without SMTP passes non_smtpd_milters; slow milters meet their time limits."""

import socket
import time

import pytest

from doors.servers import FilterServer
from harness.instance import Instance, wait_until

from . import milter as m


def test_sendmail(place):
    """S287's kin: mail from this machine is looked at too."""
    with m.Milter(end=[m.add_header("X-Seen", "yes")]) as milter:
        with Instance(place / "a", non_smtpd_milters=milter.place, mydestination="maison.mrs",
                      local_transport="discard") as one:
            one.run("sendmail", "-f", "a@maison.mrs", "b@maison.mrs", stdin="Subject: x\n\nhello\n")
            one.wait_log(": removed")
    letters = "".join(letter for letter, _ in milter.events if letter[0] not in "DLAQ")
    assert letters == "CHMRTNBE"
    assert ("C", "localhost 4 0 127.0.0.1") in milter.events
    assert ("M", "a@maison.mrs") in milter.events


def test_time_limits(place):
    """milter_command_timeout, and a milter's own default_action."""
    with m.Milter(answers={"M": []}) as milter:
        slow = f"{{ {milter.place}, command_timeout=1s, default_action=reject }}"
        with Instance(place / "a", smtpd_milters=slow) as one:
            start = time.monotonic()
            replies = one.dialogue("EHLO x", "MAIL FROM:<a@maison.mrs>", "QUIT")
            assert replies[2] == "550 5.5.0 Service unavailable"
            assert 0.9 < time.monotonic() - start < 10


def test_milter_that_never_speaks(place):
    """connect_timeout of one milter covers its first words; the next in the list is asked."""
    with socket.create_server(("127.0.0.1", 0)) as silent, m.Milter() as milter:
        first = f"{{ inet:127.0.0.1:{silent.getsockname()[1]}, connect_timeout=1s, default_action=accept }}"
        with Instance(place / "a", smtpd_milters=f"{first}, {milter.place}") as one:
            start = time.monotonic()
            replies = one.dialogue("EHLO x", "MAIL FROM:<a@maison.mrs>", "QUIT")
    assert replies[2].startswith("250") and 0.9 < time.monotonic() - start < 10
    assert ("M", "<a@maison.mrs>") in milter.events


@pytest.mark.parametrize("name, steps", [("milter_content_timeout", {"E": []}), ("milter_connect_timeout", None)])
def test_time_limit_of_all_milters(place, name, steps):
    """The limits for a milter's options (no STEPS: it is silent) and for its verdict on the content."""
    with socket.create_server(("127.0.0.1", 0)) as silent, m.Milter(answers=steps) as milter:
        where = milter.place if steps else f"inet:127.0.0.1:{silent.getsockname()[1]}"
        with Instance(place / "a", smtpd_milters=where, milter_default_action="quarantine", mydestination="maison.mrs",
                      local_transport="discard", local_recipient_maps="", **{name: "1s"}) as one:
            start = time.monotonic()
            replies = one.dialogue("EHLO x", "MAIL FROM:<a@maison.mrs>", "RCPT TO:<b@maison.mrs>", "DATA",
                                   "Subject: x\r\n\r\nhello\r\n.", "QUIT")
            assert replies[5].startswith("250 2.0.0 Ok: queued") and 0.9 < time.monotonic() - start < 10
            one.wait_log(r"[0-9A-F]+: milter-hold: .*: milter triggers HOLD action")


def test_shutdown(place):
    """default_action=shutdown: the client hears 421, and the session ends."""
    with m.Milter(answers={"M": [None]}) as milter:
        with Instance(place / "a", smtpd_milters=f"{{ {milter.place}, default_action=shutdown }}") as one:
            replies = one.dialogue("EHLO x", "MAIL FROM:<a@maison.mrs>", "NOOP")
    assert replies[2:] == ["421 4.7.0 Server closing connection", ""]


def test_connections(place):
    """Each session has a connection of its own, for all its messages, and says good-bye."""
    letter = "Subject: x\r\n\r\nhello\r\n."
    mail = ["MAIL FROM:<a@maison.mrs>", "RCPT TO:<b@maison.mrs>", "DATA", letter]
    with m.Milter() as milter:
        with Instance(place / "a", smtpd_milters=milter.place, mydestination="maison.mrs",
                      local_transport="discard", local_recipient_maps="") as one:
            wait_until(lambda: milter.events and milter.events[-1][0] == "Q", "the first client's end")
            before = milter.connections
            for _ in range(2):
                one.dialogue("EHLO x", *mail, *mail, "QUIT")
            wait_until(lambda: len([e for e in milter.events if e[0] == "Q"]) >= 3, "good-byes")
            assert milter.connections - before == 2
    letters = "".join(letter for letter, _ in milter.events if letter[0] != "D")
    assert letters.endswith(2 * ("CH" + 2 * "MRTLLLLNBE" + "Q")), letters


@pytest.mark.parametrize("classes", ["", "bounce", "notify", "bounce, notify"])
def test_reports(place, classes):
    """internal_mail_filter_classes: which of our own reports non_smtpd_milters look at."""
    with m.Milter() as milter:
        with Instance(place / "a", non_smtpd_milters=milter.place, notify_classes="bounce, policy",
                      internal_mail_filter_classes=classes, mydestination="maison.mrs",
                      smtpd_reject_unlisted_recipient="no", milter_mail_macros="{mail_addr}",
                      smtpd_recipient_restrictions="check_recipient_access "
                                                   "inline:{bad@maison.mrs=REJECT}, permit",
                      transport_maps="inline:{ {no@maison.mrs = error:5.1.1 nobody} "
                                     "{* = discard:} }") as one:
            one.send("a@maison.mrs", "no@maison.mrs")
            one.wait_queue_empty()
            one.wait_log(r"to=<a@maison.mrs>.*status=sent")
            one.dialogue("EHLO x", "MAIL FROM:<a@maison.mrs>", "RCPT TO:<bad@maison.mrs>", "QUIT")
            one.wait_log(r"to=<postmaster@.*status=sent", count=2)
    subjects = [text.split("|", 1)[1] for letter, text in milter.events
                if letter == "L" and text.startswith("Subject|")]
    expected = {"bounce": ["Undelivered Mail Returned to Sender", "Postmaster Copy: Undelivered Mail"],
                "notify": ["Postfix SMTP server: errors from unknown[127.0.0.1]"]}
    wanted = [text for word in classes.replace(",", " ").split() for text in expected[word]]
    assert sorted(subjects) == sorted(wanted)
    senders = {text for letter, text in milter.events if letter == "M"}
    macros = [data for letter, data in milter.events if letter == "DM"]
    assert senders <= {"", "double-bounce@gw1.maison.mrs"}
    if "bounce" in classes:
        assert "" in senders and {"{mail_addr}": ""} in macros


def test_in_front_of_a_proxy_filter(place):
    """Before smtpd_proxy_filter milters have the commands alone; the message is the filter's."""
    letter = "Subject: x\r\n\r\nhello\r\n."
    recipients = ["RCPT TO:<b@maison.mrs>", "RCPT TO:<c@maison.mrs>"]
    with m.Milter(end=[m.add_header("X-Seen", "yes")]) as milter, FilterServer() as behind:
        with Instance(place / "a", smtpd_milters=milter.place,
                      smtpd_proxy_filter=f"127.0.0.1:{behind.port}") as one:
            wait_until(lambda: milter.events and milter.events[-1][0] == "Q", "the first client's end")
            replies = one.dialogue("EHLO x", "MAIL FROM:<a@maison.mrs>", *recipients, "DATA", letter, "QUIT")
            wait_until(lambda: milter.events[-1][0] == "Q", "the milter's end")
            one.wait_log(r"smtpd\[\d+\]: NOQUEUE: client=unknown\[127.0.0.1\]$")
            one.wait_log(r"proxy-accept: END-OF-MESSAGE: 250 2.0.0 filtered; "
                         r"from=<a@maison.mrs> to=<b@maison.mrs> proto=ESMTP ")
    assert replies[6] == "250 2.0.0 filtered"
    letters = "".join(letter for letter, _ in milter.events if letter[0] != "D")
    assert letters.endswith("CHMRRTAQ"), letters
    assert b"X-Seen" not in behind.messages[0]

"""Mail that comes without SMTP passes non_smtpd_milters; slow milters meet their time limits."""

import time

from harness.instance import Instance

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
    assert ("M", "<a@maison.mrs>") in milter.events


def test_time_limits(place):
    """milter_command_timeout, and a milter's own default_action."""
    with m.Milter(answers={"M": []}) as milter:
        slow = f"{{ {milter.place}, command_timeout=1s, default_action=reject }}"
        with Instance(place / "a", smtpd_milters=slow) as one:
            start = time.monotonic()
            replies = one.dialogue("EHLO x", "MAIL FROM:<a@maison.mrs>", "QUIT")
            assert replies[2] == "550 5.5.0 Service unavailable"
            assert 0.9 < time.monotonic() - start < 10

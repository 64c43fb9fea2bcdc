"""What a logged-in user may send in an hour and a day (S034, S219)."""

import base64
import contextlib
import smtplib

import pytest

from harness.instance import Instance, free_port, wait_until
from testnet.fakehost import FakeHost

LOGINS = "inline:{{tim={PLAIN}x}, {eve={PLAIN}x}, {bulk={PLAIN}x}, {small={PLAIN}x}, {odd={PLAIN}x}}"


@pytest.fixture(name="site")
def fixture_site(place):
    site = Instance(place, smtpd_sasl_auth_enable="yes", smtpd_tls_auth_only="no", mynetworks="",
                    smtpd_relay_restrictions="permit_sasl_authenticated, reject_unauth_destination",
                    default_transport="discard", auth_failure_delay="0", auth_password_maps=LOGINS,
                    smtpd_error_sleep_time="0")
    site.extra_services = "auth unix - - n - - auth\n"
    return site


@contextlib.contextmanager
def login(site, user):
    with smtplib.SMTP(site.address, site.port, timeout=20) as c:
        c.ehlo("mua.maison.mrs")
        assert c.docmd("AUTH PLAIN " + base64.b64encode(f"\0{user}\0x".encode()).decode())[0] == 235
        yield c


def mail(c, recipients=1):
    """Send one message; the code of the first refusal, or 250, and its text."""
    c.docmd("RSET")
    code, text = c.docmd("MAIL FROM:<a@maison.mrs>")
    for i in range(recipients):
        if code == 250:
            code, text = c.docmd(f"RCPT TO:<{i}@far.example>")
    if code == 250:
        code, text = c.data("Subject: x\n\nx\n")
    return code, text.decode()


def test_messages(site):
    """Counted by login over sessions, processes and the anvil program; others are free."""
    site.set(smtpd_user_message_hourly_limit="3")
    with site:
        with login(site, "tim") as one, login(site, "tim") as two, login(site, "eve") as eve:
            assert [mail(c)[0] for c in (one, two, one)] == [250] * 3
            text = "4.7.1 <tim>: Sender login rejected: over the limit of 3 messages in an hour; " \
                   "try again later"
            assert mail(two) == (450, text)
            assert mail(eve)[0] == 250
            site.wait_log(r"NOQUEUE: reject: MAIL from \S+: 450 4.7.1 <tim>: Sender login rejected: "
                          r"over the limit .*; from=<a@maison.mrs> proto=ESMTP")
            site.wait_log(r"warning: User message limit exceeded: 4 in an hour by sasl_username=tim "
                          r"from unknown\[127.0.0.1\] for service ")
        site.reload()
        with login(site, "tim") as c:
            assert mail(c)[0] == 450, "a reload forgets nothing"
    site.set(smtpd_user_message_hourly_limit="0", smtpd_user_message_daily_limit="1")
    with site, login(site, "tim") as c:
        assert mail(c)[0] == 250
        assert "limit of 1 messages in a day" in mail(c)[1]


def test_recipients(site):
    """Refused one by one: a message goes to those within the limit; unknown ones cost nothing."""
    site.set(smtpd_user_recipient_hourly_limit="4", smtpd_user_recipient_daily_limit="5",
             smtpd_recipient_restrictions="reject_non_fqdn_recipient",
             smtpd_client_event_limit_exceptions="")
    with site, login(site, "tim") as c:
        assert c.docmd("MAIL FROM:<a@maison.mrs>")[0] == 250
        assert c.docmd("RCPT TO:<x@bare>")[0] == 504
        assert [c.docmd(f"RCPT TO:<{i}@far.example>")[0] for i in range(6)] == [250] * 4 + [452] * 2
        site.wait_log("User recipient limit exceeded: 5 in an hour by sasl_username=tim")
        assert mail(c)[0] == 452
        site.set(smtpd_user_recipient_hourly_limit="0").reload()
        with login(site, "tim") as later:
            assert mail(later)[0] == 250
            assert mail(later)[1].startswith("4.7.1 <tim>: Sender login rejected: over the limit of "
                                             "5 recipients in a day")


def test_exceptions(site):
    """smtpd_user_limit_exceptions: none, other limits, and nonsense that changes nothing."""
    site.set(smtpd_user_message_hourly_limit="1", smtpd_user_recipient_daily_limit="100",
             smtpd_user_limit_exceptions="inline:{bulk=none, {small=message_hourly=2 "
                                         "recipient_daily=1}, {odd=message_yearly=7}}")
    with site:
        with login(site, "bulk") as c:
            assert [mail(c, 3)[0] for _ in range(3)] == [250] * 3
        with login(site, "small") as c:
            assert mail(c)[0] == 250
            assert mail(c)[0] == 452
            assert mail(c)[0] == 450
        with login(site, "odd") as c:
            assert [mail(c)[0] for _ in range(2)] == [250, 450]
        site.wait_log("warning: smtpd_user_limit_exceptions: odd: bad limits: message_yearly=7")


def test_nobody_logged_in(site):
    """Clients without a login are the matter of other limits."""
    site.set(smtpd_user_message_hourly_limit="1", mynetworks="127.0.0.0/8",
             smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination")
    with site, smtplib.SMTP(site.address, site.port, timeout=20) as c:
        c.ehlo("x")
        assert [mail(c)[0] for _ in range(3)] == [250] * 3


@pytest.mark.parametrize("limit", ["smtpd_user_message_hourly_limit", "smtpd_client_message_rate_limit"])
def test_postmaster_hears(site, limit):
    """S309: who sends too much, a login or an address, is stopped, and postmaster has a letter of it."""
    with contextlib.closing(FakeHost("desk.example", "127.0.0.1", free_port()).start()) as desk:
        site.set(**{limit: "2"}, smtpd_client_event_limit_exceptions="", notify_classes="policy",
                 error_notice_recipient="postmaster@desk.example",
                 transport_maps=f"inline:{{ {{ desk.example = smtp:[127.0.0.1]:{desk.port} }} }}")
        with site:
            with login(site, "tim") as c:
                assert [mail(c)[0] for _ in range(3)] == [250, 250, 450]
            wait_until(lambda: desk.messages, "postmaster's letter")
    letter = desk.messages[0]
    assert letter.recipients == ["postmaster@desk.example"]
    assert b"In:  MAIL FROM:<a@maison.mrs>\r\n" in letter.body and b"Out: 450 4.7.1 " in letter.body

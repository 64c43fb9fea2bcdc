"""Submission as the sample master.cf has it, and clients that only take up room."""

import base64
import re
import smtplib
import socket
import ssl

import pytest

from harness.instance import ROOT, Instance, free_port

PASSWORD = "tiede-et-sur"


def sample_service(name, port):
    """The lines of service NAME in the sample master.cf, taken in, on PORT."""
    text = (ROOT / "conf/master.cf").read_text()
    block = re.search(rf"(?m)^#{name} .*\n(?:#    -o.*\n)+", text)[0]
    lines = re.sub(r"(?m)^#", "", block)
    return re.sub(rf"^{name}\b", f"127.0.0.1:{port}", lines)


@pytest.fixture(name="site")
def fixture_site(place):
    site = Instance(place, mynetworks="", default_transport="discard",
                    smtpd_tls_security_level="may", auth_failure_delay="0",
                    smtpd_relay_restrictions="reject_unauth_destination",
                    smtpd_sender_login_maps="inline:{tim@maison.mrs=tim, eve@maison.mrs=eve}",
                    smtpd_sender_restrictions="reject_sender_login_mismatch",
                    auth_password_maps=f"inline:{{{{tim={{PLAIN}}{PASSWORD}}}}}")
    site.submission, site.submissions = free_port(), free_port()
    site.extra_services = "auth unix - - n - - auth\n" \
        + sample_service("submission", site.submission) \
        + sample_service("submissions", site.submissions)
    with site:
        yield site


def session(site, kind):
    """A client on 587, after STARTTLS, or on 465."""
    context = ssl._create_unverified_context()
    if kind == "submissions":
        return smtplib.SMTP_SSL("127.0.0.1", site.submissions, timeout=20, context=context)
    c = smtplib.SMTP("127.0.0.1", site.submission, timeout=20)
    c.ehlo("mua.maison.mrs")
    assert "auth" not in c.esmtp_features  # S034 S219: nothing secret in clear
    token = base64.b64encode(f"\0tim\0{PASSWORD}".encode()).decode()
    assert c.docmd(f"AUTH PLAIN {token}")[0] == 530  # TLS first
    c.starttls(context=context)
    return c


@pytest.mark.parametrize("kind", ["submission", "submissions"])
def test_submission(site, kind):
    """S034 S035 S219: with AUTH under TLS mail goes anywhere, without it nowhere."""
    with session(site, kind) as c:
        c.ehlo("mua.maison.mrs")
        c.mail("chris@elsewhere.example")
        code, text = c.rcpt("eme13@enprovence.com")
        assert code == 554 and text.startswith(b"5.7.1")
        c.rset()
        assert c.login("tim", PASSWORD)[0] == 235
        c.sendmail("tim@maison.mrs", "eme13@enprovence.com", "Subject: x\n\nbody\n")
        c.mail("eve@maison.mrs")
        code, text = c.rcpt("eme13@enprovence.com")
        assert code == 553 and b"not owned by user tim" in text


def test_slow_clients_hold_up_nobody(site):
    """Clients in the middle of AUTH, or saying nothing, leave room for those who do."""
    site.set(smtpd_client_connection_count_limit="0").reload()
    slow = []
    try:
        for i in range(300):
            slow.append(socket.create_connection(("127.0.0.1", site.submission), timeout=20))
            if i % 2:
                slow[-1].sendall(b"EHLO slow.example\r\nAU")
        with session(site, "submission") as c:
            assert c.login("tim", PASSWORD)[0] == 235
    finally:
        for one in slow:
            one.close()

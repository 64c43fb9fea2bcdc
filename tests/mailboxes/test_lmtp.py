"""LMTP in (RFC 2033): mail is in the mailbox when the reply comes, one reply for each recipient."""

import os
import re
import smtplib
import socket

import pytest

from harness.instance import free_port
from .site import OWNER, Site
from .test_before_login import Talk

MESSAGE = b"Subject: by lmtp\r\n\r\nhello\r\n..dot\r\n"


@pytest.fixture(scope="module", name="site")
def fixture_site(module_place):
    site = Site(module_place, message_size_limit="20000", virtual_mailbox_limit="20000",
                virtual_alias_maps="inline:{jo@maison.mrs=ko@maison.mrs}")
    site.lmtp_port = free_port()
    site.extra_services += f"127.0.0.1:{site.lmtp_port} inet n - n - - lmtpd\n" \
        "lmtp-in unix n - n - - lmtpd\n"
    with site:
        yield site


def lmtp(site):
    return smtplib.LMTP("127.0.0.1", site.lmtp_port)


def replies(talk, count):
    return [talk.line() for _ in range(count)]


def test_delivered_at_the_reply(site):
    """No queue in between, and no address mapping: the files are there at once."""
    before = len(site.maildir(site.box()))
    with lmtp(site) as c:
        assert c.sendmail("chris@elsewhere.example", ["jo@maison.mrs"], MESSAGE) == {}
        found = site.maildir(site.box())
        assert len(found) == before + 1
        c.sendmail("", ["jo@maison.mrs"], MESSAGE)
    assert len(site.maildir(site.box())) == before + 2
    text = found[-1].decode()
    assert text.startswith("Return-Path: <chris@elsewhere.example>\nX-Original-To: jo@maison.mrs\n"
                           "Delivered-To: jo@maison.mrs\nReceived: from ")
    assert " with LMTP id " in text and text.endswith("hello\n..dot\n")
    if os.getuid() == 0:
        assert {path.stat().st_uid for path in (site.box() / "new").iterdir()} == {OWNER}
    assert not site.queue_ids()


def test_one_recipient_fails(site):
    """Each recipient has a reply of its own, in the order of RCPT."""
    (site.base / "maison").mkdir(exist_ok=True)
    broken = site.base / "maison/ko"
    if not broken.exists():
        broken.write_text("a file where the Maildir should be\n")
    with Talk(site.lmtp_port) as c:
        c.line()
        c.say("LHLO test.example")
        c.until("250 ")
        assert c.ask("MAIL FROM:<chris@elsewhere.example>").startswith("250")
        for user in ("jo", "ko", "mbox"):
            assert c.ask(f"RCPT TO:<{user}@maison.mrs>").startswith("250")
        assert c.ask("RCPT TO:<nobody@maison.mrs>").startswith("550 5.1.1")
        assert c.ask("RCPT TO:<someone@elsewhere.example>").startswith("5")
        assert c.ask("DATA").startswith("354")
        c.say(MESSAGE + b".\r\n")
        one, two, three = replies(c, 3)
        assert one == "250 2.1.5 <jo@maison.mrs> delivered"
        assert re.match(r"45\d 4\.\d\.\d <ko@maison.mrs> maildir delivery failed: ", two)
        assert three == "250 2.1.5 <mbox@maison.mrs> delivered"
        assert c.ask("NOOP").startswith("250")
    broken.unlink()
    assert site.box("mbox@maison.mrs").read_bytes().count(b"Subject: by lmtp") == 1


def test_refused_content(site):
    """What is wrong with the message itself is said for each recipient."""
    with Talk(site.lmtp_port) as c:
        c.line()
        assert c.ask("EHLO test.example").startswith("500 ")
        assert c.ask("HELO test.example").startswith("500 ")
        c.say("LHLO test.example")
        c.until("250 ")
        c.ask("MAIL FROM:<chris@elsewhere.example>")
        c.ask("RCPT TO:<jo@maison.mrs>")
        c.ask("RCPT TO:<mbox@maison.mrs>")
        c.ask("DATA")
        c.say(b"Subject: big\r\n\r\n" + b"x" * 70 * 400 + b"\r\n.\r\n")
        assert replies(c, 2) == ["552 5.3.4 Error: message file too big"] * 2
        c.ask("MAIL FROM:<chris@elsewhere.example>")
        assert c.ask("DATA").startswith("554")
        c.ask("RCPT TO:<jo@maison.mrs>")
        c.say(b"BDAT 20 LAST\r\nSubject: chunk\r\n\r\nxx")
        assert c.line() == "250 2.1.5 <jo@maison.mrs> delivered"


def test_unix_socket(site):
    """Another MTA of the host connects to public/lmtp-in."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(site.queue / "public/lmtp-in"))
        with s.makefile("rb") as reader:
            assert reader.readline().startswith(b"220 ")
            s.sendall(b"LHLO test.example\r\n")
            while not reader.readline().startswith(b"250 "):
                pass
            s.sendall(b"MAIL FROM:<>\r\nRCPT TO:<jo@maison.mrs>\r\nDATA\r\n")
            assert [reader.readline()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
            s.sendall(MESSAGE + b".\r\n")
            assert reader.readline().startswith(b"250 ")


def test_local_users(place):
    """Mailboxes of the host's accounts, aliases included."""
    user = "daemon" if os.getuid() == 0 else os.environ.get("USER", "nobody")
    site = Site(place, mydestination="gw1.maison.mrs", mailbox_command="",
                alias_maps=f"inline:{{alias={user}}}")
    site.lmtp_port = free_port()
    site.extra_services += f"127.0.0.1:{site.lmtp_port} inet n - n - - lmtpd\n"
    with site:
        for name in (user, "alias"):
            with lmtp(site) as c:
                c.sendmail("chris@elsewhere.example", [f"{name}@gw1.maison.mrs"], MESSAGE)
        assert b"Subject: by lmtp" in site.mbox(user)
        site.wait_log(r"to=<alias@gw1.maison.mrs>.*relay=local")


def test_agent_is_missing(place):
    """Without an agent the client keeps the mail."""
    site = Site(place, virtual_transport="nothing-there")
    site.lmtp_port = free_port()
    site.extra_services += f"127.0.0.1:{site.lmtp_port} inet n - n - - lmtpd\n"
    with site, lmtp(site) as c:
        with pytest.raises(smtplib.SMTPDataError) as refusal:
            c.sendmail("chris@elsewhere.example", ["jo@maison.mrs"], MESSAGE)
        assert refusal.value.smtp_code == 451

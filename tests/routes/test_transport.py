"""What goes in comes out: bytes through queue, network and mailbox; rows of group E."""

import email
import email.policy
import os
import quopri
import re
import socket
import time

import pytest

from harness.instance import wait_until
from testnet.fakehost import CLOSE

from .people import CHRIS, run_as

LATIN1 = "Ici, c'est ce qu'on fait de mieux:\r\néèàçùî\r\n".encode("latin-1")

EIGHT_BIT = (b"From: \"Christian CALECA\" <christian.caleca@wanadoo.fr>\r\n"
             b"To: <eme13@enprovence.com>\r\nSubject: codage\r\nMessage-ID: <1@maison.mrs>\r\n"
             b"Date: Thu, 11 May 2000 18:19:24 +0200\r\nMIME-Version: 1.0\r\n"
             b"Content-Type: text/plain;\r\n\tcharset=\"iso-8859-1\"\r\n"
             b"Content-Transfer-Encoding: 8bit\r\nX-Priority: 3\r\n"
             b"X-Accept-Language: en, fr\r\n\r\n" + LATIN1)

ALTERNATIVE = (b"From: x@wanadoo.fr\r\nTo: y@enprovence.com\r\nSubject: codage HTML\r\n"
               b"Message-ID: <2@maison.mrs>\r\nDate: Thu, 11 May 2000 09:00:06 +0200\r\n"
               b"MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n"
               b"\tboundary=\"----=_NextPart_000_0031_01BFBB27.4D9A74F0\"\r\n\r\n"
               b"C'est un message de format MIME en plusieurs parties.\r\n\r\n"
               b"------=_NextPart_000_0031_01BFBB27.4D9A74F0\r\n"
               b"Content-Type: text/plain;\r\n\tcharset=\"iso-8859-1\"\r\n"
               b"Content-Transfer-Encoding: 8bit\r\n\r\n" + LATIN1 +
               b"\r\n------=_NextPart_000_0031_01BFBB27.4D9A74F0\r\n"
               b"Content-Type: text/html;\r\n\tcharset=\"iso-8859-1\"\r\n"
               b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
               b"<DIV>=E9=E8=E0=E7=F9=EE</DIV>\r\n"
               b"\r\n------=_NextPart_000_0031_01BFBB27.4D9A74F0--\r\n"
               b"Un epilogue.\r\n")

# Signed mail has every trap: trailing blanks, "From " and "." at line starts, "-- ", empty lines
# at the end. One changed byte and the signature is void.
SIGNED = (b"From: x@wanadoo.fr\r\nTo: y@enprovence.com\r\nSubject: signe\r\n"
          b"Message-ID: <3@maison.mrs>\r\nDate: Thu, 11 May 2000 09:00:06 +0200\r\n"
          b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; micalg=%s;\r\n"
          b" protocol=\"%s\"; boundary=\"sig\"\r\n\r\n"
          b"This is a signed message\r\n--sig\r\n"
          b"Content-Type: text/plain; charset=us-ascii\r\n\r\n"
          b"From the start of a line \r\n.\r\n..\r\n.From\r\n\ttab and blanks   \r\n"
          b">From quoted\r\n-- \r\nChris\r\n\r\n\r\n--sig\r\n"
          b"Content-Type: %s; name=\"signature\"\r\n"
          b"Content-Transfer-Encoding: base64\r\n\r\n"
          b"MIAGCSqGSIb3DQEHAqCAMIACAQExDzANBglghkgBZQMEAgEFADCABgkqhkiG9w0BBwEAAKCC\r\n"
          b"\r\n--sig--\r\n\r\n")
SMIME = SIGNED % (b"sha-256", b"application/pkcs7-signature", b"application/pkcs7-signature")
PGP = SIGNED % (b"pgp-sha256", b"application/pgp-signature", b"application/pgp-signature")
BASE64 = EIGHT_BIT.replace(b"8bit", b"base64").replace(LATIN1, b"SWNpLCBjJ2VzdCBjZSBxdSdvbg==\r\n")
PLAIN = b"Subject: texte\r\n\r\nBonjour tout le monde\r\n"
SAMPLES = {"plain": PLAIN, "8bit": EIGHT_BIT, "alternative": ALTERNATIVE, "smime": SMIME,
           "pgp": PGP, "base64": BASE64, "long lines": PLAIN + b"x" * 990 + b"\r\n",
           "no end of line": PLAIN + b"fin", "empty": b"Subject: rien\r\n\r\n",
           "large": PLAIN + (b"0123456789" * 7 + b"\r\n") * 30000}


def body_of(data):
    return data.split(b"\r\n\r\n", 1)[1]


def whole(data):
    """DATA with the line end that SMTP gives to a last line without one."""
    return data if data.endswith(b"\r\n") else data + b"\r\n"


@pytest.fixture
def gw(gateway):
    return gateway.set(smtpd_peername_lookup="no").start()


def relay(gw, host, data, **options):
    """Send DATA through GW to HOST: the message as it arrived."""
    gw.send("x@wanadoo.fr", "y@enprovence.com", data, **options)
    try:
        wait_until(lambda: host.messages, "the message")
    except AssertionError as failure:
        raise AssertionError(f"{failure}\n{gw.log()[-3000:]}") from None
    return host.messages[-1]


@pytest.mark.parametrize("name", SAMPLES)
def test_bytes_over_the_network(net, gw, name):
    """S031, S064, S065, S066, S067, S070, S310: byte-identical to a host with 8BITMIME."""
    data = SAMPLES[name]
    host = net.domain("enprovence.com")
    message = relay(gw, host, data, mail_options=["BODY=8BITMIME"])
    assert message.body == body_of(whole(data))
    old = data.split(b"\r\n\r\n", 1)[0]
    assert old in message.head.encode("latin-1").replace(b"\n", b"\r\n")
    assert "BODY=8BITMIME" in message.mail_options


@pytest.mark.parametrize("name", SAMPLES)
def test_bytes_into_a_maildir(gw, name):
    """S031, S310: byte-identical into a Maildir, with LF line ends as files have them."""
    gw.set(home_mailbox="", mail_spool_directory=f"{gw.spool}/")
    gw.reload()
    gw.wait_log(r"postfix/master\[\d+\]: reload")
    data = SAMPLES[name]
    gw.send("x@wanadoo.fr", f"{CHRIS}@gw1.maison.mrs", data, mail_options=["BODY=8BITMIME"])
    found = wait_until(lambda: gw.maildir(gw.spool / CHRIS), "the message")
    assert found[0].split(b"\n\n", 1)[1] == body_of(whole(data)).replace(b"\r\n", b"\n")


def test_mbox_quotes_from(gw):
    """S235, S310: in an mbox lines that begin with From_ get their >, nothing else changes."""
    gw.send("x@wanadoo.fr", f"{CHRIS}@gw1.maison.mrs", SMIME)
    text = wait_until(lambda: gw.mbox(CHRIS), "the message")
    want = re.sub(rb"(?m)^From ", b">From ", body_of(SMIME).replace(b"\r\n", b"\n"))
    assert text.split(b"\n\n", 1)[1] == want + b"\n"  # and an empty line ends the message


def test_signature_from_the_command(net, gw):
    """S310: the same by sendmail, whose input has LF line ends and lone dots with -i."""
    host = net.domain("enprovence.com")
    run_as("root", gw, "sendmail", "-i", "y@enprovence.com",
           stdin=PGP.replace(b"\r\n", b"\n"))
    wait_until(lambda: host.messages, "the message")
    assert host.messages[0].body == body_of(PGP)


def parts_of(message):
    return email.message_from_bytes(message.content, policy=email.policy.SMTP)


@pytest.mark.parametrize("options", [["BODY=8BITMIME"], []])
def test_downgrade(net, gw, options):
    """S031, S066: to a host without 8BITMIME the text goes as quoted-printable."""
    host = net.domain("enprovence.com").without("8BITMIME")
    message = relay(gw, host, EIGHT_BIT, mail_options=options)
    assert all(byte < 128 for byte in message.content)
    assert "BODY=" not in message.mail_options
    assert message.header("Content-Transfer-Encoding") == ["quoted-printable"]
    assert message.header("X-Accept-Language") == ["en, fr"]
    assert quopri.decodestring(message.body.replace(b"\r\n", b"\n")) == LATIN1.replace(
        b"\r\n", b"\n")
    assert parts_of(message).get_content().replace("\r\n", "\n") == \
        LATIN1.decode("latin-1").replace("\r\n", "\n")


def test_downgrade_of_one_part(net, gw):
    """S031, S068, S070: only the 8-bit part is recoded; preamble and epilogue stay."""
    host = net.domain("enprovence.com").without("8BITMIME")
    message = relay(gw, host, ALTERNATIVE, mail_options=["BODY=8BITMIME"])
    assert all(byte < 128 for byte in message.content)
    parts = list(parts_of(message).iter_parts())
    assert [p["Content-Transfer-Encoding"] for p in parts] == ["quoted-printable"] * 2
    assert "éèàçùî" in parts[0].get_content()
    assert parts[1].get_content().strip() == "<DIV>éèàçùî</DIV>"
    assert message.body.startswith(b"C'est un message de format MIME en plusieurs parties.\r\n")
    assert message.body.endswith(b"Un epilogue.\r\n")


def test_signed_is_not_downgraded_needlessly(net, gw):
    """S310: a 7-bit signed message passes a host without 8BITMIME unchanged."""
    host = net.domain("enprovence.com").without("8BITMIME")
    assert relay(gw, host, SMIME).body == body_of(SMIME)


@pytest.mark.parametrize("hidden", [["PIPELINING"], ["SIZE"], ["DSN"],
                                    ["PIPELINING", "SIZE", "8BITMIME", "DSN",
                                     "ENHANCEDSTATUSCODES"]])
def test_hosts_that_can_less(net, gw, hidden):
    """S027, S028: what a host does not offer is not used; the message arrives."""
    host = net.domain("enprovence.com").without(*hidden)
    message = relay(gw, host, PLAIN)
    assert ("SIZE=" in message.mail_options) == ("SIZE" not in hidden)
    assert message.body == body_of(PLAIN)


def test_host_without_ehlo(net, gw):
    """S025: EHLO is refused, HELO is understood."""
    host = net.domain("enprovence.com").on("EHLO", "502 5.5.1 what is that?")
    relay(gw, host, PLAIN)
    assert [c.split()[0] for c in host.sessions[0].commands[:3]] == ["EHLO", "HELO", "MAIL"]


def test_host_that_hangs_up_in_data(net, gw):
    """S032: the connection breaks in the middle of DATA: deferred, and sent once at the end."""
    host = net.domain("enprovence.com").on("BODY", CLOSE)
    gw.send("x@wanadoo.fr", "y@enprovence.com", SAMPLES["large"])
    gw.wait_log(r"to=<y@enprovence\.com>, relay=mx\.enprovence\.com\[.*dsn=4\.4\.2, "
                r"status=deferred \(lost connection with mx\.enprovence\.com\[[\d.]+\] while "
                r"sending (message body|end of data -- message may be sent more than once)\)")
    assert not host.messages
    host.usual()
    gw.run("postqueue", "-f")
    wait_until(lambda: host.messages, "the message")
    gw.wait_queue_empty()
    assert len(host.messages) == 1


def test_dots(net, gw):
    """S021: lines of dots are stuffed and unstuffed on both sides."""
    host = net.domain("enprovence.com")
    data = PLAIN + b".\r\n..\r\n...\r\n.x\r\n" + os.urandom(20).hex().encode() + b"\r\n.\r\n"
    assert relay(gw, host, data).body == body_of(data)


def test_host_that_asks_who_we_are(net, gw):
    """S029: a host that asks port 113 here before its greeting costs its own time-out and no more."""
    host = net.domain("enprovence.com")

    def ask(session, line):
        with pytest.raises(OSError):  # nobody answers here
            socket.create_connection((gw.address, 113), timeout=1).close()
        time.sleep(1)
    host.on("GREETING", ask)
    begin = time.monotonic()
    relay(gw, host, PLAIN)
    assert 1 <= time.monotonic() - begin < 4

"""The SMTP server's TLS, as clients see it."""

import contextlib
import getpass
import re
import smtplib
import socket
import ssl
import subprocess
import time

import pytest

from harness.instance import PATIENCE, Instance, free_port, wait_until

from .certificates import Authority, fingerprint

HOST = "127.0.0.1"


class World:
    """One server with several ports, an authority, and clients' certificates."""

    def __init__(self, place):
        self.authority = Authority(place / "ca")
        self.other = Authority(place / "ca2", "Another Authority")
        self.chain = self.authority.issue("server.pem", "gw1.maison.mrs")
        self.chain.chmod(0o600)  # started by root: its processes may not read it again
        self.named = self.authority.issue("named.pem", "mx.other.example")
        self.good = self.authority.issue("good.pem", "good.client.example")
        self.bad = self.other.issue("bad.pem", "bad.client.example")
        self.listed = self.other.issue("listed.pem", "listed.client.example")
        self.server = Instance(
            place / "s", smtpd_tls_security_level="may", smtpd_tls_loglevel=1,
            smtpd_tls_received_header="yes", smtpd_tls_chain_files=self.chain,
            smtpd_tls_CAfile=self.authority.file, mynetworks="127.0.0.9",
            smtpd_forbid_unauth_pipelining="no", smtpd_delay_reject="yes",
            tls_server_sni_maps=f"inline:{{ {{mx.other.example={self.named}}} }}",
            smtpd_relay_restrictions="permit_mynetworks permit_tls_clientcerts reject_unauth_destination",
            relay_clientcerts=f"inline:{{ {{{fingerprint(self.listed)}=listed}} }}",
            virtual_alias_domains="away.example", local_recipient_maps="",
            virtual_alias_maps=f"inline:{{{{you@away.example={getpass.getuser()}}}}}",
            transport_maps="inline:{{far.example=discard:}}")
        self.port = self.server.port
        self.own = f"{self.server.user}@gw1.maison.mrs"  # an ordinary user delivers to nobody else
        self.wrapped, self.strict, self.asking, self.modern, self.demanding = (
            free_port() for _ in range(5))
        self.server.extra_services = "".join(
            f"{HOST}:{port} inet n - n - - smtpd {options}\n" for port, options in (
                (self.wrapped, "-o smtpd_tls_wrappermode=yes"),
                (self.strict, "-o smtpd_tls_security_level=encrypt"),
                (self.asking, "-o smtpd_tls_ask_ccert=yes -o smtpd_tls_loglevel=2"),
                (self.modern, "-o smtpd_tls_protocols=>=TLSv1.3"),
                (self.demanding, "-o smtpd_tls_security_level=encrypt "
                                 "-o smtpd_tls_req_ccert=yes")))

    def context(self, own=None):
        context = ssl.create_default_context(cafile=str(self.authority.file))
        context.check_hostname = False
        if own:
            context.load_cert_chain(str(own))
        return context

    def session(self, port=None, own=None):
        """A client that has done STARTTLS."""
        client = smtplib.SMTP(HOST, port or self.port, timeout=PATIENCE)
        client.starttls(context=self.context(own))
        client.ehlo()
        return client


@pytest.fixture(scope="module")
def world(module_place):
    place = module_place
    one = World(place)
    with one.server:
        yield one


def delivered(world, number=1):
    """The newest message in the own mailbox, once there are NUMBER."""
    box = world.server.spool / world.server.user

    def text():
        found = box.read_text() if box.exists() else ""
        return found if found.count("\nSubject: ") >= number else None
    return wait_until(text, "the mail").split("\nFrom ")[-1]


def test_starttls_protects_a_session_s036(world):
    """S036: STARTTLS on port 25, in Received as ESMTPS with the cipher."""
    with world.session() as client:
        assert "starttls" not in client.esmtp_features
        client.sendmail("me@x.example", [world.own], "Subject: one\n\nx\n")
    received = delivered(world)
    assert "(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n" in received
    assert "server-signature ECDSA (prime256v1) server-digest SHA256)\n" in received
    assert "\t(No client certificate requested)\n" in received
    assert "with ESMTPS id" in received
    assert "Anonymous TLS connection established from unknown[127.0.0.1]: TLSv1.3" \
        in world.server.log()
    wait_until(lambda: "ehlo=2 starttls=1 mail=1" in world.server.log(), "the last line")


def test_tls_from_the_first_byte_s036(world):
    """S036: port 465's way."""
    with smtplib.SMTP_SSL(HOST, world.wrapped, timeout=PATIENCE,
                          context=world.context()) as client:
        assert client.ehlo()[0] == 250
        assert "starttls" not in client.esmtp_features
        assert client.docmd("STARTTLS") == (554, b"5.5.1 Error: TLS already active")
        assert client.mail("me@x.example")[0] == 250


def test_nothing_said_in_clear_survives(world):
    """What stands behind STARTTLS in clear is not obeyed under TLS (CVE-2011-0411)."""
    with socket.create_connection((HOST, world.port), timeout=PATIENCE) as plain:
        plain.recv(1000)
        plain.sendall(b"EHLO x.example\r\n")
        plain.recv(4000)
        plain.sendall(b"STARTTLS\r\nMAIL FROM:<evil@x.example>\r\nRSET\r\n")
        assert plain.recv(1000).startswith(b"220 2.0.0 Ready to start TLS")
        with world.context().wrap_socket(plain) as secret:
            secret.sendall(b"RCPT TO:<root@gw1.maison.mrs>\r\n")
            assert secret.recv(1000).startswith(b"503 5.5.1 Error: need MAIL")
            secret.sendall(b"MAIL FROM:<me@x.example>\r\nQUIT\r\n")
            assert b"evil" not in secret.recv(1000)


def test_syntax_and_order(world):
    with smtplib.SMTP(HOST, world.port, timeout=PATIENCE) as client:
        client.ehlo()
        assert client.docmd("STARTTLS now") == (501, b"5.5.4 Syntax: STARTTLS")
        client.helo("hidden.example")
        client.starttls(context=world.context())
        # RFC 3207 4.2: the name of before is forgotten
        client.mail("me@x.example")
        client.rcpt("root@gw1.maison.mrs")
    assert "helo=<hidden" not in world.server.log()


def test_a_server_that_wants_tls(world):
    with smtplib.SMTP(HOST, world.strict, timeout=PATIENCE) as client:
        client.ehlo()
        refusal = (530, b"5.7.0 Must issue a STARTTLS command first")
        assert client.mail("me@x.example") == refusal
        assert client.docmd("VRFY root") == refusal
        assert client.noop()[0] == 250
        client.starttls(context=world.context())
        client.ehlo()
        assert client.mail("me@x.example")[0] == 250


def test_client_certificates(world):
    with world.session(world.asking, world.good) as client:
        client.sendmail("me@x.example", [world.own], "Subject: two\n\nx\n")
    assert "(Client CN \"good.client.example\", Issuer \"Test Authority\" (verified OK))" \
        in delivered(world, 2)
    assert "Trusted TLS connection established from" in world.server.log()
    with world.session(world.asking, world.bad) as client:
        assert client.mail("me@x.example")[0] == 250
        assert client.rcpt("who@far.example")[0] == 554
    log = world.server.log()
    assert "Untrusted TLS connection established from" in log
    assert f"subject_CN=bad.client.example, issuer=Another Authority, " \
           f"fingerprint={fingerprint(world.bad)}" in log


def test_a_listed_certificate_may_relay(world):
    """permit_tls_clientcerts, relay_clientcerts."""
    with world.session(world.asking, world.listed) as client:
        client.sendmail("me@x.example", ["who@far.example"], "Subject: far\n\nx\n")


def test_a_certificate_is_demanded(world):
    with world.session(world.demanding, world.good) as client:
        assert client.mail("me@x.example")[0] == 250
    for own, reason in ((None, b"No client certificate presented"),
                        (world.bad, b"Client certificate not trusted")):
        client = smtplib.SMTP(HOST, world.demanding, timeout=PATIENCE)
        client.starttls(context=world.context(own))
        assert client.docmd("EHLO x.example") == (
            421, b"4.7.1 gw1.maison.mrs Error: " + reason)
        client.close()
    assert "NOQUEUE: abort: TLS from unknown[127.0.0.1]: No client certificate presented" \
        in world.server.log()


def test_keys_by_the_name_asked_for(world):
    def subject(name):
        with contextlib.closing(smtplib.SMTP(HOST, world.port, timeout=PATIENCE)) as client:
            client._host = name  # the name for SNI
            client.starttls(context=world.context())
            return dict(x[0] for x in client.sock.getpeercert()["subject"])["commonName"]
    assert subject("mx.other.example") == "mx.other.example"
    assert subject("unknown.example") == "gw1.maison.mrs"
    assert "to mx.other.example: TLSv1.3" in world.server.log()
    assert "TLS SNI unknown.example from unknown[127.0.0.1] not matched, using default chain" \
        in world.server.log()


def s_client(world, port, *arguments):
    done = subprocess.run(["openssl", "s_client", "-starttls", "smtp", "-connect",
                           f"{HOST}:{port}", "-CAfile", str(world.authority.file),
                           *arguments], input=b"QUIT\r\n", capture_output=True, timeout=30)
    return done.stdout.decode() + done.stderr.decode()


def test_versions(world):
    assert "Protocol  : TLSv1.2" in s_client(world, world.port, "-tls1_2")
    assert "alert protocol version" in s_client(world, world.modern, "-tls1_2")
    assert "TLSv1.3" in s_client(world, world.modern)
    wait_until(lambda: "SSL_accept error from unknown[127.0.0.1]: -1" in world.server.log()
               and "TLS library problem: error:" in world.server.log(), "the reason")
    assert "lost connection after STARTTLS from unknown[127.0.0.1]" in world.server.log()


def test_sessions_are_resumed(world, place):
    ticket = place / "session"
    s_client(world, world.port, "-tls1_2", "-sess_out", str(ticket))
    assert "Reused, TLSv1.2" in s_client(world, world.port, "-tls1_2", "-sess_in", str(ticket))


def test_a_renewed_certificate_is_taken_up(world):
    """Without reload."""
    renewed = world.authority.issue("renewed.pem", "renewed.example")

    def name():
        with contextlib.closing(smtplib.SMTP(HOST, world.port, timeout=PATIENCE)) as client:
            client.starttls(context=world.context())
            return dict(x[0] for x in client.sock.getpeercert()["subject"])["commonName"]
    assert name() == "gw1.maison.mrs"
    renewed.chmod(0o600)
    old = world.chain.read_text()
    renewed.replace(world.chain)
    wait_until(lambda: name() == "renewed.example", "the new certificate")
    world.chain.unlink()
    world.chain.write_text(old)  # that one they may read
    wait_until(lambda: name() == "gw1.maison.mrs", "the old certificate")
    time.sleep(1.5)
    world.chain.write_text("nothing\n")  # a mistake leaves what works
    time.sleep(1.5)
    assert name() == "gw1.maison.mrs"
    assert "the certificates stay as they were" in world.server.log()
    world.chain.write_text(old)


def test_encryption_works_at_once_s036(new_instance):
    """S036: without any certificate given, one is made."""
    server = new_instance("s", smtpd_tls_security_level="may")
    with server:
        with smtplib.SMTP(HOST, server.port, timeout=PATIENCE) as client:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            client.starttls(context=context)
            assert client.ehlo()[0] == 250
        file = server.directory / "data" / "smtpd-self-signed.pem"
        assert file.stat().st_mode & 0o777 == 0o600


def test_tickets_outlive_a_process(new_instance, place):
    """tlsmgr has the keys: a session is resumed with a process that was not there before."""
    authority = Authority(place / "ca")
    server = new_instance("s", smtpd_tls_security_level="may",
                          smtpd_tls_chain_files=authority.issue("s.pem", "s.example"))
    server.extra_services = "tlsmgr unix - - n 1000? 1 tlsmgr\n"

    def client(*words):
        done = subprocess.run(["openssl", "s_client", "-starttls", "smtp", "-tls1_2", "-connect",
                               f"{HOST}:{server.port}", *words], input=b"QUIT\r\n",
                              capture_output=True, timeout=30)
        return done.stdout.decode()

    def processes():
        return set(re.findall(r"postfix/smtpd\[(\d+)\]: connect from", server.log()))
    with server:
        session = str(place / "session")
        assert "New, TLSv1.2" in client("-sess_out", session)
        before = processes()
        server.reload()
        wait_until(lambda: "Reused, TLSv1.2" in client("-sess_in", session)
                   and processes() - before, "a session with a new process")

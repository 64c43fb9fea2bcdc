"""AUTH: who may relay because it proved who it is (S034, S035, S219)."""

import base64
import contextlib
import hashlib
import hmac
import os
import smtplib
import socket
import threading

import pytest

from harness import postfix
from harness.instance import Instance, free_port, wait_until

PASSWORD = "ti\u00e8de & s\u00fbr"
AUTH_SERVICE = "auth unix - - n - - auth\n"
RELAY = {"smtpd_relay_restrictions": "permit_sasl_authenticated, reject_unauth_destination",
         "mynetworks": "", "smtpd_sasl_auth_enable": "yes", "default_transport": "discard",
         "smtpd_tls_auth_only": "no", "auth_failure_delay": "0"}
LOGINS = f"inline:{{{{tim={{PLAIN}}{PASSWORD}}}}}"


def ssha(password):
    salt = b"saltsalt"
    digest = hashlib.sha1(password.encode() + salt).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


@pytest.fixture(name="system")
def fixture_system(place):
    instance = Instance(place, **RELAY)
    instance.extra_services = AUTH_SERVICE
    table = instance.table("passwords", f"chris@maison.mrs {ssha(PASSWORD)}\n"
                                        f"tim {{PLAIN}}{PASSWORD}\n")
    instance.set(auth_password_maps=table)
    with instance:
        yield instance


@contextlib.contextmanager
def client(instance):
    with smtplib.SMTP(instance.address, instance.port, timeout=20) as connection:
        connection.ehlo("mua.maison.mrs")
        yield connection


def plain(user, password, on_behalf=""):
    text = f"{on_behalf}\0{user}\0{password}".encode()
    return "AUTH PLAIN " + base64.b64encode(text).decode()


def test_offer_and_relay(system):
    """S034 S035: with AUTH a client may relay, without it gets 554 5.7.1."""
    with client(system) as c:
        assert set(c.esmtp_features["auth"].split()) >= {"PLAIN", "LOGIN", "SCRAM-SHA-256"}
        assert c.docmd("MAIL FROM:<chris@maison.mrs>")[0] == 250
        code, text = c.docmd("RCPT TO:<eme13@enprovence.com>")
        assert code == 554 and text.startswith(b"5.7.1")
        c.docmd("RSET")
        assert c.docmd(plain("chris@maison.mrs", PASSWORD)) == (
            235, b"2.7.0 Authentication successful")
        assert c.docmd(plain("tim", PASSWORD))[0] == 503
        c.sendmail("chris@maison.mrs", "eme13@enprovence.com", "Subject: x\n\nbody\n")
    log = wait_until(lambda: system.log() if ": removed" in system.log() else None, "delivery")
    assert "sasl_method=PLAIN, sasl_username=chris@maison.mrs" in log


def test_login_and_scram(system):
    """LOGIN and SCRAM-SHA-256 by hand."""
    with client(system) as c:
        assert c.docmd("AUTH LOGIN") == (334, base64.b64encode(b"Username:"))
        assert c.docmd(base64.b64encode(b"tim").decode())[0] == 334
        assert c.docmd(base64.b64encode(PASSWORD.encode()).decode())[0] == 235
    with client(system) as c:
        assert scram(c, "tim", PASSWORD)[0] == 235
    with client(system) as c:
        assert scram(c, "tim", "guess")[0] == 535


def scram(connection, user, password):
    """The client's end of SCRAM-SHA-256 (RFC 7677)."""
    first = f"n={user},r=fyko"
    code, text = connection.docmd(
        "AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,," + first.encode()).decode())
    assert code == 334
    server = base64.b64decode(text).decode()
    fields = dict(part.split("=", 1) for part in server.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]),
                                 int(fields["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    without = f"c=biws,r={fields['r']}"
    auth = f"{first},{server},{without}".encode()
    signature = hmac.digest(hashlib.sha256(key).digest(), auth, "sha256")
    proof = bytes(a ^ b for a, b in zip(key, signature))
    code, text = connection.docmd(base64.b64encode(
        f"{without},p={base64.b64encode(proof).decode()}".encode()).decode())
    if code != 334:
        return code, text
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    expected = base64.b64encode(hmac.digest(server_key, auth, "sha256")).decode()
    assert base64.b64decode(text).decode() == f"v={expected}"
    return connection.docmd("")


def test_refusals(system):
    """Wrong passwords, nonsense and changes of mind: each its reply, a line in the log."""
    with client(system) as c:
        assert c.docmd(plain("tim", "guess"))[0] == 535
        assert c.docmd(plain("nobody", "guess"))[0] == 535
        assert c.docmd("AUTH PLAIN ====")[0] == 501
        assert c.docmd("AUTH CRAM-MD5")[0] == 535  # off by default
        assert c.docmd("AUTH")[0] == 501
        assert c.docmd("AUTH LOGIN")[0] == 334
        assert c.docmd("*") == (501, b"5.7.0 Authentication aborted")
        assert c.docmd(plain("tim", PASSWORD, on_behalf="chris"))[0] == 535
        assert c.docmd("MAIL FROM:<a@b.example> AUTH=<>")[0] == 250  # believed by nobody
    assert "SASL PLAIN authentication failed: authentication failure, sasl_username=tim" in \
        system.log()


def test_failures_are_held_back(system):
    """A network that fails waits longer each time; who knows the password does not."""
    system.set(auth_failure_delay="1s", auth_failure_delay_limit="1s")
    system.write()
    system.reload()
    with client(system) as c, client(system) as other:
        c.putcmd(plain("tim", "guess"))
        c.sock.settimeout(0.5)
        with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
            c.getreply()
        assert other.docmd(plain("tim", PASSWORD))[0] == 235


def test_better_hash(system):
    """A login with an old kind of hash leaves an argon2id one; the next uses it."""
    passwords = system.config / "passwords"
    if os.getuid() == 0:
        for path in [system.config, *system.config.glob("passwords*")]:
            os.chown(path, 65534, 65534)
    with client(system) as c:
        assert c.docmd(plain("chris@maison.mrs", PASSWORD))[0] == 235
    wait_until(lambda: "{ARGON2ID}$argon2id$" in passwords.read_text(), "a better hash")
    assert "{SSHA}" not in passwords.read_text()
    wait_until(lambda: _login_works(system), "the new index")


def _login_works(system):
    with client(system) as c:
        return c.docmd(plain("chris@maison.mrs", PASSWORD))[0] == 235


def test_never_in_clear_by_default(place):
    """S034: nothing but smtpd_sasl_auth_enable set: AUTH is not offered without TLS."""
    instance = Instance(place, smtpd_sasl_auth_enable="yes",
                        auth_password_maps="inline:{tim={PLAIN}x}")
    instance.extra_services = AUTH_SERVICE
    with instance, client(instance) as c:
        assert "auth" not in c.esmtp_features
        assert c.docmd(plain("tim", "x"))[0] == 538


def test_server_down(place):
    """No auth service: a temporary failure, never a refusal."""
    instance = Instance(place, **RELAY, auth_password_maps="inline:{tim={PLAIN}x}")
    with instance, client(instance) as c:
        assert c.docmd(plain("tim", "x"))[0] == 454


def test_sender_belongs_to_login(system):
    """S219: smtpd_sender_login_maps with reject_sender_login_mismatch."""
    system.set(smtpd_sender_login_maps="inline:{chris@maison.mrs=chris@maison.mrs}",
               smtpd_sender_restrictions="reject_sender_login_mismatch")
    system.stop()
    with system, client(system) as c:
        assert c.docmd(plain("tim", PASSWORD))[0] == 235
        assert c.docmd("MAIL FROM:<chris@maison.mrs>")[0] == 250
        code, text = c.docmd("RCPT TO:<x@enprovence.com>")
        assert code == 553 and b"not owned by user tim" in text


def test_dovecot_protocol_for_postfix(place):
    """The real Postfix asks our auth service as if it were Dovecot's."""
    if not postfix.is_available():
        pytest.skip("no Postfix package")
    ours = Instance(place / "ours", auth_password_maps=LOGINS,
                    auth_failure_delay="0")
    port = free_port()
    ours.extra_services = f"127.0.0.1:{port} inet n - n - - dovecot-auth\n"
    with ours:
        theirs = postfix.Postfix(place / "theirs", **{
            **RELAY, "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": f"inet:127.0.0.1:{port}"})
        for name in ("auth_failure_delay",):
            theirs.parameters.pop(name)
        with theirs, client(theirs) as c:
            assert "PLAIN" in c.esmtp_features["auth"]
            assert c.docmd(plain("tim", "guess"))[0] == 535
            assert c.docmd(plain("tim", PASSWORD))[0] == 235


def test_our_smtpd_asks_dovecot(place):
    """smtpd_sasl_type = dovecot: the same server from the other side."""
    ours = Instance(place / "ours", auth_password_maps=LOGINS,
                    auth_failure_delay="0")
    ours.extra_services = "dovecot-auth unix n - n - - dovecot-auth\n"
    with ours:
        other = Instance(place / "other", **{
            **RELAY, "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": str(ours.queue / "public" / "dovecot-auth")})
        with other, client(other) as c:
            assert c.docmd(plain("tim", "guess"))[0] == 535
            assert c.docmd("AUTH LOGIN")[0] == 334
            assert c.docmd(base64.b64encode(b"tim").decode())[0] == 334
            assert c.docmd(base64.b64encode(PASSWORD.encode()).decode())[0] == 235


class Saslauthd:
    """saslauthd's protocol: four strings in, OK or NO out."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        os.chmod(path, 0o777)
        self.socket.listen(5)
        self.socket.settimeout(10)
        self.seen = []

    def serve_one(self):
        connection, _ = self.socket.accept()
        with connection:
            fields = []
            for _ in range(4):
                n = int.from_bytes(connection.recv(2), "big")
                fields.append(connection.recv(n).decode() if n else "")
            self.seen.append(fields)
            verdict = b"OK" if fields[1] == PASSWORD else b"NO"
            connection.sendall(len(verdict).to_bytes(2, "big") + verdict)


def test_saslauthd(place):
    """smtpd_sasl_type = saslauthd, and cyrus by its file."""
    path = place / "mux"
    server = Saslauthd(path)
    place.chmod(0o755)
    instance = Instance(place / "i", **RELAY, smtpd_sasl_type="cyrus",
                        cyrus_sasl_config_path=place)
    (place / "smtpd.conf").write_text(
        f"pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\nsaslauthd_path: {path}\n")
    with instance, client(instance) as c:
        assert set(c.esmtp_features["auth"].split()) == {"PLAIN", "LOGIN"}
        for password, code in (("guess", 535), (PASSWORD, 235)):
            thread = threading.Thread(target=server.serve_one, daemon=True)
            thread.start()
            assert c.docmd(plain("tim@maison.mrs", password))[0] == code
            thread.join(timeout=10)
    assert server.seen[-1] == ["tim", PASSWORD, "smtp", "maison.mrs"]

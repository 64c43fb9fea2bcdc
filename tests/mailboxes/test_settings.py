"""Each setting of login and store changes what it says."""

import base64
import hashlib
import hmac
import poplib
import re
import socket
import threading
import time

import pytest

from harness.instance import free_port
from .site import PASSWORD, Site
from .test_before_login import Talk


def test_settings_of_login(place):
    """S233: banner, mechanisms, levels of TLS, rates, the name of the store's service."""
    site = Site(place, login_banner="welcome to $myhostname", login_sasl_mechanism_filter="!login, static:rest",
                login_sasl_security_options="noplaintext", login_sasl_tls_security_options="noanonymous",
                login_tls_auth_only="no", auth_mechanisms="PLAIN LOGIN SCRAM-SHA-256",
                login_client_event_limit_exceptions="", login_client_auth_rate_limit="2",
                store_service_name="boxes", pop3_uidl_format="%v-%u")
    site.extra_services = site.extra_services.replace("store    unix", "boxes    unix")
    must, none, slow = free_port(), free_port(), free_port()
    site.extra_services += (
        f"127.0.0.1:{must} inet n - n - - imap-login\n    -o login_tls_security_level=encrypt\n"
        f"127.0.0.1:{none} inet n - n - - imap-login\n    -o login_tls_security_level=none\n"
        f"127.0.0.1:{slow} inet n - n - - pop3-login\n    -o login_client_connection_rate_limit=1\n"
        )
    with site:
        with Talk(site.imap_port) as c:
            greeting = c.line()
            assert greeting.endswith("] welcome to gw1.maison.mrs")
            assert re.findall(r"AUTH=(\S+?)[ \]]", greeting) == ["SCRAM-SHA-256"]
        with Talk(site.imaps_port, tls=True) as c:
            assert re.findall(r"AUTH=(\S+?)[ \]]", c.line()) == ["PLAIN", "SCRAM-SHA-256"]
        with Talk(must) as c:
            assert "LOGINDISABLED" in c.line()
            assert c.ask(f"a LOGIN jo@maison.mrs {PASSWORD}").startswith("a NO [PRIVACYREQUIRED]")
        with Talk(none) as c:
            assert "STARTTLS" not in c.line()
            assert c.ask("a STARTTLS").startswith("a BAD")
        with Talk(slow) as c:
            assert c.line().startswith("+OK")
        with Talk(slow) as c:
            assert c.line().startswith("+OK")
            assert c.line() == "-ERR [SYS/TEMP] too many connections"
        site.deliver()
        c = site.pop3()  # by the service "boxes"
        assert re.fullmatch(rb"1 \d+-1", c.uidl()[1][0])
        c.quit()
        site.pop3().quit()
        with pytest.raises(poplib.error_proto, match=r"\[SYS/TEMP\]"):
            site.pop3()
        site.wait_log(r"AUTH command rate limit exceeded: 3 from")


def test_time_limits(place):
    """pop3_timeout, login_upstream_proxy_timeout, store_quota_bytes."""
    site = Site(place, login_tls_auth_only="no", pop3_timeout="1s", store_quota_bytes="100k",
                login_upstream_proxy_timeout="1s")
    proxied = free_port()
    site.extra_services += (f"127.0.0.1:{proxied} inet n - n - - pop3-login\n"
                            "    -o login_upstream_proxy_protocol=haproxy\n")
    with site:
        c = site.pop3()
        began = time.monotonic()
        with Talk(proxied) as silent:
            assert silent.line() == ""
        assert 0.9 < time.monotonic() - began < 10
        assert c.file.readline() == b"-ERR Disconnected for inactivity.\r\n"
        assert c.file.readline() == b""
        with site.smtp() as smtp:
            smtp.ehlo()
            smtp.mail("chris@elsewhere.example", ["SIZE=200000"])
            assert smtp.rcpt("jo@maison.mrs")[0] == 452


def serve_dovecot(path, answers):
    """Dovecot's auth protocol 1.1 at PATH, for one client: ANSWERS by login name."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o666)
    listener.listen()

    def work():
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            with connection, connection.makefile("rwb") as peer:
                peer.write(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\n"
                           b"COOKIE\t0123456789abcdef0123456789abcdef\nDONE\n")
                peer.flush()
                for line in peer:
                    words = line.decode().rstrip("\n").split("\t")
                    if words[0] == "AUTH":
                        peer.write(answers(words).encode())
                        peer.flush()
    threading.Thread(target=work, daemon=True).start()
    return listener


def test_passwords_of_another_server(place):
    """login_sasl_type, login_sasl_path: Dovecot's server is asked, with the service's name."""
    asked = []

    def answers(words):
        asked.append(words)
        return f"OK\t{words[1]}\tuser=jo@maison.mrs\n"
    path = place / "dovecot-auth"
    listener = serve_dovecot(path, answers)
    with Site(place, login_tls_auth_only="no", login_sasl_type="dovecot", login_sasl_path=str(path)) as site:
        site.pop3(password="whatever it is").quit()
        c = site.imap(password="whatever it is")
        c.logout()
    listener.close()
    assert [next(w for w in words if w.startswith("service=")) for words in asked] == \
        ["service=pop3", "service=imap"]
    assert all(words[2] == "PLAIN" for words in asked)


def test_scram(place):
    """A mechanism that never shows the password, from Python's own arithmetic (RFC 5802)."""
    with Site(place) as site, Talk(site.imaps_port, tls=True) as c:
        c.line()
        first = "n=jo@maison.mrs,r=abcdefgh"
        c.say("a AUTHENTICATE SCRAM-SHA-256 " + base64.b64encode(f"n,,{first}".encode()).decode())
        server = base64.b64decode(c.line()[2:]).decode()
        fields = dict(part.split("=", 1) for part in server.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), base64.b64decode(fields["s"]),
                                     int(fields["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        final = f"c=biws,r={fields['r']}"
        proof = hmac.digest(hashlib.sha256(key).digest(), f"{first},{server},{final}".encode(), "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, proof))).decode()
        c.say(base64.b64encode(f"{final},p={proof}".encode()))
        c.say(b"\r\n")
        assert c.line().startswith("+ ")
        c.say(b"\r\n")
        assert c.until("a ")[-1].startswith("a OK")
    site.wait_log(r"Login: user=<jo@maison.mrs>, method=SCRAM-SHA-256, .*TLS")

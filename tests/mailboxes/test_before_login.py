"""IMAP and POP3 before login: what is offered, what is refused, what is logged."""

import base64
import imaplib
import os
import poplib
import re
import shutil
import socket
import subprocess

import pytest

from harness.instance import STAGE, free_port, wait_until
from .site import PASSWORD, Site, context


@pytest.fixture(scope="module", name="site")
def fixture_site(module_place):
    with Site(module_place) as site:
        yield site


class Talk:
    """A hand-made session."""

    def __init__(self, port, tls=False):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        if tls:
            self.socket = context().wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")

    def say(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode() + b"\r\n")

    def line(self):
        return self.file.readline().decode().rstrip("\r\n")

    def ask(self, text):
        self.say(text)
        return self.line()

    def until(self, start):
        """Lines up to the one that starts with START."""
        lines = []
        while not lines or not lines[-1].startswith(start):
            line = self.line()
            assert line, lines
            lines.append(line)
        return lines

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.file.close()
        self.socket.close()


def test_imap_offers(site):
    """The greeting says what can be done; in clear that is no password (S219)."""
    with Talk(site.imap_port) as c:
        greeting = c.line()
        assert greeting.startswith("* OK [CAPABILITY IMAP4rev2 IMAP4rev1 ")
        assert " STARTTLS" in greeting and " LOGINDISABLED" in greeting
        assert "AUTH=" not in greeting
        assert c.ask("a LOGIN jo@maison.mrs x").startswith("a NO [PRIVACYREQUIRED]")
        assert c.ask("b AUTHENTICATE PLAIN").startswith("b NO [PRIVACYREQUIRED]")
        assert c.ask("c SELECT INBOX").startswith("c BAD ")
        assert c.ask('d ID ("name" "test")').startswith("* ID (")
        assert c.line() == "d OK ID completed."
        assert c.ask("e LOGOUT").startswith("* BYE")
        assert c.line() == "e OK Logout completed."
        assert c.line() == ""
    with imaplib.IMAP4_SSL("127.0.0.1", site.imaps_port, ssl_context=context()) as c:
        assert {"AUTH=PLAIN", "SASL-IR", "LITERAL+"} <= set(c.capabilities)
        assert "LOGINDISABLED" not in c.capabilities and "STARTTLS" not in c.capabilities


def test_pop3_offers(site):
    """CAPA in clear and over TLS; RFC 2449, RFC 2595."""
    c = poplib.POP3("127.0.0.1", site.pop3_port, timeout=20)
    assert {"STLS", "TOP", "UIDL", "RESP-CODES", "PIPELINING", "UTF8"} <= set(c.capa())
    assert "USER" not in c.capa() and "SASL" not in c.capa()
    for command in (lambda: c.user("jo@maison.mrs"), lambda: c.pass_("x"),
                    lambda: c._shortcmd("AUTH PLAIN")):
        with pytest.raises(poplib.error_proto, match="TLS"):
            command()
    c.stls(context())
    assert "USER" in c.capa() and "PLAIN" in c.capa()["SASL"] and "STLS" not in c.capa()
    c.quit()


def test_wrong_passwords_are_logged(site):
    """Each failure is a line that rules for Postfix find, each end one as Dovecot has it."""
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        imaplib.IMAP4_SSL("127.0.0.1", site.imaps_port,
                          ssl_context=context()).login("jo@maison.mrs", "wrong")
    line = site.wait_log(r"postfix/imap\[\d+\]: warning: unknown\[127.0.0.1\]: SASL PLAIN "
                         r"authentication failed: .*sasl_username=jo@maison.mrs")[0]
    # As filter.d/postfix.conf of fail2ban has it, mode auth.
    assert re.search(r"postfix(-\w+)?/\w+(?:/smtp[ds])?\[\d+\]: warning: [-._\w]+\[127.0.0.1\]: "
                     r"SASL ((?i:LOGIN|PLAIN|(?:CRAM|DIGEST)-MD5)) authentication failed:", line)
    site.wait_log(r"Disconnected \(auth failed, 1 attempts in \d+ secs\): "
                  r"user=<jo@maison.mrs>, method=PLAIN, rip=127.0.0.1, lip=127.0.0.1, TLS, "
                  r"session=<\w+>")
    c = poplib.POP3_SSL("127.0.0.1", site.pop3s_port, context=context())
    c.user("nobody@maison.mrs")
    with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
        c.pass_("wrong")
    c.close()
    site.wait_log(r"postfix/pop3\[\d+\]: warning: unknown\[127.0.0.1\]: SASL PLAIN .*nobody@")


@pytest.mark.parametrize("kind", ["imap", "pop3"])
def test_injected_commands_are_dropped(site, kind):
    """What came in clear behind STARTTLS is not obeyed under TLS."""
    port, command = {"imap": (site.imap_port, b"a STARTTLS\r\nb LOGOUT\r\n"),
                     "pop3": (site.pop3_port, b"STLS\r\nQUIT\r\n")}[kind]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        plain.recv(1000)
        plain.sendall(command)
        assert b"Begin TLS" in plain.recv(1000)
        with context().wrap_socket(plain) as tls:
            tls.sendall(b"c NOOP\r\n" if kind == "imap" else b"NOOP\r\n")
            reply = tls.recv(1000)
            assert reply.startswith(b"c OK" if kind == "imap" else b"+OK"), reply


def test_literals_are_bounded(site):
    """LITERAL+ in a login works; a large one ends the session before it is read."""
    with Talk(site.imaps_port, tls=True) as c:
        c.line()
        c.say("a LOGIN {5+}\r\nnobo1 {5}")
        assert c.line().startswith("+ ")
        assert c.ask("wrong").startswith("a NO [AUTHENTICATIONFAILED]")
        c.say("b LOGIN {999999999+}")
        assert c.line().startswith("b BAD")
        assert c.line().startswith("* BYE")
        assert c.line() == ""


def test_sasl_continuation(site):
    """AUTHENTICATE without an initial response, cancelled and wrong."""
    wrong = base64.b64encode(b"\0jo@maison.mrs\0wrong").decode()
    with Talk(site.imaps_port, tls=True) as c:
        c.line()
        assert c.ask("a AUTHENTICATE PLAIN") == "+ "
        assert c.ask("*").startswith("a BAD")
        assert c.ask("b AUTHENTICATE PLAIN") == "+ "
        assert c.ask("!!!").startswith("b BAD")
        assert c.ask(f"c AUTHENTICATE PLAIN {wrong}").startswith("c NO [AUTHENTICATIONFAILED]")
        assert c.ask("d AUTHENTICATE X-NONE").startswith("d NO [CANNOT]")
    with Talk(site.pop3s_port, tls=True) as c:
        c.line()
        assert c.ask("AUTH PLAIN") == "+ "
        assert c.ask(wrong).startswith("-ERR [AUTH]")


def test_limits(place):
    """Errors, time, line length, connections of one client."""
    site = Site(place, login_error_limit="3", login_timeout="2s", login_line_length_limit="512",
                login_client_connection_count_limit="2", login_client_event_limit_exceptions="")
    with site:
        with Talk(site.imap_port) as c:
            c.line()
            assert c.ask("a X").startswith("a BAD")
            assert c.ask("b X").startswith("b BAD")
            c.say("c X")
            assert c.until("* BYE")[-1] == "* BYE Too many errors."
            assert c.line() == ""
        with Talk(site.pop3_port) as c:
            c.line()
            assert c.ask("X" * 600) == "-ERR Line too long."
            assert c.line() == ""
        with Talk(site.imap_port) as one, Talk(site.imap_port) as two:
            assert one.line() and two.line()
            with Talk(site.imap_port) as three:
                three.line()
                assert three.line() == "* BYE [UNAVAILABLE] too many connections"
            site.wait_log(r"Connection concurrency limit exceeded: 3 from unknown\[127.0.0.1\]")
            assert one.line() == "* BYE Disconnected for inactivity."


def test_proxy_protocol(place):
    """HAProxy in front: the client is the one that it names."""
    site = Site(place, login_upstream_proxy_protocol="haproxy", login_tls_auth_only="no")
    with site:
        with Talk(site.pop3_port) as c:
            c.say("PROXY TCP4 192.0.2.7 192.0.2.1 4711 110")
            assert c.line().startswith("+OK")
            c.ask("USER jo@maison.mrs")
            assert c.ask("PASS wrong").startswith("-ERR [AUTH]")
        site.wait_log(r"unknown\[192.0.2.7\]: SASL PLAIN authentication failed")
        site.wait_log(r"rip=192.0.2.7, lip=192.0.2.1, session=")
        with Talk(site.pop3_port) as c:
            c.say("USER jo@maison.mrs")
            assert c.line() == ""


def test_hosts_allow(place):
    """hosts.deny keeps clients out of imap-login and lets them into pop3-login (S227, S249, S273)."""
    site = Site(place, hosts_access_enable="yes", login_peername_lookup="no")
    site.set(hosts_allow_file=site.file("hosts.allow", "pop3-login: ALL\n"),
             hosts_deny_file=site.file("hosts.deny", "imap, pop3: 127.\n"))
    with site:
        with Talk(site.imap_port) as c:
            assert c.line() == "* BYE [UNAVAILABLE] Access denied."
            assert c.line() == ""
        site.wait_log(r"imap\[\d+\]: warning: refused connect from \S+\[127.0.0.1\]")
        with Talk(site.pop3_port) as c:
            assert c.line().startswith("+OK")


def test_poppassd(place):
    """S220 S267: users change their passwords, by the old protocol on port 106."""
    site = Site(place)
    table = site.table("passwords", f"jo@maison.mrs {{PLAIN}}{PASSWORD}\n")
    site.set(auth_password_maps=table, login_tls_auth_only="no")
    if os.getuid() == 0:
        for path in (site.config, *site.config.glob("passwords*")):
            shutil.chown(path, "nobody")
    port = free_port()
    site.extra_services += f"127.0.0.1:{port} inet n - n - - login\n    -o login_protocol=poppassd\n"
    with site:
        with Talk(port) as c:
            assert c.line().startswith("200 ")
            assert c.ask("USER jo@maison.mrs").startswith("200 ")
            assert c.ask("PASS wrong").startswith("200 ")
            assert c.ask("NEWPASS better").startswith("500 ")
            assert c.ask("NEWPASS better").startswith("500 ")
            assert c.ask("USER jo@maison.mrs").startswith("200 ")
            assert c.ask(f"PASS {PASSWORD}").startswith("200 ")
            assert c.ask("NEWPASS better than before").startswith("200 Password changed")
            assert c.ask("QUIT").startswith("200 ")
        assert "{ARGON2ID}" in (site.config / "passwords").read_text()

        def old_is_refused():
            with Talk(site.pop3_port) as c:
                c.line()
                c.ask("USER jo@maison.mrs")
                return c.ask(f"PASS {PASSWORD}").startswith("-ERR [AUTH]")
        wait_until(old_is_refused, "the new password")


def test_inetd(site):
    """S228: login -S speaks on its standard input, as inetd starts it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        done = subprocess.Popen([STAGE / "libexec/diligence/login", "-S", "-n", "pop3", "-c",
                                 site.config, "-o", "login_protocol=pop3"], stdin=theirs,
                                stdout=theirs)
        theirs.close()
        with ours.makefile("rb") as reader:
            assert reader.readline().startswith(b"+OK ")
            ours.sendall(b"CAPA\r\nQUIT\r\n")
            assert b"+OK Logging out\r\n" in reader.read()
        assert done.wait(20) == 0

"""Ports of IMAP and POP3 come and go with lines of master.cf."""

import socket

from harness.instance import free_port, wait_until
from harness.mailboxes import ImapDialogue, MailServer

JO = "jo@example.com"


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    except ConnectionRefusedError:
        return False


def test_a_reload_opens_and_closes_ports(place):
    """S222 S229 S230 S232: another port of the same service (220) is a line and a reload, no inetd."""
    server = MailServer(place, {JO: "secret"})
    port, lines = free_port(), server.extra_services
    server.start()
    try:
        assert not is_open(port)
        server.extra_services = lines + f"127.0.0.1:{port} inet n - n - - imap-login\n" \
            "  -o login_tls_auth_only=no\n"
        server.reload()
        wait_until(lambda: is_open(port), "the new port")
        with ImapDialogue(port) as session:
            session.ok(f"LOGIN {JO} secret")
            session.ok("SELECT INBOX")
        server.extra_services = lines
        server.reload()
        wait_until(lambda: not is_open(port), "the port's end")
        with server.imap(JO) as session:
            session.ok("SELECT INBOX")
    finally:
        server.stop()

"""What somebody on the way puts behind STARTTLS in clear counts for nothing, on either side."""

import contextlib
import re
import socket
import ssl
import threading

import pytest

from harness.instance import PATIENCE, Dialogue

from .certificates import Authority


def trusting():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Secured(Dialogue):
    """The dialogue that goes on over TLS."""

    def __init__(self, clear):
        self.socket = trusting().wrap_socket(clear.socket)
        self.file = self.socket.makefile("rb")


@pytest.mark.parametrize("injected", ["NOOP", "EHLO evil", "MAIL FROM:<evil@b.example>",
                                      "EHLO evil\r\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<root@gw1.maison.mrs>"])
def test_commands_before_the_handshake(instance, injected):
    """S036: commands in one packet with STARTTLS get no answer and change nothing."""
    instance.set(smtpd_tls_security_level="may", local_recipient_maps="",
                 smtpd_forbid_unauth_pipelining="no")
    with instance, Dialogue(instance.address, instance.port) as clear:
        clear.reply()
        clear.say("EHLO c.example")
        clear.reply()
        clear.raw(b"STARTTLS\r\n" + injected.encode() + b"\r\n")
        assert clear.reply().startswith("220 ")
        with Secured(clear) as talk:
            talk.say("RSET")
            assert talk.reply() == "250 2.0.0 Ok"
            talk.say("RCPT TO:<root@gw1.maison.mrs>")
            assert talk.reply().startswith("503 5.5.1 Error: need MAIL")
        instance.wait_log("improper command pipelining after STARTTLS from ")
        assert not re.search("(from|helo)=<evil", instance.log())


class TwoFaced(threading.Thread):
    """A server whose STARTTLS answer comes with more lines; speaks plain SMTP over TLS then."""

    def __init__(self, chain, more):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain)
        self.more, self.heard = more, []

    def run(self):
        with contextlib.suppress(OSError), self.listener.accept()[0] as client:
            client.settimeout(PATIENCE)
            self.serve(client)

    def serve(self, client):
        client.sendall(b"220 two.example\r\n")
        file = client.makefile("rb")
        for line in file:
            if line.startswith(b"STARTTLS"):
                client.sendall(b"220 go\r\n" + self.more)
                client = self.context.wrap_socket(client, server_side=True)
                file = client.makefile("rb")
                break
            client.sendall(b"250-two.example\r\n250 STARTTLS\r\n")
        in_data = False
        for line in file:
            self.heard.append(line)
            if in_data and line != b".\r\n":
                continue
            answer = b"354 go\r\n" if line.startswith(b"DATA") else b"250 ok over TLS\r\n"
            in_data = line.startswith(b"DATA")
            client.sendall(answer)


@pytest.mark.parametrize("more", [b"250-evil\r\n250 SIZE 1\r\n", b"550 5.7.1 evil\r\n" * 5],
                         ids=["size", "refusals"])
def test_replies_before_the_handshake(instance, place, more):
    """S036: replies in one packet with that to STARTTLS are not taken for those over TLS."""
    chain = Authority(place / "ca").issue("two.pem", "two.example")
    server = TwoFaced(chain, more)
    server.start()
    instance.set(smtp_tls_security_level="encrypt", smtp_tls_loglevel=1,
                 relayhost=f"[127.0.0.1]:{server.port}")
    with instance:
        queue_id = instance.send("a@b.example", "c@d.example")
        line = instance.wait_log(rf"{queue_id}: to=<c@d.example>")[0]
    server.listener.close()
    assert "status=sent (250 ok over TLS)" in line
    assert "evil" not in instance.log()
    assert b"MAIL FROM:<a@b.example>\r\n" in server.heard

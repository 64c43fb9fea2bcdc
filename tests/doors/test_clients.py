"""Who the client is, and how much it may do: XCLIENT, XFORWARD, PROXY, rates, filters."""

import socket
import struct

from harness.instance import Dialogue, free_port

from .servers import FilterServer

HELLO = "EHLO client.example.com"
MAIL, RCPT = "MAIL FROM:<a@b.example>", "RCPT TO:<chris@maison.mrs>"
BASE = dict(mydestination="$myhostname, maison.mrs", local_transport="discard",
            local_recipient_maps="", mynetworks="192.0.2.0/24",
            smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination")
CONTENT = "Subject: x\r\n\r\nhello\r\n..dot\r\n."


def send(talk, *lines):
    """Say LINES; the last reply."""
    for line in lines:
        talk.say(line)
        reply = talk.reply()
    return reply


def test_xclient(instance):
    """The front end's client counts: name, address, HELO, login, and rights that follow."""
    instance.set(**dict(BASE, smtpd_authorized_xclient_hosts="static:all",
                        inet_protocols="all"))
    with instance, Dialogue(instance.address, instance.port) as talk:
        talk.reply()
        assert ("XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT"
                in send(talk, HELLO))
        assert send(talk, "XCLIENT NAME=inside.example ADDR=192.0.2.9 PORT=4711 LOGIN=me").startswith(
            "220 gw1.maison.mrs ESMTP")
        assert send(talk, HELLO, MAIL, "RCPT TO:<x@outside.example>") == "250 2.1.5 Ok"
        instance.wait_log(r"client=inside.example\[192.0.2.9\], sasl_method=XCLIENT, sasl_username=me$")
        assert send(talk, "RSET", "XCLIENT ADDR=IPv6:2001:db8::1 NAME=[UNAVAILABLE] "
                                  "LOGIN=[UNAVAILABLE]").startswith("220 ")
        assert send(talk, HELLO, MAIL, "RCPT TO:<x@outside.example>").startswith(
            "554 5.7.1 <x@outside.example>: Relay access denied")
        instance.wait_log(r"reject: RCPT from unknown\[2001:db8::1\]: 554")
        for bad, reply in (("XCLIENT ADDR=1.2.3", "501 5.5.4 Bad ADDR syntax: 1.2.3"),
                           ("XCLIENT FOO=x", "501 5.5.4 Bad XCLIENT attribute name: FOO"),
                           ("XCLIENT NAME", "501 5.5.4 Error: attribute=value expected"),
                           ("XCLIENT PORT=123456", "501 5.5.4 Bad PORT syntax: 123456"),
                           ("XCLIENT", "501 5.5.4 Syntax: XCLIENT attribute=value..."),
                           ("XCLIENT NAME=" + "x" * 300, "501 5.5.4 Error: attribute value too long")):
            assert send(talk, "RSET", bad) == reply
        assert send(talk, HELLO, MAIL, "XCLIENT ADDR=192.0.2.1") == (
            "503 5.5.1 Error: MAIL transaction in progress")
    instance.set(smtpd_authorized_xclient_hosts="")
    with instance:
        assert instance.dialogue("XCLIENT ADDR=192.0.2.1")[1] == (
            "550 5.7.0 Error: insufficient authorization")


def test_xforward(instance):
    """A filter's XFORWARD is logged and kept, and changes no right."""
    instance.set(**dict(BASE, smtpd_authorized_xforward_hosts="127.0.0.1"))
    with instance, Dialogue(instance.address, instance.port) as talk:
        talk.reply()
        assert "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT" in send(talk, HELLO)
        assert send(talk, "XFORWARD NAME=far.example ADDR=192.0.2.9 PROTO=ESMTP HELO=far+2Dname",
                    "XFORWARD IDENT=4F1A2B SOURCE=REMOTE PORT=[UNAVAILABLE]") == "250 2.0.0 Ok"
        assert send(talk, "XFORWARD SOURCE=ELSEWHERE") == "501 5.5.4 Bad SOURCE syntax: ELSEWHERE"
        assert send(talk, MAIL, "RCPT TO:<x@outside.example>").startswith("554 5.7.1")
        assert send(talk, RCPT, "DATA", CONTENT).startswith("250 2.0.0 Ok: queued")
        instance.wait_log(r"client=unknown\[127.0.0.1\], orig_queue_id=4F1A2B, "
                          r"orig_client=far.example\[192.0.2.9\]$")
        # The next message is the filter's own again.
        assert send(talk, MAIL, RCPT) == "250 2.1.5 Ok"
        instance.wait_log(r"client=unknown\[127.0.0.1\]$")


def test_proxy_protocol(instance):
    """smtpd_upstream_proxy_protocol: the load balancer's client, in both versions."""
    instance.set(**dict(BASE, smtpd_upstream_proxy_protocol="haproxy", smtpd_upstream_proxy_timeout="2s"))

    def talk_behind(header):
        with Dialogue(instance.address, instance.port) as talk:
            talk.raw(header)
            talk.reply()
            return send(talk, HELLO, MAIL, "RCPT TO:<x@outside.example>")

    v2 = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", 12) + socket.inet_aton("198.51.100.7") +
          socket.inet_aton("198.51.100.1") + struct.pack("!HH", 4711, 25))
    with instance:
        assert talk_behind(b"PROXY TCP4 192.0.2.5 198.51.100.1 4711 25\r\n") == "250 2.1.5 Ok"
        instance.wait_log(r"connect from unknown\[192.0.2.5\]")
        assert talk_behind(v2).startswith("554 5.7.1")
        instance.wait_log(r"connect from unknown\[198.51.100.7\]")
        with Dialogue(instance.address, instance.port) as talk:
            talk.raw(b"EHLO x\r\n")
            assert talk.reply() == ""
        instance.wait_log("warning: unexpected protocol header from proxy")


def test_rates(instance):
    """Rates and concurrency per client, counted over all processes; networks as one client."""
    instance.set(**dict(BASE, smtpd_client_connection_count_limit="2",
                        smtpd_client_message_rate_limit="2", smtpd_client_recipient_rate_limit="3",
                        anvil_status_update_time="2s"))
    service = f"{instance.address}:{instance.port}"
    with instance:
        with Dialogue(instance.address, instance.port) as one:
            one.reply()
            with Dialogue(instance.address, instance.port) as two:
                two.reply()
                with Dialogue(instance.address, instance.port) as three:
                    assert three.reply() == ("421 4.7.0 gw1.maison.mrs Error: too many connections "
                                             "from 127.0.0.1")
                    assert three.reply() == ""
                assert send(two, HELLO, MAIL, "RSET").startswith("250")
            assert send(one, HELLO, MAIL, RCPT, RCPT, RCPT).startswith("250")
            assert send(one, RCPT) == "450 4.7.1 Error: too many recipients from 127.0.0.1"
            assert send(one, "RSET", MAIL) == "450 4.7.1 Error: too much mail from 127.0.0.1"
        for text in ("Connection concurrency limit exceeded: 3 from unknown[127.0.0.1] for service ",
                     "Recipient address rate limit exceeded: 4 from unknown[127.0.0.1] for service ",
                     "Message delivery request rate limit exceeded: 3 from unknown[127.0.0.1] for "
                     "service "):
            assert f"warning: {text}{service}" in instance.log()
        instance.wait_log(rf"postfix/anvil\[\d+\]: statistics: max connection count 3 for "
                          rf"\({service}:127.0.0.1\) at ")
        instance.wait_log(r"statistics: max message rate 3/60s for")
    instance.set(smtpd_client_connection_rate_limit="1", smtpd_client_ipv4_prefix_length="24",
                 anvil_rate_time_unit="30s")
    with instance:
        # The harness has connected once already.
        assert instance.dialogue()[0].startswith("421 4.7.0 ")
    instance.wait_log(rf"max connection rate \d/30s for \({service}:127.0.0.0/24\)")
    instance.set(smtpd_client_event_limit_exceptions="127.0.0.1")
    with instance:
        assert [instance.dialogue()[0][:3] for _ in range(3)] == ["220"] * 3


def test_filter_in_front_of_the_queue(instance):
    """smtpd_proxy_filter: what the filter says is what the client hears; nothing is queued."""
    with FilterServer() as server:
        instance.set(**dict(BASE, smtpd_proxy_filter=f"127.0.0.1:{server.port}",
                            smtpd_proxy_ehlo="front.example"))
        with instance:
            replies = instance.dialogue(HELLO, MAIL + " SIZE=100", RCPT, "DATA", CONTENT, MAIL, RCPT)
            assert replies[3] == "250 2.1.5 Ok" and replies[5] == "250 2.0.0 filtered"
            server.refuse["RCPT"] = "550 5.1.1 no such filter user"
            assert instance.dialogue(HELLO, MAIL, RCPT)[3] == "550 5.1.1 no such filter user"
            server.refuse = {".": "554 5.7.1 spam", "DATA": "354 ok"}
            assert instance.dialogue(HELLO, MAIL, RCPT, "DATA", CONTENT)[5] == "554 5.7.1 spam"
            instance.wait_log(r"\]: proxy-accept: END-OF-MESSAGE: 250 2.0.0 filtered; "
                              r"from=<a@b.example> to=<chris@maison.mrs> proto=ESMTP "
                              r"helo=<client.example.com>")
            instance.wait_log("proxy-reject: END-OF-MESSAGE: 554 5.7.1 spam; ")
            assert not instance.queue_ids()
        assert server.heard[0] == "EHLO front.example"
        assert any(line.startswith("XFORWARD NAME=[UNAVAILABLE] ADDR=127.0.0.1 PORT=") and
                   line.endswith(" HELO=client.example.com PROTO=ESMTP SOURCE=LOCAL")
                   for line in server.heard)
        assert f"{MAIL} SIZE=100" in server.heard and RCPT in server.heard
        assert b"\r\nSubject: x\r\n\r\nhello\r\n.dot\r\n" in server.messages[0]
        assert server.messages[0].startswith(b"Received: from client.example.com")


def test_filter_with_speed_adjust(instance):
    """smtpd_proxy_options = speed_adjust: the filter hears of a message when it is whole."""
    with FilterServer(xforward=False) as server:
        instance.set(**dict(BASE, smtpd_proxy_filter=f"127.0.0.1:{server.port}",
                            smtpd_proxy_options="speed_adjust"))
        with instance, Dialogue(instance.address, instance.port) as talk:
            talk.reply()
            assert send(talk, HELLO, MAIL, RCPT, "DATA").startswith("354")
            talk.raw(b"Subject: x\r\n\r\n")
            assert not server.heard
            assert send(talk, "hello\r\n..dot\r\n.") == "250 2.0.0 filtered"
            assert b"\r\nSubject: x\r\n\r\nhello\r\n.dot\r\n" in server.messages[0]
            server.refuse["RCPT"] = "450 4.2.1 not now"
            assert send(talk, MAIL, RCPT, "DATA", CONTENT) == "450 4.2.1 not now"
    with instance:
        assert instance.dialogue(HELLO, MAIL, RCPT, "DATA", CONTENT)[5] == (
            "451 4.3.0 Error: queue file write error")
        instance.wait_log(r"warning: connect to proxy filter 127.0.0.1:\d+: Connection refused")


def test_what_is_one_client_of_ipv6(instance):
    """smtpd_client_ipv6_prefix_length: addresses with the same first bits are one client."""
    ports = {bits: free_port() for bits in (64, 84, 128)}
    instance.set(**dict(BASE, inet_protocols="all", smtpd_client_connection_rate_limit="1",
                        smtpd_upstream_proxy_protocol="haproxy"))
    instance.extra_services = "".join(
        f"127.0.0.1:{port} inet n - n - - smtpd"
        f"{'' if bits == 84 else f' -o smtpd_client_ipv6_prefix_length={bits}'}\n" for bits, port in ports.items())

    def greeting(bits, client):
        with Dialogue("127.0.0.1", ports[bits]) as talk:
            talk.raw(f"PROXY TCP6 {client} 2001:db8::25 40000 25\r\n".encode())
            return talk.reply()[:3]

    # The third differs from the first in bit 82, the fourth in bit 70; the default is 84.
    clients = ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:0:4000::1", "2001:db8:0:1:400::1",
               "2001:db8:0:2::1"]
    with instance:
        heard = {bits: [greeting(bits, client) for client in clients] for bits in ports}
    assert heard == {64: ["220", "421", "421", "421", "220"], 84: ["220", "421", "220", "220", "220"],
                     128: ["220"] * 5}


def test_doors_that_the_outside_does_not_have(instance):
    """S215: inet_interfaces, and an address before a service's port, close a door without a firewall."""
    port, own = instance.port, free_port()

    def opens(address, at):
        try:
            with socket.create_connection((address, at), timeout=10) as connection:
                return connection.recv(3) == b"220"
        except ConnectionRefusedError:
            return False

    instance.master_cf = instance.master_cf.replace("{smtp}", str(port))  # no address of its own
    instance.extra_services = f"127.0.0.42:{own} inet n - n - - smtpd\n"
    for interfaces, inside, outside in (("127.0.0.1", True, False), ("127.0.0.1, 127.0.0.43", True, True)):
        instance.set(inet_interfaces=interfaces)
        with instance:
            assert (opens("127.0.0.1", port), opens("127.0.0.43", port)) == (inside, outside)
            assert opens("127.0.0.42", own) and not opens("127.0.0.42", port)
            assert not opens("127.0.0.1", own) and not opens("127.0.0.43", own)

"""What parameters of the SMTP and LMTP client change: each row stands for smtp_ and lmtp_.

A row's settings belong to a transport; a host that behaves as the row says takes its mail.
"""

import re
import socket
import time

import pytest

from harness.instance import wait_until
from testnet.fakehost import SILENT

from .site import Site


# The parameter's name without smtp_ or lmtp_ (both are in the names below), other settings,
# behaviour of the host, what the log says of the delivery.
TIMEOUTS = [
    ("smtp_mail_timeout", "lmtp_mail_timeout", "MAIL"),
    ("smtp_rcpt_timeout", "lmtp_rcpt_timeout", "RCPT"),
    ("smtp_data_init_timeout", "lmtp_data_init_timeout", "DATA"),
    ("smtp_data_done_timeout", "lmtp_data_done_timeout", "."),
    ("smtp_helo_timeout", "lmtp_lhlo_timeout", "EHLO LHLO"),
]
WAITING = {"MAIL": "sending MAIL FROM", "RCPT": "sending RCPT TO", "DATA": "sending DATA command",
           ".": "sending end of data", "EHLO LHLO": "performing the"}
# Names, value, the message, what the content must have, what it must not have.
CONTENT = [
    ("smtp_header_checks", "lmtp_header_checks", "pcre:{{/^Subject: (.*)/ REPLACE Subject: not $$1}}",
     "Subject: x\n\nhello\n", "Subject: not x"),
    ("smtp_body_checks", "lmtp_body_checks", "pcre:{{/hello/ REPLACE good bye}}",
     "Subject: x\n\nhello\n", "good bye"),
    ("smtp_mime_header_checks", "lmtp_mime_header_checks",
     "pcre:{{/^Content-Type: text.plain(.*)/ REPLACE Content-Type: text/html$$1}}",
     "MIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n\nhello\n", "text/html"),
    ("smtp_nested_header_checks", "lmtp_nested_header_checks",
     "pcre:{{/^Subject: inner/ REPLACE Subject: outer}}",
     "MIME-Version: 1.0\nContent-Type: message/rfc822\n\nSubject: inner\n\nhello\n",
     "Subject: outer"),
    ("smtp_generic_maps", "lmtp_generic_maps", "inline:{chris@maison.mrs=chris@out.example}",
     "From: chris@maison.mrs\n\nhello\n", "From: chris@out.example"),
    ("smtp_line_length_limit", "lmtp_line_length_limit", "20", "Subject: x\n\n" + "a" * 50 + "\n",
     "a" * 20 + "\r\n " + "a" * 19),
]
KINDS = ("smtp", "lmtp")


class Hosts:
    """A host for each transport, which it is the next hop of."""

    def __init__(self, room, net):
        self.net = net
        self.site = Site(room / "a", net, smtp_tcp_port=net.port, connection_cache_ttl_limit="30s",
                         info_log_address_format="internal",
                         delay_logging_resolution_limit="0")
        self.hosts = {}

    def case(self, name, kind, **settings):
        host = self.net.host(f"{name}.host.example")
        self.hosts[name] = host
        self.site.client(name, kind, f"[{host.address}]:{self.net.port}", **settings)
        return host

    def full(self):
        """An address where nobody takes a connection: its line of waiting clients is full."""
        listener = socket.socket()
        listener.bind((self.net.take_address(), self.net.port))
        listener.listen(0)
        self.waiting = getattr(self, "waiting", []) + [listener]
        for _ in range(3):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            self.waiting.append(client)
        return f"[{listener.getsockname()[0]}]:{self.net.port}"

    def send(self, name, text="Subject: x\n\nhello\n", **options):
        return self.site.send("chris@maison.mrs", f"a@{name}.example", text, **options)

    def said(self, name):
        """Commands that the host has heard, all sessions."""
        return [line for session in self.hosts[name].sessions for line in session.commands]


def names(row, kind):
    return row[KINDS.index(kind)]


@pytest.fixture(scope="module")
def world(room, net):
    one = Hosts(room, net)
    for kind in KINDS:
        for number, row in enumerate(TIMEOUTS):
            host = one.case(f"{kind}-t{number}", kind, **{names(row, kind): "1s"})
            for verb in row[2].split():
                host.on(verb, SILENT)
        for number, row in enumerate(CONTENT):
            one.case(f"{kind}-c{number}", kind, **{names(row, kind): row[2]})
        others(one, kind)
    routing(one, net)
    with one.site:
        yield one


def routing(one, net):
    """Domains whose way the DNS tells."""
    net.address("gw1.maison.mrs", "127.0.0.1")
    for name, settings in (("self", {"best_mx_transport": "discard:"}), ("self-loop", {})):
        net.mx(f"{name}.example", "10 gw1.maison.mrs")
        one.site.client(name, "smtp", **settings)
    for name, settings in (("nodns", {"disable_dns_lookups": "yes"}), ("dns", {})):
        net.domain(f"{name}.example")
        one.site.client(name, "smtp", **settings)
    for name, settings in (("ignoring", {"ignore_mx_lookup_error": "yes"}), ("minding", {})):
        net.address(f"{name}.example", net.host(f"mx.{name}.example").address, pointer=False)
        net.fails(f"{name}.example", {"MX": "servfail"})
        one.site.client(name, "smtp", **settings)


def others(one, kind):
    """Transports of the tests with a shape of their own."""
    refused = {"smtp": "554 no", "lmtp": "554 no"}[kind]
    one.case(f"{kind}-skip", kind, **{f"{kind}_skip_5xx_greeting": "no"}).on("GREETING", refused)
    one.case(f"{kind}-noskip", kind).on("GREETING", refused)
    one.case(f"{kind}-quit", kind, **{f"{kind}_skip_quit_response": "no",
                                      f"{kind}_quit_timeout": "1s"}).on("QUIT", SILENT)
    one.case(f"{kind}-filter", kind, **{
        f"{kind}_reply_filter": "pcre:{{/^550 (.*)/ 450 $$1}}"}).on("RCPT", "550 5.1.1 no")
    one.case(f"{kind}-status", kind, **{
        f"{kind}_delivery_status_filter": "pcre:{{/^5(.*)/ 4$$1}}"}).on("RCPT", "550 5.1.1 no")
    one.case(f"{kind}-bind", kind, **{f"{kind}_bind_address": "127.10.0.3"})
    one.case(f"{kind}-badbind", kind, **{f"{kind}_bind_address": "192.0.2.1",
                                         f"{kind}_bind_address_enforce": "yes"})
    one.case(f"{kind}-late-probe", kind, **{f"{kind}_address_verify_target": "data"}).on("DATA", "550 5.7.1 no")
    one.case(f"{kind}-probe", kind).on("DATA", "550 5.7.1 no")
    one.site.client(f"{kind}-full", kind, one.full(), **{f"{kind}_connect_timeout": "1s"})
    keyword = "ehlo" if kind == "smtp" else "lhlo"
    one.case(f"{kind}-nosize", kind, **{f"{kind}_discard_{keyword}_keywords": "size"})
    one.case(f"{kind}-words", kind, **{
        f"{kind}_discard_{keyword}_keyword_address_maps": "static:{size}"})
    one.case(f"{kind}-quote", kind, **{f"{kind}_quote_rfc821_envelope": "no"})
    one.case(f"{kind}-cache", kind, **{f"{kind}_connection_cache_destinations": "static:all",
                                       f"{kind}_connection_reuse_count_limit": "2",
                                       f"{kind}_connection_cache_time_limit": "5s"})
    one.case(f"{kind}-short", kind, **{f"{kind}_connection_cache_destinations": "static:all",
                                       f"{kind}_connection_reuse_time_limit": "1s",
                                       f"{kind}_connection_cache_time_limit": "9s"})
    spare = one.case(f"{kind}-spare", kind)
    one.site.client(f"{kind}-gone", kind, f"[{one.net.refusing('gone.example')}]:{one.net.port}",
                    **{f"{kind}_fallback_relay": f"[{spare.address}]:{one.net.port}"})
    for name, wish in (("xforward", "yes"), ("noforward", "no")):
        host = one.case(f"{kind}-{name}", kind, **{f"{kind}_send_xforward_command": wish,
                                                   f"{kind}_xforward_timeout": "1s"})
        host.keywords.append("XFORWARD ADDR SOURCE")
        host.on("XFORWARD", "250 2.0.0 Ok", SILENT)
    hello = {"smtp": "smtp_helo_name", "lmtp": "lmtp_lhlo_name"}[kind]
    one.case(f"{kind}-hello", kind, **{hello: "my.own.name"})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", range(len(TIMEOUTS)), ids=lambda n: TIMEOUTS[n][0])
def test_timeout(world, kind, row):
    """A time limit of one second ends what never answers."""
    world.send(f"{kind}-t{row}")
    line = world.site.wait_log(rf"to=<a@{kind}-t{row}\.example>.* status=deferred", patience=15)[0]
    assert "timed out while" in line and WAITING[TIMEOUTS[row][2]] in line, line


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", range(len(CONTENT)), ids=lambda n: CONTENT[n][0])
def test_content(world, kind, row):
    """Rules and rewriting on the way out."""
    world.send(f"{kind}-c{row}", CONTENT[row][3])
    world.site.wait_log(rf"to=<a@{kind}-c{row}\.example>.* status=sent")
    content = world.hosts[f"{kind}-c{row}"].messages[0].content.decode("latin-1")
    assert CONTENT[row][4] in content, content


@pytest.mark.parametrize("kind", KINDS)
def test_greeting(world, kind):
    """smtp_skip_5xx_greeting lmtp_skip_5xx_greeting: no: mail bounces; yes: it waits."""
    world.send(f"{kind}-skip")
    world.send(f"{kind}-noskip")
    world.site.wait_log(rf"to=<a@{kind}-skip\.example>.* status=bounced")
    world.site.wait_log(rf"to=<a@{kind}-noskip\.example>.* status=deferred")


@pytest.mark.parametrize("kind", KINDS)
def test_reply_filter(world, kind):
    """smtp_reply_filter lmtp_reply_filter smtp_delivery_status_filter lmtp_delivery_status_filter"""
    world.send(f"{kind}-filter")
    world.send(f"{kind}-status")
    world.site.wait_log(rf"to=<a@{kind}-filter\.example>.* status=deferred .*450 5\.1\.1 no")
    world.site.wait_log(rf"to=<a@{kind}-status\.example>.* dsn=4\.1\.1, status=deferred")


@pytest.mark.parametrize("kind", KINDS)
def test_bind_address(world, kind):
    """smtp_bind_address lmtp_bind_address smtp_bind_address_enforce lmtp_bind_address_enforce"""
    world.send(f"{kind}-bind")
    world.site.wait_log(rf"to=<a@{kind}-bind\.example>.* status=sent")
    assert world.hosts[f"{kind}-bind"].sessions[0].peer == "127.10.0.3"
    world.send(f"{kind}-badbind")
    line = world.site.wait_log(rf"to=<a@{kind}-badbind\.example>.* status=deferred")[0]
    assert "server configuration error" in line


@pytest.mark.parametrize("kind", KINDS)
def test_keywords(world, kind):
    """smtp_discard_ehlo_keyword_address_maps lmtp_discard_lhlo_keyword_address_maps
    smtp_discard_ehlo_keywords lmtp_discard_lhlo_keywords"""
    for name, has_size in (("words", False), ("nosize", False), ("hello", True)):
        world.send(f"{kind}-{name}")
        world.site.wait_log(rf"to=<a@{kind}-{name}\.example>.* status=sent")
        mail = next(line for line in world.said(f"{kind}-{name}") if line.startswith("MAIL"))
        assert ("SIZE" in mail) == has_size, mail


@pytest.mark.parametrize("kind", KINDS)
def test_quoting(world, kind):
    """smtp_quote_rfc821_envelope lmtp_quote_rfc821_envelope: no: the address as it is; and in
    the log info_log_address_format = internal, delay_logging_resolution_limit = 0."""
    world.site.send("chris@maison.mrs", f'"a b"@{kind}-quote.example')
    world.site.wait_log(rf"{kind}-quote\.example>.* status=")
    rcpt = next(line for line in world.said(f"{kind}-quote") if line.startswith("RCPT"))
    assert rcpt.startswith(f"RCPT TO:<a b@{kind}-quote.example>")
    line = world.site.wait_log(rf"to=<a b@{kind}-quote\.example>.* status=")[0]  # internal form
    assert re.search(r" delay=\d+, delays=\d+/\d+/\d+/\d+,", line), line  # no fractions


@pytest.mark.parametrize("kind", KINDS)
def test_connection_cache(world, kind):
    """smtp_connection_cache_destinations lmtp_connection_cache_destinations
    smtp_connection_reuse_count_limit lmtp_connection_reuse_count_limit
    smtp_connection_cache_time_limit lmtp_connection_cache_time_limit: two uses a session."""
    name = f"{kind}-cache"
    for number in range(1, 4):
        world.send(name)
        world.site.wait_log(rf"to=<a@{name}\.example>.* status=sent", count=number)
    per_session = [sum(line.startswith("MAIL") for line in session.commands)
                   for session in world.hosts[name].sessions]
    assert per_session == [2, 1]


@pytest.mark.parametrize("kind", KINDS)
def test_reuse_time(world, kind):
    """smtp_connection_reuse_time_limit lmtp_connection_reuse_time_limit: a session that is too
    old after a delivery is not kept for the next one."""
    name = f"{kind}-short"
    for number in range(1, 4):
        world.send(name)
        world.site.wait_log(rf"to=<a@{name}\.example>.* status=sent", count=number)
        if number == 1:
            time.sleep(1.1)
    assert len(world.hosts[name].sessions) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_fallback(world, kind):
    """smtp_fallback_relay lmtp_fallback_relay"""
    world.send(f"{kind}-gone")
    world.site.wait_log(rf"to=<a@{kind}-gone\.example>.* status=sent")
    assert world.hosts[f"{kind}-spare"].messages


def test_mx_of_our_own(world):
    """best_mx_transport: where mail goes that the DNS sends to ourselves"""
    world.send("self")
    world.send("self-loop")
    world.site.wait_log(r"to=<a@self\.example>.* status=sent")
    world.site.wait_log(r"to=<a@self-loop\.example>.* status=bounced .*loops back")


def test_without_dns(world):
    """disable_dns_lookups: no MX record is looked for"""
    world.send("dns")
    world.send("nodns")
    world.site.wait_log(r"to=<a@dns\.example>.* status=sent")
    world.site.wait_log(r"to=<a@nodns\.example>.* status=(bounced|deferred)")


def test_mx_lookup_error(world):
    """ignore_mx_lookup_error: the address of the domain is tried"""
    world.send("ignoring")
    world.send("minding")
    world.site.wait_log(r"to=<a@ignoring\.example>.* status=sent")
    world.site.wait_log(r"to=<a@minding\.example>.* status=deferred")


@pytest.mark.parametrize("kind", KINDS)
def test_hello(world, kind):
    """smtp_helo_name lmtp_lhlo_name"""
    world.send(f"{kind}-hello")
    world.site.wait_log(rf"to=<a@{kind}-hello\.example>.* status=sent")
    assert world.said(f"{kind}-hello")[0].endswith("LO my.own.name")


@pytest.mark.parametrize("kind", KINDS)
def test_quit(world, kind):
    """smtp_skip_quit_response lmtp_skip_quit_response smtp_quit_timeout lmtp_quit_timeout"""
    world.send(f"{kind}-quit")
    world.site.wait_log(rf"to=<a@{kind}-quit\.example>.* status=sent")
    wait_until(lambda: "QUIT" in world.said(f"{kind}-quit"), "QUIT")


@pytest.mark.parametrize("kind", KINDS)
def test_target_of_probes(world, kind):
    """smtp_address_verify_target lmtp_address_verify_target: a probe that goes up to DATA hears more"""
    names = {f"a@{kind}-late-probe.example": "undeliverable", f"a@{kind}-probe.example": "deliverable"}
    world.site.run("sendmail", "-bv", *names)
    for address, status in names.items():
        world.site.wait_log(rf"to=<{re.escape(address)}>.* status={status}")


@pytest.mark.parametrize("kind", KINDS)
def test_connect_timeout(world, kind):
    """smtp_connect_timeout lmtp_connect_timeout: a host that never takes the connection"""
    world.send(f"{kind}-full")
    world.site.wait_log(rf"to=<a@{kind}-full\.example>.* status=deferred .*Connection timed out", patience=6)


@pytest.mark.parametrize("kind", KINDS)
def test_xforward(world, kind):
    """smtp_send_xforward_command lmtp_send_xforward_command smtp_xforward_timeout lmtp_xforward_timeout: a filter hears who the client is, or falls silent over it."""
    for name in (f"{kind}-xforward", f"{kind}-noforward"):
        world.site.wait_removed(world.send(name))
    told = [line for line in world.said(f"{kind}-xforward") if line.startswith("XFORWARD")]
    assert told == ["XFORWARD ADDR=127.0.0.1 SOURCE=LOCAL"]
    assert not any(line.startswith("XFORWARD") for line in world.said(f"{kind}-noforward"))
    queue_id = world.send(f"{kind}-xforward")
    world.site.wait_log(rf"{queue_id}: .*timed out while sending XFORWARD")

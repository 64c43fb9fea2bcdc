"""Which hosts the SMTP and LMTP client tries, how long it waits, how it logs in: a row for both.

A row's mail goes to a name with the addresses that the row needs; its host tells what came.
"""

import base64
import pathlib
import re
import socket
import ssl
import time

import pytest

from harness.instance import wait_until
from testnet.fakehost import SILENT, FakeHost
from testnet.internet import has_ipv6
from tls.certificates import Authority, fingerprint

from .site import Site

KINDS = ("smtp", "lmtp")
PAUSE = 0.35  # seconds between a slow host's lines
LOGIN = {"K_sasl_auth_enable": "yes", "K_sasl_password_maps": "static:user:word",
         "K_sasl_security_options": "noanonymous"}
LARGE = "Subject: x\n\n" + ("a" * 70 + "\n") * 140000  # more than the buffers between us


def hosts_file_name():
    """A name of 127.0.0.1 in /etc/hosts that the DNS does not know; None when there is none."""
    lines = pathlib.Path("/etc/hosts").read_text().splitlines()
    names = [name for line in lines if line.startswith("127.0.0.1") for name in line.split()[1:]]
    return next((name for name in names if not name.startswith("localhost")), None)


def slow(session, line):
    """Another line of a reply in time for a line's limit, never in time for a reply's."""
    for _ in range(5):
        session.say("250-wait")
        time.sleep(PAUSE)


def numb(session, line):
    """Read no more for a while."""
    time.sleep(2.5)


def sip(session, line):
    """Read slowly, but read."""
    for _ in range(30):
        session.file.read(250000)
        time.sleep(0.1)


def offers(words):
    def manner(host):
        host.keywords.append("AUTH " + words)
        host.on("AUTH", "235 2.7.0 welcome")
        host.on("MAIL", lambda session, line: None if any(
            c.startswith("AUTH") for c in session.commands) else "530 5.7.0 log in first")
    return manner


def refuses_login(host):
    offers("PLAIN")(host)
    host.on("AUTH", "535 5.7.8 wrong")


def over_tls(host):
    offers("PLAIN")(host)
    host.tls = host.net_tls


def reads(how):
    def manner(host):
        host.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        host.on("BODY", how)
    return manner


def dawdles(host):
    host.on("MAIL", slow)


def forgets_to_reset(host):
    host.on("RCPT", "550 5.1.1 no").on("RSET", SILENT)


def usual(host):
    """As it comes."""


DEADLINE = {"K_per_request_deadline": "yes", "K_data_xfer_timeout": "1s"}
FOUR_FIRST = {"K_address_preference": "ipv4", "K_randomize_addresses": "no"}
FAILED_LOGINS = {**LOGIN, "K_sasl_auth_cache_name": "proxy:btree:$data_directory/K_logins"}
PLAIN = "sent .* AUTH PLAIN " + base64.b64encode(b"\0user\0word").decode()
# Parameter of each kind, value, other settings, what its host does, status and the commands with
# the value, and without (None: not tried).
ROWS = [
    ("smtp_sasl_mechanism_filter", "lmtp_sasl_mechanism_filter", "!plain, static:all", LOGIN,
     offers("PLAIN LOGIN"), ".* AUTH LOGIN", "sent .* AUTH PLAIN"),
    ("smtp_sasl_security_options", "lmtp_sasl_security_options", "noplaintext",
     {**LOGIN, "K_sasl_security_options": None}, offers("PLAIN"), "deferred .*no mechanism",
     None),
    ("smtp_sasl_password_result_delimiter", "lmtp_sasl_password_result_delimiter", "/",
     {**LOGIN, "K_sasl_password_maps": "static:user/word"}, offers("PLAIN"),
     PLAIN + " ", f"(?!{PLAIN} )"),
    ("smtp_sasl_auth_enable", "lmtp_sasl_auth_enable", "yes",
     {**LOGIN, "K_sasl_auth_enable": None}, offers("PLAIN"), "sent .* AUTH PLAIN",
     "bounced .*log in first"),
    ("smtp_sasl_auth_soft_bounce", "lmtp_sasl_auth_soft_bounce", "no", LOGIN, refuses_login,
     "bounced .*535 5.7.8 wrong", "deferred .*535 5.7.8 wrong"),
    ("smtp_sender_dependent_authentication", "lmtp_sender_dependent_authentication", "yes",
     {**LOGIN, "K_sasl_password_maps": "inline:{{chris@maison.mrs=chris:word}}"}, offers("PLAIN"),
     "sent .* AUTH PLAIN", "bounced .*log in first"),
    ("smtp_per_request_deadline", "lmtp_per_request_deadline", "yes", {"K_mail_timeout": "1s"},
     dawdles, "deferred .*timed out while sending MAIL FROM", "sent"),
    ("smtp_per_record_deadline", "lmtp_per_record_deadline", "yes", {"K_mail_timeout": "1s"},
     dawdles, "deferred .*timed out while sending MAIL FROM", "sent"),
    ("smtp_data_xfer_timeout", "lmtp_data_xfer_timeout", "1s", {}, reads(numb),
     "deferred .*timed out while sending message body", "sent"),
    ("smtp_min_data_rate", "lmtp_min_data_rate", "2000000000", DEADLINE, reads(sip),
     "deferred .*timed out while sending message body", "sent"),
    ("smtp_connection_cache_on_demand", "lmtp_connection_cache_on_demand", "no",
     {"K_connection_cache_time_limit": "30s", "connection_cache_ttl_limit": "30s"}, usual, "sent .*sessions=2",
     "sent .*sessions=1"),
    ("connection_cache_ttl_limit", "connection_cache_ttl_limit", "0",
     {"K_connection_cache_time_limit": "30s"}, usual, "sent .*sessions=2", "sent .*sessions=1"),
    ("smtp_sasl_auth_cache_name", "lmtp_sasl_auth_cache_name",
     FAILED_LOGINS["K_sasl_auth_cache_name"], LOGIN, refuses_login, "deferred .*[[]CACHED[]]",
     "deferred (?!.*CACHED)"),
    ("smtp_sasl_auth_cache_time", "lmtp_sasl_auth_cache_time", "1s", FAILED_LOGINS, refuses_login,
     "deferred (?!.*CACHED)", "deferred .*[[]CACHED[]]"),
    ("smtp_sasl_tls_security_options", "lmtp_sasl_tls_security_options", "noplaintext",
     {**LOGIN, "K_tls_security_level": "encrypt"}, over_tls, "deferred .*no mechanism",
     "sent .* AUTH PLAIN"),
    ("smtp_sasl_tls_verified_security_options", "lmtp_sasl_tls_verified_security_options",
     "noplaintext", {**LOGIN, "K_tls_security_level": "fingerprint",
                     "K_tls_fingerprint_cert_match": "{print}"}, over_tls,
     "deferred .*no mechanism", "sent .* AUTH PLAIN"),
]
# Names with an IPv4 address, where the host is that is gone or busy, and ::1, where one works.
TWO_FAMILIES = [
    ("smtp_address_preference", "lmtp_address_preference", "ipv6", {}, "good",
     r"sent relay=\S+\[::1\]", None),
    ("smtp_address_preference", "lmtp_address_preference", "ipv4", {}, "good",
     r"sent relay=\S+\[127\.", None),
    ("smtp_mx_address_limit", "lmtp_mx_address_limit", "1", FOUR_FIRST, "gone", "deferred", "sent"),
    ("smtp_mx_session_limit", "lmtp_mx_session_limit", "1", FOUR_FIRST, "busy", "deferred", "sent"),
    ("smtp_balance_inet_protocols", "lmtp_balance_inet_protocols", "no",
     {"K_mx_address_limit": "2", **FOUR_FIRST}, "many gone", "deferred", "sent"),
    ("smtp_bind_address6", "lmtp_bind_address6", "2001:db8::9",
     {"K_bind_address_enforce": "yes", "K_address_preference": "ipv6", "K_mx_address_limit": "1"},
     "good",
     "deferred .*server configuration error", "sent"),
]
DANE = {"K_tls_security_level": "dane-only"}
# Names in the DNS, of one host that works and with "many" others that are gone behind it.
NAMED = [
    ("smtp_dns_support_level", "lmtp_dns_support_level", "dnssec", DANE, "one", "deferred .*non DNSSEC destination",
     "deferred .*dane configured with dnssec lookups disabled"),
    ("smtp_tls_force_insecure_host_tlsa_lookup", "lmtp_tls_force_insecure_host_tlsa_lookup", "yes",
     {"K_dns_support_level": "dnssec", **DANE}, "one", "deferred .*no TLSA records found",
     "deferred .*non DNSSEC destination"),
    ("smtp_randomize_addresses", "lmtp_randomize_addresses", "no", {"K_mx_address_limit": "1"}, "many", "sent", None),
]
if hosts_file_name():  # known by /etc/hosts alone
    NAMED.append(("smtp_host_lookup", "lmtp_host_lookup", "dns, native", {}, hosts_file_name(), "(sent|bounced .*loops back)",
                  "(deferred|bounced) .*not found"))
LARGE_ROWS = ("data_xfer_timeout", "min_data_rate")
TWICE = ("cache_name", "cache_time", "on_demand", "ttl_limit")


def as_written(name):
    return "K" + name[4:] if name[:4] in KINDS else name


class World:
    """A transport with and without each row's setting; the same settings share one."""

    def __init__(self, room, net):
        self.net, self.names, self.hosts, self.rows = net, {}, {}, {}
        authority = Authority(room / "ca")
        chain = authority.issue("server.pem", "host.example")
        self.print = fingerprint(chain)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(str(chain))
        self.site = Site(room / "a", net, inet_protocols="all", connection_cache_ttl_limit="30s",
                         proxymap_service_name="asker",
                         proxywrite_service_name="writer",
                         proxy_write_maps="proxy:btree:$data_directory/smtp_logins, "
                         "proxy:btree:$data_directory/lmtp_logins")
        self.site.service("asker unix - - n - - proxymap", {})
        self.site.service("writer unix - - n - 1 proxymap", {})

    def cases(self, rows, nexthop):
        for row in rows:
            for number, kind in enumerate(KINDS):
                base = {k: v for k, v in row[3].items() if k != as_written(row[number])}
                with_it = {**base, as_written(row[number]): row[2]}
                for is_set, settings in ((True, with_it), (False, base)):
                    if row[5 + (not is_set)] is not None:
                        self.case(kind, row, number, is_set, settings, nexthop)

    def case(self, kind, row, number, is_set, settings, nexthop):
        name = self.names[kind, row[number], row[2], is_set] = f"{kind}{len(self.rows)}"
        self.rows[name] = row
        settings = {key.replace("K_", kind + "_"): value.replace("K_", kind + "_").format(
            print=self.print) for key, value in settings.items() if value is not None}
        self.site.client(name, kind, nexthop(name, row[4]), 1, **settings)

    def own_host(self, name, manner):
        host = self.hosts[name] = self.net.host(f"{name}.host.example")
        host.net_tls = self.tls
        manner(host)
        return f"[{host.address}]:{self.net.port}"

    def two_families(self, name, words):
        self.net.entry(f"{name}.two.example")["AAAA"] = ["::1"]
        for _ in range(3 if "many" in words else 1):
            if "gone" in words:
                address = self.net.refusing(f"gone.{name}.example")
            else:
                host = self.net.host(f"four.{name}.example")
                address = host.address
                if "busy" in words:
                    host.on("RCPT", "450 4.3.2 busy")
            self.net.address(f"{name}.two.example", address, pointer=False)
        return f"[{name}.two.example]:{self.net.port}"

    def named(self, name, words):
        if words not in ("one", "many"):
            return f"[{words}]:{self.net.port}"
        host = self.net.host(f"good.{name}.example")
        self.net.address(f"{name}.named.example", host.address, pointer=False)
        for number in range(9 if "many" in words else 0):
            self.net.address(f"{name}.named.example", self.net.refusing(f"gone{number}.{name}.example"), pointer=False)
        return f"[{name}.named.example]:{self.net.port}"

    def send(self, name, row):
        large = row[0].endswith(LARGE_ROWS)
        self.site.send("chris@maison.mrs", f"a@{name}.example",
                       LARGE if large else "Subject: x\n\nhello\n")

    def outcome(self, name, row):
        """Status of the mail and what the host heard; of a second mail where the row needs it."""
        pattern = rf"to=<a@{name}\.example>.* status="
        line = self.site.wait_log(pattern, patience=25)[0]
        if row[0].endswith(TWICE):
            time.sleep(1.2 if row[0].endswith("cache_time") else 0)
            self.send(name, row)
            line = self.site.wait_log(pattern, count=2, patience=25)[1]
        relay = re.search(r"relay=[^,]*", line)[0]
        said = line.split("status=", 1)[1].replace(" ", f" {relay} ", 1)
        if name in self.hosts:
            sessions = self.hosts[name].sessions
            said += " " + " ".join(sessions[-1].commands) if sessions else ""
            said += f" sessions={len(sessions)}"
        return said

    def check(self, row, number):
        for is_set in (True, False):
            name = self.names.get((KINDS[number], row[number], row[2], is_set))
            if name:
                found = self.outcome(name, row)
                assert re.match(row[5 + (not is_set)], found), f"{is_set}: {found}"


@pytest.fixture(scope="module")
def world(room, net):
    one = World(room, net)
    one.cases(ROWS, one.own_host)
    one.cases(NAMED, one.named)
    FakeHost("here.example", "127.0.0.1", net.port).start()
    if has_ipv6():
        FakeHost("six.example", "::1", net.port).start()
        one.cases(TWO_FAMILIES, one.two_families)
    others(one)
    with one.site:
        for name, row in one.rows.items():
            one.send(name, row)
        yield one


def others(one):
    """Transports of the tests with a shape of their own."""
    for kind in KINDS:
        where = one.own_host(f"{kind}reset", forgets_to_reset)
        one.site.client(f"{kind}reset", kind, where, **{f"{kind}_rset_timeout": "1s"})
        one.site.client(f"{kind}type", kind, where, **{
            f"{kind}_sasl_auth_enable": "yes", f"{kind}_sasl_password_maps": "static:user:word",
            f"{kind}_sasl_type": "nothing"})
    for name, settings in (("kept", {}), ("unkept", {"lmtp_cache_connection": "no"})):
        one.site.client(name, "lmtp", one.own_host(name, usual), 1,
                        lmtp_connection_cache_time_limit="30s", **settings)


@pytest.mark.parametrize("number", range(2), ids=KINDS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_setting(world, row, number):
    """With the setting and without it the delivery ends another way."""
    world.check(row, number)


@pytest.mark.parametrize("number", range(2), ids=KINDS)
@pytest.mark.parametrize("row", NAMED, ids=lambda row: row[0])
def test_named(world, row, number):
    """How a name is looked up, and which of its addresses comes first."""
    world.check(row, number)


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
@pytest.mark.parametrize("number", range(2), ids=KINDS)
@pytest.mark.parametrize("row", TWO_FAMILIES, ids=lambda row: f"{row[0]}-{row[2]}")
def test_two_families(world, row, number):
    """Which of a name's addresses are tried."""
    world.check(row, number)


@pytest.mark.parametrize("kind", KINDS)
def test_reset(world, kind):
    """smtp_rset_timeout lmtp_rset_timeout: who does not answer RSET is left after a second"""
    name = f"{kind}reset"
    world.site.send("chris@maison.mrs", f"a@{name}.example")
    world.site.wait_log(rf"to=<a@{name}\.example>.* status=bounced")
    session = world.hosts[name].sessions[0]
    wait_until(lambda: session.ended, "the end of the session", patience=6)
    assert session.commands[-1] == "RSET"


@pytest.mark.parametrize("kind", KINDS)
def test_kind_of_sasl(world, kind):
    """smtp_sasl_type lmtp_sasl_type: one that we do not have"""
    world.site.send("chris@maison.mrs", f"a@{kind}type.example")
    world.site.wait_log(rf"{kind}\[\d+\]: fatal: unsupported SASL client .*: nothing")


def test_kept_connections(world):
    """lmtp_cache_connection: no: each message has a session of its own"""
    for name, sessions in (("kept", 1), ("unkept", 2)):
        for number in (1, 2):
            world.site.send("chris@maison.mrs", f"a@{name}.example")
            world.site.wait_log(rf"to=<a@{name}\.example>.* status=sent", count=number)
        assert len(world.hosts[name].sessions) == sessions

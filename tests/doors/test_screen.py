"""postscreen in smtpd: who gets to the SMTP server at all (rows of group M; S207, S213)."""

import re
import socket
import time

from harness.instance import Dialogue, free_port
from testnet.dnsserver import DnsServer

BASE = {"mydestination": "maison.mrs", "local_transport": "discard",
        "local_recipient_maps": "inline:{chris=x}", "mynetworks": "192.0.2.0/24",
        "postscreen_greet_wait": "1s", "postscreen_dnsbl_sites": "",
        "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination"}
DEEP = {"postscreen_pipelining_enable": "yes", "postscreen_greet_wait": "0",
        "postscreen_cache_map": ""}
ENGINE = {"postscreen_access_list": "static:reject", "postscreen_denylist_action": "enforce",
          "postscreen_greet_wait": "0", "postscreen_cache_map": ""}


class Screened:
    """An instance with a postscreen service for each set of settings."""

    def __init__(self, instance, cases, **parameters):
        self.instance = instance.set(**{**BASE, **parameters})
        self.ports = {}
        instance.extra_services = "smtpd pass - - n - 20 smtpd\n"
        for name, settings in cases.items():
            port = free_port()
            while port in (instance.port, *self.ports.values()):
                port = free_port()
            self.ports[name] = port
            instance.extra_services += f"127.0.0.1:{port} inet n - n - 1 postscreen\n" + "".join(
                f"    -o {{ {key} = {value} }}\n" for key, value in settings.items())

    def door(self, name, source="127.0.0.1"):
        talk = Dialogue.__new__(Dialogue)
        talk.socket = socket.create_connection(("127.0.0.1", self.ports[name]), timeout=20,
                                               source_address=(source, 0))
        talk.file = talk.socket.makefile("rb")
        return talk

    def talk(self, name, *lines, source="127.0.0.1"):
        with self.door(name, source) as talk:
            replies = [talk.reply()]
            for line in lines:
                talk.say(line)
                replies.append(talk.reply())
            return replies


# name, settings, lines, a pattern of the last reply, a pattern of the log (or None)
AFTER = [
    ("access_list", ENGINE, ["EHLO c.example", "MAIL FROM:<a@b.example>",
                             "RCPT TO:<chris@maison.mrs>"],
     "550 5.3.2 Service currently unavailable",
     r"postscreen\[\d+\]: NOQUEUE: reject: RCPT from \[127.0.0.1\]:\d+: 550 5.3.2 Service currently "
     r"unavailable; from=<a@b.example>, to=<chris@maison.mrs>, proto=ESMTP, helo=<c.example>"),
    ("denylist_action", {**ENGINE, "postscreen_denylist_action": "drop"}, [],
     "521 5.3.2 Service currently unavailable", r"DENYLISTED \[127.0.0.1\]:\d+"),
    ("blacklist_action", {"postscreen_access_list": "static:reject", "respectful_logging": "no",
                          "postscreen_blacklist_action": "drop"}, [],
     "521 5.3.2", r"BLACKLISTED \[127.0.0.1\]:\d+"),
    ("command_count_limit", {**ENGINE, "postscreen_command_count_limit": "2"},
     ["NOOP", "NOOP", "NOOP"], "421 gw1.maison.mrs Service unavailable - try again later",
     "COMMAND COUNT LIMIT from .* after NOOP"),
    ("command_time_limit", {**ENGINE, "postscreen_command_time_limit": "1s"}, [""],
     "", "COMMAND TIME LIMIT from .* after "),
    ("command_filter", {**ENGINE, "postscreen_command_filter": "inline:{{MARS=NOOP}}"}, ["MARS"],
     "250 2.0.0 Ok", r'replacing command "MARS" with "NOOP"'),
    ("disable_vrfy", {**ENGINE, "postscreen_disable_vrfy_command": "yes"}, ["VRFY chris"],
     "502 5.5.1 VRFY command is disabled", None),
    ("vrfy", ENGINE, ["VRFY chris"], "550 5.3.2 Service currently unavailable", None),
    ("helo_required", {**ENGINE, "postscreen_helo_required": "yes"}, ["MAIL FROM:<a@b.example>"],
     "503 5.5.1 Error: send HELO/EHLO first", None),
    ("discard_ehlo", {**ENGINE, "postscreen_discard_ehlo_keywords": "dsn, etrn"}, ["EHLO c"],
     r"(?s)250-gw1.maison.mrs\n(?!.*(DSN|ETRN|PIPELINING|AUTH)).*8BITMIME", None),
    ("discard_by_address", {**ENGINE, "postscreen_discard_ehlo_keyword_address_maps":
                            "inline:{{127.0.0.1=size}}"}, ["EHLO c"], r"(?s)(?!.*SIZE)", None),
    ("reject_footer", {**ENGINE, "postscreen_reject_footer": "see $client_address",
                       "postscreen_expansion_filter": "0123456789."}, ["VRFY x"],
     "550-5.3.2 Service currently unavailable\n550 5.3.2 see 127.0.0.1", None),
    ("reject_footer_maps", {**ENGINE, "postscreen_reject_footer_maps": "static:by-map"}, ["VRFY x"],
     "550-5.3.2 Service currently unavailable\n550 5.3.2 by-map", None),
    ("enforce_tls", {**ENGINE, "postscreen_tls_security_level": "encrypt"},
     ["MAIL FROM:<a@b.example>"], "530 5.7.0 Must issue a STARTTLS command first", None),
    ("forbidden", {**ENGINE, "postscreen_forbidden_commands": "MARS"}, ["MARS attacks"],
     "521 5.7.0 Error: I can break rules, too. Goodbye.",
     "NON-SMTP COMMAND from .* after CONNECT: MARS attacks"),
    ("non_smtp_enforce", {**DEEP, "postscreen_non_smtp_command_enable": "yes",
                          "postscreen_non_smtp_command_action": "enforce"},
     ["GET / HTTP/1.0", "MAIL FROM:<a@b.example>", "RCPT TO:<chris@maison.mrs>"],
     "550 5.5.1 Protocol error", "NON-SMTP COMMAND"),
    ("newline_drop", {**DEEP, "postscreen_bare_newline_enable": "yes",
                      "postscreen_bare_newline_action": "drop"}, [b"NOOP\n"],
     "521 5.5.1 Protocol error", "BARE NEWLINE from .* after NOOP"),
    ("pipelining_enforce", DEEP,
     [b"EHLO c\r\nRSET\r\n", b"", "MAIL FROM:<a@b.example>", "RCPT TO:<chris@maison.mrs>"],
     None, r"COMMAND PIPELINING from .* after EHLO: RSET\\r\\n"),
    ("pipelining_drop", {**DEEP, "postscreen_pipelining_action": "drop"}, [b"NOOP\r\nNOOP\r\n"],
     "521 5.5.1 Protocol error", "COMMAND PIPELINING from .* after NOOP"),
]


def check_after(site, name, lines, answer, log):
    """One row of AFTER."""
    with site.door(name) as talk:
        last = talk.reply()
        for line in lines:
            if line != b"" and line != "":
                talk.say(line)
            last = talk.reply()
    if answer:
        assert re.match(answer, last), (name, last)
    if log:
        site.instance.wait_log(log)


def test_dialogue_of_the_tests(instance):
    """S019 S213: settings of the dialogue that clients have who get no server, each by its effect."""
    site = Screened(instance, {row[0]: row[1] for row in AFTER})
    with instance:
        for name, _, lines, answer, log in AFTER:
            check_after(site, name, lines, answer, log)


def test_early_talker_and_pass(instance):
    """Who waits gets the server, and is known from then on; who speaks first is told off."""
    site = Screened(instance, {
        "plain": {"postscreen_greet_action": "enforce"},
        "drop": {"postscreen_greet_action": "drop", "postscreen_greet_banner": "Wait"},
        "ignore": {"postscreen_greet_action": "ignore", "postscreen_greet_banner": "",
                   "postscreen_cache_map": ""},
        "trusted": {"postscreen_access_list": "permit_mynetworks", "mynetworks": "127.0.0.3"},
        "backup": {"postscreen_allowlist_interfaces": "!127.0.0.1, static:all"},
    })
    mail = ["EHLO c.example", "MAIL FROM:<a@b.example>", "RCPT TO:<chris@maison.mrs>"]
    with instance:
        assert site.talk("plain", *mail)[-1] == "250 2.1.5 Ok"
        instance.wait_log(r"postfix/postscreen\[\d+\]: CONNECT from \[127.0.0.1\]:\d+ to \[127.0.0.1\]:")
        instance.wait_log(r"postfix/postscreen\[\d+\]: PASS NEW \[127.0.0.1\]:\d+")
        instance.wait_log(r"postfix/smtpd\[\d+\]: connect from unknown\[127.0.0.1\]")
        begin = time.monotonic()
        assert site.talk("plain", *mail)[-1] == "250 2.1.5 Ok"
        assert time.monotonic() - begin < 0.9
        instance.wait_log(r"PASS OLD \[127.0.0.1\]:\d+")
        with site.door("drop", "127.0.0.2") as talk:
            talk.say("EHLO early")
            assert talk.reply() == "220-Wait\n521 5.5.1 Protocol error"
            assert talk.reply() == ""
        instance.wait_log(r"PREGREET 12 after 0\.\d+ from \[127.0.0.2\]:\d+: EHLO early\\r\\n")
        instance.wait_log(r"DISCONNECT \[127.0.0.2\]:\d+")
        with site.door("plain", "127.0.0.4") as talk:
            talk.say("EHLO early")
            assert talk.reply().startswith("220-gw1.maison.mrs ESMTP Postfix\n250-gw1")
            talk.say("EHLO again")
            assert "PIPELINING" not in talk.reply()
            for line, answer in (("MAIL FROM:<a@b.example>", "250 2.1.0 Ok"),
                                 ("RCPT TO:<chris@maison.mrs>", "550 5.5.1 Protocol error"),
                                 ("QUIT", "221 2.0.0 Bye")):
                talk.say(line)
                assert talk.reply() == answer
        with site.door("ignore", "127.0.0.5") as talk:
            talk.say("EHLO early")
            assert talk.reply().startswith("220 gw1")
        begin = time.monotonic()
        assert site.talk("trusted", "NOOP", source="127.0.0.3")[-1].startswith("250")
        assert time.monotonic() - begin < 0.9
        instance.wait_log(r"ALLOWLISTED \[127.0.0.3\]:\d+")
        assert site.talk("backup", *mail, source="127.0.0.6")[-1].startswith("450 4.3.2 Service")
        instance.wait_log(r"ALLOWLIST VETO \[127.0.0.6\]:\d+")
        with site.door("plain", "127.0.0.7") as talk:
            talk.socket.recv(10)
        instance.wait_log(r"HANGUP after 0\.\d+ from \[127.0.0.7\]:\d+ in tests before SMTP handshake")


def test_deep_pass_needs_a_second_visit(instance):
    """Tests behind the banner end in 450; the next time the client gets the server."""
    site = Screened(instance, {"deep": {
        "postscreen_greet_wait": "0", "postscreen_pipelining_enable": "yes",
        "postscreen_non_smtp_command_enable": "yes", "postscreen_bare_newline_enable": "yes"}})
    mail = ["EHLO c.example", "MAIL FROM:<a@b.example>", "RCPT TO:<chris@maison.mrs>", "QUIT"]
    with instance:
        replies = site.talk("deep", *mail)
        assert replies[-2:] == ["450 4.3.2 Service currently unavailable", "221 2.0.0 Bye"]
        instance.wait_log(r"PASS NEW")
        assert site.talk("deep", *mail)[-2] == "250 2.1.5 Ok"


def test_dns_lists(instance):
    """S207 S213: lists are asked at once, their weights add up, and good ones spare the rest."""
    with DnsServer({}) as dns:
        dns.zone["2.0.0.127.bad.example"] = {"A": ["127.0.0.2"]}
        dns.zone["2.0.0.127.worse.example"] = {"A": ["127.0.0.9"]}
        dns.zone["3.0.0.127.good.example"] = {"A": ["127.0.0.5"]}
        sites = ("bad.example=127.0.0.2*2, worse.example=127.0.0.[8..10], good.example*-5, "
                 "bad.example=127.0.0.7*9")
        site = Screened(instance, {
            "drop": {"postscreen_dnsbl_action": "drop", "postscreen_dnsbl_threshold": "3",
                     "postscreen_dnsbl_reply_map": "inline:{{bad.example=a list}}"},
            "higher": {"postscreen_dnsbl_action": "drop", "postscreen_dnsbl_threshold": "4"},
            "good": {"postscreen_dnsbl_allowlist_threshold": "-1",
                     "postscreen_pipelining_enable": "yes"},
        }, resolver_nameservers=f"{dns.host}@{dns.port}", postscreen_dnsbl_sites=sites)
        with instance:
            assert "521 5.7.1 Service unavailable; client [127.0.0.2] blocked using a list" in \
                site.talk("drop", source="127.0.0.2")[0]
            instance.wait_log(r"DNSBL rank 3 for \[127.0.0.2\]:\d+")
            instance.wait_log(r"postfix/dnsblog\[\d+\]: addr 127.0.0.2 listed by domain bad.example "
                              r"as 127.0.0.2")
            assert site.talk("higher", "NOOP", source="127.0.0.2")[-1] == "250 2.0.0 Ok"
            with site.door("good", "127.0.0.3") as talk:
                assert talk.reply().startswith("220-")
                talk.say("EHLO c")
                assert "PIPELINING" in talk.reply()

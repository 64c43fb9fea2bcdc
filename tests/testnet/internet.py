"""A small Internet on 127/8: named hosts with addresses of their own, and one DNS.

    with Internet() as net:
        free = net.host("mx.free.fr")                 # the next address in 127.10.0/24
        net.mx("free.fr", "10 mx.free.fr")
        free.on("MAIL", "553 sorry, your envelope sender domain must exist (#5.7.1)")
        gateway = Instance(place, **net.parameters())

All hosts listen on one high port, so nobody needs root; where DILIGENCE_INTERNET_PORT=25 says
so (in a network namespace of its own) it is the real one. sources() adds the hosts that the
course names.
"""

import ipaddress
import os
import socket

from harness.instance import free_port, wait_until

from .dnsserver import DnsServer
from .fakehost import CLOSE, SILENT, FakeHost

FIRST_ADDRESS = ipaddress.ip_address("127.10.0.20")
UNKNOWN_SENDER = "553 sorry, your envelope sender domain must exist (#5.7.1)"


def has_ipv6():
    """Can this machine listen on ::1?"""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def common_port():
    """A TCP port that is free on every address."""
    wanted = int(os.environ.get("DILIGENCE_INTERNET_PORT", "0"))
    if wanted:
        return wanted
    return free_port("0.0.0.0")


class Internet:
    """Hosts, their names and the servers that answer for them."""

    def __init__(self):
        self.port = common_port()
        self.zone = {}
        self.dns = DnsServer(self.zone).start()
        self.zone = self.dns.zone  # the server keeps a copy: change this one
        self.hosts = {}
        self.next_address = FIRST_ADDRESS

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        for host in self.hosts.values():
            host.close()
        self.dns.stop()

    # --- names ---------------------------------------------------------------

    def entry(self, name):
        return self.zone.setdefault(name, {"ttl": 0})

    def address(self, name, *addresses, pointer=True):
        """NAME has ADDRESSES; with POINTER they have it as their name."""
        for address in addresses:
            kind = "AAAA" if ":" in address else "A"
            self.entry(name).setdefault(kind, []).append(address)
            if pointer:
                self.entry(address)["PTR"] = [name]

    def mx(self, domain, *records):
        """DOMAIN has the MX RECORDS, each "preference host"."""
        self.entry(domain)["MX"] = list(records)

    def fails(self, name, how="servfail"):
        """Look-ups of NAME fail: servfail, noanswer, refused; {"MX": "servfail"}."""
        self.entry(name)["fail"] = how

    # --- hosts ---------------------------------------------------------------

    def take_address(self):
        address = str(self.next_address)
        self.next_address += 1
        return address

    def host(self, name, address=None, **behaviour):
        """A mail server of its own; FakeHost's arguments in BEHAVIOUR."""
        address = address or self.take_address()
        host = FakeHost(name, address, self.port, **behaviour).start()
        self.hosts[name] = host
        self.address(name, address)
        return host

    def refusing(self, name):
        """A host that exists and refuses connections: nobody listens there."""
        address = self.take_address()
        self.address(name, address)
        return address

    def silent(self, name):
        """A host that takes the connection and never says a word."""
        return self.host(name, greeting=SILENT)

    def domain(self, domain, **behaviour):
        """A domain with one mail server mx.DOMAIN: the host."""
        host = self.host("mx." + domain, **behaviour)
        self.mx(domain, "10 mx." + domain)
        return host

    # --- our side ---------------------------------------------------------------

    def parameters(self, **more):
        """main.cf of a system that is connected to this Internet."""
        settings = {"smtp_tcp_port": self.port, "resolver_nameservers": self.dns.nameserver,
                    "smtpd_peername_lookup": "yes"}
        settings.update(more)
        return settings

    def join(self, instance, name=None):
        """INSTANCE is a host of this Internet under its own name."""
        self.address(name or instance.parameters["myhostname"], instance.address)
        return instance

    def sources(self):
        """The hosts that the course names, with the manners it shows."""
        known_senders = self.known_senders
        monaco = self.host("mail.monaco.net", greeting="220 mail.monaco.net ESMTP "
                           "Sendmail Pro-8.9.3/Pro-8.9.3; Thu, 15 Jun 2000 11:39:14 +0200")
        self.address("dns1.monaco.net", monaco.address, pointer=False)
        self.host("dns2.monaco.net")
        self.mx("enprovence.com", "0 mail.monaco.net", "100 dns2.monaco.net")
        self.host("smtp.wanadoo.fr")
        self.mx("wanadoo.fr", "10 smtp.wanadoo.fr")
        free = self.host("mx.free.fr")
        free.on("MAIL", lambda session, line: None if known_senders(line) else UNKNOWN_SENDER)
        self.mx("free.fr", "10 mx.free.fr")
        return self

    def known_senders(self, line):
        """Does the domain in "MAIL FROM:<x@domain>" exist, or is the sender null?"""
        path = line[line.index("<") + 1:line.index(">")]
        if not path:
            return True
        known = self.zone.get(path.rsplit("@", 1)[-1].lower(), {})
        return bool({"MX", "A", "AAAA"} & set(known))

    def odd_hosts(self):
        """One domain for each thing that goes wrong: NAME.example."""
        self.silent("silent.example")
        self.refusing("refusing.example")
        self.mx("nomail.example", "0 .")
        self.fails("broken.example")
        self.domain("seven.example").without("8BITMIME")
        self.domain("slowpoke.example").without("PIPELINING")
        self.domain("busy.example").on("RCPT", "451 4.3.2 please come back later")
        self.domain("hasty.example").on("BODY", CLOSE)
        self.domain("old.example").on("EHLO", "502 5.5.1 what is that?")
        if has_ipv6():
            self.host("six.example", "::1")
        return self

    def wait_messages(self, name, count=1, patience=None):
        """The messages of host NAME, once COUNT of them are there."""
        host = self.hosts[name]
        wait_until(lambda: len(host.messages) >= count, f"{count} messages at {name}", patience)
        return host.messages

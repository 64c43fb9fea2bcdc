"""One running system for many cases: a service of master.cf for each set of settings.

    site = Site(place / "a", net)
    site.server("codes", reject_code=557)              # an SMTP server on a port of its own
    site.client("slow", "lmtp", lmtp_tcp_port=24)      # a transport
    site.start()
    site.talk("codes", "HELO x", "QUIT")               # the replies

Cases are rows of tables, so that a new parameter costs a line, and the system starts once.
"""

import itertools

from harness.instance import Dialogue, Instance, free_port

SETTINGS = {
    "mydestination": "maison.mrs",
    "mydomain": "maison.mrs",
    "myorigin": "maison.mrs",
    "local_recipient_maps": "inline:{chris=x, daemon=x, other=x}",
    "local_transport": "discard",
    "relay_domains": "relay.example",
    "virtual_alias_domains": "alias.example",
    "virtual_mailbox_domains": "box.example",
    "virtual_alias_maps": "inline:{known@alias.example=chris@maison.mrs}",
    "virtual_mailbox_maps": "inline:{known@box.example=known/}",
}


class Site(Instance):
    """An instance that knows the addresses of its extra services."""

    def __init__(self, directory, net, **parameters):
        super().__init__(directory, **net.parameters(**{**SETTINGS, **parameters}))
        self.net = net
        self.ports = {}
        self.routes = {}
        self.numbers = itertools.count(1)

    def service(self, line, settings):
        overrides = "".join(f"    -o {{ {name} = {value} }}\n" for name, value in settings.items())
        self.extra_services += line + "\n" + overrides

    def server(self, name, **settings):
        """An SMTP server with SETTINGS."""
        port = free_port(self.address)
        while port in (self.port, *self.ports.values()):
            port = free_port(self.address)
        self.ports[name] = port
        self.service(f"{self.address}:{self.ports[name]} inet n - n - - smtpd", settings)
        return self

    def client(self, name, kind="smtp", nexthop="", processes="-", **settings):
        """A transport NAME with SETTINGS that takes mail for NAME.example."""
        self.service(f"{name} unix - - n - {processes} {kind}", settings)
        self.route(f"{name}.example", f"{name}:{nexthop}")
        return self

    def route(self, domain, where):
        self.routes[domain] = where
        entries = ", ".join(f"{{ {key} = {value} }}" for key, value in self.routes.items())
        return self.set(transport_maps=f"inline:{{ {entries} }}")

    def door(self, name):
        """A conversation with server NAME, to be closed."""
        return Dialogue(self.address, self.ports[name])

    def talk(self, name, *lines):
        """Say LINES to server NAME one by one; the replies, the greeting first."""
        with self.door(name) as talk:
            replies = [talk.reply()]
            for line in lines:
                talk.say(line)
                replies.append(talk.reply())
        return replies

    def mail(self, name, sender, recipient, text, options=""):
        """Hand TEXT (LF lines) to server NAME; the reply to it."""
        content = text.replace("\n", "\r\n").replace("\r\n.", "\r\n..")
        return self.talk(name, "EHLO client.example", f"MAIL FROM:<{sender}>{options}",
                         f"RCPT TO:<{recipient}>", "DATA", content + "\r\n.")[-1]

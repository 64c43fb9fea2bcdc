"""The same addresses to the real trivial-rewrite and to lib/rewrite.

Asks Postfix's rewrite service on its own socket, and our library through
rewrite_probe of the build directory. Covers S082, S083, S096, S124-S126, S152, S153.
"""

import os
import pathlib
import socket
import subprocess

import pytest

from harness import postfix
from harness.instance import STAGE
from harness.postfix import Postfix

PROBE = pathlib.Path(os.environ.get("REWRITE_PROBE", STAGE.parent / "lib/rewrite/rewrite_probe"))
pytestmark = pytest.mark.skipif(not PROBE.exists() or not postfix.is_available(),
                                reason="needs Postfix, and rewrite_probe beside the stage")

SETTINGS = [
    {},
    {"append_dot_mydomain": "yes", "myorigin": "$mydomain", "relayhost": "[smart.example]:26",
     "remote_header_rewrite_domain": "domain.invalid", "recipient_delimiter": "+"},
    {"swap_bangpath": "no", "allow_percent_hack": "no", "resolve_dequoted_address": "no",
     "resolve_null_domain": "yes", "resolve_numeric_domain": "yes", "allow_min_user": "yes"},
    {"relay_domains": "relay.example", "virtual_alias_domains": "alias.example",
     "virtual_mailbox_domains": "box.example", "recipient_delimiter": "+-",
     "relocated_maps": "inline:{ {gone=new@x.example} {u@moved.example=elsewhere} }",
     "parent_domain_matches_subdomains": "",
     "transport_maps": "inline:{ {t.example=smtp:[t]} {.t.example=:[sub]:25} {u@t.example=slow:} "
                       "{e.example=error:} {n.example=:} {u+x@n.example=plus:p} }",
     "sender_dependent_relayhost_maps": "inline:{ @example.org=[dependent] }"},
    {"parent_domain_matches_subdomains": "transport_maps,relay_domains", "relay_domains": "r.example",
     "transport_maps": "inline:{ {t.example=smtp:[t]} {*=any:thing} }",
     "sender_dependent_default_transport_maps": "inline:{ sender@example.org=dt:hop }",
     "default_transport": "smtp:fixed"},
]
LOCALS = ["u", "u+x", "gone", "gone-y", "a.b", "a..b", ".a", "a.", "-u", "a b", "x!u", "h.example!a!u", "u%x",
          "u%h.example%y", "u%gw1.maison.mrs", "gw1.maison.mrs!u", "u@x.example", "u@gw1.maison.mrs",
          "a%b c", "a b!c", "@", "%", "!", "a!", "!a", "%a", "a%", "a(b)", "a<b>", "a,b", "a:b", "a;b",
          "a\\b", "a\"b", "[a]", "caf\u00e9"]
DOMAINS = ["", "@", "@maison.mrs", "@gw1.maison.mrs", "@GW1.maison.mrs.", "@host", "@localhost",
           "@relay.example", "@sub.relay.example", "@alias.example", "@box.example",
           "@t.example", "@s.t.example", "@s.s.t.example", "@e.example", "@n.example", "@moved.example",
           "@r.example", "@s.r.example", "@other.example.", "@other.example..", "@.", "@a..b", "@1.2.3.4",
           "@[1.2.3.4]", "@[127.0.0.1]", "@[IPv6:::1]", "@[ipv6:2001:db8::1]", "@[1.2.3]", "@[x]", "@127.0.0.1",
           "@_a.example", "@-a.example", "@a-.example", "@xn--caf-dma.example", "@caf\u00e9.example"]


class Service:
    """A connection to the rewrite service."""

    def __init__(self, queue):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(queue / "private" / "rewrite"))
        self.buffer = b""
        self.read()  # its greeting

    def read(self):
        """One set of attributes, as a list of pairs: two may have the same name."""
        while not (b"\0\0" in self.buffer and self.complete()):
            self.buffer += self.socket.recv(65536)
        pairs, self.buffer = self.complete()
        return pairs

    def complete(self):
        """Pairs and rest when a whole set is in the buffer; else None."""
        pairs, rest = [], self.buffer
        while True:
            name, found, rest = rest.partition(b"\0")
            if not found:
                return None
            if not name:
                return pairs, rest
            value, found, rest = rest.partition(b"\0")
            if not found:
                return None
            pairs.append((name.decode(), value.decode("utf-8", "replace")))

    def ask(self, **attributes):
        text = "".join(f"{k}\0{v}\0" for k, v in attributes.items()) + "\0"
        self.socket.sendall(text.encode())
        return self.read()

    def rewrite(self, rule, address):
        """External form in, external form out."""
        return dict(self.ask(request="rewrite", rule=rule, address=address))["address"]

    def resolve(self, address):
        pairs = self.ask(request="resolve", sender="sender@example.org", address=address)
        values = [v for _, v in pairs]
        transport, nexthop, recipient, flags = values[-4:]
        flags = int(flags)
        if flags & 4:  # RESOLVE_FLAG_ERROR
            return "error"
        return f"{transport}:{nexthop}:{recipient}" + (" routed" if flags & 2 else "")


def quoted(address):
    """ADDRESS in external form, as Postfix quotes it before it asks."""
    local, at, domain = address.rpartition("@")
    if not at:
        local, domain = address, ""
    plain = local and all(c not in '()<>@,;:\\"[] ' for c in local) and ".." not in local \
        and local[0] != "." and local[-1] != "."
    if not plain:
        local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return local + at + domain


def addresses():
    """Every local part with every domain, but "@" before an IPv6 literal: Postfix quotes its own colons there."""
    return [""] + [a + b for a in LOCALS for b in DOMAINS if not (a == "@" and "v6:" in b)]


@pytest.mark.parametrize("settings", SETTINGS)
def test_same_results(place, settings):
    instance = Postfix(place / "p", mydomain="maison.mrs",
                       mydestination="$myhostname, $mydomain, localhost", **settings)
    instance.write()
    instance.start()
    differences = []
    try:
        service = Service(instance.queue)
        batch = addresses()
        ours = subprocess.run([str(PROBE), str(instance.config)], input="\n".join(batch) + "\n",
                              capture_output=True, text=True, check=True, timeout=300).stdout
        for address, line in zip(batch, ours.splitlines(), strict=True):
            local, remote, resolved = line.split("\t")
            external = quoted(address)
            theirs = (service.rewrite("local", external), service.resolve(address))
            mine = (quoted(local) if local else '""', resolved)
            if theirs != mine:
                differences.append((address, theirs, mine))
    finally:
        instance.stop()
    assert not differences, "\n".join(map(str, differences[:100])) + f"\n{len(differences)} in all"

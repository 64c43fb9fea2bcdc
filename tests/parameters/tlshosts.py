"""Hosts on TLS for the tables of the client: what a row wants of its host, what was seen there."""

import re
import ssl
import time

from testnet.fakehost import SILENT
from tls.certificates import Authority, fingerprint, openssl

from .site import Site

KINDS = ("smtp", "lmtp")
DOMAIN = "deep.hosts.example"  # the certificate is for *.hosts.example


class TlsHosts:
    """A transport of each kind for each row, and for each of the same rows without its setting."""

    def __init__(self, room, net):
        self.net, self.hosts, self.known, self.sent_again = net, {}, {}, set()
        self.authority = Authority(room / "ca")
        self.chain = self.authority.issue("server.pem", "hosts.example", "*.hosts.example")
        own = {kind: self.authority.issue(f"{kind}.pem", f"{kind}.client", kind=kind)
               for kind in ("rsa", "ec", "dsa")}
        directory = room / "authorities"
        directory.mkdir()
        directory.joinpath(self.hash_of(self.authority.file)).symlink_to(self.authority.file)
        self.values = {
            "ca": self.authority.file, "cadir": directory, "sha256": fingerprint(self.chain),
            "sha1": fingerprint(self.chain, "sha1"), "chain": own["ec"],
            **{kind: path.with_suffix(".crt") for kind, path in own.items()},
            **{f"{kind}key": path.with_suffix(".key") for kind, path in own.items()}}
        for path in [*self.authority.directory.iterdir()]:
            path.chmod(0o644)
        self.site = Site(room / "a", net, max_idle="5s",
                         import_environment=f"SSL_CERT_FILE={self.authority.file}")

    @staticmethod
    def hash_of(file):
        return openssl("x509", "-in", file, "-noout", "-hash").stdout.decode().strip() + ".0"

    def context(self, newest=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
        context.load_cert_chain(str(self.chain))
        context.load_verify_locations(str(self.authority.file))
        context.verify_mode = ssl.CERT_OPTIONAL
        if newest:
            context.maximum_version = newest
        context.sni_callback = lambda sock, name, _: setattr(sock, "asked_for", name)
        return context

    def manners(self, host, words):
        """What the row says of its host."""
        host.tls = None if "plain" in words else self.context(
            ssl.TLSVersion.TLSv1_2 if "old" in words else None)
        host.is_wrapped = "wrapped" in words
        if "silent" in words:
            host.on("STARTTLS", SILENT)
        if "early" in words:  # an answer that nobody asked for yet
            for verb in ("EHLO", "LHLO"):
                host.on(verb, None, lambda session, line: session.verb_ehlo(line) + "\n250 early")

    def case(self, kind, settings, manner):
        """The name of a transport with SETTINGS (K_ is the KIND); one for the same settings."""
        settings = {name.replace("K_", kind + "_"): str(value).format(**self.values)
                    for name, value in settings.items() if value is not None}
        key = repr((kind, sorted(settings.items()), manner))
        if key not in self.known:
            name = self.known[key] = f"{kind}{len(self.known)}"
            host = self.hosts[name] = self.net.host(f"{name}.{DOMAIN}")
            self.manners(host, manner.split())
            self.site.client(name, kind, f"[{host.name}]:{self.net.port}", 1, **settings)
        return self.known[key]

    def status(self, name, count):
        line = self.site.wait_log(rf"to=<a@{name}\.example>.* status=", count=count,
                                  patience=15)[count - 1]
        return line.split("status=", 1)[1]

    def send(self, name):
        self.site.send("chris@maison.mrs", f"a@{name}.example", "Subject: x\n\nhello\n")

    def seen(self, name):
        """What the host saw and the log says of the last session, in one line."""
        host = self.hosts[name]
        if not host.sessions:
            return "no session"
        parts = [f"sessions={len(host.sessions)}"]
        tls = host.sessions[-1].secured
        parts.append(tls if tls else "in clear")
        log = self.site.log()
        found = re.search(rf"(\w+) TLS connection established to {name}\.{DOMAIN}", log)
        parts.append(found[1] if found else "not logged")
        if f"Host offered STARTTLS: [{name}.{DOMAIN}]" in log:
            parts.append("offered")
        return " ".join(parts)

    def outcome(self, name, manner):
        """The status of the mail for NAME and what its host saw, of a second mail if it says so."""
        count = 1
        if "twice" in manner.split():
            self.status(name, 1)
            time.sleep(1.2 if "later" in manner else 0)
            if name not in self.sent_again:
                self.sent_again.add(name)
                self.send(name)
            count = 2
        return f"{self.status(name, count)} {self.seen(name)}"

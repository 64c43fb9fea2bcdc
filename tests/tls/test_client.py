"""The SMTP client's TLS: levels, policies, what must be proven, what goes on the wire."""

import re
import socket
import threading

import pytest

from harness import postfix
from harness.instance import Instance, wait_until
from testnet.dnsserver import DnsServer

from .certificates import Authority, fingerprint, key_fingerprint

SERVER, CLIENT = "127.0.0.21", "127.0.0.22"


class Tap:
    """Passes connections on to PORT and keeps every byte."""

    def __init__(self, host, port):
        self.target = (host, port)
        self.bytes = b""
        self.listener = socket.create_server((host, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.target, timeout=20)
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    def pump(self, one, other):
        try:
            while piece := one.recv(65536):
                self.bytes += piece
                other.sendall(piece)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


# name of the next hop: policy; then what the log must say
CASES = {
    "none": ("none", "sent"),
    "may": ("may", "sent"),
    "encrypt": ("encrypt", "sent"),
    "grade": ("encrypt ciphers=high protocols=>=TLSv1.2:<=TLSv1.2 exclude=CHACHA20", "sent"),
    "print": ("fingerprint match={print}", "sent"),
    "keyprint": ("fingerprint match=AA:BB|{keyprint}", "sent"),
    "badprint": ("fingerprint match=AA:BB", "Server certificate not verified"),
    "verify": ("verify", "sent"),
    "secure": ("secure match=.server.example", "sent"),
    "secureown": ("secure", "Server certificate not verified"),
    "anchor": ("secure match=mx.server.example tafile={anchor}", "sent"),
    "wronganchor": ("secure match=mx.server.example tafile={other}",
                    "Server certificate not verified"),
    "nonsense": ("secured", "client TLS configuration problem"),
    "badversion": ("encrypt protocols=<=TLSv1.1", "Cannot start TLS: handshake failure"),
}


class World:
    def __init__(self, place, make_server=Instance):
        self.authority = Authority(place / "ca")
        other = Authority(place / "ca2", "Another Authority")
        self.chain = self.authority.issue("server.pem", "mx.server.example")
        self.dns = DnsServer({}).start()
        values = {"print": fingerprint(self.chain), "keyprint": key_fingerprint(self.chain),
                  "anchor": self.authority.file, "other": other.file}
        self.server = make_server(
            place / "s", hostname="mx.server.example", address=SERVER,
            smtpd_tls_security_level="may", smtpd_tls_chain_files=self.chain,
            smtpd_tls_loglevel=1, smtpd_tls_received_header="yes", smtpd_tls_protocols=">=TLSv1.2",
            local_recipient_maps="", mynetworks="127.0.0.0/8")
        policies, transports = [], []
        for name, (policy, _) in CASES.items():
            hop = f"mx.{name}.example"
            self.dns.zone[hop] = {"A": [SERVER]}
            policies.append(f"[{hop}]:{self.server.port} {policy.format(**values)}\n")
            transports.append(f"{name}.example smtp:[{hop}]:{self.server.port}\n")
        # "verify" asks for the host's name: that of the certificate
        self.dns.zone["mx.server.example"] = {"A": [SERVER]}
        hop = f"[mx.server.example]:{self.server.port}"
        policies.append(f"{hop} verify\n")
        transports = [t if not t.startswith("verify.") else f"verify.example smtp:{hop}\n"
                      for t in transports]
        self.place = place / "c"
        self.maps = ("".join(policies), "".join(transports))

    def client(self, make=Instance, **more):
        one = make(self.place, hostname="client.example", address=CLIENT,
                   smtp_tls_loglevel=1, smtp_tls_CAfile=self.authority.file,
                   smtp_tls_security_level="may", mydestination="",
                   smtp_tls_fingerprint_digest="sha256", smtp_host_lookup="dns, native",
                   resolver_nameservers=self.dns.nameserver, **more)
        policy = one.file("policy", self.maps[0])
        transport = one.file("transport", self.maps[1])
        one.set(smtp_tls_policy_maps=f"texthash:{policy}", transport_maps=f"texthash:{transport}")
        return one


@pytest.fixture(scope="module")
def world(module_place):
    place = module_place
    one = World(place)
    with one.server, one.client() as one.sender:
        with one.sender.smtp() as client:
            for name in CASES:
                client.sendmail("me@client.example", [f"root@{name}.example"],
                                f"Subject: {name}\n\nx\n")
        yield one
    one.dns.stop()


def line_of(world, name):
    return wait_until(lambda: re.search(f"to=<root@{name}.example>.*", world.sender.log()),
                      f"the delivery to {name}").group()


@pytest.mark.parametrize("name", CASES)
def test_policy(world, name):
    line = line_of(world, name)
    expected = CASES[name][1]
    if expected == "sent":
        assert "status=sent" in line
    else:
        assert f"dsn=4.7.5, status=deferred ({expected})" in line


def test_what_the_log_says(world):
    for name in CASES:
        line_of(world, name)
    log = world.sender.log()

    def connection(name):
        host = "mx.server.example" if name == "verify" else f"mx.{name}.example"
        found = re.search(rf"(\w+) TLS connection established to {host}\[{SERVER}\]:"
                          rf"{world.server.port}: (\S+) with", log)
        return found and found.groups()
    assert connection("none") is None
    assert connection("may") == ("Trusted", "TLSv1.3")
    # Who must not be anybody may be anonymous; TLSv1.3 has no such ciphers.
    assert connection("grade") == ("Anonymous", "TLSv1.2")
    assert connection("print") == connection("keyprint") == ("Verified", "TLSv1.3")
    assert connection("badprint") == ("Untrusted", "TLSv1.3")
    assert connection("verify") == connection("secure") == ("Verified", "TLSv1.3")
    assert connection("secureown") == ("Trusted", "TLSv1.3")
    assert connection("anchor") == ("Verified", "TLSv1.3")
    assert "invalid security level \"secured\"" in log
    assert re.search(r"certificate verification failed for mx.badprint.example\[\S+: "
                     "not trusted by local or TLSA policy", log)


def test_a_capture_shows_no_text_s037(world, new_instance):
    """S037: between two of our servers, as they come, nothing can be read on the way."""
    tap = Tap(SERVER, world.server.port)
    sender = new_instance("t", hostname="other.example", address="127.0.0.23", mydestination="",
                          smtp_tls_security_level="may",
                          relayhost=f"[{SERVER}]:{tap.port}")
    with sender, sender.smtp() as client:
        client.sendmail("secret@client.example", ["root@mx.server.example"],
                        "Subject: hidden-subject\n\nhidden-body\n")
        wait_until(lambda: "status=sent" in sender.log(), "the delivery")
    tap.close()
    assert b"STARTTLS" in tap.bytes
    for word in (b"hidden", b"secret@", b"root@", b"Received"):
        assert word not in tap.bytes


def test_a_server_without_tls(world, new_instance):
    """Required and not offered: mail waits, and says why."""
    plain = new_instance("p", hostname="plain.example", address="127.0.0.24",
                         local_recipient_maps="", smtpd_tls_security_level="none")
    sender = new_instance("t", hostname="other.example", address="127.0.0.23", mydestination="",
                          smtp_tls_security_level="encrypt",
                          relayhost=f"[127.0.0.24]:{plain.port}")
    with plain, sender, sender.smtp() as client:
        client.sendmail("me@client.example", ["root@plain.example"], "Subject: x\n\nx\n")
        wait_until(lambda: "dsn=4.7.4, status=deferred (TLS is required, but was not offered "
                   "by host 127.0.0.24[127.0.0.24])" in sender.log(), "the refusal")


def test_kept_connections(world, new_instance):
    """smtp_tls_connection_reuse; and from the first byte (smtp_tls_wrappermode)."""
    from harness.instance import free_port
    port = free_port(SERVER)
    receiver = new_instance("r", hostname="r.example", address="127.0.0.24",
                            local_recipient_maps="", smtpd_tls_security_level="may")
    receiver.extra_services = f"127.0.0.24:{port} inet n - n - - smtpd " \
                              "-o smtpd_tls_wrappermode=yes\n"
    sender = new_instance("t", hostname="other.example", address="127.0.0.23", mydestination="",
                          smtp_tls_security_level="encrypt", smtp_tls_wrappermode="yes",
                          smtp_tls_connection_reuse="yes", smtp_tls_loglevel=1,
                          smtp_connection_cache_destinations=f"[127.0.0.24]:{port}",
                          relayhost=f"[127.0.0.24]:{port}")
    with receiver, sender, sender.smtp() as client:
        for i in range(3):
            client.sendmail("me@client.example", ["root@r.example"], f"Subject: {i}\n\nx\n")
            wait_until(lambda: sender.log().count("status=sent") == i + 1, "the delivery")
        assert sender.log().count("TLS connection established") == 1


@pytest.mark.skipif(not postfix.is_available(), reason="the postfix package is not to be had")
class TestPostfix:
    """The real Postfix at the other end; and its words for the same."""

    @pytest.fixture(scope="class")
    def peers(self, module_place):
        place = module_place / "peers"
        place.mkdir()
        place.chmod(0o755)
        authority = Authority(place / "ca")
        chain = authority.issue("server.pem", "mx.server.example")
        settings = {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": chain,
                    "smtpd_tls_loglevel": 1, "smtp_tls_loglevel": 1,
                    "smtpd_tls_received_header": "yes", "smtp_tls_security_level": "may",
                    "smtpd_tls_ask_ccert": "yes", "smtp_tls_chain_files": chain,
                    "smtp_tls_CAfile": authority.file, "smtpd_tls_CAfile": authority.file,
                    "local_recipient_maps": "", "smtpd_authorized_verp_clients": ""}
        ours = Instance(place / "o", hostname="ours.example", **settings)
        real = postfix.Postfix(place / "p", hostname="real.example", **settings)
        ours.set(relayhost=f"[127.0.0.1]:{real.port}")
        real.set(relayhost=f"[127.0.0.1]:{ours.port}")
        with ours, real:
            yield ours, real

    def send(self, sender, recipient, number):
        with sender.smtp() as client:
            client.sendmail("me@x.example", [recipient], "Subject: x\n\nx\n")
        wait_until(lambda: sender.log().count(f"to=<{recipient}>") >= number
                   and "status=sent" in sender.log(), f"{recipient}")

    def test_both_ways_in_the_same_words(self, peers):
        ours, real = peers
        self.send(ours, "root@real.example", 1)
        self.send(real, "root@ours.example", 1)

        def words(log, direction):
            pattern = rf"\w+ TLS connection established {direction} .*"
            line = wait_until(lambda: re.search(pattern, log()), "the handshake").group()
            line = re.sub(r"\S+\[127[.0-9]*\](:\d+)?", "PEER", line)
            return re.sub(r"[0-9A-F]{10,}", "ID", line)
        assert words(ours.log, "to") == words(real.log, "to")
        assert words(ours.log, "from") == words(real.log, "from")

        def trace(instance):
            box = wait_until(lambda: [f for f in instance.spool.iterdir()
                                      if f.stat().st_size], "the mail")[0]
            text = box.read_text()
            return re.search(r"\t\(using (.|\n)*?\(Client.*\n", text).group()
        assert trace(ours) == trace(real)

    def test_s_client_sees_the_same(self, peers):
        """The same first lines and refusals."""
        for words in (["EHLO x", "STARTTLS x"], ["STARTTLS"], ["HELO x", "NOOP"]):
            said = []
            for peer in peers:
                with socket.create_connection((peer.address, peer.port), timeout=20) as s:
                    answers = []
                    file = s.makefile("rb")
                    file.readline()
                    for word in words:
                        s.sendall(word.encode() + b"\r\n")
                        while True:
                            line = file.readline().decode()
                            answers.append(line)
                            if line[3:4] != "-":
                                break
                said.append([re.sub(r"(ours|real)\.example", "HOST", a) for a in answers])
            assert said[0] == said[1]

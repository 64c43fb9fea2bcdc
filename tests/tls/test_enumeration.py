"""Which protocols and ciphers a server takes, and in which order: as nmap enumerates them.

All ciphers are offered, the one that the server chose is taken off the list, and so on, for each
protocol. The real Postfix with the same parameters must give the same lists.
"""

import concurrent.futures
import re
import socket
import ssl
import subprocess

import pytest

from harness import postfix
from harness.instance import PATIENCE, Instance, free_port

from .certificates import Authority

pytestmark = pytest.mark.skipif(not postfix.is_available(),
                                reason="Postfix needs root and its package")

VERSIONS = {"TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1,
            "TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
SERVICES = {
    "as it comes": {},
    "high": {"smtpd_tls_ciphers": "high"},
    "low, null": {"smtpd_tls_ciphers": "null"},
    "1.2 and up": {"smtpd_tls_protocols": ">=TLSv1.2"},
    "older style": {"smtpd_tls_protocols": "!SSLv2, !SSLv3, !TLSv1.3"},
    "up to 1.2": {"smtpd_tls_protocols": "<=TLSv1.2", "smtpd_tls_ciphers": "high"},
    "excluded": {"smtpd_tls_exclude_ciphers": "aNULL, kRSA, AES128, CAMELLIA, ARIA"},
    "other list": {"tls_high_cipherlist": "ECDHE+AESGCM:DHE+AESGCM:@STRENGTH",
                   "smtpd_tls_ciphers": "high"},
    "server's order": {"tls_preempt_cipherlist": "yes", "smtpd_tls_protocols": "TLSv1.2"},
    "mandatory": {"smtpd_tls_security_level": "encrypt", "smtpd_tls_mandatory_protocols": "TLSv1.2",
                  "smtpd_tls_mandatory_ciphers": "high",
                  "smtpd_tls_mandatory_exclude_ciphers": "kRSA, SHA384",
                  "smtpd_tls_exclude_ciphers": "CHACHA20"},
    "mandatory is not optional": {"smtpd_tls_mandatory_protocols": ">=TLSv1.3",
                                  "smtpd_tls_mandatory_exclude_ciphers": "AESGCM"},
    "certificates asked for": {"smtpd_tls_ask_ccert": "yes"},
    "low security": {"tls_medium_cipherlist": "ALL:@SECLEVEL=0", "smtpd_tls_protocols": ">=TLSv1"},
}


def all_ciphers():
    """Names of all ciphers before TLSv1.3 that a client can offer here."""
    done = subprocess.run(["openssl", "ciphers", "-s", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
                          capture_output=True, text=True, check=True)
    return [name for name in done.stdout.strip().split(":")
            if not re.match(r"TLS_|.*(PSK|SRP|CCM|ARIA)", name)]  # those are like the others


def context_of(version, ciphers):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = VERSIONS[version]
    context.set_ciphers(":".join(ciphers) + ":@SECLEVEL=0")
    return context


def handshake(port, version, ciphers):
    """What the server chose; None when it chose nothing."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        file = client.makefile("rb")
        file.readline()
        client.sendall(b"EHLO c\r\n")
        while file.readline()[3:4] == b"-":
            pass
        client.sendall(b"STARTTLS\r\n")
        assert file.readline().startswith(b"220")
        try:
            with context_of(version, ciphers).wrap_socket(client) as secure:
                return secure.cipher()[0]
        except (ssl.SSLError, ConnectionError):
            return None


def enumerate_ciphers(port):
    """Each protocol's ciphers, in the order in which the server takes them."""
    found = {}
    for version in VERSIONS:
        rest, found[version] = all_ciphers(), []
        while rest:
            chosen = handshake(port, version, rest)
            if chosen is None:
                break
            found[version].append(chosen)
            if version != "TLSv1.2":
                break  # is it spoken at all?
            rest.remove(chosen)
    return found


def fresh_port(taken):
    port = free_port()
    while port in taken:
        port = free_port()
    taken.add(port)
    return port


class Side:
    """One of the two, with a port for each case."""

    def __init__(self, kind, place, chain, taken):
        self.instance = kind(place, port=fresh_port(taken), smtpd_tls_security_level="may", smtpd_tls_chain_files=chain,
                             smtpd_client_connection_count_limit="0")
        self.ports = {}
        for name, settings in SERVICES.items():
            self.ports[name] = port = fresh_port(taken)
            self.instance.extra_services += f"127.0.0.1:{port} inet n - n - - smtpd\n" + "".join(
                f"    -o {{ {key} = {value} }}\n" for key, value in settings.items())

    def enumerate(self):
        self.instance.start()
        self.found = {name: enumerate_ciphers(port) for name, port in self.ports.items()}


@pytest.fixture(scope="module")
def sides(module_place):
    authority, taken = Authority(module_place / "ca"), set()
    chain = ", ".join(str(authority.issue(f"{kind}.pem", "gw1.maison.mrs", kind=kind))
                      for kind in ("rsa", "ec"))
    pair = [Side(kind, module_place / kind.__name__, chain, taken)
            for kind in (postfix.Postfix, Instance)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(Side.enumerate, pair))
    yield pair
    for side in pair:
        side.instance.stop()


@pytest.mark.parametrize("name", SERVICES)
def test_same_as_postfix(sides, name):
    """Protocols, ciphers, order (S036)."""
    theirs, ours = (side.found[name] for side in sides)
    assert ours == theirs
    assert any(theirs.values())


def test_what_is_never_taken(sides):
    """Nothing weak, unless it is asked for."""
    ours = sides[1].found["as it comes"]
    assert ours["TLSv1.2"] and ours["TLSv1.3"]
    assert not [name for name in ours["TLSv1.2"] if any(
        weak in name for weak in ("NULL", "EXP", "RC4", "DES", "MD5"))]
    strict = sides[1].found["1.2 and up"]
    assert not strict["TLSv1"] and not strict["TLSv1.1"]

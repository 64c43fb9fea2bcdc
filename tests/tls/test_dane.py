"""DANE: TLSA records under DNSSEC decide what a server must prove (RFC 7672)."""

import hashlib
import re

import pytest

from harness.instance import Instance, wait_until
from harness.postfix import unpack

from .certificates import Authority, openssl
from .signed_zone import PACKAGES, SignedZone

pytestmark = pytest.mark.skipif(unpack(*PACKAGES) is None, reason="nsd cannot be downloaded")
SERVER = "127.0.0.31"


def digest(chain, selector, algorithm=hashlib.sha256):
    """Of the certificate (selector 0) or of its key (1)."""
    if selector == 0:
        der = openssl("x509", "-in", chain, "-outform", "DER").stdout
    else:
        key = openssl("x509", "-in", chain, "-noout", "-pubkey").stdout
        der = openssl("pkey", "-pubin", "-outform", "DER", input=key).stdout
    return algorithm(der).hexdigest()


# domain: TLSA data ({key}, {ca} ...; None for none), then level seen and outcome
CASES = {
    "good": ("3 1 1 {key}", "Verified", "sent"),
    "whole": ("3 0 1 {leaf}", "Verified", "sent"),
    "anchor": ("2 0 1 {ca}", "Verified", "sent"),
    "bad": ("3 1 1 {wrong}", "Untrusted", "Server certificate not verified"),
    "useless": ("1 1 1 {key}", "Untrusted", "sent"),
    "without": (None, "Untrusted", "sent"),
}


@pytest.fixture(scope="module")
def world(module_place):
    place = module_place
    authority = Authority(place / "ca")
    chain = authority.issue("server.pem", "mx.anchor.dane.test")
    # the authority goes along: a record may name it
    chain.write_text(chain.read_text() + authority.file.read_text())
    values = {"key": digest(chain, 1), "leaf": digest(chain, 0),
              "ca": digest(authority.file, 0), "wrong": "00" * 32}
    server = Instance(place / "s", hostname="mx.dane.test", address=SERVER,
                      smtpd_tls_security_level="may", smtpd_tls_chain_files=chain,
                      local_recipient_maps="", mynetworks="127.0.0.0/8")
    records = ""
    for name, (data, *_) in CASES.items():
        records += f"{name} MX 10 mx.{name}\nmx.{name} A {SERVER}\n"
        if data:
            records += f"_{server.port}._tcp.mx.{name} TLSA {data.format(**values)}\n"
    zone = SignedZone(place / "z", "dane.test", records)
    sender = Instance(place / "c", hostname="client.example", address="127.0.0.32",
                      mydestination="", smtp_tls_loglevel=1, smtp_tcp_port=server.port,
                      smtp_dns_support_level="dnssec", smtp_tls_security_level="dane",
                      resolver_nameservers=zone.nameserver,
                      resolver_trust_anchor_file=zone.anchor)
    strict = Instance(place / "d", hostname="client.example", address="127.0.0.33",
                      **{k: v for k, v in sender.parameters.items() if k.startswith(
                          ("smtp_", "resolver_", "mydest"))})
    strict.set(smtp_tls_security_level="dane-only")
    with zone, server, sender, strict:
        for one, names in ((sender, CASES), (strict, ("good", "without"))):
            with one.smtp() as client:
                for name in names:
                    client.sendmail("me@client.example", [f"root@{name}.dane.test"],
                                    f"Subject: {name}\n\nx\n")
        yield sender, strict


@pytest.mark.parametrize("name", CASES)
def test_dane(world, name):
    sender, _ = world
    _, proven, outcome = CASES[name]
    line = wait_until(lambda: re.search(f"to=<root@{name}.dane.test>.*", sender.log()),
                      "the delivery").group()
    assert ("status=sent" if outcome == "sent" else
            f"dsn=4.7.5, status=deferred ({outcome})") in line
    assert f"{proven} TLS connection established to mx.{name}.dane.test[{SERVER}]" \
        in sender.log()


def test_dane_only(world):
    _, strict = world

    def line(name):
        return wait_until(lambda: re.search(f"to=<root@{name}.dane.test>.*", strict.log()),
                          "the delivery").group()
    assert "status=sent" in line("good")
    assert "dsn=4.7.5, status=deferred (no TLSA records found)" in line("without")


@pytest.mark.parametrize("name, shown", [
    ("good", ["TLS dane", "TLSA 3 1 1 {key} of mx.good.dane.test"]),
    ("anchor", ["TLS dane", "TLSA 2 0 1 {ca} of mx.anchor.dane.test"]),
    ("useless", ["TLS encrypt"]), ("without", ["TLS may"])])
def test_lookup_shows_what_is_asked_of_the_host(world, name, shown):
    """S051: `lookup` prints the host with the policy and the records by which the delivery goes."""
    sender, _ = world
    done = sender.run("diligence", "lookup", f"{name}.dane.test", config_first=True)
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert re.fullmatch(rf"10 mx\.{name}\.dane\.test \[127\.0\.0\.31\]:\d+", lines[1])
    assert len(lines) == 2 + len(shown), lines
    for line, want in zip(lines[2:], shown):
        assert re.fullmatch(re.escape(want).replace(r"\{key\}", "[0-9a-f]{64}").replace(r"\{ca\}", "[0-9a-f]{64}"),
                            line), (line, want)


def test_lookup_under_dane_only(world):
    """S051: where no mail would go, the reason is that of the delivery."""
    _, strict = world
    done = strict.run("diligence", "lookup", "without.dane.test", config_first=True, check=False)
    assert done.returncode == 75 and "TLS: 4.7.5 no TLSA records found" in done.stdout


# Recipient: settings of its transport, who is seen at the other end, and the outcome.
NO_TLS = "TLS is required, but was not offered by host"
NOT_VERIFIED = "Server certificate not verified"
SETTINGS = {
    # MX records without DNSSEC that name hosts with it
    "bad@half.test": ("", "Untrusted", NOT_VERIFIED),
    "good@half.test": ("", "Trusted", "sent"),
    "bad-encrypt@half.test": ("smtp_tls_dane_insecure_mx_policy=encrypt", "Untrusted", "sent"),
    "clear-encrypt@half.test": ("smtp_tls_dane_insecure_mx_policy=encrypt", None, NO_TLS),
    "bad-may@half.test": ("smtp_tls_dane_insecure_mx_policy=may", "Untrusted", "sent"),
    "clear-may@half.test": ("smtp_tls_dane_insecure_mx_policy=may", None, "sent"),
    # which digests count, and which of several
    "x@both.sign.test": ("", "Untrusted", NOT_VERIFIED),
    "x@both-turned.sign.test": ("tls_dane_digests=sha256,sha512", "Verified", "sent"),
    "x@short.sign.test": ("", "Untrusted", NOT_VERIFIED),
    "x@short-unlisted.sign.test": ("tls_dane_digests=sha512", "Untrusted", "sent"),
}


@pytest.fixture(scope="module")
def settings(module_place):
    """One server, in clear at a second address; a transport for each row of SETTINGS."""
    place = module_place / "settings"
    place.mkdir()
    authority = Authority(place / "ca")
    chain = authority.issue("server.pem", "mx.sign.test")
    server = Instance(place / "s", hostname="mx.sign.test", address=SERVER, local_recipient_maps="",
                      mydestination="", relay_domains="static:all", default_transport="discard",
                      relay_transport="discard", smtpd_tls_security_level="may",
                      smtpd_tls_chain_files=chain, mynetworks="127.0.0.0/8")
    server.extra_services = (f"127.0.0.34:{server.port} inet n - n - - smtpd"
                             " -o smtpd_tls_security_level=none\n")
    key, wrong = digest(chain, 1), "00" * 32
    data = {"bad": f"3 1 1 {wrong}", "good": f"3 1 1 {key}", "clear": f"3 1 1 {key}",
            "both": f"3 1 2 {wrong * 2}|3 1 1 {key}", "short": f"3 1 1 {wrong}"}
    signed = unsigned = services = ways = ""
    for name, records in data.items():
        signed += f"mx.{name} A {'127.0.0.34' if name == 'clear' else SERVER}\n"
        signed += "".join(f"_{server.port}._tcp.mx.{name} TLSA {one}\n" for one in records.split("|"))
    for number, (recipient, (setting, *_)) in enumerate(SETTINGS.items()):
        name, domain = recipient.split("@")
        if domain == "half.test":
            domain = f"{name}.half.test"
            unsigned += f"{name} MX 10 mx.{name.split('-')[0]}.sign.test.\n"
        else:
            name = domain.split(".")[0]
            signed += f"{name} MX 10 mx.{name.split('-')[0]}\n"
        services += f"way{number} unix - - n - - smtp {'-o ' + setting if setting else ''}\n"
        ways += f" {{{recipient} = way{number}:{domain}}}"
    zone = SignedZone(place / "z", "sign.test", signed, {"half.test": unsigned})
    sender = Instance(place / "c", hostname="client.example", address="127.0.0.35", mydestination="",
                      smtp_tls_loglevel=1, smtp_tcp_port=server.port, smtp_dns_support_level="dnssec",
                      smtp_tls_security_level="dane", resolver_nameservers=zone.nameserver,
                      resolver_trust_anchor_file=zone.anchor, transport_maps=f"inline:{{{ways}}}")
    sender.extra_services = services
    with zone, server, sender:
        with sender.smtp() as client:
            for recipient in SETTINGS:
                client.sendmail("me@client.example", [recipient], "Subject: x\n\nx\n")
        yield sender


@pytest.mark.parametrize("recipient", SETTINGS)
def test_settings_of_dane(settings, recipient):
    """smtp_tls_dane_insecure_mx_policy; tls_dane_digests: what is not there does not count, the
    first there is decides alone."""
    _, seen, outcome = SETTINGS[recipient]
    line = settings.wait_log(rf"smtp\[\d+\]: \w+: to=<{recipient}>.* status=")[0]
    assert ("status=sent" if outcome == "sent" else f"status=deferred ({outcome}") in line
    pid = re.search(r"smtp\[(\d+)\]", line).group(1)
    found = re.search(rf"smtp\[{pid}\]: (\w+) TLS connection established to mx", settings.log())
    assert (found and found.group(1)) == seen

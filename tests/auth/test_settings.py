"""AUTH settings one by one: what each changes (S034, S035, S219)."""

import base64
import hashlib
import json
import os
import smtplib
import ssl
import subprocess
import threading
import time

import pytest

from doors.test_auth import Saslauthd
from harness.instance import Dialogue, Instance, wait_until

DOOR = {"smtpd_relay_restrictions": "permit_sasl_authenticated, reject", "mynetworks": "",
        "smtpd_sasl_auth_enable": "yes", "smtpd_tls_auth_only": "no", "auth_failure_delay": "0",
        "smtpd_sasl_security_options": "noanonymous", "smtpd_error_sleep_time": "0",
        "default_transport": "discard", "auth_password_maps": "inline:{tim={PLAIN}x}"}
PLAIN = "AUTH PLAIN " + base64.b64encode(b"\0tim\0x").decode()


@pytest.fixture(name="site")
def fixture_site(place):
    site = Instance(place / "a", **DOOR)
    site.extra_services = "auth unix - - n - - auth\n"
    return site


def offer(site, name="EHLO mua.maison.mrs"):
    """The mechanisms of EHLO's AUTH line; None without one."""
    lines = site.dialogue(name)[1].splitlines()
    found = [line[4:] for line in lines if line[4:].startswith("AUTH ")]
    return set(found[0].split()[1:]) if found else None


def test_old_clients(site):
    """broken_sasl_auth_clients: AUTH= beside AUTH."""
    with site:
        assert "250-AUTH=" not in site.dialogue("EHLO x")[1]
        site.set(broken_sasl_auth_clients="yes").reload()
        wait_until(lambda: "250-AUTH=" in site.dialogue("EHLO x")[1], "AUTH=")
        assert offer(site)


def test_mechanisms(site):
    """auth_mechanisms, smtpd_sasl_mechanism_filter and smtpd_sasl_security_options choose."""
    site.set(auth_mechanisms="SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN")
    with site:
        assert offer(site) == {"SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN"}
        for settings, names in (
                ({"smtpd_sasl_mechanism_filter": "!login, static:rest"},
                 {"SCRAM-SHA-256", "CRAM-MD5", "PLAIN"}),
                ({"smtpd_sasl_mechanism_filter": "plain"}, {"PLAIN"}),
                ({"smtpd_sasl_mechanism_filter": "!external, static:rest",
                  "smtpd_sasl_security_options": "noanonymous, noplaintext"},
                 {"SCRAM-SHA-256", "CRAM-MD5"}),
                ({"smtpd_sasl_security_options": "noplaintext, noactive"}, {"SCRAM-SHA-256"})):
            site.set(**settings).reload()
            wait_until(lambda: offer(site) == names, f"{names} for {settings}")
        assert site.dialogue("EHLO x", PLAIN)[2].startswith("535 5.7.8 ")


def test_options_under_tls(site):
    """smtpd_sasl_tls_security_options: what is offered under TLS, else as without."""
    site.set(smtpd_sasl_security_options="noanonymous, noplaintext", smtpd_tls_security_level="may",
             smtpd_sasl_tls_security_options="noanonymous", auth_mechanisms="PLAIN CRAM-MD5")

    def under_tls():
        with smtplib.SMTP(site.address, site.port, timeout=20) as c:
            c.starttls(context=ssl._create_unverified_context())
            c.ehlo("x")
            return set(c.esmtp_features["auth"].split())

    with site:
        assert offer(site) == {"CRAM-MD5"}
        assert under_tls() == {"CRAM-MD5", "PLAIN"}
        site.set(smtpd_sasl_tls_security_options="$smtpd_sasl_security_options").reload()
        wait_until(lambda: under_tls() == {"CRAM-MD5"}, "the same as without")


def test_sasl_service(site, place):
    """smtpd_sasl_service is what saslauthd is told."""
    server = Saslauthd(place / "mux")
    place.chmod(0o755)
    site.set(smtpd_sasl_type="saslauthd", smtpd_sasl_path=place / "mux", smtpd_sasl_service="post")
    with site:
        thread = threading.Thread(target=server.serve_one, daemon=True)
        thread.start()
        assert site.dialogue("EHLO x", PLAIN)[2].startswith("535")
        thread.join(timeout=10)
    assert server.seen == [["tim", "x", "post", ""]]


def test_networks_without_auth(site):
    """smtpd_sasl_exceptions_networks: some clients are not offered it, nor may they use it."""
    site.set(smtpd_sasl_exceptions_networks="!127.0.0.2, 127.0.0.0/8")
    with site:
        assert offer(site) is None
        assert site.dialogue("EHLO x", PLAIN)[2] == "503 5.5.1 Error: authentication not enabled"
        site.set(smtpd_sasl_exceptions_networks="192.0.2.0/24").reload()
        wait_until(lambda: offer(site), "the offer")


def test_realm_and_header(site):
    """smtpd_sasl_local_domain completes the name; smtpd_sasl_authenticated_header shows it."""
    site.set(smtpd_sasl_local_domain="maison.mrs", smtpd_sasl_authenticated_header="yes",
             mydestination="", virtual_mailbox_domains="maison.mrs", virtual_mailbox_base=site.spool,
             virtual_mailbox_maps="static:chris/", virtual_uid_maps="static:65534",
             virtual_gid_maps="static:65534", virtual_minimum_uid="1",
             smtpd_relay_restrictions="permit_sasl_authenticated, reject")
    if os.getuid() != 0:
        site.set(virtual_uid_maps=f"static:{os.getuid()}", virtual_gid_maps=f"static:{os.getgid()}")
    with site:
        for header in ("yes", "no"):
            site.set(smtpd_sasl_authenticated_header=header).reload()
            count = len(site.maildir(site.spool / "chris"))

            def send():
                return site.dialogue("EHLO x", PLAIN, "MAIL FROM:<a@b.example>",
                                     "RCPT TO:<chris@maison.mrs>", "DATA", "Subject: x\r\n\r\nx\r\n.")
            wait_until(lambda: (time.sleep(0.2), send()[-1].startswith("250"))[1], "a taken message")
            wait_until(lambda: len(site.maildir(site.spool / "chris")) > count, "the message")
        site.wait_log("sasl_method=PLAIN, sasl_username=tim@maison.mrs")
    shown = [str(m).count("(Authenticated sender: tim@maison.mrs)")
             for m in site.maildir(site.spool / "chris")]
    assert sorted(shown)[0] == 0 and sorted(shown)[-1] == 1


def test_response_limit(site):
    """smtpd_sasl_response_limit: a longer answer ends the login, and the session."""
    site.set(smtpd_sasl_response_limit="100")
    with site, Dialogue(site.address, site.port) as talk:
        talk.reply()
        for line, code in (("EHLO x", "250"), ("AUTH PLAIN", "334"), ("A" * 200, "500 5.5.6 ")):
            talk.say(line)
            assert talk.reply().startswith(code)
        assert talk.reply() == ""


def test_rate(site):
    """smtpd_client_auth_rate_limit: AUTH commands of a client in a time unit."""
    site.set(smtpd_client_auth_rate_limit="2", smtpd_client_event_limit_exceptions="")
    with site:
        replies = site.dialogue("EHLO x", *["AUTH PLAIN ===="] * 3)
        assert [r[:3] for r in replies[2:]] == ["501", "501", "450"]
        assert replies[4] == "450 4.7.1 Error: too many AUTH commands from 127.0.0.1"
        site.wait_log(r"AUTH command rate limit exceeded: 3 from unknown\[127.0.0.1\] for service")


def test_service_name(site):
    """auth_service_name: the service in master.cf that is asked."""
    site.extra_services = "passwords unix - - n - - auth\n"
    with site:
        assert site.dialogue("EHLO x", PLAIN)[2].startswith("454 ")
        site.set(auth_service_name="passwords").reload()
        wait_until(lambda: site.dialogue("EHLO x", PLAIN)[2].startswith("235"), "the other service")


@pytest.mark.parametrize("rehash,scheme", [("yes", "SHA512-CRYPT"), ("no", "ARGON2ID"),
                                           ("yes", "BLF-CRYPT")])
def test_rehash(place, rehash, scheme):
    """auth_password_rehash and auth_password_scheme: what is stored after a login."""
    site = Instance(place / "a", **dict(DOOR, auth_password_rehash=rehash, auth_password_scheme=scheme))
    site.extra_services = "auth unix - - n - - auth\n"
    old = "{SHA}" + base64.b64encode(hashlib.sha1(b"x").digest()).decode()
    site.set(auth_password_maps=site.table("passwords", f"tim {old}\n"))
    passwords = site.config / "passwords"
    if os.getuid() == 0:
        for path in [site.config, *site.config.glob("passwords*")]:
            os.chown(path, 65534, 65534)
    with site:
        assert site.dialogue("EHLO x", PLAIN)[2].startswith("235")
        if rehash == "yes":
            wait_until(lambda: f"{{{scheme}}}$" in passwords.read_text(), f"a hash of {scheme}")
            wait_until(lambda: site.dialogue("EHLO x", PLAIN)[2].startswith("235"), "the new hash")
        else:
            assert old in passwords.read_text()


# --- bearer tokens -------------------------------------------------------------------------------

def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Who signs tokens, by the openssl command."""

    def __init__(self, directory):
        self.key, self.public = directory / "issuer.pem", directory / "issuer.pub"
        for command in (["openssl", "genrsa", "-out", self.key, "2048"],
                        ["openssl", "rsa", "-in", self.key, "-pubout", "-out", self.public]):
            subprocess.run(list(map(str, command)), check=True, capture_output=True)

    def token(self, **claims):
        text = ".".join(b64url(json.dumps(part).encode()) for part in (
            {"alg": "RS256", "typ": "JWT"}, {"exp": int(time.time()) + 600, **claims}))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(self.key), "-binary"],
                                   input=text.encode(), check=True, capture_output=True).stdout
        return f"{text}.{b64url(signature)}"


def test_tokens(site, place):
    """auth_token_keys, _audience, _issuer and _user_claim, by OAUTHBEARER and XOAUTH2."""
    issuer = Issuer(place)
    place.chmod(0o755)
    site.set(auth_mechanisms="OAUTHBEARER XOAUTH2", auth_token_keys=issuer.public,
             auth_token_audience="mail", auth_token_issuer="https://id.example",
             auth_token_user_claim="preferred_username", auth_password_maps="")
    good = {"aud": "mail", "iss": "https://id.example", "preferred_username": "tim", "email": "eve@x.example"}

    def verdict(token, user="tim", kind="OAUTHBEARER"):
        said = f"n,a={user},\1host=h\1port=25\1auth=Bearer {token}\1\1" if kind == "OAUTHBEARER" else \
            f"user={user}\1auth=Bearer {token}\1\1"
        reply = site.dialogue("EHLO x", f"AUTH {kind} {base64.b64encode(said.encode()).decode()}")[2]
        return reply[:3]

    with site:
        assert verdict(issuer.token(**good)) == "235"
        assert verdict(issuer.token(**good), kind="XOAUTH2") == "235"
        for change in ({"aud": "web"}, {"iss": "https://evil.example"}, {"preferred_username": "eve"},
                       {"exp": 1000}):
            assert verdict(issuer.token(**dict(good, **change))) != "235", change
        assert verdict(issuer.token(**good), user="eve") != "235"
        (place / "else").mkdir()
        assert verdict(Issuer(place / "else").token(**good)) != "235", "another key"

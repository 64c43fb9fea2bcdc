"""`postfix tls`: from nothing to a certificate in use."""

import os
import re
import ssl
import subprocess

from harness.instance import STAGE, Instance, wait_until

from .certificates import Authority, fingerprint, openssl


def value(instance, name):
    return instance.run("postconf", "-h", name).stdout.strip()


def test_enable_and_renew(place):
    instance = Instance(place / "a", hostname="mx.own.example")
    instance.write()
    tls = lambda *words, **more: instance.run("diligence", "tls", *words,  # noqa: E731
                                              config_first=True, **more)
    assert tls("all-default-server").returncode == 0
    assert tls("all-default-client").returncode == 0
    tls("enable-client")
    tls("enable-server", "-a", "ecdsa")
    assert value(instance, "smtp_tls_security_level") == "may"
    assert value(instance, "smtpd_tls_security_level") == "may"
    certificate, key = value(instance, "smtpd_tls_eccert_file"), \
        value(instance, "smtpd_tls_eckey_file")
    assert re.fullmatch(rf"{instance.config}/eccert-\d{{8}}-\d{{6}}\.pem", certificate)
    assert tls("all-default-server", check=False).returncode == 1
    assert tls("enable-server", check=False).returncode == 1
    text = openssl("x509", "-in", certificate, "-noout", "-subject", "-ext",
                   "subjectAltName").stdout.decode()
    assert "CN = mx.own.example" in text and "DNS:mx.own.example" in text

    request = tls("output-server-csr", "-k", "ecdsa", "a.example", "b.example").stdout
    shown = openssl("req", "-noout", "-verify", "-subject", "-text",
                    input=request.encode()).stdout.decode()
    assert "CN = a.example" in shown and "DNS:a.example, DNS:b.example" in shown
    record = tls("output-server-tlsa", "-h", "mx.own.example").stdout
    assert re.fullmatch(r"_25\._tcp\.mx\.own\.example\. IN TLSA 3 1 1 [0-9A-F]{64}\n", record)

    shown = tls("new-server-key", "-b", "2048", "other.example").stdout
    new_certificate, new_key = re.search(r"deploy-server-cert (\S+) (\S+)", shown).groups()
    assert tls("deploy-server-cert", certificate, new_key, check=False).returncode == 1
    tls("deploy-server-cert", new_certificate, new_key)
    assert value(instance, "smtpd_tls_cert_file") == new_certificate
    assert tls("output-server-tlsa", "rsa").stdout != record
    assert tls("output-server-tlsa").stdout.count("TLSA") == 2
    assert tls("output-server-tlsa", "-h", "mx.own.example", key).stdout == record
    instance.parameters.update(
        dict(line.split(" = ", 1) for line in
             (instance.config / "main.cf").read_text().splitlines() if " = " in line))
    with instance, instance.smtp() as client:
        context = ssl.create_default_context(cafile=new_certificate)
        context.load_verify_locations(certificate)
        context.check_hostname = False
        client.starttls(context=context)
    assert wait_until(lambda: "TLS connection established" in instance.log(), "the handshake")


def test_finger(place):
    """posttls-finger: what a server proves, by each way of proof."""
    authority = Authority(place / "ca")
    chain = authority.issue("server.pem", "localhost")
    server = Instance(place / "a", smtpd_tls_security_level="may", smtpd_tls_chain_files=chain)
    with server:
        def finger(*words):
            done = subprocess.run([STAGE / "bin/posttls-finger", *words], capture_output=True,
                                  text=True, timeout=60,
                                  env=dict(os.environ, MAIL_CONFIG=str(server.config)))
            return done.returncode, done.stdout, done.stderr
        there = f"[127.0.0.1]:{server.port}"
        status, _, log = finger("-l", "secure", "-F", str(authority.file), there, "localhost")
        assert status == 0, log
        assert f"posttls-finger: Connected to 127.0.0.1[127.0.0.1]:{server.port}\n" in log
        assert "posttls-finger: > STARTTLS\n" in log
        assert "posttls-finger: Verified TLS connection established to 127.0.0.1" in log
        assert "Untrusted TLS" in finger("-l", "secure", there)[2]
        assert "Trusted TLS" in finger("-l", "secure", "-F", str(authority.file), there, "x")[2]
        assert "Verified TLS" in finger("-c", "-l", "fingerprint", "-d", "sha256", there,
                                        fingerprint(chain))[2]
        assert "TLSv1.2 with cipher" in finger("-l", "encrypt", "-p", "<=TLSv1.2", there)[2]
        _, shown, log = finger("-cC", "-L", "none", "-l", "may", there)
        assert shown.startswith(" 0 subject: /CN=localhost\n") and log == ""
        assert "-----BEGIN CERTIFICATE-----" in shown
        assert "The session was resumed" in finger("-r", "1", "-l", "may", there)[2]
        assert finger("-l", "may", "[127.0.0.1]:1")[0] == 1

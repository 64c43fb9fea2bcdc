"""Private keys are in one process alone, and all others do as well without (issue: keys)."""

import os
import pathlib
import re
import subprocess

import pytest

from harness.instance import Instance, free_port, wait_until

from .certificates import Authority, openssl

TLSMGR = "tlsmgr unix - - n 1000? 1 tlsmgr\n"


def secrets(pem):
    """What of the key in PEM must be in no other process: the private number of an EC key or the first
    prime of an RSA key, as it stands in files and as OpenSSL keeps it in memory."""
    text = openssl("pkey", "-in", pem, "-noout", "-text").stdout.decode()
    name = "prime1" if "prime1" in text else "priv"
    digits = re.search(rf"{name}:\n((?:\s+[0-9a-f:]+\n)+)", text)[1]
    number = bytes.fromhex(re.sub(r"[^0-9a-f]", "", digits)).lstrip(b"\0")
    return [number, number[::-1]]


def memory_has(pid, needles):
    """Does one of NEEDLES stand in the memory of PID?"""
    regions = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) r\S* .*\n(?:(?!Rss).*\n)*?Rss: +[1-9]",
                         pathlib.Path(f"/proc/{pid}/smaps").read_text(), re.M)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for begin, end in regions:
            begin, end = int(begin, 16), int(end, 16)
            if end - begin > 1 << 28:
                continue  # a sanitizer's own
            try:
                memory.seek(begin)
                data = memory.read(end - begin)
            except (OSError, OverflowError, ValueError):
                continue
            if any(needle in data for needle in needles):
                return True
    return False


def processes(instance):
    """pid: name of the instance's programs, by their -c argument."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if str(instance.config) in words:
            found[int(path.parent.name)] = pathlib.Path(words[0]).name
    return found


def handshake(port, *options):
    done = subprocess.run(["openssl", "s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{port}",
                           *options], input="QUIT\n", capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


@pytest.fixture
def server(place):
    authority = Authority(place / "ca")
    rsa, ec = (authority.issue(f"{kind}.pem", "gw1.maison.mrs", kind=kind) for kind in ("rsa", "ec"))
    client = authority.issue("client.pem", "client.maison.mrs")
    for file in (rsa, ec, client):
        file.chmod(0o600)
    one = Instance(place / "a", smtpd_tls_security_level="may", smtp_tls_security_level="may",
                   smtpd_tls_chain_files=f"{rsa}, {ec}", smtp_tls_chain_files=client,
                   smtp_tls_loglevel=3, smtp_tls_trace_size_limit=99,
                   smtpd_tls_CAfile=authority.file, smtpd_tls_ask_ccert="yes", smtpd_tls_loglevel=1,
                   smtpd_tls_received_header="yes", local_recipient_maps="",
                   transport_maps="inline:{{back.example=smtp:[127.0.0.1]:PORT}}")
    one.set(transport_maps=one.parameters["transport_maps"].replace("PORT", str(one.port)))
    one.extra_services = TLSMGR
    one.authority, one.rsa, one.ec, one.client = authority, rsa, ec, client
    yield one
    one.stop()


def test_keys_are_in_one_process(server):
    """Handshakes of every kind, of server and client, and the memory of each process afterwards."""
    with server:
        ecdsa, rsa = (handshake(server.port, "-tls1_2", "-cipher", f"ECDHE-{kind}-AES128-GCM-SHA256")
                      for kind in ("ECDSA", "RSA"))
        assert "Cipher is ECDHE-ECDSA-AES128-GCM-SHA256" in ecdsa
        assert "Cipher is ECDHE-RSA-AES128-GCM-SHA256" in rsa
        pss = handshake(server.port, "-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256")
        assert "New, TLSv1.3" in pss and "Peer signature type: RSA-PSS" in pss
        exchange = handshake(server.port, "-tls1_2", "-cipher", "AES128-GCM-SHA256")
        assert "Cipher is AES128-GCM-SHA256" in exchange
        # Our own client shows its certificate.
        server.send("a@b.example", "x@back.example")
        server.wait_log(r"Trusted TLS connection established from .*127.0.0.1")
        server.wait_log(r"postfix/smtp\[\d+\]: trace size limit reached")
        running = processes(server)
        names = list(running.values())
        assert names.count("tlsmgr") == 1 and "smtpd" in names and "smtp" in names
        if os.getuid() != 0:
            return  # whose memory is closed to its own user, too
        for file in (server.rsa, server.ec, server.client):
            holders = {name for pid, name in running.items() if memory_has(pid, secrets(file))}
            assert holders == {"tlsmgr"}, file


def test_renewed_keys(server):
    """New files are used at once, broken ones are not; tlsmgr may end at any time."""
    server.set(smtpd_tls_chain_files=server.ec)
    with server:
        def serial():
            found = re.search(r"-----BEGIN CERTIFICATE.*?END CERTIFICATE-----", handshake(server.port), re.S)
            return found and found[0]

        first = serial()
        assert first
        server.ec.write_text("rubbish\n")
        server.wait_log(r"warning: .*; the certificates stay as they were")
        assert serial() == first
        server.authority.issue("ec.pem", "gw1.maison.mrs")
        server.ec.chmod(0o600)
        second = wait_until(lambda: serial() not in (first, None) and serial(), "the new certificate")
        for pid, name in processes(server).items():
            if name == "tlsmgr":
                os.kill(pid, 9)
        wait_until(lambda: serial() == second, "tlsmgr to be back")


def test_own_certificate(new_instance):
    """Without any key configured, the self-signed one is tlsmgr's as well."""
    server = new_instance("s", smtpd_tls_security_level="may", tlsmgr_service_name="keys")
    server.extra_services = TLSMGR.replace("tlsmgr", "keys", 1)
    with server:
        assert "CN = gw1.maison.mrs" in handshake(server.port)
        own = server.directory / "data/smtpd-self-signed.pem"
        assert own.stat().st_mode & 0o077 == 0
        if os.getuid() == 0:
            holders = {n for pid, n in processes(server).items() if memory_has(pid, secrets(own))}
            assert holders == {"tlsmgr"}


def test_services_with_keys_of_their_own(server):
    """-o in master.cf names other files; keys that cannot be used are told of by who needs them."""
    other, bad = free_port(), free_port()
    server.extra_services += (
        f"127.0.0.1:{other} inet n - n - - smtpd -o smtpd_tls_chain_files={server.client}\n"
        f"127.0.0.1:{bad} inet n - n - - smtpd -o smtpd_tls_chain_files={server.directory}/none.pem\n")
    with server:
        assert "CN = client.maison.mrs" in handshake(other)
        assert "454 4.7.0 TLS not available" in handshake(bad) or "no peer certificate" in handshake(bad)
        server.wait_log("warning: .*error opening chain file: .*none.pem")
        server.set(smtpd_tls_chain_files=server.rsa)
        server.reload()
        wait_until(lambda: "Peer signature type: RSA-PSS" in handshake(server.port, "-tls1_3"), "the new file")

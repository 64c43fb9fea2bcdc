"""The real Dovecot's auth server, asked by our smtpd (smtpd_sasl_type = dovecot; S034, S219)."""

import base64
import os
import re
import smtplib
import socketserver
import subprocess
import threading

import pytest

from harness import postfix
from harness.dovecot import PACKAGES
from harness.instance import Instance, free_port, wait_until
from harness.postfix import unpack

from doors.test_auth import scram

DOOR = {"smtpd_relay_restrictions": "permit_sasl_authenticated, reject", "mynetworks": "",
        "smtpd_sasl_auth_enable": "yes", "smtpd_tls_auth_only": "no", "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_security_options": "noanonymous", "default_transport": "discard"}
PASSWORD = "s\u00e9same & co"

CONFIG = """\
protocols =
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/dovecot.log
libexec_dir = {libexec}
login_plugin_dir = {modules}
auth_mechanisms = plain login scram-sha-256 cram-md5
auth_failure_delay = 0
import_environment = LD_LIBRARY_PATH
ssl = no
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {base}/users
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
service auth {{
  unix_listener {base}/postfix-auth {{
    mode = 0666
  }}
  inet_listener {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service stats {{
  chroot =
}}
"""


@pytest.fixture(name="dovecot", scope="module")
def fixture_dovecot(module_place):
    """A Dovecot that only knows passwords; its socket and its port."""
    if os.getuid() != 0:
        pytest.skip("Dovecot wants root")
    package = unpack(*PACKAGES)
    if not package:
        pytest.skip("the dovecot-core package cannot be downloaded")
    modules = package / "usr/lib/dovecot"
    base, port = module_place, free_port()
    for name in ("run", "state"):
        (base / name).mkdir()
    (base / "users").write_text(f"tim:{PASSWORD}\nodd@maison.mrs:{{PLAIN}}x\n")
    (base / "dovecot.conf").write_text(CONFIG.format(base=base, libexec=package / "usr/lib/dovecot",
                                                     modules=modules, port=port))
    # Dovecot finds one of its programs in /usr/bin only: the package's own lies over it, for Dovecot.
    libraries = ":".join(sorted({str(file.parent) for file in package.glob("**/*.so*")}))
    server = subprocess.Popen(["unshare", "--mount", "sh", "-c",
                               'mount -t overlay none -o "lowerdir=$1:/usr/bin" /usr/bin && shift && exec "$@"',
                               "sh", str(package / "usr/bin"), str(package / "usr/sbin/dovecot"), "-F", "-c",
                               str(base / "dovecot.conf")],
                              env=dict(os.environ, LD_LIBRARY_PATH=libraries), start_new_session=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: (base / "postfix-auth").exists() or server.poll() is not None, "Dovecot")
        assert server.poll() is None, server.stderr.read()
        yield base / "postfix-auth", port
    finally:
        server.terminate()
        server.wait(timeout=10)


def session(site):
    c = smtplib.SMTP(site.address, site.port, timeout=20)
    c.ehlo("mua.maison.mrs")
    return c


def plain(user, password):
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()


@pytest.mark.parametrize("kind", ["inet", "unix"])
def test_dovecot(place, dovecot, kind):
    """All its mechanisms, by its socket or a port; refusals."""
    path = dovecot[0] if kind == "unix" else f"inet:127.0.0.1:{dovecot[1]}"
    site = Instance(place / "a", **DOOR, smtpd_sasl_path=path)
    with site:
        with session(site) as c:
            assert "auth" in c.esmtp_features, (dovecot[0].parent / "dovecot.log").read_text() + site.log()
            assert set(c.esmtp_features["auth"].split()) >= {"PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5"}
            assert c.docmd("AUTH PLAIN")[0] == 334
            assert c.docmd("*")[0] == 501
            assert c.docmd(plain("tim", PASSWORD))[0] == 235
            c.sendmail("a@maison.mrs", "x@far.example", "Subject: x\n\nx\n")
            site.wait_log("sasl_method=PLAIN, sasl_username=tim")
        if kind == "inet":
            return  # below, each failure makes Dovecot slower
        with session(site) as c:
            assert c.docmd("AUTH LOGIN")[0] == 334
            assert c.docmd(base64.b64encode(b"tim").decode())[0] == 334
            assert c.docmd(base64.b64encode(PASSWORD.encode()).decode())[0] == 235
        with session(site) as c:
            assert scram(c, "tim", PASSWORD)[0] == 235
        with session(site) as c:
            assert c.login("odd@maison.mrs", "x")[0] == 235  # smtplib takes CRAM-MD5
        with session(site) as c:
            assert c.docmd(plain("tim", "guess"))[0] == 535
            site.wait_log("SASL PLAIN authentication failed: .*sasl_username=tim")


class Refuser(socketserver.StreamRequestHandler):
    """Dovecot's login service, to which no password is right; the server's words say how it tells so."""

    def handle(self):
        self.wfile.write(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\n"
                         b"COOKIE\t0123456789abcdef0123456789abcdef\nDONE\n")
        for line in self.rfile:
            words = line.decode().rstrip("\n").split("\t")
            if words[0] == "AUTH":
                self.wfile.write("\t".join(("FAIL", words[1], *self.server.words)).encode() + b"\n")


REFUSALS = {(): "(reason unavailable), sasl_username=(unavailable)",
            ("user=tim",): "(reason unavailable), sasl_username=tim",
            ("user=tim", "reason="): "(reason unavailable), sasl_username=tim",
            ("reason=Too many\x01tlogins",): None, ("user=tim", "reason=not now"): "not now, sasl_username=tim"}


def test_refusals_as_postfix(place):
    """With a reason and without one: the reply and the log line are the real Postfix's."""
    place.chmod(0o755)
    sites = {"ours": Instance(place / "ours", **DOOR, smtpd_sasl_path=place / "auth")}
    if postfix.is_available():
        sites["theirs"] = postfix.Postfix(place / "theirs", **DOOR, smtpd_sasl_path=place / "auth")
    seen = {}
    with socketserver.ThreadingUnixStreamServer(str(place / "auth"), Refuser) as server:
        server.daemon_threads = True
        (place / "auth").chmod(0o666)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        for name, site in sites.items():
            with site:
                replies = []
                for i, server.words in enumerate(REFUSALS, 1):
                    replies.append(site.dialogue("EHLO x", plain("tim", "x"), "QUIT")[2])
                    lines = site.wait_log("SASL PLAIN authentication failed: .*", count=i)
                seen[name] = replies, sorted(re.sub(r".*warning: ", "", line) for line in lines)
        server.shutdown()
    replies, lines = seen["ours"]
    for reply, text in zip(replies, REFUSALS.values()):
        if text:
            assert f"unknown[127.0.0.1]: SASL PLAIN authentication failed: {text}" in lines
            assert reply == f"535 5.7.8 Error: authentication failed: {text.split(', sasl')[0]}"
    assert seen.get("theirs", seen["ours"]) == seen["ours"]


def test_gone(place):
    """No Dovecot there: a temporary failure, and the reason in the log."""
    site = Instance(place / "a", **DOOR, smtpd_sasl_path=place / "nowhere")
    with site, session(site) as c:
        assert c.docmd(plain("tim", "x"))[0] in (454, 535, 503)
        site.wait_log("Dovecot auth server .*nowhere: ")

"""What the TLS parameters of the SMTP server change: each row a server, asked by openssl s_client."""

import re
import subprocess
import time

import pytest

from harness.instance import wait_until
from tls.certificates import Authority, openssl

from .site import Site

AES128, AES256 = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"
ENCRYPT = {"smtpd_tls_security_level": "encrypt"}
ASK = {"smtpd_tls_ask_ccert": "yes"}
CHECK = {**ASK, "smtpd_tls_CAfile": "{ca}"}
OLD, BY_ID = ["-tls1_2"], ["-tls1_2", "-no_ticket"]
OWN = ["-cert", "{client}", "-key", "{client}"]
FAILED = r".*Cipher is \(NONE\)"
RSA = {"smtpd_tls_cert_file": "{rsa}", "smtpd_tls_key_file": "{rsakey}",
       "smtpd_tls_eccert_file": None, "smtpd_tls_eckey_file": None}
ANY = {"tls_medium_cipherlist": "ALL:@SECLEVEL=0"}
DSS = ["-tls1_2", "-cipher", "aDSS:@SECLEVEL=0"]
# Parameter, value, other settings, the client's words, what it and the log say with the value, and
# without.
ROWS = [
    ("smtpd_tls_ciphers", "high", {"tls_high_cipherlist": AES128}, OLD, f".*is {AES128}",
     f".*is {AES256}"),
    ("smtpd_tls_mandatory_ciphers", "high", {"tls_high_cipherlist": AES128, **ENCRYPT}, OLD,
     f".*is {AES128}", f".*is {AES256}"),
    ("smtpd_tls_exclude_ciphers", "AES256", {}, OLD, ".*is ECDHE(?!.*is .*AES256)",
     f".*is {AES256}"),
    ("smtpd_tls_mandatory_exclude_ciphers", "AES256", ENCRYPT, OLD,
     ".*is ECDHE(?!.*is .*AES256)", f".*is {AES256}"),
    ("smtpd_tls_mandatory_protocols", "<=TLSv1.2", ENCRYPT, [], ".*New, TLSv1.2",
     ".*New, TLSv1.3"),
    ("smtpd_tls_key_file", "{rsakey}", RSA, [], ".*New, TLSv1.3", "(?!.*New, TLSv1.3)"),
    ("smtpd_tls_dcert_file", "{dsa}", {"smtpd_tls_dkey_file": "{dsakey}", **ANY}, DSS,
     ".*is DHE-DSS", FAILED),
    ("smtpd_tls_dkey_file", "{dsakey}", {"smtpd_tls_dcert_file": "{dsa}", **ANY}, DSS,
     ".*is DHE-DSS", "(?!.*is DHE-DSS)"),
    ("smtpd_tls_dh1024_param_file", "{dh}", {**RSA, **ANY},
     ["-tls1_2", "-cipher", "DHE:@SECLEVEL=0"], ".*DH, 3072 bits", ".*DH, 2048 bits"),
    ("smtpd_tls_eecdh_grade", "strong", {}, ["-groups", "P-384"], FAILED, ".*New, TLSv1.3"),
    ("tls_eecdh_strong_curve", "secp384r1", {"smtpd_tls_eecdh_grade": "strong"},
     ["-groups", "P-384"], ".*New, TLSv1.3", FAILED),
    ("tls_eecdh_ultra_curve", "secp521r1", {"smtpd_tls_eecdh_grade": "ultra"},
     ["-groups", "P-521"], ".*New, TLSv1.3", FAILED),
    ("tls_eecdh_auto_curves", "secp521r1", {}, ["-groups", "P-256"], FAILED, ".*New, TLSv1.3"),
    ("tls_ffdhe_auto_groups", "ffdhe4096", {}, ["-groups", "ffdhe4096"], ".*New, TLSv1.3", FAILED),
    ("tls_preempt_cipherlist", "yes", {"tls_medium_cipherlist": f"{AES256}:{AES128}"},
     ["-tls1_2", "-cipher", f"{AES128}:{AES256}"], f".*is {AES256}", f".*is {AES128}"),
    ("tls_ssl_options", "NO_TICKET", {}, OLD, "(?!.*TLS session ticket:)",
     ".*TLS session ticket:"),
    ("tls_session_ticket_cipher", "", {}, OLD, "(?!.*TLS session ticket:)",
     ".*TLS session ticket:"),
    ("smtpd_tls_always_issue_session_ids", "no", {}, BY_ID, ".*Session-ID: *\n",
     ".*Session-ID: [0-9A-F]+"),
    ("smtpd_tls_CApath", "{cadir}", ASK, OWN, ".*Trusted TLS connection established from",
     ".*Untrusted TLS connection established from"),
    ("smtpd_tls_ccert_verifydepth", "0", CHECK, OWN,
     ".*Untrusted TLS connection established from",
     ".*Trusted TLS connection established from"),
    ("tls_trust_server_ccerts", "yes", CHECK, ["-cert", "{server}", "-key", "{server}"],
     ".*Trusted TLS connection established from",
     ".*Untrusted TLS connection established from"),
    ("smtpd_tls_fingerprint_digest", "sha1", {"smtpd_tls_loglevel": "2", **CHECK}, OWN,
     r".* fingerprint=(\w\w:){{19}}\w\w\b[^:]", r".* fingerprint=(\w\w:){{31}}\w\w\b[^:]"),
    ("smtpd_tls_loglevel_maps", "static:1", {"smtpd_tls_loglevel": "0"}, [],
     ".*TLS connection established from", "(?!.*TLS connection established from)"),
    ("tls_config_file", "{config}", {"tls_config_name": "few"}, [], ".*is TLS_AES_128",
     "(?!.*is TLS_AES_128)"),
    ("tls_config_name", "few", {"tls_config_file": "{config}"}, [], ".*is TLS_AES_128",
     ".*is TLS_AES_256"),
]
# The same, and a second session that would like to resume the first.
RESUMED = [
    ("smtpd_tls_session_cache_database", "btree:$data_directory/smtpd_scache", {}, BY_ID, 0,
     ".*Reused", ".*New"),
    ("smtpd_tls_session_cache_timeout", "1s", {}, OLD, 2.1, ".*New", ".*Reused"),
]
# Parameter, value, the conversation, the last reply with it and without it.
OLD_WAY = {"smtpd_tls_security_level": None}
TALKS = [
    ("smtpd_use_tls", "yes", ["EHLO x"], ".*STARTTLS", "(?!.*STARTTLS)"),
    ("smtpd_enforce_tls", "yes", ["EHLO x", "MAIL FROM:<a@b.example>"], "530 ", "250 "),
]
CONFIG = """\
openssl_conf = usual
few = few_section
[usual]
[few_section]
ssl_conf = few_ssl
[few_ssl]
system_default = few_suites
[few_suites]
Ciphersuites = TLS_AES_128_GCM_SHA256
"""


def files(room):
    """What rows name in braces."""
    authority = Authority(room / "ca")
    own = {kind: authority.issue(f"{kind}.pem", "gw1.maison.mrs", kind=kind)
           for kind in ("ec", "rsa", "dsa")}
    values = {"ca": authority.file, "cadir": room / "authorities", "dh": room / "dh.pem",
              "client": authority.issue("client.pem", "client.example"), "config": room / "ssl.cnf",
              "server": authority.issue("other.pem", "other.example", usage="serverAuth"),
              **{kind: path.with_suffix(".crt") for kind, path in own.items()},
              **{f"{kind}key": path.with_suffix(".key") for kind, path in own.items()}}
    values["config"].write_text(CONFIG)
    values["cadir"].mkdir()
    name = openssl("x509", "-in", authority.file, "-noout", "-hash").stdout.decode().strip()
    values["cadir"].joinpath(name + ".0").symlink_to(authority.file)
    openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe3072", "-out",
            values["dh"])
    for path in authority.directory.iterdir():
        path.chmod(0o644)
    return values


@pytest.fixture(scope="module")
def site(room, net):
    one = Site(room / "a", net, max_idle="5s", smtpd_tls_loglevel="1",
               smtpd_tls_security_level="may")
    one.values = files(room)
    one.set(smtpd_tls_eccert_file=one.values["ec"], smtpd_tls_eckey_file=one.values["eckey"])

    def server(name, settings):
        one.server(name, syslog_name="x/" + name.replace(" ", "-"), **{
            key: "" if value is None else value.format(**one.values)
            for key, value in settings.items()})
    for name, value, settings, *_ in ROWS + RESUMED:
        server(name, {**settings, name: value})
        server("without " + name, {k: v for k, v in settings.items() if k != name} |
               ({"smtpd_tls_key_file": None} if name == "smtpd_tls_key_file" else {}))
    for name, value, *_ in TALKS:
        server(name, {**OLD_WAY, name: value})
        server("without " + name, OLD_WAY)
    server("slow", {"smtpd_starttls_timeout": "1s"})
    with one:
        yield one


def ask(site, name, words):
    """What s_client says of a session with server NAME, and what the log does."""
    tag = "x/" + name.replace(" ", "-")
    before = len(site.log_lines(rf"{tag}/smtpd\[\d+\]: disconnect from"))
    words = [word.format(**site.values) for word in words]
    done = subprocess.run(["openssl", "s_client", "-connect", f"{site.address}:{site.ports[name]}",
                           "-starttls", "smtp", "-ign_eof", *words], input=b"QUIT\r\n",
                          capture_output=True, timeout=20, check=False)
    site.wait_log(rf"{tag}/smtpd\[\d+\]: disconnect from", count=before + 1)
    return (done.stdout + done.stderr).decode(errors="replace") + "\n".join(
        site.log_lines(rf"{tag}/smtpd"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_setting(site, row):
    """With the setting and without it the session is another."""
    name, _, _, words, *patterns = row
    for server, pattern in zip((name, "without " + name), patterns):
        found = ask(site, server, words)
        assert re.match("(?s)" + pattern.replace("{{", "{").replace("}}", "}"), found), found


@pytest.mark.parametrize("row", RESUMED, ids=lambda row: row[0])
def test_resumed(site, row, room):
    """With the setting and without it a session can be resumed, or not."""
    name, _, _, words, pause, *patterns = row
    for server, pattern in zip((name, "without " + name), patterns):
        kept = str(room / "session.pem")
        ask(site, server, [*words, "-sess_out", kept])
        time.sleep(pause)
        found = ask(site, server, [*words, "-sess_in", kept])
        assert re.match("(?s)" + pattern + ", TLSv1.2", found), found


@pytest.mark.parametrize("row", TALKS, ids=lambda row: row[0])
def test_older_ways(site, row):
    """smtpd_use_tls, smtpd_enforce_tls where smtpd_tls_security_level says nothing"""
    name, _, lines, *patterns = row
    for server, pattern in zip((name, "without " + name), patterns):
        said = site.talk(server, *lines)[-1]
        assert re.match("(?s)" + pattern, said), said


def test_handshake_that_never_comes(site):
    """smtpd_starttls_timeout"""
    with site.door("slow") as talk:
        talk.reply()
        talk.say("EHLO x")
        talk.reply()
        talk.say("STARTTLS")
        assert talk.reply().startswith("220")
        began = time.monotonic()
        assert talk.reply() == ""
        assert 0.8 < time.monotonic() - began < 5
    wait_until(lambda: site.log_lines(r"x/slow/smtpd\[\d+\]: SSL_accept error"), "the log line")

"""Settings of postscreen, each by what it changes: its memory, its lists, its TLS (S019, S213)."""

import concurrent.futures
import contextlib
import re
import subprocess
import time

import pytest

from harness.instance import wait_until
from testnet.dnsserver import DnsServer
from tls.certificates import Authority, openssl

from .test_screen import ENGINE, Screened

MAIL = ["EHLO c.example", "MAIL FROM:<a@b.example>", "RCPT TO:<chris@maison.mrs>", "QUIT"]


def remembered(site, cache):
    """What the cache says of each client: seconds from now until each test is due again."""
    done = site.instance.run("postmap", "-s", f"btree:{site.instance.directory}/data/{cache}")
    now = time.time()
    return {line.split()[0]: [round(int(n) - now) for n in line.split()[1].split(";")]
            for line in done.stdout.splitlines()}


def is_about(seconds, wanted):
    return wanted - 15 <= seconds <= wanted + 1


def test_how_long_a_pass_is_good(instance):
    """Each test has its time; that of the lists is their records', within bounds."""
    with DnsServer({}) as dns:
        dns.zone["2.0.0.127.ttl.example"] = {"A": ["127.0.0.9"], "ttl": 50}
        dns.zone["3.0.0.127.ttl.example"] = {"A": ["127.0.0.9"], "ttl": 5000}
        lists = {"postscreen_dnsbl_sites": "ttl.example", "postscreen_dnsbl_threshold": "2"}
        cases = {
            "a": {**lists, "postscreen_greet_ttl": "1000s", "postscreen_pipelining_enable": "yes",
                  "postscreen_pipelining_ttl": "2000s", "postscreen_non_smtp_command_enable": "yes",
                  "postscreen_non_smtp_command_ttl": "3000s", "postscreen_bare_newline_enable": "yes",
                  "postscreen_bare_newline_ttl": "4000s", "postscreen_dnsbl_min_ttl": "500s"},
            "b": {**lists, "postscreen_dnsbl_max_ttl": "600s"},
            "c": {**lists, "postscreen_dnsbl_ttl": "1"}}
        for name, settings in cases.items():
            settings["postscreen_cache_map"] = f"btree:$data_directory/{name}"
        site = Screened(instance, cases, resolver_nameservers=dns.nameserver)
        with instance:
            site.talk("a", *MAIL, source="127.0.0.2")
            site.talk("b", *MAIL, source="127.0.0.3")
            site.talk("c", *MAIL, source="127.0.0.3")
            instance.wait_log("PASS NEW", count=3)
            [greet, dnsbl, pipelining, command, newline] = remembered(site, "a")["127.0.0.2"]
            assert is_about(greet, 1000) and is_about(dnsbl, 500) and is_about(pipelining, 2000)
            assert is_about(command, 3000) and is_about(newline, 4000)
            assert is_about(remembered(site, "b")["127.0.0.3"][1], 600)
            assert is_about(remembered(site, "c")["127.0.0.3"][1], 3600)


def test_memory_is_swept(instance):
    """postscreen_cache_cleanup_interval, postscreen_cache_retention_time."""
    site = Screened(instance, {"short": {
        "postscreen_cache_map": "btree:$data_directory/short", "postscreen_cache_cleanup_interval": "3s",
        "postscreen_cache_retention_time": "0s", "postscreen_greet_ttl": "1s"}})
    with instance:
        site.talk("short", "QUIT")
        instance.wait_log(r"cache btree:.*short full cleanup: retained=0 dropped=1 entries")
        assert remembered(site, "short") == {}


def test_lists_that_do_not_answer(instance):
    """postscreen_dnsbl_timeout; a client is not held longer than that when only lists are asked."""
    with DnsServer({"2.0.0.127.mute.example": {"fail": "noanswer"}}) as dns:
        site = Screened(instance, {"lists": {
            "postscreen_dnsbl_sites": "mute.example", "postscreen_greet_wait": "15s",
            "postscreen_greet_banner": "", "postscreen_dnsbl_timeout": "1s"}},
            resolver_nameservers=dns.nameserver, dnsblog_service_name="blog")
        with instance:
            begin = time.monotonic()
            assert site.talk("lists", "NOOP", source="127.0.0.2")[-1] == "250 2.0.0 Ok"
            assert time.monotonic() - begin < 8
            instance.wait_log(r"postfix/blog\[\d+\]: warning: dnsblog_query: lookup error for DNS query "
                              r"2.0.0.127.mute.example")


def test_lists_that_answer_late(instance):
    """dnsblog_reply_delay: what a list says after postscreen_greet_wait comes too late."""
    lists = {"postscreen_dnsbl_sites": "bad.example", "postscreen_dnsbl_action": "drop",
             "postscreen_cache_map": ""}
    with DnsServer({"2.0.0.127.bad.example": {"A": ["127.0.0.2"]}}) as dns:
        site = Screened(instance, {"soon": lists, "late": {**lists, "dnsblog_reply_delay": "4s"}},
                        resolver_nameservers=dns.nameserver)
        with instance:
            assert "521 5.7.1 Service unavailable; " in site.talk("soon", source="127.0.0.2")[0]
            assert site.talk("late", "NOOP", source="127.0.0.2")[-1] == "250 2.0.0 Ok"


def test_server_behind(instance):
    """smtpd_service_name, postscreen_post_queue_limit, postscreen_whitelist_interfaces."""
    site = Screened(instance, {
        "named": {"smtpd_service_name": "behind", "postscreen_greet_wait": "0",
                  "postscreen_post_queue_limit": "1", "postscreen_cache_map": ""},
        "backup": {"postscreen_whitelist_interfaces": "!127.0.0.1, static:all",
                   "postscreen_cache_map": ""}})
    instance.extra_services += "behind pass - - n - 1 smtpd -o smtpd_banner=behind\n"
    with instance:
        with site.door("named") as first:
            assert first.reply() == "220 behind"
            with site.door("named"):  # waits
                with site.door("named") as third:
                    assert third.reply() == "421 4.3.2 All server ports are busy"
            instance.wait_log(r"NOQUEUE: reject: CONNECT from .*: all server ports busy")
        assert site.talk("backup", *MAIL)[3].startswith("450 4.3.2")
        instance.wait_log("ALLOWLIST VETO")


OLDER = "-tls1_2"
CLIENT = ["-cert", "{other}", "-key", "{other}"]
# Settings, options of s_client, what it prints, and what the log says.
TLS = [
    ({"postscreen_tls_chain_files": "{other}"}, [], "CN = other.example", None),
    ({"postscreen_tls_chain_files": "", "postscreen_tls_cert_file": "{rsa}",
      "postscreen_tls_key_file": "{rsa}"}, [], "CN = rsa.example", None),
    ({"postscreen_tls_chain_files": "", "postscreen_tls_cert_file": "none",
      "postscreen_tls_eccert_file": "{other}", "postscreen_tls_eckey_file": "{other}"}, [],
     "CN = other.example", None),
    ({"postscreen_tls_chain_files": "", "postscreen_tls_dcert_file": "{dsa}",
      "postscreen_tls_dkey_file": "{dsa}"},
     [OLDER, "-cipher", "aDSS:@SECLEVEL=0", "-sigalgs", "DSA+SHA256"], "Cipher is DHE-DSS", None),
    ({"postscreen_tls_CAfile": "{ca}", "postscreen_tls_ask_ccert": "yes", "postscreen_tls_loglevel": "1"},
     CLIENT, "CN = Test Authority\n", "Trusted TLS connection established from"),
    ({"postscreen_tls_CApath": "{capath}", "postscreen_tls_ask_ccert": "yes",
      "postscreen_tls_loglevel": "1"}, CLIENT, "", "Trusted TLS connection established from"),
    ({"postscreen_tls_CAfile": "{ca}", "postscreen_tls_ask_ccert": "yes",
      "postscreen_tls_loglevel": "1", "postscreen_tls_ccert_verifydepth": "0"},
     ["-cert", "{deep}", "-key", "{deep}", "-cert_chain", "{sub}"], "",
     r"certificate verification failed for .*: certificate chain longer than limit\(0\)"),
    ({"postscreen_tls_security_level": "encrypt", "postscreen_tls_req_ccert": "yes"}, [], "",
     "abort: TLS from .*: No client certificate presented"),
    ({"postscreen_tls_ciphers": "null"}, [OLDER], "handshake failure", None),
    ({"postscreen_tls_exclude_ciphers": "AES128"}, [OLDER, "-cipher", "AES128"], "handshake failure", None),
    ({"postscreen_tls_security_level": "encrypt", "postscreen_tls_mandatory_ciphers": "null"}, [OLDER],
     "handshake failure", None),
    ({"postscreen_tls_security_level": "encrypt", "postscreen_tls_mandatory_exclude_ciphers": "AES128"},
     [OLDER, "-cipher", "AES128"], "handshake failure", None),
    ({"postscreen_tls_protocols": ">=TLSv1.3"}, [OLDER], "alert protocol version", None),
    ({"postscreen_tls_security_level": "encrypt", "postscreen_tls_mandatory_protocols": ">=TLSv1.3"},
     [OLDER], "alert protocol version", None),
    ({"postscreen_tls_eecdh_grade": "strong"}, [OLDER, "-cipher", "ECDHE"],
     "Server Temp Key: ECDH, prime256v1", None),
    ({"postscreen_tls_dh1024_param_file": "{dh}", "postscreen_tls_chain_files": "{rsa}"},
     [OLDER, "-cipher", "DHE"], "Server Temp Key: DH, 3072 bits", None),
    ({"postscreen_tls_fingerprint_digest": "sha1", "postscreen_tls_ask_ccert": "yes",
      "postscreen_tls_loglevel": "2"}, CLIENT, "", r"fingerprint=(?:[0-9A-F]{2}:){19}[0-9A-F]{2}, "),
    ({"postscreen_tls_loglevel_maps": "inline:{{127.0.0.1=2}}"}, [], "",
     "setting up TLS connection from "),
    ({"postscreen_tls_loglevel": "3", "postscreen_tls_trace_size_limit": "64"}, [], "",
     "trace size limit reached"),
    ({"smtpd_tls_loglevel": "3", "smtpd_tls_trace_size_limit": "64"}, [], "", "trace size limit reached"),
    ({"postscreen_tls_always_issue_session_ids": "no"}, [OLDER, "-no_ticket"],
     "(?s)CN = usual.example.*Session-ID: \n", None),
]


@pytest.fixture
def files(place):
    authority = Authority(place / "ca")
    made = {name: authority.issue(f"{name}.pem", f"{name}.example", kind=kind)
            for name, kind in (("usual", "ec"), ("other", "ec"), ("rsa", "rsa"), ("dsa", "dsa"))}
    made["ca"] = authority.file
    sub = Authority(place / "sub", "Sub Authority")
    request, extensions = place / "sub.csr", place / "sub.ext"
    extensions.write_text("basicConstraints=critical,CA:TRUE\n")
    openssl("req", "-new", "-key", sub.key, "-subj", "/CN=Sub Authority", "-out", request)
    openssl("x509", "-req", "-in", request, "-CA", authority.file, "-CAkey", authority.key,
            "-CAcreateserial", "-extfile", extensions, "-out", sub.file)
    made["deep"], made["sub"] = sub.issue("deep.pem", "deep.example"), sub.file
    made["capath"] = place / "cas"
    made["capath"].mkdir()
    number = openssl("x509", "-in", authority.file, "-noout", "-hash").stdout.decode().strip()
    (made["capath"] / f"{number}.0").write_text(authority.file.read_text())
    made["dh"] = place / "dh.pem"
    openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe3072", "-out", made["dh"])
    return made


def test_tls_of_its_own(instance, files):
    """postscreen_tls_...: what the tests' dialogue has apart from the server behind."""
    def filled(text):
        return text.format(**files) if text.startswith("{") and "=" not in text else text

    cases = {str(i): {**ENGINE, **{key: filled(value) for key, value in row[0].items()}}
             for i, row in enumerate(TLS)}
    site = Screened(instance, cases, smtpd_tls_security_level="may",
                    smtpd_tls_chain_files=files["usual"])

    def shake(number):
        done = subprocess.run(["openssl", "s_client", "-starttls", "smtp", "-connect",
                               f"127.0.0.1:{site.ports[str(number)]}", *map(filled, TLS[number][1])],
                              input="QUIT\n", capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    with instance:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            said = list(pool.map(shake, range(len(TLS))))
        for (settings, _, pattern, log), text in zip(TLS, said):
            assert re.search(pattern, text), (settings, text[-1500:])
            if log:
                instance.wait_log(log)


def test_time_for_handshakes(instance, files):
    """postscreen_starttls_timeout, and a stream that is cut off then."""
    site = Screened(instance, {"short": {**ENGINE, "postscreen_starttls_timeout": "1s",
                                         "postscreen_use_tls": "yes"}},
                    smtpd_tls_chain_files=files["usual"])
    with instance, site.door("short") as talk:
        talk.reply()
        for line in ("EHLO c", "STARTTLS"):
            talk.say(line)
            talk.reply()
        begin = time.monotonic()
        with contextlib.suppress(OSError):
            assert talk.socket.recv(100) == b""
        assert 0.5 < time.monotonic() - begin < 5
        instance.wait_log("SSL_accept error from .*: Connection timed out")
        wait_until(lambda: "HANGUP" in instance.log(), "the last line")

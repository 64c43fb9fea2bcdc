"""What the TLS parameters of the SMTP and LMTP client change, a row for both.

A row's host tells how it was talked to; without the setting it must see something else.
"""

import re

import pytest

from .tlshosts import KINDS, TlsHosts

# With the session's keys these are always there; a row may take them away (None).
USUAL = {"K_tls_security_level": "may", "K_tls_loglevel": "1"}
ENCRYPT = {"K_tls_security_level": "encrypt"}
SECURE = {"K_tls_security_level": "secure"}
OLD_WAY = {"K_tls_security_level": None}
CACHE = {"K_tls_session_cache_database": "btree:$data_directory/K_scache"}
AES128 = "ECDHE-ECDSA-AES128-GCM-SHA256"
# The parameter of each kind, value, other settings, the host's manners, status and what the host
# saw: with the value, and without (None: not tried).
ROWS = [
    ("smtp_tls_CAfile", "lmtp_tls_CAfile", "{ca}", {}, "", "sent .* Trusted", "sent .* Untrusted"),
    ("smtp_tls_CApath", "lmtp_tls_CApath", "{cadir}", {}, "", "sent .* Trusted",
     "sent .* Untrusted"),
    ("smtp_tls_block_early_mail_reply", "lmtp_tls_block_early_mail_reply", "yes", {}, "early",
     "deferred .*unexpected server message", "(?!.*unexpected)"),
    ("smtp_tls_cert_file", "lmtp_tls_cert_file", "{rsa}", {"K_tls_key_file": "{rsakey}"}, "",
     "sent .*cert=rsa.client", "sent .*cert=None"),
    ("smtp_tls_key_file", "lmtp_tls_key_file", "{rsakey}", {"K_tls_cert_file": "{rsa}"}, "",
     "sent .*cert=rsa.client", "(?!.*cert=rsa)"),
    ("smtp_tls_eccert_file", "lmtp_tls_eccert_file", "{ec}", {"K_tls_eckey_file": "{eckey}"}, "",
     "sent .*cert=ec.client", "sent .*cert=None"),
    ("smtp_tls_eckey_file", "lmtp_tls_eckey_file", "{eckey}", {"K_tls_eccert_file": "{ec}"}, "",
     "sent .*cert=ec.client", "(?!.*cert=ec)"),
    ("smtp_tls_dcert_file", "lmtp_tls_dcert_file", "{dsa}",
     {"K_tls_dkey_file": "{dsakey}", "tls_medium_cipherlist": "ALL:@SECLEVEL=0"}, "old",
     "sent .*cert=dsa.client", "sent .*cert=None"),
    ("smtp_tls_dkey_file", "lmtp_tls_dkey_file", "{dsakey}",
     {"K_tls_dcert_file": "{dsa}", "tls_medium_cipherlist": "ALL:@SECLEVEL=0"}, "old",
     "sent .*cert=dsa.client", "(?!.*cert=dsa)"),
    ("smtp_tls_chain_files", "lmtp_tls_chain_files", "{chain}", {}, "", "sent .*cert=ec.client",
     "sent .*cert=None"),
    ("smtp_tls_ciphers", "lmtp_tls_ciphers", "high", {"tls_high_cipherlist": AES128}, "old",
     f"sent .*{AES128}", "sent .*AES256"),
    ("smtp_tls_mandatory_ciphers", "lmtp_tls_mandatory_ciphers", "high",
     {"tls_high_cipherlist": AES128, **ENCRYPT}, "old", f"sent .*{AES128}", "sent .*AES256"),
    ("smtp_tls_exclude_ciphers", "lmtp_tls_exclude_ciphers", "AES256", {}, "old",
     "sent .*TLSv1.2 (?!.*AES256)", "sent .*AES256"),
    ("smtp_tls_mandatory_exclude_ciphers", "lmtp_tls_mandatory_exclude_ciphers", "AES256",
     ENCRYPT, "old", "sent .*TLSv1.2 (?!.*AES256)", "sent .*AES256"),
    ("smtp_tls_protocols", "lmtp_tls_protocols", "<=TLSv1.2", {}, "", "sent .*TLSv1.2",
     "sent .*TLSv1.3"),
    ("smtp_tls_mandatory_protocols", "lmtp_tls_mandatory_protocols", "<=TLSv1.2", ENCRYPT, "",
     "sent .*TLSv1.2", "sent .*TLSv1.3"),
    ("smtp_tls_connection_reuse", "lmtp_tls_connection_reuse", "yes",
     {"K_connection_cache_time_limit": "30s", "connection_cache_ttl_limit": "30s"}, "twice", "sent .*sessions=1",
     "sent .*sessions=2"),
    ("smtp_enforce_tls", "lmtp_enforce_tls", "yes", OLD_WAY, "plain",
     "deferred .*TLS is required, but was not offered", "sent .*in clear"),
    ("smtp_use_tls", "lmtp_use_tls", "yes", OLD_WAY, "", "sent .*TLSv1.3", "sent .*in clear"),
    ("smtp_tls_enforce_peername", "lmtp_tls_enforce_peername", "no",
     {"K_enforce_tls": "yes", **OLD_WAY}, "", "sent .*TLSv1.3", "deferred .*not verified"),
    ("smtp_tls_per_site", "lmtp_tls_per_site", "static:MUST_NOPEERMATCH", OLD_WAY, "plain",
     "deferred .*TLS is required", "sent .*in clear"),
    ("smtp_tls_policy_maps", "lmtp_tls_policy_maps", "static:encrypt", {}, "plain",
     "deferred .*TLS is required", "sent .*in clear"),
    ("smtp_tls_security_level", "lmtp_tls_security_level", "encrypt", {}, "plain",
     "deferred .*TLS is required", "sent .*in clear"),
    ("smtp_tls_fingerprint_cert_match", "lmtp_tls_fingerprint_cert_match", "{sha256}",
     {"K_tls_security_level": "fingerprint"}, "", "sent .*Verified", "deferred"),
    ("smtp_tls_fingerprint_digest", "lmtp_tls_fingerprint_digest", "sha1",
     {"K_tls_security_level": "fingerprint", "K_tls_fingerprint_cert_match": "{sha1}"}, "",
     "sent .*Verified", "deferred .*not verified"),
    ("smtp_tls_trust_anchor_file", "lmtp_tls_trust_anchor_file", "{ca}", SECURE, "",
     "sent .*Verified", "deferred .*not verified"),
    ("smtp_tls_secure_cert_match", "lmtp_tls_secure_cert_match", "other.example",
     {"K_tls_CAfile": "{ca}", **SECURE}, "", "deferred .*not verified", "sent .*Verified"),
    ("smtp_tls_verify_cert_match", "lmtp_tls_verify_cert_match", "other.example",
     {"K_tls_CAfile": "{ca}", "K_tls_security_level": "verify"}, "", "deferred .*not verified",
     "sent .*Verified"),
    ("smtp_tls_scert_verifydepth", "lmtp_tls_scert_verifydepth", "0", {"K_tls_CAfile": "{ca}"}, "",
     "sent .* Untrusted", "sent .* Trusted"),
    ("smtp_tls_servername", "lmtp_tls_servername", "asked.example", {}, "",
     "sent .*sni=asked.example", "sent .*sni=None"),
    ("smtp_tls_loglevel", "lmtp_tls_loglevel", "1", {}, "", "sent .*TLSv1.3.*trusted",
     "sent .*TLSv1.3.*not logged"),
    ("smtp_tls_loglevel_maps", "lmtp_tls_loglevel_maps", "static:1", {"K_tls_loglevel": "0"}, "",
     "sent .*TLSv1.3.*trusted", "sent .*TLSv1.3.*not logged"),
    ("smtp_tls_note_starttls_offer", "lmtp_tls_note_starttls_offer", "yes",
     {"K_tls_security_level": "none"}, "", "sent .*in clear .*offered", "sent (?!.*offered)"),
    ("smtp_tls_session_cache_database", "lmtp_tls_session_cache_database",
     CACHE["K_tls_session_cache_database"], {}, "twice", "sent .*reused=True",
     "sent .*reused=False"),
    ("smtp_tls_session_cache_timeout", "lmtp_tls_session_cache_timeout", "1s", CACHE,
     "twice later", "sent .*reused=False", "sent .*reused=True"),
    ("smtp_starttls_timeout", "lmtp_starttls_timeout", "1s", {}, "silent",
     "deferred .*timed out while receiving the STARTTLS response", None),
    ("smtp_tls_wrappermode", "lmtp_tls_wrappermode", "yes", ENCRYPT, "wrapped", "sent .*TLSv1.3",
     None),
]
# Parameters of the library, which the client obeys as the server does.
LIBRARY = [
    ("tls_high_cipherlist", AES128, {"K_tls_ciphers": "high"}, "old", f"sent .*{AES128}",
     "sent .*AES256"),
    ("tls_low_cipherlist", AES128, {"K_tls_ciphers": "low"}, "old", f"sent .*{AES128}",
     "sent .*AES256"),
    ("tls_null_cipherlist", AES128, {"K_tls_ciphers": "null"}, "old", f"sent .*{AES128}",
     f"(?!.*{AES128})"),
    ("tls_append_default_CA", "yes", {}, "", "sent .* Trusted",
     "sent .* Untrusted"),
    ("tls_wildcard_matches_multiple_labels", "no", {"K_tls_CAfile": "{ca}", **SECURE}, "",
     "deferred .*not verified", "sent .*Verified"),
]


@pytest.fixture(scope="module")
def world(room, net):
    """Every row's mail is under way before the first is asked for."""
    one = TlsHosts(room, net)
    one.names = {}
    for kind, name, value, settings, manner, _, without in every():
        settings = {**USUAL, **settings}
        settings.pop(as_written(name), None)
        if without is not None:
            one.names[kind, name, False] = one.case(kind, settings, manner)
        one.names[kind, name, True] = one.case(kind, {**settings, as_written(name): value}, manner)
    with one.site:
        for name in one.hosts:
            one.send(name)
        yield one


def as_written(name):
    return "K" + name[4:] if name.startswith(KINDS) else name


def every():
    """Kind, parameter and the rest of each case."""
    for row in ROWS:
        for number, kind in enumerate(KINDS):
            yield (kind, row[number], *row[2:])
    for row in LIBRARY:
        yield ("smtp", *row)


@pytest.mark.parametrize("case", every(), ids=lambda case: case[1])
def test_setting(world, case):
    """With the setting and without it the host sees something else."""
    kind, name, _, _, manner, *patterns = case
    for is_set, pattern in zip((True, False), patterns):
        if pattern is None:
            continue
        transport = world.names[kind, name, is_set]
        found = world.outcome(transport, manner)
        assert re.match(pattern, found), f"{is_set}: {found}"

"""The SMTP client's logins, against our own server, the real Postfix and made-up hosts."""

import re
import time

import pytest

from harness import postfix
from harness.instance import Instance, free_port, wait_until
from testnet.fakehost import FakeHost
from tls.certificates import Authority

SERVER, CLIENT, FAKE = "127.0.0.41", "127.0.0.42", "127.0.0.43"
PASSWORD = "s\u00e9same: ouvre-toi"
LOGINS = f"inline:{{{{tim={{PLAIN}}{PASSWORD}}}, {{bob={{PLAIN}}bob}}}}"
DOOR = {"smtpd_relay_restrictions": "permit_sasl_authenticated, reject", "mynetworks": "",
        "smtpd_sasl_auth_enable": "yes", "default_transport": "discard",
        "smtpd_tls_auth_only": "no"}


def ended(instance, who="x@there.example"):
    """The log line of WHO's first attempt."""
    return wait_until(lambda: re.search(rf"to=<{who}>.*status=.*", instance.log()), who)[0]


@pytest.fixture(name="server")
def fixture_server(place):
    chain = Authority(place / "ca").issue("server.pem", "mx.server.example")
    server = Instance(place / "server", hostname="mx.server.example", address=SERVER, **DOOR,
                      auth_password_maps=LOGINS, auth_failure_delay="0",
                      smtpd_tls_security_level="may", smtpd_tls_chain_files=chain,
                      auth_mechanisms="SCRAM-SHA-256-PLUS SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN")
    server.extra_services = "auth unix - - n - - auth\n"
    server.authority = place / "ca" / "ca.pem"
    with server:
        yield server


def client_of(place, port, logins, host=SERVER, **parameters):
    """A client whose mail all goes to [HOST]:PORT; its passwords are the text LOGINS."""
    client = Instance(place / "client", hostname="gw1.maison.mrs", address=CLIENT,
                      relayhost=f"[{host}]:{port}", smtp_sasl_auth_enable="yes", **parameters)
    client.parameters["smtp_sasl_password_maps"] = client.table("passwords", logins)
    return client


def test_plus_over_tls(place, server):
    """SCRAM bound to the TLS session, where there is one; the default options suffice."""
    logins = f"[{SERVER}]:{server.port} tim:{PASSWORD}\n"
    with client_of(place, server.port, logins, smtp_tls_security_level="encrypt") as client:
        client.send("a@maison.mrs", "x@there.example")
        assert "status=sent" in ended(client)
    assert "sasl_method=SCRAM-SHA-256-PLUS, sasl_username=tim" in server.log()


@pytest.mark.parametrize("allowed,method", [
    ("", "SCRAM-SHA-256"), ("cram-md5", "CRAM-MD5"), ("plain", "PLAIN"), ("login", "LOGIN")])
def test_mechanisms_in_clear(place, server, allowed, method):
    """Each mechanism as smtp_sasl_mechanism_filter names it; the key is the host's name."""
    with client_of(place, server.port, f"{SERVER} tim:{PASSWORD}\n",
                   smtp_sasl_security_options="noanonymous",
                   smtp_sasl_mechanism_filter=allowed) as client:
        client.send("a@maison.mrs", "x@there.example")
        assert "status=sent" in ended(client)
    assert f"sasl_method={method}, sasl_username=tim" in server.log()


def test_options_by_security(place, server):
    """smtp_sasl_tls_security_options, _verified_: plain text only to who proved its name."""
    logins = f"[{SERVER}]:{server.port} tim:{PASSWORD}\n"
    common = {"smtp_sasl_mechanism_filter": "plain",
              "smtp_sasl_tls_verified_security_options": "noanonymous",
              "smtp_tls_CAfile": server.authority}
    with client_of(place, server.port, logins, **common,
                   smtp_tls_security_level="encrypt") as client:
        client.send("a@maison.mrs", "x@there.example")
        assert "no mechanism available" in ended(client)
        client.set(smtp_tls_security_level="secure",
                   smtp_tls_secure_cert_match="mx.server.example").reload()
        client.send("a@maison.mrs", "y@there.example")
        assert "status=sent" in ended(client, "y@there.example")
        client.set(smtp_tls_security_level="encrypt",
                   smtp_sasl_tls_security_options="noanonymous").reload()
        client.send("a@maison.mrs", "z@there.example")
        assert "status=sent" in ended(client, "z@there.example")


def test_wrong_password(place, server):
    """Mail waits, or comes back when smtp_sasl_auth_soft_bounce says so."""
    with client_of(place, server.port, f"{SERVER} tim:guess\n") as client:
        client.send("a@maison.mrs", "x@there.example")
        line = ended(client)
        assert "dsn=4.7.8, status=deferred (SASL authentication failed; server " \
            f"{SERVER}[{SERVER}] said: 535 5.7.8 Error: authentication failed" in line
        client.set(smtp_sasl_auth_soft_bounce="no").reload()
        client.send("a@maison.mrs", "y@there.example")
        assert "dsn=5.7.8, status=bounced" in ended(client, "y@there.example")


def test_by_sender(place, server):
    """Each sender logs in as itself, also when a kept connection would be at hand."""
    logins = f"tim@maison.mrs tim:{PASSWORD}\nbob@maison.mrs bob:bob\n"
    with client_of(place, server.port, logins, smtp_sender_dependent_authentication="yes",
                   smtp_connection_cache_destinations=f"[{SERVER}]:{server.port}",
                   smtp_send_dummy_mail_auth="yes") as client:
        for sender in ("tim", "bob", "tim"):
            client.send(f"{sender}@maison.mrs", f"{sender}@there.example")
            ended(client, f"{sender}@there.example")
        wait_until(lambda: client.log().count("status=sent") == 3, "three messages")
        client.send("eve@maison.mrs", "eve@there.example")
        assert "status=bounced" in ended(client, "eve@there.example")
    log = server.log()
    assert log.count("sasl_username=bob") == 1 and log.count("sasl_username=tim") >= 1
    for who in ("tim", "bob"):
        identity = re.search(rf"(\w+): client=.*sasl_username={who}.*", log)[1]
        assert f"{identity}: from=<{who}@maison.mrs>" in log


def test_failures_are_remembered(place):
    """smtp_sasl_auth_cache_name: one 535, then no second try until the password changes."""
    host = FakeHost("mx.fake.example", FAKE, free_port(FAKE))
    host.keywords.append("AUTH PLAIN")
    host.on("AUTH", "535 5.7.8 wrong")
    host.start()
    cache = f"proxy:btree:{place}/client/data/sasl_cache"
    client = client_of(place, host.port, f"{FAKE} tim:guess\n", host=FAKE,
                       smtp_sasl_security_options="noanonymous",
                       smtp_sasl_auth_cache_name=cache,
                       default_destination_concurrency_failed_cohort_limit="9")
    client.extra_services = ("proxymap unix - - n - - proxymap\n"
                             "proxywrite unix - - n - 1 proxymap\n")

    def logins():
        return sum(c.startswith("AUTH") for s in host.sessions for c in s.commands)
    try:
        with client:
            client.send("a@maison.mrs", "x@there.example")
            assert "said: 535 5.7.8 wrong" in ended(client)
            client.send("a@maison.mrs", "y@there.example")
            assert f"SASL [CACHED] authentication failed; server {FAKE} said: 535 5.7.8 wrong" \
                in ended(client, "y@there.example")
            assert logins() == 1
            client.table("passwords", f"{FAKE} tim:other\n")
            time.sleep(1.1)  # tables are looked after once a second
            client.send("a@maison.mrs", "z@there.example")
            ended(client, "z@there.example")
            assert logins() == 2
            client.set(smtp_sasl_auth_cache_time="1s").reload()
            time.sleep(2)
            client.send("a@maison.mrs", "w@there.example")
            ended(client, "w@there.example")
            assert logins() == 3
            assert b"other" not in (place / "client/data/sasl_cache.db").read_bytes()
    finally:
        host.close()


def test_real_postfix(place):
    """Our client logs in to the real Postfix, which asks our passwords."""
    if not postfix.is_available():
        pytest.skip("no Postfix package")
    ours = Instance(place / "ours", address=CLIENT, auth_password_maps=LOGINS,
                    auth_failure_delay="0", smtp_sasl_auth_enable="yes")
    ours.extra_services = f"{CLIENT}:{ours.port + 1} inet n - n - - dovecot-auth\n"
    theirs = postfix.Postfix(place / "theirs", **{
        **DOOR, "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": f"inet:{CLIENT}:{ours.port + 1}"})
    ours.set(relayhost=f"[127.0.0.1]:{theirs.port}",
             smtp_sasl_password_maps=ours.table("passwords", f"127.0.0.1 tim:{PASSWORD}\n"))
    with ours, theirs:
        ours.send("a@maison.mrs", "x@there.example")
        assert "status=sent" in ended(ours)
        assert "sasl_method=SCRAM-SHA-256, sasl_username=tim" in theirs.log()


def test_settings(place):
    """Mistakes end the client with Postfix's words."""
    client = Instance(place, address=CLIENT, relayhost=f"[{SERVER}]:1",
                      smtp_sasl_auth_enable="yes")
    with client:
        client.send("a@maison.mrs", "x@there.example")
        wait_until(lambda: "specify a password table via the `smtp_sasl_password_maps' "
                           "configuration parameter" in client.log(), "the complaint")
        client.set(smtp_sasl_password_maps="static:tim:x", smtp_sasl_type="dovecot").reload()
        wait_until(lambda: "unsupported SASL client implementation: dovecot" in client.log(),
                   "the complaint about the type")

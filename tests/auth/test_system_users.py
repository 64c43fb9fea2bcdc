"""Accounts of the host log in: by shadow, by PAM, by saslauthd (S034, S219)."""

import base64
import os
import re
import smtplib
import subprocess
import time

import pytest

from harness.instance import wait_until
from harness.postfix import unpack

from .accounts import PEOPLE, Host, Housed

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="accounts are root's matter")

DOOR = {"smtpd_relay_restrictions": "permit_sasl_authenticated, reject", "mynetworks": "",
        "smtpd_sasl_auth_enable": "yes", "smtpd_tls_auth_only": "no", "auth_failure_delay": "0",
        "smtpd_error_sleep_time": "0", "smtpd_hard_error_limit": "100",
        "smtpd_sasl_security_options": "noanonymous", "auth_mechanisms": "PLAIN LOGIN SCRAM-SHA-256"}


@pytest.fixture(name="site")
def fixture_site(place):
    site = Housed(place / "a", **DOOR)
    site.host = Host(place)
    site.extra_services = "auth unix - n n - - auth\n"
    return site


def login(site, user, password):
    with smtplib.SMTP(site.address, site.port, timeout=20) as c:
        c.ehlo("mua.maison.mrs")
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        return c.docmd(f"AUTH PLAIN {token}")[0]


CASES = [("chris", PEOPLE["chris"], 235), ("chris", "guess", 535), ("nobody-here", "x", 535),
         ("locked", "", 535), ("locked", "!*", 535), ("none", "", 535), ("root", "", 535)]


@pytest.mark.parametrize("kind", ["shadow", "pam"])
def test_accounts(site, kind):
    """S226: auth_system_users: who has a password there, and no others."""
    site.set(auth_system_users=kind)
    with site:
        assert [login(site, user, password) for user, password, _ in CASES] == [c for *_, c in CASES]
        # An account that ended is PAM's matter: the hash alone does not tell.
        assert login(site, "expired", PEOPLE["expired"]) == (535 if kind == "pam" else 235)


def test_pam_service(site):
    """auth_pam_service names the file below pam.d; what it says counts."""
    site.host.service("open", "auth required pam_permit.so", "account required pam_permit.so")
    site.host.service("shut", "auth required pam_permit.so", "account required pam_deny.so")
    site.set(auth_system_users="pam", auth_pam_service="open")
    with site:
        assert login(site, "anybody", "whatever") == 235
        site.set(auth_pam_service="shut").reload()
        wait_until(lambda: login(site, "anybody", "whatever") == 535, "the other service")
        site.wait_log("login refused: mechanism=PLAIN, user=anybody, client=127.0.0.1")


def test_table_first(site):
    """S226: the table is asked before the host: its password counts for a name that both know."""
    site.set(auth_system_users="shadow", auth_password_maps="inline:{chris={PLAIN}table}")
    with site:
        assert login(site, "chris", "table") == 235
        assert login(site, "chris", PEOPLE["chris"]) == 535
        assert login(site, "expired", PEOPLE["expired"]) == 235


def test_slow_module(site):
    """A PAM module that takes its time holds up nobody else."""
    site.host.service("slow", "auth required pam_exec.so quiet /bin/sleep 2",
                      "account required pam_permit.so")
    site.set(auth_system_users="pam", auth_pam_service="slow",
             auth_password_maps="inline:{tim={PLAIN}x}")
    with site, smtplib.SMTP(site.address, site.port, timeout=20) as slow:
        slow.ehlo("x")
        slow.putcmd("AUTH PLAIN " + base64.b64encode(b"\0chris\0x").decode())
        began = time.monotonic()
        assert login(site, "tim", "x") == 235
        assert time.monotonic() - began < 1.5
        assert slow.getreply()[0] == 235


def test_real_saslauthd(site, place):
    """S266: smtpd_sasl_type = saslauthd asks the real one, which asks shadow; cyrus by its file."""
    package = unpack("sasl2-bin", "libdb5.3")
    if not package:
        pytest.skip("the sasl2-bin package cannot be downloaded")
    mux = place / "run"
    mux.mkdir()
    libraries = ":".join(sorted({str(p.parent) for p in package.glob("**/*.so*")}))
    program = package / "usr/sbin/saslauthd"
    server = subprocess.Popen(site.host.command(program, "-a", "shadow", "-d", "-n", "1", "-m", mux),
                              env=dict(os.environ, LD_LIBRARY_PATH=libraries),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              start_new_session=True)  # at its end it ends its whole group
    try:
        wait_until((mux / "mux").exists, "saslauthd")
        mux.chmod(0o755)
        (mux / "mux").chmod(0o777)
        site.set(smtpd_sasl_type="saslauthd", smtpd_sasl_path=mux / "mux")
        with site:
            assert [login(site, *case[:2]) for case in CASES[:3]] == [235, 535, 535]
            assert login(site, "chris@maison.mrs", PEOPLE["chris"]) == 235
        (place / "smtpd.conf").write_text(f"pwcheck_method: saslauthd\nsaslauthd_path: {mux}\n"
                                          "mech_list: PLAIN\n")
        place.chmod(0o755)
        site.set(smtpd_sasl_type="cyrus", smtpd_sasl_path="smtpd", cyrus_sasl_config_path=place)
        with site:
            assert login(site, "chris", PEOPLE["chris"]) == 235
            assert login(site, "chris", "guess") == 535
    finally:
        server.terminate()
        server.wait(timeout=10)
    site.set(smtpd_sasl_type="saslauthd", smtpd_sasl_path=mux / "mux")
    with site:
        assert login(site, "chris", PEOPLE["chris"]) == 454
        assert re.search("saslauthd .*mux: ", site.log())

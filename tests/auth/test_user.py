"""diligence user: the table of logins (S267)."""

import os
import pty
import smtplib
import subprocess

import pytest

from harness.instance import STAGE, Instance


@pytest.fixture(name="site")
def fixture_site(place):
    site = Instance(place, smtpd_sasl_auth_enable="yes", smtpd_tls_auth_only="no",
                    smtpd_tls_security_level="none", auth_failure_delay="0")
    site.extra_services = "auth unix - - n - - auth\n"
    site.set(auth_password_maps=f"hash:{site.config}/passwords")
    site.write()
    return site


def user(site, *words, password=None):
    done = site.run("diligence", "user", *words, stdin=password, check=False, config_first=True)
    return done.returncode, done.stdout, done.stderr


def login(site, name, password, **options):
    with smtplib.SMTP(site.address, site.port, timeout=20) as c:
        c.ehlo("mua.example")
        try:
            return c.login(name, password, **options)[0]
        except smtplib.SMTPAuthenticationError as e:
            return e.smtp_code


def test_life_of_a_login(site):
    """S267: made, listed, changed, removed; each counts at once."""
    assert user(site, "add", "tim", password="first\n") == (0, "", "")
    assert user(site, "add", "-s", "SHA512-CRYPT", "--scram", "bob@maison.mrs",
                password="bob\r\n")[0] == 0
    code, _, error = user(site, "add", "tim", password="x\n")
    assert code == 1 and "tim is there already" in error
    assert user(site, "list")[1] == "tim {ARGON2ID}\n" \
        "bob@maison.mrs {SHA512-CRYPT} {SCRAM-SHA-256}\n"
    text = (site.config / "passwords").read_text()
    assert "first" not in text and (site.config / "passwords").stat().st_mode & 0o007 == 0
    with site:
        assert login(site, "tim", "first") == 235
        assert login(site, "bob@maison.mrs", "bob") == 235
        assert user(site, "passwd", "tim", password="second\n") == (0, "", "")
        # tables are looked after once a second
        subprocess.run(["sleep", "1.1"], check=True)
        assert login(site, "tim", "first") == 535
        assert login(site, "tim", "second") == 235
        assert user(site, "remove", "tim")[0] == 0
        subprocess.run(["sleep", "1.1"], check=True)
        assert login(site, "tim", "second") == 535
    assert user(site, "list")[1] == "bob@maison.mrs {SHA512-CRYPT} {SCRAM-SHA-256}\n"


@pytest.mark.parametrize("words,password,complaint", [
    (("passwd", "nobody"), "x\n", "there is no login nobody"),
    (("remove", "nobody"), None, "there is no login nobody"),
    (("add", "tim"), "\n", "the password is empty"),
    (("add", "tim"), "x" * 1100 + "\n", "longer than 1024 bytes"),
    (("add", "-s", "NONSENSE", "tim"), "x\n", "{NONSENSE} cannot be made"),
    (("add", "ti m"), "x\n", "cannot be a login name"),
    (("add",), None, "usage:"),
    (("add", "tim", "secret"), None, "usage:"),
    (("rename",), None, "usage:"),
])
def test_mistakes(site, words, password, complaint):
    """Each says what is wrong, ends with 1, and changes nothing."""
    code, out, error = user(site, *words, password=password)
    assert code == 1 and complaint in error and out == ""
    assert not (site.config / "passwords").exists() or \
        (site.config / "passwords").read_text() == ""


@pytest.mark.parametrize("answers,complaint", [(("one", "one"), None),
                                               (("one", "two"), "passwords differ")])
def test_terminal(site, answers, complaint):
    """At a terminal it asks twice and shows nothing."""
    near, far = pty.openpty()
    with subprocess.Popen([STAGE / "bin/diligence", "-c", site.config, "user", "add", "tim"],
                          stdin=far, stderr=subprocess.PIPE, text=True) as process:
        prompts = process.stderr.read(len("Password: "))
        os.write(near, answers[0].encode() + b"\n")
        prompts += process.stderr.read(len("Once more: "))
        os.write(near, answers[1].encode() + b"\n")
        try:
            _, rest = process.communicate(timeout=20)
        finally:
            process.kill()
    echoed = os.read(near, 1000)
    os.close(near)
    os.close(far)
    assert prompts == "Password: Once more: " and b"one" not in echoed
    assert (complaint in rest) if complaint else process.returncode == 0

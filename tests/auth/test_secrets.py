"""What the time of a refusal tells: nothing (S034)."""

import base64
import re
import statistics
import subprocess
import time

from harness.instance import ROOT, Instance, wait_until

ROOMS = ("lib/sasl", "lib/auth", "daemons/auth")
SECRETS = "password|stored|proof|digest|secret|signature|made|hash|verifier|salted|expected"


def statements(room):
    """(file, statement) of each C file of ROOM that is no test."""
    for path in sorted((ROOT / room).glob("*.c")):
        if not path.name.endswith(("_test.c", "_fuzz.c")):
            text = re.sub(r"/\*.*?\*/|\"(\\.|[^\"\\])*\"", '""', path.read_text(), flags=re.S)
            for statement in re.split(r"[;{}]", text):
                yield f"{room}/{path.name}", " ".join(statement.split())


def test_secrets_are_compared_in_constant_time():
    """Secrets meet in password_equal() and CRYPTO_memcmp() alone: nothing else here compares bytes."""
    found, good = [], 0
    for place, statement in (x for room in ROOMS for x in statements(room)):
        good += len(re.findall(r"\b(CRYPTO_memcmp|password_equal)\(", statement))
        if re.search(r"\b(memcmp|bcmp|str(n|case|ncase)?cmp)\((?!s->process_name)", statement):
            found.append((place, statement))
        for call in re.findall(r"\bview_(?:eq|eq_case|starts|compare)\(([^;]*)", statement):
            if re.search(rf"\b({SECRETS})\b(?!->|\.name)", call.split(")")[0]):
                found.append((place, statement))
    assert not found
    assert good >= 5, "the search finds what there is"


def test_unknown_names_take_as_long(place):
    """A name that nobody has costs the same hash as a wrong password: logins cannot be listed."""
    made = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input="secret\n", check=True,
                          capture_output=True, text=True).stdout.strip()
    site = Instance(place / "a", smtpd_sasl_auth_enable="yes", smtpd_tls_auth_only="no",
                    smtpd_sasl_security_options="noanonymous", auth_failure_delay="0",
                    smtpd_error_sleep_time="0", smtpd_hard_error_limit="100",
                    auth_client_login_concurrency_limit="0")
    site.extra_services = "auth unix - - n - - auth\n"
    site.set(auth_password_maps=site.table("passwords", f"tim {made}\n"))
    with site:
        def login(user, password):
            token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            return f"AUTH PLAIN {token}"

        # A better hash is stored where that is possible; here the table stays as it is.
        assert site.dialogue("EHLO x", login("eve", "guess"))[2].startswith("535")
        times = {"tim": [], "eve": []}
        for _ in range(7):
            for user, taken in times.items():
                begin = time.monotonic()
                site.dialogue("EHLO x", login(user, "guess"))
                taken.append(time.monotonic() - begin)
        wait_until(lambda: "login refused" in site.log(), "refusals")
    known, unknown = (statistics.median(times[user]) for user in ("tim", "eve"))
    assert unknown > known / 3, (known, unknown)

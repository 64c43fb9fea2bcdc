"""hosts.allow and hosts.deny: who may connect at all (S258, S273)."""

import itertools
import json
import os
import socket
import subprocess

import pytest

from harness.instance import free_port, wait_until
from harness.postfix import unpack

ALL_IN = dict(mydestination="maison.mrs", local_recipient_maps="", local_transport="discard",
              smtpd_peername_lookup="no")


@pytest.fixture(name="site")
def fixture_site(instance):
    """With files of its own, empty at first."""
    instance.allow = instance.file("hosts.allow", "")
    instance.deny = instance.file("hosts.deny", "")
    instance.set(**ALL_IN, hosts_access_enable="yes", hosts_allow_file=instance.allow,
                 hosts_deny_file=instance.deny)
    return instance


def banner(site, source="127.0.0.1"):
    with socket.create_connection((site.address, site.port), timeout=20,
                                  source_address=(source, 0)) as client:
        return client.makefile("r").readline().rstrip()


def replace(path, text):
    """As an editor does it: a new file under the old name."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def explain(site, client):
    done = site.run("diligence", "explain", "--client", client, "--from", "a@b.example", "--to",
                    "chris@maison.mrs", "--json", config_first=True, check=False)
    return json.loads(done.stdout)


def test_smtpd(site):
    """S273: by service and address, before the banner; changes count without reload."""
    site.deny.write_text("# strangers\nsmtpd: 127.0.0.2, 127.0.3. EXCEPT 127.0.3.3\n"
                         "imap-login: ALL\nALL: 127.0.4.0/255.255.255.0\n")
    site.allow.write_text("smtpd: 127.0.4.4\n")
    with site:
        assert [banner(site, f"127.0.{n}")[:3] for n in
                ("0.1", "0.2", "3.1", "3.3", "4.4", "4.5")] == ["220", "554", "554", "220", "220", "554"]
        assert banner(site, "127.0.0.2") == \
            "554 5.7.1 <unknown[127.0.0.2]>: Client host rejected: Access denied"
        site.wait_log(r"NOQUEUE: reject: CONNECT from unknown\[127.0.0.2\]: 554 5.7.1 "
                      r"<unknown\[127.0.0.2\]>: Client host rejected: Access denied; proto=SMTP")
        replace(site.allow, "smtpd: ALL EXCEPT 127.0.0.1 : allow\nsmtpd: ALL : deny\n")
        wait_until(lambda: banner(site)[:3] == "554", "the new rules")
        assert banner(site, "127.0.0.2")[:3] == "220"
        site.allow.unlink()
        replace(site.deny, "")
        wait_until(lambda: banner(site)[:3] == "220", "no rules")


def test_after_a_refusal(site):
    """RFC 5321 3.1: QUIT is all that the client may say."""
    site.deny.write_text("ALL: ALL\n")
    with site:
        replies = site.dialogue("EHLO x", "QUIT")
        assert [r[:9] for r in replies] == ["554 5.7.1", "503 5.7.0", "221 2.0.0"]


def test_explain_and_check(site):
    """The file and line that decide, and lines that nobody can obey."""
    site.deny.write_text("smtpd: 192.0.2. \\\n  EXCEPT 192.0.2.9\nsmtpd: 10.0.0.1/8\n")
    site.allow.write_text("smtpd: ALL : spawn (logger %a) : allow\n\nsmtpd ALL\n"
                          "smtpd: joe@192.0.2.1, @friends\nnobody: /no/such/file\n")
    site.write()
    report = explain(site, "192.0.2.7")
    assert not report["accepted"]
    asked = [c for stage in report["stages"] for step in stage["steps"] for c in step["consulted"]]
    assert [c["line"] for c in asked if c["where"] == str(site.allow)] == [1], asked
    assert "the rule \"smtpd: ALL : spawn (logger %a) : allow\"" in report["hint"]
    checked = site.run("diligence", "check", config_first=True, check=False)
    found = (checked.stdout + checked.stderr).replace(f"{site.config}/", "")
    for line in ("hosts.allow:1: option \"spawn\" is not supported (only allow and deny are), so the "
                 "rule denies", "hosts.allow:3: no \":\" between daemons and clients",
                 "hosts.allow:4: joe@192.0.2.1: names of users at clients are not supported",
                 "hosts.allow:4: @friends: netgroups", "hosts.allow:5: ", "hosts.deny:3: 10.0.0.1/8: "):
        assert line in found, found
    site.allow.write_text("")
    report = explain(site, "192.0.2.7")
    assert f"the rule \"smtpd: 192.0.2.   EXCEPT 192.0.2.9\" of {site.deny}:1 decided" in report["hint"]
    assert "EXCEPT" not in explain(site, "192.0.2.9")["hint"], "kept out by the line at fault"
    site.deny.write_text("smtpd: 192.0.2. EXCEPT 192.0.2.9\n")
    assert explain(site, "192.0.2.9")["accepted"]


def test_off_by_default(instance):
    """Nobody looks at the files unless told to."""
    instance.set(**ALL_IN, hosts_deny_file=instance.file("hosts.deny", "ALL: ALL\n"))
    with instance:
        assert banner(instance)[:3] == "220"


def test_other_services(site):
    """By the name in master.cf, and QMQP."""
    port, qmqp = free_port(), free_port()
    site.extra_services = f"127.0.0.1:{port} inet n - n - - smtpd\n" \
                          f"127.0.0.1:{qmqp} inet n - n - - qmqpd\n"
    site.set(qmqpd_authorized_clients="127.0.0.0/8", qmqpd_timeout="1s", qmqpd_error_delay="0")
    site.deny.write_text(f"127.0.0.1\\:{port}: ALL\nqmqpd: 127.0.0.2\n")
    with site:
        assert banner(site)[:3] == "220"
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            assert client.recv(100).startswith(b"554 5.7.1 ")
        for source, denied in (("127.0.0.2", True), ("127.0.0.1", False)):
            with socket.create_connection(("127.0.0.1", qmqp), timeout=20,
                                          source_address=(source, 0)) as client:
                client.sendall(b"0:,")
                assert (b"not authorized" in client.makefile("rb").read()) == denied


def test_unreadable(site):
    """A file that is there and cannot be read keeps everybody out, for now."""
    site.deny.unlink()
    site.deny.mkdir()
    with site:
        assert banner(site).startswith("421 4.3.0 <unknown[127.0.0.1]>: Client host rejected: "
                                       "Server configuration error")


RULES = ["ALL", "127.0.0.1", "127.0.", "127.0.0.0/255.255.255.0", "127.0.0.0/24", "UNKNOWN", "KNOWN",
         "LOCAL", "PARANOID", "10. EXCEPT 10.1.", "ALL EXCEPT 127.0.0. EXCEPT 127.0.0.1", "127.0.0.?",
         "*.1", "[::1]", "[2001:db8::]/32", ".0.1", "192.0.2.7 : deny", "ALL : allow"]
CLIENTS = ["127.0.0.1", "127.0.0.2", "10.1.0.1", "10.2.0.1", "192.0.2.7", "::1", "2001:db8::7"]


def test_as_tcpd(site, place):
    """The verdicts of tcpdmatch, from the tcpd package, for rules in either file."""
    package = unpack("tcpd", "libwrap0")
    if not package:
        pytest.skip("the tcpd package cannot be downloaded")
    program = next(package.glob("usr/**/tcpdmatch"))
    library = next(package.glob("**/libwrap.so.0")).parent
    site.write()
    disagree = []
    for number, rule in enumerate(RULES):
        allow, deny = (rule, "ALL") if number % 2 else ("127.0.0.2", rule)
        for name, text in (("allow", allow), ("deny", deny)):
            (place / f"hosts.{name}").write_text(f"smtpd: {text}\n")
            (site.config / f"hosts.{name}").write_text(f"smtpd: {text}\n")
        for client in CLIENTS:
            done = subprocess.run([str(program), "-d", "smtpd", client], cwd=place,
                                  capture_output=True, text=True, timeout=20,
                                  env=dict(os.environ, LD_LIBRARY_PATH=str(library)))
            theirs = [line.split()[-1] for line in done.stdout.splitlines() if "access:" in line]
            assert theirs, done
            ours = "granted" if explain(site, client)["accepted"] else "denied"
            if theirs[-1] != ours:
                disagree.append((allow, deny, client, theirs[-1], ours))
    assert not disagree

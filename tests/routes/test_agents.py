"""pipe(8) and error(8) in a running system: what a command gets, what its exit means; S087, S090, S095."""

import json
import re

import pytest

from harness.instance import ROOT, wait_until

from .people import CHRIS, IS_ROOT, run_as
from .test_dsn import wait_report

ME = f"{CHRIS}@gw1.maison.mrs"
FAST = {"minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "queue_run_delay": "1s"}

# Writes its arguments and input down, says something, and exits as it is told.
COMMAND = """\
#!/usr/bin/python3
import json, os, pathlib, sys
place = pathlib.Path({place!r})
with open(place / "calls", "a") as file:
    print(json.dumps([sys.argv[1:], sys.stdin.buffer.read().decode("latin-1"), os.getuid()]), file=file)
print("l'avis du programme", flush=True)
sys.exit(int((place / "status").read_text()))
"""


class Command:
    """A program for pipe(8) to run."""

    def __init__(self, gw):
        self.place = gw.directory / "command"
        self.place.mkdir()
        self.place.chmod(0o1777)
        self.path = gw.file("command", COMMAND.format(place=str(self.place)), mode=0o755)
        self.exits(0)

    def exits(self, status):
        (self.place / "status").write_text(str(status))

    def calls(self):
        """(arguments, input, user) of each run."""
        file = self.place / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def stock_service(name):
    """The lines of service NAME that stand in the sample master.cf as comments."""
    text = (ROOT / "conf/master.cf").read_text()
    found = re.search(rf"^#{name} .*\n(#[ \t]+.*\n)+", text, re.M)[0]
    return re.sub("(?m)^#", "", found)


@pytest.fixture
def gw(gateway):
    return gateway.set(smtpd_peername_lookup="no", **FAST)


@pytest.fixture
def command(gw):
    return Command(gw)


def test_uucp_of_the_sample(gw, command):
    """S095: the service uucp of the sample master.cf, its comment signs taken away."""
    service = stock_service("uucp")
    assert "user=uucp argv=uux -r -n -z -a$sender - $nexthop!rmail ($recipient)" in service
    gw.extra_services = service.replace("argv=uux", f"argv={command.path}")
    gw.set(transport_maps="inline:{uucp.example=uucp:Voisin}").start()
    qid = gw.send(ME, ["Un@UUCP.example", "\"deux mots\"@uucp.example"], "Subject: loin\n\nFrom là\n")
    gw.wait_removed(qid)
    (arguments, text, uid), = command.calls()
    assert arguments == ["-r", "-n", "-z", f"-a{ME}", "-", "voisin!rmail", "(un@uucp.example)",
                         '("deux mots"@uucp.example)']
    assert re.match(rf"From {re.escape(ME)} +\w{{3}} \w{{3}} [ \d]\d \d\d:\d\d:\d\d \d{{4}}\nReceived: ", text)
    assert text.endswith("Subject: loin\n\nFrom lÃ\xa0\n")
    assert uid == (10 if IS_ROOT else uid)  # Debian's number of uucp
    assert len(gw.log_lines(rf"{qid}: to=<.*relay=uucp, .*status=sent \(delivered via uucp service")) == 2


def pipe_to(command, flags, arguments):
    return (f"filtre unix - n n - - pipe\n  flags={flags} user={CHRIS}\n"
            f"  argv={command.path} {arguments}\n")


def test_macros_and_flags(gw, command):
    """S087: the macros of pipe(8), one run for each recipient, headers and line ends by flags."""
    gw.extra_services = pipe_to(
        command, "DORX.", "${sender} ${recipient} ${original_recipient} ${user} ${extension} ${domain} "
        "${mailbox} ${nexthop} ${size} ${queue_id} ${client_address} ${client_helo} ${sasl_username}")
    gw.set(filtre_destination_recipient_limit="1", recipient_delimiter="+",
           transport_maps="inline:{filtre.example=filtre:la.suite}",
           virtual_alias_maps="inline:{ici@gw1.maison.mrs=chris+liste@filtre.example}").start()
    qid = gw.send("", ["ici@gw1.maison.mrs", "deux@filtre.example"], "Subject: x\n\n..point\n")
    gw.wait_removed(qid)
    calls = {arguments[1]: (arguments, text) for arguments, text, _ in command.calls()}
    assert set(calls) == {"chris+liste@filtre.example", "deux@filtre.example"}
    arguments, text = calls["chris+liste@filtre.example"]
    assert arguments[:8] == ["MAILER-DAEMON", "chris+liste@filtre.example", "ici@gw1.maison.mrs", "chris",
                             "liste", "filtre.example", "chris+liste", "la.suite"]
    assert int(arguments[8]) > 100
    assert arguments[9:] == [qid, "127.0.0.1", "pchris.maison.mrs", ""]
    for header in ("Return-Path: <MAILER-DAEMON>", "X-Original-To: ici@gw1.maison.mrs",
                   "Delivered-To: chris+liste@filtre.example"):
        assert text.count(f"{header}\n") == 1, text
    assert text.endswith("\n...point\n")


def test_exit_75_defers(gw, command):
    """S087: EX_TEMPFAIL keeps the message, mailq has the words of the command; then it is tried again."""
    gw.extra_services = pipe_to(command, "q", "${recipient}")
    gw.set(transport_maps="inline:{filtre.example=filtre:}").start()
    command.exits(75)
    qid = gw.send(ME, "un@filtre.example")
    gw.wait_log(rf"{qid}: to=<un@filtre\.example>, relay=filtre, .*dsn=4\.3\.0, status=deferred "
                r"\(temporary failure\. Command output: l'avis du programme \)")
    wait_until(lambda: "Command output: l'avis du programme" in gw.run("mailq").stdout, "the words in mailq")
    command.exits(0)
    gw.wait_removed(qid)
    assert len(command.calls()) >= 2
    gw.wait_log(rf"{qid}: to=<un@filtre\.example>.*status=sent \(delivered via filtre service "
                r"\(l'avis du programme\)\)")


@pytest.mark.parametrize("status, code", [(67, "5.1.1"), (69, "5.3.0"), (77, "5.7.0"), (3, "5.3.0")])
def test_other_exits_bounce(gw, command, status, code):
    """S087: any other exit sends a report to the sender, with its code and the words of the command."""
    gw.extra_services = pipe_to(command, "q", "${recipient}")
    gw.set(transport_maps="inline:{filtre.example=filtre:}").start()
    command.exits(status)
    qid = gw.send(ME, "un@filtre.example")
    gw.wait_removed(qid)
    block = wait_report(gw).recipients[0]
    assert (block["Action"], block["Status"]) == ("failed", code)
    assert "l'avis du programme" in block["Diagnostic-Code"]
    assert len(command.calls()) == 1


def test_error_bounces_with_its_text(gw):
    """S090: a transport error: gives its text and code back to the sender."""
    gw.set(transport_maps="inline:{{parti.example = error:5.1.6 parti pour dupond@free.fr}}").start()
    run_as("root", gw, "sendmail", "-f", ME, "jean@parti.example", stdin="Subject: x\n\nx\n")
    gw.wait_log(r"postfix/error\[\d+\]: \w+: to=<jean@parti\.example>, relay=none, delay=[\d.]+, "
                r"delays=[\d./]+, dsn=5\.1\.6, status=bounced \(parti pour dupond@free\.fr\)")
    report = wait_report(gw)
    block = report.recipients[0]
    assert (block["Action"], block["Status"]) == ("failed", "5.1.6")
    assert block["Diagnostic-Code"] == "X-Postfix; parti pour dupond@free.fr"
    assert "<jean@parti.example>: parti pour dupond@free.fr" in report.text
    gw.wait_queue_empty()


def test_error_is_told_at_once_over_smtp(gw):
    """S090: over SMTP the recipient of an error: transport is refused at RCPT, with the same text."""
    gw.set(transport_maps="inline:{{parti.example = error:5.1.6 parti pour dupond@free.fr}}").start()
    reply = gw.dialogue("EHLO x", f"MAIL FROM:<{ME}>", "RCPT TO:<jean@parti.example>")[-1]
    assert re.match(r"550 5\.1\.6 <jean@parti\.example>: Recipient address rejected: "
                    r"parti pour dupond@free\.fr$", reply)


def test_retry_defers_with_its_text(gw):
    """S090: the same program as retry: defers; the text is the reason in mailq."""
    gw.set(transport_maps="inline:{{lent.example = retry:4.4.1 pas aujourd'hui}}",
           minimal_backoff_time="300s").start()
    run_as("root", gw, "sendmail", "-f", ME, "jean@lent.example", stdin="Subject: x\n\nx\n")
    line = gw.wait_log(r"postfix/error\[\d+\]: \w+: to=<jean@lent\.example>, relay=none, .*dsn=4\.4\.1, "
                       r"status=deferred \(pas aujourd'hui\)")[0]
    qid = re.search(r"\]: (\w+): to=", line)[1]
    reason = wait_until(lambda: gw.queue_ids()[qid]["recipients"][0].get("delay_reason"), "the reason")
    assert reason == "pas aujourd'hui"
    assert not gw.mbox(CHRIS)

"""Mail programs that others wrote, against ours: they send, we deliver; S003, S016-S028, S171."""

import getpass
import os
import shutil
import smtplib
import subprocess
import sys

import pytest

from harness import postfix
from harness.instance import PATIENCE, STAGE, free_port, wait_until

ACCOUNT = "backup" if os.getuid() == 0 else getpass.getuser()
MESSAGE = f"From: chris@gw1.maison.mrs\nTo: {ACCOUNT}@gw1.maison.mrs\nSubject: bonjour\n\ncoucou\n"


@pytest.fixture
def gw(instance):
    return instance.start()


def run(*command, stdin=None, env=None, check=True):
    done = subprocess.run([str(c) for c in command], input=stdin, text=True, capture_output=True,
                          timeout=60, check=False, env=dict(os.environ, **(env or {})))
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"no {program}")


def wait_mail(gw, text="coucou"):
    try:
        return wait_until(lambda: (lambda m: m if text.encode() in m else None)(
            gw.mbox(ACCOUNT)), "the message").decode()
    except AssertionError as failure:
        raise AssertionError(f"{failure}\n{gw.log()[-3000:]}") from None


@needs("swaks")
def test_swaks(gw):
    """S016, S025: swaks, the tester's knife."""
    done = run("swaks", "--server", gw.address, "--port", gw.port, "--from", "chris@maison.mrs",
               "--to", f"{ACCOUNT}@gw1.maison.mrs", "--helo", "pchris.maison.mrs",
               "--header", "Subject: swaks", "--body", "coucou")
    assert "<-  250 2.0.0 Ok: queued as " in done.stdout
    wait_mail(gw)


@needs("swaks")
@pytest.mark.parametrize("quit_after, reply", [("CONNECT", "220 "), ("HELO", "250-"),
                                               ("MAIL", "250 2.1.0 Ok"),
                                               ("RCPT", "250 2.1.5 Ok")])
def test_swaks_stops_early(gw, quit_after, reply):
    """S022: QUIT after each stage of the dialogue."""
    done = run("swaks", "--server", gw.address, "--port", gw.port, "--from", "chris@maison.mrs",
               "--to", f"{ACCOUNT}@gw1.maison.mrs", "--quit-after", quit_after)
    assert f"<-  {reply}" in done.stdout and "<-  221 2.0.0 Bye" in done.stdout


@needs("swaks")
def test_swaks_pipelining(gw):
    """S026: the dialogue in one packet."""
    run("swaks", "--server", gw.address, "--port", gw.port, "--from", "chris@maison.mrs",
        "--to", f"{ACCOUNT}@gw1.maison.mrs", "--pipeline", "--body", "coucou")
    wait_mail(gw)


@needs("msmtp")
def test_msmtp(gw):
    """S003: msmtp, with nothing set but the server."""
    run("msmtp", f"--host={gw.address}", f"--port={gw.port}", "--tls=off", "--auth=off",
        "--from=chris@maison.mrs", "--logfile=",
        f"{ACCOUNT}@gw1.maison.mrs", stdin=MESSAGE)
    wait_mail(gw)


@needs("curl")
def test_curl(gw, tmp_path):
    """S003: curl sends a file; --mail-rcpt twice; SIZE is declared."""
    file = tmp_path / "message"
    file.write_text(MESSAGE.replace("\n", "\r\n"))
    done = run("curl", "-sv", f"smtp://{gw.address}:{gw.port}/pchris.maison.mrs", "--mail-from",
               "chris@maison.mrs", "--mail-rcpt", f"{ACCOUNT}@gw1.maison.mrs", "--mail-rcpt",
               f"{ACCOUNT}@[{gw.address}]", "--upload-file", file, check=False)
    assert "> MAIL FROM:<chris@maison.mrs> SIZE=" in done.stderr
    wait_mail(gw)


@needs("curl")
def test_curl_vrfy_expn(gw):
    """S027: VRFY is answered, EXPN is not there."""
    done = run("curl", "-sv", f"smtp://{gw.address}:{gw.port}", "--mail-rcpt", ACCOUNT,
               check=False)
    assert f"< 252 2.0.0 {ACCOUNT}" in done.stderr
    done = run("curl", "-sv", f"smtp://{gw.address}:{gw.port}", "--mail-rcpt", ACCOUNT,
               "--request", "EXPN", check=False)
    assert "< 502 5.5." in done.stderr


@needs("mutt")
def test_mutt(gw, tmp_path):
    """S171, S175: mutt through our sendmail, with an attachment and a blind copy."""
    attachment = tmp_path / "bytes.bin"
    attachment.write_bytes(bytes(range(256)) * 20)
    rc = tmp_path / "muttrc"
    rc.write_text(f"set sendmail=\"{STAGE}/bin/sendmail -oem -oi\"\nset copy=no\n"
                  "set use_envelope_from=yes\nset from=chris@maison.mrs\n")
    run("mutt", "-n", "-F", rc, "-s", "piece jointe", "-b", f"{ACCOUNT}@gw1.maison.mrs",
        "-a", attachment, "--", f"{ACCOUNT}@gw1.maison.mrs", stdin="coucou\n",
        env={"MAIL_CONFIG": str(gw.config), "HOME": str(tmp_path)})
    text = wait_mail(gw)
    assert "\nBcc:" not in text
    assert "\nSubject: piece jointe\n" in text
    assert text.startswith("From chris@maison.mrs ")


@needs("s-nail")
def test_s_nail(gw):
    """S175, S177: s-nail through our sendmail."""
    run("s-nail", "-n", "-Ssendwait", f"-Smta={STAGE}/bin/sendmail", "-s", "bonjour",
        f"{ACCOUNT}@gw1.maison.mrs", stdin="coucou\n",
        env={"MAIL_CONFIG": str(gw.config), "HOME": "/nonexistent", "MAILRC": "/dev/null"})
    wait_mail(gw)


@needs("bsd-mailx")
def test_bsd_mailx(gw):
    """S175, S177: mail -s from a script."""
    settings = gw.file("mailrc", f"set sendmail={STAGE}/bin/sendmail\n")
    run("bsd-mailx", "-s", "bonjour", f"{ACCOUNT}@gw1.maison.mrs", stdin="coucou\n",
        env={"MAIL_CONFIG": str(gw.config), "MAILRC": str(settings)})
    wait_mail(gw)


def test_smtplib(gw):
    """S003, S026: Python's client: EHLO keywords, two recipients, one refused."""
    with smtplib.SMTP(gw.address, gw.port, timeout=PATIENCE) as client:
        refused = client.sendmail("chris@maison.mrs", [f"{ACCOUNT}@gw1.maison.mrs",
                                                       "personne@gw1.maison.mrs"], MESSAGE)
        assert list(refused) == ["personne@gw1.maison.mrs"]
        for keyword in ("pipelining", "size", "8bitmime", "enhancedstatuscodes", "dsn",
                        "smtputf8", "chunking"):
            assert client.has_extn(keyword), keyword
    wait_mail(gw)


@needs("perl")
def test_perl(gw):
    """S003: Net::SMTP, which many a script of an administrator uses."""
    script = ("use Net::SMTP; my $s = Net::SMTP->new($ARGV[0], Port => $ARGV[1], Hello => 'pchris.maison.mrs')"
              " or die 'no greeting'; $s->mail('chris@maison.mrs') and $s->to($ARGV[2], {Notify => ['NEVER']})"
              " and $s->data($ARGV[3]) and $s->quit or die $s->message;")
    run("perl", "-e", script, gw.address, gw.port, f"{ACCOUNT}@gw1.maison.mrs", MESSAGE)
    wait_mail(gw)


def test_sendmail_of_python(gw):
    """S171: `sendmail -t -i` as programs call it."""
    script = ("import subprocess, sys; p = subprocess.Popen([sys.argv[1], '-t', '-i'], "
              "stdin=subprocess.PIPE); p.communicate(sys.argv[2].encode()); sys.exit(p.returncode)")
    run(sys.executable, "-c", script, STAGE / "bin/sendmail", MESSAGE,
        env={"MAIL_CONFIG": str(gw.config)})
    wait_mail(gw)


# --- Postfix's own test programs ---


@pytest.fixture(scope="module")
def package():
    root = postfix.unpack("postfix", "postfix-pcre")
    if not root:
        pytest.skip("the postfix package cannot be downloaded")
    return root


def tool(package, name, *arguments):
    environment = dict(os.environ, LD_LIBRARY_PATH=str(package / "usr/lib/postfix"))
    return [str(package / "usr/sbin" / name), *map(str, arguments)], environment


@pytest.mark.parametrize("options", [[], ["-d"], ["-o"], ["-R", "1"]],
                         ids=["usual", "one session", "smtp", "pauses"])
def test_smtp_source(gw, package, options):
    """S016, S021: smtp-source sends 40 messages in four sessions at a time."""
    command, environment = tool(package, "smtp-source", *options, "-s", "4", "-m", "40",
                                "-l", "2000", "-f", "chris@maison.mrs",
                                "-t", f"{ACCOUNT}@gw1.maison.mrs", f"{gw.address}:{gw.port}")
    if "-R" in options:
        command[command.index("-m") + 1] = "4"
    run(*command, env=environment)
    count = int(command[command.index("-m") + 1])
    gw.wait_log(r"status=sent \(delivered to mailbox\)", count)
    assert gw.mbox(ACCOUNT).count(b"\nX-Original-To: ") == count


@pytest.mark.parametrize("options", [[], ["-8"], ["-p"], ["-e", "-p", "-8"]],
                         ids=["usual", "no 8BITMIME", "no PIPELINING", "HELO only"])
def test_smtp_sink(instance, package, options, tmp_path):
    """S027, S086: smtp-sink takes what we send, with one or another keyword missing."""
    port = free_port()
    command, environment = tool(package, "smtp-sink", *options, "-c", f"127.0.0.1:{port}", "10")
    if os.getuid() == 0:
        command[1:1] = ["-u", "nobody"]
    instance.set(relayhost=f"[127.0.0.1]:{port}").start()
    sink = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)
    try:
        for i in range(10):
            instance.send("chris@maison.mrs", f"x{i}@enprovence.com", MESSAGE)
        instance.wait_log(r"to=<x\d@enprovence\.com>.*status=sent \(250 2\.0\.0 Ok\)", 10)
        instance.wait_queue_empty()
    finally:
        sink.terminate()
        sink.communicate(timeout=PATIENCE)

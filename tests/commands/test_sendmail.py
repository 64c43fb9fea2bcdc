"""sendmail, mailq, newaliases, postdrop: what programs and people on this machine call."""

import os
import pwd
import shutil
import subprocess

import pytest

from harness.instance import STAGE, wait_until

ME = pwd.getpwuid(os.getuid()).pw_name
USER = "someone@gw1.maison.mrs"


@pytest.fixture
def boxed(instance):
    """An instance that keeps the mail of virtual users, so that nobody's rights matter."""
    owner = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    instance.spool.mkdir(parents=True)
    instance.set(mydestination="", virtual_mailbox_domains="gw1.maison.mrs",
                 virtual_mailbox_base=instance.spool, virtual_minimum_uid="1",
                 virtual_mailbox_maps="static:someone/",
                 virtual_uid_maps=f"static:{owner.pw_uid}", virtual_gid_maps=f"static:{owner.pw_gid}")
    if os.getuid() == 0:
        shutil.chown(instance.spool, owner.pw_uid, owner.pw_gid)
    return instance


def sendmail(instance, *arguments, text=f"Subject: x\n\nhello\n", check=True):
    return instance.run("sendmail", *arguments, stdin=text, check=check)


def mail(instance, count=1):
    """Messages in the mailbox once there are COUNT."""
    box = instance.spool / "someone"
    wait_until(lambda: len(instance.maildir(box)) >= count, f"{count} messages\n{instance.log()}")
    return instance.maildir(box)


def test_S078_submission_while_stopped(boxed):
    boxed.write()
    boxed.run("diligence", "check", config_first=True, check=False)
    sendmail(boxed, USER)
    assert "maildrop queue" in boxed.run("mailq").stdout
    boxed.start()
    assert mail(boxed)[0].endswith(b"\n\nhello\n")
    assert boxed.run("mailq").stdout == "Mail queue is empty\n"


def test_S079_a_maildrop_file_is_taken_within_a_second(boxed):
    boxed.start()
    sendmail(boxed, USER)
    boxed.wait_log("pickup.*uid=", patience=1)
    wait_until(lambda: not list((boxed.queue / "maildrop").iterdir()), "an empty maildrop")
    mail(boxed)


def test_S186_pickup_line_and_received(boxed):
    boxed.start()
    sendmail(boxed, "-f", "chris", USER)
    boxed.wait_log(rf"postfix/pickup\[\d+\]: [0-9A-F]+: uid={os.getuid()} from=<chris>")
    text = mail(boxed)[0].decode()
    assert f"Received: by gw1.maison.mrs (Postfix, from userid {os.getuid()})\n\tid " in text


def test_dot_and_i(boxed):
    boxed.start()
    sendmail(boxed, USER, text="Subject: a\n\none\n.\ntwo\n")
    assert mail(boxed)[0].endswith(b"\n\none\n")
    sendmail(boxed, "-i", USER, text="Subject: b\n\none\n.\ntwo\n")
    sendmail(boxed, "-oi", USER, text="Subject: c\n\none\n.\ntwo\n")
    for message in mail(boxed, 3):
        if b"Subject: a" not in message:
            assert message.endswith(b"\n\none\n.\ntwo\n")


def test_line_ends_and_mailbox_lines(boxed):
    boxed.start()
    sendmail(boxed, USER, text=b"From me Sat Nov 22 03:05:55 2025\nSubject: a\r\n\r\nb\r\nc")
    assert mail(boxed)[0].endswith(b"Subject: a\nMessage-Id: " + mail(boxed)[0].split(b"Message-Id: ")[1])
    assert mail(boxed)[0].endswith(b"\n\nb\nc\n")
    assert b"\r" not in mail(boxed)[0]


def test_t_takes_recipients_from_the_header(boxed):
    boxed.start()
    sendmail(boxed, "-t", text=f"To: {USER}, \"Last, First\" <b@gw1.maison.mrs>\nCc: (x) c@gw1.maison.mrs\n"
             "Bcc: d@gw1.maison.mrs\nSubject: t\n\nx\n")
    messages = mail(boxed, 4)
    assert {m.split(b"Delivered-To: ")[1].split(b"@")[0] for m in messages} == {b"someone", b"b", b"c", b"d"}
    assert not any(b"Bcc" in m for m in messages)


def test_t_prefers_resent(boxed):
    boxed.start()
    sendmail(boxed, "-t", text=f"To: other@nowhere.invalid\nResent-To: {USER}\nSubject: t\n\nx\n")
    assert b"Delivered-To: " + USER.encode() in mail(boxed)[0]
    assert not boxed.log_lines("nowhere.invalid")


def test_full_name(boxed):
    boxed.start()
    sendmail(boxed, "-F", "Le Chef", "-f", "chef@gw1.maison.mrs", USER)
    text = mail(boxed)[0].decode()
    assert "From: Le Chef <chef@gw1.maison.mrs>\n" in text
    sendmail(boxed, "-F", "Le Chef", USER, text="From: x@y.z\nSubject: own\n\nx\n")
    own = next(m for m in mail(boxed, 2) if b"Subject: own" in m)
    assert own.count(b"From:") == 1 and b"From: x@y.z\n" in own


def test_null_sender(boxed):
    boxed.start()
    sendmail(boxed, "-f", "", USER)
    assert mail(boxed)[0].startswith(b"Return-Path: <>\n")


def test_large_and_odd_content_arrives_unchanged(boxed):
    """S094: bytes of any kind, long lines, no line end at the end."""
    boxed.start()
    body = bytes(range(1, 10)) + bytes(range(11, 13)) + bytes(range(14, 256)) + b"\n" + b"x" * 100000 + b"\n.x\n..\n"
    sendmail(boxed, "-i", USER, text=b"Subject: odd\n\n" + body)
    assert mail(boxed)[0].split(b"\n\n", 1)[1].replace(b"\n ", b"").endswith(body[-10:])


def test_statuses(boxed):
    """sysexits, as scripts know them."""
    boxed.set(message_size_limit="20000").write()
    boxed.run("diligence", "check", config_first=True, check=False)
    assert sendmail(boxed, check=False).returncode == 64
    assert sendmail(boxed, "-t", check=False).returncode == 64
    assert sendmail(boxed, "-N", "sometimes", USER, check=False).returncode == 64
    assert sendmail(boxed, "-R", "half", USER, check=False).returncode == 64
    assert sendmail(boxed, USER, text="x" * 30000, check=False).returncode == 69
    assert not list((boxed.queue / "maildrop").iterdir())


def test_authorized_submit_users(boxed):
    boxed.set(authorized_submit_users=f"!{ME}, static:all").write()
    boxed.run("diligence", "check", config_first=True, check=False)
    done = sendmail(boxed, USER, check=False)
    assert done.returncode == 77
    assert f"User {ME}({os.getuid()}) is not allowed to submit mail" in done.stderr


@pytest.mark.parametrize("who, command", [("authorized_mailq_users", "-p"), ("authorized_flush_users", "-f")])
def test_who_may_use_the_queue(boxed, who, command):
    """authorized_mailq_users authorized_flush_users: not the others; root always may"""
    user = "backup" if os.getuid() == 0 else ME
    as_user = ["setpriv", f"--reuid={user}", "--regid=backup", "--clear-groups"] if os.getuid() == 0 else []

    def status(*become):
        return subprocess.run([*become, STAGE / "bin/postqueue", "-c", boxed.config, command], text=True,
                              capture_output=True, timeout=20, check=False)
    boxed.set(**{who: f"!{user}, static:all"}).start()
    for directory in ("public", "private"):
        (boxed.queue / directory).chmod(0o755)
    refused = status(*as_user)
    what = "view" if command == "-p" else "flush"
    assert refused.returncode == 69  # as Postfix's: no other status is known to callers
    assert f"User {user}({pwd.getpwnam(user).pw_uid}) is not allowed to {what} the mail queue" in refused.stderr
    if as_user:
        assert status().returncode == 0
    boxed.set(**{who: "static:all"}).write()
    assert "is not allowed" not in status(*as_user).stderr
    if as_user:  # the owner of the queue may, whoever else may not
        boxed.set(mail_owner=user, **{who: "!static:all"}).write()
        assert "is not allowed" not in status(*as_user).stderr


@pytest.mark.parametrize("value, first, kept", [("always", b"\r\n", False), ("never", b"\r\n", True),
                                                ("strict", b"\r\n", False), ("strict", b"\n", True)])
def test_sendmail_fix_line_endings(boxed, value, first, kept):
    """CR LF of the input: made LF, kept, or as the first line has it"""
    boxed.set(sendmail_fix_line_endings=value).write()
    boxed.run("diligence", "check", config_first=True, check=False)
    sendmail(boxed, USER, text=b"Subject: x" + first + first + b"dos\r\n")
    stored, = (boxed.queue / "maildrop").iterdir()
    assert (b"dos\r" in stored.read_bytes()) == kept


@pytest.mark.parametrize("option", ["-Am", "-Ac", "-B8BITMIME", "-G", "-Lx", "-m", "-n", "-Ofoo=bar", "-o7",
                                    "-om", "-odi", "-oem", "-U", "-Vabc", "-Nnever", "-Rhdrs", "-h5", "-pX", "-em",
                                    "-q1h"])
def test_S171_options_are_accepted(boxed, option):
    boxed.write()
    boxed.run("diligence", "check", config_first=True, check=False)
    sendmail(boxed, option, "-i", "--", USER)
    assert len(list((boxed.queue / "maildrop").iterdir())) == 1


def test_S172_daemon_flags_start_the_system(boxed):
    boxed.write()
    boxed.run("sendmail", "-bd", "-q1h")
    boxed.running = True
    boxed.run("diligence", "status", config_first=True)


def test_S170_q_flushes(boxed):
    boxed.start()
    assert boxed.run("sendmail", "-q").returncode == 0


def test_bs_speaks_smtp(boxed):
    boxed.start()
    dialogue = f"EHLO x\nMAIL FROM:<a@b.c>\nRCPT TO:<{USER}>\nDATA\nSubject: bs\n\nhello\n.\nQUIT\n"
    done = boxed.run("sendmail", "-bs", stdin=dialogue.replace("\n", "\r\n"))
    replies = [line[:3] for line in done.stdout.splitlines() if line[3:4] == " "]
    assert replies == ["220", "250", "250", "250", "354", "250", "221"]
    assert b"Subject: bs" in mail(boxed)[0]


def test_S168_newaliases_and_S119_postfix_names(boxed, tmp_path):
    """Programs called with .postfix behind their names know who they are."""
    aliases = boxed.file("aliases", "root: someone\n")
    boxed.set(alias_database=f"hash:{aliases}").write()
    stage = tmp_path / "stage"
    shutil.copytree(STAGE, stage, symlinks=True)
    for name in ("mailq", "newaliases", "sendmail"):
        (stage / "bin" / f"{name}.postfix").symlink_to("sendmail")
    environment = dict(os.environ, MAIL_CONFIG=str(boxed.config))
    subprocess.run([stage / "bin" / "newaliases.postfix"], check=True, env=environment, timeout=20)
    assert boxed.run("postalias", "-q", "root", f"hash:{aliases}").stdout.strip() == "someone"
    boxed.run("diligence", "check", config_first=True, check=False)
    shown = subprocess.run([stage / "bin" / "mailq.postfix"], check=True, env=environment, timeout=20,
                           capture_output=True, text=True)
    assert shown.stdout == "Mail queue is empty\n"


@pytest.mark.skipif(os.getuid() != 0, reason="root may use every sender; another user is needed")
def test_local_login_sender_maps(boxed, tmp_path):
    boxed.set(local_login_sender_maps="inline:{ {backup = backup, shared@a.test, @b.test} }",
              recipient_delimiter="+", myorigin="gw1.maison.mrs").write()
    boxed.run("diligence", "check", config_first=True, check=False)
    (boxed.queue / "maildrop").chmod(0o1733)

    def status(sender):
        command = ["setpriv", "--reuid=backup", "--regid=backup", "--clear-groups", STAGE / "bin" / "sendmail",
                   "-C", boxed.config, "-f", sender, USER]
        return subprocess.run(command, input="x\n", text=True, capture_output=True, timeout=20,
                              check=False).returncode

    for sender in ("backup", "backup+x", "backup@gw1.maison.mrs", "shared@a.test", "any@b.test"):
        assert status(sender) == 0, sender
    for sender in ("root", "backup@a.test", "other@a.test", ""):
        assert status(sender) == 77, sender
    boxed.set(local_login_sender_maps="inline:{ {backup = nobody-at-all} }",
              empty_address_local_login_sender_maps_lookup_key="nobody-at-all").write()
    assert status("") == 0

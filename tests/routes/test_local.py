"""local(8): which of its ways a message takes, and what every message has on arrival."""

import os
import pathlib
import pwd
import re
import textwrap

import pytest

from harness.instance import wait_until

from .people import CHRIS, IS_ROOT, LOULOU, run_as, user_id

HERE = "gw1.maison.mrs"


def text_of(path):
    return path.read_text() if path.exists() else ""


def give(path, user):
    """PATH belongs to USER, as his programs want it."""
    if IS_ROOT:
        os.chown(path, user_id(user), -1)
    return path


@pytest.mark.skipif(not IS_ROOT, reason="needs several users")
def test_order_of_deliveries(gateway):
    """S085: alias, .forward, transport of the mailbox, command, home mailbox, spool: first come."""
    place = pathlib.Path(gateway.directory)
    for name in ("homes", "homes/boxes"):
        (place / name).mkdir()
        (place / name).chmod(0o1777)
    boxes = place / "homes" / "boxes"
    members = gateway.file("members", f"irc@{HERE}\n")
    aliases = gateway.table("aliases.local", textwrap.dedent(f"""\
        postmaster: root
        root: {CHRIS}
        everywhere: {boxes}/file, {boxes}/maildir/, "|cat > {boxes}/command", :include:{members}
        owner-everywhere: {CHRIS}
        """))
    forward = give(gateway.file("forward.list", f"{boxes}/forwarded\n"), LOULOU)
    gateway.set(alias_maps=aliases, alias_database=aliases,
                forward_path=f"{gateway.config}/forward.$user", allow_mail_to_files="alias, forward",
                mailbox_command_maps=f"inline:{{ {{ irc = cat > {boxes}/irc }}, {{ list = false }} }}",
                mailbox_transport_maps="inline:{ uucp=discard: }", default_privs="daemon")
    assert forward.exists()
    gateway.start()
    everywhere = gateway.send(f"x@{HERE}", f"everywhere@{HERE}", "Subject: tous\n\nx\n")
    forwarded = gateway.send(f"x@{HERE}", f"{LOULOU}@{HERE}", "Subject: ailleurs\n\nx\n")
    transported = gateway.send(f"x@{HERE}", f"uucp@{HERE}")
    plain = gateway.send(f"x@{HERE}", f"{CHRIS}@{HERE}", "Subject: simple\n\nx\n")
    for qid in (everywhere, forwarded, transported, plain):
        gateway.wait_removed(qid)
    gateway.wait_queue_empty()
    for name in ("file", "command", "irc"):
        assert "Subject: tous" in text_of(boxes / name), name + gateway.log()[-4000:]
    assert len(list((boxes / "maildir" / "new").iterdir())) == 1
    assert "Subject: ailleurs" in text_of(boxes / "forwarded")
    assert not gateway.mbox(LOULOU)
    assert gateway.log_lines(rf"{transported}: to=<uucp@.*relay=discard|postfix/discard\[.*to=<uucp@")
    assert b"Subject: simple\n" in gateway.mbox(CHRIS)


def test_message_is_completed(gateway):
    """S058, S081: From, Date, Message-ID and the configured To for mail that is only a body."""
    gateway.set(undisclosed_recipients_header="To: undisclosed-recipients:;",
                canonical_maps=f"inline:{{ {{ anne = {CHRIS} }} }}").start()
    run_as("root", gateway, "sendmail", "-f", f"chef@{HERE}", "-F", "Le Chef", "anne", stdin="\nbonjour\n")
    mail = wait_until(lambda: gateway.mbox(CHRIS), "the mail").decode()
    header, _, body = mail.partition("\n\n")
    assert body.startswith("bonjour\n")
    for line in (rf"From: Le Chef <chef@{HERE}>", r"To: undisclosed-recipients:;",
                 rf"Message-I[dD]: <\d{{14}}\.\w+@{HERE}>", r"Date: \w{3}, .*",
                 rf"Return-Path: <chef@{HERE}>", r"Received: by .*"):
        assert len(re.findall(rf"(?m)^{line}$", header)) == 1, (line, header)
    assert gateway.log_lines(r"postfix/cleanup\[\d+\]: \w+: message-id=<")


def test_delivered_to_stops_a_loop(gateway):
    """S061: mail that was delivered to the same address before comes back; it goes round no more."""
    gateway.set(smtpd_peername_lookup="no").start()
    qid = gateway.send(f"{LOULOU}@{HERE}", f"{CHRIS}@{HERE}",
                       f"Delivered-To: {CHRIS}@{HERE}\nSubject: boucle\n\nx\n")
    gateway.wait_log(rf"{qid}: to=<{CHRIS}@gw1\.maison\.mrs>, relay=local, .*dsn=5\.4\.6, status=bounced "
                     rf"\(mail forwarding loop for {CHRIS}@gw1\.maison\.mrs\)")
    gateway.wait_queue_empty()
    if LOULOU != CHRIS:
        assert not gateway.mbox(CHRIS)


@pytest.mark.parametrize("form, line", [("standard", "From: {name} <{user}@gw1.maison.mrs>"),
                                        ("obsolete", "From: {user}@gw1.maison.mrs ({name})")])
def test_full_name(gateway, form, line):
    """S063: the full name of the account (GECOS) in the form that header_from_format says."""
    name = pwd.getpwnam(CHRIS).pw_gecos.split(",")[0]
    if not name:
        pytest.skip("this account has no full name")
    gateway.set(header_from_format=form, mynetworks="127.0.0.1").start()
    run_as(CHRIS if not IS_ROOT else "root", gateway, "sendmail", *(["-F", name, "-f", CHRIS] if IS_ROOT else []),
           CHRIS, stdin="Subject: x\n\nx\n")
    mail = wait_until(lambda: gateway.mbox(CHRIS), "the mail").decode()
    assert "\n" + line.format(name=name, user=CHRIS) + "\n" in mail, mail


def test_limits_of_the_virtual_service(gateway):
    """virtual_destination_recipient_limit and _concurrency_limit: what stands behind the name virtual."""
    out = pathlib.Path(gateway.directory) / "runs"
    out.mkdir()
    out.chmod(0o1777)
    script = gateway.file("deliver", f"#!/bin/sh\necho begin $# >> {out}/log\nsleep 0.2\necho end >> {out}/log\n",
                          mode=0o755)
    gateway.set(virtual_mailbox_domains="v.example", virtual_mailbox_maps="static:x",
                virtual_destination_recipient_limit="3", virtual_destination_concurrency_limit="1")
    gateway.master_cf = re.sub(r"(?m)^virtual .*$", "", gateway.master_cf)
    gateway.extra_services = (f"virtual unix - n n - - pipe\n  user={CHRIS} argv={script} "
                              "$${recipient}\n").replace("$$", "$")
    gateway.start()
    qid = gateway.send(f"x@{HERE}", [f"u{n}@v.example" for n in range(7)])
    gateway.wait_removed(qid)
    lines = (out / "log").read_text().split("\n")[:-1]
    assert lines[1::2] == ["end"] * 3, lines
    assert sorted(lines[0::2]) == ["begin 1", "begin 3", "begin 3"], lines

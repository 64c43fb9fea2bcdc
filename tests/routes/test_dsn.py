"""Reports about mail: as a reader of RFC 3464 finds them; rows of group L.

The reader is Python's email package, which knows nothing of ours.
"""

import email
import email.policy
import re

import pytest

from harness.instance import ROOT, Dialogue, wait_until

from .people import CHRIS, LOULOU, run_as

ME = f"{CHRIS}@gw1.maison.mrs"
NO = "550 5.1.1 <eme13@enprovence.com>: no such user here"
# RFC 3464 2.3.3, and what Postfix says of an address probe.
ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded", "deliverable",
           "undeliverable")
ORIGINAL = ("From: Chris <chris@maison.mrs>\nTo: eme13@enprovence.com\nSubject: test distant\n"
            "MIME-Version: 1.0\nContent-Type: text/plain\n\nre re coucou\n")


class Report:
    """A multipart/report, taken apart and checked for what RFC 3462 and 3464 demand."""

    def __init__(self, data):
        data = data.split(b"\n", 1)[1] if data.startswith(b"From ") else data
        self.message = email.message_from_bytes(data, policy=email.policy.default)
        m = self.message
        assert m.get_content_type() == "multipart/report"
        assert m.get_param("report-type") == "delivery-status"
        assert m["MIME-Version"] == "1.0" and not m.defects
        self.parts = list(m.iter_parts())
        assert len(self.parts) == 3
        human, status, self.returned = self.parts
        assert human.get_content_type() == "text/plain"
        assert status.get_content_type() == "message/delivery-status"
        assert self.returned.get_content_type() in ("message/rfc822", "text/rfc822-headers")
        self.text = human.get_content()
        blocks = [dict(block.items()) for block in status.get_payload()]
        self.about, self.recipients = blocks[0], [b for b in blocks[1:] if b]
        assert re.fullmatch(r"dns; ?\S+", self.about["Reporting-MTA"])
        for block in self.recipients:
            assert re.fullmatch(r"rfc822; ?\S+@\S+", block["Final-Recipient"])
            assert block["Action"] in ACTIONS
            assert re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", block["Status"])

    def original(self):
        return self.returned.get_payload(0)


@pytest.fixture
def host(net):
    return net.domain("enprovence.com")


@pytest.fixture
def gw(gateway):
    return gateway.set(smtpd_peername_lookup="no", minimal_backoff_time="1s",
                       queue_run_delay="1s")


def reports(gw, user=CHRIS):
    pieces = re.split(rb"(?m)(?=^From (?:MAILER-DAEMON|double-bounce\S*) )", gw.mbox(user))
    return [Report(piece) for piece in pieces if piece.startswith((b"From MAI", b"From double"))]


def wait_report(gw, user=CHRIS, count=1):
    try:
        return wait_until(lambda: (lambda r: r if len(r) >= count else None)(reports(gw, user)),
                          "a report")[-1]
    except AssertionError as failure:
        raise AssertionError(f"{failure}\n{gw.log()[-4000:]}") from None


def test_failure(gw, host):
    """S195, S196, S197, S198, S199: one recipient refused: who, why, which host, what."""
    host.on("RCPT", NO)
    gw.start()
    qid = gw.send(ME, "eme13@enprovence.com", ORIGINAL)
    r = wait_report(gw)
    assert r.message["From"].addresses[0].addr_spec == "MAILER-DAEMON@gw1.maison.mrs"
    assert r.message["From"].addresses[0].display_name == "Mail Delivery System"
    assert r.message["To"] == ME
    assert r.message["Subject"] == "Undelivered Mail Returned to Sender"
    assert r.message["Auto-Submitted"] == "auto-replied"
    assert r.text.startswith("This is the mail system at host gw1.maison.mrs.\n\n"
                             "I'm sorry to have to inform you that your message could not be\n")
    assert "\nFor further assistance, please write to postmaster " in r.text
    assert "\n\n                   The mail system\n\n" in r.text
    said = re.sub(r"\s+", " ", r.text)
    assert f"<eme13@enprovence.com>: host mx.enprovence.com[{host.address}] said: {NO} " \
           "(in reply to RCPT TO command)" in said
    assert r.about["Reporting-MTA"] == "dns; gw1.maison.mrs"
    assert r.about["X-Postfix-Queue-ID"] == qid
    assert r.about["X-Postfix-Sender"] == f"rfc822; {ME}"
    assert email.utils.parsedate_to_datetime(r.about["Arrival-Date"])
    status = r.recipients[0]
    assert len(r.recipients) == 1
    assert status["Final-Recipient"] == "rfc822; eme13@enprovence.com"
    assert status["Original-Recipient"] == "rfc822;eme13@enprovence.com"
    assert (status["Action"], status["Status"]) == ("failed", "5.1.1")
    assert status["Remote-MTA"] == "dns; mx.enprovence.com"
    assert re.sub(r"\s+", " ", status["Diagnostic-Code"]) == f"smtp; {NO}"
    original = r.original()
    assert original["Subject"] == "test distant" and original.get_content() == "re re coucou\n"
    assert original["Return-Path"] == f"<{ME}>"


def test_some_of_many(gw, host):
    """S198: of three recipients two fail: one report with two blocks; the third has the mail."""
    host.on("RCPT", lambda session, line: "550 5.1.1 no" if "bon" not in line else None)
    gw.start()
    gw.send(ME, ["un@enprovence.com", "bon@enprovence.com", "deux@enprovence.com"], ORIGINAL)
    r = wait_report(gw)
    assert sorted(b["Final-Recipient"] for b in r.recipients) == [
        "rfc822; deux@enprovence.com", "rfc822; un@enprovence.com"]
    assert host.messages[0].recipients == ["bon@enprovence.com"]
    gw.wait_queue_empty()
    assert len(reports(gw)) == 1


def test_status_without_enhanced_code(gw, host):
    """S198: a host that gives no enhanced code: 5.0.0, and its words in Diagnostic-Code."""
    host.on("RCPT", "550 who is that?")
    gw.start()
    gw.send(ME, "eme13@enprovence.com", ORIGINAL)
    block = wait_report(gw).recipients[0]
    assert block["Status"] == "5.0.0" and block["Diagnostic-Code"] == "smtp; 550 who is that?"


def test_local_failure(gw):
    """S195: nobody of that name here: no Remote-MTA, a code of our own."""
    gw.set(local_recipient_maps="").start()
    gw.send(ME, "personne@gw1.maison.mrs", ORIGINAL)
    block = wait_report(gw).recipients[0]
    assert (block["Action"], block["Status"]) == ("failed", "5.1.1")
    assert block["Diagnostic-Code"] == 'X-Postfix; unknown user: "personne"'
    assert "Remote-MTA" not in block


def test_large_original(gw, host):
    """S199: above bounce_size_limit only the headers come back."""
    host.on("RCPT", NO)
    gw.set(bounce_size_limit="1000").start()
    gw.send(ME, "eme13@enprovence.com", ORIGINAL + "x" * 60 * 50 + "\n")
    r = wait_report(gw)
    assert r.returned.get_content_type() == "text/rfc822-headers"
    assert r.returned["Content-Description"] == "Undelivered Message Headers"
    assert "Subject: test distant" in r.returned.get_content()


def test_null_sender_never_bounces(gw, host):
    """S200: what cannot be delivered of a report is dropped, or goes to postmaster; no loop."""
    host.on("RCPT", NO)
    gw.start()
    qid = gw.send("", "eme13@enprovence.com", ORIGINAL)
    gw.wait_log(rf"{qid}: to=<eme13@enprovence\.com>.*status=bounced")
    gw.wait_removed(qid)
    assert not gw.log_lines("sender non-delivery notification")
    assert not gw.mbox(CHRIS)


def test_bounce_of_a_bounce(gw, host):
    """S200, S091: notify_classes = 2bounce tells the postmaster of a report that came back."""
    host.on("RCPT", NO)
    gw.set(notify_classes="resource, software, 2bounce").start()
    gw.send("inconnu@enprovence.com", "eme13@enprovence.com", ORIGINAL)
    r = wait_report(gw)
    assert r.message["To"] == "postmaster@gw1.maison.mrs"
    assert r.message["Subject"] == "Postmaster Copy: Undelivered Mail"
    gw.wait_queue_empty()
    assert len(reports(gw)) == 1


def refused_by_us(gw, *lines):
    """A stranger's session with its last reply."""
    with Dialogue(gw.address, gw.port) as talk:
        talk.reply()
        for line in ("EHLO stranger.example", "MAIL FROM:<x@stranger.example>", *lines, "QUIT"):
            talk.say(line)
            talk.reply()


# Class: settings that make such trouble, the trouble, subject of the notice, and a line in it.
TROUBLE = {
    "bounce": ({}, lambda gw: gw.send("", "x@refuse.example", ORIGINAL) and
               gw.send(f"{LOULOU}@gw1.maison.mrs", "x@refuse.example", ORIGINAL),
               "Postmaster Copy: Undelivered Mail", "Status: 5.1.1"),
    "2bounce": ({}, lambda gw: gw.send("inconnu@refuse.example", "x@refuse.example", ORIGINAL),
                "Postmaster Copy: Undelivered Mail", "Status: 5.1.1"),
    "delay": ({"delay_warning_time": "1s"}, lambda gw: gw.send("", "x@attend.example", ORIGINAL) and
              gw.send(f"{LOULOU}@gw1.maison.mrs", "x@attend.example", ORIGINAL),
              "Postmaster Warning: Delayed Mail", "Action: delayed"),
    "policy": ({"mynetworks": "192.0.2.1"}, lambda gw: refused_by_us(gw, "RCPT TO:<x@ailleurs.example>"),
               "Postfix SMTP server: errors from unknown[127.0.0.1]",
               "Out: 454 4.7.1 <x@ailleurs.example>: Relay access denied"),
    "protocol": ({}, lambda gw: refused_by_us(gw, "MAIL FROM:<twice@stranger.example>", "NONSENSE"),
                 "Postfix SMTP server: errors from unknown[127.0.0.1]", "In: NONSENSE"),
    "resource": ({"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": "/nonexistent"},
                 lambda gw: refused_by_us(gw, "RSET", "STARTTLS"),
                 "Postfix SMTP server: errors from unknown[127.0.0.1]",
                 "Out: 454 4.7.0 TLS not available due to local problem"),
    "software": ({"smtpd_milter_maps": "hash:/nonexistent/table"}, lambda gw: gw.dialogue(),
                 "Postfix SMTP server: errors from unknown[127.0.0.1]",
                 "Out: 421 4.3.5 gw1.maison.mrs Server configuration error"),
}


def hosts_of_trouble(net):
    net.domain("refuse.example").on("RCPT", NO)
    net.domain("attend.example").on("RCPT", "451 4.3.2 later")


def notices(gw):
    """What came for the postmaster: subjects and texts. An ordinary user's mailbox holds more."""
    text = gw.mbox(CHRIS).decode()
    pieces = re.split(r"(?m)^(?=From \S+ +\w{3} \w{3} )", text)[1:]
    return [(re.search(r"(?m)^Subject: (.*)", piece)[1], piece) for piece in pieces
            if re.search(r"(?m)^To: (Postmaster <)?postmaster", piece)]


@pytest.mark.parametrize("kind", TROUBLE)
def test_notice_to_the_postmaster(net, gw, kind):
    """S091: each of notify_classes makes its notice, from the double-bounce address."""
    settings, make_trouble, subject, line = TROUBLE[kind]
    hosts_of_trouble(net)
    gw.set(notify_classes=kind, **settings).start()
    make_trouble(gw)
    wait_until(lambda: notices(gw), f"the notice\n{gw.log()}")
    found, text = notices(gw)[0]
    assert found == subject
    assert re.search(r"(?m)^To: postmaster@gw1\.maison\.mrs$|^To: Postmaster <postmaster", text), text
    assert line in re.sub(r"\s+", " ", text)


def test_no_notice_unasked(net, gw):
    """S091: without its class no trouble is told to the postmaster."""
    hosts_of_trouble(net)
    gw.set(notify_classes="", mynetworks="127.0.0.1", delay_warning_time="1s").start()
    for kind in ("bounce", "2bounce", "delay", "protocol"):
        TROUBLE[kind][1](gw)
    gw.wait_log("sender delay notification: ")
    gw.wait_log(r"disconnect from unknown\[127\.0\.0\.1\] ehlo=1 mail=1/2")
    wait_until(lambda: len(gw.queue_ids()) == 2, "what waits for the slow host")
    assert not notices(gw)


def test_own_templates(gw, host):
    """S196: bounce_template_file; a French text."""
    host.on("RCPT", NO)
    path = gw.file("bounce.cf", "failure_template = <<EOF\nCharset: utf-8\n"
                   "From: MAILER-DAEMON (Le courrier)\nSubject: Message non remis\n\n"
                   "Désolé, de la part de $myhostname.\nEOF\n")
    gw.set(bounce_template_file=path).start()
    gw.send(ME, "eme13@enprovence.com", ORIGINAL)
    r = wait_report(gw)
    assert r.message["Subject"] == "Message non remis"
    assert r.text.startswith("Désolé, de la part de gw1.maison.mrs.\n")


def test_shipped_french_templates(gw, host):
    """S196: conf/bounce.cf.fr, as it is shipped."""
    host.on("RCPT", NO)
    gw.set(bounce_template_file=ROOT / "conf/bounce.cf.fr").start()
    gw.send(ME, "eme13@enprovence.com", ORIGINAL)
    r = wait_report(gw)
    assert r.message["Subject"] == "Message non remis, retour a l'expediteur"
    assert r.text.startswith("Ici le service de messagerie de la machine gw1.maison.mrs.\n\nDésolé : ")


def test_notify_never(gw, host):
    """S201: NOTIFY=NEVER: no report."""
    host.on("RCPT", NO)
    gw.start()
    qid = gw.send(ME, "eme13@enprovence.com", ORIGINAL, rcpt_options=["NOTIFY=NEVER"])
    gw.wait_removed(qid)
    assert not gw.mbox(CHRIS)


def test_success(gw):
    """S201: NOTIFY=SUCCESS for a local recipient: a report of delivery, with ENVID and ORCPT."""
    gw.start()
    gw.send(ME, f"{LOULOU}@gw1.maison.mrs", ORIGINAL,
            mail_options=["RET=HDRS", "ENVID=QQ314159"],
            rcpt_options=["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;Loulou@maison.mrs"])
    r = wait_report(gw)
    assert r.message["Subject"] == "Successful Mail Delivery Report"
    block = r.recipients[0]
    assert (block["Action"], block["Status"]) == ("delivered", "2.0.0")
    assert block["Original-Recipient"] == "rfc822;Loulou@maison.mrs"
    assert r.about["Original-Envelope-Id"] == "QQ314159"
    assert r.returned.get_content_type() == "text/rfc822-headers"
    assert b"re re coucou" in gw.mbox(LOULOU)


def test_relayed(gw, host):
    """S201: SUCCESS to a host without DSN: `relayed`; with DSN the demand is passed on."""
    host.without("DSN")
    gw.start()
    gw.send(ME, "eme13@enprovence.com", ORIGINAL, rcpt_options=["NOTIFY=SUCCESS"])
    block = wait_report(gw).recipients[0]
    assert block["Action"] == "relayed"
    assert block["Remote-MTA"] == "dns; mx.enprovence.com"


def test_passed_on(gw, host):
    """S201: RET, ENVID, NOTIFY and ORCPT go on to a host that knows DSN; no report from us."""
    gw.start()
    qid = gw.send(ME, "eme13@enprovence.com", ORIGINAL,
                  mail_options=["RET=HDRS", "ENVID=QQ314159"],
                  rcpt_options=["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;eme13@enprovence.com"])
    gw.wait_removed(qid)
    message = host.messages[0]
    assert {"RET=HDRS", "ENVID=QQ314159"} <= set(message.mail_options.split())
    options = dict(o.split("=", 1) for o in message.rcpt_options[0].split())
    assert set(options["NOTIFY"].split(",")) == {"SUCCESS", "DELAY"}
    assert options["ORCPT"] == "rfc822;eme13@enprovence.com"
    assert not gw.mbox(CHRIS)


def test_verify_by_command(gw, host):
    """S201, S171: sendmail -bv reports what would happen, and delivers nothing."""
    host.on("RCPT", lambda session, line: NO if "eme13" in line else None)
    gw.start()
    run_as("root", gw, "sendmail", "-bv", "-f", ME, "eme13@enprovence.com", "ok@enprovence.com")
    pieces = wait_until(lambda: gw.mbox(CHRIS), "the report")
    r = Report(pieces)
    assert r.message["Subject"] == "Mail Delivery Status Report"
    actions = {b["Final-Recipient"]: b["Action"] for b in r.recipients}
    assert actions == {"rfc822; eme13@enprovence.com": "undeliverable",
                       "rfc822; ok@enprovence.com": "deliverable"}
    assert not host.messages


def test_delay_then_failure(gw, host):
    """S202, S089: a warning first, then the end: `delayed`, `failed`."""
    host.on("RCPT", "451 4.7.1 greylisted")
    gw.set(delay_warning_time="1s", maximal_queue_lifetime="4s",
           maximal_backoff_time="2s").start()
    gw.send(ME, "eme13@enprovence.com", ORIGINAL)
    wait_report(gw, count=2)
    first, second = reports(gw)
    assert first.message["Subject"] == "Delayed Mail (still being retried)"
    assert [r.recipients[0]["Action"] for r in (first, second)] == ["delayed", "failed"]
    assert first.recipients[0]["Status"] == "4.7.1"
    assert "Will-Retry-Until" in first.recipients[0]
    assert first.returned.get_content_type() == "text/rfc822-headers"

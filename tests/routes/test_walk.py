"""The course's walk, from the first local mail to the last table, in its order.

One gateway, gw1.maison.mrs, as the course leaves it after each chapter: what a step sets, the
next one finds. What the reader types and sees is the course's; dates, queue numbers and the
name of the ordinary user are ours.
"""

import os
import pty
import re
import select
import shutil
import signal
import smtplib
import time

import pytest

from harness.instance import PATIENCE, STAGE, Dialogue, Instance, wait_until
from testnet.internet import UNKNOWN_SENDER, Internet

from .people import (ALIASES, CHRIS, IS_ROOT, LOULOU, as_user, environment_of, open_directory,
                     run_as, setgid_stage, user_id)

pytestmark = pytest.mark.xdist_group("walk")  # step by step, in one process

LAN_CLIENT = "127.10.0.10"
OUTSIDER = "127.10.0.250"

# mail(1), as far as it is there, and what it calls its way to sendmail.
MAILERS = [pytest.param(name, setting, id=name,
                        marks=pytest.mark.skipif(not shutil.which(name), reason=f"no {name}"))
           for name, setting in (("bsd-mailx", "sendmail"), ("s-nail", "mta"))]


class Walk:
    """The gateway, the Internet around it, and what the reader does there."""

    def __init__(self, place, net):
        self.net = net.sources().odd_hosts()
        net.address("pchris.maison.mrs", LAN_CLIENT)
        self.gw = Instance(place / "gw1", hostname="gw1.maison.mrs", address="127.10.0.1",
                           port=net.port,
                           **net.parameters(smtp_bind_address="127.10.0.1",
                                            mynetworks="127.10.0.0/28",
                                            smtpd_relay_restrictions="permit_mynetworks, "
                                            "reject_unauth_destination",
                                            minimal_backoff_time="1s",
                                            queue_run_delay="1s"))
        aliases = self.gw.table("aliases", ALIASES)
        self.gw.set(alias_maps=aliases, alias_database=aliases)
        self.stage = setgid_stage(place) if IS_ROOT else STAGE
        self.seen = 0

    def configure(self, **parameters):
        """Edit main.cf and reload, as the course does after each change."""
        self.gw.set(**parameters)
        before = len(self.gw.log_lines(r"postfix/master\[\d+\]: reload"))
        self.gw.reload()
        self.gw.wait_log(r"postfix/master\[\d+\]: reload", before + 1)

    def mail(self, recipient, subject, text="coucou\n", user=CHRIS, sender=None):
        """mail RECIPIENT, as the reader's mail(1) hands it to sendmail."""
        message = f"To: {recipient}\nSubject: {subject}\n\n{text}"
        options = ["-f", sender] if sender else []
        run_as(user, self.gw, "sendmail", "-i", *options, recipient, stdin=message,
               stage=self.stage)

    def box(self, user=CHRIS):
        """The messages in a mailbox, without what earlier tests put there."""
        text = self.gw.mbox(user).decode("latin-1")
        return re.split(r"(?m)(?=^From \S+ +\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}$)", text)[1:]

    def find(self, subject, user=CHRIS, patience=None):
        """The message with SUBJECT, once it is in the mailbox."""
        def look():
            return [m for m in self.box(user) if f"\nSubject: {subject}\n" in m]
        try:
            return wait_until(look, f"{subject!r} in the mailbox of {user}", patience)[0]
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.gw.log()[-4000:]}") from None

    def outside(self, name, subject):
        """The message with SUBJECT, once host NAME has it."""
        def look():
            return [m for m in self.net.hosts[name].messages if m.header("Subject") == [subject]]
        try:
            return wait_until(look, f"{subject!r} at {name}")[0]
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.gw.log()[-4000:]}") from None

    def queue_id(self, sender, nrcpt=1):
        """The ID of the last message that became active."""
        form = rf"qmgr\[\d+\]: (\w+): from=<{sender}>, size=\d+, nrcpt={nrcpt} \(queue active\)"
        return re.search(form, self.gw.wait_log(form)[-1])[1]

    def client(self, source, helo="chris"):
        """An SMTP client at SOURCE."""
        client = smtplib.SMTP(timeout=PATIENCE, local_hostname=helo, source_address=(source, 0))
        client.connect(self.gw.address, self.gw.port)
        return client


@pytest.fixture(scope="module")
def walk():
    place = open_directory()
    with Internet() as net:
        one = Walk(place, net)
        one.gw.start()
        yield one
        one.gw.stop()
    shutil.rmtree(place, ignore_errors=True)


LOCAL_LINE = (r"postfix/local\[\d+\]: (\w+): to=<{to}>, orig_to=<{orig}>, relay=local, "
              r"delay=[\d.]+, delays=[\d./]+, dsn=2\.0\.0, status=sent \(delivered to mailbox\)")


def end_of(pid, terminal):
    """The wait status of a program that has nothing more to ask on its TERMINAL."""
    shown = b""
    try:
        while select.select([terminal], [], [], PATIENCE)[0]:
            shown += os.read(terminal, 4096)
        os.kill(pid, signal.SIGKILL)
        raise AssertionError(f"still there after: {shown!r}")
    except OSError:  # nobody has this terminal open any more
        return os.waitpid(pid, 0)[1]
    finally:
        os.close(terminal)


class TestLocalMail:
    """La messagerie locale."""

    def test_01_status(self, walk):
        """S077, S163: `status` says that the mail system runs, and its process."""
        done = walk.gw.run("diligence", "status", config_first=True)
        assert re.search(r"the Postfix mail system is running: PID: \d+",
                         done.stderr + done.stdout + walk.gw.log())

    def test_02_chris_to_root(self, walk):
        """S006, S143: mail for root reaches chris, the alias, in less than a second."""
        walk.mail("root", "test interne")
        walk.find("test interne")
        assert not walk.gw.mbox("root")
        line = walk.gw.wait_log(LOCAL_LINE.format(to=rf"{CHRIS}@gw1\.maison\.mrs", orig="root"))
        assert float(re.search(r"delay=([\d.]+)", line[-1])[1]) < 1

    def test_03_log_lines(self, walk):
        """S186, S187, S188, S189: the four programs' lines, under one queue ID (S001)."""
        gw = walk.gw
        line = gw.wait_log(LOCAL_LINE.format(to=rf"{CHRIS}@gw1\.maison\.mrs", orig="root"))[-1]
        qid = re.search(r"local\[\d+\]: (\w+):", line)[1]
        gw.wait_log(rf"^\w{{3}} [ \d]\d \d\d:\d\d:\d\d \S+ postfix/pickup\[\d+\]: {qid}: "
                    rf"uid={user_id(CHRIS)} from=<{CHRIS}>$")
        gw.wait_log(rf"postfix/cleanup\[\d+\]: {qid}: "
                    rf"message-id=<\d{{14}}\.{qid}@gw1\.maison\.mrs>$")
        gw.wait_log(rf"postfix/qmgr\[\d+\]: {qid}: from=<{CHRIS}@gw1\.maison\.mrs>, size=\d+, "
                    r"nrcpt=1 \(queue active\)$")
        gw.wait_log(rf"postfix/qmgr\[\d+\]: {qid}: removed$")

    def test_04_headers(self, walk):
        """S052, S054, S055, S057, S061, S063, S125: what the reader sees with `t 2`."""
        text = walk.find("test interne")
        head, _, body = text.partition("\n\n")
        assert re.match(rf"From {CHRIS}@gw1\.maison\.mrs +\w{{3}} \w{{3}} [ \d]\d "
                        r"\d\d:\d\d:\d\d \d{4}\n", head)
        assert "\nX-Original-To: root\n" in head
        assert "\nDelivered-To: root@gw1.maison.mrs\n" in head  # of the queue: before aliases
        assert "\nTo: root@gw1.maison.mrs\n" in head
        assert re.search(r"\nDate: \w{3}, +\d+ \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4} \(\w+\)\n",
                         head)
        assert re.search(rf"\nFrom: .*{CHRIS}@gw1\.maison\.mrs", head)
        assert re.search(r"\nMessage-Id: <\d{14}\.\w+@gw1\.maison\.mrs>\n", head)
        assert len(re.findall(r"(?m)^Return-Path:", head)) <= 1
        assert body.strip() == "coucou"

    def test_05_received(self, walk):
        """S053, S055: one Received line, which names the user that wrote here."""
        head = walk.find("test interne").partition("\n\n")[0]
        assert len(re.findall(r"(?m)^Received:", head)) == 1
        assert re.search(r"\nReceived: by gw1\.maison\.mrs \(Postfix, from userid "
                         rf"{user_id(CHRIS)}\)\n\tid \w+; ", head)

    @pytest.mark.skipif(not IS_ROOT, reason="root writes as root")
    def test_06_root_to_chris(self, walk):
        """S006, S171: `sendmail chris` by root; orig_to is what root typed."""
        walk.mail(CHRIS, "de root a chris", "re coucou\n", user="root")
        head = walk.find("de root a chris").partition("\n\n")[0]
        assert head.startswith("From root@gw1.maison.mrs ")
        assert f"\nX-Original-To: {CHRIS}\n" in head
        assert f"\nTo: {CHRIS}@gw1.maison.mrs\n" in head
        assert re.search(r"\nFrom: .*root@gw1\.maison\.mrs", head)
        walk.gw.wait_log(LOCAL_LINE.format(to=rf"{CHRIS}@gw1\.maison\.mrs", orig=CHRIS))

    @pytest.mark.parametrize("mail, setting", MAILERS)
    def test_07_mail_interactive(self, walk, mail, setting):
        """S175: mail root; Subject: test interne; coucou; a dot; Cc: empty."""
        settings = walk.gw.file("mailrc", "set ask\nset askcc\nset askatend\nset dot\n"
                                f"set {setting}={walk.stage}/bin/sendmail\n")
        command = as_user(CHRIS, walk.gw, shutil.which(mail), "-n", "root")
        environment = dict(environment_of(CHRIS, walk.gw), MAILRC=str(settings), TERM="dumb")
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe(command[0], command, environment)
        subject, shown = f"au clavier de {mail}", b""
        for prompt, answer in (("Subject:", f"{subject}\n"), (subject, "coucou\n.\n"),
                               ("Cc:", "\n")):
            while prompt.encode() not in shown:
                assert select.select([terminal], [], [], PATIENCE)[0], shown
                shown += os.read(terminal, 4096)
            shown = shown[shown.index(prompt.encode()) + len(prompt):]
            os.write(terminal, answer.encode())
        assert end_of(pid, terminal) == 0
        assert "coucou" in walk.find(subject)

    @pytest.mark.parametrize("mail, setting", MAILERS)
    def test_08_mail_from_a_script(self, walk, mail, setting):
        """S177, S176: mail -s "$sujet" $adresse; mail(1) then lists and shows it."""
        settings = walk.gw.file("mailrc", f"set {setting}={walk.stage}/bin/sendmail\n")
        mail = shutil.which(mail)
        run_as(CHRIS, walk.gw, mail, "-s", f"du script de {setting}", CHRIS,
               stdin="l'adresse a change\n", env={"MAILRC": str(settings)}, stage=walk.stage)
        walk.find(f"du script de {setting}")
        done = run_as("root" if IS_ROOT else CHRIS, walk.gw, mail, "-n", "-f",
                      walk.gw.spool / CHRIS, stdin="x\n", env={"MAILRC": "/dev/null"})
        assert f"du script de {setting}" in done.stdout


class TestByHand:
    """Envoyer un message à la main."""

    def test_10_dialogue(self, walk):
        """S016, S017, S018, S019, S020, S021, S022, S023: the telnet session, line by line."""
        with Dialogue(walk.gw.address, walk.gw.port) as talk:
            assert talk.reply().startswith("220 gw1.maison.mrs ESMTP")
            for line, reply in (("MAIL FROM: <christian.caleca@wanadoo.fr>", "250 2.1.0 Ok"),
                                (f"RCPT TO: <{CHRIS}@gw1.maison.mrs>", "250 2.1.5 Ok"),
                                ("DATA", "354 End data with <CR><LF>.<CR><LF>")):
                talk.say(line)
                assert talk.reply() == reply
            talk.raw(b"le texte du message\r\n\r\n.\r\n")
            assert re.fullmatch(r"250 2\.0\.0 Ok: queued as \w+", talk.reply())
            talk.say("QUIT")
            assert talk.reply() == "221 2.0.0 Bye"
            assert talk.reply() == ""  # the connection is closed
        wait_until(lambda: any("le texte du message" in m for m in walk.box()), "the message")

    def test_11_route_by_domain(self, walk):
        """S002: the same local part goes elsewhere when the domain is another's."""
        with walk.client(LAN_CLIENT) as client:
            client.sendmail("christian.caleca@wanadoo.fr", [f"{CHRIS}@enprovence.com"],
                            "Subject: par la route\n\nloin\n")
        message = walk.outside("mail.monaco.net", "par la route")
        assert message.recipients == [f"{CHRIS}@enprovence.com"]
        assert not walk.net.hosts["dns2.monaco.net"].messages


class TestOutside:
    """Un message vers l'extérieur, qui revient."""

    def test_20_bounced(self, walk):
        """S088, S191, S208: mx.free.fr wants a sender domain that exists: 553."""
        walk.mail("christian.caleca@free.fr", "test distant", "re re coucou\n")
        address = walk.net.hosts["mx.free.fr"].address
        line = walk.gw.wait_log(r"postfix/smtp\[\d+\]: \w+: to=<christian\.caleca@free\.fr>, ")[-1]
        assert re.search(
            rf"relay=mx\.free\.fr\[{address}\]:{walk.net.port}, delay=[\d.]+, delays=[\d./]+, "
            rf"dsn=5\.0\.0, status=bounced \(host mx\.free\.fr\[{address}\] said: "
            + re.escape(UNKNOWN_SENDER) + r" \(in reply to MAIL FROM command\)\)$", line)

    def test_21_report_is_logged(self, walk):
        """S200: the report is a message of its own, from the null sender, to chris."""
        line = walk.gw.wait_log(r"postfix/bounce\[\d+\]: \w+: sender non-delivery notification: ")
        report = line[-1].rsplit(" ", 1)[-1]
        walk.gw.wait_log(rf"postfix/cleanup\[\d+\]: {report}: "
                         rf"message-id=<\d{{14}}\.{report}@gw1\.maison\.mrs>")
        walk.gw.wait_log(rf"postfix/qmgr\[\d+\]: {report}: from=<>, size=\d+, nrcpt=1 "
                         r"\(queue active\)")
        walk.gw.wait_log(rf"postfix/local\[\d+\]: {report}: to=<{CHRIS}@gw1\.maison\.mrs>, "
                         r"relay=local, .*status=sent \(delivered to mailbox\)")

    def test_22_report(self, walk):
        """S195, S196, S197, S198, S199: the report as chris reads it."""
        text = walk.find("Undelivered Mail Returned to Sender")
        assert text.startswith("From MAILER-DAEMON ")
        for piece in (
                f"\nX-Original-To: {CHRIS}@gw1.maison.mrs\n",
                f"\nDelivered-To: {CHRIS}@gw1.maison.mrs\n",
                "\nFrom: Mail Delivery System <MAILER-DAEMON@gw1.maison.mrs>\n",
                f"\nTo: {CHRIS}@gw1.maison.mrs\n",
                "\nAuto-Submitted: auto-replied\n",
                "\nMIME-Version: 1.0\n",
                "\nContent-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"",
                "\nThis is a MIME-encapsulated message.\n",
                "\nContent-Description: Notification\n",
                "\nThis is the mail system at host gw1.maison.mrs.\n",
                "\nI'm sorry to have to inform you that your message could not be\n",
                "\nFor further assistance, please write to postmaster ",
                "\n<christian.caleca@free.fr>: host mx.free.fr[",
                "\nContent-Description: Delivery report\nContent-Type: message/delivery-status\n",
                "\nReporting-MTA: dns; gw1.maison.mrs\nX-Postfix-Queue-ID: ",
                f"\nX-Postfix-Sender: rfc822; {CHRIS}@gw1.maison.mrs\nArrival-Date: ",
                "\nFinal-Recipient: rfc822; christian.caleca@free.fr\n"
                "Original-Recipient: rfc822;christian.caleca@free.fr\n"
                "Action: failed\nStatus: 5.0.0\nRemote-MTA: dns; mx.free.fr\n"
                "Diagnostic-Code: smtp; 553 sorry, your envelope sender domain must exist",
                "\nContent-Description: Undelivered Message\nContent-Type: message/rfc822\n",
                "\nSubject: test distant\n",
                "\nre re coucou\n"):
            assert piece in text, (piece, text)

    def test_23_sender_canonical(self, walk):
        """S132, S147: with sender_canonical both keys work, and free.fr takes the message."""
        table = walk.gw.table("sender_canonical",
                              f"{CHRIS} christian.caleca@wanadoo.fr\n"
                              "root@gw1.maison.mrs christian.caleca@free.fr\n")
        walk.configure(sender_canonical_maps=table)
        walk.mail("christian.caleca@free.fr", "nouvelle adresse")
        message = walk.outside("mx.free.fr", "nouvelle adresse")
        assert message.sender == "christian.caleca@wanadoo.fr"
        assert re.search(r"\bchristian\.caleca@wanadoo\.fr\b", message.header("From")[0])
        assert message.header("To") == ["christian.caleca@free.fr"]
        assert not message.header("Return-Path")  # S052: only at final delivery
        walk.mail(CHRIS, "de root, reecrit", sender="root@gw1.maison.mrs")
        head = walk.find("de root, reecrit").partition("\n\n")[0]
        assert head.startswith("From christian.caleca@free.fr ")
        assert f"\nTo: {CHRIS}@gw1.maison.mrs\n" in head  # the recipient is left alone


class TestNetwork:
    """Un réseau local derrière la passerelle."""

    def test_30_lan_client(self, walk):
        """S003, S038, S039, S048: a MUA of the LAN; the trace line of the course."""
        with walk.client(LAN_CLIENT) as client:
            client.helo("chris")
            client.sendmail("christian.caleca@free.fr", ["christian.caleca@free.fr"],
                            "From: x@free.fr\r\nSubject: Test Postfix\r\nX-Priority: 3\r\n"
                            "X-Mailer: Microsoft Outlook Express 5.00.2919.6600\r\n\r\n"
                            "Bonjour tout le monde\r\n")
        message = walk.outside("mx.free.fr", "Test Postfix")
        assert re.match(
            rf"Received: from chris \(pchris\.maison\.mrs \[{re.escape(LAN_CLIENT)}\]\)\n"
            r"\tby gw1\.maison\.mrs \(Postfix\) with SMTP id \w+\n"
            r"\tfor <christian\.caleca@free\.fr>; \w{3}, +\d+ \w{3} \d{4} [\d:]{8} [+-]\d{4} "
            r"\(\w+\)\n", message.head)
        assert message.header("X-Priority") == ["3"]  # S059, S064
        assert message.header("X-Mailer") == ["Microsoft Outlook Express 5.00.2919.6600"]
        assert message.body == b"Bonjour tout le monde\r\n"

    def test_31_outsider_may_not_relay(self, walk):
        """S205, S130: the same from outside the network is refused."""
        with walk.client(OUTSIDER) as client:
            client.ehlo("stranger.example")
            assert client.mail("someone@wanadoo.fr")[0] == 250
            code, text = client.rcpt("christian.caleca@free.fr")
            assert code == 554
            assert text == b"5.7.1 <christian.caleca@free.fr>: Relay access denied"
            assert client.rcpt(f"{CHRIS}@gw1.maison.mrs")[0] == 250  # that is for us
        walk.gw.wait_log(r"NOQUEUE: reject: RCPT from unknown\[127\.10\.0\.250\]: 554 5\.7\.1 "
                         r"<christian\.caleca@free\.fr>: Relay access denied; "
                         r"from=<someone@wanadoo\.fr> to=<christian\.caleca@free\.fr> "
                         r"proto=ESMTP helo=<stranger\.example>")

    def test_32_relayhost(self, walk):
        """S131: relayhost = smtp.wanadoo.fr gets all mail that is not local."""
        walk.configure(relayhost="smtp.wanadoo.fr")
        walk.mail("eme13@enprovence.com", "par le fournisseur")
        assert walk.outside("smtp.wanadoo.fr", "par le fournisseur").recipients == [
            "eme13@enprovence.com"]
        walk.mail(CHRIS, "reste ici")
        walk.find("reste ici")
        walk.configure(relayhost="wanadoo.fr")  # its MX is asked for
        walk.mail("eme13@enprovence.com", "par le MX du fournisseur")
        walk.outside("smtp.wanadoo.fr", "par le MX du fournisseur")
        walk.configure(relayhost=f"[dns2.monaco.net]:{walk.net.port}")  # [] asks for no MX
        walk.mail("eme13@enprovence.com", "sans MX")
        walk.outside("dns2.monaco.net", "sans MX")

    def test_33_relayhost_down(self, walk):
        """S306, S032: the LAN gets its 250 while the relayhost is down; later all goes out."""
        provider = walk.net.hosts["smtp.wanadoo.fr"]
        walk.configure(relayhost="smtp.wanadoo.fr")
        provider.close()
        begin = time.monotonic()
        with walk.client(LAN_CLIENT) as client:
            client.sendmail("christian.caleca@free.fr", ["eme13@enprovence.com"],
                            "Subject: en attente\n\nplus tard\n")
        assert time.monotonic() - begin < 5
        line = walk.gw.wait_log(r"to=<eme13@enprovence\.com>, relay=none, .*status=deferred")[-1]
        assert re.search(rf"\(connect to smtp\.wanadoo\.fr\[[\d.]+\]:{walk.net.port}: "
                         r"Connection refused\)$", line)
        provider.start()
        walk.gw.run("postqueue", "-f")
        walk.outside("smtp.wanadoo.fr", "en attente")

    def test_34_transport(self, walk):
        """S152, S153, S305: aol.com and .aol.com by the provider, the rest straight."""
        table = walk.gw.table("transport_maps", "aol.com smtp:smtp.wanadoo.fr\n"
                              ".aol.fr smtp:smtp.wanadoo.fr\n")
        for domain in ("aol.com", "mail.aol.com", "aol.fr", "mail.aol.fr"):
            if domain not in walk.net.zone:
                walk.net.mx(domain, "5 dns2.monaco.net")
        walk.configure(relayhost="", transport_maps=table)
        for name, host in (("aol.com", "smtp.wanadoo.fr"), ("mail.aol.com", "dns2.monaco.net"),
                           ("aol.fr", "dns2.monaco.net"), ("mail.aol.fr", "smtp.wanadoo.fr")):
            walk.mail(f"ami@{name}", f"vers {name}")
            assert walk.outside(host, f"vers {name}").recipients == [f"ami@{name}"]
        walk.mail("eme13@enprovence.com", "toujours direct")
        walk.outside("mail.monaco.net", "toujours direct")


class TestTables:
    """Les dernières tables."""

    def test_40_header_checks_ignore(self, walk):
        """S157, S134, S141, S142: /^Received:/ IGNORE; postmap on the file does no harm."""
        path = walk.gw.file("header_checks", "/^Received:*/ IGNORE\n")
        assert walk.gw.run("postmap", path, check=False).returncode in (0, 1)
        walk.configure(header_checks=f"regexp:{path}", transport_maps="")
        walk.mail("eme13@enprovence.com", "sans trace")
        assert not walk.outside("mail.monaco.net", "sans trace").header("Received")

    def test_41_header_checks_reject_and_warn(self, walk):
        """S158, S159: REJECT of a From:, WARN of a Subject:; the trap of the course's form."""
        walk.gw.file("header_checks", "/^from: *chose@public\\.com$/ REJECT\n"
                     "/^subject: .*loterie/ WARN\n")
        walk.configure(header_checks=f"regexp:{walk.gw.config}/header_checks")
        with walk.client(LAN_CLIENT) as client:
            with pytest.raises(smtplib.SMTPDataError) as refused:
                client.sendmail("x@wanadoo.fr", [f"{CHRIS}@gw1.maison.mrs"],
                                "From: chose@public.com\nSubject: refus\n\nx\n")
            assert refused.value.smtp_code == 550
            assert refused.value.smtp_error.startswith(b"5.7.1 ")
        with walk.client(LAN_CLIENT) as client:
            client.sendmail("x@wanadoo.fr", [f"{CHRIS}@gw1.maison.mrs"],
                            "From: X <chose@public.com>\nSubject: la loterie\n\nx\n")
        walk.find("la loterie")
        walk.gw.wait_log(r"postfix/cleanup\[\d+\]: \w+: warning: header Subject: la loterie from "
                         r"pchris\.maison\.mrs\[127\.10\.0\.10\]; from=<x@wanadoo\.fr> "
                         rf"to=<{CHRIS}@gw1\.maison\.mrs> proto=ESMTP helo=<chris>")
        walk.gw.wait_log(r"cleanup\[\d+\]: \w+: reject: header From: chose@public\.com from ")
        walk.configure(header_checks="")

    def test_42_stock_aliases(self, walk):
        """S144, S145: MAILER-DAEMON, postmaster and the pseudo accounts have a destination."""
        for name in ("MAILER-DAEMON", "postmaster", "bin", "daemon", "nobody", "uucp", "decode",
                     "operator", "toor"):
            with walk.client(LAN_CLIENT) as client:
                client.sendmail("x@wanadoo.fr", [f"{name}@gw1.maison.mrs"],
                                f"Subject: pour {name}\n\nx\n")
            assert f"\nX-Original-To: {name}@gw1.maison.mrs\n" in walk.find(f"pour {name}")

    def test_43_other_aliases(self, walk):
        """S274, S275, S276: a list of users, a program, :include: and a file."""
        script = walk.gw.file("script", f"#!/bin/sh\ncat > {walk.gw.spool}/du-script\n", 0o755)
        people = walk.gw.file("fidele", f"{CHRIS}\n# un commentaire\n{LOULOU}@gw1.maison.mrs\n")
        path = walk.gw.table("aliases", ALIASES + f"castorj: {CHRIS}, {LOULOU}, root\n"
                             f"toto: \"|{script}\"\nliste: :include:{people}\n"
                             f"dossier: {walk.gw.spool}/dossier\n")
        walk.configure(alias_maps=path)
        for name in ("castorj", "toto", "liste", "dossier"):
            walk.mail(name, f"pour {name}")
        for name in ("castorj", "liste"):
            walk.find(f"pour {name}")
            walk.find(f"pour {name}", user=LOULOU)
        for name, file in (("toto", "du-script"), ("dossier", "dossier")):
            wait_until(lambda f=file, n=name: f"\nSubject: pour {n}\n" in walk.gw.mbox(f).decode(),
                       f"what came for {name}")
        walk.gw.wait_log(r"to=<toto@gw1\.maison\.mrs>, orig_to=<toto>, relay=local, .*"
                         rf"status=sent \(delivered to command: {script}\)")
        walk.gw.wait_log(r"to=<dossier@gw1\.maison\.mrs>, .*status=sent "
                         rf"\(delivered to file: {walk.gw.spool}/dossier\)")
        time.sleep(0.2)  # castorj names chris twice, by root too: one copy
        assert walk.gw.mbox(CHRIS).count(b"\nSubject: pour castorj\n") == 1

    def test_44_forward(self, walk):
        """S277: chris has a .forward: to himself, and to another."""
        homes = walk.gw.directory / "homes"
        homes.mkdir()
        forward = homes / f"{CHRIS}.forward"
        forward.write_text(f"\\{CHRIS}, eme13@enprovence.com\n")
        shutil.chown(forward, CHRIS)
        walk.configure(forward_path=f"{homes}/$user.forward")
        walk.mail(CHRIS, "suivez")
        walk.find("suivez")
        message = walk.outside("mail.monaco.net", "suivez")
        assert message.recipients == ["eme13@enprovence.com"]
        assert message.header("Delivered-To") == [f"{CHRIS}@gw1.maison.mrs"]
        walk.configure(forward_path="")

    def test_45_mydestination(self, walk):
        """S123, S124, S295: chris@maison.mrs and chris@gw1.maison.mrs are one mailbox."""
        walk.configure(mydestination="gw1.maison.mrs, localhost.maison.mrs, maison.mrs",
                       myorigin="gw1.maison.mrs")
        for domain in ("maison.mrs", "gw1.maison.mrs", "localhost.maison.mrs"):
            walk.mail(f"{CHRIS}@{domain}", f"a {domain}")
            assert f"\nX-Original-To: {CHRIS}@{domain}\n" in walk.find(f"a {domain}")
        with walk.client(OUTSIDER) as client:
            client.ehlo("stranger.example")
            client.mail("x@wanadoo.fr")
            code, text = client.rcpt(f"{CHRIS}@ailleurs.maison.mrs")
            assert code == 554 and b"Relay access denied" in text

    def test_46_myorigin_domain(self, walk):
        """S295, S126: mail is from chris@maison.mrs when myorigin is $mydomain."""
        walk.configure(sender_canonical_maps="", myorigin="$mydomain")
        walk.mail(CHRIS, "du domaine")
        assert walk.find("du domaine").startswith(f"From {CHRIS}@maison.mrs ")

    def test_47_generic(self, walk):
        """S293: outside mail has the public address, inside mail keeps the private one."""
        table = walk.gw.table("generic", f"{CHRIS}@maison.mrs christian.caleca@wanadoo.fr\n")
        walk.configure(smtp_generic_maps=table)
        with walk.client(LAN_CLIENT) as client:
            client.sendmail(f"{CHRIS}@maison.mrs", [f"{CHRIS}@maison.mrs",
                                                    "christian.caleca@free.fr"],
                            f"From: Chris <{CHRIS}@maison.mrs>\nSubject: dedans dehors\n\nx\n")
        message = walk.outside("mx.free.fr", "dedans dehors")
        assert message.sender == "christian.caleca@wanadoo.fr"
        assert message.header("From") == ["Chris <christian.caleca@wanadoo.fr>"]
        text = walk.find("dedans dehors")
        assert text.startswith(f"From {CHRIS}@maison.mrs ")
        assert f"\nFrom: Chris <{CHRIS}@maison.mrs>\n" in text

    def test_48_hide_own_hop(self, walk):
        """S294: the LAN hop is taken out of outgoing mail only."""
        path = walk.gw.file("smtp_header_checks",
                            r"/^Received: from \S+ \(\S+ \[127\.10\.0\.10\]\)/ IGNORE" "\n")
        walk.configure(smtp_header_checks=f"regexp:{path}")
        with walk.client(LAN_CLIENT) as client:
            client.sendmail(f"{CHRIS}@maison.mrs", [f"{CHRIS}@maison.mrs", "eme13@enprovence.com"],
                            "Received: from before.example by here.example; Thu, 11 May 2000 "
                            "18:20:10 +0200\nSubject: discret\n\nx\n")
        hops = walk.outside("mail.monaco.net", "discret").header("Received")
        assert len(hops) == 1 and "before.example" in hops[0]
        assert len(re.findall(r"(?m)^Received:", walk.find("discret"))) == 2


class TestEnd:
    """The gateway, at the end of the course, has nothing left in its queue and no complaint."""

    def test_90_queue_is_empty(self, walk):
        """S169: mailq says `Mail queue is empty`."""
        walk.gw.wait_queue_empty()
        assert walk.gw.run("mailq").stdout == "Mail queue is empty\n"

    def test_91_no_complaint(self, walk):
        """No program crashed, panicked or died on the way."""
        assert not walk.gw.log_lines(r"panic:|fatal:|killed by signal|exit status [1-9]|"
                                     r"ERROR: AddressSanitizer|runtime error")

    def test_92_stop(self, walk):
        """S163: stop, and status says so with another exit status."""
        walk.gw.stop()
        assert walk.gw.run("diligence", "status", config_first=True, check=False).returncode == 1

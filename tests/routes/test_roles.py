"""What a mail system can be: submission, relay, store, gateway, backup; rows of group A."""

import pathlib
import re
import smtplib
import threading

import pytest

from harness.instance import PATIENCE, ROOT, STAGE, Instance, wait_until

from .people import ALIASES, CHRIS, LOULOU, run_as


def say(instance, source="127.10.0.10"):
    client = smtplib.SMTP(timeout=PATIENCE, source_address=(source, 0),
                          local_hostname="pchris.maison.mrs")
    client.connect(instance.address, instance.port)
    client.ehlo()
    return client


def answers(instance, sender, *recipients, source="127.10.0.250"):
    """The RCPT replies to a stranger."""
    with say(instance, source) as client:
        assert client.mail(sender)[0] == 250
        return [client.rcpt(r) for r in recipients]


def wait_messages(host, count, instance):
    try:
        wait_until(lambda: len(host.messages) >= count, f"{count} messages at {host.name}")
    except AssertionError as failure:
        raise AssertionError(f"{failure}\n{instance.log()[-4000:]}") from None
    return host.messages


def test_three_roles_under_one_id(net, gateway):
    """S001: submission, queue and delivery log one message under one queue ID."""
    gateway.start()
    qid = gateway.send("x@wanadoo.fr", f"{CHRIS}@gw1.maison.mrs")
    gateway.wait_removed(qid)
    roles = set(re.findall(rf"postfix/(\w+)\[\d+\]: {qid}: ", gateway.log()))
    assert {"smtpd", "qmgr", "local"} <= roles


def test_route_by_the_right_side(net, gateway):
    """S002: one local part, two domains, two ways."""
    host = net.domain("enprovence.com")
    gateway.start()
    gateway.send("x@maison.mrs", [f"{CHRIS}@gw1.maison.mrs", f"{CHRIS}@enprovence.com"],
                 "Subject: deux\n\nx\n")
    assert wait_messages(host, 1, gateway)[0].recipients == [f"{CHRIS}@enprovence.com"]
    wait_until(lambda: b"Subject: deux\n" in gateway.mbox(CHRIS), "the local copy")


def test_relay_only(net, connect):
    """S004: no mailbox here: relay_domains go on, everything else is refused."""
    inside = net.domain("maison.mrs")
    relay = connect("relais.maison.mrs", mydestination="", local_recipient_maps="",
                    relay_domains="maison.mrs", mynetworks="127.10.0.99",
                    parent_domain_matches_subdomains="",
                    smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination",
                    local_transport="error:5.1.1 no local mail here").start()
    got = answers(relay, "x@wanadoo.fr", "chris@maison.mrs", "chris@free.fr",
                  f"{CHRIS}@relais.maison.mrs", "root@[127.10.0.1]")
    assert got[0][0] == 250
    assert all(500 <= code < 600 for code, _ in got[1:]), got
    with say(relay, "127.10.0.250") as client:
        client.sendmail("x@wanadoo.fr", ["chris@maison.mrs"], "Subject: relais\n\nx\n")
    message = wait_messages(inside, 1, relay)[0]
    assert len(message.header("Received")) == 1
    assert not message.header("Delivered-To")


def test_no_smarthost(net, connect):
    """S008: with an empty relayhost the MX of the destination gets the message from us."""
    host = net.domain("enprovence.com")
    gateway = connect(relayhost="").start()
    gateway.send("chris@gw1.maison.mrs", "eme13@enprovence.com")
    wait_messages(host, 1, gateway)
    assert host.sessions[0].peer == gateway.address
    assert host.messages[0].helo == "gw1.maison.mrs"


def test_private_domain_behind_a_gateway(net, gateway):
    """S009: maison.mrs is in no public DNS; local mail has it, outside mail a valid address."""
    free = net.host("mx.free.fr")
    net.mx("free.fr", "10 mx.free.fr")
    net.mx("wanadoo.fr", "10 smtp.wanadoo.fr")
    free.on("MAIL", lambda session, line: None if net.known_senders(line) else
            "553 sorry, your envelope sender domain must exist (#5.7.1)")
    table = gateway.table("generic", "@maison.mrs christian.caleca@wanadoo.fr\n")
    gateway.set(mydestination="maison.mrs", smtp_generic_maps=table, myorigin="maison.mrs")
    gateway.start()
    assert "maison.mrs" not in net.zone
    gateway.send(f"{LOULOU}@maison.mrs", f"{CHRIS}@maison.mrs", "Subject: dedans\n\nx\n")
    gateway.send(f"{LOULOU}@maison.mrs", "someone@free.fr", "Subject: dehors\n\nx\n")
    assert wait_messages(free, 1, gateway)[0].sender == "christian.caleca@wanadoo.fr"
    wait_until(lambda: b"Subject: dedans\n" in gateway.mbox(CHRIS), "the local message")
    assert gateway.mbox(CHRIS).startswith(f"From {LOULOU}@maison.mrs ".encode())


def test_uplink_unplugged(net, gateway):
    """S010, S049: no name server answers; two users of the LAN still exchange mail at once."""
    gateway.set(resolver_nameservers="127.10.0.200@9", smtpd_peername_lookup="no",
                smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination")
    gateway.start()
    for sender, recipient in ((CHRIS, LOULOU), (LOULOU, CHRIS)):
        with say(gateway) as client:
            client.sendmail(f"{sender}@gw1.maison.mrs", [f"{recipient}@gw1.maison.mrs"],
                            f"Subject: pour {recipient}\n\nx\n")
    for user in (CHRIS, LOULOU):
        wait_until(lambda name=user: f"Subject: pour {name}\n".encode() in gateway.mbox(name),
                   f"mail for {user}")
    assert not gateway.log_lines("status=deferred")


def test_minimal_configuration(place):
    """S012: main.cf says only where things are; start and local delivery work."""
    one = Instance(place / "a")
    keep = ("queue_directory", "data_directory", "mail_spool_directory", "maillog_file",
            "maillog_file_prefixes", "mail_owner", "setgid_group", "default_privs",
            "inet_interfaces", "compatibility_level", "alias_maps", "alias_database")
    one.parameters = {k: v for k, v in one.parameters.items() if k in keep}
    with one:
        run_as("root", one, "sendmail", CHRIS, stdin="Subject: bonjour\n\nx\n")
        wait_until(lambda: b"Subject: bonjour\n" in one.mbox(CHRIS), "the message")


def test_envelope_is_not_the_header(net, gateway):
    """S013, S056: recipients of the envelope, whatever To: says; Bcc: is taken out by -t."""
    host = net.domain("enprovence.com")
    gateway.start()
    gateway.send("x@gw1.maison.mrs", ["un@enprovence.com", "deux@enprovence.com"],
                 "To: personne@nulle.part.example\nSubject: enveloppe\n\nx\n")
    message = wait_messages(host, 1, gateway)[0]
    assert sorted(message.recipients) == ["deux@enprovence.com", "un@enprovence.com"]
    assert message.header("To") == ["personne@nulle.part.example"]
    run_as("root", gateway, "sendmail", "-t", stdin="To: un@enprovence.com\n"
           "Cc: deux@enprovence.com\nBcc: trois@enprovence.com\nSubject: copies\n\nx\n")
    message = wait_messages(host, 2, gateway)[1]
    assert sorted(message.recipients) == ["deux@enprovence.com", "trois@enprovence.com",
                                          "un@enprovence.com"]
    assert not message.header("Bcc") and b"trois" not in message.content


def test_gateway_in_a_dmz(net, connect):
    """S014: a MX in front knows who is inside, refuses others, and passes on to the store."""
    inside = connect("store.maison.mrs", mydestination="maison.mrs, store.maison.mrs")
    aliases = inside.table("aliases", ALIASES)
    inside.set(alias_maps=aliases, alias_database=aliases).start()
    front = connect("mx.maison.mrs", mydestination="", mynetworks="127.10.0.99",
                    relay_domains="maison.mrs")
    transport = front.table("transport", f"maison.mrs relay:[{inside.address}]:{net.port}\n")
    recipients = front.table("relay_recipients", "postmaster@maison.mrs ok\n")
    front.set(transport_maps=transport, relay_recipient_maps=recipients).start()
    good, bad = answers(front, "x@wanadoo.fr", "postmaster@maison.mrs", "personne@maison.mrs")
    assert good[0] == 250, good
    assert bad[0] == 550 and b"User unknown in relay recipient table" in bad[1], bad
    with say(front, "127.10.0.250") as client:
        client.sendmail("x@wanadoo.fr", ["postmaster@maison.mrs"], "Subject: dmz\n\nx\n")
    wait_until(lambda: b"Subject: dmz\n" in inside.mbox(CHRIS), "the message inside")
    text = inside.mbox(CHRIS).decode()
    hops = re.findall(r"(?m)^Received: from .*\n\tby (\S+)", text)
    assert hops == ["store.maison.mrs", "mx.maison.mrs"]


def test_backup_mx(net, connect):
    """S015: the backup keeps mail until the primary is back; unknown users get no promise."""
    primary = net.host("mx1.maison.mrs")
    backup = connect("mx2.maison.mrs", mydestination="", mynetworks="127.10.0.99",
                     relay_domains="maison.mrs", minimal_backoff_time="1s",
                     queue_run_delay="1s", maximal_backoff_time="2s")
    net.mx("maison.mrs", "10 mx1.maison.mrs", "20 mx2.maison.mrs")
    table = backup.table("relay_recipients", "chris@maison.mrs ok\n")
    backup.set(relay_recipient_maps=table).start()
    primary.close()
    good, bad = answers(backup, "x@wanadoo.fr", "chris@maison.mrs", "personne@maison.mrs")
    assert good[0] == 250
    assert bad == (550, b"5.1.1 <personne@maison.mrs>: Recipient address rejected: "
                        b"User unknown in relay recipient table")
    with say(backup, "127.10.0.250") as client:
        client.sendmail("x@wanadoo.fr", ["chris@maison.mrs"], "Subject: secours\n\nx\n")
    backup.wait_log(r"to=<chris@maison\.mrs>, relay=none, .*status=deferred .*refused")
    primary.start()
    assert wait_messages(primary, 1, backup)[0].recipients == ["chris@maison.mrs"]


def test_permit_mx_backup(net, connect):
    """S015: permit_mx_backup takes mail for domains that list us as an MX, and no others."""
    primary = net.host("mx1.ami.example")
    backup = connect("mx2.maison.mrs", mynetworks="127.10.0.99",
                     smtpd_relay_restrictions="permit_mx_backup, reject_unauth_destination")
    net.mx("ami.example", "10 mx1.ami.example", "20 mx2.maison.mrs")
    net.mx("autre.example", "10 mx1.ami.example")
    backup.start()
    good, bad = answers(backup, "x@wanadoo.fr", "a@ami.example", "a@autre.example")
    assert good[0] == 250 and bad[0] == 554
    with say(backup, "127.10.0.250") as client:
        client.sendmail("x@wanadoo.fr", ["a@ami.example"], "Subject: mx\n\nx\n")
    wait_messages(primary, 1, backup)


def processes(instance):
    """The process numbers of an instance: master and its children."""
    master = int((instance.queue / "pid/master.pid").read_text())
    children = pathlib.Path(f"/proc/{master}/task/{master}/children").read_text()
    return [master, *map(int, children.split())]


def memory(pid):
    """Kilobytes of memory that are a process' own share."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"(?m)^Pss: +(\d+) kB", text)[1])


def plain_stage():
    """Programs without a sanitizer: those under test, or what `./dev build` and `./dev run` leave; None."""
    for stage in (STAGE, ROOT / "build" / "stage"):
        master = stage / "libexec/diligence/master"
        if master.exists() and b"__asan_init" not in master.read_bytes():
            return stage
    return None


def serve_fifty(gateway):
    """50 clients at once, each with a message; all are served."""
    results = []

    def one(number):
        with say(gateway) as client:
            barrier.wait(timeout=PATIENCE)
            client.sendmail("x@wanadoo.fr", [f"{CHRIS}@gw1.maison.mrs"],
                            f"Subject: numero {number}\n\nx\n")
            results.append(number)

    barrier = threading.Barrier(50)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=PATIENCE)
    assert len(results) == 50
    wait_until(lambda: gateway.mbox(CHRIS).count(b"\nSubject: numero ") == 50, "50 messages")


def test_fifty_sessions(net, gateway):
    """S007 (its SMTP part): 50 clients at once are all served."""
    gateway.start()
    serve_fifty(gateway)


@pytest.mark.skipif(not plain_stage(), reason="memory is not measured under a sanitizer; ./dev build first")
def test_small_machine(net, gateway):
    """S007 (its SMTP part): the whole system with 50 clients stays below 128 MB."""
    gateway.stage = plain_stage()
    gateway.start()
    serve_fifty(gateway)
    assert sum(memory(pid) for pid in processes(gateway)) < 128 * 1024

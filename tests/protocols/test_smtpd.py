"""The SMTP server as its clients see it (group B of the rows, S203, S205)."""

import re
import resource
import socket
import time

import pytest

from harness.instance import PATIENCE, Dialogue, wait_until

HELLO = "EHLO client.example.com"
LOCAL = dict(mydestination="$myhostname, localhost, maison.mrs", local_transport="discard",
             local_recipient_maps="inline:{chris=x, daemon=x}",
             smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination")


@pytest.fixture
def server(instance):
    return instance.set(**LOCAL)


def test_greeting_and_quit(server):
    """S016 S018 S022: a listener, a greeting with the host name, a polite end."""
    with server, Dialogue(server.address, server.port) as talk:
        assert talk.reply() == "220 gw1.maison.mrs ESMTP Postfix"
        talk.say("QUIT")
        assert talk.reply() == "221 2.0.0 Bye"
        assert talk.reply() == ""


def test_own_banner(server):
    """S018: the banner follows smtpd_banner."""
    with server.set(smtpd_banner="$myhostname ESMTP courrier"):
        assert server.dialogue() == ["220 gw1.maison.mrs ESMTP courrier"]


def test_telnet_dialogue_of_the_course(server):
    """S017 S019 S020 S021: line by line, a space before the path, no HELO."""
    with server:
        replies = server.dialogue("MAIL FROM: <christian.caleca@wanadoo.fr>",
                                  "RCPT TO: <chris@maison.mrs>", "DATA",
                                  "le texte du message\r\n.", "QUIT")
    assert [r[:3] for r in replies] == ["220", "250", "250", "354", "250", "221"]
    assert replies[1] == "250 2.1.0 Ok" and replies[2] == "250 2.1.5 Ok"
    assert re.fullmatch(r"250 2\.0\.0 Ok: queued as [0-9A-F]{6,}", replies[4])


def test_strict_envelopes(server):
    """S019: strict_rfc821_envelopes refuses the space and the missing brackets."""
    with server.set(strict_rfc821_envelopes="yes"):
        replies = server.dialogue(HELLO, "MAIL FROM: <a@b.example>", "MAIL FROM:a@b.example",
                                  "MAIL FROM:<a@b.example>")
    assert [r[:3] for r in replies[2:]] == ["501", "501", "250"]


def test_helo_required(server):
    """S023: tolerated by default, refused with smtpd_helo_required."""
    with server.set(smtpd_helo_required="yes"):
        assert server.dialogue("MAIL FROM:<a@b>")[1].startswith("503 5.5.1")


def test_missing_helo_is_visible(server):
    """S024: in the log, and in a header when asked for."""
    server.set(smtpd_missing_helo_header="yes", local_transport="local",
               alias_maps="inline:{chris=daemon}")
    with server:
        server.dialogue("MAIL FROM:<a@b.example>", "RCPT TO:<chris@maison.mrs>", "DATA", "x\r\n.")
        server.wait_log(r"didn't use HELO protocol")
        wait_until(lambda: b"X-Authentication-Warning: gw1.maison.mrs:" in server.mbox("daemon"),
                   "the header")


def test_ehlo_and_helo(server):
    """S025 S026: EHLO lists Postfix's set, HELO gives one line, keywords can be hidden."""
    with server:
        helo, ehlo = server.dialogue("HELO x", HELLO)[1:]
    assert helo == "250 gw1.maison.mrs"
    words = [line[4:].split()[0] for line in ehlo.splitlines()[1:]]
    assert words == ["PIPELINING", "SIZE", "VRFY", "ETRN", "ENHANCEDSTATUSCODES", "8BITMIME",
                     "DSN", "SMTPUTF8", "CHUNKING"]
    server.stop()
    with server.set(smtpd_discard_ehlo_keywords="dsn, chunking, etrn"):
        text = server.dialogue(HELLO)[1]
    assert not re.search("DSN|CHUNKING|ETRN", text)


def test_expn_and_vrfy(server):
    """S027: EXPN is not offered; VRFY follows disable_vrfy_command."""
    with server:
        replies = server.dialogue(HELLO, "EXPN chris", "VRFY chris", "VRFY nobody-here")
    assert replies[2].startswith("502 5.5.1")
    assert replies[3] == "252 2.0.0 chris"
    assert replies[4].startswith("550 5.1.1")


def test_size(server):
    """S028: SIZE over the limit is refused at MAIL, a message over it at the end."""
    with server.set(message_size_limit="20000"):
        replies = server.dialogue(HELLO, "MAIL FROM:<a@b.example> SIZE=20001",
                                  "MAIL FROM:<a@b.example>", "RCPT TO:<chris@maison.mrs>", "DATA",
                                  "x" * 900 + "\r\n" + ("y" * 900 + "\r\n") * 30 + ".")
        assert not server.queue_ids()
    assert replies[2] == "552 5.3.4 Message size exceeds fixed limit"
    assert replies[6].startswith("552 5.3.4")


def test_no_ident(server):
    """S029: the greeting waits for nobody, and nobody is asked on port 113."""
    address = "127.10.0.113"
    try:
        ident = socket.create_server((address, 113))
    except PermissionError:
        ident = None  # the port is root's: the time alone tells then
    with server:
        begin = time.monotonic()
        with socket.create_connection((server.address, server.port), timeout=PATIENCE,
                                      source_address=(address, 0)) as client:
            assert client.recv(3) == b"220"
            client.sendall(b"QUIT\r\n")
            while client.recv(100):
                pass
        assert time.monotonic() - begin < 2
    if ident:
        ident.settimeout(0.1)
        with pytest.raises(TimeoutError):
            ident.accept()
        ident.close()


def test_every_refusal_has_a_code(server):
    """S030: enhanced status codes in all 4xx and 5xx replies."""
    lines = ["MAIL", "RCPT TO:<x@y>", "DATA", "BDAT", "FROB", "VRFY", "EXPN a", "RSET now",
             "MAIL FROM:<a b>", "MAIL FROM:<a@b> FOO=1", "MAIL FROM:<a@b>", "MAIL FROM:<a@b>",
             "RCPT TO:<>", "RCPT TO:<x@outside.example>", "DATA", "QUIT"]
    with server.set(mynetworks="192.0.2.0/24"):
        replies = server.dialogue(HELLO, *lines)
    for line, text in zip(lines, replies[2:]):
        if text[:1] in ("4", "5"):
            assert re.match(r"[45]\d\d [45]\.\d\.\d+ ", text), (line, text)


def test_queue_ids(server):
    """S033: unique IDs in the short and in the long form."""
    with server:
        ids = [server.send("a@b.example", "chris@maison.mrs") for _ in range(20)]
    assert len(set(ids)) == 20 and all(re.fullmatch(r"[0-9A-F]{6,}", i) for i in ids)
    server.stop()
    with server.set(enable_long_queue_ids="yes"):
        ids = [server.send("a@b.example", "chris@maison.mrs") for _ in range(5)]
    assert len(set(ids)) == 5
    assert all(re.fullmatch(r"[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,}z\w+", i) for i in ids)


def received_of(server, hello, recipients):
    with Dialogue(server.address, server.port) as talk:
        talk.reply()
        for line in [hello, "MAIL FROM:<a@b.example>"] + [f"RCPT TO:<{r}>" for r in recipients]:
            talk.say(line)
            assert talk.reply()[0] == "2"
        talk.say("DATA")
        talk.reply()
        talk.say(b"Subject: x\r\n\r\nb\r\n.\r\n")
        return talk.reply().rsplit(" ", 1)[-1]


def test_received_header(server):
    """S038 S039 S053: the protocol's name; `for` with one recipient only; one per hop."""
    server.set(local_transport="local", alias_maps="inline:{chris=daemon}")
    with server:
        one = received_of(server, "HELO x.example", ["chris@maison.mrs"])
        server.wait_removed(one)
        first = server.mbox("daemon").decode()
        two = received_of(server, HELLO, ["chris@maison.mrs", "daemon@maison.mrs"])
        server.wait_removed(two)
        second = server.mbox("daemon").decode()[len(first):]
    assert first.count("Received:") == 1
    assert re.search(rf"with SMTP id {one}\n\tfor <chris@maison.mrs>; ", first)
    assert re.search(rf"with ESMTP id {two};\n\t", second)
    assert "for <" not in second


PROBES = ["x@outside.example", "x%outside.example@maison.mrs", "x%outside.example",
          "outside.example!x", "outside.example!x@maison.mrs", '"x@outside.example"',
          '"x@outside.example"@maison.mrs', '"x%outside.example"@maison.mrs',
          "@maison.mrs:x@outside.example", "x@outside.example@maison.mrs", "x@[192.0.2.9]",
          "x%outside.example@[127.0.0.1]", "x@outside.example@[127.0.0.1]",
          "@outside.example:x@[127.0.0.1]", "x@maison.mrs@outside.example",
          "outside.example!x@[127.0.0.1]"]


def test_no_open_relay(server):
    """S203 S205: relay probes of every known form are refused, from a stranger."""
    with server.set(mynetworks="192.0.2.0/24"):
        for sender in ("<spam@elsewhere.example>", "<>", "<chris@maison.mrs>", "<spam@localhost>"):
            for probe in PROBES:
                replies = server.dialogue(HELLO, f"MAIL FROM:{sender}", f"RCPT TO:<{probe}>")
                assert replies[3][0] == "5", (sender, probe, replies[3])
        assert "554 5.7.1 <x@outside.example>: Relay access denied" in server.log()
        assert not server.queue_ids()


def test_bare_newlines(server):
    """Smuggling: only CR LF . CR LF ends a message."""
    server.set(mynetworks="192.0.2.0/24")
    with server, Dialogue(server.address, server.port) as talk:
        talk.reply()
        for line in (HELLO, "MAIL FROM:<a@b.example>", "RCPT TO:<chris@maison.mrs>", "DATA"):
            talk.say(line)
            talk.reply()
        for ending in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r"):
            talk.raw(b"text" + ending + b"MAIL FROM:<evil@b.example>\r\n")
        talk.raw(b"\r\n.\r\n")
        assert talk.reply().startswith("250 2.0.0 Ok: queued as")
        talk.say("NOOP")
        assert talk.reply() == "250 2.0.0 Ok"
    assert not server.log_lines("from=<evil")


def test_unauthorised_pipelining(server):
    """Commands sent behind EHLO or DATA without waiting for its reply."""
    for before, data in (([], b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n"),
                         ([HELLO, "MAIL FROM:<a@b.example>", "RCPT TO:<chris@maison.mrs>"],
                          b"DATA\r\nSubject: x\r\n\r\nhello\r\n.\r\n")):
        with server, Dialogue(server.address, server.port) as talk:
            talk.reply()
            for line in before:
                talk.say(line)
                talk.reply()
            talk.raw(data)
            assert talk.reply() == "554 5.5.0 Error: SMTP protocol synchronization"
            server.wait_log("improper command pipelining after (EHLO|DATA) from")


def test_error_limits(server):
    """Too many errors: slowed down, then sent away."""
    server.set(smtpd_soft_error_limit="2", smtpd_hard_error_limit="4", smtpd_error_sleep_time="1s")
    with server:
        begin = time.monotonic()
        replies = server.dialogue("A", "B", "C", "D")
        assert replies[1].startswith("500 5.5.2")
        assert time.monotonic() - begin >= 1
        server.wait_log("too many errors after")


def test_timeout(server):
    with server.set(smtpd_timeout="1s"), Dialogue(server.address, server.port) as talk:
        talk.reply()
        assert talk.reply() == "421 4.4.2 gw1.maison.mrs Error: timeout exceeded"
        server.wait_log(r"timeout after CONNECT from")


def test_lost_connection_leaves_nothing(server):
    with server:
        with Dialogue(server.address, server.port) as talk:
            talk.reply()
            for line in (HELLO, "MAIL FROM:<a@b.example>", "RCPT TO:<chris@maison.mrs>", "DATA"):
                talk.say(line)
                talk.reply()
            talk.raw(b"half a mess")
        server.wait_log(r"lost connection after DATA \(\d+ bytes\)")
        assert not server.queue_ids()


def test_reload_drops_no_session(server):
    """S162: a session that is under way finishes over a reload."""
    with server, Dialogue(server.address, server.port) as talk:
        talk.reply()
        talk.say(HELLO)
        talk.reply()
        talk.say("MAIL FROM:<a@b.example>")
        assert talk.reply() == "250 2.1.0 Ok"
        server.set(smtpd_banner="$myhostname ESMTP anew").reload()
        wait_until(lambda: "anew" in server.dialogue()[0], "the new banner")
        for line, code in (("RCPT TO:<chris@maison.mrs>", "250"), ("DATA", "354"),
                           ("x\r\n.", "250")):
            talk.say(line)
            assert talk.reply()[:3] == code


def test_many_idle_sessions(server):
    """10,000 idle sessions in one process leave room for work; bench/smtp.py measures their memory."""
    count, before = 10000, resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(before[1], count + 1000)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except ValueError:  # only root may raise it
        pytest.skip(f"only {before[1]} files may be open here")
    server.set(processes_per_service="1", sessions_per_process=count + 100,
               smtpd_client_connection_count_limit="0")
    idle = []
    try:
        with server:
            for _ in range(count):
                s = socket.create_connection((server.address, server.port), timeout=30)
                idle.append(s)
            for s in idle:
                s.settimeout(30)
                assert s.recv(3) == b"220"
            assert server.send("a@b.example", "chris@maison.mrs")
            pids = re.findall(r"smtpd\[(\d+)\]: connect from", server.log())
            assert len(pids) > count and len(set(pids)) == 1
    finally:
        for s in idle:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[0], most))

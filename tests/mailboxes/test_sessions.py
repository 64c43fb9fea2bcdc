"""Sessions between login and store: handed on, carried, given back, limited, ended."""

import imaplib
import os
import poplib
import pwd
import re
import shutil
import subprocess

import pytest

from harness.instance import wait_until
from .site import PASSWORD, Site, status, wait_workers
from .test_before_login import Talk


@pytest.fixture(scope="module", name="site")
def fixture_site(module_place):
    with Site(module_place, login_tls_auth_only="no") as site:
        yield site


def test_handed_on_in_clear_and_carried_over_tls(site):
    """S223: in clear the descriptor itself goes to the worker; with TLS login stays between."""
    body = b"Subject: large\n\n" + b"0123456789abcdef\n" * 100000
    site.set(message_size_limit="4000000", virtual_mailbox_limit="51200000").reload()
    site.deliver(body)
    for tls in (False, True):
        c = site.imap(tls=tls)
        c.select("INBOX")
        data = c.fetch("*", "(BODY.PEEK[TEXT])")[1][0][1]
        assert data == body.split(b"\n\n", 1)[1].replace(b"\n", b"\r\n")
        assert c.append("INBOX", None, None, b"Subject: up\r\n\r\n" + data)[0] == "OK"
        c.logout()
    lines = site.wait_log(r"imap: Disconnected: user=<jo@maison.mrs>", count=2)
    assert [", TLS," in line for line in lines] == [False, True]
    for line in lines:
        session = re.search(r"session=<(\w+)>", line)[1]
        assert site.log_lines(rf"imap\[\d+\]: Login: user=<jo@maison.mrs>.*session=<{session}>")


@pytest.mark.parametrize("tls", [False, True])
def test_unauthenticate(site, tls):
    """RFC 8437: the session comes home, with what was pipelined, and logs in as another."""
    with Talk(site.imaps_port if tls else site.imap_port, tls=tls) as c:
        c.line()
        c.say(f"a LOGIN jo@maison.mrs {PASSWORD}")
        assert " UNAUTHENTICATE" in c.until("a OK")[-1]
        c.say(f"b UNAUTHENTICATE\r\nc NOOP\r\nd LOGIN ko@maison.mrs {PASSWORD}\r\n"
              "e GETQUOTAROOT INBOX\r\nf LOGOUT")
        c.until("b OK")
        assert c.line().startswith("c OK NOOP")
        c.until("d OK")
        c.until("e ")
        assert c.line().startswith("* BYE")
    site.wait_log(r"imap: Unauthenticated: user=<jo@maison.mrs>")
    site.wait_log(r"imap\[\d+\]: Login: user=<ko@maison.mrs>")


def test_many_sessions_share_a_worker(site):
    """One process for all sessions of a user."""
    first = site.imap()
    workers = site.workers()
    sessions = [site.imap(tls=bool(i % 2)) for i in range(10)] + [site.pop3() for _ in range(5)]
    assert set(site.workers()) <= set(workers)
    for s in sessions:
        s.logout() if isinstance(s, imaplib.IMAP4) else s.quit()
    first.logout()


def test_unknown_places(place):
    """Who has a password but no mailbox is told so, and may go on."""
    site = Site(place, login_tls_auth_only="no")
    site.set(virtual_mailbox_maps="inline:{x@maison.mrs=x/}")
    with site:
        with Talk(site.imap_port) as c:
            c.line()
            assert re.match(r"a NO \[CANNOT\] unknown user", c.ask(f"a LOGIN jo@maison.mrs {PASSWORD}"))
            assert c.ask("b NOOP").startswith("b OK")
        with pytest.raises(poplib.error_proto, match=r"\[SYS/PERM\] unknown user"):
            site.pop3()


def test_limits_of_a_user(place):
    """store_sessions_per_user, pop3_lock_session, pop3_login_delay."""
    with Site(place, login_tls_auth_only="no", store_sessions_per_user="2") as site:
        one, two = site.imap(), site.pop3()
        with pytest.raises(imaplib.IMAP4.error, match="UNAVAILABLE.*Too many sessions"):
            site.imap()
        site.imap(user="ko@maison.mrs").logout()
        two.quit()
        wait_until(lambda: not _refused(site.imap), "room for a session")
        one.logout()
        site.set(pop3_lock_session="yes").reload()
        one = _pop3(site)
        with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
            site.pop3()
        site.imap().logout()  # S271: IMAP sessions do not mind
        one.quit()
        site.set(pop3_lock_session="no", pop3_login_delay="1h").reload()
        _pop3(site).quit()
        with pytest.raises(poplib.error_proto, match=r"\[LOGIN-DELAY\] .*3600 seconds"):
            site.pop3()
        assert "3600" in poplib.POP3("127.0.0.1", site.pop3_port).capa()["LOGIN-DELAY"]


def _refused(login):
    try:
        login().logout()
        return False
    except imaplib.IMAP4.error:
        return True


def _pop3(site):
    """A session, as soon as the reload is there and the old one is over."""
    found = []

    def attempt():
        try:
            found.append(site.pop3())
        except poplib.error_proto:
            pass
        return found
    return wait_until(attempt, "a POP3 session")[0]


def test_reload_and_stop(place):
    """A reload leaves sessions alone and gives new ones new workers; a stop says BYE."""
    with Site(place, login_tls_auth_only="no") as site:
        old, tls = site.imap(), site.imap(tls=True)
        [first] = wait_workers(site, 1)
        site.set(imap_timeout="1801s").reload()
        wait_until(lambda: site.imap().logout() and len(site.workers()) == 2, "another worker")
        assert old.noop()[0] == "OK" and first in site.workers()
        old.logout()
        tls.logout()
        wait_until(lambda: first not in site.workers(), "the end of the old worker")
        last, pop = site.imap(), site.pop3()
        site.stop()
        assert b"* BYE The system is going down." in last.file.readline()
        assert pop.file.readline().startswith(b"-ERR [SYS/TEMP]")
        wait_until(lambda: not site.workers(), "the end of all workers")


def test_idle_workers_end(place):
    """store_idle_time."""
    with Site(place, login_tls_auth_only="no", store_idle_time="1s") as site:
        site.pop3().quit()
        assert len(site.workers()) == 1
        wait_workers(site, 0)
        site.pop3().quit()


def test_dispatcher_is_killed(place):
    """Its workers end with it; master starts another, and login finds it."""
    with Site(place, login_tls_auth_only="no") as site:
        c = site.imap()
        [worker] = wait_workers(site, 1)
        dispatcher = int(status(worker, "PPid"))
        os.kill(dispatcher, 9)
        assert b"* BYE" in c.file.readline()
        wait_until(lambda: not os.path.exists(f"/proc/{worker}"), "the end of the worker")
        wait_until(lambda: not _refused(site.imap), "another dispatcher")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_accounts_of_the_host(place):
    """Accounts log in with bare names; each has a worker with its own uid; root has none (S265)."""
    site = Site(place, login_tls_auth_only="no", store_home_mailbox="", mydestination="gw1.maison.mrs",
                store_index_directory=str(place / "index"),
                auth_password_maps=f"inline:{{{{daemon={{PLAIN}}{PASSWORD}}}, "
                f"{{mail={{PLAIN}}{PASSWORD}}}, {{root={{PLAIN}}{PASSWORD}}}}}")
    site.set(mail_spool_directory=f"{site.spool}/")
    with site:
        sessions = []
        for user in ("daemon", "mail"):
            (site.spool / user).mkdir()
            shutil.chown(site.spool / user, user)
            site.send("chris@elsewhere.example", f"{user}@gw1.maison.mrs")
            site.wait_log(rf"to=<{user}@gw1.maison.mrs>.*status=sent")
            sessions.append(site.pop3(user=user))
            assert sessions[-1].stat()[0] == 1
        pids = wait_workers(site, 2)
        assert {int(status(pid, "Uid").split()[0]) for pid in pids} == \
            {pwd.getpwnam("daemon").pw_uid, pwd.getpwnam("mail").pw_uid}
        with pytest.raises(poplib.error_proto, match="root"):
            site.pop3(user="root")
        for c in sessions:
            c.quit()


def test_quota_at_rcpt(place):
    """S074: a full mailbox is refused at RCPT, by bytes and by messages; others are not."""
    site = Site(place, store_quota_maps="inline:{{jo@maison.mrs=10000}, {ko@maison.mrs=1M 1}}")
    with site:
        with site.smtp() as c:
            c.ehlo()
            c.mail("chris@elsewhere.example", ["SIZE=20000"])
            code, text = c.rcpt("jo@maison.mrs")
            assert code == 452 and text.startswith(b"4.2.2 <jo@maison.mrs>: Recipient address rejected")
            assert c.rcpt("ko@maison.mrs")[0] == 250
            c.rset()
            c.mail("chris@elsewhere.example", ["SIZE=2000"])
            assert c.rcpt("jo@maison.mrs")[0] == 250
        site.deliver(user="ko@maison.mrs")
        with site.smtp() as c:
            c.ehlo()
            c.mail("chris@elsewhere.example")
            assert c.rcpt("ko@maison.mrs")[0] == 452
            assert c.rcpt("mbox@maison.mrs")[0] == 250
        site.wait_log(r"NOQUEUE: reject: RCPT from .*: 452 4.2.2 <ko@maison.mrs>")


def test_curl_reads_imap(site):
    """The client of `./dev run`."""
    site.deliver(b"Subject: for curl\n\nhello curl\n")
    done = subprocess.run(["curl", "-sS", "-k", "--ssl-reqd", "--user", f"jo@maison.mrs:{PASSWORD}",
                           f"imap://127.0.0.1:{site.imap_port}/INBOX;MAILINDEX=*"],
                          capture_output=True, timeout=30)
    assert done.returncode == 0 and done.stdout.endswith(b"hello curl\r\n"), done.stderr


def test_mailboxes_come_and_go(site):
    """S269: the first login makes the mailbox, unknown names get 550; S270: a removed one is empty anew."""
    c = site.pop3(user="ko@maison.mrs")
    assert c.stat() == (0, 0)
    c.quit()
    assert (site.box("ko@maison.mrs") / "cur").is_dir()
    with site.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("chris@elsewhere.example")
        code, text = smtp.rcpt("nobody@maison.mrs")
        assert code == 550 and text.startswith(b"5.1.1")
    site.deliver(user="ko@maison.mrs")
    c = site.imap(user="ko@maison.mrs")
    assert c.select("INBOX")[1] == [b"1"]
    c.create("folder")
    c.logout()
    shutil.rmtree(site.box("ko@maison.mrs"))
    for login in (site.imap, site.imap):
        c = login(user="ko@maison.mrs")
        assert c.select("INBOX")[1] == [b"0"]
        assert not any(b"folder" in line for line in c.list()[1])
        c.logout()
    assert not site.log_lines(r"store\[\d+\]: (warning|error|panic).*ko@maison.mrs")


def test_removed_while_open(site):
    """S270: a mailbox that is removed under a session ends no worker, and no other session."""
    mbox = site.imap(user="ko@maison.mrs")
    mbox.select("INBOX")
    other = site.imap()
    shutil.rmtree(site.box("ko@maison.mrs"))
    try:
        mbox.noop()
    except imaplib.IMAP4.abort:
        pass
    assert other.noop()[0] == "OK"
    other.logout()
    c = site.pop3(user="ko@maison.mrs")
    assert c.stat() == (0, 0)
    c.quit()

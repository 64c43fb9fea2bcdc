"""Tables that a running mail system asks through proxymap.

Programs on fibers reach network tables through it in silence, and proxy:type:name by name.
Covers S149, S150, S156 for network tables.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import time

import pytest

from harness.instance import STAGE, Dialogue, wait_until

from .fake_servers import Lines, Netstrings, serve
from .servers import Memcached, Redis

PROBE = pathlib.Path(os.environ.get("TABLE_PROBE", STAGE.parent / "lib/table/table_probe"))
HELLO = "EHLO client.example.com"
MAIL = "MAIL FROM:<chris@maison.mrs>"


def accepts(tables, *recipients):
    """The replies to RCPT of each."""
    lines = [HELLO, MAIL] + [f"RCPT TO:<{who}>" for who in recipients]
    return tables.dialogue(*lines)[3:]


def test_network_tables_in_a_running_system(tables):
    """Restrictions, recipients, virtual aliases; an error defers and never bounces."""
    answers = {"known@maison.mrs": "200 x", "maison.mrs": "500 no", "broken@maison.mrs": "400 later",
               "alias@maison.mrs": "200 known@maison.mrs"}
    with serve(Lines, answers) as server:
        table = f"tcp:127.0.0.1:{server.server_address[1]}"
        tables.set(virtual_mailbox_domains="maison.mrs", virtual_mailbox_maps=table,
                   virtual_alias_maps="", virtual_transport="discard",
                   smtpd_recipient_restrictions=f"check_recipient_access {table}, "
                                                "permit_mynetworks, reject")
        answers["refused@maison.mrs"] = "200 REJECT not%20you"
        answers["known@maison.mrs"] = "200 OK"
        with tables:
            known, unknown, broken, refused = accepts(
                tables, "known@maison.mrs", "unknown@maison.mrs", "broken@maison.mrs",
                "refused@maison.mrs")
            assert known.startswith("250")
            assert unknown.startswith("550 5.1.1")
            assert broken.startswith("451 4.3.")
            assert refused.startswith("554 5.7.1") and "not you" in refused
            tables.wait_log("broken@maison.mrs.*later")
            # New content is live: nobody reloads.
            answers["unknown@maison.mrs"] = "200 OK"
            assert accepts(tables, "unknown@maison.mrs")[0].startswith("250")
            # Only whole keys are asked.
            assert not {"maison.mrs", "@maison.mrs", "mrs"} & set(server.asked)
            queue_id = tables.send("chris@maison.mrs", "known@maison.mrs")
            tables.wait_removed(queue_id)


def test_lookup_errors_defer_queued_mail(tables):
    """transport_maps that cannot be asked keep the mail in the queue; then it goes on."""
    with serve(Netstrings, {}) as server:
        where = f"socketmap:inet:127.0.0.1:{server.server_address[1]}:t"
        answers = server.answers
        answers["t chris@gw1.maison.mrs"] = "TEMP no database"
        tables.set(transport_maps=where, local_recipient_maps="", local_transport="discard",
                   minimal_backoff_time="2s", queue_run_delay="2s", maximal_backoff_time="2s")
        with tables:
            tables.run("sendmail", "-f", "chris@maison.mrs", "chris@gw1.maison.mrs",
                       stdin="Subject: x\n\nhello\n")
            line = tables.wait_log("status=deferred|transport.*lookup")[-1]
            queue_id = next(iter(tables.queue_ids()))
            assert line
            assert not tables.log_lines("status=bounced")
            answers["t chris@gw1.maison.mrs"] = "OK discard:"
            tables.run("postqueue", "-f")
            tables.wait_removed(queue_id)


def test_approval(tables):
    """proxy_read_maps: what is not listed is not opened."""
    listed = tables.table("listed", "chris@maison.mrs yes\n")
    hidden = tables.table("hidden", "chris@maison.mrs yes\n")
    tables.set(virtual_alias_maps=f"proxy:{listed}")
    with tables:
        def ask(table):
            return tables.run("postmap", "-q", "chris@maison.mrs", table, check=False)
        assert ask(f"proxy:{listed}").stdout == "yes\n"
        refused = ask(f"proxy:{hidden}")
        assert refused.returncode != 0
        assert f'proxymap service is not configured for table "{hidden}"' in refused.stderr
        tables.wait_log(f'proxymap.*request for unapproved table: "{hidden}"')
        tables.wait_log(f"to approve this table for read-only access, list proxy:{hidden} in "
                        "main.cf:proxy_read_maps")
        # Rebuilt: live without reload.
        tables.table("listed", "chris@maison.mrs other\n")
        time.sleep(1.1)  # changed files are noticed once a second
        assert ask(f"proxy:{listed}").stdout == "other\n"
        tables.set(proxy_read_maps=f"proxy:{hidden}")
        tables.reload()
        tables.wait_log("reload")
        time.sleep(0.3)
        assert ask(f"proxy:{hidden}").stdout == "yes\n"
        assert ask(f"proxy:{listed}").returncode != 0
    assert "connect to private/proxymap" in ask(f"proxy:{hidden}").stderr


def test_proxied_patterns_and_missing_files(tables):
    pattern = tables.file("pattern", "/^chris@/ REJECT pattern\n")
    tables.set(smtpd_recipient_restrictions=f"check_recipient_access proxy:regexp:{pattern}, "
                                            "check_sender_access proxy:hash:/no/such/table, "
                                            "permit_mynetworks, reject",
               mydestination="maison.mrs", local_recipient_maps="")
    with tables:
        by_pattern, by_error = accepts(tables, "chris@maison.mrs", "sylvie@maison.mrs")
        assert by_pattern.startswith("554 5.7.1") and "pattern" in by_pattern
        assert by_error.startswith("451 4.3.")
        tables.wait_log("/no/such/table.*No such file")


def test_long_values(tables):
    """More than one message between programs holds."""
    with Redis() as redis:
        redis.do("SET", "big", ",".join(f"user{i}@maison.mrs" for i in range(3000)))
        table = tables.definition("big.cf", "redis", server=f"inet:127.0.0.1:{redis.port}",
                                  password="sesame")
        tables.set(virtual_alias_maps=f"proxy:{table}")
        with tables:
            done = tables.run("postmap", "-q", "big", f"proxy:{table}")
            assert done.stdout.count(",") == 2999


def test_connections_end(tables):
    """ipc_idle: a connection to proxymap that nobody needs is closed."""
    with serve(Lines, {"a@maison.mrs": "200 OK"}) as server:
        table = f"tcp:127.0.0.1:{server.server_address[1]}"
        tables.set(smtpd_recipient_restrictions=f"check_recipient_access {table}, reject",
                   ipc_idle="1s", max_idle="1s")
        with tables:
            accepts(tables, "a@maison.mrs")
            first = server.connections
            assert first >= 1
            time.sleep(1.5)
            accepts(tables, "a@maison.mrs")
            assert server.connections > first, "the old connection was idle for too long"


def test_connections_are_replaced(tables):
    """ipc_ttl: a connection to a server of tables that has lived so long makes way for a new one, idle or not."""
    with serve(Lines, {"a@maison.mrs": "200 OK"}) as server:
        table = f"tcp:127.0.0.1:{server.server_address[1]}"
        tables.set(smtpd_recipient_restrictions=f"check_recipient_access {table}, reject", ipc_ttl="1s")
        with tables:
            accepts(tables, "a@maison.mrs")
            first = server.connections
            accepts(tables, "a@maison.mrs")
            assert server.connections == first
            time.sleep(1.5)
            accepts(tables, "a@maison.mrs")
            assert server.connections > first


def test_proxymap_that_stands_still(tables):
    """ipc_timeout: who waits for an answer does not wait for ever."""
    with serve(Lines, {"a@maison.mrs": "200 OK"}) as server:
        table = f"proxy:tcp:127.0.0.1:{server.server_address[1]}"
        tables.set(smtpd_recipient_restrictions=f"check_recipient_access {table}, reject", ipc_timeout="1s",
                   proxy_read_maps=table)
        with tables:
            assert accepts(tables, "a@maison.mrs")[0].startswith("250")
            process, = children(tables, "proxymap")
            os.kill(process, signal.SIGSTOP)
            started = time.monotonic()
            assert accepts(tables, "a@maison.mrs")[0].startswith("451 4.3.")
            assert time.monotonic() - started < 6
            os.kill(process, signal.SIGCONT)


def test_cache_is_shared(tables):
    """Two definitions, one server: each with its own keys."""
    with Memcached() as server:
        server.set("v:a@maison.mrs", "b@maison.mrs")
        table = tables.definition("v.cf", "memcache", memcache=f"inet:127.0.0.1:{server.port}",
                                  key_format="v:%s")
        tables.set(virtual_alias_maps=table, mydestination="maison.mrs",
                   local_recipient_maps="inline:{b=x}", local_transport="discard")
        with tables:
            assert accepts(tables, "a@maison.mrs")[0].startswith("250")
            queue_id = tables.send("chris@maison.mrs", "a@maison.mrs")
            tables.wait_log(rf"{queue_id}: to=<b@maison.mrs>, orig_to=<a@maison.mrs>")


def probe(tables, action, table, key, *value):
    """What table_probe says: the value, None, or "! " and why."""
    done = subprocess.run([str(PROBE), str(tables.config), action, table, key, *value],
                          cwd=tables.queue, capture_output=True, text=True, timeout=30)
    return {0: done.stdout.strip(), 1: None}.get(done.returncode, "! " + done.stderr.strip())


@pytest.mark.skipif(not PROBE.exists(), reason="needs table_probe beside the stage")
@pytest.mark.parametrize("way", ["", "fiber-"])
def test_writing(tables, way):
    """proxy_write_maps: only what it lists, only through proxywrite."""
    with Redis() as redis:
        common = dict(server=f"inet:127.0.0.1:{redis.port}", password="sesame",
                      command="GET w:%s")
        table = tables.definition("w.cf", "redis", store_format="w:%s", ttl=100, **common)
        other = tables.definition("o.cf", "redis", **common)
        tables.set(proxy_write_maps=f"proxy:{table}",
                   proxy_read_maps=f"proxy:{table} proxy:{other} proxy:static:x")
        with tables:
            assert probe(tables, way + "get", f"proxy:{table}", "key") is None
            assert probe(tables, way + "put", f"proxy:{table}", "Key", "one value") == ""
            assert probe(tables, way + "get", f"proxy:{table}", "key") == "one value"
            assert redis.do("GET", "w:key") == "one value"
            assert 0 < int(redis.do("TTL", "w:key")) <= 100
            assert probe(tables, way + "delete", f"proxy:{table}", "key") == ""
            assert probe(tables, way + "get", f"proxy:{table}", "key") is None
            assert "proxywrite service is not configured for table" in \
                probe(tables, way + "put", f"proxy:{other}", "key", "x")
            tables.wait_log("proxymap.*to approve this table for read-write access, list "
                            f"proxy:{other} in main.cf:proxy_write_maps")


def test_proxymap_dies(tables):
    """The next question finds the next process."""
    with serve(Lines, {"a@maison.mrs": "200 OK"}) as server:
        table = f"tcp:127.0.0.1:{server.server_address[1]}"
        tables.set(smtpd_recipient_restrictions=f"check_recipient_access {table}, reject",
                   mydestination="maison.mrs", local_recipient_maps="")
        with tables, Dialogue(tables.address, tables.port) as talk:
            def rcpt():
                talk.say("RCPT TO:<a@maison.mrs>")
                return talk.reply()
            for line in ("HELO x", "MAIL FROM:<x@y.z>"):
                talk.reply()
                talk.say(line)
            talk.reply()
            assert rcpt().startswith("250")
            for process in children(tables, "proxymap"):
                os.kill(process, signal.SIGKILL)
            wait_until(lambda: rcpt().startswith("250"), "an answer of the next proxymap")


def children(tables, name):
    """Processes of this instance by the name of their program."""
    master = int((tables.queue / "pid/master.pid").read_text())
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if parent == master and command[0].decode().endswith(name):
            found.append(int(entry.name))
    assert found
    return found


def test_a_slow_server_delays_nobody_else(tables):
    """Questions wait side by side."""
    class Slow(Lines):
        def handle(self):
            time.sleep(3)
            super().handle()

    with serve(Slow, {}) as slow, serve(Lines, {"fast@maison.mrs": "200 OK"}) as fast:
        def table(server):
            return f"tcp:127.0.0.1:{server.server_address[1]}"
        tables.set(smtpd_helo_restrictions=f"check_helo_access {table(slow)}",
                   smtpd_delay_reject="no", mydestination="maison.mrs", local_recipient_maps="",
                   smtpd_recipient_restrictions=f"check_recipient_access {table(fast)}, reject")
        with tables, contextlib.ExitStack() as stack:
            talks = [stack.enter_context(Dialogue(tables.address, tables.port))
                     for _ in range(6)]
            begin = time.monotonic()
            for talk in talks:
                talk.reply()
                talk.say("HELO slow.example")
            quick = stack.enter_context(Dialogue(tables.address, tables.port))
            for line in ("MAIL FROM:<x@y.z>", "RCPT TO:<fast@maison.mrs>"):
                quick.reply()
                quick.say(line)
            assert quick.reply().startswith("250")
            assert time.monotonic() - begin < 2.5, "others waited"
            for talk in talks:
                assert talk.reply().startswith("250")
            assert time.monotonic() - begin < 9, "the slow ones waited for each other"


def test_delivery_agents(tables):
    """local and virtual, which change users, ask proxymap too."""
    base = tables.directory / "virtual"
    answers = {"liste": "200 daemon,%20missing", "missing": "400 later",
               "chris@virtual.example": "200 chris/", "slow@virtual.example": "400 later"}
    with serve(Lines, answers) as server:
        table = f"tcp:127.0.0.1:{server.server_address[1]}"
        tables.set(alias_maps=table, local_recipient_maps="",
                   mydestination="maison.mrs, $myhostname",
                   virtual_mailbox_domains="virtual.example", virtual_mailbox_maps=table,
                   virtual_mailbox_base=base, virtual_uid_maps=f"static:{os.getuid() or 65534}",
                   virtual_gid_maps=f"static:{os.getgid() or 65534}", virtual_minimum_uid="1")
        base.mkdir(parents=True)
        base.chmod(0o777)
        with tables:
            # smtpd refuses for the time being what it cannot look up: hand in at the back door.
            tables.run("sendmail", "-f", "x@y.z", "liste@maison.mrs", "chris@virtual.example",
                       "slow@virtual.example", stdin="Subject: x\n\nhello\n")
            tables.wait_log("to=<chris@virtual.example>.*status=sent")
            assert len(tables.maildir(base / "chris")) == 1
            tables.wait_log("to=<daemon@.*orig_to=<liste@maison.mrs>.*status=sent")
            tables.wait_log("to=<slow@virtual.example>.*status=deferred")
            tables.wait_log("to=<missing@.*status=deferred")
            assert not tables.log_lines("status=bounced")

"""Tables that a running mail system asks through proxymap.

Programs on fibers reach network tables through it in silence, and proxy:type:name by name.
Covers S149, S150, S156 for network tables.
"""

import time

from .fake_servers import Lines, Netstrings, serve
from .servers import Memcached, Redis

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

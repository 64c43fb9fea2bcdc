"""Tables in files, seen from outside: which keys count, that new content is live.

Covers S140, S147, S149, S150, S151, S152, S153, S156, S161, S246, S249, S250, S253, S255,
S256, S258.
"""

import os
import re
import time

import pytest

KINDS = ["hash", "btree", "dbm", "sdbm", "lmdb", "cdb", "texthash"]
HELLO = "EHLO client.example.com"


def routes(tables, recipients, pattern=r"to=<{}>.*status=sent \((.*)\)"):
    """Send one message to RECIPIENTS; what the log says of each."""
    tables.send("chris@elsewhere.mrs", recipients)
    found = {}
    for who in recipients:
        line = tables.wait_log(pattern.format(re.escape(who)))[-1]
        found[who] = re.search(pattern.format(re.escape(who)), line)[1]
    return found


def replies(tables, sender, *recipients):
    lines = [HELLO, f"MAIL FROM:<{sender}>"] + [f"RCPT TO:<{who}>" for who in recipients]
    return tables.dialogue(*lines)[2:]


def test_transport_keys(tables):
    """Rows S152, S153, S255 (a hub for local mail), S256 (the keys of a mailertable)."""
    table = tables.table("transport", """\
maison.mrs          discard:hub
.maison.mrs         discard:below
chris@maison.mrs    discard:address
sylvie+x@maison.mrs discard:extension
aol.com             discard:domain
.free.example       discard:dot
*                   discard:star
""")
    tables.set(transport_maps=table, mydestination="maison.mrs", local_recipient_maps="",
               recipient_delimiter="+", append_dot_mydomain="no")
    expected = {"root@maison.mrs": "hub", "x@gw2.maison.mrs": "below",
                "chris@maison.mrs": "address", "chris+any@maison.mrs": "address",
                "sylvie+x@maison.mrs": "extension", "sylvie+y@maison.mrs": "hub",
                "a@aol.com": "domain", "a@mx.aol.com": "star", "a@free.example": "star",
                "a@b.c.free.example": "dot", "a@other.example": "star"}
    with tables:
        assert routes(tables, list(expected)) == expected


def test_parents_without_dots(tables):
    """parent_domain_matches_subdomains lists transport_maps: aol.com is its subdomains too."""
    table = tables.table("transport", "aol.com discard:domain\n* discard:star\n")
    tables.set(transport_maps=table, parent_domain_matches_subdomains="transport_maps")
    expected = {"a@mx.aol.com": "domain", "a@aol.com": "domain", "a@xaol.com": "star"}
    with tables:
        assert routes(tables, list(expected)) == expected


def test_canonical_and_virtual_keys(tables):
    """Rows S147, S149, S150: user, user@host, @domain; the extension goes along."""
    canonical = tables.table("sender_canonical", """\
root                      first@free.example
chris@gw1.maison.mrs      second@free.example
@old.maison.mrs           @new.maison.mrs
""")
    virtual = tables.table("virtual", """\
virtual.example   anything
all@virtual.example  a@gone.example, b@gone.example
chris@virtual.example c@gone.example
@virtual.example  rest@gone.example
""")
    tables.set(sender_canonical_maps=canonical, virtual_alias_maps=virtual,
               virtual_alias_domains="virtual.example", mydestination="$myhostname",
               recipient_delimiter="+", default_transport="discard:x",
               remote_header_rewrite_domain="domain.invalid")
    with tables:
        for sender, rewritten in (("root@gw1.maison.mrs", "first@free.example"),
                                  ("chris@gw1.maison.mrs", "second@free.example"),
                                  ("any@old.maison.mrs", "any@new.maison.mrs"),
                                  ("root@elsewhere.mrs", "root@elsewhere.mrs")):
            queue_id = tables.send(sender, "x@gone.example")
            tables.wait_log(rf"{queue_id}: from=<{re.escape(rewritten)}>")
        tables.send("x@y.z", ["all@virtual.example", "chris+ext@virtual.example",
                              "any@virtual.example"])
        for final, original in (("a@gone.example", "all"), ("b@gone.example", "all"),
                                ("c+ext@gone.example", r"chris\+ext"),
                                ("rest@gone.example", "any")):
            tables.wait_log(rf"to=<{re.escape(final)}>, orig_to=<{original}@virtual.example>")


def test_access_and_relocated(tables):
    """Rows S246 (redirect), S249 (access_db), S250 (recipients), S253 (hosts of one's own
    domain), S258 (parts of addresses)."""
    access = tables.table("access", """\
bad.example           REJECT
chef@boulout.net      REJECT
drop@maison.mrs       DISCARD
.maison.mrs           OK
spam@                 REJECT go away
blocked@maison.mrs    550 5.7.1 blocked here
127.9                 REJECT a part of an address
127.0.0.1             OK
""")
    relocated = tables.table("relocated", "old@maison.mrs new@free.example\n")
    tables.set(relocated_maps=relocated, mydestination="maison.mrs", local_recipient_maps="",
               local_transport="discard:x", smtpd_delay_reject="no",
               smtpd_client_restrictions=f"check_client_access {access}",
               smtpd_sender_restrictions=f"check_sender_access {access}",
               smtpd_recipient_restrictions=f"check_recipient_access {access}, "
                                            "permit_mynetworks, reject")
    with tables:
        for sender, refused in (("chef@boulout.net", True), ("x@mx.bad.example", True),
                                ("x@bad.example", True), ("spam@any.example", True),
                                ("chris@maison.mrs", False)):
            assert replies(tables, sender)[0].startswith("554 5.7.1" if refused else "250")
        old, blocked, spam = replies(tables, "x@y.z", "old@maison.mrs", "blocked@maison.mrs",
                                     "spam@maison.mrs")[1:]
        assert old.startswith("550 5.1.6") and "User has moved to new@free.example" in old
        assert blocked.startswith("550 5.7.1") and "blocked here" in blocked
        assert spam.startswith("554 5.7.1") and "go away" in spam
        assert replies(tables, "x@y.z", "drop@maison.mrs")[1].startswith("250")
        tables.wait_log("discard: RCPT from")


@pytest.mark.parametrize("kind", KINDS)
def test_new_content_is_live(tables, kind):
    """Rows S140, S156: no reload; an index older than its text is reported."""
    table = f"{kind}:{tables.file('access', 'x@y.z REJECT first' + chr(10))}"
    tables.write()

    def write(text):
        path = tables.file("access", text)
        if kind != "texthash":
            tables.run("postmap", table)
        return path

    write("x@y.z REJECT first\n")
    tables.set(smtpd_sender_restrictions=f"check_sender_access {table}", smtpd_delay_reject="no")
    with tables:
        assert "first" in replies(tables, "x@y.z")[0]
        path = write("x@y.z REJECT second\n")
        time.sleep(1.1)  # changed files are noticed once a second
        assert "second" in replies(tables, "x@y.z")[0]
        if kind == "texthash":
            return
        later = time.time() + 60
        os.utime(path, (later, later))
        stale = tables.run("postmap", "-q", "x@y.z", table)
        assert "is older than source file" in stale.stderr


def test_missing_tables(tables):
    """Row S161: what is missing defers and is logged; the daemon stays."""
    missing = tables.directory / "etc" / "headers_checks"
    tables.set(smtpd_sender_restrictions=f"check_sender_access hash:{missing}",
               smtpd_delay_reject="no")
    with tables:
        for _ in range(2):
            assert replies(tables, "x@y.z")[0].startswith("451 4.3.5")
        tables.wait_log(r"smtpd\[\d+\]: warning: hash:.*headers_checks.*No such file")
        tables.file("headers_checks", "x@y.z OK\n")
        tables.run("postmap", f"hash:{missing}")
        time.sleep(1.1)
        assert replies(tables, "x@y.z")[0].startswith("250")


def test_missing_tables_may_be_fatal(tables):
    """daemon_table_open_error_is_fatal = yes: the daemon ends, with the reason."""
    tables.set(smtpd_sender_restrictions="check_sender_access hash:/no/such/table",
               smtpd_delay_reject="no", daemon_table_open_error_is_fatal="yes")
    tables.write()
    tables.run("diligence", "start", config_first=True)
    tables.running = True
    tables.accepts()  # somebody connects: smtpd starts
    tables.wait_log(r"smtpd\[\d+\]: fatal: .*open.*/no/such/table.*No such file")


def test_combined_tables(tables):
    tables.write()
    one = tables.table("one", "chris a\nsylvie b\n")
    two = tables.table("two", "chris c\na d\n", kind="lmdb")
    assert tables.get(f"unionmap:{{{one}, {two}}}", "chris") == "a,c"
    assert tables.get(f"pipemap:{{{one}, {two}}}", "chris") == "d"
    assert tables.get(f"pipemap:{{{one}, {two}}}", "sylvie") is None
    assert tables.get("randmap:{same, same}", "any") == "same"
    assert tables.get("inline:{chris=a, {sylvie = b c}}", "sylvie") == "b c"
    assert tables.get("static:{a b}", "any") == "a b"
    assert tables.get("internal:x", "any") is None
    assert "why" in tables.get("fail:why", "any")
    assert tables.get("unix:passwd.byname", "daemon").startswith("daemon:")
    assert tables.get("unix:group.byname", "daemon").startswith("daemon:")
    assert tables.get("environ:", "MAIL_CONFIG") is None  # keys are folded, as in Postfix
    kept = tables.run("postmap", "-f", "-q", "MAIL_CONFIG", "environ:").stdout
    assert kept == f"{tables.config}\n"


def test_sqlite_in_a_locked_daemon(tables, place):
    """The database may lie anywhere: the sandbox knows its directory."""
    import sqlite3

    home = place / "elsewhere"
    home.mkdir()
    home.chmod(0o755)
    with sqlite3.connect(home / "db") as database:
        database.execute("create table a (k text, v text)")
        database.execute("insert into a values ('x@y.z', 'REJECT from sqlite')")
    (home / "db").chmod(0o644)
    table = tables.definition("s.cf", "sqlite", dbpath=home / "db",
                              query="select v from a where k = '%s'")
    tables.set(smtpd_sender_restrictions=f"check_sender_access {table}", smtpd_delay_reject="no")
    with tables:
        assert "from sqlite" in replies(tables, "x@y.z")[0]
        assert replies(tables, "other@y.z")[0].startswith("250")
        with sqlite3.connect(home / "db") as database:
            database.execute("update a set v = 'REJECT later'")
        assert "later" in replies(tables, "x@y.z")[0]


def test_check_tells_of_bad_definitions(tables):
    """`diligence check` reads the definitions of network tables, and asks nobody."""
    tables.write()
    bad = tables.definition("bad.cf", "redis", expansion_limit="many")
    good = tables.definition("good.cf", "redis", server="inet:127.0.0.1:1")
    tables.set(virtual_alias_maps=f"{bad}, {good}")
    tables.write()
    done = tables.run("diligence", "check", config_first=True, check=False)
    said = done.stdout + done.stderr
    assert f'virtual_alias_maps: {bad}: bad expansion_limit: "many"' in said, said
    assert "good.cf" not in said

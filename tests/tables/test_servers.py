"""Tables in the real MariaDB, PostgreSQL, OpenLDAP, memcached and Redis.

Asked by postmap, which speaks with the server itself; test_proxymap.py goes the way of a
running mail system. Covers S147, S149, S150, S156 for these types; of S307 the
users and groups in a directory.
"""

import pathlib

import pytest

from harness import postfix

from .servers import MariaDB, Memcached, OpenLDAP, PostgreSQL, Redis

TABLES = """
create table alias (name varchar(200), domain varchar(200), target varchar(200),
                    backup varchar(200));
insert into alias values
  ('chris', 'maison.mrs', 'chris@gw1.maison.mrs', null),
  ('liste', 'maison.mrs', 'chris@gw1.maison.mrs', 'sylvie@gw1.maison.mrs'),
  ('liste', 'maison.mrs', 'root@gw1.maison.mrs', ''),
  ('o''neil', 'maison.mrs', 'oneil', null),
  ('back\\slash', 'maison.mrs', 'slash', null),
  ('h\u00e9l\u00e8ne', 'maison.mrs', 'helene', null);
"""
QUERY = "SELECT target, backup FROM alias WHERE name = '%u' AND domain = '%d'"


@pytest.fixture(scope="module")
def mariadb():
    with MariaDB() as server:
        server.do("create database mail character set utf8mb4;"
                  "create user 'reader'@'%' identified by 'sesame';"
                  "grant select, execute on mail.* to 'reader'@'%';")
        server.do(TABLES.replace("\\", "\\\\"), "mail")
        server.do("delimiter //\n"
                  "create procedure find(in who varchar(200)) begin\n"
                  "  select target from alias where name = who; end //\n"
                  "create procedure silent(in who varchar(200)) begin\n"
                  "  set @x = who; end //\n"
                  "create procedure twice(in who varchar(200)) begin\n"
                  "  select 1; select 2; end //\n", "mail")
        yield server


@pytest.fixture(scope="module")
def postgresql():
    with PostgreSQL() as server:
        server.do("create role reader login password 'sesame'; create database mail;")
        server.do(TABLES + "grant select on alias to reader;"
                  "create function find(text) returns text as "
                  "$$ select target from alias where name = $1 $$ language sql;", "mail")
        yield server


@pytest.fixture(params=["mariadb", "postgresql"])
def sql(request, tables):
    """A function that writes a definition for one of the two servers."""
    server = request.getfixturevalue(request.param)
    kind = {"mariadb": "mysql", "postgresql": "pgsql"}[request.param]

    def define(name, **settings):
        everything = {"hosts": f"127.0.0.1:{server.port}", "user": "reader",
                      "password": "sesame", "dbname": "mail", "query": QUERY}
        everything.update(settings)
        return tables.definition(name, kind, **{k: v for k, v in everything.items() if v})

    define.server = server
    define.kind = kind
    return define


def test_sql_keys_and_values(sql, tables):
    table = sql("plain.cf")
    assert tables.get(table, "chris@maison.mrs") == "chris@gw1.maison.mrs"
    assert tables.get(table, "CHRIS@Maison.mrs") == "chris@gw1.maison.mrs"
    # All columns of all rows, empty ones left out.
    assert sorted(tables.get(table, "liste@maison.mrs").split(",")) == [
        "chris@gw1.maison.mrs", "root@gw1.maison.mrs", "sylvie@gw1.maison.mrs"]
    assert tables.get(table, "nobody@maison.mrs") is None
    # Nothing in a key becomes SQL.
    assert tables.get(table, "o'neil@maison.mrs") == "oneil"
    assert tables.get(table, "back\\slash@maison.mrs") == "slash"
    assert tables.get(table, "x' or '1'='1@maison.mrs") is None
    assert tables.get(table, "h\u00e9l\u00e8ne@maison.mrs") == "helene"
    # No user or no domain: the question is not asked.
    assert tables.get(table, "@maison.mrs") is None
    assert tables.get(table, "chris") is None


def test_sql_formats(sql, tables):
    table = sql("format.cf", result_format="%u at %d for %U in %1 100%%",
                query="SELECT target FROM alias WHERE name = '%u' AND domain = '%2.%1'")
    assert tables.get(table, "chris@maison.mrs") == "chris at gw1.maison.mrs for chris in mrs 100%"
    assert tables.get(table, "o'neil@maison.mrs") is None, "a result without domain is left out"
    bad = sql("bad.cf", query="SELECT '%x'")
    assert "unknown %x" in tables.get(bad, "a@b")


def test_sql_limits_and_domains(sql, tables):
    one = sql("one.cf", expansion_limit=1)
    assert tables.get(one, "chris@maison.mrs") == "chris@gw1.maison.mrs"
    assert "expansion_limit" in tables.get(one, "liste@maison.mrs")
    domains = sql("domain.cf", domain="example.com, inline:{maison.mrs=x}",
                  query="SELECT 'found' FROM alias WHERE name = 'chris'")
    assert tables.get(domains, "any@maison.mrs") == "found"
    for key in ("any@elsewhere.mrs", "@maison.mrs", "maison.mrs", "any"):
        assert tables.get(domains, key) is None


def test_sql_older_settings(sql, tables):
    table = sql("old.cf", query="", select_field="target", table="alias", where_field="name",
                additional_conditions="AND domain = 'maison.mrs'")
    assert tables.get(table, "chris") == "chris@gw1.maison.mrs"
    server = sql.server
    tables.set(old_hosts=f"127.0.0.1:{server.port}", old_user="reader", old_password="sesame",
               old_dbname="mail", old_query=QUERY)
    assert tables.get(f"{sql.kind}:old", "chris@maison.mrs") == "chris@gw1.maison.mrs"


def test_sql_failures_are_errors(sql, tables):
    """What cannot be asked is never "not found"."""
    wrong = sql("wrong.cf", query="SELECT nothing FROM nowhere")
    assert "query failed" in tables.get(wrong, "a@b")
    password = sql("password.cf", password="guess")
    assert f"connect to {sql.kind} server" in tables.get(password, "a@b.c")
    dead = sql("dead.cf", hosts="127.0.0.1:1")
    assert f"connect to {sql.kind} server 127.0.0.1:1" in tables.get(dead, "a@b.c")
    # One dead server of two does not matter.
    both = sql("both.cf", hosts=f"127.0.0.1:1 127.0.0.1:{sql.server.port}")
    for _ in range(3):
        done = tables.run("postmap", "-q", "chris@maison.mrs", both)
        assert done.stdout == "chris@gw1.maison.mrs\n"
    missing = tables.get(f"{sql.kind}:/no/such/file.cf", "a")
    assert "postmap: fatal: " in missing and "No such file or directory" in missing


def test_sql_intervals(sql, tables):
    """idle_interval and retry_interval are read, as times."""
    kept, short = sql("kept.cf"), sql("short.cf", idle_interval="0s", retry_interval="1s")
    for table in (kept, short):
        assert tables.get(table, "chris@maison.mrs") == "chris@gw1.maison.mrs"
    for name in ("idle_interval", "retry_interval"):
        assert f"bad {name}" in tables.get(sql("bad.cf", **{name: "soon"}), "chris@maison.mrs")


def test_sql_new_content_is_live(sql, tables):
    table = sql("live.cf")
    sql.server.do("insert into alias values ('new', 'maison.mrs', 'one', null);", "mail")
    assert tables.get(table, "new@maison.mrs") == "one"
    sql.server.do("update alias set target = 'two' where name = 'new';", "mail")
    assert tables.get(table, "new@maison.mrs") == "two"
    sql.server.do("delete from alias where name = 'new';", "mail")
    assert tables.get(table, "new@maison.mrs") is None


def test_mysql_socket_and_procedures(mariadb, tables):
    common = dict(hosts=f"unix:{mariadb.socket}", user="reader", password="sesame",
                  dbname="mail")
    find = tables.definition("find.cf", "mysql", query="CALL find('%u')", **common)
    assert tables.get(find, "chris@maison.mrs") == "chris@gw1.maison.mrs"
    silent = tables.definition("silent.cf", "mysql", query="CALL silent('%u')", **common)
    assert "no result set" in tables.get(silent, "chris@maison.mrs")
    quiet = tables.definition("quiet.cf", "mysql", query="CALL silent('%u')",
                              require_result_set="no", **common)
    assert tables.get(quiet, "chris@maison.mrs") is None
    twice = tables.definition("twice.cf", "mysql", query="CALL twice('%u')", **common)
    assert "multiple result sets" in tables.get(twice, "chris@maison.mrs")


def test_mysql_option_file(mariadb, tables):
    options = tables.file("my.cnf", "[mail]\nuser=reader\npassword=sesame\n")
    table = tables.definition("option.cf", "mysql", hosts=f"127.0.0.1:{mariadb.port}",
                              dbname="mail", option_file=options, option_group="mail",
                              query=QUERY)
    assert tables.get(table, "chris@maison.mrs") == "chris@gw1.maison.mrs"


def test_pgsql_addresses_and_functions(postgresql, tables):
    url = f"postgresql://reader:sesame@127.0.0.1:{postgresql.port}/mail?connect_timeout=5"
    table = tables.definition("url.cf", "pgsql", hosts=url, query=QUERY)
    assert tables.get(table, "chris@maison.mrs") == "chris@gw1.maison.mrs"
    function = tables.definition("function.cf", "pgsql", hosts=url, select_function="find")
    assert tables.get(function, "chris") == "chris@gw1.maison.mrs"


# --- directories ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def openldap():
    with OpenLDAP() as server:
        yield server


@pytest.fixture
def ldap(openldap, tables):
    def define(name, **settings):
        everything = {"server_host": f"ldap://127.0.0.1:{openldap.port}",
                      "search_base": openldap.suffix, "bind": "no",
                      "query_filter": "(description=%s)", "result_attribute": "mail"}
        everything.update(settings)
        return tables.definition(name, "ldap", **everything)

    define.server = openldap
    return define


def test_ldap_people(ldap, tables):
    table = ldap("people.cf")
    assert tables.get(table, "chris@alias.maison.mrs") == "chris@gw1.maison.mrs"
    assert tables.get(table, "gone@alias.maison.mrs") is None
    # Nothing in a key becomes a filter.
    assert tables.get(table, "*") is None
    assert tables.get(table, "x)(uid=*") is None
    port = ldap("port.cf", server_host="127.0.0.1", server_port=ldap.server.port,
                result_format="smtp:[%d]", query_filter="uid=%u", scope="sub")
    assert tables.get(port, "chris@any.where") == "smtp:[gw1.maison.mrs]"
    base = ldap("base.cf", search_base=f"uid=%u,ou=people,{ldap.server.suffix}", scope="base",
                query_filter="objectClass=*")
    assert tables.get(base, "sylvie@x") == "sylvie@gw1.maison.mrs"
    assert tables.get(base, "sylvie,ou=x@x") is None


def test_ldap_bind(ldap, tables):
    good = ldap("good.cf", bind="yes", bind_dn=ldap.server.manager,
                bind_pw=ldap.server.password)
    assert tables.get(good, "chris@alias.maison.mrs") == "chris@gw1.maison.mrs"
    bad = ldap("bad.cf", bind="simple", bind_dn=ldap.server.manager, bind_pw="guess")
    assert "Invalid credentials" in tables.get(bad, "chris@alias.maison.mrs")
    dead = ldap("dead.cf", server_host="127.0.0.1:1", timeout=2)
    assert "Can't contact LDAP server" in tables.get(dead, "chris@alias.maison.mrs")


@pytest.mark.skipif(not pathlib.Path("/usr/include/sasl/sasl.h").exists(), reason="built without Cyrus SASL")
def test_ldap_sasl(ldap, tables):
    """bind = sasl: the login name and word are bind_dn and bind_pw; mechanisms of Cyrus SASL."""
    who = {"bind": "sasl", "bind_dn": "chris", "server_host": f"ldap://localhost:{ldap.server.port}"}
    good = ldap("good.cf", **who, sasl_mechs="SCRAM-SHA-256", bind_pw="word of chris")
    assert tables.get(good, "sylvie@alias.maison.mrs") == "sylvie@gw1.maison.mrs"
    bad = ldap("bad.cf", **who, sasl_mechs="SCRAM-SHA-256", bind_pw="guess")
    assert "SASL bind: Invalid credentials" in tables.get(bad, "chris@alias.maison.mrs")
    other = ldap("other.cf", **who, sasl_mechs="CRAM-MD5", bind_pw="word of chris")
    assert tables.get(other, "chris@alias.maison.mrs") == "chris@gw1.maison.mrs"
    weak = ldap("weak.cf", **who, sasl_mechs="CRAM-MD5", bind_pw="word of chris", sasl_minssf="56")
    assert "SASL bind: " in tables.get(weak, "chris@alias.maison.mrs")
    none = ldap("none.cf", **who, sasl_mechs="NO-SUCH", bind_pw="x")
    assert "SASL bind: Unknown authentication method" in tables.get(none, "chris@alias.maison.mrs")


def test_ldap_groups(ldap, tables):
    """Members by name, the way of the manual: leaf and special attributes."""
    both = {"chris@gw1.maison.mrs", "sylvie@gw1.maison.mrs"}
    group = ldap("group.cf", special_result_attribute="member", leaf_result_attribute="mail",
                 result_attribute="")
    assert set(tables.get(group, "all@alias.maison.mrs").split(",")) == both
    assert tables.get(group, "chris@alias.maison.mrs") == "chris@gw1.maison.mrs"
    terminal = ldap("terminal.cf", special_result_attribute="member",
                    leaf_result_attribute="mail", terminal_result_attribute="cn",
                    result_attribute="")
    assert tables.get(terminal, "all@alias.maison.mrs") == "all"
    loop = ldap("loop.cf", special_result_attribute="member", recursion_limit=5)
    assert "recursion_limit" in tables.get(loop, "loop@alias.maison.mrs")
    few = ldap("few.cf", special_result_attribute="member", expansion_limit=1)
    assert "expansion_limit" in tables.get(few, "all@alias.maison.mrs")


def test_ldap_size_limit(ldap, tables):
    table = ldap("size.cf", size_limit=1, query_filter="objectClass=inetOrgPerson")
    assert "Size limit exceeded" in tables.get(table, "x")


# --- caches -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def memcached():
    with Memcached() as server:
        yield server


def test_memcache(memcached, tables):
    memcached.set("mail:chris@maison.mrs", "chris@gw1.maison.mrs")
    memcached.set("mail:big", "x" * 2000)
    table = tables.definition("cache.cf", "memcache", memcache=f"inet:127.0.0.1:{memcached.port}",
                              key_format="mail:%s", data_size_limit=1999)
    assert tables.get(table, "chris@maison.mrs") == "chris@gw1.maison.mrs"
    assert tables.get(table, "sylvie@maison.mrs") is None
    assert tables.get(table, "two words") is None
    assert "data_size_limit" in tables.get(table, "big")
    dead = tables.definition("dead.cf", "memcache", memcache="inet:127.0.0.1:1")
    assert "connect to inet:127.0.0.1:1: Connection refused" in tables.get(dead, "x")


def test_memcache_backup(memcached, tables):
    """What the cache does not have comes from the table behind it, and is in the cache then."""
    table = tables.definition("backup.cf", "memcache",
                              memcache=f"inet:127.0.0.1:{memcached.port}", key_format="b:%s",
                              backup="inline:{chris=behind}", ttl=100)
    assert tables.get(table, "chris") == "behind"
    assert "behind" in memcached.say("get b:chris\r\n")
    memcached.set("b:chris", "cached")
    assert tables.get(table, "chris") == "cached"
    assert tables.get(table, "sylvie") is None
    alone = tables.definition("alone.cf", "memcache", memcache="inet:127.0.0.1:1",
                              backup="inline:{chris=behind}")
    assert tables.run("postmap", "-q", "chris", alone).stdout == "behind\n"


@pytest.fixture(scope="module")
def redis():
    with Redis() as server:
        server.do("SET", "chris@maison.mrs", "chris@gw1.maison.mrs")
        server.do("HSET", "aliases", "sylvie", "sylvie@gw1.maison.mrs")
        server.do("RPUSH", "list:all", "one@a", "two@b")
        server.do("-n", "3", "SET", "chris@maison.mrs", "third")
        yield server


def test_redis(redis, tables):
    common = dict(server=f"inet:127.0.0.1:{redis.port}", password="sesame")
    plain = tables.definition("plain.cf", "redis", **common)
    assert tables.get(plain, "chris@maison.mrs") == "chris@gw1.maison.mrs"
    assert tables.get(plain, "nobody@maison.mrs") is None
    fields = tables.definition("fields.cf", "redis", command="HGET aliases %u",
                               result_format="%u", **common)
    assert tables.get(fields, "sylvie@maison.mrs") == "sylvie"
    members = tables.definition("list.cf", "redis", command="LRANGE list:%s 0 -1", **common)
    assert tables.get(members, "all") == "one@a,two@b"
    assert tables.get(members, "none") is None
    third = tables.definition("third.cf", "redis", database=3,
                              **{**common, "server": f"unix:{redis.directory}/redis.sock"})
    assert tables.get(third, "chris@maison.mrs") == "third"
    limited = tables.definition("limit.cf", "redis", command="LRANGE list:%s 0 -1",
                                expansion_limit=1, **common)
    assert "expansion_limit" in tables.get(limited, "all")


def test_redis_failures(redis, tables):
    common = dict(server=f"inet:127.0.0.1:{redis.port}")
    locked = tables.definition("locked.cf", "redis", **common)
    assert "NOAUTH" in tables.get(locked, "chris")
    guess = tables.definition("guess.cf", "redis", password="guess", **common)
    assert "WRONGPASS" in tables.get(guess, "chris")
    kind = tables.definition("kind.cf", "redis", password="sesame", command="GET list:%s",
                             **common)
    assert "WRONGTYPE" in tables.get(kind, "all")
    dead = tables.definition("dead.cf", "redis", server="inet:127.0.0.1:1")
    assert "Connection refused" in tables.get(dead, "chris")


# --- the same questions to the real postmap ---------------------------------------------------

KEYS = ["chris@maison.mrs", "CHRIS@MAISON.MRS", "liste@maison.mrs", "chris", "@maison.mrs",
        "maison.mrs", "o'neil@maison.mrs", "back\\slash@maison.mrs", "h\u00e9l\u00e8ne@maison.mrs",
        "a@b@maison.mrs", "chris@", "@", "x' or '1'='1@maison.mrs", "nobody@maison.mrs",
        "chris@sub.maison.mrs", "*@maison.mrs", "all@alias.maison.mrs",
        "chris@alias.maison.mrs", "chris)(uid=*@alias.maison.mrs"]

SQL_VARIANTS = {
    "format": {"result_format": "100%% <%s> %u %d %S %U %D %1 %2"},
    "digits": {"query": "SELECT target FROM alias WHERE name = '%u' AND domain = '%2.%1'"},
    "domain": {"domain": "maison.mrs, inline:{alias.maison.mrs=x}",
               "query": "SELECT '%3', name, target, backup FROM alias WHERE name = '%U'"},
}

LDAP_VARIANTS = {
    "user": {"query_filter": "uid=%u", "result_format": "%u at %d for %S",
             "result_attribute": "uid, mail", "domain": "maison.mrs, alias.maison.mrs"},
    "group": {"special_result_attribute": "member"},
    "terminal": {"special_result_attribute": "member", "leaf_result_attribute": "mail",
                 "terminal_result_attribute": "cn", "result_attribute": ""},
    "base": {"search_base": "uid=%u,ou=people,dc=maison,dc=mrs", "scope": "base",
             "query_filter": "objectclass=*"},
}


class Peer(postfix.Postfix):
    """The real Postfix, with its modules for these servers."""

    def __init__(self, directory):
        super().__init__(directory)
        self.modules = postfix.unpack("postfix-mysql", "postfix-pgsql", "postfix-ldap")

    def write(self):
        super().write()
        with open(self.config / "dynamicmaps.cf", "a", encoding="ascii") as maps:
            for kind in ("mysql", "pgsql", "ldap"):
                maps.write(f"{kind} {self.modules}/usr/lib/postfix/postfix-{kind}.so "
                           f"dict_{kind}_open\n")


@pytest.fixture
def peer(place):
    if not postfix.is_available():
        pytest.skip("Postfix needs root and its package")
    one = Peer(place / "p")
    if one.modules is None:
        pytest.skip("postfix-mysql and its kin cannot be downloaded")
    one.write()
    return one


def same_answers(peer, tables, table):
    """Both list the same answers, one line a key; errors end both, Postfix without what it
    had found before. Postfix 3.7 speaks latin1 with PostgreSQL, later ones and we UTF-8."""
    tables.write()
    keys = "".join(f"{key}\n" for key in KEYS if key.isascii() or not table.startswith("pgsql"))
    theirs = peer.run("postmap", "-q", "-", table, stdin=keys, check=False)
    ours = tables.run("postmap", "-q", "-", table, stdin=keys, check=False)
    assert ours.returncode == theirs.returncode, (ours.stderr, theirs.stderr)
    failed = "fatal" in theirs.stderr
    assert failed == ("fatal" in ours.stderr)
    assert failed or ours.stdout == theirs.stdout, (table, ours.stderr, theirs.stderr)
    return failed or theirs.stdout


@pytest.mark.parametrize("variant", SQL_VARIANTS)
def test_sql_as_postfix(sql, tables, peer, variant):
    assert same_answers(peer, tables, sql("same.cf", **SQL_VARIANTS[variant]))


@pytest.mark.parametrize("variant", LDAP_VARIANTS)
def test_ldap_as_postfix(ldap, tables, peer, variant):
    assert same_answers(peer, tables, ldap("same.cf", **LDAP_VARIANTS[variant]))


# --- through a running mail system -------------------------------------------------------------


def test_all_behind_proxymap(mariadb, postgresql, openldap, memcached, redis, tables):
    """Clients and their libraries in the locked daemon; mail is rewritten by what they say."""
    common = dict(user="reader", password="sesame", dbname="mail",
                  query="SELECT target FROM alias WHERE name = '%u' AND domain = '%d'")
    memcached.set("p:cache@maison.mrs", "c@gone.example")
    redis.do("SET", "redis@maison.mrs", "r@gone.example")
    named = {
        "chris@maison.mrs": tables.definition("my.cf", "mysql",
                                              hosts=f"127.0.0.1:{mariadb.port}", **common),
        "o'neil@maison.mrs": tables.definition("pg.cf", "pgsql",
                                               hosts=f"127.0.0.1:{postgresql.port}", **common),
        "sylvie@alias.maison.mrs": tables.definition(
            "ldap.cf", "ldap", server_host=f"127.0.0.1:{openldap.port}", bind="no",
            search_base=openldap.suffix, query_filter="description=%s", result_attribute="mail"),
        "cache@maison.mrs": tables.definition("mem.cf", "memcache", key_format="p:%s",
                                              memcache=f"inet:127.0.0.1:{memcached.port}"),
        "redis@maison.mrs": tables.definition("redis.cf", "redis", password="sesame",
                                              server=f"inet:127.0.0.1:{redis.port}"),
    }
    tables.set(virtual_alias_maps=", ".join(named.values()), default_transport="discard:x",
               proxy_read_maps=" ".join(f"proxy:{table}" for table in named.values()),
               proxy_write_maps=f"proxy:{named['redis@maison.mrs']}", ipc_idle="1s",
               virtual_alias_domains="maison.mrs alias.maison.mrs", mydestination="")
    expected = {"chris@maison.mrs": "chris@gw1.maison.mrs", "o'neil@maison.mrs": "oneil",
                "sylvie@alias.maison.mrs": "sylvie@gw1.maison.mrs",
                "cache@maison.mrs": "c@gone.example", "redis@maison.mrs": "r@gone.example"}
    with tables:
        for key, table in named.items():
            done = tables.run("postmap", "-q", key, f"proxy:{table}", check=False)
            assert done.stdout == expected[key] + "\n", (done.stderr, tables.log())
        queue_id = tables.send("x@y.z", ["chris@maison.mrs", "cache@maison.mrs",
                                         "redis@maison.mrs", "sylvie@alias.maison.mrs"])
        tables.wait_removed(queue_id)
        for final in ("chris@gw1.maison.mrs", "c@gone.example", "r@gone.example",
                      "sylvie@gw1.maison.mrs"):
            assert tables.log_lines(rf"{queue_id}: to=<{final}>, orig_to=")
        assert not tables.log_lines("lookup error|sandbox|killed")

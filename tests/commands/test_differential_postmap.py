"""postmap and postalias beside the real Postfix's: S140, S142, S147, S148, S160, S166, S167.

Both build, ask, change and list tables from the same texts. Index files themselves differ (LMDB here,
docs/decisions/0006-tables.md); what they answer must not.
"""

import json
import pathlib

import pytest

from commands.differential import Cases, Pair
from harness.postfix import is_available

pytestmark = pytest.mark.skipif(not is_available(), reason="needs root and the postfix package")

ACCESS = """\
# who may
isima.fr            RELAY
gargamel.isima.fr   OK
Chef@Boulout.net    REJECT
  continued text
"quoted key"  v1
dup  one
DUP  two
novalue
root chris # L'administrateur (moi)
root@gw1.maison.mrs both
"""
OTHER = "a b\n  leading x\nk  v \xe9\n"
ALIASES = """\
# aliases
root: chris, "|/bin/cmd x"
Postmaster: root
bad line
empty:
list: :include:/tmp/x, a@b
dup: a
dup: b
"""
PATTERNS = "/^Subject: x/ WARN\n/^([a-z]+)@x/ $1\n  /y/ z\n"
MESSAGE = """\
Subject: x
From: a
 b
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=zz

--zz
Content-Type: text/plain

body x
--zz
Content-Type: message/rfc822

Subject: x inner

inner body
--zz--
"""


def prepare(pair):
    pair.main_cf("compatibility_level = 3.6\nmyhostname = gw1.maison.mrs\n")
    pair.write("t", ACCESS)
    pair.write("t2", OTHER)
    pair.write("al", ALIASES)
    pair.write("re", PATTERNS)
    pair.write("f1", "file one\n")
    pair.write("f2", "file two\n")
    pair.write("ft", "k f1\nk2 f1, f2\n")
    pair.write("ft3", "k f1\nk3 nofile\n")


def m(*arguments, stdin=None):
    return ("postmap", list(arguments), stdin)


def a(*arguments, stdin=None):
    return ("postalias", list(arguments), stdin)


def q(table, key, *options):
    return m(*options, "-q", key, table)


BUILD = m("hash:t")
ABUILD = a("hash:al")
CASES = [
    (BUILD,),
    (m("t"), q("t", "isima.fr")),
    (BUILD, q("hash:t", "CHEF@boulout.net"), q("hash:t", "nokey"), q("hash:t", "quoted key"),
     q("hash:t", "root"), q("hash:t", "root@gw1.maison.mrs")),
    (m("btree:t"), q("btree:t", "isima.fr")),
    (m("-f", "hash:t"), q("hash:t", "Chef@Boulout.net"), q("hash:t", "Chef@Boulout.net", "-f")),
    (BUILD, m("-q", "-", "hash:t", stdin="isima.fr\nx\nChef@Boulout.net\n")),
    (BUILD, m("-q", "-", "hash:t", stdin="x\n")),
    (BUILD, m("-d", "dup", "hash:t"), q("hash:t", "dup"), m("-d", "dup", "hash:t")),
    (BUILD, m("-d", "-", "hash:t", stdin="dup\nisima.fr\nzzz\n"), q("hash:t", "isima.fr")),
    (BUILD, m("-i", "hash:t", stdin="new x\nisima.fr again\n"), q("hash:t", "new"), q("hash:t", "isima.fr")),
    (BUILD, m("-ir", "hash:t", stdin="isima.fr again\n"), q("hash:t", "isima.fr")),
    (BUILD, m("-iw", "hash:t", stdin="isima.fr again\n"), q("hash:t", "isima.fr")),
    (m("-i", "hash:nofile", stdin="a b\n"), q("hash:nofile", "a")),
    (m("-r", "hash:t"), q("hash:t", "dup")),
    (m("-w", "hash:t"), q("hash:t", "dup")),
    (m("hash:t2"), q("hash:t2", "k")),
    (m("-u", "hash:t2"), q("hash:t2", "a")),
    (m("-p", "hash:t"),),
    (m("-o", "hash:t"),),
    (m("-N", "hash:t"), q("hash:t", "dup")),
    (m("-n", "hash:t"), q("hash:t", "dup")),
    (m("hash:t", "hash:t2"), m("-q", "a", "hash:t", "hash:t2")),
    (m("hash:nofile"),), (m("-d", "x", "hash:nofile"),), (m("bogus:t"),),
    (m("regexp:re"),), (m("-s", "regexp:re"),), (m("-d", "x", "regexp:re"),),
    (q("regexp:re", "Subject: x"),), (q("pcre:re", "joe@x"),), (q("regexp:re", "none"),),
    (q("texthash:t", "isima.fr"), q("texthash:t", "DUP")),
    (q("inline:{a=b, {c = d e}}", "a"), q("inline:{a=b, {c = d e}}", "c"), q("inline:{a=b}", "z")),
    (q("static:x y", "k"), q("static:{x y}", "k")),
    (q("pipemap:{inline:{a=b},inline:{b=c}}", "a"), q("unionmap:{static:a,static:b}", "a"), q("randmap:{x}", "a")),
    (q("unix:passwd.byname", "uucp"), q("unix:group.byname", "uucp"), q("unix:passwd.byname", "nosuch")),
    (q("environ:x", "TZ", "-f"), q("environ:x", "TZ"), q("environ:x", "NOSUCH", "-f")),
    (m(),), (m("-q", "a", "-s", "t"),), (m("-b", "t"),), (m("-h", "-q", "a", "t"),), (m("-d", "a", "-q", "b", "t"),),
    (m("-Z", "t"),),
    *[(m(*options, "-q", "-", table, stdin=MESSAGE),) for table in ("regexp:re", "static:X")
      for options in (["-h"], ["-b"], ["-h", "-b"], ["-hm"], ["-bm"], ["-hbm"], ["-hU"])],
    (m("-F", "hash:ft"), q("hash:ft", "k"), q("hash:ft", "k2", "-F"), m("-F", "-q", "-", "hash:ft", stdin="k\nk2\n")),
    (m("-F", "hash:ft3"), q("hash:ft3", "k", "-F")),
    (ABUILD, a("-q", "ROOT", "hash:al"), a("-q", "list", "hash:al"), a("-q", "empty", "hash:al")),
    (ABUILD, a("-q", "-", "hash:al", stdin="root\nx\nDup\n")),
    (ABUILD, a("-d", "root", "hash:al"), a("-q", "root", "hash:al")),
    (ABUILD, a("-d", "-", "hash:al", stdin="root\ndup\n"), a("-q", "dup", "hash:al")),
    (ABUILD, a("-i", "hash:al", stdin="new: x\nroot: y\n"), a("-q", "root", "hash:al"), a("-q", "new", "hash:al")),
    (a("-r", "hash:al"), a("-q", "dup", "hash:al")),
    (a("-w", "hash:al"), a("-q", "dup", "hash:al")),
    (a("-f", "hash:al"), a("-f", "-q", "Postmaster", "hash:al")),
    (a("hash:nofile"),), (a("-d", "-", "hash:al", stdin="root\n"),), (a("regexp:re"),), (a(),), (a("-b", "x"),),
    (a("-q", "a", "inline:{a=b}"),), (a("-N", "hash:al"), a("-q", "root", "hash:al")),
]


def name_of(case):
    return ", ".join(f"{command} {' '.join(arguments)}" for command, arguments, _ in case)


@pytest.fixture(scope="module")
def cases():
    all_of_them = Cases(prepare, CASES)
    yield all_of_them
    all_of_them.close()


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_S166_S167_as_postfix(cases, case):
    cases.compare(case)


@pytest.fixture
def pair(place):
    both = Pair(place / "etc")
    prepare(both)
    return both


@pytest.mark.parametrize("command, table", [("postmap", "t"), ("postalias", "al")])
def test_S166_S167_listing(pair, command, table):
    """-s: the same lines; the order is the index's own.  "@" and YP_ keys are for NIS, which is no more."""
    listed = []
    for side in (pair.theirs, pair.ours):
        side(command, f"hash:{table}")
        lines = side(command, "-s", f"hash:{table}").stdout.splitlines()
        listed.append(sorted(line for line in lines if not line.startswith(("@", "YP_"))))
        (pair.directory / f"{table}.db").unlink()
    assert listed[0] == listed[1] and len(listed[0]) > 2


@pytest.mark.parametrize("spec", ["hash:nofile", "bogus:t", "fail:x"])
def test_failing_tables(pair, spec):
    """The status is Postfix's; the reason is told once more as a warning, with the table's name."""
    theirs, ours = (side("postmap", "-q", "x", spec) for side in (pair.theirs, pair.ours))
    assert (theirs.returncode, theirs.stdout) == (ours.returncode, ours.stdout) == (1, "")
    assert "fatal: " in theirs.stderr and "fatal: " in ours.stderr


def test_json(pair):
    """-j (Postfix 3.11)."""
    pair.ours("postmap", "hash:t")
    assert json.loads(pair.ours("postmap", "-jq", "isima.fr", "hash:t").stdout) == {"isima.fr": "RELAY"}
    listed = [json.loads(line) for line in pair.ours("postmap", "-js", "hash:t").stdout.splitlines()]
    assert {"quoted key": "v1"} in listed or {'"quoted key"': "v1"} in listed
    pair.ours("postalias", "hash:al")
    assert json.loads(pair.ours("postalias", "-jq", "root", "hash:al").stdout) == {"root": 'chris, "|/bin/cmd x"'}


def test_S156_the_index_is_replaced_whole(pair):
    """A reader keeps the table that it has open; the new one is another file, under the same name."""
    pair.ours("postmap", "hash:t")
    index = pathlib.Path(pair.directory / "t.db")
    with index.open("rb") as reader:
        before = reader.read()
        pair.write("t", "isima.fr OK\n")
        pair.ours("postmap", "hash:t")
        reader.seek(0)
        assert reader.read() == before
        assert index.stat().st_ino != pathlib.Path(f"/proc/self/fd/{reader.fileno()}").stat().st_ino
    assert pair.ours("postmap", "-q", "isima.fr", "hash:t").stdout == "OK\n"
    assert [p.name for p in pair.directory.glob("t.db*")] == ["t.db"]

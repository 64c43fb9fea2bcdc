"""hash: and btree: files that the real Postfix made, read by Diligence without a word lost.

Covers S140, S143, S156.
"""

import os
import shutil
import time

import pytest

from harness import postfix

pytestmark = pytest.mark.skipif(not postfix.is_available(),
                                reason="Postfix needs root and its package")


@pytest.fixture
def peer(place):
    return postfix.Postfix(place / "p")


def entries(tables, table):
    """What postmap -s lists."""
    lines = tables.run("postmap", "-s", table).stdout.splitlines()
    return dict(line.split("\t", 1) for line in lines)


@pytest.mark.parametrize("kind", ["hash", "btree"])
def test_files_of_berkeley_db(peer, tables, kind):
    expected = {f"user{i}@maison.mrs": f"target{i}@gw1.maison.mrs" for i in range(3000)}
    expected["long@maison.mrs"] = ",".join(f"member{i}@maison.mrs" for i in range(1200))
    text = "".join(f"{key} {value}\n" for key, value in expected.items())
    peer.write()
    path = peer.file("access", text)
    peer.run("postmap", f"{kind}:{path}")
    # Entries that the text does not have, and one that it has no longer.
    peer.run("postmap", "-i", f"{kind}:{path}", stdin="Added@maison.mrs by hand\n")
    peer.run("postmap", "-d", "user7@maison.mrs", f"{kind}:{path}")
    del expected["user7@maison.mrs"]
    expected["added@maison.mrs"] = "by hand"
    tables.write()
    table = f"{kind}:{path}"
    assert entries(tables, table) == expected
    assert tables.run("postmap", "-q", "ADDED@maison.mrs", table).stdout == "by hand\n"
    assert "access.db is a Berkeley DB file of 3001 entries" in tables.log() + \
        tables.run("postmap", "-q", "x", table, check=False).stderr
    # Rebuilt in our form: the words of the text.
    tables.run("postmap", table)
    del expected["added@maison.mrs"]
    expected["user7@maison.mrs"] = "target7@gw1.maison.mrs"
    assert entries(tables, table) == expected


def test_aliases_and_stale_files(peer, tables):
    peer.write()
    path = peer.file("aliases", "root: chris, \"|/bin/false\"\nliste: chris,\n sylvie\n")
    peer.run("postalias", f"hash:{path}")
    tables.set(alias_maps=f"hash:{path}", alias_database=f"hash:{path}")
    tables.write()
    assert entries(tables, f"hash:{path}")["liste"] == "chris, sylvie"
    assert tables.run("postalias", "-q", "root", f"hash:{path}").stdout == \
        'chris, "|/bin/false"\n'
    # The text was changed and postalias forgotten: as with Postfix the index counts, and
    # the log says so.
    path.write_text("root: sylvie\n")
    later = time.time() + 10
    os.utime(path, (later, later))
    stale = tables.run("postalias", "-q", "root", f"hash:{path}")
    assert stale.stdout == 'chris, "|/bin/false"\n'
    assert f"database {path}.db is older than source file {path}" in stale.stderr
    tables.run("newaliases")
    assert tables.run("postalias", "-q", "root", f"hash:{path}").stdout == "sylvie\n"


def test_damaged_file_gives_way_to_its_text(peer, tables):
    peer.write()
    path = peer.file("access", "".join(f"key{i} value{i}\n" for i in range(100)))
    peer.run("postmap", f"hash:{path}")
    data = bytearray(path.with_name("access.db").read_bytes())
    for at in range(4096, len(data), 64):
        data[at:at + 64] = b"\xff" * 64
        data[at + 25:at + 26] = b"\x0d"
    path.with_name("access.db").write_bytes(data)
    tables.write()
    done = tables.run("postmap", "-q", "key7", f"hash:{path}")
    assert done.stdout == "value7\n"


def test_cache_of_postfix_is_taken_over(peer, tables):
    """address_verify_map as Postfix's manual has it, with what Postfix has learnt: nothing is asked again."""
    peer.write()
    now = int(time.time())
    path = peer.file("verified", f"good@far.test 0:0:{now}:it was good\nbad@far.test 1:0:{now}:no such user\n")
    peer.run("postmap", f"btree:{path}")
    cache = tables.directory / "data" / "verified.db"
    tables.set(address_verify_map="proxy:btree:$data_directory/verified", default_transport="discard",
               smtpd_recipient_restrictions="reject_unverified_recipient").write()
    shutil.copy(path.with_name("verified.db"), cache)
    shutil.chown(cache, "nobody")
    with tables:
        replies = tables.dialogue("EHLO x", "MAIL FROM:<>", "RCPT TO:<good@far.test>", "RCPT TO:<bad@far.test>")
        assert replies[3].startswith("250 ") and "unverified address: no such user" in replies[4], replies
        assert tables.wait_log("verify.* 2 entries taken over from Berkeley DB, now .*verified.db.berkeley")
        assert not tables.log_lines("double-bounce")

"""postmap and postalias: the commands themselves, as scripts and administrators call them."""

import os

ACCESS = """\
# who may
isima.fr            RELAY
gargamel.isima.fr   OK
Chef@Boulout.net    REJECT
"""


def test_build_query_list(instance):
    spec = instance.table("access", ACCESS)
    assert (instance.config / "access.db").exists()
    assert instance.run("postmap", "-q", "chef@boulout.net", spec).stdout == "REJECT\n"
    missing = instance.run("postmap", "-q", "nobody", spec, check=False)
    assert (missing.returncode, missing.stdout) == (1, "")
    listed = instance.run("postmap", "-s", spec).stdout.splitlines()
    assert sorted(listed) == ["chef@boulout.net\tREJECT", "gargamel.isima.fr\tOK",
                              "isima.fr\tRELAY"]
    many = instance.run("postmap", "-q", "-", spec, stdin="isima.fr\nx\nChef@Boulout.net\n")
    assert many.stdout == "isima.fr\tRELAY\nChef@Boulout.net\tREJECT\n"


def test_default_type_and_relative_names(instance):
    instance.set(default_database_type="lmdb").write()
    instance.file("access", ACCESS)
    here = os.getcwd()
    os.chdir(instance.config)
    try:
        instance.run("postmap", "access")
        assert (instance.config / "access.lmdb").exists()
        assert instance.run("postmap", "-q", "isima.fr", "access").stdout == "RELAY\n"
        assert instance.run("postmap", "-q", "isima.fr", "texthash:access").stdout == "RELAY\n"
    finally:
        os.chdir(here)


def test_change_in_place(instance):
    spec = instance.table("access", ACCESS)
    instance.run("postmap", "-i", spec, stdin="new.org OK\nisima.fr again\n")
    assert instance.run("postmap", "-q", "new.org", spec).stdout == "OK\n"
    assert instance.run("postmap", "-q", "isima.fr", spec).stdout == "RELAY\n"
    done = instance.run("postmap", "-i", "-r", spec, stdin="isima.fr again\n")
    assert done.stderr == ""
    assert instance.run("postmap", "-q", "isima.fr", spec).stdout == "again\n"
    instance.run("postmap", "-d", "isima.fr", spec)
    assert instance.run("postmap", "-q", "isima.fr", spec, check=False).returncode == 1
    assert instance.run("postmap", "-d", "isima.fr", spec, check=False).returncode == 1
    assert sorted(p.name for p in instance.config.iterdir()) == [
        "access", "access.db", "main.cf", "master.cf"]


def test_s160_t2_leading_space_is_told(instance):
    """S160, T2: the line of header_checks that was shown with leading blanks is passed over."""
    instance.write()
    path = instance.file("header_checks", "  /^Received:*/ IGNORE\n/^Subject: x/ WARN\n")
    done = instance.run("postmap", "-q", "Subject: x", f"regexp:{path}")
    assert done.stdout == "WARN\n"
    assert f"{path}, line 1: logical line must not start with whitespace" in done.stderr


def test_t1_comment_behind_a_value(instance):
    """T1: "#" behind a value is part of the value, as postmap -q shows."""
    spec = instance.table("sender_canonical",
                          "root christian.caleca@free.fr # L'administrateur (moi)\n")
    assert instance.run("postmap", "-q", "root", spec).stdout == \
        "christian.caleca@free.fr # L'administrateur (moi)\n"


def test_t9_postmap_on_patterns(instance):
    """T9: making an index of a file of patterns does no harm."""
    instance.table("header_checks", "/^Subject: x/ WARN\n")
    path = instance.config / "header_checks"
    assert instance.run("postmap", "-q", "Subject: x", f"regexp:{path}").stdout == "WARN\n"
    done = instance.run("postmap", f"regexp:{path}", check=False)
    assert done.returncode == 1
    assert "unsupported dictionary type: regexp does not support bulk-mode creation" in done.stderr


def test_message_queries(instance):
    instance.write()
    path = instance.file("checks", "/^subject:.*folded/ HEAD\n/^body/ BODY\n")
    message = "Subject: a\n folded line\nX: y\n\nbody 1\nno\n"
    done = instance.run("postmap", "-h", "-q", "-", f"pcre:{path}", stdin=message)
    assert done.stdout == "Subject: a\n folded line\tHEAD\n"
    done = instance.run("postmap", "-b", "-q", "-", f"pcre:{path}", stdin=message)
    assert done.stdout == "body 1\tBODY\n"


def test_aliases(instance):
    spec = instance.table("aliases", 'Root: chris\n"a b": |"/bin/x y"\nno colon\n')
    assert instance.run("postalias", "-q", "root", spec).stdout == "chris\n"
    assert sorted(instance.run("postalias", "-s", spec).stdout.splitlines()) == [
        '"a b":\t|"/bin/x y"', "root:\tchris"]


def test_permissions_follow_the_text(instance):
    instance.write()
    path = instance.file("sasl_passwd", "host user:secret\n", mode=0o600)
    instance.run("postmap", f"hash:{path}")
    assert (instance.config / "sasl_passwd.db").stat().st_mode & 0o777 == 0o600
    instance.run("postmap", "-p", f"hash:{path}")
    assert (instance.config / "sasl_passwd.db").stat().st_mode & 0o777 == 0o644


def test_unknown_option(instance):
    instance.write()
    path = instance.file("access", ACCESS)
    done = instance.run("postmap", "-Z", f"hash:{path}", check=False)
    assert done.returncode == 1 and "usage: postmap" in done.stderr

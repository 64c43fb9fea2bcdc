"""Reload keeps what works, and rollback goes back to it (S139, S161, S162)."""

import os
import re
import socket
import time

import pytest

from harness.instance import free_port, wait_until


@pytest.fixture
def running(instance):
    return instance.set(alias_maps=instance.table("aliases", "postmaster: root\n")).start()


def word(instance, *words):
    return instance.run("diligence", *words, config_first=True, check=False)


def edit(instance, text):
    """Append TEXT to main.cf, as a postmaster with an editor does."""
    with open(instance.config / "main.cf", "a", encoding="utf-8") as file:
        file.write(text)


def greeting(instance):
    return instance.dialogue()[0]


def wait_greeting(instance, text):
    end = time.monotonic() + 10
    while text not in greeting(instance):
        assert time.monotonic() < end, greeting(instance)
        time.sleep(0.02)


def test_S162_reload_with_a_slip_changes_nothing(running):
    edit(running, "smtpd_banner = $myhostname ESMTP new\nthis line is broken\n")
    done = word(running, "reload")
    assert done.returncode == 1
    assert "main.cf:" in done.stderr and "missing '=' after attribute name" in done.stderr
    assert "error: reload refused, 1 error: nothing has changed" in done.stderr
    assert "ESMTP Postfix" in greeting(running)
    assert not running.log_lines("reload -- version|refreshing")
    # The words that help out of it still work.
    assert word(running, "status").returncode == 0
    assert word(running, "check").returncode == 1
    assert word(running, "rollback").returncode == 0
    assert "broken" not in (running.config / "main.cf").read_text()
    running.wait_log("reload -- version")
    assert "this line is broken" in (running.directory / "data" / "configurations" / "undone" / "main.cf").read_text()


@pytest.mark.parametrize("text, words", [
    ("maximal_queue_lifetime = soon\n", "maximal_queue_lifetime"),
    ("smtpd_relay_restrictions = permit\n", "open relay"),
    ("smtpd_helo_restrictions = reject_invalid_hlo\n", "unknown restriction"),
])
def test_reload_refuses_what_programs_would_not_start_with(running, text, words):
    edit(running, text)
    done = word(running, "reload")
    assert done.returncode == 1 and words in done.stderr and "reload refused" in done.stderr
    assert "220" in greeting(running)


def test_T4_S161_reload_refuses_a_missing_table_and_names_the_near_one(running):
    running.file("header_checks", "/^X-Odd:/ IGNORE\n")
    edit(running, f"header_checks = regexp:{running.config}/headers_checks\n")
    done = word(running, "reload")
    assert done.returncode == 1
    assert f"there is a file {running.config}/header_checks, is that the one?" in done.stderr
    word(running, "rollback")
    edit(running, f"header_checks = regexp:{running.config}/header_checks\n")
    assert word(running, "reload").returncode == 0


def test_table_that_was_missing_all_along_does_not_stop_a_reload(instance):
    instance.set(transport_maps=f"hash:{instance.config}/nowhere").start()
    edit(instance, "smtpd_banner = $myhostname ESMTP new\n")
    assert word(instance, "reload").returncode == 0
    wait_greeting(instance, "ESMTP new")


def test_S139_rollback_goes_back_step_by_step(running):
    for step in ("one", "two"):
        edit(running, f"smtpd_banner = $myhostname ESMTP {step}\n")
        assert word(running, "reload").returncode == 0
        wait_greeting(running, f"ESMTP {step}")
    lines = word(running, "rollback", "--list").stdout.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("3  ") and lines[0].endswith("as it is now")
    assert lines[2].startswith("1  ") and lines[2].endswith("main.cf differs")
    assert word(running, "rollback").returncode == 0
    wait_greeting(running, "ESMTP one")
    assert word(running, "rollback").returncode == 0
    wait_greeting(running, "ESMTP Postfix")
    done = word(running, "rollback")
    assert done.returncode == 1 and "no earlier configuration is kept" in done.stderr


def test_rollback_to_a_number_and_master_cf(running):
    first = (running.config / "master.cf").read_text()
    with open(running.config / "master.cf", "a", encoding="utf-8") as file:
        file.write("slow unix - - n - 1 smtp\n")
    os.chmod(running.config / "master.cf", 0o640)
    assert word(running, "reload").returncode == 0
    assert word(running, "rollback", "--list").stdout.splitlines()[1].endswith("master.cf differs")
    assert word(running, "rollback", "7").returncode == 1
    assert word(running, "rollback", "nonsense").returncode == 1
    assert word(running, "rollback", "1").returncode == 0
    assert (running.config / "master.cf").read_text() == first
    assert (running.config / "master.cf").stat().st_mode & 0o777 == 0o640


def test_rollback_waits_for_master_and_tells_what_it_says(running):
    """When it returns the configuration is in force; a port that was taken meanwhile is told."""
    port = free_port()
    master = running.config / "master.cf"
    plain = master.read_text()
    master.write_text(plain + f"127.0.0.1:{port} inet n - n - - smtpd\n")
    edit(running, "smtpd_banner = $myhostname ESMTP with\n")
    assert word(running, "reload").returncode == 0
    master.write_text(plain)
    edit(running, "smtpd_banner = $myhostname ESMTP without\n")
    assert word(running, "reload").returncode == 0
    wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) != 0, "the port to be free")
    with socket.create_server(("127.0.0.1", port)):
        done = word(running, "rollback")
        assert done.returncode == 1 and re.search(r"error: rollback: .*already in use.*the running system goes on",
                                                  done.stderr), done.stderr
    assert word(running, "reload").returncode == 0
    assert word(running, "rollback").returncode == 0
    assert len(running.log_lines(r"master\[\d+\]: reload -- version")) == 4


def test_tables_are_kept_with_the_configuration(running):
    """Those beside main.cf: a rollback brings back what is gone, and tells what differs."""
    for name, text in (("access", "a OK\n"), ("canonical", "b c\n"), ("other", "not named\n")):
        running.file(name, text, 0o640)
    running.file("large", "x y\n" * 300000)
    edit(running, f"smtpd_client_restrictions = check_client_access texthash:{running.config}/access\n"
         f"canonical_maps = texthash:$config_directory/canonical, texthash:{running.config}/large\n")
    assert word(running, "reload").returncode == 0
    kept = running.directory / "data" / "configurations" / "2" / "tables"
    assert sorted(path.name for path in kept.iterdir()) == ["access", "aliases", "canonical"]
    edit(running, "smtpd_client_restrictions =\ncanonical_maps =\n")
    assert word(running, "reload").returncode == 0
    (running.config / "access").unlink()
    running.file("canonical", "b d\n")
    done = word(running, "rollback")
    assert done.returncode == 0 and f"{running.config}/access was gone and is there again" in done.stderr
    assert f"{running.config}/canonical is not as it was then; that text is in {kept}" in done.stderr
    assert (running.config / "access").read_text() == "a OK\n"
    assert (running.config / "access").stat().st_mode & 0o777 == 0o640
    assert (running.config / "canonical").read_text() == "b d\n" and (kept / "canonical").read_text() == "b c\n"
    assert not (kept.parent.parent / "3").exists()


def test_history_is_bounded(running):
    for number in range(12):
        edit(running, f"# change {number}\n")
        assert word(running, "reload").returncode == 0
    lines = word(running, "rollback", "--list").stdout.splitlines()
    assert len(lines) == 10 and lines[0].startswith("13  ") and lines[-1].startswith("4  ")


@pytest.mark.skipif(os.getuid() != 0, reason="as root only")
def test_history_that_belongs_to_the_mail_owner_is_not_used(running):
    """Whoever has mail_owner's rights must not choose what root puts into main.cf."""
    kept = running.directory / "data" / "configurations"
    assert kept.stat().st_uid == 0 and kept.stat().st_mode & 0o777 == 0o700
    edit(running, "# change\n")
    os.chown(kept, 65534, 65534)
    done = word(running, "rollback")
    assert done.returncode == 1 and "no earlier configuration" in done.stderr
    done = word(running, "reload")
    assert done.returncode == 0 and "belongs to somebody else" in done.stderr


def test_reload_that_master_cannot_take_up_is_refused_and_not_kept(running):
    """A port that is taken: only what is in force counts as good."""
    with socket.create_server(("127.0.0.1", free_port())) as other:
        port = other.getsockname()[1]
        with open(running.config / "master.cf", "a", encoding="utf-8") as file:
            file.write(f"127.0.0.1:{port} inet n - n - - smtpd\n")
        done = word(running, "reload")
        assert done.returncode == 1
        assert re.search(rf"error: reload: .*{port}.*Address already in use.*the old configuration stays in force",
                         done.stderr), done.stderr
        assert len(word(running, "rollback", "--list").stdout.splitlines()) == 1
        assert "220" in greeting(running)
    assert word(running, "reload").returncode == 0
    assert len(word(running, "rollback", "--list").stdout.splitlines()) == 2


def test_S162_local_mail_with_a_broken_main_cf_may_be_tried_again(running):
    """Status 75 and a clear text, never a lost message (docs/decisions/0007)."""
    whole = (running.config / "main.cf").read_text()
    edit(running, "this line is broken\n")
    for command, words in (("sendmail", ["root"]), ("postdrop", [])):
        done = running.run(command, *words, stdin="Subject: x\n\nx\n", check=False)
        assert done.returncode == 75, done.stderr
        assert re.search(r"fatal: .*main\.cf.*missing '=' after attribute name.*nothing was sent, try again later",
                         done.stderr), done.stderr
    (running.config / "main.cf").write_text(whole)
    assert running.run("sendmail", "root", stdin="Subject: x\n\nx\n", check=False).returncode == 0

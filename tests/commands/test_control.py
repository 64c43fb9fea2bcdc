"""diligence (postfix): start, stop and the state of an instance."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest

from harness.instance import STAGE, wait_until


def control(instance, word, **options):
    return instance.run("diligence", word, config_first=True, check=False, **options)


def test_S163_words_and_statuses(instance):
    instance.write()
    assert control(instance, "status").returncode == 1
    assert control(instance, "stop").returncode == 1
    assert control(instance, "reload").returncode == 1
    assert control(instance, "abort").returncode == 1
    instance.start()
    assert control(instance, "start").returncode == 1
    done = control(instance, "status")
    assert done.returncode == 0
    pid = (instance.queue / "pid" / "master.pid").read_text().strip()
    assert done.stderr == f"postfix/postfix-script: the Postfix mail system is running: PID: {pid}\n"
    assert control(instance, "flush").returncode == 0
    assert control(instance, "reload").returncode == 0
    instance.wait_log("postfix/master.*reload -- version")
    assert control(instance, "stop").returncode == 0
    assert control(instance, "status").returncode == 1
    status = pathlib.Path(f"/proc/{pid}/status")
    assert not status.exists() or "State:\tZ" in status.read_text()
    assert instance.log_lines(r"postfix/postfix-script\[\d+\]: stopping the Postfix mail system")
    assert control(instance, "nonsense").returncode == 1


def test_abort_ends_at_once(instance):
    instance.start()
    begun = time.monotonic()
    assert control(instance, "abort").returncode == 0
    assert time.monotonic() - begun < 3
    assert control(instance, "status").returncode == 1


def test_first_message_soon_after_start(instance):
    """Start to the first accepted message; generous, since tests run with sanitizers."""
    instance.set(mydestination="", relay_domains="a.test", default_transport="discard",
                 relay_transport="discard").write()
    begun = time.monotonic()
    assert control(instance, "start").returncode == 0
    instance.running = True
    instance.send("x@b.test", "y@a.test")
    assert time.monotonic() - begun < 3


def test_start_fg_logs_to_stdout(instance):
    instance.set(maillog_file="/dev/stdout", maillog_file_prefixes="/dev/stdout").write()
    process = subprocess.Popen([STAGE / "bin" / "diligence", "-c", instance.config, "start-fg"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        wait_until(instance.accepts, "the port")
        with socket.create_connection((instance.address, instance.port), 5) as client:
            client.recv(100)
    finally:
        assert control(instance, "stop").returncode == 0
        text, _ = process.communicate(timeout=20)
    assert "daemon started" in text and "connect from" in text and "terminating on signal 15" in text


def test_directories_are_made_with_postfix_modes(instance):
    instance.write()
    control(instance, "check")
    modes = {path.name: path.stat().st_mode & 0o7777 for path in instance.queue.iterdir()}
    assert modes["maildrop"] == 0o1730 and modes["public"] == 0o710 and modes["pid"] == 0o755
    for name in ("active bounce corrupt defer deferred flush hold incoming private saved trace").split():
        assert modes[name] == 0o700, name


def test_check_tells_wrong_rights(instance):
    instance.write()
    control(instance, "check")
    (instance.queue / "incoming").chmod(0o777)
    assert f"group or other writable: {instance.queue}/incoming" in control(instance, "check").stderr
    (instance.queue / "incoming").chmod(0o700)
    assert "writable" not in control(instance, "check").stderr


@pytest.mark.skipif(os.getuid() != 0, reason="as root only")
def test_S120_set_permissions(instance, tmp_path):
    """Set-gid commands and directories: told when wrong, and put right."""
    stage = tmp_path / "stage"
    shutil.copytree(STAGE, stage, symlinks=True)
    instance.write()

    def staged(word):
        return subprocess.run([stage / "bin" / "diligence", "-c", instance.config, word], check=True,
                              capture_output=True, text=True, timeout=20).stderr

    text = staged("check")
    assert f"not set-gid or not owner+group+world executable: {stage}/bin/postdrop" in text
    (instance.queue / "incoming").chmod(0o777)
    staged("set-permissions")
    assert (stage / "bin" / "postdrop").stat().st_mode & 0o7777 == 0o2755
    assert (instance.queue / "incoming").stat().st_mode & 0o7777 == 0o700
    text = staged("check")
    assert "set-gid" not in text and "writable" not in text


def test_S137_check_tells_misspelt_parameters(instance):
    instance.set(Myhostname="x.y")
    instance.write()
    text = control(instance, "check").stderr
    assert "Myhostname" in text and "`myhostname'" in text or "myhostname" in text.replace("Myhostname", "")


def test_S161_check_proposes_the_near_file(instance):
    table = instance.file("headers_checks", "/^x/ IGNORE\n")
    instance.set(header_checks=f"regexp:{table.parent}/header_checks").write()
    text = control(instance, "check").stderr
    assert "header_checks" in text and f"there is a file {table}" in text


def test_S108_unknown_command_in_master_cf(instance):
    instance.extra_services = "odd unix - - n - - nosuchthing\n"
    instance.write()
    done = control(instance, "start")
    assert done.returncode == 1
    assert re.search(r"master.cf:\d+: service odd: unknown command: nosuchthing", done.stderr)
    assert "mail system startup failed" in done.stderr


def test_S109_S110_directories_of_a_real_postfix(instance):
    """daemon_directory and command_directory may still name the old mail system."""
    instance.set(daemon_directory="/usr/lib/postfix/sbin", command_directory="/usr/sbin",
                 my_thing="$daemon_directory/x").start()
    assert instance.run("postconf", "-h", "daemon_directory").stdout.strip() == "/usr/lib/postfix/sbin"


def test_maillog_file_must_have_an_allowed_prefix(instance):
    instance.set(maillog_file_prefixes="/var").write()
    done = control(instance, "start")
    assert done.returncode == 1 and "maillog_file_prefixes" in done.stderr


def test_S163_logrotate(instance):
    """maillog_file_compressor and maillog_file_rotate_suffix do what they say."""
    instance.set(maillog_file_compressor="gzip", maillog_file_rotate_suffix="%Y-of-mail").start()
    assert control(instance, "logrotate").returncode == 0
    assert list(instance.directory.glob("maillog.20*-of-mail.gz"))
    instance.dialogue("QUIT")
    assert instance.wait_log("disconnect from")


@pytest.mark.parametrize("parameters, words", [
    ({"maillog_file_compressor": ""}, "empty 'maillog_file_compressor' parameter value - logfile rotation failed"),
    ({"maillog_file": ""}, "empty 'maillog_file' parameter value - logfile rotation failed"),
    ({"maillog_file_rotate_suffix": ""}, "empty 'maillog_file_rotate_suffix' parameter value"),
    ({"maillog_file": "/dev/stdout", "maillog_file_prefixes": "/dev/stdout"}, "not rotating '/dev/stdout'"),
])
def test_logrotate_refuses(instance, parameters, words):
    instance.set(**parameters).write()
    done = control(instance, "logrotate")
    assert done.returncode == 1 and words in done.stderr + done.stdout


def test_set_permissions_and_upgrade_take_settings(instance, tmp_path):
    shutil.copytree(STAGE, tmp_path / "stage", symlinks=True)  # as root it changes the programs' modes
    instance.write()

    def control(*words):
        return subprocess.run([tmp_path / "stage/bin/diligence", "-c", instance.config, *words], check=False,
                              capture_output=True, text=True, timeout=20)

    assert control("set-permissions", "maximal_queue_lifetime=3d").returncode == 0
    assert instance.run("postconf", "-h", "maximal_queue_lifetime").stdout == "3d\n"
    done = control("upgrade-configuration")
    assert done.returncode == 0
    assert "nothing to upgrade" in done.stderr and (instance.queue / "maildrop").is_dir()
    assert control("set-permissions", "nonsense").returncode == 1


def test_words_of_other_releases(instance):
    instance.write()
    done = instance.run("diligence", "non-bdb", "status", config_first=True)
    assert "LMDB" in done.stdout
    assert instance.run("diligence", "non-bdb", "enable-redirect", config_first=True).returncode == 0
    for words in (("non-bdb", "disable"), ("non-bdb",), ("tls",)):
        assert instance.run("diligence", *words, config_first=True, check=False).returncode == 1, words


@pytest.mark.skipif(os.getuid() != 0, reason="as root only")
def test_several_instances_are_the_managers_matter(instance, tmp_path):
    """multi_instance_wrapper runs when no instance is named, and only then."""
    etc = tmp_path / "etc"
    shutil.copytree("/etc", etc, symlinks=True, ignore=lambda d, names: [
        name for name in names if d != "/etc" or name not in ("passwd", "group", "nsswitch.conf", "hosts")])
    (etc / "postfix").mkdir()
    manager = tmp_path / "manager"
    manager.write_text("#!/bin/sh\necho managed: $*\n")
    manager.chmod(0o755)
    text = (f"multi_instance_directories = /nowhere\nmulti_instance_wrapper = {manager} -p --\n"
            f"queue_directory = {tmp_path}\n")
    (etc / "postfix" / "main.cf").write_text(text)

    def run(*words):
        environment = {k: v for k, v in os.environ.items() if k != "MAIL_CONFIG"}
        return subprocess.run(["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /etc && shift && exec "$@"', "sh",
                               etc, STAGE / "bin" / "postfix", *words], capture_output=True, text=True, timeout=20,
                              env=environment, check=False)

    assert run("status").stdout == "managed: -p -- status\n"
    assert "managed" not in run("-c", "/etc/postfix", "status").stdout
    (etc / "postfix" / "main.cf").write_text(text.replace("multi_instance_wrapper", "#"))
    assert "multi_instance_wrapper is empty" in run("status").stderr


@pytest.mark.skipif(os.getuid() != 0, reason="as root only")
def test_as_root_the_mail_owner_must_exist(instance):
    instance.set(mail_owner="nosuchuser").write()
    done = control(instance, "start")
    assert done.returncode == 1
    assert 'parameter mail_owner: unknown name "nosuchuser"; make it with: useradd --system' in done.stderr


def test_postkick_and_postlog(instance):
    instance.start()
    assert instance.run("postkick", "public", "pickup", "W").returncode == 0
    assert instance.run("postkick", "public", "nobodythere", "W", check=False).returncode == 1
    instance.run("postlog", "-t", "mytag", "-p", "warn", "two", "words")
    assert instance.log_lines(r"mytag\[\d+\]: warning: two words$")


def test_postlock(instance, tmp_path):
    instance.write()
    box = tmp_path / "mbox"
    done = instance.run("postlock", "-l", "dotlock", str(box), "sh", "-c", f"ls {tmp_path}; exit 3", check=False)
    assert done.returncode == 3 and "mbox.lock" in done.stdout
    assert not (tmp_path / "mbox.lock").exists()


def test_spawn_runs_a_command_per_connection(instance):
    script = instance.file("policy", "read line\necho action=$line\nid -un\n")
    user = "daemon" if os.getuid() == 0 else "nobody"
    port = instance.port + 1
    instance.extra_services = f"127.0.0.1:{port} inet n n n - 0 spawn user={user} argv=/bin/sh {script}\n"
    instance.start()
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(b"dunno\n")
        text = client.makefile().read()
    assert text.startswith("action=dunno\n")
    if os.getuid() == 0:
        assert text == "action=dunno\ndaemon\n"


def test_services_of_type_fifo(instance):
    """A master.cf of before Postfix 3 has pickup and qmgr as fifo: they run as ever."""
    instance.set(mydestination="maison.mrs", local_transport="discard:", local_recipient_maps="")
    instance.master_cf = re.sub(r"(?m)^(pickup|qmgr)( +)unix", r"\1\2fifo", instance.master_cf)
    with instance:
        instance.run("sendmail", "someone@maison.mrs", stdin="Subject: x\n\nx\n")
        instance.wait_log(r"to=<someone@maison\.mrs>.* status=sent")
        assert instance.run("postkick", "public", "pickup", "W").returncode == 0
        instance.wait_queue_empty()

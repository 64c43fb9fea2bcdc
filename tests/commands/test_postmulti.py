"""postmulti beside the real Postfix's: several instances on one host (S162, S163 for all of them at once).

The primary instance is the one in /etc/postfix: each side runs in a mount name space of its own, where /etc
is a copy.
"""

import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import subprocess

import pytest

from harness.instance import MASTER_CF, STAGE
from harness.postfix import is_available, unpack

pytestmark = pytest.mark.skipif(not is_available(), reason="needs root and the postfix package")


class Host:
    """/etc of its own, and the commands of one side."""

    def __init__(self, place, name, bin_directory, parameters):
        self.place = place / name
        self.bin = bin_directory
        self.etc = self.place / "etc"
        self.etc.mkdir(parents=True)
        for file in ("passwd", "group", "nsswitch.conf", "hosts", "services", "resolv.conf", "localtime"):
            shutil.copy(f"/etc/{file}", self.etc / file)
        for instance in ("postfix", "postfix-out"):
            self.write(instance, parameters)

    def write(self, instance, parameters):
        directory = self.etc / instance
        directory.mkdir()
        mine = {"compatibility_level": "3.6", "myhostname": "gw1.maison.mrs", "inet_interfaces": "127.0.0.1",
                "queue_directory": self.place / "spool" / instance, "data_directory": self.place / "lib" / instance,
                "maillog_file": self.place / "log", "maillog_file_prefixes": self.place, "alias_maps": "",
                "mail_owner": "uucp", "setgid_group": "irc", **parameters}
        for kind in ("queue", "data"):
            os.makedirs(mine[f"{kind}_directory"])
        shutil.chown(mine["data_directory"], "uucp")
        (directory / "main.cf").write_text("".join(f"{k} = {v}\n" for k, v in mine.items()))
        (directory / "master.cf").write_text(MASTER_CF.format(smtp="127.0.0.1:10025"))

    def run(self, command, *arguments, env=None):
        script = 'mount --make-rprivate / && mount --bind "$0" /etc && exec "$@"'
        terminal, errors = os.openpty()  # Postfix's tells its errors to terminals only
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, str(self.etc), str(self.bin / command),
                               *[str(a) for a in arguments]], stdout=subprocess.PIPE, stderr=errors, text=True,
                              timeout=60, stdin=subprocess.DEVNULL,
                              env={"PATH": f"{self.bin}:/usr/bin:/bin", **self.environment, **(env or {})})
        os.close(errors)
        done.stderr = ""
        with contextlib.suppress(OSError):  # the end of a terminal
            while piece := os.read(terminal, 4096):
                done.stderr += piece.decode().replace("\r\n", "\n")
        os.close(terminal)
        return done

    environment = {}

    def canonical(self, text):
        text = text.replace(f"{self.bin}/", "").replace(str(self.place), "PLACE")
        text = text.replace("postfix/postmulti-script: ", "postmulti: ")  # no script here
        return re.sub(r"usage:.*", "usage", text, flags=re.I)


@pytest.fixture
def hosts(place):
    package = unpack("postfix", "postfix-pcre")
    library = package / "usr/lib/postfix"
    theirs = Host(place, "p", package / "usr/sbin", {
        "command_directory": package / "usr/sbin", "daemon_directory": library / "sbin",
        "shlib_directory": library, "meta_directory": "/etc/postfix",
        "import_environment": "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LD_LIBRARY_PATH"})
    theirs.environment = {"LD_LIBRARY_PATH": str(library)}
    ours = Host(place, "d", STAGE / "bin", {})
    for host in (theirs, ours):
        for name in ("postfix-files", "postfix-script", "post-install"):
            shutil.copy(package / "etc/postfix" / name, host.etc / "postfix" / name)
    return theirs, ours


def both(hosts, *arguments):
    """The outcome of postmulti ARGUMENTS, the same on both sides."""
    outcomes = []
    for host in hosts:
        done = host.run("postmulti", *arguments)
        outcomes.append((done.returncode, host.canonical(done.stdout), host.canonical(done.stderr)))
    assert outcomes[1] == outcomes[0]
    return outcomes[1]


def shown(host, instance, *names):
    done = host.run("postconf", "-c", f"/etc/{instance}", "-h", *names)
    return done.stdout.splitlines()


def test_refusals_in_postfix_words(hosts):
    cases = ([], ["-l", "-p", "x"], ["-p"], ["-x"], ["-l", "foo"], ["-e", "bogus"], ["-pR", "start"],
             ["-e", "assign", "-i", "-"], ["-e", "enable", "-I", "postfix-x"], ["-e", "create", "-I", "x"],
             ["-e", "create", "-I", "postfix-a b"], ["-e", "enable"],
             ["-e", "enable", "-i", "-"], ["-e", "create"], ["-Z"], ["-e", "enable", "-i", "-", "a=b"])
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:  # each takes Postfix's a second
        for arguments, outcome in zip(cases, pool.map(lambda case: both(hosts, *case), cases)):
            assert outcome[0] != 0 or arguments[0] == "-l", arguments
    for host in hosts:
        done = host.run("postmulti", "-l", env={"MAIL_CONFIG": "/etc/postfix-out"})
        assert done.returncode == 1 and "Non-default configuration directory: " in done.stderr


def test_life_of_an_instance(hosts):
    """init, import, assign, enable, list, run a command, disable, deport."""
    assert both(hosts, "-l", "-i", "nosuch") == (0, "", "")
    assert both(hosts, "-l")[1].split() == ["-", "-", "y", "/etc/postfix"]
    assert both(hosts, "-e", "init")[0] == 0
    for host in hosts:
        done = host.run("postmulti", "-e", "import", "-I", "postfix-out", "-G", "mta")
        assert done.returncode == 0, done.stderr
    both(hosts, "-e", "enable", "-i", "postfix-out")
    assert "postfix-out     mta             y         /etc/postfix-out" in both(hosts, "-l")[1]
    both(hosts, "-lR")
    both(hosts, "-l", "-g", "mta")
    both(hosts, "-l", "-i", "/etc/postfix-out")
    both(hosts, "-l", "-i", "-")
    both(hosts, "-l", "-g", "nogroup")
    both(hosts, "-x", "-g", "nogroup", "true")
    both(hosts, "-x", "-i", "nosuch", "true")
    both(hosts, "-x", "sh", "-c", "echo $MAIL_CONFIG $multi_instance_name $multi_instance_group "
         "$multi_instance_enable $config_directory $queue_directory $data_directory")
    assert both(hosts, "-x", "-i", "postfix-out", "sh", "-c", "exit 3")[0] != 0
    both(hosts, "-e", "assign", "-i", "postfix-out", "-I", "postfix-two", "-G", "-")
    both(hosts, "-l")
    assert both(hosts, "-e", "deport", "-i", "postfix-two")[0] == 1
    both(hosts, "-e", "disable", "-i", "postfix-two")
    assert both(hosts, "-e", "deport", "-i", "postfix-two")[0] == 0
    both(hosts, "-l")
    names = ("multi_instance_directories", "alternate_config_directories", "multi_instance_wrapper",
             "multi_instance_enable")
    theirs, ours = (shown(host, "postfix", *names) for host in hosts)
    assert ours == theirs


def test_create_and_destroy(hosts):
    """A new instance accepts nothing until somebody has set it up, and goes without a trace."""
    ours = hosts[1]
    assert ours.run("postmulti", "-e", "init").returncode == 0
    done = ours.run("postmulti", "-e", "create", "-I", "postfix-new", "-G", "g",
                    f"queue_directory={ours.place}/spool/new", f"data_directory={ours.place}/lib/new")
    assert done.returncode == 0, done.stderr
    assert shown(ours, "postfix-new", "authorized_submit_users", "master_service_disable", "multi_instance_name",
                 "multi_instance_group", "mail_owner") == ["", "inet", "postfix-new", "g", "uucp"]
    assert (ours.etc / "postfix-new" / "master.cf").exists() and (ours.place / "spool/new/maildrop").is_dir()
    again = ours.run("postmulti", "-e", "create", "-I", "postfix-new")
    assert again.returncode == 1 and "is already in use by instance" in again.stderr
    listed = [json.loads(line) for line in ours.run("postmulti", "-lj").stdout.splitlines()]
    assert listed[1] == {"name": "postfix-new", "group": "g", "enabled": "n", "config_directory": "/etc/postfix-new"}
    done = ours.run("postmulti", "-e", "destroy", "-i", "postfix-new")
    assert done.returncode == 0 and done.stderr == ""
    assert not (ours.etc / "postfix-new").exists() and not (ours.place / "spool/new").exists()
    assert len(ours.run("postmulti", "-l").stdout.splitlines()) == 1


def test_S163_the_wrapper_works_for_all(hosts):
    """`postfix status` asks all instances; what is not enabled is checked instead of started, and not stopped;
    postmulti_start_commands, _stop_commands and _control_commands say which words are of which kind."""
    ours = hosts[1]
    ours.run("postmulti", "-e", "init")
    ours.run("postmulti", "-e", "import", "-I", "postfix-out", "-G", "mta")
    done = ours.run("postfix", "status")
    assert done.stderr.count("is not running") == 2 and done.returncode == 1
    done = ours.run("postfix", "stop")  # the primary alone: the other one is not enabled
    assert done.stderr.count("is not running") == 1
    done = ours.run("postmulti", "-p", "-i", "postfix-out", "start")
    assert done.returncode == 0 and "starting" not in done.stderr
    done = ours.run("postmulti", "-p", "-i", "postfix-out", "reload")
    assert done.returncode == 0 and done.stderr == ""
    ours.run("postconf", "-c", "/etc/postfix", "-e", "postmulti_control_commands=flush", "postmulti_stop_commands=status",
             "postmulti_start_commands=check start reload")
    done = ours.run("postmulti", "-p", "-i", "postfix-out", "reload")  # now a "start": checked, as it is not enabled
    assert done.returncode == 0 and "is not running" not in done.stderr
    done = ours.run("postmulti", "-p", "-i", "postfix-out", "status")
    assert done.returncode == 0 and done.stderr == ""
    done = ours.run("postmulti", "-p", "-i", "postfix-out", "stop")
    assert done.returncode == 1 and "is not running" in done.stderr


def test_set_permissions_leaves_shared_programs_alone(hosts, place):
    """Programs belong to the primary instance: those that it lists repair their own directories only."""
    ours = hosts[1]
    ours.bin = place / "stage/bin"
    shutil.copytree(STAGE, place / "stage", symlinks=True)
    command = ours.bin / "postdrop"
    command.chmod(0o755)
    queue = ours.place / "spool/postfix-out"

    def repair(instance):
        done = ours.run("diligence", "-c", f"/etc/{instance}", "set-permissions")
        assert done.returncode == 0, done.stderr
        return command.stat().st_mode & 0o7777, command.group()
    main = ours.etc / "postfix/main.cf"
    alone = main.read_text()
    main.write_text(alone + "multi_instance_directories = /etc/postfix-out\n")
    assert repair("postfix-out") == (0o755, "root")
    assert (queue / "maildrop").stat().st_mode & 0o7777 == 0o1730 and (queue / "maildrop").group() == "irc"
    assert repair("postfix") == (0o2755, "irc")
    command.chmod(0o755)
    main.write_text(alone)  # an instance that nobody lists has programs of its own
    assert repair("postfix-out") == (0o2755, "irc")

"""Who writes and reads mail in these tests: accounts that the system has anyway.

No account is ever made. CHRIS is the ordinary user of the course; as root he is "backup", an
account that the stock alias file does not redirect to root. Otherwise he is whoever runs the
tests.
"""

import getpass
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from harness.instance import STAGE

IS_ROOT = os.getuid() == 0
CHRIS = "backup" if IS_ROOT else getpass.getuser()
LOULOU = "list" if IS_ROOT else getpass.getuser()  # a second ordinary user

# The course's alias file, with CHRIS in his place.
ALIASES = f"""\
# Basic system aliases -- these MUST be present.
MAILER-DAEMON:  postmaster
postmaster:     root

# General redirections for pseudo accounts.
bin:            root
daemon:         root
games:          root
ingres:         root
nobody:         root
system:         root
toor:           root
uucp:           root

# Well-known aliases.
manager:        root
dumper:         root
operator:       root

# trap decode to catch security attacks
decode:         root

# Person who should get root's mail
root:           {CHRIS}
"""


def user_id(name):
    return pwd.getpwnam(name).pw_uid


def open_directory():
    """A new directory that other users may enter; its maker removes it."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="dil."))
    directory.chmod(0o755)
    return directory


def setgid_stage(directory):
    """A copy of the staged programs with postdrop and postqueue set-gid, as installed."""
    copy = pathlib.Path(directory) / "stage"
    shutil.copytree(STAGE, copy, symlinks=True)
    for path in [copy, *copy.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    for name in ("postdrop", "postqueue"):
        program = copy / "bin" / name
        shutil.chown(program, group="nogroup")
        program.chmod(0o2755)
    return copy


def system_files(instance):
    """A copy of what programs need of /etc, where main.cf lists this instance.

    Set-gid commands take a configuration of the caller's choice only when the system's own
    main.cf names it (alternate_config_directories).
    """
    etc = instance.directory / "system"
    if not etc.exists():
        (etc / "postfix").mkdir(parents=True)
        for name in ("passwd", "group", "nsswitch.conf", "localtime", "hosts", "ld.so.cache"):
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", etc / name)
        (etc / "postfix/main.cf").write_text(
            f"alternate_config_directories = {instance.config}\n")
    return etc


def as_user(user, instance, *command):
    """COMMAND as an argument list that runs it as USER, on a system that knows INSTANCE."""
    if not IS_ROOT or user == "root":
        return list(map(str, command))
    entry = pwd.getpwnam(user)
    script = ('mount --bind "$1" /etc && shift && exec setpriv '
              f'--reuid={entry.pw_uid} --regid={entry.pw_gid} --clear-groups "$@"')
    return ["unshare", "--mount", "sh", "-c", script, "sh", str(system_files(instance)),
            *map(str, command)]


def environment_of(user, instance):
    return {"PATH": os.environ["PATH"], "MAIL_CONFIG": str(instance.config), "LOGNAME": user,
            "USER": user, "HOME": "/"}


def run_as(user, instance, command, *arguments, stdin=None, check=True, timeout=30, env=None,
           stage=STAGE):
    """Run a staged COMMAND as an ordinary USER, who finds the instance by MAIL_CONFIG."""
    program = stage / "bin" / command if "/" not in str(command) else command
    done = subprocess.run(as_user(user, instance, program, *arguments), input=stdin,
                          capture_output=True, timeout=timeout, cwd="/",
                          env={**environment_of(user, instance), **(env or {})},
                          text=not isinstance(stdin, bytes))
    if check and done.returncode != 0:
        raise AssertionError(f"{command} {arguments} as {user} gave {done.returncode}: "
                             f"{done.stdout!r} {done.stderr!r}\n{instance.log()[-2000:]}")
    return done

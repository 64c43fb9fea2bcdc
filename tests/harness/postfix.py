"""The real Postfix, from its Debian package, as a peer to compare with.

The package is downloaded and unpacked below build/peers, never installed; each
instance has its own configuration and queue. Postfix wants root and two
accounts of its own: accounts that a Debian system has anyway serve (uucp, irc).
"""

import fcntl
import os
import pathlib
import shutil
import subprocess

from .instance import MASTER_CF, ROOT, Instance, wait_until

PEERS = ROOT / "build" / "peers"

EXTRA_SERVICES = """\
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""


def unpack(*packages):
    """The folder with PACKAGES unpacked; None when they cannot be had."""
    root = PEERS / "-".join(packages)
    downloads = PEERS / "packages"
    downloads.mkdir(parents=True, exist_ok=True)
    with (PEERS / ".lock").open("w") as lock:  # test runs go side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (root / ".complete").exists():
            return root
        return root if fetch(packages, downloads, root) else None


def fetch(packages, downloads, root):
    """Download PACKAGES and unpack them below ROOT; False when they cannot be had."""
    os.chmod(downloads, 0o777)
    done = subprocess.run(["apt-get", "download", *packages], cwd=downloads,
                          capture_output=True, timeout=300)
    if done.returncode != 0:
        return False
    for package in packages:
        for file in downloads.glob(f"{package}_*.deb"):
            subprocess.run(["dpkg", "-x", str(file), str(root)], check=True)
    (root / ".complete").touch()
    return True


class Postfix(Instance):
    """As Instance, with Postfix's programs."""

    def __init__(self, directory, **parameters):
        self.package = unpack("postfix", "postfix-pcre")
        assert self.package, "the postfix package cannot be downloaded"
        super().__init__(directory, **parameters)
        self.library = self.package / "usr/lib/postfix"
        self.parameters.update({
            "command_directory": self.package / "usr/sbin",
            "daemon_directory": self.library / "sbin",
            "shlib_directory": self.library,
            "meta_directory": self.config,
            "mail_owner": "uucp",
            "setgid_group": "irc",
            "import_environment": "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LD_LIBRARY_PATH",
        })
        self.master_cf = MASTER_CF + EXTRA_SERVICES
        self.prefix = []  # a command that starts the commands

    def write(self):
        super().write()
        shutil.chown(self.directory / "data", "uucp")
        for name in ("postfix-files", "postfix-script", "post-install"):
            shutil.copy(self.package / "etc/postfix" / name, self.config / name)
        (self.config / "dynamicmaps.cf").write_text(
            f"pcre {self.library}/postfix-pcre.so dict_pcre_open\n")

    def environment(self):
        return dict(os.environ, LD_LIBRARY_PATH=str(self.library),
                    MAIL_CONFIG=str(self.config))

    def run(self, command, *arguments, stdin=None, check=True, config_first=False, timeout=120,
            env=None):
        program = {"diligence": "postfix", "mailq": "sendmail", "newaliases": "sendmail"}
        mode = {"mailq": ["-bp"], "newaliases": ["-bi"]}.get(command, [])
        arguments = mode + [str(a) for a in arguments]
        flag = "-C" if command in ("mailq", "newaliases", "sendmail") else "-c"
        path = self.package / "usr/sbin" / program.get(command, command)
        prefix = [str(word) for word in self.prefix]
        done = subprocess.run(prefix + [str(path), flag, str(self.config)] + arguments, input=stdin,
                              capture_output=True, timeout=timeout,
                              env=dict(self.environment(), **(env or {})),
                              text=not isinstance(stdin, bytes))
        if check and done.returncode != 0:
            raise AssertionError(f"{command} {arguments} gave {done.returncode}: "
                                 f"{done.stdout!r} {done.stderr!r}")
        return done

    def stop(self):
        if not self.running:
            return
        pid = self.queue / "pid" / "master.pid"
        number = pid.read_text().strip() if pid.exists() else ""
        self.run("diligence", "stop", check=False)
        if number:
            wait_until(lambda: not pathlib.Path(f"/proc/{number}").exists(), "Postfix's end")
        self.running = False


def is_available():
    """Can Postfix be started here?"""
    return os.getuid() == 0 and unpack("postfix", "postfix-pcre") is not None

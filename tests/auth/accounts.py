"""A host with accounts of its own, for programs that start in its mount namespace.

The real /etc is not touched: a folder with a few files covers it, for them alone.
"""

import os
import pathlib
import shutil
import subprocess

from harness.instance import STAGE, Instance, wait_until

PEOPLE = {"chris": "s\u00e9same", "expired": "old", "locked": None, "none": ""}


def crypt(password):
    return subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password + "\n", check=True,
                          capture_output=True, text=True).stdout.strip()


class Host:
    """Accounts PEOPLE, and PAM services that tests add."""

    def __init__(self, directory):
        self.etc = pathlib.Path(directory) / "etc-of-host"
        (self.etc / "pam.d").mkdir(parents=True)
        (self.etc / "security").mkdir()
        for name in ("group", "nsswitch.conf", "hosts", "localtime", "ld.so.cache", "login.defs",
                     "resolv.conf"):
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", self.etc / name)
        passwd = pathlib.Path("/etc/passwd").read_text()
        shadow = ""
        for number, (name, password) in enumerate(PEOPLE.items()):
            passwd += f"{name}:x:{6000 + number}:6000::/nonexistent:/bin/sh\n"
            stored = {None: "!*", "": ""}.get(password) if not password else crypt(password)
            shadow += f"{name}:{stored}:19000:0:99999:7::{'1' if name == 'expired' else ''}:\n"
        (self.etc / "passwd").write_text(passwd)
        (self.etc / "shadow").write_text(shadow)
        (self.etc / "shadow").chmod(0o600)
        (self.etc / "shells").write_text("/bin/sh\n")
        self.service("smtp", "auth required pam_unix.so nodelay", "account required pam_unix.so")

    def service(self, name, *lines):
        (self.etc / "pam.d" / name).write_text("\n".join(lines) + "\n")

    def command(self, *arguments):
        """ARGUMENTS as a command that runs on this host."""
        return ["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /etc && shift && exec "$@"', "sh",
                str(self.etc), *map(str, arguments)]


class Housed(Instance):
    """An Instance on a Host."""

    host = None

    def start(self):
        self.write()
        subprocess.run(self.host.command(STAGE / "bin/diligence", "-c", self.config, "start"), check=True,
                       capture_output=True, timeout=60,
                       env=dict(os.environ, MAIL_CONFIG=str(self.config)))
        self.running = True
        wait_until(self.accepts, "the SMTP port")
        return self

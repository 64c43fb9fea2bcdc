"""A machine to install on: namespaces of its own around a root directory.

Nothing that happens in it reaches the host: the network is an empty loopback, processes end
with the machine, and what is written lies in memory (a layer over the root directory).
"""

import pathlib
import struct
import subprocess

from harness.instance import wait_until

SETUP = """
set -e
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs none "$1/root/run"
ip link set lo up
echo ready
exec chroot "$1/root" sleep infinity
"""
ENVIRONMENT = ("PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
               "DEBIAN_FRONTEND=noninteractive")
# A machine without systemd that has been started: utmp(5) says that it is in runlevel 2.
UTMP = struct.pack("hxxi32s4s32s256s52x", 1, ord("2") + 256 * ord("N"), b"~", b"~~",
                   b"runlevel", b"")


class Machine:
    """Runs commands on a copy of the system in ROOT; PLACE is an empty directory."""

    def __init__(self, place, root="/"):
        self.place = pathlib.Path(place)
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", SETUP,
             "sh", self.place, root], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        assert self.holder.stdout.readline() == "ready\n", "the machine could not be made"
        children = pathlib.Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children")
        self.first = children.read_text().split()[0]
        self.write(UTMP, "/run/utmp")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.holder.kill()
        self.holder.wait(timeout=20)
        self.holder.stdout.close()

    def enter(self):
        return ["nsenter", "--target", self.first, "--mount", "--net", "--pid", "--root"]

    def run(self, *command, user=None, stdin=None, check=True, timeout=60):
        """The output of a command; it runs as USER, root when none is given."""
        become = ["runuser", "-u", user, "--"] if user else []
        done = subprocess.run(
            [*self.enter(), "env", "-i", "--chdir=/", *ENVIRONMENT, *become, *map(str, command)],
            input=stdin or "", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
            text=True, errors="replace")
        if check and done.returncode != 0:
            raise AssertionError(f"{command} gave {done.returncode}:\n{done.stdout}")
        return done.stdout

    def shell(self, script, **options):
        return self.run("sh", "-c", script, **options)

    def has(self, path):
        return self.shell(f"ls -d {path} 2>/dev/null", check=False) != ""

    def write(self, data, path):
        subprocess.run([*self.enter(), "env", "--chdir=/", "sh", "-c", 'cat >"$1"', "sh", path],
                       input=data, check=True, timeout=60)

    def copy_in(self, source, path):
        """A file of the host."""
        self.write(pathlib.Path(source).read_bytes(), path)

    def new_user(self, name):
        self.run("useradd", "--create-home", name)

    def wait_mail(self, user, text):
        """Wait until TEXT is in the mailbox file of USER; the whole file."""
        def mailbox():
            found = self.shell(f"cat /var/mail/{user} 2>/dev/null", check=False)
            return found if text in found else None
        return wait_until(mailbox, f"mail with {text!r} for {user}")

    def listeners(self):
        """Addresses and ports that are listened on, as in /proc/net/tcp: "0100007F:0019"."""
        rows = self.shell("cat /proc/net/tcp /proc/net/tcp6").splitlines()
        return {row.split()[1] for row in rows if row.split()[3] == "0A"}

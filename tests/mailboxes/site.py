"""A site with mailboxes: virtual users in Maildirs, login on every port."""

import os
import pathlib
import poplib
import imaplib
import shutil
import ssl

from harness.instance import Instance, free_port, wait_until

PASSWORD = "tiede-et-sur"
OWNER = 5000  # of the mailboxes, where root runs the tests
USERS = {"jo@maison.mrs": "maison/jo/", "ko@maison.mrs": "maison/ko/",
         "mbox@maison.mrs": "maison/mbox"}

SERVICES = """\
{imap}   inet n - n - - imap-login
{imaps}  inet n - n - - imap-login
    -o login_tls_wrappermode=yes
{pop3}   inet n - n - - pop3-login
{pop3s}  inet n - n - - pop3-login
    -o login_tls_wrappermode=yes
store    unix - n n - - store
auth     unix - - n - - auth
"""


def context():
    """Of clients that trust whoever answers."""
    return ssl._create_unverified_context()


class Site(Instance):
    """An Instance whose users log in."""

    def __init__(self, place, users=None, **parameters):
        self.base = pathlib.Path(place) / "vmail"
        self.users = users or USERS
        passwords = ", ".join(f"{{{name}={{PLAIN}}{PASSWORD}}}" for name in self.users)
        boxes = ", ".join(f"{name}={path}" for name, path in self.users.items())
        settings = {"mydestination": "gw1.maison.mrs",
                    "virtual_mailbox_domains": "maison.mrs",
                    "virtual_mailbox_base": self.base,
                    "virtual_mailbox_maps": f"inline:{{{boxes}}}",
                    "virtual_uid_maps": f"static:{OWNER}", "virtual_gid_maps": f"static:{OWNER}",
                    "auth_password_maps": f"inline:{{{passwords}}}",
                    "auth_failure_delay": "0", "store_linger_time": "0"}
        settings.update(parameters)
        super().__init__(place, **settings)
        ports = {name: free_port() for name in ("imap", "imaps", "pop3", "pop3s")}
        self.imap_port, self.imaps_port = ports["imap"], ports["imaps"]
        self.pop3_port, self.pop3s_port = ports["pop3"], ports["pop3s"]
        self.extra_services = SERVICES.format(
            **{name: f"127.0.0.1:{port}" for name, port in ports.items()})
        self.base.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            shutil.chown(self.base, OWNER, OWNER)

    def box(self, user="jo@maison.mrs"):
        """The path of USER's mailbox."""
        return self.base / self.users[user]

    def deliver(self, body=b"Subject: test\n\nhello\n", user="jo@maison.mrs", count=1):
        """Send COUNT messages to USER over SMTP and wait for them."""
        for _ in range(count):
            queue_id = self.send("chris@elsewhere.example", user, body)
            self.wait_log(rf"{queue_id}: to=<{user}>.*status=sent")

    def pop3(self, tls=False, user="jo@maison.mrs", password=PASSWORD):
        """A session that is logged in; without TLS login_tls_auth_only must be off."""
        c = poplib.POP3_SSL("127.0.0.1", self.pop3s_port, timeout=20, context=context()) if tls \
            else poplib.POP3("127.0.0.1", self.pop3_port, timeout=20)
        c.user(user)
        c.pass_(password)
        return c

    def imap(self, tls=False, user="jo@maison.mrs", password=PASSWORD):
        """Likewise."""
        c = imaplib.IMAP4_SSL("127.0.0.1", self.imaps_port, ssl_context=context(), timeout=20) \
            if tls else imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=20)
        c.login(user, password)
        return c

    def workers(self):
        """Process ids of the store's workers: children of the dispatcher."""
        pids = [p for p in processes("store") if parent(p) in processes("store")]
        return [p for p in pids if str(self.config) in command_line(p)]


def processes(name):
    """Processes that run the program NAME."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "comm").read_text().strip() == name:
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def parent(pid):
    """Of the process PID; 0 when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
        return int(text.rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def command_line(pid):
    """Of the process PID, as one text."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def status(pid, field):
    """FIELD of /proc/PID/status."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return line.split(":", 1)[1].strip()
    raise KeyError(field)


def wait_workers(site, count):
    """Until there are COUNT workers; their pids."""
    def enough():
        pids = site.workers()
        return [pids] if len(pids) == count else None
    return wait_until(enough, f"{count} workers")[0]

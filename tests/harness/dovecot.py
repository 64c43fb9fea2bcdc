"""The real Dovecot, from its Debian packages, as a peer to compare with.

Downloaded and unpacked below build/peers, never installed. Its programs know their paths from the
build, so each server runs in a mount namespace of its own, where the unpacked packages lie over /usr;
that wants root.
"""

import contextlib
import os
import signal
import socket
import subprocess

from .instance import free_port, wait_until
from .postfix import unpack

PACKAGES = ("dovecot-core", "dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd", "libsodium23",
            "libexttextcat-2.0-0", "libexttextcat-data", "libstemmer0d", "libapparmor1")

CONFIGURATION = """\
protocols = imap pop3 lmtp
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/log
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
default_client_limit = 20000
default_process_limit = 6000
default_vsz_limit = 0
mail_location = maildir:{directory}/mail/%u
mail_max_userip_connections = 0
first_valid_uid = 1
listen = 127.0.0.1
namespace inbox {{
  inbox = yes
  separator = /
}}
passdb {{
  driver = passwd-file
  args = {directory}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={directory}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
{more}
"""


class Dovecot:
    """A server with the USERS given ({name: password}), all mail below DIRECTORY/mail/NAME."""

    def __init__(self, directory, users, more=""):
        self.package = unpack(*PACKAGES)
        assert self.package, "the dovecot packages cannot be downloaded"
        self.directory, self.users, self.more = directory, users, more
        self.imap_port, self.pop3_port, self.lmtp_port = (free_port() for _ in range(3))
        self.process = None

    def maildir(self, user):
        return self.directory / "mail" / user

    def write(self):
        for name in ("run", "state", "mail"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "users").write_text(
            "".join(f"{user}:{{PLAIN}}{word}\n" for user, word in self.users.items()))
        (self.directory / "dovecot.conf").write_text(CONFIGURATION.format(
            directory=self.directory, imap_port=self.imap_port, pop3_port=self.pop3_port,
            lmtp_port=self.lmtp_port, more=self.more))
        subprocess.run(["chown", "-R", "nobody:nogroup", self.directory / "mail"], check=True)

    def start(self):
        self.write()
        command = (f"mount -t overlay overlay -o lowerdir={self.package}/usr:/usr /usr && "
                   f"exec /usr/sbin/dovecot -F -c {self.directory}/dovecot.conf")
        with (self.directory / "out").open("wb") as out:
            self.process = subprocess.Popen(["unshare", "-m", "sh", "-c", command], stdout=out,
                                            stderr=out, start_new_session=True)
        wait_until(self.answers, f"no answer from dovecot: {self.said()}", 20)
        return self

    @property
    def pid(self):
        return self.process.pid

    def said(self):
        files = [self.directory / name for name in ("out", "log")]
        return "".join(file.read_text() for file in files if file.exists())

    def answers(self):
        with contextlib.suppress(OSError), \
                socket.create_connection(("127.0.0.1", self.imap_port), 5) as probe:
            return probe.recv(100).startswith(b"* OK")
        return False

    def stop(self):
        if self.process:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(20)
            self.process = None

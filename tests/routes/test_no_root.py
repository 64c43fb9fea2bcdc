"""Started by an ordinary user: mail flows, and every program says what it cannot do so."""

import re
import subprocess

import pytest

from harness.instance import STAGE, Instance, wait_until

from .people import CHRIS, IS_ROOT, user_id

PIPE = "copier    unix  -       n       n       -       -       pipe\n  user=nobody argv=/bin/cat\n"


class Ordinary(Instance):
    """As Instance; the commands that start and stop it are CHRIS's."""

    def write(self):
        super().write()
        self.user = CHRIS
        if IS_ROOT:
            subprocess.run(["chown", "-R", CHRIS, self.directory], check=True)

    def run(self, command, *arguments, **options):
        if not IS_ROOT or command not in ("diligence",):
            return super().run(command, *arguments, **options)
        done = subprocess.run(["setpriv", f"--reuid={user_id(CHRIS)}", "--regid=34", "--clear-groups",
                               STAGE / "bin" / command, "-c", self.config, *map(str, arguments)], timeout=60,
                              capture_output=True, text=True, check=False, cwd="/")
        if options.get("check", True) and done.returncode != 0:
            raise AssertionError(f"{command} {arguments}: {done.stdout} {done.stderr}")
        return done


@pytest.fixture
def site(place):
    one = Ordinary(place / "a", virtual_mailbox_domains="v.example", virtual_mailbox_base=f"{place}/a/mail",
                   virtual_mailbox_maps="inline:{a@v.example=virtual-a}", virtual_uid_maps="static:8",
                   virtual_gid_maps="static:8", relay_domains="p.example",
                   transport_maps="inline:{p.example=copier:}",
                   mydestination="gw1.maison.mrs")
    one.extra_services = PIPE
    yield one
    one.stop()


def test_what_is_not_applied_is_said(site):
    """local, virtual and pipe deliver as the user who started them, and say so."""
    site.start()
    site.send("x@gw1.maison.mrs", [f"{CHRIS}@gw1.maison.mrs", "a@v.example", "b@p.example"])
    site.wait_log("status=sent", count=3)
    uid = user_id(CHRIS)
    for notice in (rf"postfix/local\[\d+\]: not started by root: .* run as uid {uid}, ",
                   rf"postfix/virtual\[\d+\]: not started by root: all mailboxes belong to uid {uid};",
                   r"postfix/(pipe|copier)\[\d+\]: copier: not started by root: user=nobody is not applied"):
        assert site.log_lines(notice), notice + site.log()[-3000:]
    for name in (CHRIS, "virtual-a"):
        wait_until((site.spool / name).exists, name)
        assert (site.spool / name).stat().st_uid == uid

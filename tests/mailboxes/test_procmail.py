"""The real procmail delivers, IMAP and POP3 find its mail (S281)."""

import os
import shutil

import pytest

from harness.instance import wait_until
from harness.postfix import unpack
from .site import PASSWORD, Site


@pytest.mark.skipif(os.getuid() != 0, reason="acts for an account of the host")
def test_procmail(place):
    """S281: mailbox_command runs procmail; its status 75 keeps the mail queued; its Maildir is read at once."""
    package = unpack("procmail")
    if package is None:
        pytest.skip("no procmail package at hand")
    program = place / "procmail"  # root's folders may be closed to the account
    shutil.copy(package / "usr/bin/procmail", program)
    program.chmod(0o755)
    recipe = place / "procmailrc"
    recipe.write_text("LOGFILE=/dev/null\nEXITCODE=75\nHOST\n")  # gives up, with that status
    recipe.chmod(0o644)
    site = Site(place, login_tls_auth_only="no", mydestination="gw1.maison.mrs",
                auth_password_maps=f"inline:{{{{daemon={{PLAIN}}{PASSWORD}}}}}", queue_run_delay="1s",
                minimal_backoff_time="1s", maximal_backoff_time="1s")
    box = site.spool / "daemon"
    site.set(mail_spool_directory=f"{site.spool}/",
             mailbox_command=f"{program} -m DEFAULT={box}/ {recipe}")
    with site:
        box.mkdir()
        shutil.chown(box, "daemon")
        queue_id = site.send("chris@elsewhere.example", "daemon@gw1.maison.mrs", b"Subject: S281\n\nx\n")
        site.wait_log(rf"{queue_id}: to=<daemon@gw1.maison.mrs>.*status=deferred \(temporary failure")
        assert queue_id in site.queue_ids()
        recipe.write_text(f"LOGFILE=/dev/null\n:0\n{box}/\n")
        site.run("postqueue", "-f")
        site.wait_removed(queue_id)
        c = site.imap(user="daemon")
        assert c.select("INBOX")[1] == [b"1"]
        assert b"Subject: S281" in c.fetch("1", "(RFC822)")[1][0][1]
        site.send("chris@elsewhere.example", "daemon@gw1.maison.mrs", b"Subject: more\n\nx\n")
        wait_until(lambda: c.noop() and c.search(None, "SUBJECT", "more")[1] == [b"2"], "the second message")
        c.logout()

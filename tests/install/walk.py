"""What must hold on a machine where the system was just installed, nothing edited."""

import re

from harness.instance import wait_until

LOOPBACK = ("0100007F:0019", "00000000000000000000000001000000:0019")


def use(machine):
    """S012: started with no edited file, port 25 on loopback alone, local mail arrives."""
    wait_until(lambda: machine.listeners() & set(LOOPBACK), "port 25")
    on_25 = {one for one in machine.listeners() if one.endswith(":0019")}
    assert on_25 <= set(LOOPBACK), on_25
    machine.new_user("anne")
    machine.new_user("bruno")
    machine.run("/usr/sbin/sendmail", "bruno", user="anne",
                stdin="Subject: by sendmail\n\nfirst letter\n")
    machine.run("/usr/lib/sendmail", "-t", user="bruno",
                stdin="To: postmaster\nCc: anne\nSubject: reply\n\nsecond letter\n")
    first = machine.wait_mail("bruno", "first letter")
    assert re.search(r"^From: anne <anne@", first, re.M) or "From: anne@" in first, first
    machine.wait_mail("anne", "second letter")
    # /etc/aliases was built: postmaster is root.
    machine.wait_mail("root", "second letter")
    wait_until(lambda: "Mail queue is empty" in machine.run("mailq", user="anne"),
               "an empty queue")
    assert machine.run("postconf", "-h", "inet_interfaces").strip() == "loopback-only"


def permissions(machine, sbin):
    """Who owns what."""
    def facts(path):
        return machine.run("stat", "-c", "%a %U %G", path).strip()
    assert facts(f"{sbin}/postdrop") == "2755 root postdrop"
    assert facts(f"{sbin}/postqueue") == "2755 root postdrop"
    assert facts("/var/spool/postfix/maildrop") == "1730 postfix postdrop"
    assert facts("/var/spool/postfix/public") == "710 postfix postdrop"
    assert facts("/var/spool/postfix/deferred").startswith("700 postfix")
    assert facts("/etc/postfix/main.cf") == "644 root root"


def names(machine):
    """S173: both places of sendmail, and they are one program."""
    places = ("/usr/sbin/sendmail", "/usr/lib/sendmail")
    assert len({machine.run("readlink", "--canonicalize-existing", one) for one in places}) == 1
    assert machine.has("/usr/bin/mailq") and machine.has("/usr/bin/newaliases")


def starts_at_boot(machine):
    """S165: links of the runlevels, and a unit, both after the network."""
    links = machine.shell("ls -d /etc/rc[2-5].d/S*diligence /etc/rc[016].d/K*diligence").split()
    assert len(links) == 7, links
    assert "$network" in machine.shell("grep Required-Start: /etc/init.d/diligence")
    unit = machine.shell("cat /lib/systemd/system/diligence.service /usr/lib/systemd/system/diligence.service "
                         "2>/dev/null", check=False)
    assert "After=network-online.target" in unit and "WantedBy=multi-user.target" in unit


def init_script(machine):
    """S164, S184: /etc/init.d/diligence start|stop|restart|reload|status of a running system."""
    def script(word, status=0):
        out = machine.shell(f"/etc/init.d/diligence {word}; echo status $?")
        assert out.endswith(f"status {status}\n"), out
        return out

    def master():
        return machine.shell("cat /var/spool/postfix/pid/master.pid").strip()

    first = master()
    assert "is running" in script("status")
    script("reload")
    assert master() == first
    script("restart")
    assert master() != first
    script("stop")
    is_stopped(machine)
    assert "not running" in script("status", status=3)
    script("stop")
    script("start")
    wait_until(lambda: machine.listeners() & set(LOOPBACK), "port 25")
    script("start")
    script("nonsense", status=2)


def mail_program(machine):
    """echo | mail, as users do."""
    machine.shell("echo third letter | mail -s hello bruno", user="anne")
    machine.wait_mail("bruno", "third letter")


def is_stopped(machine):
    assert not machine.listeners() & set(LOOPBACK)

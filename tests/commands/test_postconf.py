"""postconf: what it shows of main.cf and master.cf, and how it changes them."""

import shutil

import pytest

from harness.instance import ROOT

MAIN_CF = """\
# about this host
compatibility_level = 3.6
myhostname = gw1.maison.mrs
# networks
mynetworks = 127.0.0.0/8,
# inside
  192.168.0.0/24
purple = blue
mydomain = ${purple}.org
"""


@pytest.fixture
def cf(instance):
    """An instance with the main.cf above; not started."""
    instance.write()
    (instance.config / "main.cf").write_text(MAIN_CF)
    return instance


def main_cf(cf):
    return (cf.config / "main.cf").read_text()


def test_show_one(cf):
    assert cf.run("postconf", "myhostname").stdout == "myhostname = gw1.maison.mrs\n"
    assert cf.run("postconf", "-h", "myhostname").stdout == "gw1.maison.mrs\n"
    assert cf.run("postconf", "-H", "myhostname").stdout == "myhostname\n"
    assert cf.run("postconf", "mydomain").stdout == "mydomain = ${purple}.org\n"
    assert cf.run("postconf", "-x", "mydomain").stdout == "mydomain = blue.org\n"
    assert cf.run("postconf", "-d", "mail_name").stdout == "mail_name = Postfix\n"
    assert cf.run("postconf", "-o", "purple=red", "-x", "mydomain").stdout == \
        "mydomain = red.org\n"
    done = cf.run("postconf", "no_such_name")
    assert "warning: no_such_name: unknown parameter" in done.stderr


def test_show_what_is_set(cf):
    assert cf.run("postconf", "-n").stdout == (
        "compatibility_level = 3.6\n"
        f"config_directory = {cf.config}\n"
        "mydomain = ${purple}.org\n"
        "myhostname = gw1.maison.mrs\n"
        "mynetworks = 127.0.0.0/8, 192.168.0.0/24\n"
        "purple = blue\n")


def test_show_all(cf):
    names = [line.split(" =")[0] for line in cf.run("postconf").stdout.splitlines()]
    assert len(names) > 1000
    assert names == sorted(names)
    assert "smtpd_recipient_restrictions" in names
    assert "relay_destination_rate_delay" in names
    assert not [n for n in names if n.startswith("transport_dest")]


def test_t5_s137_misspelt_name(cf):
    """S137, T5: the capital letter."""
    with open(cf.config / "main.cf", "a", encoding="ascii") as f:
        f.write("Myhostname = gargamel.isima.fr\n")
    done = cf.run("postconf", "-n")
    assert f"warning: {cf.config}/main.cf: unused parameter: " \
           "Myhostname=gargamel.isima.fr (did you mean `myhostname'?)" in done.stderr


def test_t6_missing_equals(cf):
    """T6: no command works, and the error says where to look."""
    with open(cf.config / "main.cf", "a", encoding="ascii") as f:
        f.write("debugger_command =\nPATH=/usr/bin\nxxgdb $daemon_directory & sleep 5\n")
    done = cf.run("postconf", "-n", check=False)
    assert done.returncode == 1
    assert f"fatal: {cf.config}/main.cf:12: missing '=' after attribute name" in done.stderr


def test_bad_value_is_shown_and_told(cf):
    with open(cf.config / "main.cf", "a", encoding="ascii") as f:
        f.write("max_idle = soon\n")
    done = cf.run("postconf", "max_idle")
    assert done.stdout == "max_idle = soon\n"
    assert f"{cf.config}/main.cf:10: parameter max_idle: bad time value" in done.stderr


def test_edit(cf):
    cf.run("postconf", "-e", "mynetworks = 10.0.0.0/8", "max_use=7")
    assert main_cf(cf) == (
        "# about this host\n"
        "compatibility_level = 3.6\n"
        "myhostname = gw1.maison.mrs\n"
        "# networks\n"
        "mynetworks = 10.0.0.0/8\n"
        "# inside\n"
        "purple = blue\n"
        "mydomain = ${purple}.org\n"
        "max_use = 7\n")
    cf.run("postconf", "max_use=8")
    assert cf.run("postconf", "-h", "max_use").stdout == "8\n"
    cf.run("postconf", "-#", "max_use")
    assert main_cf(cf).endswith("\n#max_use = 8\n")
    cf.run("postconf", "-X", "purple", "mydomain")
    assert "purple" not in main_cf(cf)


def test_edit_continued_line(cf):
    cf.run("postconf", "-#", "mynetworks")
    assert "#mynetworks = 127.0.0.0/8,\n# inside\n#  192.168.0.0/24\npurple" in main_cf(cf)


def test_edit_keeps_the_mode(cf):
    (cf.config / "main.cf").chmod(0o640)
    cf.run("postconf", "max_use=9")
    assert (cf.config / "main.cf").stat().st_mode & 0o777 == 0o640
    assert not list(cf.config.glob("*.tmp"))


def test_edit_refusals(cf):
    before = main_cf(cf)
    for arguments in (["-e", "novalue"], ["-e", "a=b\nc=d"], ["-e", "#x=y"], ["-X", "a=b"],
                      ["-e"], ["a=b", "c"], ["-e", "-X", "a"], ["-n", "-e", "a=b"]):
        assert cf.run("postconf", *arguments, check=False).returncode == 1, arguments
    assert main_cf(cf) == before


def test_services(cf):
    assert cf.run("postconf", "-M", "qmgr/unix").stdout == \
        "qmgr       unix  n       -       n       300     1       qmgr\n"
    assert cf.run("postconf", "-F", "qmgr/unix/wakeup").stdout == "qmgr/unix/wakeup = 300\n"
    cf.run("postconf", "-F", "-e", "qmgr/unix/wakeup=60")
    assert cf.run("postconf", "-F", "-h", "qmgr/unix/wakeup").stdout == "60\n"
    cf.run("postconf", "-P", "-e", "relay/unix/smtp_helo_timeout=5")
    cf.run("postconf", "-P", "-e", "relay/unix/syslog_name=x")
    assert cf.run("postconf", "-P").stdout == \
        "relay/unix/smtp_helo_timeout = 5\nrelay/unix/syslog_name = x\n"
    cf.run("postconf", "-PX", "relay/unix/syslog_name")
    assert cf.run("postconf", "-P").stdout == "relay/unix/smtp_helo_timeout = 5\n"
    cf.run("postconf", "-M#", "relay/unix")
    assert cf.run("postconf", "-M", "relay").stdout == ""
    assert "\n#relay " in (cf.config / "master.cf").read_text()
    cf.run("postconf", "-M", "-e", "new/unix=new unix - n n - - pipe flags=R argv=/bin/x y")
    assert cf.run("postconf", "-M", "new").stdout == \
        "new        unix  -       n       n       -       -       pipe flags=R argv=/bin/x y\n"
    cf.run("postconf", "-MX", "new/unix")
    assert cf.run("postconf", "-M", "new").stdout == ""


def test_table_types(cf):
    types = cf.run("postconf", "-m").stdout.split()
    assert {"hash", "lmdb", "regexp", "pcre", "cidr", "sqlite", "static"} <= set(types)


def test_s136_sample(cf):
    """S136: the sample has the headings that the courses name, and is in order."""
    sample = ROOT / "conf" / "main.cf"
    headings = ["SOFT BOUNCE", "LOCAL PATHNAME INFORMATION", "QUEUE AND PROCESS OWNERSHIP",
                "INTERNET HOST AND DOMAIN NAMES", "SENDING MAIL", "RECEIVING MAIL",
                "REJECTING MAIL FOR UNKNOWN LOCAL USERS", "TRUST AND RELAY CONTROL",
                "INTERNET OR INTRANET", "ADDRESS REWRITING", "ALIAS DATABASE",
                "DELIVERY TO MAILBOX", "DEBUGGING CONTROL"]
    lines = sample.read_text().splitlines()
    assert [h for h in headings if f"# {h}" not in lines] == []
    shutil.copy(sample, cf.config / "main.cf")
    shutil.copy(ROOT / "conf" / "master.cf", cf.config / "master.cf")
    assert cf.run("postconf", "-n").stderr == ""
    services = [line for line in (ROOT / "conf" / "master.cf").read_text().splitlines() if line[:1] not in " \t#"]
    assert len(cf.run("postconf", "-M").stdout.splitlines()) == len([line for line in services if line]) >= 26


# --- --why ---

def test_why_tells_state_owner_and_meaning(cf):
    assert cf.run("postconf", "--why", "message_size_limit").stdout.startswith("message_size_limit: obeyed\n    ")
    assert cf.run("postconf", "--why", "header_checks").stdout.endswith(
        "    of cleanup(8): part of smtpd(8), pickup(8) and bounce(8) here\n")
    accepted = cf.run("postconf", "--why", "berkeley_db_read_buffer_size").stdout
    assert accepted.startswith("berkeley_db_read_buffer_size: accepted without effect\n    ")


def test_why_of_a_service_s_own_form_and_of_a_default(cf):
    done = cf.run("postconf", "--why", "slow_destination_concurrency_limit")
    assert ("    a form of default_destination_concurrency_limit for the service \"slow\"\n" in done.stdout
            or 'for the service "slow"\n' in done.stdout), done.stdout
    assert "    where it is not set: default_destination_concurrency_limit\n" in done.stdout


def test_why_of_several_names_and_of_unknown_ones(cf):
    done = cf.run("postconf", "--why", "relayhost", "relayhots", check=False)
    assert done.returncode == 1 and done.stdout.startswith("relayhost: obeyed\n")
    assert "warning: relayhots: unknown parameter; did you mean relayhost?" in done.stderr
    assert cf.run("postconf", "--why", check=False).returncode == 1

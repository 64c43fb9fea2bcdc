"""postconf beside the real Postfix's: what it shows, how it edits, what it refuses.

S137, S163 and group H rest on what main.cf says; here both read the same files.
"""

import json

import pytest

from commands.differential import Cases, Pair
from harness.postfix import is_available

pytestmark = pytest.mark.skipif(not is_available(), reason="needs root and the postfix package")

MAIN_CF = """\
# about this host
compatibility_level = 3.6
myhostname = gw1.maison.mrs
# networks
mynetworks = 127.0.0.0/8,
# inside
  192.168.0.0/24
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
purple = blue
mydomain = ${purple}.org
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination, check_client_access hash:/etc/access, reject
relay_destination_concurrency_limit = 3
smtp_generic_maps =
mydestination = $myhostname, localhost.$mydomain, localhost
alias_maps = hash:/etc/aliases
"""
MASTER_CF = """\
# services
smtp      inet  n       -       n       -       -       smtpd
  -o smtpd_tls_security_level=none -o { smtpd_client_restrictions = permit_mynetworks, reject }
#submission inet n       -       n       -       -       smtpd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
        -o syslog_name=postfix/$service_name -o smtp_helo_name=$myhostname
#       -o smtp_helo_timeout=5 -o smtp_connect_timeout=5
local     unix  -       n       n       -       -       local
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient} and many more arguments to get a long line
"""
TEMPLATES = """\
failure_template = <<EOF
Charset: us-ascii
From: MAILER-DAEMON (Mail Delivery System)
Subject: Undelivered
Postmaster-Subject: Copy: undelivered

This is the mail system at host $myhostname.
  More in $delay_warning_time_hours.

EOF
delay_template = <<EOF
Charset: utf-8
From: M
Subject: Late
Postmaster-Subject: Copy: late

Late by $delay_warning_time_hours hours, $maximal_queue_lifetime_days days.
EOF
success_template = <<EOF
Charset: us-ascii
From: S
Subject: s

Good.
EOF
verify_template = <<EOF
Charset: us-ascii
From: V
Subject: v

Report.
EOF
"""

CASES = [
    ["myhostname"], ["-h", "myhostname"], ["-H", "myhostname"], ["mydomain"], ["-x", "mydomain"],
    ["-d", "mail_name"], ["-o", "purple=red", "-x", "mydomain"], ["no_such_name"], ["-n"], ["-nf"], ["-nx"],
    ["-nh"], ["-nH"], ["-n", "-C", "builtin"], ["-n", "-C", "service"], ["-n", "-C", "user"],
    ["-n", "-C", "all"], ["-C", "nonsense"], ["-C", "builtin,user", "-n"], ["-l"], ["-M"], ["-Mf"],
    ["-M", "smtp"], ["-M", "smtp/inet"], ["-M", "nosuch"], ["-Mx", "relay"], ["-F"], ["-F", "smtp/inet"],
    ["-F", "*/unix/wakeup"], ["-Fh", "smtp/inet/command"], ["-FH", "smtp/inet"], ["-Ff", "smtp/inet"], ["-P"],
    ["-P", "smtp/inet"], ["-P", "smtp/inet/smtpd_tls_security_level"], ["-Ph", "smtp/inet"], ["-PH"], ["-Pf"],
    ["-Px"], ["-T", "run-version"], ["-T", "public-key-algorithms"], ["-T", "bogus"],
    ["-e", "mynetworks = 10.0.0.0/8", "max_use=7"], ["max_use=8"], ["-#", "mynetworks"],
    ["-X", "purple", "mydomain"], ["-e", "novalue"], ['-e', 'a=b\nc=d'], ["-e", "#x=y"], ["-X", "a=b"], ["-e"],
    ["a=b", "c"], ["-e", "-X", "a"], ["-n", "-e", "a=b"], ["-e", "max_use="], ["-#", "nosuch"],
    ["-X", "nosuch"], ["-#", "a=b"], ["-e", "=x"], ["-X"], ["-#"],
    ["-M", "-e", "new/unix=new unix - n n - - pipe flags=R argv=/bin/x y"],
    ["-M", "-e", "smtp/inet=smtp inet n - n - - postscreen"], ["-M#", "relay/unix"], ["-MX", "relay/unix"],
    ["-M", "new/unix=new unix - - - - - x"], ["-Me", "relay/unix=bad"], ["-Me", "relay=bad"],
    ["-M#", "nosuch/unix"], ["-MX", "nosuch/unix"], ["-Me", "a/unix=b unix - - n - - smtp"],
    ["-Fe", "qmgr/unix/wakeup=60"], ["-F", "qmgr/unix/wakeup=60"], ["-Fe", "qmgr/unix/nonsense=60"],
    ["-Fe", "*/unix/chroot=y"], ["-Fe", "smtp/inet/command=smtpd -v"], ["-Fe", "nosuch/unix/chroot=y"],
    ["-F", "-X", "smtp/unix/wakeup"], ["-F", "-#", "smtp/unix/wakeup"],
    ["-Pe", "relay/unix/smtp_helo_timeout=5"], ["-P", "relay/unix/syslog_name=x"],
    ["-PX", "relay/unix/syslog_name"], ["-Pe", "smtp/inet/mynetworks=a b c"],
    ["-P#", "relay/unix/syslog_name"], ["-Pe", "*/unix/debug_peer_list=x"], ["-PX", "relay/unix/nosuch"],
    ["-Pe", "nosuch/unix/a=b"], ["-E"], ["-Z"], ["-m", "-l"], ["-M", "-F"], ["-d", "-e", "a=b"], ["-d", "-n"],
    ["-dh", "mynetworks"], ["-d", "relay_destination_concurrency_limit"],
    ["relay_destination_concurrency_limit"], ["local_destination_recipient_limit"],
    ["relay_destination_rate_delay"], ["-x", "relay_destination_rate_delay"], ["-P", "smtp/inet/nosuch"],
    ["-P", "nosuch/inet"], ["-F", "smtp/inet/nonsense"], ["-F", "nosuch"], ["-o", "bad", "myhostname"],
    ["-o", "max_use=7", "max_use"], ["-o", "max_use=7", "-n"], ["-p", "myhostname"],
    ["-f", "smtpd_recipient_restrictions"], ["purple"], ["-fd", "tls_medium_cipherlist"], ["-efX", "a"],
    ["-xhHe", "a=b"], ["-MfxX", "a"], ["-Ff", "-d"], ["-FPM"], ["-o", "a=b", "-m"],
    ["-T", "compile-version", "-m"], ["-d", "-o", "a=b"], ["-e", "-M"], ["-M#"], ["-PX"], ["-Me", "a"],
    ["-Fe", "a/b/c"], ["-Fe", "a/b=c"], ["-Pe", "a/b=c"], ["-PX", "a/b"], ["-MX", "a=b"], ["-P#", "a/b"],
    ["-PX", "a/b/c=d"], ["-b", "a", "b"], ["-b", "own.cf"], ["-t", "own.cf"], ["-bt"], ["-mn"], ["-lx"],
    ["-Ah"], ["-M", "-h"], ["-F", "-n"], ["-P", "-d"], ["-nx", "-C", "builtin"],
    ["-x", "mydestination", "myorigin"], ["-dx", "mail_version_missing"], ["-Mx"], ["-Fx", "relay"],
    ["-Px", "relay/unix"],
]


def prepare(both):
    both.main_cf(MAIN_CF)
    both.write("master.cf", MASTER_CF)
    both.write("own.cf", TEMPLATES)


@pytest.fixture
def pair(place):
    both = Pair(place / "etc")
    prepare(both)
    return both


@pytest.fixture(scope="module")
def cases():
    all_of_them = Cases(prepare, [(("postconf", arguments),) for arguments in CASES])
    yield all_of_them
    all_of_them.close()


def comments_apart(name, content):
    """master.cf with its comments taken out and behind: a changed service keeps the comments around it where
    they are, Postfix moves those behind the service in front of it."""
    if name != "master.cf":
        return content
    lines = content.split(b"\n")
    return [n for n in lines if n[:1] != b"#"] + sorted(n for n in lines if n[:1] == b"#")


@pytest.mark.parametrize("arguments", CASES, ids=" ".join)
def test_S137_as_postfix(cases, arguments):
    cases.compare((("postconf", arguments),), layout=comments_apart)


def settings(side, *options):
    lines = side("postconf", *options).stdout.splitlines()
    return {name: value.strip() for name, _, value in (line.partition(" =") for line in lines)}


# Names whose values differ, and why.
OTHER_VALUES = {
    "mail_version": "ours says 3.12.0, since it has what came after 3.7.11",
    "mail_release_date": "likewise",
    "milter_macro_v": "holds mail_version",
    "process_id": "another process",
    "address_verify_map": "default_cache_db_type, Postfix 3.11", "postscreen_cache_map": "likewise",
    "alias_maps": "there is no NIS here", "local_recipient_maps": "holds alias_maps", "proxy_read_maps": "likewise",
    "command_directory": "our programs may stand anywhere",
    "config_directory": "Postfix prints the built-in one for -d; ours the one at hand",
    "daemon_directory": "another program", "html_directory": "packages set it", "meta_directory": "likewise",
    "readme_directory": "likewise", "shlib_directory": "there are no shared libraries",
    "mailq_path": "beside the other commands", "newaliases_path": "likewise", "sendmail_path": "likewise",
    "milter_default_action": "shutdown, Postfix 3.12", "smtp_tls_security_level": "may, Postfix 3.11",
    "smtpd_sasl_type": "builtin, our own", "smtpd_tls_auth_only": "with it, passwords want TLS",
    "smtpd_forbid_bare_newline": "normalize, Postfix 3.9", "smtpd_forbid_unauth_pipelining": "yes, Postfix 3.9",
    "postscreen_expansion_filter": "3.7.11 prints $name, though -x was asked", "postscreen_reject_footer": "likewise",
}


@pytest.mark.parametrize("options", [["-d"], ["-dx"], [], ["-x"], ["-d", "-C", "service"], ["-C", "user"]], ids=" ".join)
def test_all_parameters_have_postfix_names_and_defaults(pair, options):
    """Every name that Postfix prints is known; values are the same but for the list above."""
    theirs, ours = settings(pair.theirs, *options), settings(pair.ours, *options)
    assert len(theirs) > (800 if "-C" not in options else 0)
    assert [name for name in theirs if name not in ours] == []
    other = {name: (theirs[name], ours[name]) for name in theirs if theirs[name] != ours[name]}
    assert {name: v for name, v in other.items() if name not in OTHER_VALUES} == {}


def test_names_that_only_ours_has(pair):
    """They are Postfix's from other releases (the registry of 3.12 has them), those of services that are
    ours alone, and few others."""
    theirs, ours = settings(pair.theirs, "-d"), settings(pair.ours, "-d")
    templates = [n for n in ours if n not in theirs and "_destination_" in n]
    assert templates == []
    of_our_services = ("auth_", "imap_", "login_", "pop3_", "store_", "sieve_", "managesieve_", "web")
    assert len([n for n in ours if n not in theirs and not n.startswith(of_our_services)]) < 150


def test_table_types(pair):
    """All of Postfix's, but for NIS, which is no more, and what a package adds."""
    theirs, ours = (set(side("postconf", "-m").stdout.split()) for side in (pair.theirs, pair.ours))
    assert theirs - ours - {"nis", "memcache", "socketmap", "tcp"} == set()


def test_built_in_templates(pair):
    """Our own words, in Postfix's frame: the same templates, headers and order."""
    for option in ("-b", "-t"):
        theirs, ours = (side("postconf", option, "").stdout for side in (pair.theirs, pair.ours))
        frame = [[line for line in text.splitlines() if line.endswith("<<EOF") or line == "EOF"
                  or line.startswith(("Charset:", "From:", "Subject:", "Postmaster-Subject:"))]
                 for text in (theirs, ours)]
        assert frame[0] == frame[1]


def test_sasl_types_and_tls(pair):
    assert "dovecot" in pair.ours("postconf", "-a").stdout.split()
    assert pair.ours("postconf", "-A").returncode == 0
    assert pair.ours("postconf", "-T", "compile-version").stdout.startswith("OpenSSL 3.")


def test_json(pair):
    """-j (Postfix 3.11): one object a line."""
    lines = pair.ours("postconf", "-nj").stdout.splitlines()
    values = {}
    for line in lines:
        values.update(json.loads(line))
    assert values["mynetworks"] == "127.0.0.0/8, 192.168.0.0/24" and values["purple"] == "blue"
    entry = json.loads(pair.ours("postconf", "-Mj", "qmgr/unix").stdout)
    assert entry == {"qmgr/unix": "qmgr       unix  n       -       n       300     1       qmgr"}
    field = json.loads(pair.ours("postconf", "-Fj", "qmgr/unix/wakeup").stdout)
    assert field == {"qmgr/unix/wakeup": "300"}
    pair.write("main.cf", 'myhostname = a.b\nodd = q"\\ \n')
    assert {"odd": 'q"\\'} in [json.loads(n) for n in pair.ours("postconf", "-jn", "-C", "all").stdout.splitlines()
                               + pair.ours("postconf", "-j", "odd").stdout.splitlines()]


def test_quiet(pair):
    """-q (Postfix 3.11): no warnings of unused names."""
    pair.main_cf("nosuchthing = 1\n")
    assert "unused parameter: nosuchthing=1" in pair.ours("postconf", "-n").stderr
    assert pair.ours("postconf", "-nq").stderr == ""


def test_comments_stay_where_they_are(pair):
    pair.ours("postconf", "-F", "relay/unix/chroot=y")
    text = (pair.directory / "master.cf").read_text()
    assert text.index("relay  ") < text.index("#       -o smtp_helo_timeout=5") < text.index("local ")
    assert text.startswith("# services\nsmtp      inet  n       -")

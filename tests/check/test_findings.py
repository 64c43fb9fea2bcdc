"""What else `diligence check` finds: one test per family (S115 to S161 where a row asks for it)."""

import os
import pathlib
import re
import shutil
import stat
import subprocess
import time

import pytest

from harness.instance import ROOT, STAGE


def only(configuration, status=0):
    found = configuration.check(status)
    assert len(found) == 1, "\n".join(found)
    return found[0]


# --- values and names ---

def test_comment_in_a_value(configuration):
    line = configuration.main("relayhost = smtp.wanadoo.fr # the provider\n")
    assert only(configuration) == (f'warning: main.cf:{line}: "# the provider" is part of the value of '
                                   "`relayhost'; put the comment on a line of its own")


def test_setting_given_twice(configuration):
    line = configuration.main("relayhost = a.example\nrelayhost = b.example\n")
    assert only(configuration) == (f"warning: main.cf:{line + 1}: overriding earlier entry: "
                                   "relayhost=a.example; the last one counts: delete the other")


def test_value_that_cannot_be_used(configuration):
    line = configuration.main("maximal_queue_lifetime = 5x\n")
    hit, = configuration.find(f"error: main.cf:{line}:", status=1)
    assert "maximal_queue_lifetime" in hit and "no program starts with this value" in hit


def test_parameter_of_a_later_release_and_one_without_effect(configuration):
    line = configuration.main("berkeley_db_read_buffer_size = 1\n")
    assert only(configuration).startswith(
        f"main.cf:{line}: parameter `berkeley_db_read_buffer_size' has no effect here: ")


def test_override_of_an_unknown_name(configuration):
    text = (configuration.config / "master.cf").read_text()
    configuration.file("master.cf", text.replace("-       smtpd\n", "-       smtpd -o smtpd_baner=x\n"))
    assert only(configuration) == ("warning: master.cf:1: unknown parameter `smtpd_baner'; did you mean "
                                   "`smtpd_banner'?")


def test_domain_in_two_classes(configuration):
    line = configuration.main("virtual_alias_domains = maison.mrs\n")
    hit, = configuration.find("BOTH mydestination and virtual_alias_domains")
    assert hit.startswith(f"warning: main.cf:{line}: ")


def test_S129_S138_comments_and_continuations_are_read(configuration):
    configuration.head = configuration.head.replace("mynetworks = 127.0.0.0/8\n", "")
    configuration.main("mynetworks = 192.168.102.0/24\n# inside\n#inet_interfaces = 192.168.102.101\n"
                       "  127.0.0.0/8\n")
    assert configuration.check() == []
    done = configuration.run("status")
    assert done.returncode == 1


def test_S135_name_that_stands_for_nothing(configuration):
    line = configuration.main("relayhost = [mail.$mydomian]\nmy_host = a\nrelay_domains = $my_host\n")
    assert only(configuration) == (f"warning: main.cf:{line}: $mydomian in `relayhost' stands for nothing; define "
                                   "it, or correct the name")


def test_S136_the_sample_configuration_has_no_findings(configuration):
    (configuration.config / "main.cf").write_text(
        configuration.head + (ROOT / "conf" / "main.cf").read_text().replace("/etc/aliases", "/etc/nowhere"))
    configuration.file("master.cf", (ROOT / "conf" / "master.cf").read_text())
    passed = ("overriding earlier entry", "/etc/nowhere")
    assert [line for line in configuration.check() if "warning: " in line
            and not any(word in line for word in passed)] == []


# --- tables ---

def test_S140_index_older_than_its_text(configuration):
    table = configuration.file("transport", "aol.com smtp:smtp.wanadoo.fr\n")
    configuration.main(f"transport_maps = lmdb:{table}\n")
    hit = only(configuration)
    assert f"transport.lmdb is missing; make it with: postmap lmdb:" in hit
    import subprocess
    from harness.instance import STAGE
    subprocess.run([STAGE / "bin" / "postmap", "-c", configuration.config, f"lmdb:{table}"], check=True, timeout=30)
    assert configuration.check() == []
    future = time.time() + 100
    os.utime(table, (future, future))
    assert only(configuration) == ("warning: transport: newer than transport.lmdb, which still has the old "
                                   "content; run: postmap lmdb:transport")


def test_aliases_in_a_table_type_that_has_none(configuration):
    configuration.head = configuration.head.replace("alias_maps = hash:", "alias_maps = texthash:")
    configuration.main("")
    assert "texthash: reads \"key value\" lines and no aliases; say hash:" in only(configuration)


def test_unknown_table_type(configuration):
    line = configuration.main("transport_maps = hsh:/etc/transport\n")
    assert only(configuration) == (f'warning: main.cf:{line}: transport_maps: no table type "hsh" in '
                                   '"hsh:/etc/transport"; did you mean hash?')


def test_types_of_other_systems(configuration):
    line = configuration.main("alias_maps = nisplus:[alias=%s];mail_aliases.org_dir\n")
    hit, = configuration.find('main.cf:.*table type "nisplus"')
    assert hit == (f'warning: main.cf:{line}: alias_maps: table type "nisplus" is not available here; NIS+ is gone '
                   "from every system; use ldap:")


def test_lines_of_a_table(configuration):
    table = configuration.file("virtual", "*@maison.mrs chris\nroot@maison.mrs\n"
                               'a@maison.mrs b@maison.mrs\na@maison.mrs c@maison.mrs\n"open x\n')
    configuration.main(f"virtual_alias_maps = texthash:{table}\n")
    found = configuration.check()
    assert found[0] == ('warning: virtual:1: nobody asks for "*@maison.mrs"; write "@maison.mrs" for all of a '
                        "domain")
    assert found[1] == ('warning: virtual:2: the line is passed over: "root@maison.mrs"; write "key value"')
    assert found[2].startswith('warning: virtual:4: "a@maison.mrs" stands already in line 3')
    assert found[3] == "warning: virtual:5: the line is passed over: a quote is not closed; close it"
    assert len(found) == 4


def test_network_as_a_key_and_unknown_action(configuration):
    table = configuration.file("access", "192.168.0.0/16 OK\n10 REJET\nisima.fr RELAY\n1.2.3 554 go away # x\n")
    configuration.main(f"smtpd_client_restrictions = check_client_access texthash:{table}\n")
    found = configuration.check()
    assert 'access:1: nobody asks for "192.168.0.0/16"' in found[0] and "use a cidr: table" in found[0]
    assert found[1] == 'warning: access:2: unknown action "REJET"; did you mean REJECT?'
    assert len(found) == 2


def test_transport_that_master_cf_has_not(configuration):
    table = configuration.file("transport", "aol.com stmp:x\nb.example smtp:[y]\nc.example uucp:z\n"
                               "d.example :[w]\n")
    line = configuration.main(f"transport_maps = texthash:{table}\nmailbox_transport = cyrus\n")
    found = configuration.check()
    assert found == [
        f'warning: main.cf:{line + 1}: mailbox_transport: master.cf has no transport "cyrus"; mail for it stays '
        "in the queue, add the service",
        'warning: transport:1: transport_maps: master.cf has no transport "stmp"; did you mean smtp?',
        'warning: transport:3: transport_maps: master.cf has no transport "uucp"; mail for it stays in the '
        "queue, add the service"]


# --- patterns ---

def test_patterns(configuration):
    table = configuration.file("header_checks", "/(/ REJECT\n/a^b/ REJECT\n/^Subject spam/ REJECT\n"
                               "/x/ REJET\n/x/ WARN\nif /y/\n/z/ DUNNO\n/./ INFO\n/late/ REJECT\n")
    configuration.main(f"header_checks = pcre:{table}\n")
    text = "\n".join(configuration.check())
    for line, words in ((1, "the rule is passed over"), (2, 'never matches: "^" in the middle'),
                        (3, "never matches: a header is"), (4, 'unknown action "REJET"; did you mean REJECT'),
                        (5, "/x/ is never reached: it stands already in line 4"),
                        (9, "an IF without its ENDIF")):
        assert f"header_checks:{line}: {words}" in text, text


def test_rule_behind_a_catch_all(configuration):
    table = configuration.file("clients", "10.0.0.0/8 OK\n10.1.0.0/16 REJECT\n192.168.1.1/24 OK\n")
    rules = configuration.file("senders", "/^a@/ REJECT\n/.*/ DUNNO\n/^b@/ REJECT\n")
    configuration.main(f"smtpd_client_restrictions = check_client_access cidr:{table},\n"
                       f"  check_sender_access regexp:{rules}\n")
    found = configuration.check()
    assert "clients:2: 10.1.0.0/16 is never reached: line 1 has all of it" in found[0]
    assert 'clients:3: the rule is passed over: non-null host address bits in "192.168.1.1/24"' in found[1]
    assert "senders:3: /^b@/ is never reached: line 2 matches everything" in found[2]
    assert len(found) == 3


# --- restrictions ---

def test_restrictions_that_are_never_reached(configuration):
    line = configuration.main("smtpd_recipient_restrictions = reject_unauth_destination, permit_mynetworks,\n"
                              "  reject_unauth_destination, permit, reject_unknown_sender_domain\n"
                              "smtpd_helo_restrictions = reject_invalid_hlo_hostname\n")
    found = configuration.check(status=1)
    assert [text.split(": ", 2)[2] for text in found[:3]] == [
        "smtpd_recipient_restrictions: reject_unauth_destination stands before permit_mynetworks, so nobody "
        "relays whom that would permit; put permit_mynetworks first",
        "smtpd_recipient_restrictions: reject_unauth_destination stands twice, the second has no effect; delete "
        "it",
        "smtpd_recipient_restrictions: reject_unknown_sender_domain is never reached: permit before it ends the "
        "list; put it in front"]
    assert found[3] == (f'error: main.cf:{line + 2}: smtpd_helo_restrictions: unknown restriction '
                        '"reject_invalid_hlo_hostname"; did you mean reject_invalid_helo_hostname?')


@pytest.mark.parametrize("text, words", [
    ("smtpd_relay_restrictions = permit\n", "reject_unauth_destination into one"),
    ("smtpd_relay_restrictions = permit, reject_unauth_destination\n", "nothing stops a stranger's mail"),
    ("smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = check_client_access static:OK, reject\n",
     "nothing stops a stranger's mail"),
    ("mynetworks = 127.0.0.0/8 [::]/0\n", "mynetworks has [::]/0"),
    ("mynetworks = 62.0.0.0/8\n", "more than one site has"),
    ("mynetworks_style = class\n", None),
])
def test_S252_open_relays(configuration, text, words):
    configuration.head = configuration.head.replace("mynetworks = 127.0.0.0/8\n", "")
    configuration.main(text)
    found = "\n".join(line for line in configuration.check(1 if "into one" in (words or "") else 0))
    assert (words or "mynetworks_style = class trusts") in found


def test_S254_backup_mx_for_everybody(configuration):
    text = "smtpd_relay_restrictions = permit_mynetworks, permit_mx_backup, reject_unauth_destination\n"
    line = configuration.main(text)
    hit = only(configuration)
    assert hit.startswith(f"warning: main.cf:{line}: smtpd_relay_restrictions: permit_mx_backup relays for everybody")
    configuration.main(text + "permit_mx_backup_networks = 192.0.2.0/24\n")
    assert configuration.check() == []


def test_S128_loopback_and_own_networks_are_no_open_relay(configuration):
    configuration.head = configuration.head.replace("mynetworks = 127.0.0.0/8\n", "")
    configuration.head = configuration.head.replace("inet_interfaces = loopback-only\n", "")
    configuration.main("mynetworks = 127.0.0.0/8 10.0.0.0/8 192.168.0.0/16 [fd00::]/8\ninet_interfaces = all\n")
    assert configuration.check() == []


# --- services ---

def test_services(configuration):
    text = (configuration.config / "master.cf").read_text()
    configuration.file("master.cf", text + "smtp unix - - n - - smtp\nodd unix - - n - - smptd\n"
                       "filter unix - n n - - pipe user=nosuchuser argv=/no/such/program\n")
    line = configuration.main("content_filter = filter:x\n")
    found = configuration.check(status=1)
    at = text.count("\n") + 1
    assert found[0].startswith(f"warning: master.cf:{at}: service smtp/unix stands already in line ")
    assert found[1] == f'error: master.cf:{at + 1}: service odd: no program "smptd"; did you mean smtpd?'
    assert found[2].startswith(f'warning: master.cf:{at + 2}: service filter, used in ') and \
        f"main.cf:{line}: cannot run /no/such/program" in found[2]
    assert found[3] == (f'warning: master.cf:{at + 2}: service filter: there is no user "nosuchuser"; make it, '
                        "or name another")


def test_S108_stock_master_cf(configuration):
    configuration.file("master.cf", (ROOT / "conf" / "master.cf").read_text())
    assert configuration.check() == []


# --- aliases ---

def test_S144_postmaster_and_loops(configuration):
    configuration.file("aliases.local", "root: chris\nchris: chris, x\na: b\nb: c\nc: a\n"
                       "list: :include:/no/such/list\nprog: \"|/no/such/program -x\"\n")
    assert [text.split(": ", 1)[1] for text in configuration.check()] == [
        'aliases.local: no alias for postmaster, whom every host must have (RFC 5321 4.5.1); add "postmaster: '
        'root" and run newaliases',
        "aliases.local:3: loop: a -> b -> c -> a; mail for it never arrives, take one step out",
        "aliases.local:6: list: cannot read the list /no/such/list; mail for it is deferred, make it",
        "aliases.local:7: prog: cannot run /no/such/program; install it, or correct the path"]


def test_loop_of_virtual_aliases(configuration):
    table = configuration.file("virtual", "a@v.example b@v.example\nb@v.example a@v.example\n"
                               "c@v.example c@v.example, root\n")
    configuration.main(f"virtual_alias_maps = texthash:{table}\nvirtual_alias_domains = v.example\n")
    assert only(configuration) == ("warning: virtual:1: loop: a@v.example -> b@v.example -> a@v.example; mail for "
                                   "it never arrives, take one step out")


# --- rights ---

def test_modes_of_the_configuration(configuration):
    secret = configuration.file("sasl_passwd", "isp.example chris:secret\n")
    line = configuration.main(f"smtp_sasl_password_maps = texthash:{secret}\n")
    (configuration.config / "master.cf").chmod(0o666)
    found = [text for text in configuration.check() if f"main.cf:{line}" not in text]
    assert found == [
        "warning: master.cf: group or other writable: master.cf; run: chmod go-w master.cf",
        "warning: sasl_passwd: has passwords and everybody may read it; run: chmod o-r sasl_passwd"]


@pytest.mark.skipif(os.getuid() != 0, reason="as root only")
def test_owner_of_the_configuration(configuration):
    os.chown(configuration.config / "main.cf", 65534, 65534)
    assert only(configuration).startswith("warning: main.cf: not owned by root: main.cf; run: chown root")


def test_copies_for_chroot_that_differ(configuration):
    configuration.check()
    copy = configuration.directory / "queue" / "etc"
    copy.mkdir()
    (copy / "services").write_text("old\n")
    (copy / "hosts").write_bytes(pathlib.Path("/etc/hosts").read_bytes())
    found = only(configuration)
    assert found == f"warning: {copy}/services and /etc/services differ"
    assert stat.S_IMODE(copy.stat().st_mode)


def test_damaged_messages_are_told(configuration):
    configuration.check()
    (configuration.directory / "queue" / "corrupt" / "351BD800081").write_text("x")
    assert "damaged message: " in only(configuration)


def test_messages_of_Postfix_in_the_queue(configuration):
    """The other system's queue files are told before they end in corrupt."""
    configuration.check()
    deferred = configuration.directory / "queue" / "deferred" / "3"
    deferred.mkdir()
    (deferred / "351BD800081").write_bytes(b"C_%15d %15d %15d %15d %15d %15d" % (200, 600, 1, 0, 200, 0) + b"T\x11" * 20)
    (deferred / "351BD800082").write_text("Coming soon: a message of our own\n" * 4)
    assert "has at least 1 messages of Postfix, which are not read here" in only(configuration)


# --- logins, certificates, owners, servers of tables ---

AUTH = "auth unix - n n - 1 auth\n"
SASL = ("smtpd_sasl_auth_enable = yes\nauth_password_maps = inline:{a=x}\nsmtpd_tls_security_level = may\n"
        "smtpd_tls_auth_only = yes\n")


def add_service(configuration, line):
    path = configuration.config / "master.cf"
    text = path.read_text() + line
    configuration.file("master.cf", text)
    return text.count("\n")


def test_logins_that_can_work_are_fine(configuration):
    add_service(configuration, AUTH)
    configuration.main(SASL)
    assert configuration.check() == []


def test_login_without_an_auth_service(configuration):
    line = configuration.main(SASL)
    assert only(configuration).startswith(f"warning: main.cf:{line}: users are to log in, and master.cf has no auth "
                                          "service")


def test_login_without_passwords(configuration):
    add_service(configuration, AUTH)
    line = configuration.main(SASL.replace("auth_password_maps = inline:{a=x}\n", ""))
    assert only(configuration).startswith(f"warning: main.cf:{line}: users are to log in, and nobody has a password")
    configuration.main(SASL.replace("auth_password_maps = inline:{a=x}\n", "auth_system_users = pam\n"))
    assert configuration.check() == []


def test_login_and_tls(configuration):
    add_service(configuration, AUTH)
    line = configuration.main(SASL.replace("auth_only = yes", "auth_only = no"))
    assert only(configuration).startswith(f"warning: main.cf:{line}: AUTH is offered without TLS")
    configuration.main(SASL.replace("level = may", "level = none"))
    assert only(configuration).startswith(f"warning: main.cf:{line}: AUTH is for encrypted sessions only")
    configuration.main(SASL.replace("auth_only = yes", "auth_only = no").replace("= may", "= encrypt"))
    assert configuration.check() == []


def test_login_that_gives_no_leave(configuration):
    add_service(configuration, AUTH)
    line = configuration.main(SASL + "smtpd_relay_restrictions = permit_mynetworks reject_unauth_destination\n")
    assert only(configuration).startswith(f"warning: main.cf:{line}: users log in and may then send no more than")
    configuration.main(SASL + "smtpd_relay_restrictions = mine\nsmtpd_restriction_classes = mine\n"
                       "mine = permit_sasl_authenticated reject_unauth_destination\n")
    assert configuration.check() == []


def test_submission_without_login(configuration):
    line = add_service(configuration, "127.0.0.1:587 inet n - n - - smtpd\n")
    assert only(configuration).startswith(f"warning: master.cf:{line}: service 127.0.0.1:587 is for users who log in")


def test_certificate_that_ends_soon(configuration):
    pair = configuration.directory / "pair.pem"
    make = ["openssl", "req", "-new", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=gw1.maison.mrs", "-keyout", pair, "-out", configuration.directory / "cert.pem"]
    subprocess.run([*make, "-days", "3"], check=True, capture_output=True, timeout=30)
    line = configuration.main(f"smtpd_tls_cert_file = {configuration.directory}/cert.pem\n"
                              f"smtpd_tls_key_file = {pair}\n")
    assert re.match(rf"warning: main\.cf:{line}: certificate /CN=gw1\.maison\.mrs in \S+/cert\.pem ends in [23] days "
                    r"\([-\d]+\): renew it$", only(configuration))
    subprocess.run([*make, "-days", "60"], check=True, capture_output=True, timeout=30)
    assert configuration.check() == []


def test_server_of_a_table_without_proxymap(configuration):
    line = configuration.main("virtual_alias_maps = tcp:127.0.0.1:9\n")
    assert only(configuration).startswith(f"warning: main.cf:{line}: virtual_alias_maps: tcp:127.0.0.1:9 is asked "
                                          "through proxymap, which master.cf has not")
    add_service(configuration, "proxymap unix - - n - - proxymap\n")
    assert configuration.check() == []


def test_berkeley_db_file_without_its_text(configuration):
    magic = b"\0" * 12 + (0x00061561).to_bytes(4, "little") + (9).to_bytes(4, "little") + b"\0" * 4076
    (configuration.config / "old.db").write_bytes(magic)
    configuration.main(f"transport_maps = hash:{configuration.config}/old\n")
    assert any(line.startswith("old.db: a Berkeley DB file of Postfix, which is read as it is") and
               "postmap hash:" in line for line in configuration.check())


@pytest.mark.skipif(os.getuid() != 0, reason="runs as another user")
def test_owners_that_are_not_given_without_root(configuration):
    line = configuration.main("virtual_uid_maps = static:5000\ncontent_filter = mine:\n")
    own = add_service(configuration, "mine unix - n n - - pipe user=nobody argv=/bin/cat\n")
    assert configuration.check() == []
    configuration.directory.chmod(0o755)
    shutil.chown(configuration.config, "nobody")
    done = subprocess.run(["setpriv", "--reuid", "nobody", "--clear-groups", "--regid", "nogroup",
                           STAGE / "bin/diligence", "-c", configuration.config, "check"], timeout=30,
                          capture_output=True, text=True, check=False)
    assert re.search(rf"main\.cf:{line}: virtual_uid_maps has no effect: not run by root", done.stderr), done.stderr
    assert re.search(rf"master\.cf:{own}: service mine: user= has no effect: not run by root", done.stderr)

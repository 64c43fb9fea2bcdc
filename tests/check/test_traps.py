"""The twelve traps in the sources' own examples: `diligence check` finds each (T1 to T12)."""

import subprocess

from harness.instance import STAGE


def postmap(configuration, *arguments):
    return subprocess.run([STAGE / "bin" / "postmap", "-c", configuration.config, *arguments], timeout=30,
                          capture_output=True, text=True, check=True).stdout


def test_good_configuration_has_no_findings(configuration):
    assert configuration.check() == []


def test_T1_S148_comment_becomes_part_of_the_address(configuration):
    table = configuration.file("sender_canonical",
                               "root christian.caleca@free.fr # L'administrateur (moi)\n")
    configuration.main(f"sender_canonical_maps = hash:{table}\n")
    postmap(configuration, f"hash:{table}")
    assert postmap(configuration, "-q", "root", f"hash:{table}") == \
        "christian.caleca@free.fr # L'administrateur (moi)\n"
    assert configuration.check() == [
        'warning: sender_canonical:1: the comment "# L\'administrateur (moi)" is part of the result '
        '"christian.caleca@free.fr # L\'administrateur (moi)"; put it on a line of its own']


def test_T2_S160_line_that_starts_with_white_space(configuration):
    table = configuration.file("header_checks", "  /^X-Odd:/ IGNORE\n/^X-Even:/ IGNORE\n")
    configuration.main(f"header_checks = regexp:{table}\n")
    assert configuration.check() == [
        'warning: header_checks:1: the rule is passed over, for it starts with white space: '
        '"/^X-Odd:/ IGNORE"; take the white space away']
    table.write_text("/^X-Even:/ IGNORE\n  /^X-Odd:/ IGNORE\n")
    configuration.find(r"header_checks:2: the line starts with white space and so goes on with the rule")


def test_T3_S158_pattern_for_a_bare_address(configuration):
    table = configuration.file("header_checks", "/^from: * chose@public\\.com$/ REJECT\n")
    configuration.main(f"header_checks = regexp:{table}\n")
    hit, = configuration.find(r"header_checks:1: matches")
    assert '"from: chose@public.com" and not "from: Name <chose@public.com>"' in hit
    assert "write /^from:.*chose@public\\.com/" in hit
    table.write_text("/^from:.*chose@public\\.com/ REJECT\n")
    assert configuration.check() == []


def test_T4_S161_file_of_nearly_the_name(configuration):
    configuration.file("header_checks", "/^X-Odd:/ IGNORE\n")
    configuration.file("sender_canonical", "root chris@free.fr\n")
    line = configuration.main(f"header_checks = regexp:{configuration.config}/headers_checks\n"
                              f"sender_canonical_maps = hash:{configuration.config}/sender-canonical\n")
    assert configuration.check() == [
        f"warning: main.cf:{line}: header_checks: no file headers_checks; there is a file header_checks, "
        "is that the one?",
        f"warning: main.cf:{line + 1}: sender_canonical_maps: no file sender-canonical; there is a file "
        "sender_canonical, is that the one?"]


def test_T5_S137_misspelt_parameter(configuration):
    line = configuration.main("Myhostname = gargamel.isima.fr\n")
    assert configuration.check() == [
        f"warning: main.cf:{line}: unknown parameter `Myhostname'; did you mean `myhostname'?"]


def test_T6_continuation_without_white_space(configuration):
    line = configuration.main("debugger_command =\nPATH=/usr/bin:/usr/X11R6/bin\n"
                              "xxgdb $daemon_directory/$process_name $process_id & sleep 5\n")
    found = configuration.check(status=1)
    assert found == [
        f"warning: main.cf:{line + 1}: `PATH' is read as a parameter of its own and `debugger_command' stays "
        "empty; if it goes on with that value, put white space in front of it",
        f"error: main.cf:{line + 2}: missing '=' after attribute name: \"xxgdb $daemon_directory/$process_name "
        "$process_id & sleep 5\"; if it goes on with the value of `debugger_command', put white space in front "
        "of it"]
    configuration.main("debugger_command =\n PATH=/usr/bin\n xxgdb $process_name $process_id & sleep 5\n")
    assert [line for line in configuration.check() if "later release" not in line] == []


def test_T7_S115_greeting_without_host_name(configuration):
    line = configuration.main("smtpd_banner = ESMTP $mail_name\n")
    assert configuration.check() == [
        f'warning: main.cf:{line}: the greeting "ESMTP Postfix" does not start with the host name, which '
        "RFC 5321 4.2 demands; say smtpd_banner = $myhostname ESMTP $mail_name"]
    configuration.main("smtpd_banner = $myhostname ESMTP $mail_name (Debian)\n")
    assert configuration.check() == []


def test_T8_received_headers_removed_from_all_mail(configuration):
    table = configuration.file("header_checks", "/^Received:*/ IGNORE\n")
    configuration.main(f"header_checks = regexp:{table}\n")
    hit, = configuration.find("header_checks:1: removes the trace")
    assert "hopcount_limit" in hit and "use smtp_header_checks" in hit
    configuration.main(f"smtp_header_checks = regexp:{table}\n")
    assert configuration.check() == []


def test_T9_S142_postmap_on_a_regexp_file_is_harmless(configuration):
    table = configuration.file("header_checks", "/^X-Odd:/ IGNORE\n")
    configuration.main(f"header_checks = regexp:{table}\n")
    postmap(configuration, str(table))
    assert postmap(configuration, "-q", "X-Odd: 1", f"regexp:{table}") == "IGNORE\n"
    assert configuration.check() == [
        "header_checks.db: nobody reads it: regexp tables are read from their text; delete it"]


def test_T10_the_queues_are_those_of_Postfix(configuration):
    """The sources count five queues, "mailbox" among them: that one is no queue."""
    configuration.check()
    made = {path.name for path in (configuration.directory / "queue").iterdir()}
    assert {"maildrop", "incoming", "active", "deferred", "hold", "corrupt"} <= made
    assert {"defer", "bounce", "trace", "flush", "saved", "pid", "private", "public"} <= made
    assert "mailbox" not in made


def test_T11_two_files_a_message_is_sendmails_queue(configuration):
    """MH has one file a message; qf and df are sendmail's, and nobody here reads them."""
    configuration.check()
    queue = configuration.directory / "queue"
    for name in ("qfSAA07439", "dfSAA07439", "qfSAA07440"):
        (queue / name).write_text("x\n")
    hit, = configuration.find("sendmail queue")
    assert "1 messages of a sendmail queue (two files each, qf and df)" in hit


def test_T12_promiscuous_relay(configuration):
    """FEATURE(promiscuous_relay) in terms of main.cf."""
    line = configuration.main("mynetworks = 0.0.0.0/0\n")
    hit, = configuration.find("open relay")
    assert hit == (f"warning: main.cf:{line}: open relay: mynetworks has 0.0.0.0/0, so everybody may send "
                   "mail to everywhere; name your own networks")

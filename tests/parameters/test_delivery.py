"""What parameters of local(8), virtual(8), pipe(8) and qmgr(8) change, a row for each.

A row's settings belong to a transport; the log tells what became of the mail.
"""

import getpass
import os
import pwd
import re
import shutil
import time

import pytest

from harness.instance import wait_until

from .site import Site

USER = "daemon" if os.getuid() == 0 else getpass.getuser()
ALIASES = ("inline:{ {command = |/bin/true}, {file = /nowhere/file}, {list = a@sink.example}, "
           "{owner-list = boss@sink.example}, {owner = |/bin/true} }")
# Parameter, value, other settings, recipient, the log with it and without it.
LOCAL = [
    ("allow_mail_to_commands", "", {}, "command", "bounced .*command is restricted", "sent"),
    ("allow_mail_to_files", "", {}, "file", "bounced .*file is restricted",
     "(deferred|bounced) .*/nowhere/file"),
    ("fallback_transport", "error:5.1.1 not even there", {}, "ghost",
     "bounced .*not even there", "bounced .*unknown user"),
    ("fallback_transport_maps", "inline:{ {ghost = error:5.1.1 mapped} }", {}, "ghost",
     "bounced .*mapped", "bounced .*unknown user"),
    ("mailbox_transport_maps", f"inline:{{ {{ {USER} = discard:mapped }} }}", {}, USER,
     r"sent \(mapped\)", r"sent \(delivered to mailbox\)"),
    ("mailbox_command_maps", f"inline:{{ {{ {USER} = exit 67 }} }}", {}, USER,
     "bounced .*user unknown", r"sent \(delivered to mailbox\)"),
    ("local_command_shell", "/bin/false -c", {"mailbox_command": "true"}, USER,
     "bounced .*status 1", "sent .*command"),
    ("local_delivery_status_filter", "pcre:{{/^5(.*)/ 4$$1}}", {}, "ghost", "deferred", "bounced"),
    ("mailbox_size_limit", "300", {"message_size_limit": "250"}, USER,
     "(bounced|deferred) .*(mailbox|large|limit)", "sent"),
    ("command_time_limit", "1s", {"mailbox_command": "sleep 3"}, USER,
     "bounced .*time limit", "sent"),
    ("command_execution_directory", "/", {"mailbox_command": "test $(pwd) = / || exit 67"}, USER,
     "sent", "bounced"),
    ("command_expansion_filter", "abc", {"recipient_delimiter": "+", "mailbox_command":
     "test 'a%b' = \"$EXTENSION\" || exit 67"}, USER + "+a%b", "bounced", "sent"),
    ("stale_lock_time", "1s", {"mailbox_delivery_lock": "dotlock", "deliver_lock_attempts": "2",
     "deliver_lock_delay": "1s"}, USER, "sent", "deferred .*lock"),
    ("sun_mailtool_compatibility", "yes", {"mailbox_delivery_lock": "fcntl", "deliver_lock_attempts": "1"}, USER,
     "deferred .*lock", "sent"),
    ("execution_directory_expansion_filter", "x", {"recipient_delimiter": "+", "command_execution_directory":
     "/$extension", "mailbox_command": "test $(pwd) = /tmp || exit 67"}, USER + "+tmp", "deferred .*working directory", "sent"),
    ("forward_expansion_filter", "abcdefghijklmnopqrstuvwxyz", {"recipient_delimiter": "+",
     "forward_path": "ROOM/$extension"}, USER + "+to.nobody", r"sent \(delivered to mailbox\)",
     r"sent \(delivered to command: true\)"),
    ("owner_request_special", "no", {"recipient_delimiter": "-"}, "owner-nolist", "sent .*command",
     "bounced .*unknown user"),
]
if os.getuid() == 0:  # a user whose home is not there
    LOCAL.append(("require_home_directory", "yes", {}, "nobody", "deferred .*home", "sent"))
LOCKED = ("stale_lock_time", "sun_mailtool_compatibility")


@pytest.fixture(scope="module")
def site(room, net):
    sink = net.host("mx.sink.example")
    one = Site(room / "a", net, alias_maps=ALIASES, local_transport="local:",
               local_recipient_maps="",
               relay_domains="example")
    one.sink = sink
    where = f"[{sink.address}]:{net.port}"
    one.route("sink.example", f"smtp:{where}")
    forward = room / "to.nobody"
    forward.write_text("|true\n")
    shutil.chown(forward, USER)
    for number, (name, value, settings, *_) in enumerate(LOCAL):
        settings = {key: text.replace("ROOM", str(room)) for key, text in settings.items()}
        one.client(f"with{number}", "local", **{name: value}, **settings)
        one.client(f"without{number}", "local", **settings)
    for name in ("few", "slow", "narrow", "usual", "paced", "paced2"):
        one.client(name, "smtp", where)
    one.route("paced2.example", f"paced:{where}")
    one.route("relayed.example", f"relay:{where}")
    one.route("lmtped.example", f"lmtp:{where}")
    one.set(relay_destination_recipient_limit="1", lmtp_destination_recipient_limit="1",
            paced_transport_rate_delay="1s", maillog_file_permissions="0644",
            notify_classes="bounce, 2bounce, protocol", bounce_notice_recipient="one@sink.example",
            error_notice_recipient="error@sink.example")
    one.set(double_bounce_sender="twice", hash_queue_names="deferred", hash_queue_depth="2",
            process_id_directory="pids", empty_address_default_transport_maps_lookup_key="nobody",
            sender_dependent_default_transport_maps="inline:{ { nobody = discard:from nobody } }")
    one.set(**{"2bounce_notice_recipient": "two@sink.example"})
    one.extra_services += ("failing unix - n n - - pipe\n"
                           "    -o { pipe_delivery_status_filter = pcre:{{/^5(.*)/ 4$$1}} }\n"
                           f"    user={USER} argv=/bin/false\n")
    one.route("failing.example", "failing:")
    one.set(few_destination_recipient_limit="1", slow_destination_rate_delay="1s",
            narrow_destination_concurrency_limit="1", narrow_initial_destination_concurrency="1")
    one.client("expand", "local", expand_owner_alias="yes")
    one.client("noexpand", "local")
    one.server("history", smtpd_history_flush_threshold="1")
    one.server("nohistory")
    (room / "boxes").mkdir()
    shutil.chown(room / "boxes", USER)
    for name, lock in (("locked", "dotlock"), ("unlocked", "fcntl")):
        one.client(name, "virtual", virtual_mailbox_lock=lock, virtual_mailbox_maps="static:box",
                   virtual_mailbox_base=room / "boxes", virtual_minimum_uid="1", deliver_lock_attempts="1",
                   virtual_uid_maps=f"static:{pwd.getpwnam(USER).pw_uid}",
                   virtual_gid_maps=f"static:{pwd.getpwnam(USER).pw_gid}")
    one.client("undelivered", "local", prepend_delivered_header="")
    one.client("boxes", "virtual", virtual_delivery_status_filter="pcre:{{/^5(.*)/ 4$$1}}")
    one.write()
    one.queue.joinpath("pids").mkdir()
    with one:
        yield one


def outcome(site, domain, user):
    site.send("chris@maison.mrs", f"{user}@{domain}.example", "Subject: x\n\n" + "hello\n" * 60)
    line = site.wait_log(rf"to=<{re.escape(user)}@{domain}\.example>.* status=", patience=15)[0]
    return line.split("status=", 1)[1]


@pytest.mark.parametrize("number", range(len(LOCAL)), ids=lambda n: LOCAL[n][0])
def test_local(site, number):
    """With the setting and without it the mail goes another way."""
    name, _, _, user, with_it, without = LOCAL[number]
    lock = site.spool / f"{USER}.lock"
    if name in LOCKED:
        lock.touch()
        shutil.chown(lock, USER)
    found = outcome(site, f"without{number}", user)
    assert re.match(without, found), found
    found = outcome(site, f"with{number}", user)
    assert re.match(with_it, found), found
    lock.unlink(missing_ok=True)


def arrived(site, text):
    return wait_until(lambda: [m for m in site.sink.messages if text.encode() in m.content], text)


def test_owner_of_a_list(site):
    """expand_owner_alias: errors go to the owner, not to owner-list."""
    for name, sender in (("expand", "boss@sink.example"), ("noexpand", "owner-list@")):
        site.send("chris@maison.mrs", f"list@{name}.example", f"Subject: {name} it\n\nhello\n")
        message = arrived(site, f"Subject: {name} it")[0]
        assert message.sender.startswith(sender), message.sender


@pytest.mark.parametrize("value", ["yes", "no"])
def test_aliases_of_aliases(room, net, value):
    """frozen_delivered_to: Delivered-To names the address that came, or the last alias on the way.
    reset_owner_alias: a list without an owner forgets that of the list around it, for which others on this
    host get a message of their own."""
    one = Site(room / f"aliases-{value}", net, local_transport="local:", local_recipient_maps="",
               alias_maps=f"inline:{{ {{outer = mine}}, {{mine = {USER}}}, {{list = mine}}, {{owner-list = mine}} }}",
               frozen_delivered_to=value, reset_owner_alias=value)
    with one:
        one.send("chris@maison.mrs", "outer@maison.mrs", "Subject: aliased\n\nhello\n")
        one.wait_log(r"orig_to=<outer@maison\.mrs>.* status=sent")
        name = re.search(rb"(?m)^Delivered-To: (.*)@", one.mbox(USER))[1].decode()
        assert name == ("outer" if value == "yes" else "mine")
        one.send("chris@maison.mrs", "list@maison.mrs", "Subject: again\n\nhello\n")
        line = one.wait_log(r"to=<list@maison\.mrs>.* status=sent")[0]
        assert line.endswith("(delivered to mailbox)") == (value == "yes"), line


def test_lock_of_virtual_mailboxes(site, room):
    """virtual_mailbox_lock: a dotlock is minded, or is not"""
    (room / "boxes/box.lock").touch()
    assert outcome(site, "locked", "someone").startswith("deferred")
    assert outcome(site, "unlocked", "someone").startswith("sent")


def test_history_of_a_session(site):
    """smtpd_history_flush_threshold: lines from before RSET are left out of the report"""
    for name, is_there in (("history", False), ("nohistory", True)):
        site.talk(name, "EHLO x", f"NOOP {name}", "NOOP more", "RSET", "FROB", f"NOOP end of {name}", "QUIT")
        report = arrived(site, f"NOOP end of {name}")[0].content
        assert (f"In:  NOOP {name}\r\n".encode() in report) == is_there


def test_delivered_header(site):
    """prepend_delivered_header"""
    site.send("chris@maison.mrs", f"{USER}@undelivered.example", "Subject: bare\n\nhello\n")
    site.wait_log(rf"to=<{USER}@undelivered\.example>.* status=sent")
    text = site.mbox(USER).split(b"Subject: bare")[0].rsplit(b"\nFrom ", 1)[-1]
    assert b"Delivered-To" not in text


def test_recipients_of_one_delivery(site):
    """few_destination_recipient_limit: a template's form, and default_destination_recipient_limit"""
    for name, deliveries in (("few", 2), ("usual", 1)):
        site.send("chris@maison.mrs", [f"a@{name}.example", f"b@{name}.example"],
                  f"Subject: {name} of them\n\nhello\n")
        site.wait_log(rf"to=<[ab]@{name}\.example>.* status=sent", count=2)
        assert len(arrived(site, f"Subject: {name} of them")) == deliveries


@pytest.mark.parametrize("name", ["relayed", "lmtped"])
def test_recipient_limit_of_stock_services(site, name):
    """relay_destination_recipient_limit lmtp_destination_recipient_limit"""
    site.send("chris@maison.mrs", [f"a@{name}.example", f"b@{name}.example"],
              f"Subject: {name} apart\n\nhello\n")
    site.wait_log(rf"to=<[ab]@{name}\.example>.* status=sent", count=2)
    assert len(arrived(site, f"Subject: {name} apart")) == 2


def test_transport_rate_delay(site):
    """paced_transport_rate_delay: transport_transport_rate_delay, whatever the destination"""
    for name in ("paced", "paced2"):
        site.send("chris@maison.mrs", f"a@{name}.example", "Subject: paced\n\nhello\n")
    site.wait_log(r"to=<a@paced2?\.example>.* status=sent", count=2)
    one, two = sorted(m.at for m in arrived(site, "Subject: paced"))
    assert two - one > 0.9


def test_status_filters(site):
    """pipe_delivery_status_filter virtual_delivery_status_filter: what would bounce waits"""
    for name in ("failing", "boxes"):
        found = outcome(site, name, "nobody-there")
        assert found.startswith("deferred"), found


def test_notices(site):
    """bounce_notice_recipient 2bounce_notice_recipient error_notice_recipient, from
    double_bounce_sender"""
    site.send("chris@sink.example", "ghost@maison.mrs", "Subject: lost\n\nhello\n")
    site.send("", "ghost@maison.mrs", "Subject: lost twice\n\nhello\n")
    site.dialogue("EHLO x", "FROB", "QUIT")
    for user in ("one", "two", "error"):
        found = wait_until(lambda: [m for m in site.sink.messages
                                    if m.recipients == [f"{user}@sink.example"]], user)
        assert found[0].sender.startswith("twice@"), found[0].sender


def test_null_sender_has_a_way(site):
    """empty_address_default_transport_maps_lookup_key"""
    site.send("", "a@far.test", "Subject: x\n\nhello\n")
    site.wait_log(r"to=<a@far\.test>.* status=sent \(from nobody\)")


def test_places(site):
    """hash_queue_names hash_queue_depth process_id_directory: where files are"""
    assert outcome(site, "failing", "waiting").startswith("deferred")
    wait_until(lambda: [p for p in (site.queue / "deferred").glob("?/?/*") if p.is_file()],
               "a file two directories deep")
    assert (site.queue / "pids/master.pid").exists()


def test_mode_of_the_log(site):
    """maillog_file_permissions"""
    assert site.log_file.stat().st_mode & 0o777 == 0o644


def test_rate_delay(site):
    """slow_destination_rate_delay: a pause between deliveries, one recipient a delivery"""
    for number in range(2):
        site.send("chris@maison.mrs", f"a{number}@slow.example", "Subject: slowly\n\nhello\n")
    site.wait_log(r"to=<a\d@slow\.example>.* status=sent", count=2)
    one, two = sorted(m.at for m in arrived(site, "Subject: slowly"))
    assert two - one > 0.9


def test_concurrency(site):
    """narrow_destination_concurrency_limit: one at a time"""
    def slowly(session, line):
        time.sleep(0.3)
    site.sink.on("BODY", slowly)
    most = {}
    for name in ("narrow", "usual"):
        site.sink.most_at_once = 0
        for number in range(4):
            site.send("chris@maison.mrs", f"a{number}@{name}.example", f"Subject: {name}\n\nx\n")
        site.wait_log(rf"to=<a\d@{name}\.example>.* status=sent", count=4)
        most[name] = site.sink.most_at_once
    site.sink.usual("BODY")
    assert most["narrow"] == 1 and most["usual"] > 1, most

"""What parameters of local(8), virtual(8), pipe(8) and qmgr(8) change, a row for each.

A row's settings belong to a transport; the log tells what became of the mail.
"""

import getpass
import os
import re

import pytest

from harness.instance import wait_until

from .site import Site

USER = "daemon" if os.getuid() == 0 else getpass.getuser()
ALIASES = ("inline:{ {command = |/bin/true}, {file = /nowhere/file}, {list = a@sink.example}, "
           "{owner-list = boss@sink.example} }")
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
    ("propagate_unmatched_extensions", "", {"recipient_delimiter": "+"}, "list+x", "sent", "sent"),
]


@pytest.fixture(scope="module")
def site(room, net):
    sink = net.host("mx.sink.example")
    one = Site(room / "a", net, alias_maps=ALIASES, local_transport="local:",
               local_recipient_maps="", smtp_destination_concurrency_limit="2",
               relay_domains="example")
    one.sink = sink
    where = f"[{sink.address}]:{net.port}"
    one.route("sink.example", f"smtp:{where}")
    for number, (name, value, settings, *_) in enumerate(LOCAL):
        one.client(f"with{number}", "local", **{name: value}, **settings)
        one.client(f"without{number}", "local", **settings)
    for name in ("few", "slow", "narrow", "usual", "filter"):
        one.client(name, "smtp", where)
    one.set(few_destination_recipient_limit="1", slow_destination_rate_delay="1s",
            narrow_destination_concurrency_limit="1", narrow_initial_destination_concurrency="1")
    one.client("expand", "local", expand_owner_alias="yes")
    one.client("noexpand", "local")
    one.client("undelivered", "local", prepend_delivered_header="")
    one.client("box", "virtual", **VIRTUAL)
    one.client("boxfilter", "virtual", virtual_delivery_status_filter="pcre:{{/^5(.*)/ 4$$1}}",
               **VIRTUAL)
    with one:
        yield one


VIRTUAL = {"virtual_mailbox_base": "/", "virtual_uid_maps": f"static:{os.getuid() or 1}",
           "virtual_gid_maps": f"static:{os.getgid() or 1}", "virtual_minimum_uid": "1"}


def outcome(site, domain, user):
    site.send("chris@maison.mrs", f"{user}@{domain}.example", "Subject: x\n\n" + "hello\n" * 60)
    line = site.wait_log(rf"to=<{re.escape(user)}@{domain}\.example>.* status=", patience=15)[0]
    return line.split("status=", 1)[1]


@pytest.mark.parametrize("number", range(len(LOCAL)), ids=lambda n: LOCAL[n][0])
def test_local(site, number):
    """With the setting and without it the mail goes another way."""
    _, _, _, user, with_it, without = LOCAL[number]
    found = outcome(site, f"without{number}", user)
    assert re.match(without, found), found
    found = outcome(site, f"with{number}", user)
    assert re.match(with_it, found), found


def arrived(site, text):
    return wait_until(lambda: [m for m in site.sink.messages if text.encode() in m.content], text)


def test_owner_of_a_list(site):
    """expand_owner_alias: errors go to the owner, not to owner-list."""
    for name, sender in (("expand", "boss@sink.example"), ("noexpand", "owner-list@")):
        site.send("chris@maison.mrs", f"list@{name}.example", f"Subject: {name} it\n\nhello\n")
        message = arrived(site, f"Subject: {name} it")[0]
        assert message.sender.startswith(sender), message.sender


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


def test_rate_delay(site):
    """slow_destination_rate_delay: a pause between deliveries, one recipient a delivery"""
    for number in range(2):
        site.send("chris@maison.mrs", f"a{number}@slow.example", "Subject: slowly\n\nhello\n")
    site.wait_log(r"to=<a\d@slow\.example>.* status=sent", count=2)
    one, two = sorted(m.at for m in arrived(site, "Subject: slowly"))
    assert two - one > 0.9


def test_concurrency(site):
    """narrow_destination_concurrency_limit: one at a time; smtp_destination_concurrency_limit"""
    site.sink.most_at_once = 0
    for number in range(4):
        site.send("chris@maison.mrs", f"a{number}@narrow.example", "Subject: narrow\n\nhello\n")
    site.wait_log(r"to=<a\d@narrow\.example>.* status=sent", count=4)
    assert site.sink.most_at_once <= 1

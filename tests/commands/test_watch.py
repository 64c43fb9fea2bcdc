"""diligence watch: one place to see what happens to a message (S193)."""

import os
import subprocess

from harness.instance import STAGE, wait_until


def send(instance, sender, recipient):
    identity = instance.send(sender, [recipient])
    instance.wait_log(f"{identity}: removed")
    return identity


def start(instance):
    return instance.set(default_transport="discard", mynetworks="127.0.0.0/8").start()


def test_s193_what_was(instance):
    """-a with an address or a queue ID: each line of those messages, none of others."""
    start(instance)
    first = send(instance, "chris@maison.mrs", "eme13@enprovence.com")
    second = send(instance, "chris@maison.mrs", "other@wanadoo.example")
    for word in (first, "EME13@enprovence.com"):
        lines = instance.run("diligence", "watch", "-a", word, config_first=True).stdout.splitlines()
        assert not any(second in line for line in lines)
        for part in ("client=", "message-id=", "from=<chris", "to=<eme13", "removed"):
            assert sum(f"{first}: " in line and part in line for line in lines) == 1, (part, lines)
    whole = instance.run("diligence", "watch", "-a", config_first=True).stdout
    assert whole == instance.log()


def test_s193_what_happens(instance, place):
    """Live, across a rotation of the log, by a user who may only read it."""
    start(instance.set(maillog_file_permissions="0644"))
    shown = place / "shown"
    command = [STAGE / "bin/diligence", "-c", instance.config, "watch", "sylvie@"]
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    with open(shown, "w", encoding="utf-8") as out, \
            subprocess.Popen(command, stdout=out, stderr=out, **user) as process:
        try:
            one = wait_until(lambda: seen(instance, shown), "a line of the first message")
            instance.log_file.rename(instance.log_file.with_suffix(".old"))
            instance.run("diligence", "reload", config_first=True)
            wait_until(lambda: seen(instance, shown) not in (None, one), "a line of the new log")
        finally:
            process.kill()
    assert "loulou@" not in shown.read_text()


def seen(instance, shown):
    """Send to two people; the ID of the last message whose end was shown."""
    instance.send("chris@maison.mrs", ["loulou@wanadoo.example"])
    identity = instance.send("chris@maison.mrs", ["sylvie@wanadoo.example"])
    try:
        wait_until(lambda: f"{identity}: removed" in shown.read_text(), "the end", patience=1)
    except AssertionError:
        return None
    return identity

"""Maildirs as other programs know them: places, names, flags, folders, quota; S237, S113.

The reader is Python's mailbox module, which knows nothing of ours.
"""

import mailbox
import os
import pathlib
import re

import pytest

from harness.instance import wait_until

from .people import CHRIS, IS_ROOT, user_id
from .test_dsn import Report

HERE = "gw1.maison.mrs"
OWNER = user_id(CHRIS) if IS_ROOT else os.getuid()
QUOTA = {"maildir_quota_enable": "yes"}


@pytest.fixture
def gw(gateway):
    """With virtual users below boxes/, who are one account of the host."""
    boxes = pathlib.Path(gateway.directory) / "boxes"
    boxes.mkdir()
    os.chown(boxes, OWNER, -1)
    return gateway.set(
        virtual_mailbox_domains="virt.mrs", virtual_mailbox_base=boxes, recipient_delimiter="+",
        virtual_mailbox_maps="inline:{{pierre@virt.mrs = pierre/}, {pierre+listes@virt.mrs = pierre/.Listes.c/}}",
        virtual_uid_maps=f"static:{OWNER}", virtual_gid_maps=f"static:{os.stat(boxes).st_gid or 8}",
        virtual_minimum_uid="1", smtpd_peername_lookup="no")


def box(gw, name="pierre"):
    return pathlib.Path(gw.directory) / "boxes" / name


def post(gw, to, subject="x", text="corps\n", sender=f"x@{HERE}"):
    qid = gw.send(sender, to, f"Subject: {subject}\n\n{text}")
    gw.wait_removed(qid)
    return qid


def limit(path, quota):
    """What `maildirmake -q QUOTA` leaves in a Maildir."""
    for part in ("tmp", "new", "cur"):
        (path / part).mkdir(parents=True)
    (path / "maildirsize").write_text(f"{quota}\n0 0\n")
    for one in [path, *path.iterdir()]:
        os.chown(one, OWNER, -1)


def test_places_names_and_flags(gw):
    """S237: a file in new/, whole; a reader moves it to cur/ with flags; nothing stays in tmp/."""
    gw.start()
    post(gw, "pierre@virt.mrs", "un", "From ici\n.\n")
    name, = os.listdir(box(gw) / "new")
    status = (box(gw) / "new" / name).stat()
    assert re.fullmatch(rf"\d+\.M\d+Q\w+R[0-9a-f]{{16}}\.{re.escape(HERE)},S={status.st_size}", name)
    assert (status.st_mode & 0o777, status.st_uid) == (0o600, OWNER)
    reader = mailbox.Maildir(box(gw), create=False)
    key, = reader.keys()
    message = reader[key]
    assert (message["Subject"], message.get_subdir(), message.get_flags()) == ("un", "new", "")
    assert message.get_payload() == "From ici\n.\n"
    message.set_subdir("cur")
    message.set_flags("RS")
    reader[key] = message
    post(gw, "pierre@virt.mrs", "deux")
    reader = mailbox.Maildir(box(gw), create=False)
    assert sorted((m["Subject"], m.get_subdir(), m.get_flags()) for m in reader) == [
        ("deux", "new", ""), ("un", "cur", "RS")]
    assert not os.listdir(box(gw) / "tmp")


def test_delivery_into_a_folder(gw):
    """S237: an address whose mailbox is a Maildir++ folder; readers find it as a folder of the Maildir."""
    gw.start()
    post(gw, "pierre@virt.mrs", "boîte")
    post(gw, "pierre+listes@virt.mrs", "liste")
    folder = box(gw) / ".Listes.c"
    assert sorted(os.listdir(folder)) == ["cur", "maildirfolder", "new", "tmp"]
    reader = mailbox.Maildir(box(gw), create=False)
    assert reader.list_folders() == ["Listes.c"]
    assert [m["Subject"] for m in reader.get_folder("Listes.c")] == ["liste"]
    assert len(reader) == 1 and folder.stat().st_uid == OWNER


def test_local_delivery_into_a_folder(gw):
    """S237, S113: mail_spool_directory with a / behind it; an alias names a folder."""
    spool = gw.spool / CHRIS
    table = gw.table("aliases.folder", f"listes: {spool}/.Listes/\n")
    gw.set(mail_spool_directory=f"{gw.spool}/", alias_maps=table, default_privs=CHRIS).start()
    post(gw, f"{CHRIS}@{HERE}", "boîte")
    post(gw, f"listes@{HERE}", "liste")
    reader = mailbox.Maildir(spool, create=False)
    assert reader.list_folders() == ["Listes"]
    assert [m["Subject"] for m in reader.get_folder("Listes")] == ["liste"]


def test_quota_of_messages(gw):
    """S237: the third message is refused and comes back; the count is kept for other programs."""
    limit(box(gw), "0S,2C")
    gw.set(**QUOTA).start()
    post(gw, "pierre@virt.mrs")
    post(gw, "pierre+listes@virt.mrs")
    lines = (box(gw) / "maildirsize").read_text().splitlines()
    assert lines[0] == "0S,2C" and [line.split()[1] for line in lines[1:]] == ["0", "1", "1"]
    sizes = [int(re.search(r",S=(\d+)", p.name)[1]) for p in box(gw).glob("**/new/*")]
    assert sorted(int(line.split()[0]) for line in lines[2:]) == sorted(sizes)
    qid = post(gw, "pierre@virt.mrs", sender=f"{CHRIS}@{HERE}")
    gw.wait_log(rf"postfix/virtual\[\d+\]: {qid}: to=<pierre@virt\.mrs>, relay=virtual, .*dsn=5\.2\.2, "
                r"status=bounced \(maildir delivery failed: the mailbox is full: its quota is 0S,2C, and \d+ "
                r"bytes in 2 messages are there\)")
    text = wait_until(lambda: gw.mbox(CHRIS), "the report")
    assert Report(text).recipients[0]["Status"] == "5.2.2"
    assert len(list(box(gw).glob("**/new/*"))) == 2


def test_quota_of_bytes(gw):
    """S237: what the reader removes, makes room again; Trash does not count."""
    limit(box(gw), "5000S")
    gw.set(**QUOTA).start()
    post(gw, "pierre@virt.mrs", text="x" * 60 + "\n")
    qid = post(gw, "pierre@virt.mrs", text=("x" * 60 + "\n") * 80)
    gw.wait_log(rf"{qid}: to=<pierre@virt\.mrs>.*dsn=5\.2\.2, status=bounced ")
    post(gw, "pierre@virt.mrs", text=("x" * 60 + "\n") * 60)
    qid = post(gw, "pierre@virt.mrs", text=("x" * 60 + "\n") * 20)
    gw.wait_log(rf"{qid}: to=<pierre@virt\.mrs>.*dsn=5\.2\.2, status=bounced ")
    trash = mailbox.Maildir(box(gw)).add_folder("Trash")
    big = max((box(gw) / "new").iterdir(), key=lambda p: p.stat().st_size)
    big.rename(pathlib.Path(trash._path) / "cur" / (big.name + ":2,S"))
    with (box(gw) / "maildirsize").open("a") as file:  # as the reader's program tells it
        file.write(f"-{(pathlib.Path(trash._path) / 'cur' / (big.name + ':2,S')).stat().st_size} -1\n")
    qid = post(gw, "pierre@virt.mrs", text=("x" * 60 + "\n") * 20)
    gw.wait_log(rf"{qid}: to=<pierre@virt\.mrs>.*status=sent \(delivered to maildir\)")


def test_quota_is_obeyed_when_asked(gw):
    """S237: without maildir_quota_enable the file says nothing, as with Postfix; local mail knows it too."""
    limit(box(gw), "0S,1C")
    limit(gw.spool / CHRIS, "0S,1C")
    gw.set(mail_spool_directory=f"{gw.spool}/").start()
    for _ in range(2):
        post(gw, "pierre@virt.mrs")
        post(gw, f"{CHRIS}@{HERE}")
    assert len(os.listdir(box(gw) / "new")) == len(os.listdir(gw.spool / CHRIS / "new")) == 2
    gw.stop()
    gw.set(**QUOTA).start()
    for to in ("pierre@virt.mrs", f"{CHRIS}@{HERE}"):
        post(gw, to)  # the file still says that there is room; what comes is counted from here on
        qid = post(gw, to)
        gw.wait_log(rf"{qid}: to=<{re.escape(to)}>.*dsn=5\.2\.2, status=bounced \(maildir delivery failed: "
                    "the mailbox is full: ")


def test_largest_file(gw):
    """virtual_mailbox_limit: the largest file of a Maildir; what is larger comes back with 5.2.2."""
    gw.set(virtual_mailbox_limit="3000", message_size_limit="3000").start()
    qid = post(gw, "pierre@virt.mrs", text=("x" * 60 + "\n") * 45, sender="")
    gw.wait_log(rf"{qid}: to=<pierre@virt\.mrs>.*dsn=5\.2\.2, status=bounced \(maildir delivery failed: ")
    qid = post(gw, "pierre@virt.mrs", text=("x" * 60 + "\n") * 30)
    gw.wait_log(rf"{qid}: to=<pierre@virt\.mrs>.*status=sent")

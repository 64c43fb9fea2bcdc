"""A full disk: 452 for what does not fit, nothing lost of what was acknowledged."""

import os
import subprocess

import pytest

from harness.instance import wait_until

from .ledger import Ledger, mailbox_instance

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="mounting a small file system needs root")


@pytest.fixture
def small_queue(new_instance):
    """An instance whose queue lies on 24 MB."""
    instance = mailbox_instance(new_instance, defer_transports="virtual",
                                message_size_limit="200000", queue_journal_segment_size="2097152")
    instance.queue.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs",
                    str(instance.queue)], check=True)
    yield instance
    instance.stop()
    subprocess.run(["umount", "-l", str(instance.queue)], check=False)


def test_full_disk(small_queue):
    """S098: 4.3.1 while there is no room, service again when there is."""
    instance = small_queue.start()
    filler = instance.queue / "filler"
    ledger = Ledger(instance)
    for _ in range(20):
        assert ledger.send_one()
    with filler.open("wb") as big:
        try:
            while True:
                big.write(b"\0" * 65536)
                big.flush()
        except OSError:
            pass
    wait_until(lambda: not ledger.send_one(), "a refusal: the disk is full")
    assert instance.log_lines(r"452 4\.3\.1|4\.3\.1|[Nn]o space|not enough free space")
    filler.unlink()
    wait_until(ledger.send_one, "service after the disk has room again")
    instance.set(defer_transports="").reload()
    instance.run("postqueue", "-f")
    ledger.settle()

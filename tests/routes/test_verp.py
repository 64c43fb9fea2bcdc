"""VERP: a return address for each recipient, and what comes back to it (VERP_README)."""

import re

import pytest

from harness.instance import wait_until

from .people import CHRIS, run_as
from .test_dsn import wait_report

LIST = f"{CHRIS}@gw1.maison.mrs"
NO = "550 5.1.1 no such user here"
TWO = ["a@enprovence.com", "b@enprovence.com"]


@pytest.fixture
def host(net):
    return net.domain("enprovence.com")


def senders(host, count):
    wait_until(lambda: sum(len(m.recipients) for m in host.messages) >= count, "the mail")
    return sorted((m.sender, *m.recipients) for m in host.messages)


@pytest.mark.parametrize("option,delimiters", [("-XV", "+="), ("-XV-=", "-=")])
def test_sendmail_asks(gateway, host, option, delimiters):
    """S171: sendmail -XV: each recipient gets a copy with a sender of its own."""
    gateway.start()
    run_as("root", gateway, "sendmail", option, "-f", LIST, *TWO, stdin="Subject: x\n\nx\n")
    one, two = delimiters
    local, domain = LIST.split("@")
    assert senders(host, 2) == [(f"{local}{one}{n}{two}enprovence.com@{domain}",
                                 f"{n}@enprovence.com") for n in "ab"]


@pytest.mark.parametrize("option", ["-XV/=", "-XV+", "-XV+=-"])
def test_bad_delimiters(gateway, option):
    """Anything but two characters of verp_delimiter_filter is refused at once."""
    gateway.start()
    done = run_as("root", gateway, "sendmail", option, "-f", LIST, *TWO, stdin="x\n", check=False)
    assert done.returncode != 0
    assert not gateway.queue_ids()


@pytest.mark.parametrize("disabled", ["no", "yes"])
def test_bounces(gateway, host, disabled):
    """S195: a report for each recipient to its own sender, or with disable_verp_bounces one to all."""
    host.on("RCPT", *[NO] * 8)
    gateway.set(disable_verp_bounces=disabled, recipient_delimiter="+").start()
    run_as("root", gateway, "sendmail", "-XV", "-f", LIST, *TWO, stdin="Subject: x\n\nx\n")
    wait_report(gateway, count=1 if disabled == "yes" else 2)
    gateway.wait_queue_empty()
    to = re.findall(rb"(?m)^To: (\S+)$", gateway.mbox(CHRIS).split(b"\nSubject: x\n")[0])
    told = sorted(re.findall(r"to=<(\S+enprovence\.com@gw1\.maison\.mrs|" + re.escape(LIST) + ")>",
                             "\n".join(gateway.log_lines("postfix/local"))))
    own = [f"{CHRIS}+{n}=enprovence.com@gw1.maison.mrs" for n in "ab"]
    assert told == ([LIST] if disabled == "yes" else own), to

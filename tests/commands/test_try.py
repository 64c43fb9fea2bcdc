"""diligence try: the dialogue with a server, with the meaning of each reply, and the relay test."""

import re

import pytest

from harness.instance import free_port


def attempt(instance, *words):
    return instance.run("diligence", "try", *words, config_first=True, check=False)


def site(instance, mynetworks="127.0.0.9/32", **parameters):
    """Knows anne@maison.mrs; relays for nobody."""
    return instance.set(mydestination="maison.mrs", mydomain="maison.mrs", mynetworks=mynetworks,
                        local_recipient_maps="inline:{anne=x}", local_transport="discard:", smtpd_error_sleep_time="0",
                        smtpd_relay_restrictions="", smtpd_recipient_restrictions="permit_mynetworks, reject_unauth_destination",
                        **parameters).start()


@pytest.fixture
def running(instance):
    return site(instance)


def test_S179_dialogue_shows_each_reply_and_its_meaning(running):
    done = attempt(running)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.match(rf"connected to inet:127\.0\.0\.1:{running.port}\n"
                    r"< 220 gw1\.maison\.mrs ESMTP Postfix.*\n= 220: the server is ready; say EHLO\n"
                    r"> EHLO gw1\.maison\.mrs\n< 250-gw1\.maison\.mrs\n", done.stdout), done.stdout
    assert "= PIPELINING: takes several commands at once (RFC 2920)\n" in done.stdout
    assert "= 250: the server knows our name and lists what it can do\n" in done.stdout
    assert done.stdout.endswith("> QUIT\n< 221 2.0.0 Bye\n= 221: the server closes the connection\n")


def test_S179_sends_one_message_when_asked(running):
    done = attempt(running, "--from", "x@maison.mrs", "--to", "anne@maison.mrs")
    assert done.returncode == 0, done.stdout
    assert "= 354: send the message now; a line with a dot alone ends it\n" in done.stdout
    queued = re.search(r"< 250 2\.0\.0 Ok: queued as (\w+)\n= 250: the message is on the server's disk", done.stdout)
    running.wait_log(rf"{queued[1]}: to=<anne@maison\.mrs>.*status=sent")


def test_S179_refusals_and_statuses(running):
    done = attempt(running, "--to", "nobody@maison.mrs")
    assert done.returncode == 1
    assert "= 550: there is no such mailbox\n" in done.stdout and "DATA" not in done.stdout
    assert attempt(running, "--to", "x@example.com").returncode == 1
    gone = attempt(running, f"127.0.0.1:{free_port()}")
    assert gone.returncode == 75 and "Connection refused" in gone.stdout
    for words in (["--to", "a\r\nRCPT TO:<b>"], ["one", "two"], ["--bogus"], ["--relay", "--to", "a@b"]):
        assert attempt(running, *words).returncode == 64


def test_S204_no_form_of_address_relays(running):
    """Percent, quotes, bang and routes against the own server, as a client from nowhere."""
    done = attempt(running, "--relay")
    assert done.returncode == 0, done.stdout
    assert "\nno relay: all 18 probes are refused\n" in done.stdout
    for form in (r"percent: <relay-test%example.com@maison.mrs> 55\d",
                 r'quotes: <"relay-test@example.com"> 55\d',
                 r"bang: <example.com!relay-test> 55\d",
                 r"route: <@maison.mrs:relay-test@example.com> 55\d"):
        assert re.search(f"^pass: {form}$", done.stdout, re.M), done.stdout
    assert "\n> DATA" not in done.stdout


def test_S204_an_open_relay_is_found(instance):
    site(instance, mynetworks="127.0.0.1/32")
    done = attempt(instance, "--relay", f"127.0.0.1:{instance.port}")
    assert done.returncode == 1, done.stdout
    assert re.search(r"^FAIL: foreign recipient: <relay-test@example.com> 250$", done.stdout, re.M)
    assert re.search(r"^FAIL: percent: ", done.stdout, re.M)


def test_S204_a_trusted_host_is_no_stranger(instance):
    site(instance, mynetworks="127.0.0.0/8")
    done = attempt(instance, "--relay")
    assert done.returncode == 75 and "no test: this host is one of mynetworks" in done.stdout


def test_S204_xclient_makes_a_stranger(instance):
    site(instance, mynetworks="127.0.0.0/8", smtpd_authorized_xclient_hosts="127.0.0.1")
    done = attempt(instance, "--relay")
    assert done.returncode == 0, done.stdout
    assert "> XCLIENT ADDR=192.0.2.1 NAME=[UNAVAILABLE]\n" in done.stdout

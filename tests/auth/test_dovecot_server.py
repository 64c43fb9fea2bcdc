"""dovecot-auth line by line: what other programs that know Dovecot's socket see."""

import base64
import socket

import pytest

from harness.instance import Instance, free_port


def b64(text):
    return base64.b64encode(text.encode()).decode()


@pytest.fixture(name="lines")
def fixture_lines(place):
    """A greeted connection: say(line), hear() a line."""
    site = Instance(place, auth_password_maps="inline:{tim={PLAIN}secret}",
                    auth_failure_delay="0")
    port = free_port()
    site.extra_services = f"127.0.0.1:{port} inet n - n - - dovecot-auth\n"
    with site, socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        yield Lines(connection)


class Lines:
    def __init__(self, connection):
        self.file = connection.makefile("rwb")
        self.greeting = list(iter(self.hear, "DONE"))

    def hear(self):
        return self.file.readline().decode().rstrip("\n")

    def say(self, *lines):
        self.file.write("".join(line + "\n" for line in lines).encode("latin-1"))
        self.file.flush()


def test_greeting(lines):
    """Version, mechanisms with what they lack, identities; none that needs the channel."""
    assert lines.greeting[0] == "VERSION\t1\t1"
    assert "MECH\tPLAIN\tplaintext\tdictionary\tactive" in lines.greeting
    assert not any("-PLUS" in line for line in lines.greeting)
    assert any(line.startswith("COOKIE\t") for line in lines.greeting)


def test_logins_side_by_side(lines):
    """Several logins on one connection are told apart by their numbers."""
    lines.say("VERSION\t1\t1", "CPID\t7", "AUTH\t1\tLOGIN\tservice=smtp",
              "AUTH\t2\tLOGIN\tservice=smtp")
    assert {lines.hear(), lines.hear()} == {f"CONT\t{n}\t{b64('Username:')}" for n in "12"}
    lines.say(f"CONT\t2\t{b64('tim')}")
    assert lines.hear().startswith("CONT\t2\t")
    lines.say(f"CONT\t2\t{b64('secret')}")
    assert lines.hear() == "OK\t2\tuser=tim"
    lines.say("CANCEL\t1", f"AUTH\t3\tPLAIN\tservice=smtp\tresp={b64(chr(0) + 'tim' + chr(0) + 'no')}")
    assert lines.hear() == "FAIL\t3\tuser=tim"


@pytest.mark.parametrize("bad", [
    "", "AUTH", "AUTH\t0\tPLAIN", "AUTH\tx\tPLAIN", "AUTH\t99999999999\tPLAIN", "CONT\t",
    "CONT\t1", "NONSENSE\t1", "VERSION\t9\t0", "AUTH\t4\tPLAIN\tresp=!!", "\0\1\2"])
def test_nonsense(lines, bad):
    """A line that makes no sense is passed over; the connection serves on."""
    lines.say(bad, f"AUTH\t5\tPLAIN\tservice=smtp\tresp={b64(chr(0) + 'tim' + chr(0) + 'secret')}")
    answers = [lines.hear()]
    while not answers[-1].startswith(("OK\t5", "FAIL\t5")) and answers[-1]:
        answers.append(lines.hear())
    assert answers[-1] == "OK\t5\tuser=tim"


def test_endless_nonsense(lines):
    """Who says nothing but nonsense is hung up on."""
    lines.say(*["NONSENSE"] * 20)
    assert lines.file.readline() == b""

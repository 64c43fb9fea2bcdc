"""One server for all tests of a module; each test has a folder of its own."""

import itertools

import pytest

from harness.mailboxes import MailServer

USERS = {"jo@example.com": "secret", "ann@example.com": "geheim", "max@example.com": "mot"}
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(module_place):
    one = MailServer(module_place, USERS)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def session(server):
    """jo's session, nothing selected."""
    with server.imap("jo@example.com") as one:
        yield one


@pytest.fixture
def folder(session):
    """A fresh mailbox of jo's, selected."""
    name = f"f{next(numbers)}"
    session.ok(f"CREATE {name}")
    session.ok(f"SELECT {name}")
    session.folder = name
    return session

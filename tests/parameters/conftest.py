"""Fixtures: an Internet and a system on it, once for all cases of a file."""

import pathlib
import shutil
import tempfile

import pytest

from testnet.internet import Internet


@pytest.fixture(scope="module")
def net():
    with Internet() as one:
        yield one


@pytest.fixture(scope="module")
def room():
    """A short, world-searchable directory for the file's instances."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="dil."))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)

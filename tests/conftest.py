"""Fixtures: a mail system per test, on loopback, in a temporary directory."""

import contextlib
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness.instance import Instance  # noqa: E402


def pytest_configure(config):
    """The mark of pytest-xdist is known where xdist is not, too."""
    config.addinivalue_line("markers", "xdist_group(name): tests that one process runs in order")


def pytest_itemcollected(item):
    """Tests that share what a fixture starts for a whole module go to one process: it starts once.

    Where a parameter "group" or "sql" says which of several things is shared, those are apart.
    """
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    if item.get_closest_marker("xdist_group") or not any(f[-1].scope == "module" for f in fixtures):
        return
    params = item.callspec.params if hasattr(item, "callspec") else {}
    which = params.get("group") or params.get("sql") or "all"
    item.add_marker(pytest.mark.xdist_group(f"{item.module.__name__} {which}"))


@contextlib.contextmanager
def short_directory():
    """World-searchable, with a short name: socket names have little room."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="dil."))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def place():
    """A directory for one test."""
    with short_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def module_place():
    """A directory for all tests of a module."""
    with short_directory() as directory:
        yield directory


@pytest.fixture
def instance(place):
    """An instance that is not yet started; stopped at the end."""
    one = Instance(place / "a")
    yield one
    one.stop()


@pytest.fixture
def new_instance(place):
    """A factory for several instances in one test."""
    made = []

    def make(name, **parameters):
        made.append(Instance(place / name, **parameters))
        return made[-1]

    yield make
    for one in made:
        one.stop()

"""Fixtures of the whole-system tests: an Internet, and systems that are connected to it."""

import shutil

import pytest

from harness.instance import Instance
from testnet.internet import Internet

from .people import ALIASES, IS_ROOT, open_directory, setgid_stage


@pytest.fixture
def net():
    with Internet() as one:
        yield one


@pytest.fixture
def connect(place, net):
    """A factory for systems with addresses of their own on NET; not yet started."""
    made = []

    def make(hostname="gw1.maison.mrs", address=None, **parameters):
        address = address or f"127.10.0.{1 + len(made)}"
        settings = net.parameters(smtp_bind_address=address, mynetworks="127.0.0.1, 127.10.0.0/28",
                                  mydestination=hostname)
        settings.update(parameters)
        instance = Instance(place / f"i{len(made)}", hostname=hostname, address=address,
                            port=net.port, **settings)
        made.append(instance)
        return net.join(instance)

    yield make
    for instance in made:
        instance.stop()


@pytest.fixture
def gateway(connect):
    """gw1.maison.mrs with the course's aliases, not yet started."""
    instance = connect()
    aliases = instance.table("aliases", ALIASES)
    return instance.set(alias_maps=aliases, alias_database=aliases)


@pytest.fixture(scope="session")
def installed_stage():
    """The programs with the group rights of an installed system; needs root."""
    if not IS_ROOT:
        pytest.skip("set-gid programs need root")
    directory = open_directory()
    yield setgid_stage(directory)
    shutil.rmtree(directory, ignore_errors=True)

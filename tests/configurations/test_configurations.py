"""Complete configurations of real sites: each is checked, started and used.

The sources' own, Debian's, and the examples of Postfix's documentation, rewritten (S012, S107,
S108, P rows S246 to S258, S280). Each set names its rows in expect.toml.
"""

import pytest

from testnet.internet import Internet

from .world import HERE, SETS, World, load


@pytest.mark.parametrize("name", SETS)
def test_configuration(name, place):
    with Internet() as net, World(name, place / "w", net) as world:
        assert world.findings() == []
        for number, step in enumerate(world.expect["step"], 1):
            world.play(number, step)
        assert not world.log_lines(r"(fatal|panic): ")


def test_there_are_enough_and_each_says_what_it_shows():
    assert len(SETS) >= 25
    for name in SETS:
        expect = load(name)
        assert expect["about"] and expect["step"], name
    assert sorted(path.name for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__") == SETS

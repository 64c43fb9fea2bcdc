"""Which of these tests go to one process when several run: those that share running servers."""

import pytest


def pytest_itemcollected(item):
    """A pair of servers starts once: cases of one "group", or all of a module that has one pair."""
    if {"sides", "outs"} & set(item.fixturenames):
        group = item.callspec.params.get("group", "all")
        item.add_marker(pytest.mark.xdist_group(f"{item.module.__name__} {group}"))

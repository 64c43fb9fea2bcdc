"""Limits of the stock services: a site for each value, since they go by the service's name."""

import time

import pytest

from .site import Site


@pytest.mark.parametrize("name", ["smtp", "lmtp"])
def test_one_at_a_time(room, net, name):
    """smtp_destination_concurrency_limit lmtp_destination_concurrency_limit"""
    most = {}
    for limit in ("1", "5"):
        host = net.host(f"{name}{limit}.host.example")
        host.on("BODY", lambda session, line: time.sleep(0.3))
        one = Site(room / f"{name}{limit}", net, relay_domains="example")
        one.set(**{f"{name}_destination_concurrency_limit": limit})
        one.route("one.example", f"{name}:[{host.address}]:{net.port}")
        with one:
            for number in range(4):
                one.send("chris@maison.mrs", f"a{number}@one.example")
            one.wait_log(r"to=<a\d@one\.example>.* status=sent", count=4)
        most[limit] = host.most_at_once
    assert most["1"] == 1 and most["5"] > 1, most

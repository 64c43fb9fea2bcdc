"""tcp: and socketmap: tables against small servers, and what servers may do wrong."""

from .fake_servers import Lines, Netstrings, serve


def test_tcp(tables):
    answers = {"chris@maison.mrs": "200 chris@gw1.maison.mrs",
               "two words": "200 one%20value%25", "caf\u00e9": "200 coffee",
               "later": "400 ask again", "odd": "hello", "half": "200 %4",
               "long": "200 " + "x" * 5000, "gone": None}
    with serve(Lines, answers) as server:
        table = f"tcp:127.0.0.1:{server.server_address[1]}"
        assert tables.get(table, "chris@maison.mrs") == "chris@gw1.maison.mrs"
        assert tables.get(table, "two words") == "one value%"
        assert tables.get(table, "caf\u00e9") == "coffee"
        assert tables.get(table, "nobody") is None
        assert "ask again" in tables.get(table, "later")
        assert "malformed reply" in tables.get(table, "odd")
        assert "malformed reply" in tables.get(table, "half")
        assert "longer than 4096 bytes" in tables.get(table, "long")
        assert "lost connection" in tables.get(table, "gone")
        before = server.connections
        done = tables.run("postmap", "-q", "-", table, stdin="chris@maison.mrs\ntwo words\n")
        assert done.stdout == "chris@maison.mrs\tchris@gw1.maison.mrs\ntwo words\tone value%\n"
        assert server.connections == before + 1, "one connection for many questions"
    assert "Connection refused" in tables.get(table, "chris@maison.mrs")


def test_socketmap(tables, place):
    answers = {"virt chris@maison.mrs": "OK chris@gw1.maison.mrs", "virt empty": "OK ",
               "virt temp": "TEMP no database", "virt timeout": "TIMEOUT slow",
               "virt perm": "PERM never", "virt odd": "WHAT", "virt long": "OK " + "x" * 3000,
               "virt gone": None}
    path = place / "map.sock"
    with serve(Netstrings, answers) as server, serve(Netstrings, answers, path):
        port = server.server_address[1]
        for where in (f"inet:127.0.0.1:{port}", f"unix:{path}"):
            table = f"socketmap:{where}:virt"
            assert tables.get(table, "chris@maison.mrs") == "chris@gw1.maison.mrs"
            assert tables.get(table, "nobody") is None
            assert "no database" in tables.get(table, "temp")
            assert "slow" in tables.get(table, "timeout")
            assert "never" in tables.get(table, "perm")
            assert "unexpected reply" in tables.get(table, "odd")
            assert "lost connection" in tables.get(table, "gone")
        tables.set(socketmap_max_reply_size=2999)
        assert "longer than 2999 bytes" in tables.get(table, "long")
        tables.set(socketmap_max_reply_size=4000)
        assert tables.get(table, "long") == "x" * 3000
        tables.set(socketmap_max_query_size=10)
        assert "socketmap_max_query_size" in tables.get(table, "chris@maison.mrs")
        tables.set(socketmap_max_query_size=21)
        assert tables.get(table, "chris@maison.mrs") == "chris@gw1.maison.mrs"
    assert "need socketmap:inet:host:port:name" in tables.get("socketmap:here", "x")


def test_redirected_names(tables):
    assert "need tcp:host:port" in tables.get("tcp:here", "x")
    assert "need proxy:type:name" in tables.get("proxy:here", "x")

"""From a domain to the hosts that take its mail; rows of group C."""

import concurrent.futures
import re

import pytest

from harness.instance import wait_until
from testnet.fakehost import CLOSE
from testnet.internet import has_ipv6


def delivered(instance, *hosts):
    """Wait until one of HOSTS has a message: that host."""
    try:
        return wait_until(lambda: next((h for h in hosts if h.messages), None), "a message")
    except AssertionError as failure:
        raise AssertionError(f"{failure}\n{instance.log()[-3000:]}") from None


def send(instance, domain):
    return instance.send("chris@gw1.maison.mrs", f"eme13@{domain}")


@pytest.fixture
def gw(connect):
    """A sender that asks for IPv4 only, so that queries can be counted."""
    instance = connect(smtpd_peername_lookup="no")
    return instance.start()


def test_mx_before_address(net, gw):
    """S041: the MX is asked first; with an MX the domain's own address is of no interest."""
    wrong = net.host("enprovence.com")
    right = net.host("mail.monaco.net")
    net.mx("enprovence.com", "0 mail.monaco.net")
    net.dns.reset()
    send(gw, "enprovence.com")
    assert delivered(gw, right, wrong) is right
    assert net.dns.count("enprovence.com", "MX") == 1
    assert net.dns.count("enprovence.com", "A") == 0


def test_address_when_no_mx(net, gw):
    """S041: no MX record: the address of the domain itself."""
    host = net.host("petit.example")
    send(gw, "petit.example")
    delivered(gw, host)


def test_preference(net, gw):
    """S042: the lowest preference first, however the answer is ordered."""
    first, second = net.host("mail.monaco.net"), net.host("dns2.monaco.net")
    net.mx("enprovence.com", "100 dns2.monaco.net", "0 mail.monaco.net")
    for _ in range(5):
        send(gw, "enprovence.com")
    wait_until(lambda: len(first.messages) == 5, "five messages at the first MX")
    assert not second.messages


def test_equal_preference_is_shuffled(net, connect):
    """S042: hosts of equal preference share the load."""
    hosts = [net.host(f"mx{i}.example") for i in range(3)]
    net.mx("grand.example", *(f"10 mx{i}.example" for i in range(3)))
    gw = connect(smtpd_peername_lookup="no", smtp_connection_cache_on_demand="no").start()
    for i in range(24):
        send(gw, "grand.example")
        wait_until(lambda n=i: sum(len(h.messages) for h in hosts) == n + 1, "the message")
    assert all(host.messages for host in hosts)  # by chance one misses: 3 * (2/3)^24 = 0.02 %


def test_equal_preference_in_order(net, connect):
    """S042: smtp_randomize_addresses=no: always the same host of several with one preference."""
    hosts = [net.host(f"mx{i}.example") for i in range(3)]
    net.mx("grand.example", *(f"10 mx{i}.example" for i in range(3)))
    gw = connect(smtpd_peername_lookup="no", smtp_connection_cache_on_demand="no",
                 smtp_randomize_addresses="no").start()
    for i in range(8):
        send(gw, "grand.example")
        wait_until(lambda n=i: sum(len(h.messages) for h in hosts) == n + 1, "the message")
    assert sorted(len(host.messages) for host in hosts) == [0, 0, 8]


def test_fallback_to_next_mx(net, gw):
    """S043: MX 0 refuses TCP; MX 100 gets it in the same attempt, and the log shows both."""
    net.refusing("mail.monaco.net")
    second = net.host("dns2.monaco.net")
    net.mx("enprovence.com", "0 mail.monaco.net", "100 dns2.monaco.net")
    qid = send(gw, "enprovence.com")
    delivered(gw, second)
    gw.wait_log(rf"postfix/smtp\[\d+\]: connect to mail\.monaco\.net\[[\d.]+\]:{net.port}: "
                "Connection refused")
    gw.wait_log(rf"{qid}: to=<eme13@enprovence\.com>, relay=dns2\.monaco\.net\[.*status=sent")
    assert len(gw.log_lines(rf"{qid}: to=")) == 1


@pytest.mark.parametrize("how", ["450 4.3.2 busy", "421 4.3.2 closing", CLOSE])
def test_fallback_after_greeting(net, gw, how):
    """S043: an MX that turns us away softly, or hangs up, is passed over too."""
    first, second = net.host("mail.monaco.net"), net.host("dns2.monaco.net")
    first.on("GREETING", how)
    net.mx("enprovence.com", "0 mail.monaco.net", "100 dns2.monaco.net")
    send(gw, "enprovence.com")
    assert delivered(gw, first, second) is second


def test_silent_mx(net, connect):
    """S043: an MX that accepts and says nothing costs its time-out, not the message."""
    net.silent("mail.monaco.net")
    second = net.host("dns2.monaco.net")
    net.mx("enprovence.com", "0 mail.monaco.net", "100 dns2.monaco.net")
    gw = connect(smtp_helo_timeout="1s", smtp_connect_timeout="1s").start()
    send(gw, "enprovence.com")
    delivered(gw, second)
    gw.wait_log(r"conversation with mail\.monaco\.net\[[\d.]+\] timed out while receiving the "
                "initial server greeting")


def test_additional_section(net, gw):
    """S044: with the address in the MX answer there is one query in all."""
    host = net.host("mail.monaco.net")
    net.mx("enprovence.com", "0 mail.monaco.net")
    net.dns.reset()
    send(gw, "enprovence.com")
    delivered(gw, host)
    assert net.dns.count() == net.dns.count("enprovence.com", "MX") == 1


def test_no_additional_section(net, gw):
    """S044: without it the address is asked for."""
    host = net.host("mail.monaco.net")
    net.mx("enprovence.com", "0 mail.monaco.net")
    net.entry("enprovence.com")["additional"] = False
    net.dns.reset()
    send(gw, "enprovence.com")
    delivered(gw, host)
    assert net.dns.count("mail.monaco.net", "A") == 1


def test_each_address_in_turn(net, gw):
    """S045: an MX with three addresses, of which the last one in reach answers."""
    host = net.host("multi.example")
    net.address("multi.example", net.take_address(), net.take_address())
    net.mx("dom.example", "10 multi.example")
    for _ in range(3):
        send(gw, "dom.example")
    wait_until(lambda: len(host.messages) == 3, "three messages")


def test_address_limit(net, connect):
    """S045: smtp_mx_address_limit bounds how many addresses are tried."""
    refused = [net.refusing(f"mx{i}.example") for i in range(3)]
    last = net.host("mx3.example")
    net.mx("dom.example", *(f"{i} mx{i}.example" for i in range(4)))
    gw = connect(smtp_mx_address_limit="3").start()
    send(gw, "dom.example")
    gw.wait_log("status=deferred")
    tried = set(re.findall(r"connect to mx\d\.example\[([\d.]+)\]", gw.log()))
    assert tried == set(refused)
    assert not last.sessions


def test_two_names_one_host(net, gw):
    """S046: mail.monaco.net is none but dns1.monaco.net: a dead address is tried once."""
    address = net.refusing("mail.monaco.net")
    net.address("dns1.monaco.net", address, pointer=False)
    net.mx("enprovence.com", "0 mail.monaco.net", "50 dns1.monaco.net")
    send(gw, "enprovence.com")
    gw.wait_log("status=deferred")
    attempts = gw.log_lines(rf"smtp\[\d+\]: connect to \S+\[{re.escape(address)}\]:")
    assert len(attempts) == 1, attempts


def test_loop_to_ourselves(net, connect):
    """S047: we are the best MX and do not take the domain: a bounce, no loop."""
    gw = connect()
    net.mx("boucle.example", "10 gw1.maison.mrs")
    gw.start()
    send(gw, "boucle.example")
    gw.wait_log(r"to=<eme13@boucle\.example>, relay=none, .*dsn=5\.4\.6, status=bounced "
                r"\(mail for boucle\.example loops back to myself\)")


def test_only_better_mx_than_ours(net, connect):
    """S047: as second MX we give the mail to the first only, never to ourselves or behind."""
    gw = connect()
    net.refusing("mx1.example")
    third = net.host("mx3.example")
    net.mx("boucle.example", "10 mx1.example", "20 gw1.maison.mrs", "30 mx3.example")
    gw.start()
    send(gw, "boucle.example")
    gw.wait_log(r"to=<eme13@boucle\.example>.*status=deferred .*Connection refused")
    assert not third.sessions


def test_client_names(net, connect):
    """S048: the verified name of the client is logged; an unverified one is unknown."""
    gw = connect(mydestination="gw1.maison.mrs", smtpd_peername_lookup="yes")
    net.address("honnete.example", "127.10.0.101")
    net.entry("127.10.0.102")["PTR"] = ["menteur.example"]
    net.address("menteur.example", "127.10.0.199", pointer=False)
    gw.start()
    for source, name in (("127.10.0.101", "honnete.example"), ("127.10.0.102", "unknown"),
                         ("127.10.0.103", "unknown")):
        with gw.smtp(source_address=(source, 0)) as client:
            client.ehlo("x")
        gw.wait_log(rf"smtpd\[\d+\]: connect from {re.escape(name)}\[{re.escape(source)}\]$")
    gw.wait_log(r"warning: hostname menteur\.example does not resolve to address 127\.10\.0\.102")


def test_no_resolver(net, connect):
    """S049: no name server in reach: remote mail is deferred with 4.4.3, never bounced; `check` says so."""
    gw = connect(smtpd_peername_lookup="no", resolver_nameservers="127.10.0.200@9").start()
    with concurrent.futures.ThreadPoolExecutor() as pool:  # both wait for answers that do not come
        check = pool.submit(command, gw, "check", "domain", "enprovence.com", check=False)
        qid = send(gw, "enprovence.com")
        line = gw.wait_log(rf"{qid}: to=<eme13@enprovence\.com>.*status=", patience=60)[0]
        code, text = check.result()
    assert "dsn=4.4.3, status=deferred (Host or domain name not found. Name service error for " \
           "name=enprovence.com type=MX: Host not found, try again)" in line
    assert qid in gw.queue_ids()
    assert code == 75 and text.startswith("no answer: Host or domain name not found."), text


def test_no_such_domain(net, gw):
    """S041: a domain that does not exist bounces with 5.4.4."""
    send(gw, "nulle-part.example")
    gw.wait_log(r"to=<eme13@nulle-part\.example>, relay=none, .*dsn=5\.4\.4, status=bounced "
                r"\(Host or domain name not found\. Name service error for "
                r"name=nulle-part\.example type=A(AAA)?: Host not found\)")


def test_servfail(net, gw):
    """S049: a name server that fails defers."""
    net.fails("casse.example")
    send(gw, "casse.example")
    gw.wait_log(r"to=<eme13@casse\.example>.*dsn=4\.4\.3, status=deferred")


def test_null_mx(net, gw):
    """S041: "MX 0 ." says that no mail is taken (RFC 7505): 5.1.0 at once."""
    net.mx("sans.example", "0 .")
    send(gw, "sans.example")
    gw.wait_log(r"to=<eme13@sans\.example>, relay=none, .*dsn=5\.1\.0, status=bounced "
                r"\(Domain sans\.example does not accept mail \(nullMX\)\)")


def test_mx_without_address(net, gw):
    """S045: no MX host has an address."""
    net.mx("vide.example", "10 absent.example")
    send(gw, "vide.example")
    gw.wait_log(r"to=<eme13@vide\.example>.*dsn=5\.4\.4, status=bounced ")


def test_mx_that_is_an_alias(net, gw):
    """S045: an MX name that is a CNAME works, as it does in practice."""
    host = net.host("real.example")
    net.entry("alias.example")["CNAME"] = ["real.example"]
    net.mx("dom.example", "10 alias.example")
    send(gw, "dom.example")
    delivered(gw, host)


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_ipv6(net, connect):
    """S041, S045: a host that only has an IPv6 address."""
    host = net.host("six.example", "::1")
    gw = connect(inet_protocols="all").start()
    send(gw, "six.example")
    delivered(gw, host)
    gw.wait_log(rf"relay=six\.example\[::1\]:{net.port}, .*status=sent")


# --- the finding tools ---


def command(instance, *arguments, check=True):
    done = instance.run("diligence", *arguments, config_first=True, check=check)
    return done.returncode, done.stdout


def test_lookup(net, gw):
    """S051: `lookup` prints hosts and addresses in the order in which they will be tried."""
    first, second = net.host("mail.monaco.net"), net.host("dns2.monaco.net")
    net.mx("enprovence.com", "100 dns2.monaco.net", "0 mail.monaco.net")
    code, text = command(gw, "lookup", "enprovence.com")
    assert code == 0
    hosts = [line.split() for line in text.splitlines() if re.match("  [0-9]", line)]
    assert hosts == [["0", "mail.monaco.net", f"[{first.address}]:{net.port}"],
                     ["100", "dns2.monaco.net", f"[{second.address}]:{net.port}"]]


def test_lookup_shows_the_policy(net, gw):
    """S051: the policy table's word for the domain, and the names that a certificate must have."""
    net.domain("enprovence.com")
    table = gw.table("tls_policy", "enprovence.com secure match=mx.enprovence.com:.enprovence.com\n")
    gw.set(smtp_tls_security_level="may", smtp_tls_policy_maps=table).write()
    net.domain("ailleurs.example")
    assert "\n      TLS secure, match mx.enprovence.com:.enprovence.com\n" in command(gw, "lookup", "enprovence.com")[1]
    assert "\n      TLS may\n" in command(gw, "lookup", "ailleurs.example")[1]


def test_lookup_follows_transport(net, gw):
    """S051, S083: relayhost and the transport table count, as for the delivery itself."""
    host = net.host("smtp.wanadoo.fr")
    gw.set(relayhost="[smtp.wanadoo.fr]")
    gw.write()
    code, text = command(gw, "lookup", "someone@enprovence.com")
    assert code == 0
    assert "transport smtp, next hop [smtp.wanadoo.fr]" in text
    assert f"[{host.address}]:{net.port}" in text


def test_lookup_failures(net, gw):
    """S051: what stands in the way is said in the words of the delivery, with a status."""
    net.mx("sans.example", "0 .")
    net.fails("casse.example")
    code, text = command(gw, "lookup", "sans.example", check=False)
    assert code == 1 and "5.1.0 Domain sans.example does not accept mail (nullMX)" in text
    code, text = command(gw, "lookup", "casse.example", check=False)
    assert code == 75 and "4.4.3 Host or domain name not found" in text


def test_check_domain(net, connect):
    """S050: MX, A and PTR of our domain point here; or the records to add are printed."""
    gw = connect("mail.maison.example", mydomain="maison.example")
    net.mx("maison.example", "10 mail.maison.example")
    gw.write()
    code, text = command(gw, "check", "domain", "maison.example")
    assert code == 0, text
    assert "MX of maison.example names mail.maison.example: ok" in text
    assert f"PTR of {gw.address} is mail.maison.example: ok" in text


def test_check_domain_missing(net, connect):
    """S050: nothing is there yet: what to add."""
    gw = connect("mail.maison.example", mydomain="maison.example")
    net.zone.clear()
    gw.write()
    code, text = command(gw, "check", "domain", "maison.example", check=False)
    assert code == 1
    assert "maison.example. IN MX 10 mail.maison.example." in text
    assert f"mail.maison.example. IN A {gw.address}" in text
    assert "1.0.10.127.in-addr.arpa. IN PTR mail.maison.example." in text


def test_check_reputation(net, connect):
    """S214: lists that hold our own address, as those of dynamic addresses do; relayhost is needed then."""
    gw = connect(reputation_dnsbl_sites="pbl.example=127.0.0.[10;11], quiet.example", smtpd_peername_lookup="no")
    listed = ".".join(reversed(gw.address.split(".")))
    gw.write()
    ask = ("check", "reputation")
    code, text = command(gw, *ask)
    assert code == 0 and f"{gw.address} is not in pbl.example: ok" in text and "relayhost" not in text
    net.dns.zone[f"{listed}.pbl.example"] = {"A": ["127.0.0.4"]}
    assert command(gw, *ask)[0] == 0  # an answer that does not count
    net.dns.zone[f"{listed}.pbl.example"] = {"A": ["127.0.0.10"], "TXT": ["a dynamic address"]}
    code, text = command(gw, *ask, check=False)
    assert code == 1 and f"{gw.address} is in pbl.example (127.0.0.10: a dynamic address)" in text
    assert f"{gw.address} is not in quiet.example: ok" in text
    assert text.endswith("others will refuse mail that comes directly: relayhost is needed\n")
    net.dns.zone["1.2.0.192.pbl.example"] = {"A": ["127.0.0.11"]}
    gw.set(relayhost="[smtp.isp.example]").write()
    code, text = command(gw, *ask, "192.0.2.1", "2001:db8::1", check=False)
    assert code == 1 and "192.0.2.1 is in pbl.example" in text and gw.address not in text
    assert "it goes by relayhost = [smtp.isp.example]" in text and "2001:db8::1 is not in pbl.example: ok" in text
    net.dns.zone["3.2.0.192.quiet.example"] = {"fail": "servfail"}
    code, text = command(gw, *ask, "192.0.2.3", check=False)
    assert code == 75 and "192.0.2.3: no answer from quiet.example" in text
    code, text = command(gw, *ask, "192.168.1.10", check=False)
    assert code == 1 and "192.168.1.10 is a private address" in text and "no public address is known" in text


@pytest.mark.parametrize("refusal, how", [
    ({"RCPT": "550 5.7.1 dynamic address"}, "relay"), ({"GREETING": "554 no dynamic addresses"}, "relay"),
    ({"MAIL": "550 5.7.606 banned"}, "relay"), ({".": "554 5.7.1 not from there"}, "relay"),
    ({"RCPT": "550 5.1.1 no such user"}, "bounced"), ({"RCPT": "450 4.7.1 later"}, "deferred"),
    ({"RCPT": "550 no such user"}, "bounced")])
def test_relay_after_a_refusal_by_policy(net, connect, refusal, how):
    """S216: who does not like our address gets the mail from our provider, if we say so for that domain."""
    strict, relay = net.host("mx.strict.example"), net.host("smtp.isp.example")
    for verb, reply in refusal.items():
        strict.on(verb, reply)
    net.mx("strict.example", "10 mx.strict.example")
    gw = connect(smtpd_peername_lookup="no", smtp_policy_fallback_destinations="strict.example",
                 smtp_policy_fallback_transport=f"relay:[smtp.isp.example]:{net.port}").start()
    send(gw, "strict.example")
    line = gw.wait_log(r"to=<eme13@strict\.example>,.* status=(sent|bounced|deferred)")[0]
    assert ("status=sent" if how == "relay" else f"status={how}") in line
    assert len(relay.messages) == (how == "relay") and ("relay=smtp.isp.example[" in line) == (how == "relay")
    if how == "relay":
        assert relay.messages[0].recipients and gw.wait_log("goes by relay:")


def test_relay_after_a_refusal_is_asked_for(net, connect):
    """S216: other domains' refusals stand; so does the relay's own."""
    strict, other, relay = (net.host(f"mx.{name}.example") for name in ("strict", "other", "isp"))
    for host in (strict, other, relay):
        host.on("RCPT", "550 5.7.1 no")
    for name in ("strict", "other"):
        net.mx(f"{name}.example", f"10 mx.{name}.example")
    gw = connect(smtpd_peername_lookup="no", smtp_policy_fallback_destinations="strict.example",
                 smtp_policy_fallback_transport=f"smtp:[mx.isp.example]:{net.port}").start()
    send(gw, "other.example")
    gw.wait_log(r"to=<eme13@other\.example>, relay=mx\.other\.example.*status=bounced")
    assert not relay.sessions
    send(gw, "strict.example")
    gw.wait_log(r"to=<eme13@strict\.example>, relay=mx\.isp\.example.*status=bounced .*550 5\.7\.1 no")
    assert len(relay.sessions) == 1

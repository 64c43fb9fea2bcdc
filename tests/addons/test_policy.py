"""Policy servers: postgrey and policyd-spf, as docs/filters.md has them."""

import contextlib
import getpass
import grp
import os
import re
import shlex
import time

from harness.instance import Instance, free_port
from testnet.dnsserver import DnsServer
from testnet.fakehost import FakeHost

from .examples import example, parameters
from .packages import USER, Program, fetch, listens

BASE = dict(mydestination="maison.mrs", local_recipient_maps="", local_transport="discard",
            mynetworks="192.0.2.0/28", smtpd_authorized_xclient_hosts="127.0.0.1")
USER_OF_COMMANDS = "uucp" if os.getuid() == 0 else getpass.getuser()
HELLO, RCPT = "EHLO client.example", "RCPT TO:<b@maison.mrs>"


def test_postgrey(place):
    """450 for who comes first, 250 for who comes again, at once for who is known."""
    addon, port = fetch("postgrey"), free_port()
    directory = place / "grey"
    directory.mkdir()
    (directory / "none").write_text("")
    files = example("postgrey", port=("10023", port), delay=("=300", "=1"))
    name, *options = shlex.split(files["run"])
    user = USER.get("user", getpass.getuser())
    group = USER.get("group", grp.getgrgid(os.getgid()).gr_name)
    with Program(addon, directory, f"usr/sbin/{name}", *options, f"--dbdir={directory}",
                 f"--user={user}", f"--group={group}",
                 f"--whitelist-clients={directory}/none", f"--whitelist-recipients={directory}/none",
                 "--hostname=gate", ready=listens(port)):
        with Instance(place / "a", **BASE, **parameters(files["main.cf"])) as one:
            def comes(sender="a@far.example"):
                return one.dialogue(HELLO, f"MAIL FROM:<{sender}>", RCPT, "DATA",
                                    "Subject: x\r\n\r\nhello\r\n.", "QUIT")[3:6]
            assert comes()[0].startswith("450 4.2.0 <b@maison.mrs>: Recipient address rejected: Grey")
            time.sleep(1.1)
            assert comes()[2].startswith("250 2.0.0 Ok: queued as ")
            one.wait_log(r"NOQUEUE: reject: RCPT from .*: 450 4.2.0 <b@maison.mrs>: Recipient "
                         r"address rejected: Greylisted")
            assert comes()[0].startswith("250")
            assert comes("other@far.example")[0].startswith("450")


class Spf:
    """policyd-spf, whose DNS is that of the test."""

    def __init__(self, place, dns):
        self.addon = fetch("python3-spf-engine", alone=["postfix-policyd-spf-python"])
        modules = self.addon.path("usr/lib/python3/dist-packages")
        conf, program = place / "policyd-spf.conf", place / "policyd-spf"
        files = example("postfix-policyd-spf-python", program=("/usr/bin/policyd-spf", program),
                        user=("user=policyd-spf", "user=" + USER_OF_COMMANDS))
        conf.write_text(files["/etc/postfix-policyd-spf-python/policyd-spf.conf"])
        program.write_text(
            "#!/usr/bin/python3\nimport sys\n"
            f"sys.path.insert(0, {str(modules)!r})\n"
            "sys.modules['dns'] = None  # its other resolver knows no ports\n"
            "import DNS\nDNS.DiscoverNameServers = lambda: None\n"
            f"DNS.defaults.update(server=[{dns.host!r}], port={dns.port})\n"
            f"sys.argv[1:] = [{str(conf)!r}]\n"
            f"exec(open({str(self.addon.path('usr/bin/policyd-spf'))!r}).read())\n")
        program.chmod(0o755)
        self.settings, self.services = parameters(files["main.cf"]), files["master.cf"]


def test_spf(place):
    """Fail is 550 with the domain's own words; softfail and pass are written into the header."""
    zone = {"strict.example": {"TXT": ["v=spf1 ip4:198.51.100.7 exp=why.strict.example -all"]},
            "why.strict.example": {"TXT": ["ask the postmaster of %{d}"]},
            "soft.example": {"TXT": ["v=spf1 include:strict.example ~all"]},
            "helo.example": {"TXT": ["v=spf1 -all"]}}
    end = FakeHost("end.example", "127.0.0.1", free_port()).start()
    with DnsServer(zone) as dns, contextlib.closing(end):
        spf = Spf(place, dns)
        settings = {**BASE, **spf.settings, "mydestination": "", "relay_domains": "maison.mrs",
                    "relayhost": f"[127.0.0.1]:{end.port}"}
        one = Instance(place / "a", **settings)
        one.extra_services = spf.services
        with one:
            def comes(sender, address, helo="client.example"):
                return one.dialogue(f"XCLIENT ADDR={address} NAME=[UNAVAILABLE]", f"EHLO {helo}",
                                    f"MAIL FROM:<{sender}>", RCPT, "DATA",
                                    "Subject: x\r\n\r\nhello\r\n.", "QUIT")[4:7]
            refused = comes("a@strict.example", "198.51.100.8")[0]
            assert re.match(r"550 5\.7\.23 <b@maison\.mrs>: Recipient address rejected: Message "
                            r"rejected due to: ask the postmaster of strict\.example\.", refused), refused
            assert comes("a@any.example", "198.51.100.8", "helo.example")[0].startswith("550 5.7.23")
            for sender in ("a@strict.example", "a@soft.example"):
                assert comes(sender, "198.51.100.7")[2].startswith("250")
            assert comes("b@soft.example", "198.51.100.8")[2].startswith("250")
            one.wait_queue_empty()
    marks = {message.sender: message.header("Received-SPF") for message in end.messages}
    assert {sender: mark[0].split(" ")[0] for sender, mark in marks.items()} == {
        "a@strict.example": "Pass", "a@soft.example": "Pass", "b@soft.example": "Softfail"}
    assert all(len(mark) == 1 for mark in marks.values())

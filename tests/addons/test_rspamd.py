"""rspamd as a milter, as docs/filters.md has it."""

import contextlib
import shutil

import pytest

from harness.instance import Instance, free_port
from testnet.dnsserver import DnsServer
from testnet.fakehost import FakeHost

from .examples import example, parameters
from .packages import Program, fetch, listens
from .test_spamassassin import GTUBE

LETTER = ("From: anne@maison.mrs\nTo: b@far.example\nSubject: x\nMessage-Id: <1@maison.mrs>\n"
          "Date: Sun, 22 Nov 2026 08:00:00 +0000\n\n{}\n")
# Not part of the example: the worker with a page, the one that others ask, and what it reads on.
LOCAL = {
    "worker-controller.inc": "enabled = false;\n", "worker-normal.inc": "enabled = false;\n",
    "worker-fuzzy.inc": "enabled = false;\n",
    "milter_headers.conf": 'use = ["x-spamd-bar", "x-spam-status", "authentication-results"];\n'
                           "skip_local = false;\n",
    "logging.inc": 'type = "console";\n',
    "fuzzy_check.conf": "enabled = false;\n", "rbl.conf": "enabled = false;\n",
    "surbl.conf": "enabled = false;\n", "phishing.conf": "enabled = false;\n",
    "actions.conf": "greylist = null;\n",
}


class Rspamd:
    def __init__(self, place, dns):
        self.addon = fetch("rspamd")
        self.directory = place / "rspamd"
        etc = self.directory / "etc"
        shutil.copytree(self.addon.path("etc/rspamd"), etc)
        self.port = free_port()
        files = example("rspamd", port=("11332", self.port))
        self.settings = parameters(files["main.cf"])
        domains = self.directory / "domains"
        domains.write_text("example\nmrs\n")  # the package's list of them takes 14 s to read
        local = {**LOCAL, "worker-proxy.inc": files["/etc/rspamd/local.d/worker-proxy.inc"],
                 "options.inc": f'dns {{ nameserver = ["{dns.host}:{dns.port}"]; }}\n'
                                f'local_addrs = "192.0.2.0/24"; url_tld = "{domains}";\n'}
        (etc / "local.d").mkdir(exist_ok=True)
        for name, text in local.items():
            (etc / "local.d" / name).write_text(text)
        share = self.addon.path("usr/share/rspamd")
        folders = {"CONFDIR": etc, "LOCAL_CONFDIR": etc, "RUNDIR": self.directory,
                   "DBDIR": self.directory, "LOGDIR": self.directory, "SHAREDIR": share,
                   "PLUGINSDIR": share / "plugins", "RULESDIR": share / "rules",
                   "LUALIBDIR": share / "lualib", "WWWDIR": share / "www"}
        variables = [f"--var={name}={path}" for name, path in folders.items()]
        self.program = Program(self.addon, self.directory, "usr/bin/rspamd", "-f", "-c",
                               etc / "rspamd.conf", *variables, ready=listens(self.port))


@pytest.fixture(scope="module")
def rspamd(module_place):
    with DnsServer({}) as dns:
        one = Rspamd(module_place, dns)
        with one.program:
            yield one


def test_rspamd(place, rspamd):
    """Spam without doubt is refused with rspamd's words, other mail gets its headers."""
    with contextlib.closing(FakeHost("end.example", "127.0.0.1", free_port()).start()) as end:
        with Instance(place / "a", relayhost=f"[127.0.0.1]:{end.port}", mydestination="",
                      **rspamd.settings) as one:
            one.send("anne@maison.mrs", "b@far.example", LETTER.format("hello"))
            with pytest.raises(AssertionError, match="Gtube"):
                one.send("anne@maison.mrs", "b@far.example", LETTER.format(GTUBE))
            one.wait_queue_empty()
            one.wait_log("milter-reject: END-OF-MESSAGE .*: 5.7.1 Gtube pattern; from=<anne@")
            rspamd.program.stop()
            one.send("anne@maison.mrs", "b@far.example", LETTER.format("later"))
            one.wait_queue_empty()
    looked_at, passed = end.messages
    assert looked_at.header("X-Spam-Status")[0].startswith("No, score=")
    assert not passed.header("X-Spam-Status")

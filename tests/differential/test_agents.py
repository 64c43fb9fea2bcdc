"""pipe(8), error(8), retry and discard of the real Postfix and of Diligence: the same mail, the same
configuration; arguments, input and user of commands, log lines and what stays queued agree.

Covers S087, S090, S095.
"""

import json
import pathlib
import re
import shutil
import tempfile

import pytest

from harness import postfix
from harness.instance import Instance, wait_until

from .test_smtp import normal

pytestmark = pytest.mark.skipif(not postfix.is_available(),
                                reason="Postfix needs root and its package")

SENDER = "daemon@gw1.maison.mrs"
ALL = ("${sender}|${recipient}|${original_recipient}|${user}|${extension}|${domain}|${mailbox}|"
       "${nexthop}|${client_address}|${client_helo}|${client_protocol}|${client_hostname}")
UUX = "-r -n -z -a$sender - $nexthop!rmail ($recipient)"

# Service: attributes of pipe(8), arguments of the command, its exit status.
PIPES = {
    "uucp": ("flags=Fqhu", UUX, 0),
    "plain": ("", "$recipient", 0),
    "macros": ("flags=q", ALL, 0),
    "headers": ("flags=DFORX", "$recipient", 0),
    "several": ("flags=DFORX", "$recipient", 0),
    "original": ("flags=O", "$recipient", 0),
    "dots": ("flags=BR. eol=\\r\\n", "$recipient", 0),
    "fold": ("flags=hu", ALL, 0),
    "quote": ("flags=q", ALL, 0),
    "null": ("flags=R null_sender=", "$sender,$recipient", 0),
    "none": ("flags=R null_sender=personne", "$sender,$recipient", 0),
    "small": ("size=50", "$recipient", 0),
    "optional": ("flags=", "${extension}x ${user}${extension}", 0),
    "later": ("flags=", "$recipient", 75),
    "nouser": ("flags=", "$recipient", 67),
    "nohost": ("flags=", "$recipient", 68),
    "unavailable": ("flags=", "$recipient", 69),
    "software": ("flags=", "$recipient", 70),
    "oserr": ("flags=", "$recipient", 71),
    "cantcreate": ("flags=", "$recipient", 73),
    "ioerr": ("flags=", "$recipient", 74),
    "noperm": ("flags=", "$recipient", 77),
    "config": ("flags=", "$recipient", 78),
    "say": ("flags=", "say", 0),
    "coded": ("flags=", "code", 1),
    "slow": ("flags=", "slow", 0),
    "one": ("flags=", "$recipient", 1),
    "signal": ("flags=", "$recipient", -9),
}

ADDRESSES = {  # other than user@SERVICE.example
    "original": ["un@original.example", "deux@original.example"],
    "several": ["un@several.example", "deux@several.example"],
    "uucp": ["Un.Deux@UUCP.example", '"deux mots"@uucp.example', "a!b@uucp.example"],
    "macros": ["chris+liste@macros.example", "Root@macros.example"],
    "optional": ["chris+liste@optional.example", "chris@optional.example"],
    "fold": ["Chris+Liste@FOLD.example"],
    "quote": ['"a b"@quote.example', '"c\\"d"@quote.example'],
}

# Domain: what stands in the transport table.
ROUTES = {
    "text.example": "error:adresse perdue",
    "code.example": "error:5.1.6 parti ailleurs",
    "soft.example": "error:4.2.1 plus tard",
    "empty.example": "error:",
    "wait.example": "retry:4.4.1 pas maintenant",
    "hard.example": "retry:5.1.1 jamais",
    "gone.example": "discard:en silence",
    "lost.example": "discard:",
}
CASES = list(PIPES) + list(ROUTES)

COMMAND = """\
#!/usr/bin/python3
import json, os, sys, time
ODD = b"\\n avis\\n\\tsur deux\\r\\x01 lignes \\xe9\\n"
with open({calls!r}, "a") as file:
    print(json.dumps([sys.argv[2:], sys.stdin.buffer.read().decode("latin-1"), os.getuid(), os.getgid(),
                      os.getcwd(), sorted(os.environ)]), file=file)
status = int(sys.argv[1])
said = {{"say": ODD, "code": b"4.2.2 boite pleine\\n", "slow": b"attendez\\n"}}
sys.stderr.buffer.write(said.get(sys.argv[2], ODD if status else b""))
sys.stderr.flush()
if sys.argv[2] == "slow":
    time.sleep(9)
if status < 0:
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


class Side:
    """One of the two systems."""

    def __init__(self, kind, place):
        self.instance = one = kind(place / kind.__name__, local_recipient_maps="",
                                   mydestination="gw1.maison.mrs", recipient_delimiter="+",
                                   minimal_backoff_time="4000s", maximal_backoff_time="4000s",
                                   local_transport="discard", smtpd_reject_unlisted_recipient="no")
        one.set(slow_time_limit="1s", import_environment="LANG=C MAIL_CONFIG LD_LIBRARY_PATH")
        self.calls_file = one.directory / "calls"
        command = one.file("command", COMMAND.format(calls=str(self.calls_file)), mode=0o755)
        self.calls_file.touch()
        self.calls_file.chmod(0o666)
        one.extra_services += "".join(
            f"{name} unix - n n - - pipe\n  user=daemon directory=/ {attributes}\n"
            f"  argv={command} {status} {arguments}\n"
            for name, (attributes, arguments, status) in PIPES.items())
        routes = dict(ROUTES, **{f"{name}.example": f"{name}:Suite.Example" for name in PIPES})
        table = one.file("transport", "".join(f"{k} {v}\n" for k, v in routes.items()))
        one.set(transport_maps=f"texthash:{table}").start()

    def calls(self, begin):
        lines = self.calls_file.read_text().splitlines()[begin:]
        return sorted(self.clean(json.dumps(self.stable(*json.loads(line)))) for line in lines)

    @staticmethod
    def stable(arguments, *rest):
        """Recipients may come in any order."""
        return sorted(arguments), *rest

    def clean(self, text):
        text = text.replace(str(self.instance.directory), "DIRECTORY")
        text = re.sub(r"From (\S+)  ?\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}", r"From \1 DATE", text)
        return re.sub(r"Received: .*?(?=Subject:)", "Received: ... ", normal(text))

    def run(self, name):
        one = self.instance
        log_begin, calls_begin = len(one.log()), len(self.calls(0))
        recipients = ADDRESSES.get(name, [f"user@{name}" + (".example" if name in PIPES else "")])
        sender = "" if name in ("null", "none") else SENDER
        message = "Subject: x\n\nFrom ici\n..point\n>From\nfin\n"
        queue_id = one.send(sender, recipients, message)

        def lines():
            return [line.split("]: ", 1)[1] for line in one.log()[log_begin:].splitlines()
                    if re.search(rf"\]: {queue_id}: to=<.*status=", line)]
        wait_until(lambda: len(lines()) >= len(recipients), f"outcomes\n{one.log()[log_begin:]}")
        if not any("status=deferred" in line for line in lines()):
            one.wait_removed(queue_id)
        stays = queue_id in one.queue_ids()
        one.run("postsuper", "-d", "ALL", check=False)
        return {"log": sorted(self.clean(line) for line in lines()), "calls": self.calls(calls_begin),
                "stays": stays}


@pytest.fixture(scope="module")
def sides():
    place = pathlib.Path(tempfile.mkdtemp(prefix="dil."))
    place.chmod(0o755)
    both = [Side(kind, place) for kind in (postfix.Postfix, Instance)]
    yield both
    for side in both:
        side.instance.stop()
    shutil.rmtree(place, ignore_errors=True)


@pytest.mark.parametrize("name", CASES)
def test_agent_as_postfix(sides, name):
    """S087, S090, S095: what the command got, what is logged, what stays in the queue."""
    theirs, ours = (side.run(name) for side in sides)
    assert ours == theirs
    assert bool(ours["calls"]) == (name in PIPES and name not in ("small", "several", "original"))


def test_the_sample_has_postfix_uucp_service():
    """S095: the uucp service of the sample master.cf is Postfix's, word for word."""
    def service(path):
        text = re.sub(r"(?m)^#(?=uucp| +flags)", "", path.read_text())
        return re.search(r"^uucp .*\n([ \t]+flags=.*\n)", text, re.M)[0].split()
    package = postfix.unpack("postfix", "postfix-pcre")
    assert service(postfix.ROOT / "conf/master.cf") == \
        service(package / "usr/share/postfix/master.cf.dist")

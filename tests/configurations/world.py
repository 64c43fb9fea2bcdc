"""A configuration of tests/configurations as a running system.

The files of a set are those that a site has below /etc/postfix, with the paths and ports of a
real host. Here they get those of the test; nothing else in them changes. What must happen stands
in expect.toml, see README.md.
"""

import contextlib
import getpass
import os
import pathlib
import re
import shutil
import smtplib
import tomllib

from harness.instance import PATIENCE, ROOT, STAGE, Instance, free_port, wait_until
from routes.people import CHRIS, IS_ROOT, LOULOU
from tables.servers import OpenLDAP
from testnet.fakehost import FakeHost

HERE = pathlib.Path(__file__).resolve().parent
SETS = sorted(path.parent.name for path in HERE.glob("*/expect.toml"))
INDEXED = re.compile(r"\b(hash|btree|lmdb|cdb):(/[^\s,}]+)")


def load(name):
    return tomllib.loads((HERE / name / "expect.toml").read_text())


class World(Instance):
    """The set NAME below DIRECTORY, connected to the Internet NET."""

    def __init__(self, name, directory, net):
        super().__init__(directory, port=free_port())
        self.name = name
        self.net = net
        self.ports = {"smtp": self.port}
        self.hosts = []
        self.vmail = self.directory / "vmail"
        self.server = None
        if "server" in load(name):  # a directory of its own, on the port that the files name
            self.server = OpenLDAP()
            self.ports[load(name)["server"]] = self.server.port
        self.expect = tomllib.loads(self.translate((HERE / name / "expect.toml").read_text()))

    # --- files -------------------------------------------------------------------

    def port_of(self, service):
        """The test's port for a service name or a number of the real host."""
        while service not in self.ports:
            port = free_port()
            if port not in self.ports.values():
                self.ports[service] = port
        return self.ports[service]

    def translate(self, text):
        """TEXT with the paths, users and ports of the test."""
        user = getpass.getuser()
        names = {"/etc/postfix": self.config, "/etc/aliases": self.config / "aliases",
                 "/etc/mailname": self.config / "mailname", "/var/spool/postfix": self.queue,
                 "/var/spool/mail": self.spool, "/var/mail": self.spool,
                 "/var/lib/postfix": self.directory / "data", "/srv/vmail": self.vmail,
                 "/usr/bin/procmail": self.config / "procmail", "/usr/sbin/sendmail": STAGE / "bin/sendmail",
                 "user=filter": "user=" + ("daemon" if IS_ROOT else user),
                 "127.0.0.0/8": "127.0.0.1/32",
                 "static:5000": "static:5000" if IS_ROOT else f"static:{os.getuid()}"}
        text = re.sub("|".join(map(re.escape, names)), lambda m: str(names[m[0]]), text)
        text = re.sub(r"\bchris\b", CHRIS, text)
        text = re.sub(r"\bloulou\b", LOULOU, text)
        return re.sub(r"(?<=[\w\]]):(10\d\d\d|2003|2525)\b", lambda m: f":{self.port_of(m[1])}", text)

    def translate_service(self, line):
        """A line of master.cf: services of the network listen on loopback."""
        columns = re.match(r"([^#\s]\S*)(\s+inet\s.*)", line)
        if not columns:
            return line
        service = columns[1].rsplit(":", 1)[-1]
        is_ours = service.isdigit() and int(service) in self.ports.values()
        port = service if is_ours else self.port_of(service)
        return f"127.0.0.1:{port}{columns[2]}"

    def forced(self):
        """What no test system can have as a real host has it."""
        settings = {name: self.parameters[name] for name in
                    ("queue_directory", "data_directory", "maillog_file", "maillog_file_prefixes",
                     "mail_owner", "setgid_group", "default_privs") if name in self.parameters}
        settings.update(self.net.parameters(inet_protocols="ipv4", inet_interfaces="loopback-only"))
        return settings

    def mended(self, text):
        """TEXT with white space in front of the lines that lost it in print, as `diligence check` advises."""
        lines = text.splitlines(keepends=True)
        for number in self.expect.get("indented", []):
            lines[number - 1] = "    " + lines[number - 1]
        return "".join(lines)

    def write_main(self):
        lines = []
        forced = self.forced()
        text = self.translate(self.mended((HERE / self.name / "main.cf").read_text()))
        if "\nmail_spool_directory" not in text:  # no test writes into the machine's own
            forced["mail_spool_directory"] = self.spool
        for line in re.split(r"\n(?=\S)", text):
            name = line.split("=", 1)[0].strip()
            lines.append(f"{name} = {forced.pop(name)}" if name in forced else line.rstrip("\n"))
        lines += [f"{name} = {value}" for name, value in forced.items()]
        (self.config / "main.cf").write_text("\n".join(lines) + "\n")

    def write(self):
        for directory in (self.config, self.queue, self.spool, self.directory / "data", self.vmail):
            directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o755)
        self.spool.chmod(0o1777)
        if IS_ROOT:
            shutil.chown(self.directory / "data", "nobody", "nogroup")
            os.chown(self.vmail, 5000, 5000)
        self.write_main()
        source = HERE / self.name / "master.cf"
        master = self.translate((source if source.exists() else ROOT / "conf/master.cf").read_text())
        (self.config / "master.cf").write_text(
            "\n".join(self.translate_service(line) for line in master.splitlines()) + "\n")
        for path in (HERE / self.name).iterdir():
            if path.name not in ("main.cf", "master.cf", "expect.toml"):
                text = self.translate(path.read_text())
                self.file(path.name, text, 0o755 if text.startswith("#!") else 0o644)

    def build_tables(self):
        """As a postmaster does after an edit: postmap, newaliases, sqlite3."""
        for path in self.config.glob("*.sql"):
            import sqlite3
            with contextlib.closing(sqlite3.connect(path.with_suffix(".db"))) as base:
                base.executescript(path.read_text())
            path.with_suffix(".db").chmod(0o644)
        text = (self.config / "main.cf").read_text() + (self.config / "master.cf").read_text()
        for kind, path in sorted(set(INDEXED.findall(text))):
            self.run("postalias" if "aliases" in pathlib.Path(path).name else "postmap", f"{kind}:{path}")

    # --- life ----------------------------------------------------------------------

    def open_hosts(self):
        for entry in self.expect.get("host", []):
            if "port" in entry:
                host = FakeHost(entry["name"], "127.0.0.1", self.port_of(str(entry["port"]))).start()
                self.hosts.append(host)
                self.net.hosts[entry["name"]] = host
                self.net.address(entry["name"], "127.0.0.1", pointer=False)
            else:
                host = self.net.host(entry["name"])
            for domain in entry.get("mx", []):
                self.net.mx(domain, f"10 {entry['name']}")
            for verb, reply in entry.get("says", {}).items():
                host.on(verb, reply)

    def start(self):
        if self.server:
            self.server.start()
        self.open_hosts()
        self.write()
        self.build_tables()
        self.run("diligence", "start", config_first=True)
        self.running = True
        wait_until(self.accepts, "the SMTP port")
        return self

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.running = True
            self.__exit__(None, None, None)
            raise

    def findings(self):
        """What `diligence check` tells that is wrong."""
        text = self.run("diligence", "check", config_first=True, check=False).stderr
        lines = [line.split(": ", 1)[1] for line in text.splitlines()]
        passed = ["set-gid", "not owned by group", "belongs to a later release",
                  *self.expect.get("told", [])]
        return [line for line in lines if line.startswith(("warning: ", "error: ", "fatal: "))
                and not any(word in line for word in passed)]

    # --- steps -----------------------------------------------------------------------

    def submit(self, step, body):
        self.run("sendmail", "-f", step["send"], "-i", *step["to"], stdin=body)

    def speak(self, step, body):
        """Send by SMTP; the first refusal, else the last reply."""
        client = smtplib.SMTP("127.0.0.1", self.port_of(str(step.get("port", "smtp"))), timeout=PATIENCE,
                              source_address=(step.get("client", "127.0.0.1"), 0))
        with client:
            client.ehlo("client.example")
            replies = [client.mail(step["send"], step.get("options", []))]
            if replies[0][0] == 250:
                replies += [client.rcpt(to) for to in step["to"]]
            bad = [reply for reply in replies if reply[0] >= 400]
            code, text = bad[0] if bad else client.data(body.encode())
            return f"{code} {text.decode()}"

    def content(self, where):
        """All that has arrived WHERE ("mbox chris", "maildir DIR", "at HOST", "file PATH")."""
        kind, _, name = where.partition(" ")
        if kind == "mbox":
            return self.mbox(name)
        if kind == "maildir":
            return b"".join(self.maildir(name))
        if kind == "at":
            return b"".join(f"MAIL FROM:<{m.sender}> {m.recipients}\n".encode() + m.content
                            for m in self.net.hosts[name].messages)
        if kind == "file":
            path = pathlib.Path(name)
            return path.read_bytes() if path.exists() else b""
        assert kind == "log", where
        return self.log().encode()

    def play(self, number, step):
        mark = f"step-{number}-of-{self.name}"
        body = step.get("headers", "") + f"Subject: {mark}\n\n" + step.get("text", "hello\n")
        if step.get("by") == "sendmail":
            self.submit(step, body)
        else:
            reply = self.speak(step, body.replace("\n", "\r\n"))
            assert re.match(step.get("reply", "250"), reply), (number, reply, self.log()[-3000:])
        for where in step.get("arrives", []):
            wanted = [mark, *step.get("has", [])] if not where.startswith("log") else step["has"]

            def arrived(where=where, wanted=wanted):
                content = self.content(where)
                return all(word.encode() in content for word in wanted)
            try:
                wait_until(arrived, f"step {number} to arrive: {where}", 10)
            except AssertionError as failure:
                raise AssertionError(f"{failure}: {wanted} in {self.content(where)[-1500:]}\n"
                                     f"{self.log()[-3000:]}") from None
            for word in step.get("lacks", []):
                assert word.encode() not in self.content(where), (number, word)

    def __exit__(self, *exception):
        super().__exit__(*exception)
        if self.server:
            self.server.__exit__(*exception)
        for host in self.hosts:
            host.close()

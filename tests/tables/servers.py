"""Database and directory servers for tests: the real ones, from their Debian packages.

Each is unpacked below build/peers, never installed, and runs as an ordinary user in a
directory of its own, on a UNIX socket or a free port of 127.0.0.1.
"""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import pytest

from harness.instance import free_port, wait_until
from harness.postfix import unpack

USER = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}


class Server:
    """A server that lives from start() to stop()."""

    packages = ()

    def __init__(self):
        self.root = unpack(*self.packages)
        if self.root is None:
            pytest.skip(f"{self.packages[0]} cannot be downloaded")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="table-server-"))
        self.directory.chmod(0o755)
        if os.getuid() == 0:
            shutil.chown(self.directory, "nobody", "nogroup")
        libraries = [self.root / "usr/lib", *self.root.glob("usr/lib/*-linux-gnu"),
                     *self.root.glob("lib/*-linux-gnu")]
        self.environment = {"PATH": os.environ["PATH"], "LC_ALL": "C",
                            "HOME": str(self.directory),
                            "LD_LIBRARY_PATH": ":".join(map(str, libraries))}
        self.port = free_port()
        self.process = None

    def launch(self, *command):
        """Start COMMAND and wait until the server answers."""
        with open(self.directory / "output", "ab") as output:
            self.process = subprocess.Popen([str(c) for c in command], cwd=self.directory,
                                            env=self.environment, stdout=output, stderr=output,
                                            stdin=subprocess.DEVNULL, **USER)
        try:
            wait_until(self.answers, f"{self.packages[0]} to answer")
        except AssertionError as failure:
            self.end()
            text = (self.directory / "output").read_text(errors="replace")
            raise AssertionError(f"{failure}\n{text[-2000:]}") from None

    def answers(self):
        assert self.process.poll() is None, (self.directory / "output").read_text()[-2000:]
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        return False

    def run(self, *command, stdin=None):
        """Run a tool to its end; what it prints."""
        done = subprocess.run([str(c) for c in command], cwd=self.directory, input=stdin,
                              env=self.environment, capture_output=True, text=True, timeout=60,
                              **USER)
        assert done.returncode == 0, (command, done.stdout[-1000:], done.stderr[-2000:])
        return done.stdout

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.end()
        shutil.rmtree(self.directory, ignore_errors=True)


class Memcached(Server):
    packages = ("memcached", "libevent-2.1-7")

    def start(self):
        self.launch(self.root / "usr/bin/memcached", "-l", "127.0.0.1", "-p", self.port,
                    "-U", "0", "-m", "8", "-t", "1")

    def say(self, text):
        """Send TEXT, read until the answer ends."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as link:
            link.sendall(text.encode())
            answer = b""
            while not answer.endswith((b"STORED\r\n", b"END\r\n", b"DELETED\r\n", b"NOT_FOUND\r\n")):
                piece = link.recv(4096)
                assert piece, answer
                answer += piece
        return answer.decode()

    def set(self, key, value):
        assert "STORED" in self.say(f"set {key} 0 0 {len(value)}\r\n{value}\r\n")


class Redis(Server):
    packages = ("redis-server", "redis-tools", "libjemalloc2", "liblzf1")

    def start(self):
        self.launch(self.root / "usr/bin/redis-server",
                    "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--appendonly",
                    "no", "--requirepass", "sesame", "--unixsocket",
                    self.directory / "redis.sock", "--unixsocketperm", "777")

    def do(self, *words):
        return self.run(self.root / "usr/bin/redis-cli", "-p", self.port, "-a", "sesame",
                        "--no-auth-warning", *words).strip()


class MariaDB(Server):
    packages = ("mariadb-server-core", "mariadb-client-core", "libaio1")

    def start(self):
        share = self.root / "usr/share/mysql"
        data = self.directory / "data"
        common = [self.root / "usr/sbin/mariadbd", "--no-defaults", f"--datadir={data}",
                  f"--lc-messages-dir={share}/english", f"--character-sets-dir={share}/charsets",
                  f"--plugin-dir={self.root}/usr/lib/mysql/plugin",
                  "--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M",
                  "--innodb-data-file-path=ibdata1:4M:autoextend", "--skip-log-bin",
                  "--default-storage-engine=Aria"]
        (self.directory / "sql").write_text(
            "create database mysql;\nuse mysql;\n" +
            "".join((share / name).read_text() for name in
                    ("mysql_system_tables.sql", "mysql_system_tables_data.sql")))
        self.run("mkdir", data)
        self.run(*common, "--bootstrap", stdin=(self.directory / "sql").read_text())
        self.socket = self.directory / "mysql.sock"
        self.launch(*common, f"--socket={self.socket}", "--bind-address=127.0.0.1",
                    f"--port={self.port}", "--skip-name-resolve",
                    f"--pid-file={self.directory}/pid")

    def do(self, sql, database=""):
        return self.run(self.root / "usr/bin/mariadb", "--no-defaults", "-u", "root",
                        "--default-character-set=utf8mb4",
                        f"--socket={self.socket}", "-N", database or "mysql", stdin=sql)


class PostgreSQL(Server):
    packages = ("postgresql-15", "postgresql-client-15", "libpq5")

    def start(self):
        tools = self.root / "usr/lib/postgresql/15/bin"
        data = self.directory / "data"
        (self.directory / "pw").write_text("root-secret\n")
        self.run(tools / "initdb", "-D", data, "-U", "owner", "-A", "scram-sha-256",
                 f"--pwfile={self.directory}/pw", "-E", "UTF8", "--no-sync", "--no-instructions",
                 "--locale=C")
        self.environment["PGPASSWORD"] = "root-secret"
        self.launch(tools / "postgres", "-D", data, "-p", self.port, "-k", self.directory,
                    "-h", "127.0.0.1", "-F", "-c", "shared_buffers=1MB", "-c",
                    "max_connections=20", "-c", "jit=off")
        wait_until(self.is_ready, "PostgreSQL to take questions")

    def is_ready(self):
        with contextlib.suppress(AssertionError):
            return self.do("select 1")
        return False

    def do(self, sql, database="postgres"):
        return self.run(self.root / "usr/lib/postgresql/15/bin/psql", "-h", self.directory, "-p",
                        self.port, "-U", "owner", "-d", database, "-q", "-t", "-v",
                        "ON_ERROR_STOP=1", stdin=sql)


class OpenLDAP(Server):
    packages = ("slapd", "libltdl7", "libodbc2", "libwrap0")
    suffix = "dc=maison,dc=mrs"
    manager = f"cn=manager,{suffix}"
    password = "sesame"

    def start(self):
        schema = self.root / "etc/ldap/schema"
        (self.directory / "data").mkdir()
        if os.getuid() == 0:
            shutil.chown(self.directory / "data", "nobody", "nogroup")
        (self.directory / "slapd.conf").write_text(f"""\
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
modulepath {self.root}/usr/lib/ldap
moduleload back_mdb
sasl-secprops none
sasl-host localhost
authz-regexp uid=([^,]*),.*cn=auth uid=$1,ou=people,{self.suffix}
pidfile {self.directory}/pid
argsfile {self.directory}/args
database mdb
suffix "{self.suffix}"
rootdn "{self.manager}"
rootpw {self.password}
directory {self.directory}/data
maxsize 10485760
sizelimit 100
""")
        (self.directory / "ldif").write_text(self.ldif())
        self.run(self.root / "usr/sbin/slapd", "-T", "add", "-f", self.directory / "slapd.conf",
                 "-l", self.directory / "ldif")
        self.launch(self.root / "usr/sbin/slapd", "-d", "0", "-f", self.directory / "slapd.conf",
                    "-h", f"ldap://127.0.0.1:{self.port}/ ")

    def ldif(self):
        """A house with people and a group that refers to them."""
        entries = [f"dn: {self.suffix}\nobjectClass: organization\nobjectClass: dcObject\n"
                   "dc: maison\no: Maison",
                   f"dn: ou=people,{self.suffix}\nobjectClass: organizationalUnit\nou: people"]
        for uid, mail in (("chris", "chris@gw1.maison.mrs"), ("sylvie", "sylvie@gw1.maison.mrs")):
            entries.append(f"dn: uid={uid},ou=people,{self.suffix}\nobjectClass: inetOrgPerson\n"
                           f"uid: {uid}\ncn: {uid}\nsn: {uid}\nmail: {mail}\n"
                           f"userPassword: word of {uid}\n"
                           f"description: {uid}@alias.maison.mrs")
        entries.append(f"dn: cn=all,{self.suffix}\nobjectClass: groupOfNames\ncn: all\n"
                       f"description: all@alias.maison.mrs\n"
                       f"member: uid=chris,ou=people,{self.suffix}\n"
                       f"member: uid=sylvie,ou=people,{self.suffix}\n"
                       f"member: uid=gone,ou=people,{self.suffix}")
        entries.append(f"dn: cn=loop,{self.suffix}\nobjectClass: groupOfNames\ncn: loop\n"
                       f"description: loop@alias.maison.mrs\nmember: cn=loop,{self.suffix}")
        return "\n\n".join(entries) + "\n"

#!/usr/bin/env python3
"""Tests of master and lib/service: a real master, with echo_daemon in the place of every program.

Usage: master_test.py MASTER ECHO_DAEMON (meson passes both).  Everything listens on 127/8.
"""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

MASTER, ECHO = sys.argv[1:3]
PATIENCE = 15
PROGRAMS = ("auth", "virtual", "smtpd", "smtp", "qmgr", "pickup", "local", "pipe", "error", "discard", "bounce")
STOCK = """\
{smtp}    inet  n       -       y       -       -       smtpd
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
bounce    unix  -       -       y       -       0       bounce
defer     unix  -       -       y       -       0       bounce
trace     unix  -       -       y       -       0       bounce
verify    unix  -       -       y       -       1       verify
flush     unix  n       -       y       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       y       -       -       smtp
relay     unix  -       -       y       -       -       smtp
        -o syslog_name=postfix/$service_name
showq     unix  n       -       y       -       -       showq
error     unix  -       -       y       -       -       error
retry     unix  -       -       y       -       -       error
discard   unix  -       -       y       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       y       -       -       lmtp
anvil     unix  -       -       y       -       1       anvil
scache    unix  -       -       y       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
uucp      unix  -       n       n       -       -       pipe
  flags=Fqhu user=uucp argv=uux -r -n -z -a$sender - $nexthop!rmail ($recipient)
#off      inet  n       -       n       -       -       nonsense
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"timed out waiting for {what}")
        time.sleep(0.01)


class Talk:
    """One session with an echo_daemon."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.file = self.socket.makefile("rw")
        self.banner = self.file.readline()

    @property
    def pid(self):
        return int(re.match(r"hello from (\d+) ", self.banner).group(1))

    def say(self, line):
        self.file.write(line + "\n")
        self.file.flush()
        return self.file.readline().rstrip("\n")

    def close(self):
        self.file.close()
        self.socket.close()


class MasterTest(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="dlm."))
        self.place.chmod(0o755)
        self.config, self.queue = self.place / "etc", self.place / "q"
        programs = self.place / "lib"
        for directory in (self.config, self.queue, programs):
            directory.mkdir()
        for name in ("pid", "public", "private"):
            (self.queue / name).mkdir()
            if os.getuid() == 0:
                shutil.chown(self.queue / name, "nobody", "nogroup")
        for name in PROGRAMS:
            shutil.copy(ECHO, programs / name)
        self.log = self.place / "log"
        self.port = free_port()
        self.settings = {"queue_directory": self.queue, "data_directory": self.place / "data",
                         "daemon_directory": programs, "maillog_file": self.log,
                         "maillog_file_prefixes": self.place, "inet_interfaces": "127.0.0.1",
                         "mail_owner": "nobody", "setgid_group": "nogroup"}
        self.services = STOCK
        self.process = None
        self.talks = []

    def tearDown(self):
        for talk in self.talks:
            talk.close()
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)
        shutil.rmtree(self.place)

    def write(self, **settings):
        self.settings.update(settings)
        (self.config / "main.cf").write_text(
            "".join(f"{name} = {value}\n" for name, value in self.settings.items()))
        (self.config / "master.cf").write_text(
            self.services.replace("{smtp}", f"127.0.0.1:{self.port}"))

    def start(self, **settings):
        self.write(**settings)
        self.process = subprocess.Popen([MASTER, "-c", self.config, "-d"],
                                        stderr=subprocess.DEVNULL)
        wait_until(lambda: self.logged("daemon started"), "the start")

    def logged(self, pattern):
        return re.findall(pattern, self.log.read_text()) if self.log.exists() else []

    def talk(self, port=None):
        self.talks.append(Talk(port or self.port))
        return self.talks[-1]

    def reload(self):
        before = len(self.logged("reload -- version|the old configuration stays"))
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(self.logged("reload -- version|the old configuration stays")) > before,
                   "the reload")

    def children(self):
        path = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def command_lines(self):
        lines = []
        for pid in self.children():
            try:
                lines.append(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1])
            except OSError:
                pass
        return lines

    # --- what S076, S108 and S163 ask for ---

    def test_S076_service_names_show_in_the_process_list(self):
        self.start()
        def names():
            """(command, service) of each program; none of those that are about to start."""
            return {(line[0], line[line.index("-n") + 1]) for line in self.command_lines()
                    if "-n" in line[:-1]}

        wait_until(lambda: names() == {("qmgr", "qmgr"), ("pickup", "pickup")}, "qmgr and pickup")
        self.talk()
        self.assertIn(("smtpd", f"127.0.0.1:{self.port}"), names())

    def test_S108_stock_master_cf_gives_postfix_sockets(self):
        self.start()
        public = {p.name for p in (self.queue / "public").iterdir()}
        private = {p.name for p in (self.queue / "private").iterdir()}
        self.assertEqual(public, {"pickup", "qmgr", "flush", "showq", "postlog"})
        self.assertLessEqual({"bounce", "defer", "trace", "smtp", "relay", "error", "retry", "discard",
                              "local", "virtual", "lmtp", "uucp"}, private)
        for path in (self.queue / "private").iterdir():
            self.assertEqual(path.stat().st_mode & 0o777, 0o666, path)

    def test_macros_and_overrides_reach_the_program(self):
        self.services = STOCK.replace("smtpd\n", "smtpd\n  -o syslog_name=postfix/$service_name\n"
                                      "  -o { message_size_limit = 4711 }\n", 1)
        self.start()
        talk = self.talk()
        self.assertEqual(talk.say("param syslog_name"), f"postfix/127.0.0.1:{self.port}")
        self.assertEqual(talk.say("param message_size_limit"), "4711")
        self.assertEqual(talk.say("param process_name"), "smtpd")
        self.assertTrue(self.logged(rf"postfix/127.0.0.1:{self.port}/smtpd\[{talk.pid}\]: session"))

    def test_a_killed_worker_is_replaced(self):
        self.start()
        first = self.talk().pid
        for pid in [c for c in self.children() if pathlib.Path(f"/proc/{c}/cmdline").read_bytes()
                    .startswith(b"smtpd")]:
            os.kill(pid, signal.SIGKILL)
        self.assertNotEqual(self.talk().pid, first)
        self.assertTrue(self.logged(rf"pid {first} killed by signal 9"))

    def test_a_killed_owner_comes_back_without_being_asked(self):
        self.start()
        wait_until(lambda: len(self.children()) >= 2, "qmgr and pickup")
        before = set(self.children())
        time.sleep(0.1)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(set(self.children()) - before) >= 2, "new ones")

    def test_a_program_that_fails_at_once_is_throttled(self):
        (self.place / "lib" / "smtpd").write_text("#!/bin/sh\nexit 1\n")
        self.start()
        with socket.create_connection(("127.0.0.1", self.port)):
            time.sleep(2.5)
        starts = self.logged("bad command startup -- throttling")
        self.assertGreaterEqual(len(starts), 1)
        self.assertLessEqual(len(starts), 6)

    def test_the_process_limit_bounds_the_sessions(self):
        self.services = STOCK.replace("-       -       smtpd", "-       2       smtpd", 1)
        self.start()
        talks = [self.talk(), self.talk()]
        self.assertTrue(all(re.search("limit [12]$", t.banner) for t in talks))
        late = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        late.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            late.recv(100)
        talks[0].close()
        talks[1].close()
        late.settimeout(PATIENCE)
        self.assertIn(b"hello from", late.recv(100))
        late.close()

    def servers(self):
        """The SMTP servers that the first client makes master start."""
        self.talk().close()
        return [line for line in self.command_lines() if line[:1] == ["smtpd"]]

    def test_processes_per_service(self):
        self.start(processes_per_service="3")
        self.assertEqual(len(self.servers()), 3)

    def test_one_process_by_a_setting_of_the_service(self):
        self.services = STOCK.replace("smtpd\n", "smtpd\n  -o processes_per_service=1\n", 1)
        self.start(processes_per_service="3")
        self.assertEqual(len(self.servers()), 1)
        self.assertEqual(len({self.talk().pid for _ in range(5)}), 1)

    def test_retirement_after_max_use_loses_no_connection(self):
        self.start(max_use="3")
        pids = set()
        for _ in range(20):
            talk = self.talk()
            pids.add(talk.pid)
            self.assertEqual(talk.say("x"), "echo x")
            talk.close()
        self.assertGreater(len(pids), 2)

    def test_idle_processes_go(self):
        self.start(max_idle="1s")
        self.talk().close()
        wait_until(lambda: all(line[:1] != ["smtpd"] for line in self.command_lines()), "idle smtpd to go")
        self.assertEqual(self.talk().say("x"), "echo x")

    # --- S162: reload ---

    def test_S162_reload_keeps_sessions_and_takes_new_settings(self):
        self.start()
        old = self.talk()
        self.write(mail_name="Changed")
        self.reload()
        # The order reaches the processes a moment after the line in the log.
        wait_until(lambda: self.talk().say("param mail_name") == "Changed", "the new setting")
        fresh = self.talks[-1]
        self.assertEqual(old.say("param mail_name"), "Postfix")
        self.assertNotEqual(old.pid, fresh.pid)

    def test_S162_no_connection_is_dropped_while_reloading(self):
        self.start()
        for i in range(40):
            if i % 10 == 5:
                self.process.send_signal(signal.SIGHUP)
            talk = self.talk()
            self.assertEqual(talk.say("x"), "echo x")
            talk.close()

    def test_a_bad_file_leaves_the_old_one_in_force(self):
        self.start()
        self.services = STOCK + "odd unix - - n - - nosuchthing\n"
        self.write()
        self.reload()
        self.assertTrue(self.logged(r"master.cf:\d+: service odd: unknown command: nosuchthing; "
                                    "the old configuration stays"))
        self.assertEqual(self.talk().say("x"), "echo x")

    def test_ports_come_and_go_with_a_reload(self):
        self.start()
        second = free_port()
        self.services = STOCK + f"127.0.0.1:{second} inet n - n - - smtpd\n"
        self.write()
        self.reload()
        self.assertEqual(self.talk(second).say("x"), "echo x")
        self.services = STOCK
        self.write()
        self.reload()

        def is_refused():
            try:
                socket.create_connection(("127.0.0.1", second), 1).close()
            except ConnectionRefusedError:
                return True
            return False

        wait_until(is_refused, "the second port to close")
        self.assertEqual(self.talk().say("x"), "echo x")

    def test_services_are_switched_off(self):
        """master_service_disable: by type, but for one, and by name; a reload brings the rest back."""
        other = free_port()
        self.services = STOCK + f"127.0.0.1:{other} inet n - y - - smtpd\n"
        self.start(master_service_disable=f"!127.0.0.1:{other}/inet, inet")

        def is_open(port):
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        self.assertEqual((is_open(self.port), is_open(other)), (False, True))
        self.write(master_service_disable=f"127.0.0.1:{other}.inet")
        self.reload()
        wait_until(lambda: is_open(self.port) and not is_open(other), "the other one")

    def test_a_rotated_log_is_opened_anew(self):
        self.start()
        talk = self.talk()
        self.log.rename(self.place / "log.1")
        self.process.send_signal(signal.SIGUSR1)
        wait_until(self.log.exists, "the new log")
        time.sleep(0.1)
        talk.say("x")
        self.talk()
        wait_until(lambda: self.logged("smtpd.*session on"), "a line of a program in the new log")

    # --- start and stop ---

    def test_stop_ends_all_processes(self):
        self.start()
        self.talk()
        children = self.children()
        self.process.terminate()
        self.assertEqual(self.process.wait(PATIENCE), 0)
        for pid in children:
            self.assertFalse(pathlib.Path(f"/proc/{pid}").exists())
        self.assertTrue(self.logged("terminating on signal 15"))

    def test_processes_end_when_master_is_killed(self):
        self.start()
        self.talk()
        children = self.children()
        self.process.kill()
        self.process.wait(PATIENCE)
        wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in children),
                   "the programs to end")

    def test_one_master_a_queue(self):
        self.start()
        again = subprocess.run([MASTER, "-c", self.config, "-d"], capture_output=True, text=True,
                               timeout=PATIENCE)
        self.assertEqual(again.returncode, 1)
        self.assertIn("unable to set exclusive lock", again.stderr + self.log.read_text())
        self.assertEqual(subprocess.run([MASTER, "-c", self.config, "-t"], capture_output=True,
                                        timeout=PATIENCE).returncode, 1)
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.assertEqual(subprocess.run([MASTER, "-c", self.config, "-t"], capture_output=True,
                                        timeout=PATIENCE).returncode, 0)

    def refused(self):
        self.write()
        done = subprocess.run([MASTER, "-c", self.config, "-w"], capture_output=True, text=True,
                              timeout=PATIENCE)
        self.assertEqual(done.returncode, 1)
        return done.stderr

    def test_unknown_commands_are_told_with_their_line(self):
        self.services = "# one\nodd unix - - n - - nosuchthing\n"
        self.assertRegex(self.refused(), r"master.cf:2: service odd: unknown command: nosuchthing")

    def test_a_port_in_use_is_told(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.port))
            taken.listen()
            self.assertIn(f"bind 127.0.0.1 port {self.port}: Address already in use", self.refused())

    def test_unknown_interfaces_and_ports_are_told(self):
        self.services = "nosuchport inet n - n - - smtpd\n"
        self.assertIn("unknown service name or port in master.cf: nosuchport", self.refused())
        self.services = f"{self.port} inet n - n - - smtpd\n"
        self.settings["inet_interfaces"] = "nosuchhost.invalid"
        self.assertIn("host not found: nosuchhost.invalid", self.refused())

    @unittest.skipUnless(os.getuid() == 0, "as root only")
    def test_a_missing_mail_owner_is_told_with_the_remedy(self):
        self.settings["mail_owner"] = "nosuchuser"
        self.assertRegex(self.refused(), r'mail_owner: unknown name "nosuchuser".*useradd')


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])

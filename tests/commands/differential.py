"""The same command lines for our commands and for the real Postfix's, side by side.

A Pair has one configuration directory that both read. Each case runs from the same state for both; exit
status, output, messages and the files left behind are compared. What is told in other words on purpose is
made equal in canonical(), with the reason.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from harness.instance import STAGE
from harness.postfix import unpack

INDEXES = (".db", ".cdb", ".lmdb")


class Pair:
    """Both sides in DIRECTORY."""

    def __init__(self, directory):
        self.directory = directory
        self.package = unpack("postfix", "postfix-pcre")
        self.library = self.package / "usr/lib/postfix"

    def main_cf(self, text):
        directories = (f"shlib_directory = {self.library}\nmeta_directory = {self.directory}\n"
                       f"daemon_directory = {self.library}/sbin\ncommand_directory = {self.package}/usr/sbin\n"
                       f"queue_directory = {self.directory.parent}/queue\n"
                       f"data_directory = {self.directory.parent}/data\n"
                       "mail_owner = uucp\nsetgid_group = irc\n"
                       "import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LD_LIBRARY_PATH\n")
        self.write("main.cf", text + directories)
        self.write("dynamicmaps.cf", f"pcre {self.library}/postfix-pcre.so dict_pcre_open\n")

    def write(self, name, text):
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / name).write_text(text, encoding="latin-1")

    def files(self):
        return {p.name: p.read_bytes() for p in self.directory.iterdir()
                if p.is_file() and not p.name.endswith(INDEXES + (".tmp",))}

    def restore(self, files):
        for path in self.directory.iterdir():
            if path.is_file() and path.name not in files:
                path.unlink()
        for name, content in files.items():
            (self.directory / name).write_bytes(content)

    def run(self, path, arguments, stdin=None, config="-c", env=None):
        environment = dict(os.environ, LD_LIBRARY_PATH=str(self.library), LC_ALL="C", TZ="UTC", **(env or {}))
        if str(path).startswith(str(STAGE)):
            del environment["LD_LIBRARY_PATH"]
        place = [config, str(self.directory)] if config else []
        return subprocess.run([str(path)] + place + [str(a) for a in arguments], input=stdin, text=True,
                              capture_output=True, timeout=60, cwd=self.directory, env=environment)

    def theirs(self, command, *arguments, **options):
        return self.run(self.package / "usr/sbin" / command, arguments, **options)

    def ours(self, command, *arguments, **options):
        return self.run(STAGE / "bin" / command, arguments, **options)

    def canonical(self, text):
        """TEXT of either side without what differs on purpose."""
        for directory in (self.package / "usr/sbin", STAGE / "bin", self.directory):
            text = text.replace(f"{directory}/", "")
        text = re.sub(r"usage: .*", "usage", text)  # ours knows the options of 3.12, too
        # Ours tells the line of the double entry, and quotes the line that it cannot read.
        text = re.sub(r'(duplicate entry: ".*?") \(\S+, line \d+\)', r"\1", text)
        text = re.sub(r'(non-UTF-8 input) ".*"', r"\1", text)
        return re.sub(r'(need name:value pair|expected format: key whitespace value)(: ".*"| -- ignoring this line)',
                      r"\1", text)

    def outcome(self, side, steps):
        """What STEPS (command, arguments, standard input) give on one side, and the files at the end."""
        before = self.files()
        results = []
        for command, arguments, stdin in steps:
            done = side(command, *arguments, stdin=stdin)
            results.append((done.returncode, self.canonical(done.stdout),
                            sorted(self.canonical(done.stderr).splitlines())))
        after = self.files()
        modes = sorted((p.name, oct(p.stat().st_mode)) for p in self.directory.iterdir() if p.suffix != ".tmp")
        self.restore(before)
        return results, after, modes

    def outcomes(self, *steps):
        """What STEPS give on both sides, theirs first."""
        steps = [s if len(s) == 3 else (*s, None) for s in steps]
        return self.outcome(self.theirs, steps), self.outcome(self.ours, steps)

    def compare(self, *steps, layout=None):
        """Run STEPS on both sides; the outcomes must be the same. LAYOUT makes files comparable."""
        self.must_be_same(self.outcomes(*steps), layout)

    @staticmethod
    def must_be_same(outcomes, layout=None):
        theirs, ours = outcomes
        assert ours[0] == theirs[0], f"ours {ours[0]}, Postfix's {theirs[0]}"
        layout = layout or (lambda name, content: content)
        assert {n: layout(n, c) for n, c in ours[1].items()} == {n: layout(n, c) for n, c in theirs[1].items()}
        assert ours[2] == theirs[2]


class Cases:
    """Outcomes of many cases that run side by side: each fatal error of Postfix takes it a second."""

    def __init__(self, prepare, cases):
        """CASES are tuples of steps; PREPARE(Pair) writes the files that each case starts from."""
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="dil."))
        self.place.chmod(0o755)
        self.pool = concurrent.futures.ThreadPoolExecutor(24)
        self.prepare = prepare
        self.results = {repr(case): self.pool.submit(self.run, i, case) for i, case in enumerate(cases)}

    def run(self, i, case):
        pair = Pair(self.place / str(i) / "etc")
        self.prepare(pair)
        return pair.outcomes(*case)

    def compare(self, case, layout=None):
        Pair.must_be_same(self.results[repr(case)].result(timeout=120), layout)

    def close(self):
        self.pool.shutdown()
        shutil.rmtree(self.place, ignore_errors=True)

"""Postfix and Diligence side by side: accepted, delivered, relayed, idle, start.

Both run from the same disk image (a journaled ext4 on a preallocated loop file
when root), interleaved round by round, both durable, with the generator's own
CPU kept apart. Prints a table of rates, CPU per message, ratios, and writes
build/bench/smtp.json.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from measure import disk, private_memory, process_tree, usage  # noqa: E402
from harness import postfix  # noqa: E402
from harness.instance import Instance, free_port, wait_until  # noqa: E402

WARM_UP = 1000  # messages before what is measured
BENCH = pathlib.Path(os.environ.get("DILIGENCE_BENCH_BUILD", ROOT / "build" / "release" / "bench"))


class Subject:
    """One of the two systems under test."""

    def __init__(self, title, kind, directory):
        self.title, self.kind, self.directory = title, kind, directory

    def make(self, name, **parameters):
        place = self.directory / f"{self.title}-{name}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        place.chmod(0o755)
        return self.kind(place, smtpd_client_connection_count_limit="0",
                         message_size_limit="51200000", **parameters)


def master_pid(instance):
    return int((instance.queue / "pid" / "master.pid").read_text().strip())


def load(instance, messages, sessions, recipient="user@load.example", **options):
    command = [str(BENCH / "smtp_load"), "--to", f"{instance.address}:{instance.port}",
               "--messages", str(messages), "--sessions", str(sessions),
               "--recipient", recipient]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{instance.log()[-2000:]}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def measured(instance, messages, sessions, recipient="user@load.example", until_delivered=True):
    """Send MESSAGES and wait until the queue is empty again.

    The rate is that of acceptance, or UNTIL_DELIVERED that of the whole way; CPU and
    switches are those of the whole way in any case, so that a system which postpones
    work pays for it here too.
    """
    pid = master_pid(instance)
    before = count_log(instance, b": removed")
    cpu, switches = usage(pid)
    begin = time.monotonic()
    sent = load(instance, messages, sessions, recipient)
    settle_removed(instance, before, messages)
    seconds = time.monotonic() - begin if until_delivered else sent["seconds"]
    cpu_after, switches_after = usage(pid)
    return {"rate": messages / seconds, "cpu_us": (cpu_after - cpu) / messages * 1e6,
            "switches": (switches_after - switches) / messages}


def warm(instance, recipient="user@load.example"):
    """Past the start: processes run, the journal has its segments."""
    load(instance, WARM_UP, 10, recipient)
    settle_removed(instance, 0, WARM_UP)


def count_log(instance, word):
    try:
        return instance.log_file.read_bytes().count(word)
    except FileNotFoundError:
        return 0


def settle_removed(instance, before, messages):
    wait_until(lambda: count_log(instance, b": removed") - before >= messages,
               "all messages to leave the queue", patience=300)


def accepted(subject, sessions, messages):
    instance = subject.make(f"accept{sessions}", relay_domains="load.example",
                            relay_transport="discard")
    with instance:
        warm(instance)
        return measured(instance, messages, sessions, until_delivered=False)


def delivered(subject, sessions, messages):
    boxes = subject.directory / f"{subject.title}-boxes"
    shutil.rmtree(boxes, ignore_errors=True)
    boxes.mkdir()
    os.chmod(boxes, 0o777)
    instance = subject.make("maildir", virtual_mailbox_domains="load.example",
                            virtual_mailbox_base=boxes, virtual_uid_maps="static:65534",
                            virtual_gid_maps="static:65534", virtual_mailbox_limit="0",
                            virtual_minimum_uid="1")
    instance.set(virtual_mailbox_maps="regexp:" + str(instance.config / "boxes"))
    instance.file("boxes", "/^user[0-9]*([0-9][0-9])@/ box$1/\n")  # 100 mailboxes
    recipient = "user10%@load.example"
    with instance:
        warm(instance, recipient)
        return measured(instance, messages, sessions, recipient)


def relayed(subject, sessions, messages):
    port = free_port()
    sink = subprocess.Popen([str(BENCH / "smtp_sink"), f"127.0.0.1:{port}"],
                            stdout=subprocess.PIPE)
    sink.stdout.readline()
    try:
        instance = subject.make("relay", relay_domains="load.example",
                                relayhost=f"[127.0.0.1]:{port}")
        with instance:
            warm(instance)
            return measured(instance, messages, sessions)
    finally:
        sink.send_signal(signal.SIGTERM)
        sink.wait(timeout=10)


def first_message(subject):
    """Seconds from `start` to the first accepted message."""
    instance = subject.make("start", relay_domains="load.example", relay_transport="discard")
    begin = time.monotonic()
    instance.start()
    load(instance, 1, 1)
    seconds = time.monotonic() - begin
    instance.stop()
    return {"seconds": seconds}


def idle_memory(subject, sessions):
    instance = subject.make("idle", relay_domains="load.example", relay_transport="discard",
                            default_process_limit=str(sessions + 50))
    with instance:
        load(instance, 4, 2)
        pid = master_pid(instance)
        before = private_memory(pid, "smtpd")
        client = subprocess.Popen([str(BENCH / "smtp_load"), "--to",
                                   f"{instance.address}:{instance.port}", "--idle",
                                   str(sessions)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        opened = json.loads(client.stdout.readline())["accepted"]
        after = private_memory(pid, "smtpd")
        client.stdin.close()
        client.wait(timeout=60)
        return {"sessions": opened, "bytes": (after - before) / max(opened, 1)}


def mailq_time(subject, messages):
    instance = subject.make("mailq", relay_domains="load.example",
                            defer_transports="relay", relay_transport="relay")
    with instance:
        load(instance, messages, 20)
        time.sleep(1)
        begin = time.monotonic()
        text = instance.run("postqueue", "-p", timeout=120).stdout
        seconds = time.monotonic() - begin
        assert text.count("load.example") >= messages
        return {"seconds": seconds}


def with_backlog(subject, backlog, messages):
    """Accepted messages/s with BACKLOG deferred messages in the queue, over those without (S100)."""
    instance = subject.make("backlog", relay_domains="load.example late.example",
                            relay_transport="discard", defer_transports="late",
                            transport_maps="inline:{late.example=late:}")
    instance.extra_services = "late unix - - n - - smtp\n"
    with instance:
        warm(instance)
        empty = load(instance, messages, 10)
        load(instance, 1, 1, "user@late.example")
        deferred = instance.queue / "deferred"
        [first] = wait_until(lambda: [f for f in deferred.rglob("*") if f.is_file()], "a file")
    image, due, owner = first.read_bytes(), time.time() + 86400, first.stat()
    for number in range(backlog):
        copy = deferred / f"{number % 16:X}" / f"{number % 16:X}{number:09X}"
        copy.parent.mkdir(mode=0o700, exist_ok=True)
        os.chown(copy.parent, owner.st_uid, owner.st_gid)
        copy.write_bytes(image)
        copy.chmod(0o700)
        os.chown(copy, owner.st_uid, owner.st_gid)
        os.utime(copy, (due, due))
    begin = time.monotonic()
    with instance:
        warm(instance)
        started = time.monotonic() - begin
        full = load(instance, messages, 10)
        listed = instance.run("postqueue", "-p", timeout=300).stdout.count("late.example")
    assert listed >= backlog, (listed, backlog)
    return {"rate over an empty queue": empty["seconds"] / full["seconds"],
            "start and first thousand": started}


def system_calls(subject, messages):
    """System calls per accepted message, counted by strace over the whole tree."""
    if not shutil.which("strace"):
        return {}
    instance = subject.make("strace", relay_domains="load.example", relay_transport="discard")
    with instance:
        load(instance, 50, 10)
        pids = sorted(process_tree(master_pid(instance)))
        output = instance.directory / "strace"
        command = ["strace", "-f", "-c", "-o", str(output)]
        for pid in pids:
            command += ["-p", str(pid)]
        tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(1)
        load(instance, messages, 10)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(timeout=30)
        total = [line for line in output.read_text().splitlines() if line.endswith("total")]
        return {"calls": int(total[0].split()[-2 if len(total[0].split()) < 6 else 3]) / messages
                if total else 0}


SCENARIOS = {
    "accepted, 1 session": (lambda s, n: accepted(s, 1, n // 2), "rate", 4, 8),
    "accepted, 10 sessions": (lambda s, n: accepted(s, 10, n), "rate", 6, 8),
    "accepted, 100 sessions": (lambda s, n: accepted(s, 100, n), "rate", 6, 8),
    "into Maildirs, 10 sessions": (lambda s, n: delivered(s, 10, n), "rate", 6, 7),
    "relayed, 10 sessions": (lambda s, n: relayed(s, 10, n), "rate", 5, 6),
}


def compare(subjects, rounds, messages, only):
    results = {}
    for title, (run, *_rest) in SCENARIOS.items():
        if only not in title:
            continue
        results[title] = {s.title: [] for s in subjects}
        for _ in range(rounds):
            for subject in subjects:
                results[title][subject.title].append(run(subject, messages))
        show(title, results[title])
    return results


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def show(title, rows):
    rate_goal, cpu_goal = SCENARIOS[title][2:]
    ours, theirs = rows["diligence"], rows.get("postfix")
    line = (f"{title:28} {median(ours, 'rate'):9.0f}/s {median(ours, 'cpu_us'):7.0f} us "
            f"{median(ours, 'switches'):6.1f} switches")
    if theirs:
        rate = median(ours, "rate") / median(theirs, "rate")
        cpu = median(theirs, "cpu_us") / max(median(ours, "cpu_us"), 0.001)
        line += (f" | Postfix {median(theirs, 'rate'):6.0f}/s {median(theirs, 'cpu_us'):6.0f} us "
                 f"{median(theirs, 'switches'):5.1f} | {rate:5.1f} times the rate (goal "
                 f"{rate_goal}), CPU 1/{cpu:.1f} (goal 1/{cpu_goal})")
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--idle", type=int, default=10000)
    parser.add_argument("--only", default="", help="scenarios whose title contains this")
    parser.add_argument("--alone", action="store_true", help="without Postfix")
    arguments = parser.parse_args()
    with disk(ROOT / "build" / "bench") as place:
        subjects = [Subject("diligence", Instance, place)]
        if not arguments.alone and postfix.is_available():
            subjects.append(Subject("postfix", postfix.Postfix, place))
        results = compare(subjects, arguments.rounds, arguments.messages, arguments.only)
        if arguments.only:
            return
        extra = {}
        for subject in subjects:
            few = 50 if subject.title == "postfix" else arguments.idle
            extra[subject.title] = {
                "start": [first_message(subject) for _ in range(arguments.rounds)],
                "idle": idle_memory(subject, few),
                "mailq of 20,000": mailq_time(subject, 20000),
                "system calls": system_calls(subject, 500),
            }
            print(subject.title, json.dumps(extra[subject.title]), flush=True)
        extra["diligence"]["100,000 deferred"] = with_backlog(subjects[0], 100000,
                                                              arguments.messages)
        print("100,000 deferred", json.dumps(extra["diligence"]["100,000 deferred"]), flush=True)
        (ROOT / "build" / "bench" / "smtp.json").write_text(
            json.dumps({"rates": results, "extra": extra}, indent=1))


if __name__ == "__main__":
    main()

"""Postfix and Diligence side by side over TLS: handshakes, full and resumed, and messages.

As smtp.py: both from the same disk, interleaved round by round, with the CPU of the system under test
counted over its whole process tree (the client's share of each handshake is the generator's own).
Prints a table and writes build/bench/tls.json.
"""

import argparse
import json
import statistics
import subprocess

import smtp
from harness import postfix
from harness.instance import Instance
from measure import disk, usage
from smtp import ROOT, Subject, count_log, master_pid, settle_removed
from tls.certificates import Authority

TLSMGR = "tlsmgr unix - - n 1000? 1 tlsmgr\n"
GOAL = 2  # times Postfix's rate, or its CPU divided by this


def generate(instance, messages, sessions, *flags):
    done = subprocess.run([str(smtp.BENCH / "smtp_load"), "--to", f"{instance.address}:{instance.port}",
                           "--messages", str(messages), "--sessions", str(sessions),
                           "--recipient", "user@load.example", *flags],
                          capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{instance.log()[-2000:]}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def run(subject, kind, messages, sessions, *flags):
    """MESSAGES over TLS with a key of KIND; with --handshakes so many connections and no mail."""
    instance = subject.make(
        "tls", relay_domains="load.example", relay_transport="discard", smtpd_tls_security_level="may",
        smtpd_tls_chain_files=Authority(subject.directory / "ca").issue(f"{kind}.pem", "gw1.maison.mrs",
                                                                        kind=kind))
    if subject.kind is Instance:
        instance.extra_services = TLSMGR
    sends = "--handshakes" not in flags
    with instance:
        generate(instance, 100, sessions, *flags)
        before = count_log(instance, b": removed")
        pid = master_pid(instance)
        cpu, _ = usage(pid)
        sent = generate(instance, messages, sessions, *flags)
        if sends:
            settle_removed(instance, before, messages)
        cpu = usage(pid)[0] - cpu
        if "--resume" in flags:
            assert sent["resumed"] > messages * 0.9, sent
        return {"rate": messages / sent["seconds"], "cpu_us": cpu / messages * 1e6,
                "own_us": sent["own_cpu"] / messages * 1e6}


SCENARIOS = {
    "handshakes, RSA 2048": ("rsa", 20, "--handshakes"),
    "handshakes, P-256": ("ec", 20, "--handshakes"),
    "handshakes, resumed": ("ec", 20, "--handshakes", "--resume"),
    "messages, one a connection, P-256": ("ec", 10, "--tls", "--per-session", "1"),
    "messages, RSA 2048": ("rsa", 10, "--tls"),
}


def show(title, rows):
    ours, theirs = rows["diligence"], rows.get("postfix")

    def median(of, key):
        return statistics.median(row[key] for row in of)

    line = f"{title:34} {median(ours, 'rate'):7.0f}/s {median(ours, 'cpu_us'):6.0f} us"
    if theirs:
        line += (f" | Postfix {median(theirs, 'rate'):6.0f}/s {median(theirs, 'cpu_us'):6.0f} us | "
                 f"{median(ours, 'rate') / median(theirs, 'rate'):4.1f} times the rate (goal {GOAL}), CPU "
                 f"1/{median(theirs, 'cpu_us') / median(ours, 'cpu_us'):.1f}")
    print(f"{line} | generator {median(ours, 'own_us'):.0f} us", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--only", default="", help="scenarios whose title contains this")
    arguments = parser.parse_args()
    results = {}
    with disk(ROOT / "build" / "bench") as place:
        subjects = [Subject("diligence", Instance, place)]
        if postfix.is_available():
            subjects.append(Subject("postfix", postfix.Postfix, place))
        for title, (kind, sessions, *flags) in SCENARIOS.items():
            if arguments.only not in title:
                continue
            rows = results[title] = {s.title: [] for s in subjects}
            for _ in range(arguments.rounds):
                for subject in subjects:
                    rows[subject.title].append(run(subject, kind, arguments.messages, sessions, *flags))
            show(title, rows)
        (ROOT / "build" / "bench" / "tls.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Times `plimsoll gator bench` beside the real gator's, over 50 templates, 200 constraints and 20 pods of some 5 KB.
Usage: scripts/bench-gator.py PLIMSOLL GATOR [ITERATIONS] [ROUNDS]; GATOR comes from scripts/peers/build-gator.sh.

Both run in turn, ROUNDS times (3); medians count. Both read the same files and time the same reviews, each with its own clock; CPU
is user and system time of the whole process, files, templates and the warming up included.
"""
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from policy_set import CONSTRAINTS, TEMPLATES, documents

PODS, BYTES = 20, 5000
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


def pod(number):
    env = [{"name": f"VARIABLE_{at}", "value": f"some value of it {at}"} for at in range(12)]
    container = lambda at: {"name": f"c{at}", "image": f"registry.example/team/app:{at}", "env": env,  # noqa: E731
                            "resources": {"limits": {"memory": "1Gi", "cpu": "1"}}, "ports": [{"containerPort": 8080}],
                            "securityContext": {"privileged": False, "runAsNonRoot": True}}
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"web-{number}", "namespace": "shop", "labels": {"app": "web", "pod-template-hash": "a", "team": "a", "tier": "a"},
                                                            "annotations": {"note": ""}},
            "spec": {"containers": [container(at) for at in range(4)]}}
    made["metadata"]["annotations"]["note"] = "-" * max(0, BYTES - len(json.dumps(made)))
    return made


def seconds(text):
    number = text.rstrip("nuµms")
    return float(number) * UNITS[text[len(number):]]


def run(program, folder, iterations):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [*program, "bench", "-f", folder, "-e", "rego", "-n", str(iterations), "--warmup", "10", "-o", "json"]
    done = subprocess.run(command, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"bench-gator: {program}: status {done.returncode}: {done.stderr.decode()[:300]}")
    told = json.loads(done.stdout)[0]
    counts = tuple(told[name] for name in ("templateCount", "constraintCount", "objectCount", "violationCount"))
    times = {name: seconds(told["latencies"][name]) for name in ("p50", "p99")}
    return counts, {**times, "setup": seconds(told["setupDuration"]), "reviews a second": told["reviewsPerSecond"],
                    "CPU": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def main():
    programs = {"plimsoll": [str(Path(sys.argv[1]).resolve()), "gator"], "gator": [str(Path(sys.argv[2]).resolve())]}
    iterations, rounds = [int(word) for word in sys.argv[3:5]] + [100, 3][len(sys.argv[3:5]):]
    print(f"{TEMPLATES} templates, {CONSTRAINTS} constraints, {PODS} pods of {len(json.dumps(pod(0)))} bytes, {iterations} iterations, "
          f"medians of {rounds} rounds; load average {os.getloadavg()[0]:.1f} at the start.\n")
    print("| constraints asked | | plimsoll | gator | gator to plimsoll |\n|---|---|---:|---:|---:|")
    for asked in (CONSTRAINTS // 4, CONSTRAINTS):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "set.yaml").write_text("---\n".join(documents("registry.example/", asked)))
            Path(folder, "pods.yaml").write_text("\n---\n".join(json.dumps(pod(number)) for number in range(PODS)))
            runs = {name: [] for name in programs}
            for _ in range(rounds):
                for name, program in programs.items():
                    runs[name].append(run(program, folder, iterations))
        if len({counts for of in runs.values() for counts, _ in of}) != 1:
            sys.exit(f"bench-gator: the two do not say the same: {[(name, of[0][0]) for name, of in runs.items()]}")
        for what in ("p50", "p99", "setup", "CPU", "reviews a second"):
            ours, real = (statistics.median(found[what] for _, found in runs[name]) for name in ("plimsoll", "gator"))
            ratio = ours / real if what == "reviews a second" else real / ours
            form = (lambda v: f"{v:,.0f}") if what == "reviews a second" else (lambda v: f"{v * 1000:,.3f} ms")
            print(f"| {asked} | {what} | {form(ours)} | {form(real)} | {ratio:.1f}× |")


if __name__ == "__main__":
    main()

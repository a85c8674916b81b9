#!/usr/bin/env python3
"""Times `plimsoll conftest test` over a thousand manifests beside the real conftest, in alternating rounds of which it gives the
medians, and holds their reports together.
Usage: scripts/bench-conftest.py PLIMSOLL CONFTEST [COUNT [ROUNDS]]; CONFTEST comes from scripts/peers/build-policies.sh.
"""
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "e2e/policies/conftest"


def run(program, folder):
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([*program, "test", "-p", FOLDER / "policy", "-o", "json", folder], capture_output=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode != 1:
        sys.exit(f"bench-conftest: {program}: status {done.returncode}: {done.stderr.decode()[:300]}")
    said = sorted((check["filename"], len(check.get("failures", [])), len(check.get("warnings", [])))
                  for check in json.loads(done.stdout))
    return wall, cpu, said


def main():
    ours, real = (str(Path(word).resolve()) for word in sys.argv[1:3])
    count, rounds = (int(word) for word in (sys.argv[3:] + ["1000", "3"][len(sys.argv) - 3:]))
    programs = {"plimsoll": [ours, "conftest"], "conftest": [real]}
    times = {name: [] for name in programs}
    text = (FOLDER / "deploy.yaml").read_text()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            Path(folder, f"app{number}.yaml").write_text(text.replace("web", f"web{number}"))
        os.sync()
        for _ in range(rounds):
            reports = []
            for name, program in programs.items():
                *spent, said = run(program, folder)
                times[name].append(spent)
                reports.append(said)
            if reports[0] != reports[1]:
                sys.exit("bench-conftest: the reports differ")
    (wall, cpu), (real_wall, real_cpu) = (map(statistics.median, zip(*times[name])) for name in programs)
    print(f"say: {count} manifests, {sum(failures for _, failures, _ in said)} failures: "
          f"plimsoll {wall:.2f} s ({cpu:.2f} s of CPU), conftest {real_wall:.2f} s ({real_cpu:.2f} s of CPU), "
          f"{real_wall / wall:.1f} times as long ({real_cpu / cpu:.1f} times the CPU)")


if __name__ == "__main__":
    main()

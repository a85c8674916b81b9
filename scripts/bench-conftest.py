#!/usr/bin/env python3
"""Times `plimsoll conftest test` over a thousand manifests beside the real conftest, once each, and holds their reports together.
Usage: scripts/bench-conftest.py PLIMSOLL CONFTEST [COUNT]; CONFTEST comes from scripts/peers/build-policies.sh.
"""
import json
import os
import resource
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
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    text = (FOLDER / "deploy.yaml").read_text()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            Path(folder, f"app{number}.yaml").write_text(text.replace("web", f"web{number}"))
        os.sync()
        wall, cpu, said = run([ours, "conftest"], folder)
        real_wall, real_cpu, real_said = run([real], folder)
    if said != real_said:
        sys.exit("bench-conftest: the reports differ")
    print(f"say: {count} manifests, {sum(failures for _, failures, _ in said)} failures: "
          f"plimsoll {wall:.2f} s ({cpu:.2f} s of CPU), conftest {real_wall:.2f} s ({real_cpu:.2f} s of CPU), "
          f"{real_wall / wall:.1f} times as long ({real_cpu / cpu:.1f} times the CPU)")


if __name__ == "__main__":
    main()

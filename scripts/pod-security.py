#!/usr/bin/env python3
"""Holds fixtures to the level and version of the Pod Security Standards that their folders name.

Usage: scripts/pod-security.py PLIMSOLL FOLDER

FOLDER holds `LEVEL/VERSION/{pass,fail}/CHECK<number>.yaml`. A `pass` fixture must break nothing; a `fail` fixture must break
the check that its name says, in lower case, and every place must have a line and a column.
"""
import json
import os
import subprocess
import sys

PREFIX = "pod-security-"
# Fixtures for one run of the program: a command line has room for some thousands.
AT_ONCE = 200


def word(rule):
    """`pod-security-capabilities-baseline` and `capabilities_baseline` are the same word."""
    return rule.removeprefix(PREFIX).replace("-", "").replace("_", "").lower()


def lint(plimsoll, level, version, files):
    """What breaks the level in each file: the checks' words, and what is wrong with the places."""
    command = [plimsoll, "lint", "--pod-security", f"{level}:{version}", "-f", "json", *files]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    try:
        report = json.loads(run.stdout)
    except ValueError:
        sys.exit(f"no JSON from {' '.join(command[:6])}: {run.stdout[:300]} {run.stderr[:300]}")
    found = {os.path.normpath(file): (set(), []) for file in files}
    for entry in report["files"]:
        words, faults = found[os.path.normpath(entry["path"])]
        for finding in entry["findings"]:
            if not finding["rule"].startswith(PREFIX):
                continue
            words.add(word(finding["rule"]))
            places = finding.get("locations") or []
            if not places or not all(place.get("line") and place.get("column") for place in places):
                faults.append(f"{finding['rule']} has no place")
            if not finding.get("message"):
                faults.append(f"{finding['rule']} says nothing")
    return found


def main():
    plimsoll, root = sys.argv[1:3]
    wrong, seen = [], 0
    for level in ("baseline", "restricted"):
        folder = os.path.join(root, level)
        for version in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            for outcome in ("pass", "fail"):
                here = os.path.join(folder, version, outcome)
                files = [os.path.join(here, name) for name in sorted(os.listdir(here))] if os.path.isdir(here) else []
                for start in range(0, len(files), AT_ONCE):
                    part = files[start:start + AT_ONCE]
                    for path, (words, faults) in lint(plimsoll, level, version, part).items():
                        seen += 1
                        wanted = word(os.path.splitext(os.path.basename(path))[0].rstrip("0123456789"))
                        if outcome == "pass" and words:
                            faults.append(f"breaks {', '.join(sorted(words))}")
                        if outcome == "fail" and wanted not in words:
                            faults.append(f"does not break {wanted}, but {', '.join(sorted(words)) or 'nothing'}")
                        wrong.extend((path, fault) for fault in faults)
    for path, fault in wrong:
        print(f"{path}: {fault}")
    print(f"say: pod security: {seen} fixtures, {len({path for path, _ in wrong})} wrong")
    return 1 if wrong or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main())

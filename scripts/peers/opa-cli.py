#!/usr/bin/env python3
"""Holds `plimsoll opa` against the real opa: the same command lines over the same files must print the same and end with the
same status. Usage: scripts/peers/opa-cli.py PLIMSOLL OPA

Times and measured figures are taken out of both.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

# (status and words, arguments): "same": output and status; "status": only the status and standard output being JSON
# or not; "errors": status, and the same errors (code and place) in the same order; "refused": status and nothing on
# standard output.
LINES = [
    ("same", "eval 1+1"),
    ("same", "eval -f raw 1+1"),
    ("same", "eval -f values [1,\"a\"]"),
    ("same", "eval -d authz -d data -i input.json data.authz"),
    ("same", "eval -d authz -d data -i input.json -f pretty data.authz"),
    ("same", "eval -d authz -d data -i input.json -f raw data.authz.deny"),
    ("same", "eval -d authz -d data -i input.json -f values data.authz.deny[x]"),
    ("same", "eval -d authz -d data -i input.json -f bindings data.authz.deny[x]"),
    ("same", "eval -d authz -d data -i input.json -f pretty data.authz.deny[x]"),
    ("same", "eval -d authz -d data -i input.json -f discard data.authz.deny"),
    ("same", "eval -f pretty x=1;y=2;x<y"),
    ("same", "eval -f pretty {1,2}[x]"),
    ("same", "eval x=1;y=[x,2]"),
    ("same", "eval false"),
    ("same", "eval --fail false"),
    ("same", "eval --fail 1==2"),
    ("same", "eval --fail data.nothing"),
    ("same", "eval --fail-defined 1==1"),
    ("same", "eval --fail-defined data.nothing"),
    ("same", "eval data.nothing"),
    ("same", "eval -f pretty data.nothing"),
    ("same", "eval -f raw data.nothing"),
    ("same", "eval 1/0"),
    ("errors", "eval --strict-builtin-errors -f pretty 1/0"),
    ("errors", "eval --show-builtin-errors -f pretty x:=1/0"),
    ("errors", "eval x"),
    ("errors", "eval x:=1;x:=2"),
    ("errors", "eval p("),
    ("errors", "eval -f pretty x"),
    ("errors", "eval -d bad.rego true"),
    ("errors", "eval -d unparsable.rego true"),
    ("errors", "eval -d missing.rego true"),
    ("errors", "eval -d recursive.rego data.r.p"),
    ("errors", "eval -S -d unused.rego data.unused.p"),
    ("same", "eval -d unused.rego data.unused.p"),
    ("errors", "eval -d authz -d data -s schemas data.authz.allow"),
    ("errors", "eval -d wrong_type.rego -s schemas/input.json data.wrong.p"),
    ("same", "eval -d data data.limits"),
    ("same", "eval -d x.y:data/roles.json data.x"),
    ("same", "eval -d data -d data/roles.json data.roles"),
    ("same", "eval -b bundle data.shop.open -i carl.json"),
    ("same", "eval -b bundle.tar.gz data.roles"),
    ("same", "eval -d v0 --v0-compatible -i images.json -f raw data.old.deny"),
    ("errors", "eval -d v0 data.old.deny"),
    ("same", "eval --import data.authz -d authz -d data -i input.json authz.allow"),
    ("same", "eval --package authz -d authz -d data -i input.json allow"),
    ("same", "eval -d authz -d data -i input.json --explain full -f pretty data.authz.allow"),
    ("same", "eval -d authz -d data -i input.json --explain fails -f pretty data.authz.allow"),
    ("same", "eval --explain notes -f pretty trace(\"here\")"),
    ("same", "eval -d authz -d data -i input.json --coverage data.authz.allow"),
    ("same", "check authz"),
    ("same", "check -f json authz"),
    ("errors", "check bad.rego"),
    ("errors", "check -f json bad.rego"),
    ("errors", "check unparsable.rego"),
    ("errors", "check recursive.rego"),
    ("same", "check unused.rego"),
    ("errors", "check --strict unused.rego"),
    ("errors", "check -s schemas/input.json wrong_type.rego"),
    ("errors", "check v0"),
    ("same", "check --v0-compatible v0"),
    ("same", "check -b bundle"),
    ("same", "fmt authz/authz.rego"),
    ("same", "fmt formats/messy.rego"),
    ("same", "fmt -l ."),
    ("same", "fmt --fail formats/messy.rego"),
    ("same", "fmt --fail authz/authz.rego"),
    ("same", "fmt --v0-compatible v0/old.rego"),
    ("same", "fmt --v0-v1 v0/old.rego"),
    ("errors", "fmt unparsable.rego"),
    ("same", "parse authz/authz.rego"),
    ("same", "parse -f json authz/authz.rego"),
    ("same", "parse -f json --json-include -comments authz/authz.rego"),
    ("same", "parse -f json --json-include locations,bogus deps/people.rego"),
    ("same", "parse --json-include +bogus,--comments authz/authz.rego"),
    ("errors", "parse unparsable.rego"),
    ("same", "deps -d authz data.authz.allow"),
    ("same", "deps -d authz -f json data.authz.deny"),
    ("same", "deps -d deps data"),
    ("same", "deps -d deps -f json data.shop.orders"),
    ("same", "deps -d deps data.shop.orders.open"),
    ("same", "deps -d deps -f json data.shop.orders.late[x]"),
    ("same", "deps -d deps data.shop.orders.by_customer[\"ann\"]"),
    ("same", "deps -d deps data.shop.orders.by_customer[input.c].d"),
    ("same", "deps -d deps -f json data.shop.orders.nested.deep"),
    ("same", "deps -d deps data.shop.orders.nested.other.x"),
    ("same", "deps -d deps -f json data.shop.orders.discount(input.x)"),
    ("same", "deps -d deps data.shop.orders.price;data.shop.orders.every_one"),
    ("same", "deps -d deps data.shop.orders.mocked"),
    ("same", "deps -d deps -f json data.shop.orders.indirect"),
    ("same", "deps -d deps data.shop.orders.dynamic"),
    ("same", "deps -d deps data.shop.orders.alone"),
    ("same", "deps -d deps -f json data.shop[x].known"),
    ("same", "deps -d deps -f json data.limits;data.limits.days;data.x[input.a].y"),
    ("same", "deps -d deps 1"),
    ("same", "deps -d deps x>data.limits"),
    ("errors", "deps -d deps x("),
    ("same", "inspect bundle"),
    ("same", "inspect bundle.tar.gz"),
    ("same", "inspect authz"),
    ("same", "inspect -a authz"),
    ("same", "test authz data"),
    ("same", "test -v authz data"),
    ("same", "test --format json authz data"),
    ("same", "test -r root authz data"),
    ("same", "test -r nothing authz data"),
    ("same", "test --fail-on-empty -r nothing authz data"),
    ("same", "test -z -r later authz data"),
    ("same", "test --coverage -r test_(root|owner) authz data"),
    ("same", "test --coverage --threshold 99 -r root authz data"),
    ("same", "test --format json --sort duration -r root authz data"),
    ("refused", "test --sort bogus authz data"),
    ("refused", "test --format bogus authz data"),
    ("errors", "test bad.rego"),
]


def run(program, line, folder):
    done = subprocess.run([*program, *line], cwd=folder, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def plain(text):
    text = re.sub(r"\(\d[\d.]*(ns|µs|ms|s)\)", "(T)", text)
    text = re.sub(r'"duration": \d+', '"duration": 0', text)
    # OPA evaluates twice more to say why a place is not covered; ours does not.
    text = re.sub(r',\s*"kinds": \[[^]]*\]', "", text)
    # OPA writes its traces through a writer that indents each piece.
    return "\n".join(re.sub(r"\s+", " ", line).rstrip() for line in text.splitlines()).rstrip()


def blocks(text):
    """Results of tests come in any order from OPA, and its errors with the calls that led there."""
    if text.startswith("["):
        results = json.loads(text)
        for result in results:
            result["duration"] = 0
            result.get("error", {}).pop("stack_trace", None)
        return sorted(results, key=lambda result: (result["location"]["file"], result["location"]["row"]))
    text = re.sub(r"  Traceback:\n(    .*\n)*", "", text)
    return sorted(line for line in plain(text).split("\n") if line)


ERROR = re.compile(r"([\w./-]*:?\d+:?\d*): (\w+_error): (.*)")


def errors(out, err):
    found = ERROR.findall(out + err)
    if found:
        # Of one place OPA tells the variables in any order.
        return sorted(found)
    codes = re.findall(r'"(message|code|row)": ("[^"]*"|\d+)', re.sub(r'"stack_trace": \[.*?\]', "", out + err, flags=re.S))
    return sorted(codes) or plain(err)


def main():
    plimsoll, opa = sys.argv[1], sys.argv[2]
    folder = Path(__file__).resolve().parents[2] / "e2e" / "opa" / "cli"
    wrong = []
    made = [folder / "carl.json", folder / "images.json", folder / "bundle.tar.gz"]
    try:
        made[0].write_text('{"user": "carl"}')
        made[1].write_text('{"images": ["registry.example.com/a", "nginx"]}')
        subprocess.run(["tar", "-czf", "../bundle.tar.gz", ".manifest", "roles", "shop"], cwd=folder / "bundle", check=True)
        for kind, text in LINES:
            line = text.split(" ")
            ours = run([plimsoll, "opa"], line, folder)
            real = run([opa], line, folder)
            same_status = ours[0] == real[0]
            if kind == "same":
                as_set = line[0] == "test"
                view = blocks if as_set else plain
                good = same_status and view(ours[1]) == view(real[1])
            elif kind == "refused":
                good = same_status and ours[0] != 0 and ours[1] == real[1] == ""
            else:
                good = same_status and errors(*ours[1:]) == errors(*real[1:])
            if not good:
                wrong.append(text)
                print(f"WRONG opa {text}\n  status {ours[0]}, real {real[0]}")
                for name, have in (("ours", ours), ("real", real)):
                    shown = (have[1] + have[2]).strip().splitlines()
                    print(f"  {name}: " + "\n        ".join(shown[:25]))
    finally:
        for path in made:
            path.unlink(missing_ok=True)
    print(f"say: {len(LINES)} command lines beside the real opa, {len(wrong)} differ")
    sys.exit(1 if wrong else 0)


main()

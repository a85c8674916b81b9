#!/usr/bin/env python3
"""Compares `plimsoll trivy` with Trivy's own golden reports, over Trivy's fixture database.

Usage: scripts/trivy-goldens.py PLIMSOLL CONFORMANCE WORK
CONFORMANCE holds `*.json.golden` and `fixtures/{db,repo,sbom}` of Trivy's integration tests (Apache-2.0, not part of this project).

Every golden whose input is there is run at the pinned time. A lockfile that no reader reads yet must be answered with
"could not tell", never with a clean report; every other golden must agree: rows, then their sources, packages and places,
then titles, scores and dates. Ignored: version, report id, creation time and the opaque UID.
"""
import glob
import json
import os
import shutil
import subprocess
import sys

CLOCK = "2021-08-25T12:20:30.000000005Z"
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# SBOM inputs that are other writings of an image's golden: only their rows can agree, under another name.
REWRITINGS = {"centos-7": ["centos-7-cyclonedx.json", "centos-7-spdx.json", "centos-7-spdx.txt", "centos-7-cyclonedx.intoto.jsonl"]}
ROW = ["VulnerabilityID", "PkgName", "InstalledVersion", "FixedVersion", "Status", "Severity"]


def run(plimsoll, cwd, cache, command, target, packages, extra=()):
    line = [plimsoll, "trivy", "-q", "--cache-dir", cache, command, "--skip-db-update", "--format", "json",
            "--offline-scan", "--scanners", "vuln", f"--list-all-pkgs={'true' if packages else 'false'}", *extra, target]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=120,
                          env=dict(os.environ, PLIMSOLL_AT=CLOCK, PLIMSOLL_CACHE_DIR=cache))


def normal(report):
    """The report without what differs by nature."""
    report = json.loads(json.dumps(report))
    for key in ("Trivy", "ReportID", "CreatedAt"):
        report.pop(key, None)
    for result in report.get("Results") or []:
        for item in (result.get("Vulnerabilities") or []) + (result.get("Packages") or []):
            identifier = item.get("PkgIdentifier") or item.get("Identifier") or {}
            if "UID" in identifier:
                identifier["UID"] = bool(identifier["UID"])
    return report


def differences(want, have, path=""):
    if isinstance(want, dict) and isinstance(have, dict):
        for key in sorted(set(want) | set(have)):
            if key not in want:
                yield f"{path}/{key}: ours alone: {json.dumps(have[key])[:120]}"
            elif key not in have:
                yield f"{path}/{key}: missing: {json.dumps(want[key])[:120]}"
            else:
                yield from differences(want[key], have[key], f"{path}/{key}")
    elif isinstance(want, list) and isinstance(have, list):
        if len(want) != len(have):
            yield f"{path}: {len(have)} entries, not {len(want)}"
        for i, (a, b) in enumerate(zip(want, have)):
            yield from differences(a, b, f"{path}[{i}]")
    elif want != have:
        yield f"{path}: {json.dumps(have)[:120]}, not {json.dumps(want)[:120]}"


def rows(report):
    return sorted(tuple(v.get(k, "") for k in ROW) for r in report.get("Results") or [] for v in r.get("Vulnerabilities") or [])


def main():
    plimsoll, conformance, work = (os.path.abspath(a) for a in sys.argv[1:4])
    shutil.rmtree(work, ignore_errors=True)
    cache, cwd = os.path.join(work, "cache"), os.path.join(work, "cwd")
    os.makedirs(os.path.join(cache, "db"))
    os.makedirs(os.path.join(cwd, "testdata"))
    os.symlink(os.path.join(conformance, "fixtures"), os.path.join(cwd, "testdata", "fixtures"))
    subprocess.run(
        ["cargo", "run", "--quiet", "-p", "plimsoll-advisories", "--example", "trivy_fixture_db", "--",
         os.path.join(conformance, "fixtures", "db"), os.path.join(cache, "db")],
        check=True, cwd=ROOT,
    )
    agree, later, wrong = [], [], []
    for golden in sorted(glob.glob(os.path.join(conformance, "*.json.golden"))):
        name = os.path.basename(golden)[: -len(".json.golden")]
        with open(golden) as file:
            want = json.load(file)
        for text in REWRITINGS.get(name, []):
            source = os.path.join("testdata/fixtures/sbom", text)
            if not os.path.exists(os.path.join(cwd, source)):
                continue
            result = run(plimsoll, cwd, cache, "sbom", source, False)
            try:
                have = json.loads(result.stdout)
            except ValueError:
                wrong.append((text, [result.stderr.strip()[-300:]]))
                continue
            (agree.append(text) if rows(have) == rows(want) else wrong.append((text, list(differences(rows(want), rows(have))))))
        artifact, kind = want.get("ArtifactName", ""), want.get("ArtifactType")
        command = {"repository": "repo", "filesystem": "rootfs", "cyclonedx": "sbom", "spdx": "sbom"}.get(kind)
        if not command or not os.path.exists(os.path.join(cwd, artifact)):
            continue
        classes = {r.get("Class") for r in want.get("Results") or []}
        if classes - {"os-pkgs", "lang-pkgs"} or "custom" in name or not want.get("Results"):
            continue
        packages = any(r.get("Packages") for r in want["Results"])
        result = run(plimsoll, cwd, cache, command, artifact, packages)
        if result.returncode == 1 and "no reader yet" in result.stderr:
            later.append(name)
            continue
        try:
            have = json.loads(result.stdout)
        except ValueError:
            wrong.append((name, [result.stderr.strip()[-300:]]))
            continue
        found = list(differences(normal(want), normal(have)))
        (wrong.append((name, found)) if found else agree.append(name))
    for name, found in wrong:
        print(f"{name}:", file=sys.stderr)
        for line in found[:20]:
            print(f"    {line}", file=sys.stderr)
    print(f"say: {len(agree)} agree ({', '.join(agree)}), {len(wrong)} differ, {len(later)} wait for their reader ({', '.join(later)})")
    sys.exit(1 if wrong or not agree else 0)


if __name__ == "__main__":
    main()

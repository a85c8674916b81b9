#!/usr/bin/env python3
"""Runs the command lines of the notes that work (tests/seeds.tsv), as they are written there, against a registry on loopback.

Usage: scripts/seeds.py PLIMSOLL WORK        (needs docker-registry, htpasswd, skopeo, etcd-server, openssl and curl)

A `trivy …` line runs the program through a symbolic link of that name. Docker Hub's names are reached through a mirror on
loopback. The lines on static analysis are in seeds_lint.py, those on Rego in seeds_rego.py, on Gatekeeper in
seeds_gatekeeper.py, on conftest in seeds_conftest.py, on signing in seeds_cosign.py, those on admission in seeds_admission.py; most need a real API server, whose programs are in the folder
PLIMSOLL_APISERVER (scripts/peers/build-apiserver.sh). Without it they are skipped, which fails under CI=true. The number of
lines that work never falls below tests/seeds.floor.
"""
import json
import os
import shutil
import signal
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
from oci_layout import write_layout  # noqa: E402
from registry_peer import Registry  # noqa: E402
import seeds_conftest  # noqa: E402
import seeds_cosign  # noqa: E402
import seeds_gatekeeper  # noqa: E402
import seeds_lint  # noqa: E402
import seeds_rego  # noqa: E402
from seeds_admission import LINES, Admission  # noqa: E402

OS_RELEASE = 'ID=debian\nVERSION_ID="11"\nVERSION_CODENAME=bullseye\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\n'


def package(name, version, source=None):
    text = f"Package: {name}\nStatus: install ok installed\nMaintainer: Debian <x@lists.debian.org>\nArchitecture: amd64\n"
    return text + (f"Source: {source}\n" if source else "") + f"Version: {version}\nDescription: {name}\n\n"


def make_image(folder, tag, *packages):
    """Debian 11 with these packages; without any, an image from scratch."""
    layer = {"etc/nginx/nginx.conf": "events {}\n"}
    if packages:
        layer |= {"etc/os-release": OS_RELEASE, "etc/debian_version": "11.2\n", "var/lib/dpkg/status": "".join(packages)}
    write_layout(folder, tag, [layer], {"Cmd": ["nginx"], "User": "101"})


def run(command, cwd, env):
    return subprocess.run(command, shell=True, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)


# One check per line that works: what truly comes out.
def table_of_image(result, _):
    assert result.returncode == 0, result.stderr
    assert "(debian 11.2)" in result.stdout
    assert "Total: 5 (UNKNOWN: 0, LOW: 1, MEDIUM: 0, HIGH: 2, CRITICAL: 2)" in result.stdout, result.stdout
    assert "│" in result.stdout and "Library" in result.stdout


def two_severities(result, _):
    assert result.returncode == 0, result.stderr
    assert "Total: 4 (HIGH: 2, CRITICAL: 2)" in result.stdout, result.stdout
    assert "LOW" not in result.stdout


def fails_on_critical(result, _):
    assert result.returncode == 1, (result.returncode, result.stderr)
    assert "CVE-2022-1292" in result.stdout and "CVE-2022-0778" not in result.stdout


def json_file(result, cwd):
    assert result.returncode == 0 and result.stdout == "", result.stderr
    with open(os.path.join(cwd, "results.json")) as file:
        report = json.load(file)
    assert report["SchemaVersion"] == 2 and report["ArtifactName"] == "nginx:1.21"
    rows = [(v["PkgName"], v["VulnerabilityID"]) for r in report["Results"] for v in r.get("Vulnerabilities", [])]
    assert ("libssl1.1", "CVE-2022-0778") in rows and ("openssl", "CVE-2022-0778") in rows, rows


def project_table(result, _):
    assert "Total: " in result.stdout, result.stdout + result.stderr


def row_per_binary(result, _):
    lines = [line for line in result.stdout.splitlines() if "│" in line]
    assert any("libssl1.1" in line for line in lines) and any("│ openssl" in line for line in lines)
    assert result.stdout.count("CVE-2022-0778 ") >= 2, result.stdout


def job_fails(result, _):
    assert result.returncode == 1, (result.returncode, result.stderr)
    assert "Total: 4 (HIGH: 2, CRITICAL: 2)" in result.stdout


def fixed_only(result, _):
    assert result.returncode == 0, result.stderr
    assert "Total: 4 (HIGH: 2, CRITICAL: 2)" in result.stdout and "affected" not in result.stdout


CHECKS = {
    63: table_of_image, 64: two_severities, 65: fails_on_critical, 66: table_of_image, 67: json_file, 68: project_table,
    70: row_per_binary, 71: job_fails, 72: table_of_image, 73: fixed_only, 74: table_of_image,
}


def login(registry, plimsoll, cwd, env):
    """Without credentials: could not run, and the way out is named. With docker's own file: the image is reached."""
    image = f"{registry.address}/library/nginx:1.21"
    bare = dict(env, DOCKER_CONFIG=os.path.join(cwd, "nobody"), REGISTRY_AUTH_FILE=os.path.join(cwd, "nobody", "auth.json"))
    refused = run(f"{plimsoll} image -f summary {image}", cwd, bare)
    assert refused.returncode == 2 and "login" in refused.stderr, (refused.returncode, refused.stderr)
    reached = run(f"{plimsoll} image -f summary {image}", cwd, env)
    assert reached.returncode in (0, 1) and "nginx" in reached.stdout, (reached.returncode, reached.stderr)


def try_line(number, command, registry, plimsoll, cwd, env, admission, lint):
    if number in seeds_lint.ALSO:
        seeds_lint.ALSO[number](lint)
    if number in seeds_lint.LINES:
        seeds_lint.LINES[number](lint)
    elif number in seeds_rego.LINES:
        seeds_rego.LINES[number](lint)
    elif number in seeds_gatekeeper.LINES:
        seeds_gatekeeper.LINES[number](lint)
        if number in LINES and admission.cluster:
            LINES[number](admission, command)
    elif number in seeds_conftest.LINES:
        seeds_conftest.LINES[number](lint)
    elif number in seeds_cosign.LINES:
        seeds_cosign.LINES[number](lint)
    elif number in LINES:
        LINES[number](admission, command)
    elif command == "login":
        login(registry, plimsoll, cwd, env)
        admission.logged_in()
    else:
        command = command.replace("{project}", os.path.join(ROOT, "examples/shop"))
        CHECKS[number](run(command, cwd, env), cwd)


def in_order(rows):
    """The lines on admission in their own order, before the others."""
    order = {number: place for place, number in enumerate(LINES)}
    return sorted(rows, key=lambda row: order.get(int(row[0]), len(order)))


def main():
    # An end by signal is an end like any other: what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    plimsoll, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    shutil.rmtree(work, ignore_errors=True)
    cwd = os.path.join(work, "cwd")
    os.makedirs(cwd)
    layout, healthy = os.path.join(work, "image"), os.path.join(work, "healthy")
    make_image(
        layout, "1.21", package("libgnutls30", "3.7.1-5", "gnutls28"),
        package("libssl1.1", "1.1.1k-1+deb11u1", "openssl"), package("openssl", "1.1.1k-1+deb11u1"),
    )
    make_image(healthy, "1.0")
    links = os.path.join(work, "bin")
    os.makedirs(links)
    os.symlink(plimsoll, os.path.join(links, "trivy"))
    env = {
        "PATH": links + os.pathsep + os.environ["PATH"],
        "HOME": work,
        "PLIMSOLL_CACHE_DIR": os.path.join(work, "cache"),
        "PLIMSOLL_AT": "2023-01-01T00:00:00Z",
    }
    works = failed = later = outside = skipped = 0
    with Registry(os.path.join(work, "registry"), layout, "1.21", "library/nginx:1.21") as registry:
        registry.push(layout, "1.21", "library/myimage:abc123")
        registry.push(layout, "1.21", "myrepo/myimage:v1")
        registry.push(healthy, "1.0", "library/healthy:1.0")
        registry.push(healthy, "1.0", "myimage:v1")
        env["DOCKER_CONFIG"] = registry.docker_config
        env["PLIMSOLL_MIRROR"] = f"docker.io={registry.address}"
        for name in ("image.tar", "archive.tar"):
            archive = f"docker-archive:{os.path.join(cwd, name)}:nginx:1.21"
            subprocess.run(["skopeo", "copy", "-q", f"oci:{layout}:1.21", archive], check=True)
        built = run(f"{plimsoll} db build {os.path.join(ROOT, 'tests/seeds/osv')}", cwd, env)
        assert built.returncode == 0, built.stderr
        with open(os.path.join(ROOT, "tests/seeds.tsv")) as file:
            rows = [line.rstrip("\n").split("\t") for line in file][1:]
        lint = seeds_lint.Lint(plimsoll, work, env)
        with Admission(plimsoll, work, cwd, env, registry, os.environ.get("PLIMSOLL_APISERVER")) as admission:
            for number, state, command, what, _truth in in_order(rows):
                if state != "works":
                    later += state == "later"
                    outside += state == "outside"
                    continue
                if admission.skips(int(number)):
                    skipped += 1
                    continue
                try:
                    try_line(int(number), command, registry, plimsoll, cwd, env, admission, lint)
                    works += 1
                except Exception as error:  # whatever goes wrong, the other lines are tried
                    failed += 1
                    print(f"line {number} ({what}): {command}\n{type(error).__name__}: {error}", file=sys.stderr)
    print(f"say: {works} of {len(rows)} lines of the notes work ({later} come later, {outside} are outside)")
    if skipped:
        print(f"say: SKIPPED {skipped} lines: no API server; PLIMSOLL_APISERVER is not set (scripts/peers/build-apiserver.sh)")
    with open(os.path.join(ROOT, "tests/seeds.floor")) as file:
        floor = int(file.read())
    if works + skipped < floor:
        print(f"{works} is fewer than the {floor} that worked before", file=sys.stderr)
    sys.exit(1 if failed or works + skipped < floor or skipped and os.environ.get("CI") == "true" else 0)


if __name__ == "__main__":
    main()

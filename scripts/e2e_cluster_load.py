#!/usr/bin/env python3
"""Makes pods at an API server without pause, good and bad ones in turn, and tells what was answered and when.

    e2e_cluster_load.py run SERVER CA CERT KEY NAMESPACE GOOD BAD RECORD STOP
        until the file STOP exists (90 s at most); one JSON line an answer in RECORD, in the order of the answers
    e2e_cluster_load.py handshakes ADDRESS NAME CA CERT KEY STOP
        until the file STOP exists, asks the gate itself over a new connection each time, for an API server keeps one; with
        what CA, CERT and KEY held at the start. Any failure ends it
    e2e_cluster_load.py steady RECORD            every good pod was made, every bad one refused by the gate's own word
    e2e_cluster_load.py first RECORD             the same from the first answer on, once the API server is there
    e2e_cluster_load.py outage RECORD DOWN UP    between the instants DOWN and UP nothing was made; soon after UP, good pods were

Each pod carries an annotation of its own, so that no answer is the API server's memory. Instants are seconds since 1970.
"""
import http.client
import json
import os
import socket
import ssl
import sys
import threading
import time

THREADS = 2
LONGEST = 90
RECOVERED_IN = 2.0


def pod(image, mark):
    return json.dumps({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"generateName": "load-", "annotations": {"load.image-policy.k8s.io/mark": mark}},
        "spec": {"automountServiceAccountToken": False, "containers": [{"name": "c", "image": image}]},
    })


def run(server, ca, cert, key, namespace, good, bad, record, stop):
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    host = server.removeprefix("https://")
    path = f"/api/v1/namespaces/{namespace}/pods"
    ends = time.time() + LONGEST
    lock = threading.Lock()

    def client(name):
        connection, count = None, 0
        while time.time() < ends and not os.path.exists(stop):
            kind, image = (("good", good), ("bad", bad))[count % 2]
            count += 1
            began = time.time()
            try:
                connection = connection or http.client.HTTPSConnection(host, timeout=20, context=context)
                connection.request("POST", path, pod(image, f"{name}-{count}"), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                status, body = answer.status, json.loads(answer.read())
                message = body.get("message", "")
            except (OSError, http.client.HTTPException, ValueError) as error:
                # The API server itself did not answer: nothing is known of the pod.
                status, message, connection = 0, f"{type(error).__name__}: {error}", None
                time.sleep(0.02)
            row = {"kind": kind, "began": began, "ended": time.time(), "status": status, "message": message}
            with lock:
                print(json.dumps(row), file=out, flush=True)

    with open(record, "w") as out:
        threads = [threading.Thread(target=client, args=(f"t{i}",)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def handshakes(address, name, ca, cert, key, stop):
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    host, port = address.rsplit(":", 1)
    count, ends = 0, time.time() + LONGEST
    while time.time() < ends and not os.path.exists(stop):
        try:
            with socket.create_connection((host, int(port)), timeout=10) as plain:
                with context.wrap_socket(plain, server_hostname=name) as connection:
                    connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                    answer = connection.recv(64)
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise OSError(f"it answers {answer!r}")
        except OSError as error:
            sys.exit(f"new connection {count + 1}: {error}")
        count += 1
        time.sleep(0.02)
    print(f"{count} new connections")


def rows(record):
    with open(record) as file:
        found = [json.loads(line) for line in file]
    if not found:
        sys.exit("the load made no request")
    made = [row for row in found if row["kind"] == "bad" and row["status"] == 201]
    if made:
        sys.exit(f"{len(made)} bad pods were made, the first at {made[0]['ended']:.3f}")
    return found


def steady(record):
    found = rows(record)
    for row in found:
        ok = row["status"] == 201 if row["kind"] == "good" else row["status"] == 403 and "runs-as-root" in row["message"]
        if not ok:
            sys.exit(f"a {row['kind']} pod at {row['began']:.3f}: status {row['status']}, {row['message']}")
    slowest = max(row["ended"] - row["began"] for row in found)
    print(f"{len(found)} requests, none failed, the slowest {slowest * 1000:.0f} ms")


def first(record):
    """While an API server starts it does not answer, or says that it is not ready."""
    found = [row for row in rows(record) if row["status"]]
    if not any(row["status"] == 201 for row in found):
        sys.exit(f"no good pod was made: {found[-1]['message'] if found else 'no answer'}")
    if not any(row["kind"] == "bad" and "runs-as-root" in row["message"] for row in found):
        sys.exit("no bad pod was refused by the gate")
    print(f"{len(found)} answers, the first of them {found[0]['status']} for a {found[0]['kind']} pod; no bad pod was made")


def outage(record, down, up):
    found, down, up = rows(record), float(down), float(up)
    between = [row for row in found if row["began"] > down and row["ended"] < up]
    if len(between) < 4:
        sys.exit(f"only {len(between)} requests while the gate was away")
    for row in between:
        if not 400 <= row["status"] < 600:
            sys.exit(f"while the gate was away: status {row['status']}, {row['message']}")
    before = [row for row in found if row["ended"] < down and row["status"] == 201]
    if not before:
        sys.exit("no pod was made before the gate went away")
    first = min((row["ended"] for row in found if row["ended"] > up and row["status"] == 201), default=None)
    if first is None or first - up > RECOVERED_IN:
        sys.exit(f"the first pod came {'never' if first is None else f'{first - up:.1f} s'} after the gate's return")
    last = [row for row in found if row["kind"] == "good"][-1]
    if last["status"] != 201:
        sys.exit(f"the last good pod: status {last['status']}, {last['message']}")
    late = [row for row in found if row["kind"] == "good" and row["began"] > first and row["status"] != 201]
    if late:
        sys.exit(f"after the return {len(late)} good pods were refused: {late[0]['message']}")
    print(f"{len(between)} requests refused, none let in; the first pod {(first - up) * 1000:.0f} ms after the start")


if __name__ == "__main__":
    {"run": run, "handshakes": handshakes, "steady": steady, "first": first, "outage": outage}[sys.argv[1]](*sys.argv[2:])

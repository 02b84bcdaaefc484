#!/usr/bin/python3
"""Runs packaging/container/compose.yaml by podman: one container per service
with exactly the rights, secrets, volumes, order and restarts it names, so that
what is tested is the file. Then: ready, log in, a job; not root, no right, no
file system to write to; kill -9 of each process, and back; stop, and down.

Not podman-compose: that of Debian 12 knows neither conditions nor pid. Two
things differ from the file: the containers share one network without a way
out (service names are written into hosts), and a folder of job types is mounted.

usage: compose.py PLACE IMAGE=REPLACEMENT"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import yaml

PROJECT = "quincunx-check"
FILE = "packaging/container/compose.yaml"
place, (image, stand_in) = sys.argv[1], sys.argv[2].split("=")
doc = yaml.safe_load(open(FILE))
SERVICES = doc["services"]


def podman(*words, check=True):
    p = subprocess.run(["podman", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check and p.returncode != 0:
        raise SystemExit(f"FAILED: podman {' '.join(words)}: {p.stdout}{logs()}")
    return p.stdout.strip() if check else p


def name(service):
    return f"{PROJECT}-{service}"


def logs():
    out = ""
    for s in SERVICES:
        p = podman("logs", "--tail", "15", name(s), check=False)
        out += f"\n--- {s}\n{p.stdout}"
    return out


def until(what, f, seconds=90):
    end = time.monotonic() + seconds
    while not f():
        if time.monotonic() > end:
            raise SystemExit(f"FAILED: {what}{logs()}")
        time.sleep(0.3)


def down():
    for s in [*reversed(SERVICES), *reversed(SERVICES), "net"]:  # who shares another's namespace goes first
        podman("rm", "-f", "-t", "0", name(s), check=False)
    for v in doc["volumes"]:
        podman("volume", "rm", "-f", name(v), check=False)


def make_secrets(folder):
    """What the head of the compose file tells people to do."""
    lines = []
    for line in open(FILE):
        if line.startswith("#\t"):
            lines.append(line[2:])
    subprocess.run(["bash", "-euc", "".join(lines)], cwd=folder, check=True)


def words_of(s, folder, exec_dir):
    """A service as arguments of podman run."""
    w = []
    for k, v in s.get("environment", {}).items():
        w += ["-e", f"{k}={v}"]
    for secret in s.get("secrets", []):
        path = os.path.join(folder, doc["secrets"][secret]["file"])
        w += ["-v", f"{path}:/run/secrets/{secret}:ro"]
    for v in s.get("volumes", []):
        volume, at = v.split(":")
        w += ["-v", f"{name(volume)}:{at}"]
    for t in s.get("tmpfs", []):
        w += ["--tmpfs", t]
    for o in s.get("security_opt", []):
        w += ["--security-opt", o.replace(":true", "")]
    for c in s.get("cap_drop", []):
        w += ["--cap-drop", c]
    if s.get("read_only"):
        w += ["--read-only", "-v", f"{exec_dir}:/etc/quincunx/exec.d:ro"]
    if "user" in s:
        w += ["--user", s["user"]]
    if "restart" in s:
        w += ["--restart", s["restart"]]
    if "pid" in s:
        w += ["--pid", "container:" + name(s["pid"].split(":")[1])]
    # named, because a machine that is a guest itself may not raise its own
    for k, v in {"nofile": 8192, "nproc": 8192, **s.get("ulimits", {})}.items():
        w += ["--ulimit", f"{k}={v}:{v}"]
    w += ["-v", f"{folder}/hosts:/etc/hosts:ro"]
    known = {"image", "read_only", "user", "cap_drop", "security_opt", "restart", "environment", "secrets", "volumes",
             "tmpfs", "pid", "ulimits", "depends_on", "command", "healthcheck", "ports"}
    if set(s) - known:
        raise SystemExit(f"FAILED: not known of compose: {set(s) - known}")
    return w + ["--network", "container:" + name("net"),
                stand_in if s["image"] == image else s["image"]] + s["command"]


def state(service):
    return json.loads(podman("inspect", name(service)))[0]["State"]


def condition(service, what):
    if what == "service_healthy":
        test = SERVICES[service]["healthcheck"]["test"][1:]
        until(f"{service} is healthy", lambda: podman("exec", name(service), *test, check=False).returncode == 0)
    elif what == "service_completed_successfully":
        until(f"{service} is done", lambda: state(service)["Status"] == "exited")
        if state(service)["ExitCode"] != 0:
            raise SystemExit(f"FAILED: {service}: {podman('logs', name(service))}")
    elif what == "service_started":
        until(f"{service} runs", lambda: state(service)["Status"] == "running")
    else:
        raise SystemExit(f"FAILED: condition {what}")


def up(folder, exec_dir):
    with open(os.path.join(folder, "hosts"), "w") as f:
        f.write("127.0.0.1 localhost " + " ".join(SERVICES) + "\n")
    podman("run", "-d", "--name", name("net"), "--network", "none", stand_in.replace("-mariadb", ""), "sleep", "infinity")
    left = dict(SERVICES)
    while left:
        for n, s in list(left.items()):
            if set(s.get("depends_on", {})) & set(left):
                continue
            for other, d in s.get("depends_on", {}).items():
                condition(other, d["condition"])
            podman("run", "-d", "--name", name(n), *words_of(s, folder, exec_dir))
            del left[n]


def curl(path, token=None, body=None):
    """Of the host, inside of the containers' network; None when it fails."""
    w = ["nsenter", f"--net=/proc/{state('net')['Pid']}/ns/net", "curl", "-fsS", "--max-time", "20",
         f"http://127.0.0.1:8080{path}"]
    if token:
        w += ["-H", f"Authorization: Bearer {token}"]
    if body is not None:
        w += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    p = subprocess.run(w, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return p.stdout if p.returncode == 0 else None


def a_job(token):
    jobs = []

    def accepted():
        out = curl("/jobs", token, {"job_type": "room.echo", "user_id": "u", "payload": {"n": 1}})
        jobs.append(out and json.loads(out)["job_id"])
        return out

    until("a job is accepted", accepted)
    job = jobs[-1]
    until("the job is done", lambda: json.loads(curl(f"/jobs/{job}", token) or "{}").get("status") == "succeeded")


def live():
    """The gateway refuses who has no token; without it the web server would say 502."""
    def refused():
        p = subprocess.run(["nsenter", f"--net=/proc/{state('net')['Pid']}/ns/net", "curl", "-s", "-o", "/dev/null", "-w",
                            "%{http_code}", "http://127.0.0.1:8080/ws"], stdout=subprocess.PIPE, text=True)
        return p.stdout in ("400", "401", "403", "426")

    until("the gateway answers", refused)


def rights(service):
    """Of the process itself, not of what was asked for."""
    pid = state(service)["Pid"]
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
    want = {"Uid": "10001\t10001\t10001\t10001", "Gid": "10001\t10001\t10001\t10001", "CapEff": "0" * 16,
            "CapBnd": "0" * 16, "NoNewPrivs": "1"}
    for k, v in want.items():
        if status[k] != v:
            raise SystemExit(f"FAILED: {service}: {k} is {status[k]}")
    for path in ("/x", "/etc/x", "/usr/x", "/var/x", "/var/log/x"):
        if podman("exec", name(service), "touch", path, check=False).returncode == 0:
            raise SystemExit(f"FAILED: {service} can write {path}")


def main():
    folder = tempfile.mkdtemp(prefix="compose-", dir=place)
    exec_dir = os.path.join(folder, "exec.d")
    os.mkdir(exec_dir)
    os.chmod(folder, 0o711)
    with open(os.path.join(exec_dir, "room.echo.conf"), "w") as f:
        f.write('argv = [ "/bin/sh", "-c", "cat >/dev/null; echo {}" ];\n')
    make_secrets(folder)
    up(folder, exec_dir)
    until("ready", lambda: curl("/health/ready") is not None)
    health = json.loads(curl("/api/health"))
    admin = json.loads(podman("exec", name("worker"), "cat", "/var/lib/quincunx/admin.json"))
    token = json.loads(curl("/api/auth/login", None, {"email": admin["email"], "password": admin["password"]}))["access_token"]
    a_job(token)
    live()
    print("   up: %s, first login, a job done" % health.get("status"))
    long_lived = [s for s in SERVICES if s not in ("db", "migrate")]
    for s in long_lived:
        rights(s)
    print("   not root, no capability, nothing to write to but run, state and tmp")
    for s in [s for s in long_lived if s != "host"]:
        pid = state(s)["Pid"]
        os.kill(pid, signal.SIGKILL)
        until(f"{s} is back", lambda: state(s)["Status"] == "running" and state(s)["Pid"] != pid)
        until(f"ready after kill -9 of {s}", lambda: curl("/health/ready") is not None)
        a_job(token)
    live()
    print("   killed one by one: back, and at work")
    podman("kill", "-s", "KILL", name("db"))
    podman("start", name("db"))
    until("ready after kill -9 of the database", lambda: curl("/health/ready") is not None)
    a_job(token)
    print("   the database killed: nothing is lost, at work again")
    long_lived.remove("host")  # who is depended on stops last
    podman("stop", "-t", "60", *[name(s) for s in long_lived])
    podman("stop", "-t", "10", name("host"))
    for s in [*long_lived, "host"]:
        if state(s)["ExitCode"] not in (0, 143):
            raise SystemExit(f"FAILED: {s} did not stop by itself: {state(s)['ExitCode']}{logs()}")
    print("   stopped when asked")


down()
try:
    main()
finally:
    down()

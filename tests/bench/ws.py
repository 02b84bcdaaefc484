"""Fan-out of the gateway beside its peers, everything private.

Started as root, it becomes nobody first.
usage: ws.py SCRATCH TOP BIN WSFAN CONNECTIONS,... REPETITIONS SECONDS
"""
import ctypes
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

SCRATCH, TOP, BIN, FAN = sys.argv[1:5]
CONNS = [int(x) for x in sys.argv[5].split(",")]
REPS, SECS = int(sys.argv[6]), int(sys.argv[7])
RATE, BURST = 20, 4
NOBODY = 65534
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
children = []


def die(text):
    raise SystemExit("bench-ws: " + text)


def become_nobody():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    if not os.access(BIN + "/quincunx-live", os.X_OK):
        die("build first (or %s cannot be reached by uid %d)" % (BIN, os.geteuid()))


def dies_with_us():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def spawn(name, argv, **kw):
    out = open(DIR + "/%s.out" % name, "w")
    kw.setdefault("stdout", out)
    kw.setdefault("stdin", subprocess.DEVNULL)
    p = subprocess.Popen(argv, stderr=out, preexec_fn=dies_with_us, **kw)
    children.append(p)
    return p


def stop(p):
    p.terminate()
    try:
        p.wait(30)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
    children.remove(p)


def run(*argv, **kw):
    r = subprocess.run(argv, capture_output=True, text=True, **kw)
    if r.returncode:
        die("%s: %s%s" % (" ".join(argv[:5]), r.stdout[-500:], r.stderr[-500:]))
    return r.stdout


def until(what, ok, seconds=60):
    end = time.monotonic() + seconds
    while not ok():
        if time.monotonic() > end:
            die(what + " did not start")
        time.sleep(0.05)


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- processes

def tree(pid):
    out, todo = [], [pid]
    while todo:
        q = todo.pop()
        out.append(q)
        try:
            todo += [int(x) for x in open("/proc/%d/task/%d/children" % (q, q)).read().split()]
        except OSError:
            pass
    return out


def cpu(pid):
    t = 0
    for p in tree(pid):
        s = open("/proc/%d/stat" % p).read()
        f = s[s.rindex(")") + 2:].split()
        t += int(f[11]) + int(f[12])
    return t / TICK


def rss_kib(pid):
    return sum(int(open("/proc/%d/statm" % p).read().split()[1]) * PAGE // 1024 for p in tree(pid))


# ---- our installation

def mariadb():
    sock = DIR + "/mysql.sock"
    prog = shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin:/usr/libexec:" + os.environ["PATH"]) or die("no mariadbd")
    run("mariadb-install-db", "--no-defaults", "--datadir=" + DIR + "/mysql", "--skip-test-db",
        "--auth-root-authentication-method=normal", "--skip-name-resolve")
    spawn("mariadb", [prog, "--no-defaults", "--datadir=" + DIR + "/mysql", "--socket=" + sock, "--skip-networking",
                      "--skip-name-resolve", "--innodb-buffer-pool-size=64M", "--character-set-server=utf8mb4",
                      "--performance-schema=OFF", "--skip-log-bin"])
    until("MariaDB", lambda: subprocess.run(["mariadb-admin", "--no-defaults", "-uroot", "-S", sock, "ping"],
                                            capture_output=True).returncode == 0)
    run("mariadb", "--no-defaults", "-uroot", "-S", sock, "-e", "CREATE DATABASE quincunx CHARACTER SET utf8mb4")
    return sock


def qx(*words):
    return run(BIN + "/quincunx", "-c", CONF, *words, cwd=TOP)


def install(port):
    sock = mariadb()
    base = 'base = {{ dir = "{0}"; sql_dir = "{1}/sql"; static_dir = "{1}/static"; template_dir = "{1}/templates"; }};\n'
    with open(CONF, "w") as f:
        f.write(base.format(DIR, TOP))
    os.chmod(CONF, 0o600)
    key = qx("config", "--new-key").strip()
    with open(CONF, "w") as f:
        f.write(base.format(DIR, TOP) + """
database = {{ url = "mysql://root@localhost/quincunx?unix_socket={0}"; }};
auth = {{ jwt_secret = "{1}"; encryption_key = "{2}"; }};
live = {{ listen = "127.0.0.1:{3}"; clients = {4}; clients_per_user = 0; }};
""".format(sock, os.urandom(24).hex(), key, port, max(CONNS) + 100))
    qx("migrate")
    qx("admin", "init", "--email", "bench@localhost.localdomain", "--url", "http://127.0.0.1", "--out", DIR + "/admin.json")
    p = spawn("responder", [BIN + "/quincunx.fcgi", "-c", CONF, "--listen"], cwd=TOP)
    until("quincunx.fcgi", lambda: os.path.exists(DIR + "/run/api.sock"), 20)
    stop(p)
    return login()


def login():
    """Access token and tenant, through the program as a plain CGI."""
    admin = json.load(open(DIR + "/admin.json"))
    body = json.dumps({"email": admin["email"], "password": admin["password"]})
    env = dict(GATEWAY_INTERFACE="CGI/1.1", REQUEST_METHOD="POST", REQUEST_URI="/api/auth/login", QUERY_STRING="",
               SERVER_PROTOCOL="HTTP/1.1", CONTENT_TYPE="application/json", CONTENT_LENGTH=str(len(body)), REMOTE_ADDR="127.0.0.1",
               QUINCUNX_CONF=CONF, PATH=os.environ["PATH"])
    out = run(BIN + "/quincunx.fcgi", env=env, input=body, cwd=TOP)
    token = json.loads(out.split("\n\n", 1)[1])["access_token"]
    part = token.split(".")[1]
    import base64
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return token, claims["tenant"]


# ---- one measurement

def measure(name, pid, port, path, n, burst, publisher, *more):
    base = rss_kib(pid)
    p = spawn("fan", [FAN, str(port), path, str(n), str(RATE), str(SECS), str(burst), publisher, *more],
              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if p.stdout.readline().strip() != "READY":
        die("%s: %s" % (name, open(DIR + "/fan.out").read()[-500:]))
    time.sleep(1.5)
    idle = rss_kib(pid)
    a = cpu(pid)
    p.stdin.write("\n")
    p.stdin.flush()
    r = json.loads(p.stdout.readline())
    z = cpu(pid)
    busy = rss_kib(pid)
    p.stdin.close()
    p.wait(30)
    children.remove(p)
    r.update(name=name, us=(z - a) / max(r["delivered"], 1) * 1e6, kib=(idle - base) / n, kib_busy=(busy - base) / n)
    return r


def server(name, token, tenant, port):
    if name == "quincunx":
        p = spawn("live", [BIN + "/quincunx-live", "-c", CONF], cwd=TOP)
        args = ("/api/system/live", "dgram:%s/run/bell.frames:%s" % (DIR, tenant),
                "Authorization: Bearer " + token, '{"type":"sub","topics":["decision.made"]}')
    elif name == "node":
        p = spawn("node", ["node", SCRATCH + "/node/ws.mjs"], env=dict(os.environ, PORT=str(port)))
        args = ("/sub", "ws:/pub")
    else:
        p = spawn("epoll", [SCRATCH + "/ws/epws", str(port)])
        args = ("/sub", "ws:/pub")
    until(name, lambda: listens(port), 30)
    time.sleep(1)
    return p, args


def one(name, token, tenant, live_port, n, burst):
    port = live_port if name == "quincunx" else free_port()
    p, (path, publisher, *more) = server(name, token, tenant, port)
    try:
        return measure(name, p.pid, port, path, n, burst, publisher, *more)
    finally:
        stop(p)


def report(rows):
    ok = True
    print("| connections | events per tick | server | delivered | CPU us/message | ratio to node ws | p50 ms | p99 ms | KiB/connection idle | busy |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for n in CONNS:
        for burst in (1, BURST):
            med = lambda name, k: statistics.median(r[k] for r in rows if (r["name"], r["conns"], r["burst"]) == (name, n, burst))
            node = med("node", "us")
            for name in ("quincunx", "node", "epoll"):
                print("| %d | %d | %s | %.1f %% | %.2f | %.2f | %.1f | %.1f | %.1f | %.1f |" % (
                    n, burst, name, 100 * statistics.median(r["delivered"] / r["expected"] for r in rows if
                                                            (r["name"], r["conns"], r["burst"]) == (name, n, burst)),
                    med(name, "us"), med(name, "us") / node, med(name, "p50_ms"), med(name, "p99_ms"), med(name, "kib"), med(name, "kib_busy")))
            goal, ratio, kib = (1.0, 0.6)[burst > 1], med("quincunx", "us") / node, med("quincunx", "kib_busy")
            good = ratio <= goal and kib <= 4
            ok = ok and good
            print("goal at %d, %d per tick: ratio %.2f (at most %.1f), %.1f KiB per connection (at most 4): %s" % (
                n, burst, ratio, goal, kib, "met" if good else "MISSED"))
    return ok


become_nobody()
DIR = tempfile.mkdtemp(prefix="qxl.", dir="/tmp")
CONF = DIR + "/quincunx.conf"
try:
    live_port = free_port()
    token, tenant = install(live_port)
    rows = []
    for n in CONNS:
        for rep in range(REPS):
            for burst in (1, BURST):
                for name in ("quincunx", "node", "epoll"):
                    r = one(name, token, tenant, live_port, n, burst)
                    r["burst"] = burst
                    rows.append(r)
                    print(json.dumps(r), file=sys.stderr, flush=True)
    good = report(rows)
finally:
    for c in list(children):
        stop(c)
    if not os.environ.get("KEEP"):
        shutil.rmtree(DIR, ignore_errors=True)
sys.exit(0 if good else 1)

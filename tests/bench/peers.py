"""Quincunx beside the peers of ../shared/peers/http, interleaved in one run.

Everything is private: one MariaDB, one nginx, one process tree per stack.
usage: peers.py SCRATCH TOP SECONDS REPETITIONS CONNECTIONS
"""
import json
import os
import statistics
import subprocess
import sys
import time

SCRATCH, TOP = sys.argv[1:3]
SECS, REPS, CONNS = (int(x) for x in sys.argv[3:6])
sys.argv = sys.argv[:1]
sys.path[:0] = [SCRATCH, SCRATCH + "/http"]
import perflib as P  # noqa: E402
import bench as B  # noqa: E402

QX_PORT = 18020
PEERS = ["nginx", "fastapi", "php", "ep4keep"]
BIN = TOP + "/build/bin/"
VAR = P.RUN + "/qx"
ROWS = 10000  # as in the peers' table
GOALS = [  # label, mode, our stack, peer, goal, "at least" or "at most"
    ("read, FastAPI / ours", "get", "fastapi", 15, ">="),
    ("read, PHP-FPM / ours", "get", "php", 2, ">="),
    ("read, ours / bare epoll prototype", "get", "ep4keep", 1.3, "<="),
    ("insert, FastAPI / ours", "post", "fastapi", 18, ">="),
    ("insert, PHP-FPM / ours", "post", "php", 2, ">="),
    ("insert, ours / bare epoll prototype", "post", "ep4keep", 1.3, "<="),
]


def run(*argv, **kw):
    r = subprocess.run(argv, capture_output=True, text=True, **kw)
    if r.returncode:
        raise SystemExit("bench-http: %s: %s%s" % (" ".join(argv[:4]), r.stdout, r.stderr))
    return r.stdout


def versions():
    def ask(*argv):
        r = subprocess.run(argv, capture_output=True, text=True)
        return ((r.stdout or r.stderr).strip().splitlines() or ["?"])[0]
    py = "import fastapi,pydantic,sqlalchemy,uvicorn;print('fastapi',fastapi.__version__,'pydantic',pydantic.VERSION,'sqlalchemy',sqlalchemy.__version__,'uvicorn',uvicorn.__version__)"
    for argv in (["nginx", "-v"], ["mariadbd", "--version"], ["php-fpm8.2", "-v"], ["/usr/bin/python3", "-c", py],
                 [BIN + "quincunx", "--version"]):
        print("version:", ask(*argv))


def qx_conf():
    for d in ("run", "log"):
        os.makedirs(VAR + "/" + d, exist_ok=True)
    key, secret = (run(BIN + "quincunx", "config", "--new-key").strip() for _ in range(2))
    open(VAR + "/qx.conf", "w").write("""
base = { dir = "%s"; sql_dir = "%s/sql"; static_dir = "%s/static"; template_dir = "%s/templates"; };
database = { url = "mysql://root@localhost/quincunx?unix_socket=%s"; };
auth = { jwt_secret = "%s"; encryption_key = "%s"; access_minutes = 600; };
http = { rate_requests = 0; ip_rate_requests = 0; };
""" % (VAR, TOP, TOP, TOP, P.SOCK, secret, key))
    os.chmod(VAR + "/qx.conf", 0o600)


def qx(*argv):
    return run(BIN + argv[0], "-c", VAR + "/qx.conf", *argv[1:])


def call(method, path, token=None, body=None):
    argv = ["curl", "-sS", "-X", method, "http://127.0.0.1:%d%s" % (QX_PORT, path), "-H", "Content-Type: application/json"]
    if token:
        argv += ["-H", "Authorization: Bearer " + token]
    if body is not None:
        argv += ["-d", json.dumps(body)]
    out = run(*argv)
    return json.loads(out) if out else {}


def qx_prepare():
    """Database, first admin and site, before nginx starts."""
    P.sql("CREATE DATABASE IF NOT EXISTS quincunx CHARACTER SET utf8mb4")
    qx_conf()
    qx("quincunx", "migrate")
    qx("quincunx", "admin", "init", "--email", "bench@localhost.localdomain", "--url", "http://127.0.0.1", "--out", VAR + "/admin.json")
    site = qx("quincunx", "site", "nginx", "--listen", "127.0.0.1:%d" % QX_PORT)
    open(VAR + "/site.conf", "w").write(site)


def qx_start():
    p = P.spawn("qx", [BIN + "quincunx.fcgi", "-c", VAR + "/qx.conf", "--listen"])
    P.wait_unix(VAR + "/run/api.sock")
    for s in ("api", "slow", "control"):
        os.chmod(VAR + "/run/%s.sock" % s, 0o777)
    os.chmod(VAR + "/run", 0o755)
    os.chmod(VAR, 0o755)
    return p


def qx_rows(token):
    """Rows to read: users, and a fleet as the discovery stores it."""
    acc = call("POST", "/api/spot/accounts", token, {"name": "bench", "connection_method": "simulated"})
    if "id" not in acc:
        raise SystemExit("bench-http: no account: %s" % acc)
    qx("quincunx-discover")
    if not int(P.sql("SELECT COUNT(*) FROM quincunx.spot_instance")):
        raise SystemExit("bench-http: discovery stored nothing")
    fresh = "UNHEX(REPLACE(UUID(),'-',''))"
    copies("spot_instance", {"id": fresh, "instance_id": "CONCAT('i-',LPAD(HEX(s.seq),17,'0'))"}, "instances")
    copies("auth_user", {"id": fresh, "email": "CONCAT('u',s.seq,'@example.org')", "username": "CONCAT('user',s.seq)"}, "users")


def copies(table, changed, name):
    """ROWS copies of one row, like the peers' table; their ids in a file for wrk."""
    cols = P.sql("SELECT GROUP_CONCAT(column_name) FROM information_schema.columns WHERE table_schema='quincunx' AND table_name='%s'" % table)
    cols = cols.strip().split(",")
    P.sql("INSERT INTO %s (%s) SELECT %s FROM (SELECT * FROM %s LIMIT 1) i, seq_1_to_%d s"
          % (table, ",".join(cols), ",".join(changed.get(c, "i." + c) for c in cols), table, ROWS), "quincunx")
    ids = P.sql("SELECT LOWER(CONCAT_WS('-',SUBSTR(h,1,8),SUBSTR(h,9,4),SUBSTR(h,13,4),SUBSTR(h,17,4),SUBSTR(h,21))) "
                "FROM (SELECT HEX(id) h FROM %s LIMIT %d) x" % (table, ROWS), "quincunx")
    open(VAR + "/" + name, "w").write(ids)
    os.environ["WRK_IDS"] = VAR


def main():
    versions()
    quiet = P.quiet()
    print("machine: %d cores, others use %.2f cores, fdatasync %.0f us" % (os.cpu_count(), quiet, P.fsync_us()))
    real_conf, real_mariadb = B.nginx_conf, B.P.mariadb

    def conf():
        real_conf()
        path = P.RUN + "/nginx.conf"
        text = open(path).read().rstrip()
        assert text.endswith("}")
        open(path, "w").write(text[:-1] + "include %s/site.conf;\n}" % VAR)

    def mariadb():
        p = real_mariadb()
        qx_prepare()
        return p
    B.nginx_conf, B.P.mariadb = conf, mariadb
    try:
        db, ng, apps = B.start(PEERS)
        apps["qx"] = [qx_start()]
        B.PORT["qx"] = QX_PORT
        admin = json.load(open(VAR + "/admin.json"))
        ours = call("POST", "/api/auth/login", None, {"email": admin["email"], "password": admin["password"]}).get("access_token")
        if not ours:
            raise SystemExit("bench-http: login failed")
        qx_rows(ours)
        peer_token = B.token()
        rows = measure(db, ng, apps, peer_token, ours)
        report(rows, apps)
    finally:
        P.stop_all()


def measure(db, ng, apps, peer_token, ours):
    plan = [(s, m) for m in ("health", "get", "post") for s in PEERS + ["qx"] if s != "nginx" or m == "health"]
    plan += [("qx", m) for m in ("priced", "401", "404", "422")]
    rows = []
    for rep in range(-1, REPS):  # the first round warms up and checks
        for stack, mode in plan:
            os.environ["WRK_STACK"] = stack
            r = B.one(stack, mode, 1 if rep < 0 else SECS, CONNS, ours if stack == "qx" else peer_token, db, ng, apps[stack])
            refusals = mode in ("401", "404", "422")
            if "rps" not in r or (r["err_status"] and not refusals) or (refusals and r["err_status"] < r["n"]):
                raise SystemExit("bench-http: %s %s did not run: %s" % (stack, mode, r))
            if rep >= 0:
                rows.append(r)
    return rows


def report(rows, apps):
    def med(stack, mode, key):
        return statistics.median(r[key] for r in rows if r["stack"] == stack and r["mode"] == mode)
    print("\n| endpoint | stack | req/s | p50 ms | p99 ms | CPU s/1000: app | nginx | db | total |\n|---|---|---|---|---|---|---|---|---|")
    seen = []
    for r in rows:
        if (r["mode"], r["stack"]) not in seen:
            seen.append((r["mode"], r["stack"]))
    for m, s in seen:
        print("| %s | %s | %.0f | %.2f | %.2f | %.4f | %.4f | %.4f | **%.4f** |" % (
            m, s, med(s, m, "rps"), med(s, m, "p50") / 1e3, med(s, m, "p99") / 1e3,
            *[med(s, m, "cpu_" + k) for k in ("app", "nginx", "db", "total")]))
    print("\nratios of CPU-seconds per 1000 requests (app + nginx + db), medians of %d runs of %d s" % (REPS, SECS))
    for label, mode, peer, goal, sense in GOALS:
        a, b = med(peer, mode, "cpu_total"), med("qx", mode, "cpu_total")
        x = b / a if sense == "<=" else a / b
        print("  %-38s %6.2f   goal %s %-4g %s" % (label, x, sense, goal, "met" if (x <= goal if sense == "<=" else x >= goal) else "NOT MET"))
    read = med("qx", "get", "cpu_total")
    for m in ("401", "404", "422"):
        x = med("qx", m, "cpu_total") / read
        print("  %-38s %6.2f   goal <= 1    %s" % (m + ", cost against a read", x, "met" if x <= 1 else "NOT MET"))
    print("memory of ours, RSS/PSS MiB:", " ".join("%.1f/%.1f" % P.rss(q) for a in apps["qx"] for q in P.tree(a.pid)))


if __name__ == "__main__":
    start = time.time()
    main()
    print("bench-http took %.0f s" % (time.time() - start))

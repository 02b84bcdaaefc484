"""Times quincunx-discover against the fake EC2, everything private.

The account is connected through the program itself as a plain CGI. Started as
root, it becomes nobody first. usage: discover.py TOP BIN INSTANCES REGIONS
"""
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

TOP, BIN = sys.argv[1:3]
INSTANCES, REGIONS = (int(x) for x in sys.argv[3:5])
GOAL_S, GOAL_MIB = 10, 64
KEYS = {"access_key": "AKIAFAKEEXAMPLE00001", "secret_key": "fakesecretfakesecretfakesecretfakesecret0"}
NOBODY = 65534
children = []


def die(text):
    raise SystemExit("bench-discover: " + text)


def become_nobody():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    if not os.access(BIN + "/quincunx-discover", os.X_OK):
        die("build first (or %s cannot be reached by uid %d)" % (BIN, os.geteuid()))


def dies_with_us():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def spawn(name, argv, **kw):
    out = open(DIR + "/log/%s.out" % name, "w")
    kw.setdefault("stdout", out)
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=out, preexec_fn=dies_with_us, **kw)
    children.append(p)
    return p


def stop_all():
    for p in reversed(children):
        p.terminate()
        try:
            p.wait(20)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


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


def connects(path):
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(path) == 0


# ---- the private installation

def mariadb():
    prog = shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin:/usr/libexec:" + os.environ["PATH"]) or die("no mariadbd")
    run("mariadb-install-db", "--no-defaults", "--datadir=" + DIR + "/mysql", "--skip-test-db",
        "--auth-root-authentication-method=normal", "--skip-name-resolve")
    p = spawn("mariadb", [prog, "--no-defaults", "--datadir=" + DIR + "/mysql", "--socket=" + SOCK, "--skip-networking",
                          "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=128M",
                          "--character-set-server=utf8mb4", "--performance-schema=OFF", "--skip-log-bin"])
    until("MariaDB", lambda: connects(SOCK))
    sql("CREATE DATABASE quincunx CHARACTER SET utf8mb4", db="")
    return p


def sql(text, db="quincunx"):
    return run("mariadb", "--no-defaults", "-uroot", "-S", SOCK, "-N", "-B", "-e", text, *([db] if db else [])).strip()


def fleet():
    """Live instances, unevenly over the regions, as many as are wanted."""
    sys.path.insert(0, TOP + "/tests/harness")
    from fakeaws.world import REGIONS as names
    weights = [1 + 40 // (i + 1) for i in range(REGIONS)]
    counts = [max(1, INSTANCES * w // sum(weights)) for w in weights]
    counts[0] += INSTANCES - sum(counts)
    return {"add": [{"region": r, "count": n, "state": "running"} for r, n in zip(names, counts)]}


def fake():
    p = spawn("fake_ec2", ["/usr/bin/python3", "-B", TOP + "/tests/harness/fake_ec2.py", "--instances", "0",
                           "--regions", str(REGIONS)], stdout=subprocess.PIPE, text=True)
    line = p.stdout.readline().split()
    if line[:1] != ["port"]:
        die("the fake EC2 did not start")
    url = "http://127.0.0.1:" + line[1]
    urllib.request.urlopen(url + "/_control/fleet", json.dumps(fleet()).encode(), 60).read()
    return p, url


def configure(endpoint):
    with open(CONF, "w") as f:  # --new-key wants a readable configuration
        f.write('base = { dir = "%s"; };\n' % DIR)
    os.chmod(CONF, 0o600)
    key = qx("config", "--new-key").strip()
    with open(CONF, "w") as f:
        f.write("""
base = {{ dir = "{0}"; sql_dir = "{1}/sql"; static_dir = "{1}/static"; template_dir = "{1}/templates"; }};
database = {{ url = "mysql://root@localhost/quincunx?unix_socket={2}"; }};
auth = {{ jwt_secret = "{3}"; encryption_key = "{4}"; }};
aws = {{ endpoint = "{5}"; sts_endpoint = "{5}"; }};
""".format(DIR, TOP, SOCK, os.urandom(24).hex(), key, endpoint))
    qx("migrate")
    qx("admin", "init", "--email", "bench@localhost.localdomain", "--url", "http://127.0.0.1", "--out", DIR + "/admin.json")


def first_start():
    """The responders' first start makes what the installation needs once."""
    p = spawn("responder", [BIN + "/quincunx.fcgi", "-c", CONF, "--listen"])
    until("quincunx.fcgi", lambda: connects(DIR + "/run/api.sock"), 20)
    p.terminate()
    p.wait()


def qx(*argv):
    return run(BIN + "/quincunx", "-c", CONF, *argv)


def call(method, path, token=None, body=None):
    """One request through the program as a CGI."""
    text = json.dumps(body) if body is not None else ""
    env = {"PATH": os.environ["PATH"], "GATEWAY_INTERFACE": "CGI/1.1", "QUINCUNX_CONF": CONF, "REQUEST_METHOD": method,
           "REQUEST_URI": path, "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "QX_CLIENT_IP": "127.0.0.1",
           "HTTP_HOST": "localhost", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(text))}
    if token:
        env["HTTP_AUTHORIZATION"] = "Bearer " + token
    out = run(BIN + "/quincunx.fcgi", input=text, env=env)
    head, _, rest = out.replace("\r\n", "\n").partition("\n\n")
    status = [x.split()[1] for x in head.split("\n") if x.lower().startswith("status:")]
    if status and status[0][0] != "2":
        die("%s %s: %s %s" % (method, path, status[0], rest[:400]))
    return json.loads(rest)


# ---- measuring

def cpu(p):
    with open("/proc/%d/stat" % p.pid) as f:
        v = f.read().rsplit(")", 1)[1].split()
    return (int(v[11]) + int(v[12])) / os.sysconf("SC_CLK_TCK")


def discover(db, cloud):
    """wall, CPU of the program, of MariaDB, of the fake, peak MiB"""
    others = cpu(db), cpu(cloud)
    start = time.monotonic()
    p = subprocess.Popen([BIN + "/quincunx-discover", "-c", CONF], stdin=subprocess.DEVNULL, preexec_fn=dies_with_us)
    _, status, use = os.wait4(p.pid, 0)
    wall = time.monotonic() - start
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        die("quincunx-discover ended with %d" % p.returncode)
    return wall, use.ru_utime + use.ru_stime, cpu(db) - others[0], cpu(cloud) - others[1], use.ru_maxrss / 1024


def show(name, m):
    print("  %-22s wall %6.2f s   CPU: ours %5.2f s, MariaDB %5.2f s, fake EC2 %5.2f s   peak %5.1f MiB" % ((name,) + m), flush=True)


def drop_prices():
    """The connection asks for prices too; they have a line of their own."""
    sql("DELETE FROM spot_scan WHERE kind = 'prices'")


def check(kind):
    row = sql("SELECT state, done, wanted, instances FROM spot_scan WHERE kind = '%s' ORDER BY id DESC LIMIT 1" % kind).split("\t")
    if row[0] != "complete":
        die("the scan of %s is %s: %s" % (kind, row[0], sql("SELECT region, state, error FROM spot_scan_shard WHERE state <> 'complete'")))
    return row


def main():
    db = mariadb()
    cloud, endpoint = fake()
    configure(endpoint)
    first_start()
    admin = json.load(open(DIR + "/admin.json"))
    token = call("POST", "/api/auth/login", None, {"email": admin["email"], "password": admin["password"]})["access_token"]
    account = call("POST", "/api/spot/accounts", token, dict(KEYS, name="bench", connection_method="access_keys"))["id"]
    drop_prices()
    print("bench-discover: %d instances, %d regions, %d cores, MariaDB %s (durable)" % (
        INSTANCES, REGIONS, os.cpu_count(), sql("SELECT VERSION()")))
    first = discover(db, cloud)
    show("first inventory", first)
    _, done, wanted, _ = check("inventory")
    stored = int(sql("SELECT COUNT(*) FROM spot_instance WHERE gone_at IS NULL"))
    regions = int(sql("SELECT COUNT(DISTINCT region) FROM spot_instance"))
    call("POST", "/api/spot/accounts/%s/rediscover" % account, token)
    show("the same again", discover(db, cloud))
    check("inventory")
    again = int(sql("SELECT COUNT(*) FROM spot_instance WHERE gone_at IS NULL"))
    call("POST", "/api/spot/accounts/%s/prices/pull" % account, token)
    show("prices and types", discover(db, cloud))
    print("  instances stored: %d in %d regions, shards %s of %s, %d prices" % (
        stored, regions, done, wanted, int(sql("SELECT COUNT(*) FROM spot_price"))))
    print("  goal: wall < %d s %s, peak < %d MiB %s" % (
        GOAL_S, "met" if first[0] < GOAL_S else "NOT MET", GOAL_MIB, "met" if first[4] < GOAL_MIB else "NOT MET"))
    if (stored, again, regions) != (INSTANCES, INSTANCES, REGIONS):
        die("stored %d instances, then %d, in %d regions; wanted %d in %d" % (stored, again, regions, INSTANCES, REGIONS))


become_nobody()
DIR = tempfile.mkdtemp(prefix="qxd.", dir="/tmp")
SOCK, CONF = DIR + "/mysqld.sock", DIR + "/quincunx.conf"
os.environ["HOME"] = DIR
for d in ("run", "log"):
    os.mkdir(DIR + "/" + d)
try:
    main()
finally:
    stop_all()
    shutil.rmtree(DIR, ignore_errors=True)

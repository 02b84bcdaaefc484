#!/usr/bin/python3
"""The queue beside its peers, in one run: BullMQ, Celery, beanstalkd with a log that is synced at each
write, and ours durable, with 2 workers at batch 10. Prints versions, rates, CPU and their ratios; a peer
that does not run is a failure, not a gap in the table.
usage: tests/bench/queue.py SCRATCH (made by queue.sh) [REPS]
"""
import json
import os
import re
import statistics
import subprocess
import sys

SCRATCH = sys.argv[1]
REPS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
JOBS = os.environ.get("JOBS", "40000")
GOALS = (("bullmq", 3), ("celery", 12), ("beanstalkd", 1))


def run(argv, **more):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, **more)
    if p.returncode != 0:
        sys.exit(f"bench-queue: {argv[:3]} did not run ({p.returncode}):\n{p.stdout[-2000:]}{p.stderr[-2000:]}")
    return p.stdout


def peer(kind):
    out = run(["/usr/bin/python3", "-B", "queue/peers.py", kind], cwd=SCRATCH)
    r = json.loads(next(x for x in out.splitlines() if x.startswith("{")))
    if "drain_rate" not in r:
        sys.exit(f"bench-queue: {kind} did not drain: {r}")
    return {"rate": r["drain_rate"], "cpu": r["worker_cpu"] + r["server_cpu"]}


def ours(scene):
    """Rate, and CPU seconds per 1000 jobs of ours and of the database."""
    out = run(["build/tests/bench/queue", JOBS, "2", "10", scene])
    m = re.search(r"^drain.*?(\d+) /s +own ([\d.]+) +server ([\d.]+)", out, re.M)
    return {"rate": float(m[1]), "cpu": float(m[2]) + float(m[3])}


def beanstalkd():
    out = run([f"{SCRATCH}/bsd.sh", JOBS])
    return {"rate": float(re.search(r"work .*rate=(\d+)", out)[1]),
            "cpu": sum(float(x) for x in re.findall(r"cpu_ms_per_1000=([\d.]+)", out)[:2]) / 1000}


def versions():
    node = json.loads(run(["npm", "ls", "--json", "--depth=0"], cwd=SCRATCH + "/node"))["dependencies"]
    print("bullmq", node["bullmq"]["version"], "· node", run(["node", "--version"]).strip(),
          "· celery", run(["/usr/bin/python3", "-c", "import celery; print(celery.__version__)"]).strip(),
          "·", " ".join(run(["redis-server", "--version"]).split()[:3]),
          "·", run(["beanstalkd", "-v"]).strip(), "·", run(["mariadbd", "--version"]).split()[2])


def main():
    kinds = {"ours": lambda: ours("d"), "ours, relay beside": lambda: ours("r"),
             "beanstalkd": beanstalkd, "bullmq": lambda: peer("bullmq"), "celery": lambda: peer("celery")}
    got = {k: [] for k in kinds}
    versions()
    print("machine: %d cores, load %.1f" % (os.cpu_count(), os.getloadavg()[0]), flush=True)
    for _ in range(REPS):  # in turn, so that neighbours hit all of them
        for k, f in kinds.items():
            got[k].append(f())
    mid = {k: {w: statistics.median(x[w] for x in v) for w in ("rate", "cpu")} for k, v in got.items()}
    for k, v in mid.items():
        print("%-20s %8.0f jobs/s   %.4f CPU s/1000 (workers and server)   runs %s"
              % (k, v["rate"], v["cpu"], " ".join("%.0f" % x["rate"] for x in got[k])))
    print("ratios of rates; CPU of the peer over ours")
    for k, goal in GOALS:
        for own in ("ours", "ours, relay beside"):
            x = mid[own]["rate"] / mid[k]["rate"]
            print("  %-20s %-12s %6.2f   cpu %6.2f   goal >= %-3d %s" % (
                own, k, x, mid[k]["cpu"] / mid[own]["cpu"], goal, "met" if x >= goal else "NOT MET"))
    print("load at the end %.1f" % os.getloadavg()[0])


if __name__ == "__main__":
    main()

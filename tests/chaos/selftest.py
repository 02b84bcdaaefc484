#!/usr/bin/python3
"""Does the chaos run see anything? Nine faults are planted, one at a time,
into a copy of the tree; the run must fail with each of them.

usage: make chaos-selftest [ROUNDS=40] [SEED=1] [ONLY=4,5]
"""
import os
import shutil
import subprocess
import sys

# What is wrong, where, the text that stands there once, and what replaces it.
FAULTS = [
    ("a lost lease counts as a crash", "core/jobs/queue_settle.c",
     "\tj->attempt--;\n\tj->state = JS_QUEUED;\n\tj->run_at.us = 0;\n",
     "\tj->crashes++;\n\tj->state = JS_QUARANTINED;\n\treturn;\n"),
    ("jobs of leases that ran out stay where they are",
     "core/jobs/queue_lease.c",
     "\tif (db_txn(db, a, reap, &r, e) == -1)\n",
     "\tif (grace_s < 0 && db_txn(db, a, reap, &r, e) == -1)\n"),
    ("a claim whose COMMIT got no answer is forgotten",
     "core/jobs/queue_cycle.c",
     "\t\t\t*VEC_ADD(x->y->a, &x->back) = o;\n",
     "\t\t\tknown = true;\n"),
    ("a job that is given back is dropped", "core/jobs/queue_settle.c",
     "\tcase END_RELEASE:\n\t\tj->attempt--;\n"
     "\t\tj->state = JS_QUEUED;\n",
     "\tcase END_RELEASE:\n\t\tj->attempt--;\n"
     "\t\tj->state = JS_CANCELLED;\n"),
    ("a COMMIT without an answer passes for done", "core/db/txn.c",
     "\t\tdb_rollback(db);\n\t\treturn -1;\n\t}\n\tend(db);\n"
     "\trun_hooks(db);\n",
     "\t\tdb_rollback(db);\n\t\terr_clear(err);\n\t\treturn 0;\n\t}\n"
     "\tend(db);\n\trun_hooks(db);\n"),
    ("what is put off never becomes ready", "core/jobs/queue_upkeep.c",
     "\tif (jobs_put_back(db, p->a, &j, e) == -1 ||\n\t    db_exec(",
     "\tif (db_exec("),
    ("the relay leaves what it has moved", "core/events/relay_batch.c",
     "\tif (db_exec_many(db, &DELETE_LISTED, v, 1, m->b->n, &gone, e) "
     "== -1)\n",
     "\tgone = m->b->n;\n\tif (m->b->n == 0 && db_exec_many(db, "
     "&DELETE_LISTED, v, 1, m->b->n, &gone, e) == -1)\n"),
    ("a unique key is not kept", "core/jobs/queue_enqueue.c",
     "\tif (rc == 1 && db_exec(q->db, &UNIQUE_INSERT, ",
     "\tif (rc == 1)\n\t\treturn 0;\n"
     "\tif (rc == 1 && db_exec(q->db, &UNIQUE_INSERT, "),
    ("a crash passes for success", "core/jobs/queue_settle.c",
     "\tcase END_CRASH:\n\t\tcrashed(j, o);\n",
     "\tcase END_CRASH:\n\t\tj->state = JS_SUCCEEDED;\n"),
]


def copy_tree(to):
    """The files of the tree and its objects, so that little is built anew."""
    shutil.rmtree(to, ignore_errors=True)
    os.makedirs(to)
    for name in ("Makefile", "core", "cgi", "tests", "sql", "etc", "static",
                 "templates", "packaging"):
        if os.path.isdir(name):
            shutil.copytree(name, f"{to}/{name}", symlinks=True)
        elif os.path.exists(name):
            shutil.copy2(name, to)
    if os.path.isdir("build/obj"):
        shutil.copytree("build/obj", f"{to}/build/obj")


def plant(tree, path, old, new):
    """Returns what puts it right again."""
    path = f"{tree}/{path}"
    with open(path) as f:
        text = f.read()
    if text.count(old) != 1:
        sys.exit(f"chaos-selftest: {path}: the place is there "
                 f"{text.count(old)} times:\n{old}")
    with open(path, "w") as f:
        f.write(text.replace(old, new))

    def restore():
        with open(path, "w") as f:
            f.write(text)
    return restore


def make(tree, goal):
    env = dict(os.environ, TEST_TAIL="1000000", SHARED=os.path.abspath(
        os.environ.get("SHARED", "../shared")))
    env.setdefault("SEED", "1")
    env.setdefault("ROUNDS", "40")
    for name in ("MAKEFLAGS", "QX_BIN", "CI"):
        env.pop(name, None)
    return subprocess.run(["make", "-s", "-C", tree, goal], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace")


def main():
    tree = "build/selftest"
    only = os.environ.get("ONLY")
    missed = []
    copy_tree(tree)
    for n, (what, path, old, new) in enumerate(FAULTS, 1):
        if only and str(n) not in only.split(","):
            continue
        restore = plant(tree, path, old, new)
        built = make(tree, "chaos-programs")
        if built.returncode != 0:
            sys.exit(f"chaos-selftest: {what}: not built\n{built.stdout}")
        done = make(tree, "chaos")
        restore()
        why = [line for line in done.stdout.splitlines()
               if line.startswith("chaos: ") and "seed" not in line]
        caught = done.returncode != 0
        print(f"{'caught' if caught else 'MISSED'}  {n}. {what}"
              f"{': ' + why[0][7:120].strip() if why and caught else ''}", flush=True)
        if not caught:
            missed.append(what)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

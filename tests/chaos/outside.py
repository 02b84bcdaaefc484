"""A worker outside of the installation, with the client that users have. Its
ledger: "start ID TOKEN" and "end ID TOKEN", each on the disk before it goes on;
the outside effect is a file per job that can be made once.
usage: outside.py CLIENT_DIR URL EMAIL PASSWORD LEDGER_DIR NAME
"""
import ctypes
import os
import signal
import sys
import time

ctypes.CDLL(None).prctl(1, signal.SIGKILL)
sys.path.insert(0, sys.argv[1])
import quincunx  # noqa: E402

url, email, password, ledger, name = sys.argv[2:7]


def note(text):
    fd = os.open(f"{ledger}/outside.{name}", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.write(fd, text.encode())
    os.fdatasync(fd)
    os.close(fd)


def work(job):
    note(f"start {job.id} {job._token}\n")
    time.sleep(job.payload.get("ms", 0) / 1000)
    try:
        os.close(os.open(f"{ledger}/effects/{job.id}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        pass
    note(f"end {job.id} {job._token}\n")
    return {"ok": True}


while True:
    try:
        client = quincunx.Client(url, email=email, password=password)
        client.worker("chaos.outside")(work)
        client.run_worker(["default"], concurrency=2, name=name, lease_s=10)
        sys.exit(0)
    except quincunx.Error as e:
        note(f"again {e}\n".replace("\n", " ") + "\n")
        time.sleep(0.5)

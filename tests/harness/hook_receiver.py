"""A receiver of webhooks for tests: answers as the file "mode" in its
directory says, checks signatures with Python's own hmac against the file
"secret", and appends what it was sent to "log", a JSON line per request.
Modes: a status; "slow N" (seconds, then 200); "hang"; "redirect URL";
"retry N" (429 with Retry-After).
"""
import ctypes
import hashlib
import hmac
import http.server
import json
import os
import signal
import sys
import time

DIR = sys.argv[1]
ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def text(name):
    try:
        with open(os.path.join(DIR, name), encoding="ascii") as f:
            return f.read().strip()
    except FileNotFoundError:
        return ""


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        stamp = self.headers.get("X-Quincunx-Timestamp", "")
        want = "v1=" + hmac.new(text("secret").encode(),
                                stamp.encode() + b"." + body,
                                hashlib.sha256).hexdigest()
        fresh = stamp.isdigit() and abs(time.time() - int(stamp)) < 300
        events = json.loads(body)
        mode = text("mode").split()
        status = int(mode[0]) if mode[0].isdigit() else 200
        line = {
            "delivery": self.headers.get("X-Quincunx-Delivery"),
            "recovered": self.headers.get("X-Quincunx-Recovered"),
            "signed": fresh and hmac.compare_digest(
                want, self.headers.get("X-Quincunx-Signature", "")),
            "ns": [e["data"].get("n", 0) for e in events],
            "rising": all(x["off"] < y["off"]
                          for x, y in zip(events, events[1:])),
            "names": sorted(str(e["data"].get("name")) for e in events),
            "topics": sorted({e["topic"] for e in events}),
            "told": [[e["data"]["status"],
                      sorted(x["rule"] for x in e["data"]["alerts"])]
                     for e in events if e["topic"] == "system_alert"],
            "mode": mode[0],
        }
        with open(os.path.join(DIR, "log"), "a", encoding="ascii") as f:
            f.write(json.dumps(line) + "\n")
        if mode[0] == "hang":
            time.sleep(3600)
        if mode[0] == "slow":
            time.sleep(float(mode[1]))
        headers = {}
        if mode[0] == "redirect":
            status, headers = 302, {"Location": mode[1]}
        if mode[0] == "retry":
            status, headers = 429, {"Retry-After": mode[1]}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print("port", server.server_address[1], flush=True)
server.serve_forever()

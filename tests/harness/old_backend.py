#!/usr/bin/env python3
# A backend that is being replaced, as small as one can be: it knows HS256
# tokens by the shared secret and answers paths of its own.
# usage: old_backend.py PORT SECRET_FILE
import base64, hashlib, hmac, http.server, json, sys, time

port, secret = int(sys.argv[1]), open(sys.argv[2], "rb").read().strip()


def b64(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()


def sign(head_and_body):
    return b64(hmac.new(secret, head_and_body.encode(), hashlib.sha256).digest())


def token(sub):
    head = b64(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    body = b64(json.dumps({"sub": sub, "iat": int(time.time()), "exp": int(time.time()) + 600}).encode())
    return f"{head}.{body}." + sign(f"{head}.{body}")


def claims(header):
    parts = (header or "").removeprefix("Bearer ").split(".")
    if len(parts) != 3 or not hmac.compare_digest(sign(parts[0] + "." + parts[1]), parts[2]):
        return None
    c = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    return c if c.get("exp", 0) > time.time() else None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/legacy/token":
            self.answer(200, {"access_token": token(query)})
        elif path == "/legacy/me":
            c = claims(self.headers.get("Authorization"))
            self.answer(200 if c else 401, {"old": True, "sub": c and c["sub"]})
        else:
            self.answer(404, {"old": True, "path": self.path})

    def do_POST(self):
        n = int(self.headers.get("Content-Length", 0))
        self.answer(201, {"old": True, "body": self.rfile.read(n).decode()})

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()

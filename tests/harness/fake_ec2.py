#!/usr/bin/env python3
"""A scriptable fake of the EC2 and STS Query API, for tests of our client.

Checks SigV4 for real, pages, throttles, refuses and misbehaves on request
(fakeaws/faults.py describes the rules). The region is the one of the
credential scope: one endpoint serves all. Loopback only; not for the world.

  GET  /_control/ledger    counts per action and region
  POST /_control           {"rules": [...]}      replace the fault script
  POST /_control/clock     {"offset_s": n}       move the server's clock
  POST /_control/fleet     {"add": [...], "terminate": [ids],
                            "remove": [ids], "account": "..."}
  POST /_control/assets    {"hide": [ids], "show": [ids]}
  POST /_control/expire    {}                    end all temporary credentials

What moves (fakeaws/state.py; all acts are listed, append-only):
  GET  /_control/acts          everything done to the cloud and by it
  POST /_control/acts          {"since": n}
  POST /_control/advance       {"s": n}          move the life clock only
  POST /_control/world         {"boot_s", "check_s", "lag_s", "in_service_s",
                                "terminate_s", "replace_s", "forget_s",
                                "state_events"}
  POST /_control/capacity      {"pools": [{"region", "az", "type",
                                "lifecycle", "free", "error", "from_s",
                                "until_s"}]}     the first that fits counts
  POST /_control/interrupt     {"ids", "kind": "interruption"|"rebalance",
                                "notice_s", "silent"}
  POST /_control/protect       {"ids", "on"}     against termination
  POST /_control/impair        {"ids", "system", "event", "at_s"}
  POST /_control/group         {"region", "name", "min", "max", "desired",
                                "types", "azs", "lifecycle", "suspended",
                                "members" | filled, "busy_s", "status",
                                "delete"}        makes or changes a group
  POST /_control/file      {"path", "body", "etag", "status"}  a page for GET;
                           without body: how often it was asked for
  POST /_control/stack     {"name", "status"}    a CloudFormation stack
  POST /_control/queue         {"name", "region", "visibility_s",
                                "duplicate", "shuffle", "put": [bodies]}
"""
import argparse
import email.utils
import gzip
import http.server
import json
import os
import re
import select
import signal
import socket
import socketserver
import struct
import sys
import threading
import time
from urllib.parse import parse_qsl

sys.dont_write_bytecode = True
from fakeaws import actions, asg, assets, faults, sqs  # noqa: E402
from fakeaws import world as worlds  # noqa: E402

MAX_BODY = 1 << 20
HANG_S = 600
DEFAULT_KEY = "AKIAFAKEEXAMPLE00001:fakesecretfakesecretfakesecret" \
    "fakesecret0:111122223333"
CLOUD = {"acts", "advance", "world", "capacity", "interrupt", "protect",
         "impair", "stack"}
BOMB = '<!DOCTYPE lol [<!ENTITY a0 "lol">%s]>\n' % "".join(
    '<!ENTITY a%d "%s">' % (i, "&a%d;" % (i - 1) * 10) for i in range(1, 10))


class Ledger:
    """Counts of every request, and a file of them that survives a kill."""

    def __init__(self, path):
        self._lock, self._counts, self._total = threading.Lock(), {}, 0
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND,
                           0o600) if path else None

    def record(self, action, region, key, result, mutating=False):
        now = time.time()
        line = json.dumps({
            "time": worlds.stamp(now, ".%03dZ" % (now % 1 * 1000)),
            "action": action, "region": region, "key": key,
            "result": result, "mutating": mutating}) + "\n"
        with self._lock:
            self._total += 1
            row = self._counts.setdefault(action, {}).setdefault(
                region, {"total": 0, "results": {}})
            row["total"] += 1
            row["results"][result] = row["results"].get(result, 0) + 1
            if self._fd is not None:
                os.write(self._fd, line.encode())
                os.fsync(self._fd)

    def counts(self):
        with self._lock:
            return json.loads(json.dumps({"total": self._total,
                                          "actions": self._counts}))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    world = script = ledger = None      # set by main

    def setup(self):
        super().setup()
        if self.connection.family == socket.AF_INET:
            self.connection.setsockopt(socket.IPPROTO_TCP,
                                       socket.TCP_NODELAY, 1)

    def handle_expect_100(self):
        going = super().handle_expect_100()
        self.wfile.flush()
        return going

    def log_message(self, *args):
        pass

    def version_string(self):
        return "AmazonEC2"

    def date_time_string(self, timestamp=None):
        return email.utils.formatdate(self.world.now(), usegmt=True)

    def reply(self, status, body, kind="text/xml;charset=UTF-8", headers=None,
              sent=None):
        """sent: how much of the body really goes out before the close."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if sent is None else body[:sent])
        if sent is not None:
            self.close_connection = True

    def _read_body(self):
        text = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding") or \
                not re.fullmatch(r"\d{1,9}", text) or int(text) > MAX_BODY:
            self.close_connection = True
            self.reply(413 if text.isdigit() else 411, b"", "text/plain")
            return None
        return self.rfile.read(int(text))

    def do_POST(self):
        body = self._read_body()
        if body is None:
            return
        if self.path.startswith("/_control"):
            self._control(body)
        else:
            self._aws(body)

    def do_GET(self):
        kept = self.world.files.get(self.path)
        if kept is None:
            return self.do_POST()
        kept["asked"] += 1
        headers = {"ETag": kept["etag"]} if kept["etag"] else {}
        if kept["etag"] and self.headers.get("If-None-Match") == kept["etag"]:
            kept["unchanged"] += 1
            return self.reply(304, b"", "text/plain", headers)
        self.reply(kept["status"], kept["body"], "text/plain", headers)

    # -- control

    def _control(self, body):
        try:
            answer = self._controlled(json.loads(body or b"{}"))
            status = 200
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            status, answer = 400, {"error": "%s: %s" % (
                type(error).__name__, error)}
        self.reply(status, json.dumps(answer).encode(), "application/json")

    def _controlled(self, given):
        route = self.command, self.path
        if route == ("GET", "/_control/ledger"):
            return dict(self.ledger.counts(), fired=self.script.fired())
        if route == ("POST", "/_control"):
            self.script.replace(given["rules"])
            return {"rules": len(given["rules"])}
        if route == ("POST", "/_control/clock"):
            self.world.offset = float(given["offset_s"])
            return {"now": worlds.stamp(self.world.now(), "Z")}
        if route == ("POST", "/_control/expire"):
            self.world.expire_sessions()
            return {}
        if route == ("POST", "/_control/file"):
            return self.world.file(**given)
        if self.path == "/_control/group" and self.command == "POST":
            return asg.control(self.world.cloud, given)
        if self.path == "/_control/queue" and self.command == "POST":
            return sqs.control(self.world.cloud, given)
        if self.path[10:] in CLOUD and (
                self.command == "POST" or self.path == "/_control/acts"):
            return self.world.cloud.control(self.path[10:], given)
        if route == ("POST", "/_control/assets"):
            return assets.control(self.world, given)
        if route == ("POST", "/_control/fleet"):
            account = given.pop("account", self.world.home)
            done = self.world.fleet(account).change(**given)
            self.ledger.record("_fleet", "-", account, "ok", True)
            return done
        raise ValueError("no such control: %s %s" % route)

    # -- the Query API

    def _params(self, body):
        if self.headers.get("X-Amz-Target"):
            return {"Action": self.headers["X-Amz-Target"].partition(".")[2]}
        query = self.path.partition("?")[2]
        kind = self.headers.get("Content-Type", "").partition(";")[0]
        if kind.strip().lower() == "application/x-www-form-urlencoded":
            query += "&" + body.decode("utf-8", "replace")
        return dict(parse_qsl(query, keep_blank_values=True))

    def _aws(self, body):
        headers = [(name, value.encode("latin-1", "replace").decode(
            "utf-8", "surrogateescape")) for name, value in
            self.headers.items()]
        call = actions.Call(self.world, self._params(body), self.command,
                            self.path, headers, body)
        call.gone = self._hung_up
        if self.headers.get("X-Amz-Target"):
            call.json = self._json(body)
        rule = call.fault = self.script.pick(
            call.action or "-", call.region, call.access,
            "NextToken" in call.params)
        if self._dropped(call, rule):
            return
        if rule.get("delay_s"):
            time.sleep(rule["delay_s"])
        if rule.get("redirect"):
            self._record(call, "redirect")
            self.reply(307, b"", headers={"Location": rule["redirect"]})
            return
        status, answer, result = self._answer(call, rule)
        self._record(call, result)
        if rule.get("close") == "after":
            self.close_connection = True
        else:
            self._send(call, rule, status, answer)

    @staticmethod
    def _json(body):
        try:
            given = json.loads(body)
            return given if isinstance(given, dict) else {}
        except ValueError:
            return {}

    def _hung_up(self):
        try:
            return bool(select.select([self.connection], [], [], 0)[0]) and \
                not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _record(self, call, result):
        self.ledger.record(
            call.action or "-", call.region, call.access, result,
            result == "ok" and call.action in actions.MUTATING)

    def _dropped(self, call, rule):
        """Faults in which no answer comes at all."""
        if rule.get("unreachable"):
            self._record(call, "unreachable")
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
        elif rule.get("close") == "before":
            self._record(call, "close")
        elif rule.get("hang"):
            self._record(call, "hang")
            select.select([self.connection], [], [], HANG_S)
        else:
            return False
        self.close_connection = True
        return True

    @staticmethod
    def _answer(call, rule):
        try:
            actions.authenticate(call)
            if "error" in rule:
                raise actions.AwsError(rule["error"], rule.get("message"),
                                       rule.get("status"))
            if "throttle" in rule:
                raise actions.AwsError("Throttling" if call.service == "sts"
                                       else "RequestLimitExceeded")
            if rule.get("denied"):
                raise actions.denied(call)
            return rule.get("status", 200), actions.run(call), "ok"
        except actions.AwsError as error:
            return error.status, error.body(call.service), error.code

    def _send(self, call, rule, status, body):
        """The answer, spoiled as the rule says."""
        headers = dict(rule.get("headers", {}))
        if call.json is not None:
            headers.setdefault("x-amzn-RequestId", "fake")
        if rule.get("huge"):
            self._send_huge(call, rule["huge"])
            return
        if rule.get("gzip_bomb"):
            body = gzip.compress(b"<a>" + b" " * rule["gzip_bomb"])
            headers["Content-Encoding"] = "gzip"
        if rule.get("garbage"):
            body = bytes((i * i * 31 + i // 7) & 255 for i in range(4096))
        if rule.get("dtd"):
            head, _, rest = body.decode().partition(actions.XML)
            body = (actions.XML + BOMB + (rest or head)).encode().replace(
                b"</", b"&a9;</", 1)
        if rule.get("deep"):
            body = (actions.XML + "<item>" * rule["deep"] + "</item>" *
                    rule["deep"]).encode()
        if "truncate" in rule:
            body = body[:rule["truncate"]]
        half = len(body) // 2 if rule.get("close") == "mid" else None
        kind = "text/xml;charset=UTF-8" if call.json is None else \
            "application/x-amz-json-1.0"
        self.reply(status, body, kind, headers=headers, sent=half)

    def _send_huge(self, call, size):
        """Well-formed XML of about size bytes, of no declared length."""
        self.send_response(200)
        self.send_header("Content-Type", "text/xml;charset=UTF-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        block = b"<item>%s</item>" % (b"x" * 65523)
        name = (call.action or "Huge").encode()
        self._chunk(b"<%sResponse>" % name)
        for _ in range(size // len(block) + 1):
            self._chunk(block)
        self._chunk(b"</%sResponse>" % name)
        self._chunk(b"")

    def _chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = allow_reuse_address = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """A client that went away is part of the job; the rest is a bug."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class UnixServer(Server):
    address_family = socket.AF_UNIX
    allow_reuse_address = False


def parse_key(text):
    parts = text.split(":")
    if len(parts) not in (3, 4) or parts[3:] not in ([], ["denied"]):
        raise argparse.ArgumentTypeError("want AKID:SECRET:ACCOUNT[:denied]")
    return worlds.Key(*parts[:3], denied=len(parts) == 4)


def parse_role(text):
    match = re.fullmatch(r"(arn:aws[\w-]*:iam::\d{12}:role/[^:]+):(.*)", text)
    if not match:
        raise argparse.ArgumentTypeError("want ROLE_ARN:EXTERNAL_ID")
    return match.groups()


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--port", type=int, default=0, help="0 chooses a free one")
    add("--unix", metavar="PATH", help="listen on this socket as well")
    add("--instances", type=int, default=100, help="per account")
    add("--regions", type=int, default=17)
    add("--seed", default="1")
    add("--script", metavar="FILE", help='list of rules or {"rules": [...]}')
    add("--ledger", metavar="FILE", help="JSON lines, appended and fsynced")
    add("--types", metavar="FILE", help="instance types, JSON or JSON.gz")
    add("--prices", metavar="FILE", help="spot price history, JSON or JSON.gz")
    add("--key", type=parse_key, action="append", metavar="AKID:SECRET:ACC")
    add("--role", type=parse_role, action="append", metavar="ARN:EXTERNAL_ID")
    add("--session-seconds", type=int, metavar="N",
        help="temporary credentials live at most so long")
    add("--clock-offset", type=float, default=0, metavar="S")
    add("--die-with-parent", action="store_true")
    return parser.parse_args()


def watch_parent(parent):
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def main():
    parent, given = os.getppid(), options()
    ending = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)    # for all threads
    cloud = worlds.World(
        given.key or [parse_key(DEFAULT_KEY)], dict(given.role or []),
        given.seed, given.instances, given.regions, given.types,
        given.prices, given.session_seconds)
    cloud.offset = given.clock_offset
    script = faults.Faults()
    if given.script:
        rules = worlds.load_json(given.script)
        script.replace(rules["rules"] if isinstance(rules, dict) else rules)
    Handler.world, Handler.script = cloud, script
    Handler.ledger = Ledger(given.ledger)
    servers = [Server(("127.0.0.1", given.port), Handler)]
    if given.unix:
        if os.path.exists(given.unix):
            os.unlink(given.unix)
        servers.append(UnixServer(given.unix, Handler))
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    if given.die_with_parent:
        threading.Thread(target=watch_parent, args=(parent,),
                         daemon=True).start()
    print("port %d" % servers[0].server_address[1], flush=True)
    signal.sigwait(ending)
    if given.unix:
        os.unlink(given.unix)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""A scriptable fake of brokers, for tests of our client: the proxy `mcp`, Kite
Connect and Alpaca at one port, with one ledger of orders behind them. Loopback
only; not for the world.

What was accepted is in the ledger whether or not the answer arrived.

  GET  /_control/ledger     {"orders": [...], "requests": [...]}
  POST /_control/rules      {"rules": [...]}   replaces the fault script
  POST /_control/fill       {"id"|"client_id"|"symbol", "quantity", "price"}
  POST /_control/set        {"id"|"client_id"|"symbol", "status", "message"}
  POST /_control/add        {"symbol", "side", "quantity", "price"} from outside
  POST /_control/positions  {"positions": {"SYM": [quantity, price]}}
  POST /_control/options    {"auto_fill": price|null, "cash", "plain": bool}
                            plain: orders of mcp are listed without our id
  POST /_control/expire     {}                 all logins end
  POST /_control/reset      {}

A rule: {"method", "path" (shell pattern), "skip": n, "times": n, and effects}
  "lose"      do it, then close the connection without an answer
  "drop"      close the connection, nothing is done
  "delay_s"   wait before the answer (it is done before)
  "status"    answer this; "done": true = do it nevertheless;
              "retry_after", "body"
  "garbage"   do it, answer no JSON
  "list"      "twice" | "reverse" | "empty": what a list of orders becomes
"""
import argparse
import ctypes
import datetime
import fnmatch
import hashlib
import http.server
import json
import os
import signal
import socket
import socketserver
import sys
import threading
import time
from decimal import Decimal
from urllib.parse import parse_qsl, unquote, urlsplit

KITE_KEY, KITE_SECRET, KITE_USER = "fakekey", "fakesecret", "AB1234"
ALPACA_KEY, ALPACA_SECRET = "AKFAKE", "fakealpacasecret"
IST = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
FINAL = {"filled", "cancelled", "rejected", "expired", "replaced"}
MOCK_HOLDINGS = [("AAPL", 100, 150, 500), ("GOOGL", 50, 2800, -2000),
                 ("MSFT", 75, 300, 1200), ("TSLA", 25, 800, -800)]


class Raw:
    """A number with the digits it was given."""
    def __init__(self, value):
        self.text = format(Decimal(value).normalize(), "f")


def num(value):
    value = Decimal(value)
    return int(value) if value == value.to_integral() else Raw(value)


def dumps(v):
    """JSON in which every number has the digits it was given."""
    if isinstance(v, Raw):
        return v.text
    if isinstance(v, dict):
        return "{%s}" % ",".join("%s:%s" % (json.dumps(k), dumps(x))
                                 for k, x in v.items())
    if isinstance(v, list):
        return "[%s]" % ",".join(dumps(x) for x in v)
    return json.dumps(v)


class Ledger:
    def __init__(self):
        self.lock = threading.RLock()
        self.reset()

    def reset(self):
        self.orders, self.requests, self.rules = [], [], []
        self.positions, self.tokens = {}, {"mock_token_123", "dev_token_456"}
        self.auto_fill, self.cash, self.plain = None, Decimal(100000), False
        self.keys_good, self.count = True, 0

    def add(self, **o):
        self.count += 1
        order = {"id": "%s%06d" % (o.pop("prefix", "2026"), self.count),
                 "client_id": "", "exchange": "NSE", "type": "market",
                 "tif": "day", "price": "0", "stop": "0", "product": "CNC",
                 "status": "open", "filled": Decimal(0), "worth": Decimal(0),
                 "message": "", "at": time.time(), "variety": "regular",
                 "by": "us", **o}
        order["quantity"] = Decimal(str(order["quantity"]))
        self.orders.append(order)
        if self.auto_fill is not None and order["by"] == "us":
            self.fill(order, order["quantity"], Decimal(self.auto_fill))
        return order

    def fill(self, o, quantity, price):
        quantity = min(quantity, o["quantity"] - o["filled"])
        o["filled"] += quantity
        o["worth"] += quantity * price
        o["at"] = time.time()
        sign = 1 if o["side"] == "buy" else -1
        held, mean = self.positions.get(o["symbol"], (Decimal(0), price))
        self.positions[o["symbol"]] = (held + sign * quantity, price)
        self.cash -= sign * quantity * price
        if o["filled"] == o["quantity"]:
            o["status"] = "filled"

    def find(self, want):
        for o in reversed(self.orders):
            if any(want.get(k) and o[k] == want[k]
                   for k in ("id", "client_id", "symbol")):
                return o
        return None

    def rule(self, method, path):
        for r in self.rules:
            if not fnmatch.fnmatchcase(method, r.get("method", "*")) or \
                    not fnmatch.fnmatchcase(path, r.get("path", "*")):
                continue
            if r.get("skip", 0) > 0:
                r["skip"] -= 1
                continue
            if r.get("times", 1 << 30) <= 0:
                continue
            r["times"] = r.get("times", 1 << 30) - 1
            return r
        return {}


L = Ledger()


def mean(o):
    return o["worth"] / o["filled"] if o["filled"] else Decimal(0)


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(status)
        self.status, self.body = status, body


# ---- mcp ---------------------------------------------------------------------

def mcp_order(o):
    out = {"id": o["id"], "symbol": o["symbol"], "side": o["side"],
           "quantity": num(o["quantity"]), "price": num(o["price"]),
           "status": {"filled": "completed", "open": "pending"}.get(
               o["status"], o["status"])}
    if not L.plain:
        out.update(client_order_id=o["client_id"],
                   filled_quantity=num(o["filled"]),
                   average_price=num(mean(o)))
    return out


def mcp(method, path, query, body, headers):
    if path == "/mcp/login":
        if method != "POST":
            raise Refused(405, {"detail": "Method Not Allowed"})
        if not body.get("username") or not body.get("password"):
            raise Refused(400, {"detail": "Username and password required"})
        L.tokens.add("mock_token_123")
        return {"token": "mock_token_123", "status": "success",
                "message": "Login successful"}
    if query.get("token") not in L.tokens:
        raise Refused(401, {"detail": "Invalid token"})
    if path == "/mcp/holdings":
        rows = [{"symbol": s, "quantity": q, "price": p, "value": q * p,
                 "pnl": g} for s, q, p, g in MOCK_HOLDINGS]
        return {"holdings": rows, "total_value": 197500}
    if path == "/mcp/positions":
        return {"positions": [
            {"symbol": s, "quantity": num(q),
             "side": "long" if q >= 0 else "short"}
            for s, (q, p) in L.positions.items() if q]}
    if path == "/mcp/orders" and method == "GET":
        return {"orders": [mcp_order(o) for o in L.orders]}
    if path == "/mcp/orders" and method == "POST":
        o = L.add(symbol=body["symbol"], side=body["side"],
                  quantity=body["quantity"], prefix="m",
                  price=str(body.get("price", 0)),
                  client_id=body.get("client_order_id", ""))
        return {"order_id": o["id"], "status": "pending"}
    o = L.find({"id": path.rsplit("/", 1)[1]})
    if o is None:
        raise Refused(404, {"detail": "Order not found"})
    return change(method, o, body.get("quantity"), body.get("price")) or \
        {"order_id": o["id"], "status": o["status"]}


def change(method, o, quantity, price):
    if o["status"] in FINAL:
        raise Refused(422, {"message": "Order is %s" % o["status"],
                            "detail": "Order is %s" % o["status"],
                            "status": "error"})
    if method == "DELETE":
        o["status"] = "cancelled"
    else:
        if quantity:
            o["quantity"] = Decimal(str(quantity))
        if price:
            o["price"] = str(price)
    o["at"] = time.time()


# ---- kite --------------------------------------------------------------------

KITE_STATUS = {"open": "OPEN", "filled": "COMPLETE", "cancelled": "CANCELLED",
               "rejected": "REJECTED", "pending": "PUT ORDER REQ RECEIVED"}
KITE_TYPE = {"MARKET": "market", "LIMIT": "limit", "SL-M": "stop",
             "SL": "stop_limit"}


def kite_error(status, kind, text):
    return Refused(status, {"status": "error", "error_type": kind,
                            "message": text})


def kite_time(at):
    return datetime.datetime.fromtimestamp(at, IST).strftime(
        "%Y-%m-%d %H:%M:%S")


def kite_order(o):
    return {"placed_by": KITE_USER, "order_id": o["id"],
            "exchange_order_id": "9" + o["id"], "parent_order_id": None,
            "status": KITE_STATUS.get(o["status"], o["status"]),
            "status_message": o["message"] or None,
            "order_timestamp": kite_time(o["at"]),
            "exchange_update_timestamp": kite_time(o["at"]),
            "variety": o["variety"], "exchange": o["exchange"],
            "tradingsymbol": o["symbol"], "instrument_token": 779521,
            "order_type": {v: k for k, v in KITE_TYPE.items()}[o["type"]],
            "transaction_type": o["side"].upper(),
            "validity": o["tif"].upper(), "product": o["product"],
            "quantity": int(o["quantity"]), "price": num(o["price"]),
            "trigger_price": num(o["stop"]), "average_price": num(mean(o)),
            "filled_quantity": int(o["filled"]),
            "pending_quantity": int(o["quantity"] - o["filled"]),
            "cancelled_quantity": 0, "meta": {},
            "tag": o["client_id"] or None}


def kite_login(body):
    want = hashlib.sha256((KITE_KEY + body.get("request_token", "") +
                           KITE_SECRET).encode()).hexdigest()
    if body.get("api_key") != KITE_KEY or body.get("checksum") != want or \
            not body.get("request_token", "").startswith("good"):
        raise kite_error(403, "TokenException", "Token is invalid or has "
                         "expired.")
    token = "kite-" + body["request_token"]
    L.tokens.add(token)
    return {"user_id": KITE_USER, "api_key": KITE_KEY, "access_token": token,
            "public_token": "x", "refresh_token": "", "login_time":
            kite_time(time.time())}


def kite_place(variety, body):
    for name in ("tradingsymbol", "exchange", "transaction_type",
                 "order_type", "quantity", "product", "validity"):
        if name not in body:
            raise kite_error(400, "InputException", "Missing %s" % name)
    if len(body.get("tag", "")) > 20:
        raise kite_error(400, "InputException", "Invalid tag")
    o = L.add(symbol=body["tradingsymbol"], exchange=body["exchange"],
              side=body["transaction_type"].lower(), variety=variety,
              type=KITE_TYPE[body["order_type"]], quantity=body["quantity"],
              price=body.get("price", "0"), product=body["product"],
              stop=body.get("trigger_price", "0"),
              tif=body["validity"].lower(), client_id=body.get("tag", ""),
              prefix="15122")
    return {"order_id": o["id"]}


def kite(method, path, query, body, headers):
    if path == "/session/token" and method == "POST":
        return {"status": "success", "data": kite_login(body)}
    auth = headers.get("Authorization", "")
    token = auth.rpartition(":")[2]
    if headers.get("X-Kite-Version") != "3" or token not in L.tokens or \
            not auth.startswith("token %s:" % KITE_KEY):
        raise kite_error(403, "TokenException", "Incorrect `api_key` or "
                         "`access_token`.")
    part = path.strip("/").split("/")
    if path == "/session/token":
        L.tokens.discard(token)
        data = True
    elif path == "/orders":
        data = [kite_order(o) for o in L.orders]
    elif path == "/trades":
        data = [{"trade_id": "t" + o["id"], "order_id": o["id"],
                 "exchange": o["exchange"], "tradingsymbol": o["symbol"],
                 "transaction_type": o["side"].upper(),
                 "quantity": int(o["filled"]), "average_price":
                 num(mean(o)), "fill_timestamp": kite_time(o["at"])}
                for o in L.orders if o["filled"]]
    elif path == "/portfolio/positions":
        net = [{"tradingsymbol": s, "exchange": "NSE", "product": "CNC",
                "quantity": int(q), "average_price": num(p),
                "last_price": num(p), "value": num(q * p), "pnl": 0}
               for s, (q, p) in L.positions.items() if q]
        data = {"net": net, "day": net}
    elif path == "/portfolio/holdings":
        data = []
    elif path == "/user/margins":
        data = {"equity": {"enabled": True, "net": num(L.cash),
                           "available": {"cash": num(L.cash)},
                           "utilised": {"debits": 0}}}
    elif part[0] == "orders" and method == "POST":
        data = kite_place(part[1], body)
    elif part[0] == "orders" and len(part) == 3:
        o = L.find({"id": part[2]})
        if o is None:
            raise kite_error(400, "OrderException", "Couldn't find that "
                             "`order_id`.")
        change(method, o, body.get("quantity"), body.get("price"))
        data = {"order_id": o["id"]}
    else:
        raise kite_error(404, "GeneralException", "Route not found")
    return {"status": "success", "data": data}


# ---- alpaca --------------------------------------------------------------------

ALPACA_STATUS = {"open": "new", "cancelled": "canceled"}


def alpaca_time(at):
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc) \
        .strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"


def alpaca_order(o):
    status = o["status"]
    if status == "open" and o["filled"]:
        status = "partially_filled"
    return {"id": o["id"], "client_order_id": o["client_id"],
            "symbol": o["symbol"], "qty": str(o["quantity"]),
            "filled_qty": str(o["filled"]),
            "filled_avg_price": str(mean(o)) if o["filled"] else None,
            "side": o["side"], "type": o["type"], "time_in_force": o["tif"],
            "limit_price": o["price"] if o["price"] != "0" else None,
            "stop_price": o["stop"] if o["stop"] != "0" else None,
            "status": ALPACA_STATUS.get(status, status),
            "updated_at": alpaca_time(o["at"])}


def alpaca_place(body):
    if L.find({"client_id": body.get("client_order_id")}):
        raise Refused(422, {"code": 40010001, "message":
                            "client_order_id must be unique"})
    return L.add(symbol=body["symbol"], side=body["side"],
                 quantity=body["qty"], type=body["type"],
                 tif=body["time_in_force"], prefix="alp-",
                 price=body.get("limit_price", "0"),
                 stop=body.get("stop_price", "0"),
                 client_id=body.get("client_order_id", ""))


def alpaca_replace(o, body):
    if o["status"] in FINAL:
        raise Refused(422, {"message": "order is not open"})
    o["status"] = "replaced"
    return L.add(symbol=o["symbol"], side=o["side"], type=o["type"],
                 tif=o["tif"], prefix="alp-",
                 quantity=body.get("qty", o["quantity"]),
                 price=body.get("limit_price", o["price"]),
                 stop=body.get("stop_price", o["stop"]),
                 client_id=body.get("client_order_id", ""))


def alpaca(method, path, query, body, headers):
    if headers.get("APCA-API-KEY-ID") != ALPACA_KEY or not L.keys_good or \
            headers.get("APCA-API-SECRET-KEY") != ALPACA_SECRET:
        raise Refused(401, {"message": "unauthorized."})
    if path == "/v2/account":
        return {"account_number": "PA123", "currency": "USD", "cash":
                str(L.cash), "buying_power": str(L.cash * 2), "equity":
                str(L.cash), "initial_margin": "0", "trading_blocked": False}
    if path == "/v2/positions":
        return [{"symbol": s, "exchange": "NASDAQ", "qty": str(abs(q)),
                 "side": "long" if q >= 0 else "short", "avg_entry_price":
                 str(p), "current_price": str(p), "market_value":
                 str(q * p), "unrealized_pl": "0"}
                for s, (q, p) in L.positions.items() if q]
    if path == "/v2/account/activities/FILL":
        return [{"id": "f" + o["id"], "order_id": o["id"], "symbol":
                 o["symbol"], "side": o["side"], "qty": str(o["filled"]),
                 "price": str(mean(o)), "transaction_time":
                 alpaca_time(o["at"])} for o in L.orders if o["filled"]]
    if path == "/v2/orders" and method == "POST":
        return alpaca_order(alpaca_place(body))
    if path == "/v2/orders":
        return [alpaca_order(o) for o in reversed(L.orders)]
    if path == "/v2/orders:by_client_order_id":
        o = L.find({"client_id": query["client_order_id"]})
    else:
        o = L.find({"id": unquote(path.rsplit("/", 1)[1])})
    if o is None:
        raise Refused(404, {"message": "order not found"})
    if method == "PATCH":
        return alpaca_order(alpaca_replace(o, body))
    if method == "DELETE":
        change("DELETE", o, None, None)
        return None
    return alpaca_order(o)


# ---- control ---------------------------------------------------------------------

def control(path, body):
    if path == "/_control/ledger":
        return {"orders": [{**o, "quantity": str(o["quantity"]), "filled":
                            str(o["filled"]), "worth": str(o["worth"])}
                           for o in L.orders], "requests": L.requests}
    if path == "/_control/rules":
        L.rules = body["rules"]
    elif path == "/_control/reset":
        L.reset()
    elif path == "/_control/expire":
        L.tokens.clear()
        L.keys_good = False
    elif path == "/_control/options":
        L.auto_fill = body.get("auto_fill", L.auto_fill)
        L.plain = body.get("plain", L.plain)
        L.cash = Decimal(str(body.get("cash", L.cash)))
    elif path == "/_control/add":
        return {"id": L.add(by="others", **body)["id"]}
    elif path == "/_control/positions":
        L.positions = {s: (Decimal(str(q)), Decimal(str(p)))
                       for s, (q, p) in body["positions"].items()}
    else:
        o = L.find(body)
        if o is None:
            raise Refused(404, {"message": "no such order"})
        if path == "/_control/fill":
            L.fill(o, Decimal(str(body["quantity"])),
                   Decimal(str(body["price"])))
        else:
            o["status"], o["at"] = body["status"], time.time()
            o["message"] = body.get("message", "")
    return {"ok": True}


def relist(answer, how):
    for holder, key in ((answer, "orders"), (answer, "data")):
        if isinstance(holder, dict) and isinstance(holder.get(key), list):
            holder[key] = relist(holder[key], how)
            return holder
    if isinstance(answer, list):
        return answer + answer if how == "twice" else [] if how == "empty" \
            else answer[::-1]
    return answer


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    # one packet an answer: two would wait 40 ms for each other
    wbufsize = 1 << 16

    def answer(self, status, value, headers=()):
        text = b"" if value is None else dumps(value).encode() \
            if not isinstance(value, str) else value.encode()
        if value is None and status == 200:
            status = 204
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        for name, one in headers:
            self.send_header(name, one)
        self.end_headers()
        self.wfile.write(text)

    def body(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not raw:
            return {}
        if "json" in (self.headers.get("Content-Type") or ""):
            return json.loads(raw, parse_float=Decimal)
        return dict(parse_qsl(raw.decode()))

    def route(self, path):
        return mcp if path.startswith("/mcp") else alpaca \
            if path.startswith("/v2") else kite

    def serve(self):
        url = urlsplit(self.path)
        query, body = dict(parse_qsl(url.query)), self.body()
        if url.path in ("/", "/health"):
            return self.answer(200, {"status": "healthy", "service": "fake"})
        if url.path.startswith("/_control"):
            with L.lock:
                try:
                    out = control(url.path, body)
                except Refused as r:
                    return self.answer(r.status, r.body)
            return self.answer(200, out)
        with L.lock:
            rule = L.rule(self.command, url.path)
            L.requests.append({"method": self.command, "path": url.path})
            if rule.get("drop") or ("status" in rule and
                                    not rule.get("done")):
                status, out = rule.get("status"), rule.get("body", {
                    "message": "scripted"})
            else:
                try:
                    status, out = 200, self.route(url.path)(
                        self.command, url.path, query, body, self.headers)
                except Refused as r:
                    status, out = r.status, r.body
                if rule.get("list"):
                    out = relist(out, rule["list"])
        return self.send_back(rule, status, out)

    def send_back(self, rule, status, out):
        time.sleep(rule.get("delay_s", 0))
        if rule.get("drop") or rule.get("lose"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if rule.get("garbage"):
            out = "<html>gateway</html>"
        headers = [("Retry-After", str(rule["retry_after"]))] \
            if "retry_after" in rule else []
        self.answer(rule.get("status", status), out, headers)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = serve


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, address):
        kind = sys.exc_info()[0]
        if kind not in (BrokenPipeError, ConnectionResetError):
            super().handle_error(request, address)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--die-with-parent", action="store_true")
    args = p.parse_args()
    if args.die_with_parent:
        parent = os.getppid()
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
        if os.getppid() != parent:
            return
    server = Server(("127.0.0.1", args.port), Handler)
    print("port %d" % server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

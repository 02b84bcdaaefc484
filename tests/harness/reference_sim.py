"""An account and its rules, a second time and slowly.

Written from the rules in the design (trade.md c.3, c.4) and from what
core/modules/trade/{sim,strategy}.h promise, not from the C code: every value is
looked up in whole columns, every bar walks every order. Standard library only.
Numbers are Python floats, so the same operations in the same order give the
same bits; what is compared is compared to 1e-9.
"""
import math

NAN = math.nan
DAY = 86400.0


# ---- columns -----------------------------------------------------------------

def sma(x, n):
    out, total = [NAN] * len(x), 0.0
    for i, v in enumerate(x):
        if i >= n:
            total -= x[i - n]
        total += v
        if i >= n - 1:
            out[i] = total / n
    return out


def ema(x, n):
    out, k, value = [NAN] * len(x), 2 / (n + 1), 0.0
    for i, v in enumerate(x):
        if i < n - 1:
            value += v
            continue
        if i == n - 1:
            value = (value + v) / n
        else:
            value += k * (v - value)
        out[i] = value
    return out


def wilder(x, n):
    out, value = [NAN] * len(x), 0.0
    seen = 0
    for i, v in enumerate(x):
        if math.isnan(v):
            continue
        seen += 1
        if seen < n:
            value += v
        elif seen == n:
            value = (value + v) / n
            out[i] = value
        else:
            value += (1 / n) * (v - value)
            out[i] = value
    return out


def atr(bars, n):
    tr = [NAN] * len(bars)
    for i in range(1, len(bars)):
        _, h, l, _, _ = bars[i]
        before = bars[i - 1][3]
        tr[i] = max(h - l, abs(h - before), abs(l - before))
    return wilder(tr, n)


def rolling(x, n, f):
    out = [NAN] * len(x)
    for i in range(n - 1, len(x)):
        w = x[i - n + 1:i + 1]
        out[i] = NAN if any(math.isnan(v) for v in w) else f(w)
    return out


def roc(x, n):
    return [NAN if i < n else (x[i] / x[i - n] - 1) * 100 for i in range(len(x))]


def mom(x, n):
    return [NAN if i < n else x[i] - x[i - n] for i in range(len(x))]


KINDS = {"sma": sma, "ema": ema, "roc": roc, "mom": mom,
         "highest": lambda x, n: rolling(x, n, max), "lowest": lambda x, n: rolling(x, n, min)}


# ---- rules ---------------------------------------------------------------------

def truth(v):
    return v != 0 and not math.isnan(v)


def compare(op, x, y):
    if math.isnan(x) or math.isnan(y):
        return 0.0
    return float({"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y, "==": x == y, "!=": x != y}[op])


class Rules:
    def __init__(self, spec, bars, values):
        self.bars, self.values = bars, values
        self.fields = dict(zip(("open", "high", "low", "close", "volume"), map(list, zip(*bars))))
        self.columns = {}
        for name, (kind, *rest) in spec.get("indicators", {}).items():
            number = lambda p: int(values[p]) if isinstance(p, str) else p
            if kind == "atr":
                self.columns[name] = atr(bars, number(rest[0]) if rest else 14)
            else:
                self.columns[name] = KINDS[kind](self.column(rest[0]), number(rest[1]))
        self.rules = {r: self.column(spec[r]) for r in
                      ("entry_long", "exit_long", "entry_short", "exit_short") if r in spec}
        self.first = 1 + max((next((i for i, v in enumerate(c) if not math.isnan(v)), len(bars))
                              for c in self.columns.values()), default=0)

    def column(self, e):
        n = len(self.bars)
        if isinstance(e, (int, float)):
            return [float(e)] * n
        if isinstance(e, str):
            if e in self.values:
                return [float(self.values[e])] * n
            return self.fields.get(e) or self.columns[e]
        op, *args = e
        x = self.column(args[0])
        if op in ("highest", "lowest"):
            return rolling(x, args[1], max if op == "highest" else min)
        if op == "shift":
            return [NAN if i < args[1] else x[i - args[1]] for i in range(n)]
        if op == "not":
            return [float(not truth(v)) for v in x]
        y = self.column(args[1])
        if op == "cross_above":
            return [0.0] + [float(x[i - 1] < y[i - 1] and x[i] > y[i]) for i in range(1, n)]
        if op == "cross_below":
            return [0.0] + [float(x[i - 1] > y[i - 1] and x[i] < y[i]) for i in range(1, n)]
        f = {"+": lambda p, q: p + q, "-": lambda p, q: p - q, "*": lambda p, q: p * q,
             "/": lambda p, q: p / q if q != 0 else NAN,
             "and": lambda p, q: float(truth(p) and truth(q)),
             "or": lambda p, q: float(truth(p) or truth(q))}.get(op)
        f = f or (lambda p, q: compare(op, p, q))
        return [f(p, q) for p, q in zip(x, y)]

    def says(self, rule, i):
        return rule in self.rules and truth(self.rules[rule][i])


# ---- account -------------------------------------------------------------------

class Order:
    def __init__(self, size, start, limit=None, stop=None, sl=None, tp=None, trade=None, until=math.inf,
                 why="signal", **more):
        self.size, self.start, self.limit, self.stop, self.sl, self.tp = size, start, limit, stop, sl, tp
        self.trade, self.until, self.why, self.more = trade, until, why, more


class Trade:
    def __init__(self, size, entry, bar):
        self.size, self.entry, self.bar = size, entry, bar
        self.exit = self.exit_bar = self.why = None
        self.fee = self.carry = 0.0
        self.stop = self.take = None
        self.sl = None
        self.trail = self.after = 0.0
        self.best, self.hold, self.moved = entry, 0, None


class Lane:
    """One symbol of the account."""

    def __init__(self, spec, bars, times, values):
        self.bars, self.times = bars, times
        self.rules = Rules(spec, bars, values)
        self.atr = atr(bars, 14)
        self.orders, self.trades = [], []
        self.i, self.used = -1, 0.0


class Account:
    def __init__(self, spec, lanes, values):
        self.spec = spec
        self.lanes = [Lane(spec, bars, times, values) for bars, times in lanes]
        self.cash = float(spec.get("cash", 10000))
        self.spread, self.rate = spec.get("spread", 0), spec.get("commission", 0)
        self.fixed, self.margin = spec.get("commission_fixed", 0), spec.get("margin", 1)
        self.leverage = 1 / self.margin
        self.on_close = spec.get("on_close", spec.get("trade_on_close", False))
        self.exclusive = spec.get("exclusive", spec.get("exclusive_orders", False))
        real = spec.get("mode", "realistic") == "realistic"
        self.strict = real
        get = lambda k, d: spec.get(k, d) if real else 0
        self.slippage, self.share = get("slippage", 0.0005), get("volume_share", 0.025)
        self.impact, self.latency = get("impact", 0.1), get("latency", 0)
        self.borrow, self.funding = get("borrow", 0), get("funding", 0)
        self.reading = spec.get("reading", "pessimistic")
        self.closed, self.equity_at, self.ruined = [], [], False
        self.refused, self.undecided = 0, set()

    # -- worth
    def fee(self, size, price):
        return self.fixed + abs(size) * price * self.rate

    def equity(self):
        total = 0.0
        for k in self.lanes:
            for t in k.trades:
                total += t.size * (k.bars[k.i][3] - t.entry)
        return self.cash + total

    def free(self):
        used = 0.0
        for k in self.lanes:
            for t in k.trades:
                used += abs(t.size) * k.bars[k.i][3] / self.leverage
        return max(0.0, self.equity() - used)

    # -- orders
    def close(self, k, t, why):
        if any(o.trade is t and o is not t.stop and o is not t.take for o in k.orders):
            return
        k.orders.insert(0, Order(-t.size, k.i + 1 + self.latency, trade=t, why=why))

    def order(self, k, o):
        close = k.bars[k.i][3]
        price = o.limit if o.limit is not None else close * (1 + math.copysign(self.spread, o.size))
        low, high = (o.sl, o.tp) if o.size > 0 else (o.tp, o.sl)
        if not (-math.inf if low is None else low) < price < (math.inf if high is None else high):
            return
        if self.exclusive:
            k.orders = [x for x in k.orders if x.trade and x in (x.trade.stop, x.trade.take)]
            for t in k.trades:
                self.close(k, t, "signal")
        k.orders.append(o)

    # -- trades
    def end(self, k, t, price, bar, why):
        k.trades.remove(t)
        k.orders = [o for o in k.orders if o is not t.stop and o is not t.take]
        out = self.fee(t.size, price)
        t.exit, t.exit_bar, t.why = price, bar, why
        self.cash += t.size * (price - t.entry) - out
        t.fee = out + self.fee(t.size, t.entry)
        self.closed.append((k, t))

    def reduce(self, k, t, price, size, bar, why):
        left = t.size + size
        if left == 0:
            self.end(k, t, price, bar, why)
            return
        part = Trade(-size, t.entry, t.bar)
        part.carry = t.carry * (size / -t.size)
        t.carry -= part.carry
        t.size = left
        for o in (t.stop, t.take):
            if o:
                o.size = -left
        k.trades.append(part)
        self.end(k, part, price, bar, why)

    def open(self, k, o, price, size, bar):
        t = Trade(size, price, bar)
        t.sl = o.sl
        t.trail, t.after = o.more.get("trail", 0), o.more.get("after", 0)
        t.hold = o.more.get("hold", 0)
        self.cash -= self.fee(size, price)
        k.trades.append(t)
        if o.tp is not None:
            t.take = Order(-size, k.i, limit=o.tp, trade=t)
            k.orders.append(t.take)
        if o.sl is not None or t.trail:
            stop = o.sl if o.sl is not None else -math.inf if size > 0 else math.inf
            t.stop = Order(-size, k.i, stop=stop, trade=t)
            k.orders.insert(0, t.stop)

    # -- a bar
    def touched(self, k, o):
        """Price and bar of a fill, and the stop that was met; None: no fill."""
        op, h, l, _, _ = k.bars[k.i]
        buy, stop = o.size > 0, o.stop
        if stop is not None:
            if (h < stop) if buy else (l > stop):
                return None
            o.stop = None
        if o.limit is not None:
            if (l > o.limit) if buy else (h < o.limit):
                return None
            if stop is not None and ((o.limit <= stop) if buy else (o.limit >= stop)):
                return None
            start = op if stop is None else stop
            return (min if buy else max)(start, o.limit), k.i, stop
        own = o.trade is not None and o in (o.trade.stop, o.trade.take)
        early = self.on_close and not own
        price = k.bars[k.i - 1][3] if early else op
        if stop is not None and o.trade is not None and o.trade.moved == k.i:
            price = stop
        elif stop is not None:
            price = (max if buy else min)(price, stop)
        return price, k.i - 1 if early and stop is None else k.i, stop

    def take_first(self, k, o):
        t = o.trade
        if t is None or o is not t.stop or t.take is None:
            return False
        op, h, l, _, _ = k.bars[k.i]
        side = 1 if t.size > 0 else -1
        worst, best = (l, h) if side > 0 else (h, l)
        if side * worst > side * o.stop or side * best < side * t.take.limit or side * op <= side * o.stop:
            return False
        if side * op >= side * t.take.limit:
            return self.reading != "pessimistic"
        self.undecided.add((k, k.i))
        if self.reading == "path":
            return (h - op < op - l) == (side > 0)
        return self.reading == "optimistic"

    def room(self, k, size):
        if self.share <= 0:
            return size
        most = max(0.0, math.floor(k.bars[k.i][4] * self.share) - k.used)
        return math.copysign(min(abs(size), most), size)

    def slip(self, k, o, price, size):
        if o.limit is not None:
            return price
        v = k.bars[k.i][4]
        part = abs(size) / v if self.share > 0 and v > 0 else 0
        return price * (1 + math.copysign(self.slippage + self.impact * part * part, size))

    def fill_close(self, k, o, price, bar, stop):
        t = o.trade
        if t not in k.trades:
            k.orders.remove(o)
            return
        size = math.copysign(min(abs(t.size), abs(o.size)), o.size)
        part = self.room(k, size)
        if part == 0:
            o.stop = stop
            return
        k.used += abs(part)
        why = "take" if o is t.take else o.why
        if o is t.stop:
            why = "trail" if t.trail and stop != t.sl else "stop"
        own = o in (t.stop, t.take)
        self.reduce(k, t, self.slip(k, o, price, part), part, bar, why)
        if part != size:
            if own:
                o.stop = stop
            else:
                o.size -= part
        elif o in k.orders:
            k.orders.remove(o)

    def fill_entry(self, k, o, price, bar, stop):
        """True when the new trade's exits must look at this bar."""
        size = o.size
        paid = price * (1 + math.copysign(self.spread, size))
        each = paid + self.fee(size, price) / abs(size)
        if abs(size) < 1:
            size = math.copysign(int((self.free() * self.leverage * abs(size)) // each), size)
        part = self.room(k, size) if size else 0
        if not size or (o.more.get("whole") and part != size):
            self.refused += 1
            k.orders.remove(o)
            return False
        if part == 0:
            return False
        need, out = part, self.slip(k, o, price, part)
        for t in list(k.trades):
            if (t.size > 0) == (size > 0) or not need:
                continue
            if abs(need) >= abs(t.size):
                self.end(k, t, out, bar, "signal")
                need += t.size
            else:
                self.reduce(k, t, out, need, bar, "signal")
                need = 0
        if abs(need) * each > self.free() * self.leverage:
            self.refused += 1
            k.orders.remove(o)
            return False
        k.used += abs(part)
        again = False
        if need:
            paid = self.slip(k, o, paid, part)
            side = 1 if size > 0 else -1
            if o.more.get("sl_part"):
                o.sl = paid * (1 - side * o.more["sl_part"])
            if o.more.get("tp_part"):
                o.tp = paid * (1 + side * o.more["tp_part"])
            self.open(k, o, paid, need, bar)
            if o.sl is not None or o.tp is not None:
                again = stop is None and o.limit is None
        o.size = size - part
        if o.size == 0:
            k.orders.remove(o)
        return again

    def orders(self, k):
        again = False
        for o in list(k.orders):
            if o not in k.orders or k.i < o.start:
                continue
            if k.i > o.until:
                k.orders.remove(o)
                continue
            if self.take_first(k, o):
                continue
            hit = self.touched(k, o)
            if hit is None:
                continue
            if o.trade is not None:
                self.fill_close(k, o, *hit)
            else:
                again = self.fill_entry(k, o, *hit) or again
        return again

    def trailed(self, t, best):
        side = 1 if t.size > 0 else -1
        if side * (best / t.entry - 1) < t.after:
            return t.stop.stop
        best *= 1 - side * t.trail
        return (max if side > 0 else min)(t.stop.stop, best)

    def trail_within(self, k):
        op, h, l, _, _ = k.bars[k.i]
        for t in k.trades:
            if not t.trail or t.bar == k.i:
                continue
            side = 1 if t.size > 0 else -1
            best, worst = (h, l) if side > 0 else (l, h)
            if side * worst <= side * t.stop.stop:
                continue
            moved = self.trailed(t, (max if side > 0 else min)(best, t.best))
            if side * worst > side * moved:
                continue
            self.undecided.add((k, k.i))
            if self.reading == "optimistic" or (self.reading == "path" and (h - op < op - l) == (side > 0)):
                if moved != t.stop.stop:
                    t.moved = k.i
                t.stop.stop = moved

    def fill(self, k):
        k.used = 0.0
        if k.i > 0 and (self.borrow or self.funding):
            days = (k.times[k.i] - k.times[k.i - 1]) / DAY
            for t in k.trades:
                worth = t.size * k.bars[k.i - 1][3]
                paid = worth * self.funding * days
                if worth < 0:
                    paid -= worth * self.borrow * days / 365
                t.carry += paid
                self.cash -= paid
        self.trail_within(k)
        while self.orders(k):
            pass
        for t in k.trades:
            if t.trail:
                _, h, l, _, _ = k.bars[k.i]
                t.best = max(t.best, h) if t.size > 0 else min(t.best, l)
                t.stop.stop = self.trailed(t, t.best)

    # -- the strategy
    def distance(self, k, kind):
        what = self.spec.get(kind)
        if what is None:
            return None
        return what[1] * (k.bars[k.i][3] if what[0] == "pct" else k.atr[k.i])

    def price(self, k, kind, side):
        what = self.spec.get(kind)
        close = k.bars[k.i][3]
        if what is None:
            return None
        return close * (1 + side * what[1]) if what[0] == "pct" else close + side * what[1] * k.atr[k.i]

    def enter(self, k, side):
        spec, size = self.spec, self.spec.get("size", {"kind": "fraction", "value": 1})
        kind, value = size.get("kind", "fraction"), size["value"]
        if any(spec.get(x, [""])[0] == "atr" for x in ("sl", "tp", "limit", "trail")) and math.isnan(k.atr[k.i]):
            return
        if kind == "fraction":
            units = 1 - 2 ** -52 if value >= 1 else value
        elif kind == "units":
            units = value
        else:
            units = math.floor(self.equity() * value / self.distance(k, "sl"))
            if units < 1:
                return
        start = k.i + 1 + self.latency
        tif, until = spec.get("tif"), math.inf
        if tif in ("ioc", "fok") or (tif is None and "limit" in spec):
            until = start
        elif tif == "day" and start < len(k.bars):
            until = start
            while until + 1 < len(k.bars) and k.times[until + 1] // DAY == k.times[start] // DAY:
                until += 1
        elif isinstance(tif, list):
            until = start + tif[1] - 1
        trail = self.distance(k, "trail")
        part = {x: self.distance(k, x) / k.bars[k.i][3] for x in ("sl", "tp") if spec.get(x, [])[2:] == ["entry"]}
        self.order(k, Order(side * units, start, limit=self.price(k, "limit", -side),
                            sl=None if "sl" in part else self.price(k, "sl", -side),
                            tp=None if "tp" in part else self.price(k, "tp", side),
                            sl_part=part.get("sl"), tp_part=part.get("tp"), until=until, whole=tif == "fok",
                            trail=0 if trail is None else trail / k.bars[k.i][3],
                            after=(spec.get("trail") or [0, 0, 0])[2] if len(spec.get("trail") or []) == 3 else 0,
                            hold=spec.get("hold", 0)))

    def speak(self, k):
        for t in k.trades:
            if t.hold and k.i >= t.bar + t.hold - 1:
                self.close(k, t, "time")
        held = sum(t.size for t in k.trades)
        says = lambda rule: k.rules.says(rule, k.i)
        for rule, side in (("exit_long", 1), ("exit_short", -1)):
            if says(rule) and held * side > 0:
                for t in k.trades:
                    if t.size * side > 0:
                        self.close(k, t, "signal")
        if any(o.trade is None and o.until > k.i for o in k.orders):
            return
        if says("entry_long") and (held <= 0 or says("exit_long")):
            self.enter(k, 1)
        if says("entry_short") and (held >= 0 or says("exit_short")):
            self.enter(k, -1)

    def ruin(self):
        for k in self.lanes:
            for t in list(k.trades):
                self.end(k, t, k.bars[k.i][3], k.i, "ruin")
        self.cash, self.ruined = 0.0, True

    def run(self):
        times = sorted({t for k in self.lanes for t in k.times})
        at = [{t: i for i, t in enumerate(k.times)} for k in self.lanes]
        for now in times:
            if self.ruined:
                self.equity_at.append(0.0)
                continue
            here = [k for k, index in zip(self.lanes, at) if now in index]
            for k in here:
                k.i += 1
            for k in here:
                if k.i >= k.rules.first:
                    self.fill(k)
            self.equity_at.append(self.equity())
            if self.equity_at[-1] <= 0:
                self.ruin()
                self.equity_at[-1] = 0.0
                continue
            for k in here:
                if k.i >= k.rules.first:
                    self.speak(k)
        finish = self.spec.get("finish", self.spec.get("finalize_trades", self.spec.get("mode") != "compat"))
        if finish and not self.ruined:
            self.share = self.borrow = self.funding = 0
            for k in self.lanes:
                for t in reversed(k.trades):
                    self.close(k, t, "end")
                if self.strict:
                    k.orders = [o for o in k.orders if o.trade]
                for o in k.orders:
                    o.start = k.i
                    if o.trade and o not in (o.trade.stop, o.trade.take):
                        o.why = "end"
                self.fill(k)
            self.equity_at[-1] = self.equity()
            if self.equity_at[-1] <= 0:
                self.ruin()
                self.equity_at[-1] = 0.0
        return self

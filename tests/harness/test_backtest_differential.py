#!/usr/bin/python3
"""Random strategies on random bars: `quincunx trade backtest` against the slow
reference (reference_sim.py), trade by trade and bar by bar.

    test_backtest_differential.py [COUNT] [SEED]
"""
import csv
import json
import math
import os
import random
import subprocess
import sys
import tempfile

import reference_sim as ref

BIN = os.path.join(os.environ.get("QX_BIN", "build/bin"), "quincunx")
DAY = 86400


# ---- what is tried -----------------------------------------------------------

def bars(r, n):
    """A walk with gaps, quiet bars, touching prices and bars without volume."""
    out, close = [], r.uniform(20, 300)
    scale = r.choice((0.005, 0.02, 0.06))
    tick = r.choice((0, 0.01, 0.5))
    fix = (lambda x: max(tick, round(x / tick) * tick)) if tick else (lambda x: x)
    for _ in range(n):
        o = close * math.exp(r.gauss(0, scale / 2)) if r.random() < 0.4 else close
        c = o * math.exp(r.gauss(0, scale))
        h = max(o, c) * (1 + abs(r.gauss(0, scale / 2)))
        l = min(o, c) * (1 - min(0.5, abs(r.gauss(0, scale / 2))))
        o, h, l, c = (round(fix(x), 8) for x in (o, h, l, c))
        h, l = max(o, h, l, c), min(o, h, l, c)
        out.append((o, h, l, c, float(r.choice((0, 40, 1000, 20000, 10 ** 6)))))
        close = c if c > 2 else 50.0
    return out


def operand(r, names, depth=0):
    k = r.random()
    if k < 0.5:
        return r.choice(names)
    if k < 0.75 or depth > 1:
        return r.choice(("open", "high", "low", "close"))
    if k < 0.85:
        return [r.choice(("highest", "lowest")), ["shift", r.choice(("high", "low", "close")), 1], r.randint(2, 12)]
    return [r.choice("+-*/"), operand(r, names, depth + 1), r.choice((0.98, 1, 1.02, 2))]


def rule(r, names, depth=0):
    k = r.random()
    if k < 0.45 or depth > 1:
        return [r.choice(("cross_above", "cross_below", "<", ">", "<=", ">=", "!=", "==")),
                operand(r, names), operand(r, names)]
    if k < 0.9:
        return [r.choice(("and", "or")), rule(r, names, depth + 1), rule(r, names, depth + 1)]
    return ["not", rule(r, names, depth + 1)]


def spec(r):
    s, values = {"indicators": {}}, {}
    for i in range(r.randint(1, 3)):
        kind = r.choice(("sma", "ema", "atr", "highest", "lowest", "roc", "mom"))
        n = r.randint(2, 20)
        if r.random() < 0.3:
            values["n%d" % i], n = n, "n%d" % i
        s["indicators"]["i%d" % i] = [kind, n] if kind == "atr" else [kind, "close", n]
    if values:
        s["params"] = dict(values)
    names = list(s["indicators"])
    for name in r.choice((("entry_long",), ("entry_long", "exit_long"), ("entry_long", "entry_short"),
                          ("entry_short", "exit_short"),
                          ("entry_long", "exit_long", "entry_short", "exit_short"))):
        s[name] = rule(r, names)
    kind = r.choice(("fraction", "fraction", "units", "risk"))
    s["size"] = {"kind": kind, "value": {"fraction": r.choice((1, 0.95, 0.3)), "units": r.randint(1, 40),
                                         "risk": r.choice((0.01, 0.05))}[kind]}
    distance = lambda: r.choice((["pct", r.choice((0.01, 0.03, 0.1))], ["atr", r.choice((0.5, 1, 2.5))]))
    for name, often in (("sl", 0.5), ("tp", 0.5), ("limit", 0.25), ("trail", 0.3)):
        if r.random() < often or (name == "sl" and kind == "risk"):
            s[name] = distance()
    for name in ("sl", "tp"):
        if name in s and r.random() < 0.4:
            s[name] = s[name] + ["entry"]
    if "trail" in s and r.random() < 0.5:
        s["trail"] = s["trail"] + [r.choice((0, 0.02, 0.05))]
    if r.random() < 0.25:
        s["hold"] = r.randint(1, 15)
    if r.random() < 0.3:
        s["tif"] = r.choice(("gtc", "day", "ioc", "fok", ["bars", r.randint(1, 5)]))
    account(r, s)
    return s, values


def account(r, s):
    s["mode"] = r.choice(("compat", "compat", "realistic"))
    s["cash"] = r.choice((10000, 100000, 2500))
    for name, choices in (("commission", (0, 0.002, 0.01)), ("commission_fixed", (0, 1)), ("spread", (0, 0.001)),
                          ("margin", (1, 1, 0.5, 0.1)), ("exclusive_orders", (False, True)),
                          ("trade_on_close", (False, False, True)), ("finalize_trades", (False, True)),
                          ("reading", ("pessimistic", "path", "optimistic")), ("latency", (0, 0, 1, 3)),
                          ("slippage", (0, 0.0005)), ("volume_share", (0, 0.025, 0.2)), ("impact", (0, 0.1)),
                          ("borrow", (0, 0.05)), ("funding", (0, 0.0003, -0.001))):
        if r.random() < 0.5:
            s[name] = r.choice(choices)


# ---- comparing ------------------------------------------------------------------

def near(x, y):
    return abs(x - y) <= 1e-9 * max(1.0, abs(x), abs(y))


def differences(got, want, lanes):
    """Where the two part, as a text; None when they are one."""
    if len(got["equity"]) != len(want.equity_at):
        return "equity has %d values, not %d" % (len(got["equity"]), len(want.equity_at))
    for i, (x, y) in enumerate(zip(got["equity"], want.equity_at)):
        if not near(x, y):
            return "equity of instant %d: %r, reference %r" % (i, x, y)
    if len(got["trades"]) != len(want.closed):
        return "%d trades, reference %d" % (len(got["trades"]), len(want.closed))
    for i, (g, (k, t)) in enumerate(zip(got["trades"], want.closed)):
        profit = t.size * (t.exit - t.entry) - t.fee - t.carry
        pairs = {"size": t.size, "entry": t.entry, "exit": t.exit, "profit": profit, "commission": t.fee,
                 "carry": t.carry, "entry_ms": k.times[t.bar] * 1000, "exit_ms": k.times[t.exit_bar] * 1000}
        for name, value in pairs.items():
            if not near(g[name], value):
                return "trade %d: %s %r, reference %r" % (i, name, g[name], value)
        if g["why"] != t.why:
            return "trade %d: why %s, reference %s" % (i, g["why"], t.why)
    s = got["statistics"]
    for name, value in (("undecided_bars", len(want.undecided)), ("refused_orders", want.refused)):
        if s[name] != value:
            return "%s %d, reference %d" % (name, s[name], value)
    return None


def write(path, rows, times):
    with open(path, "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(("date", "open", "high", "low", "close", "volume"))
        for t, row in zip(times, rows):
            w.writerow((t,) + tuple(repr(x) for x in row))


def one(seed, where):
    r = random.Random(seed)
    s, values = spec(r)
    step, lanes, files = r.choice((DAY, 3600)), [], []
    for k in range(r.choice((1, 1, 1, 2, 3))):
        n = r.randint(60, 220)
        rows = bars(r, n)
        times = [1577836800 + i * step for i in range(n + 30)]
        times = sorted(r.sample(times, n)) if r.random() < 0.5 else times[:n]
        lanes.append((rows, times))
        files.append(os.path.join(where, "s%d.csv" % k))
        write(files[-1], rows, times)
    path = os.path.join(where, "spec.json")
    with open(path, "w") as f:
        json.dump(s, f)
    p = subprocess.run([BIN, "trade", "backtest", path] + files + ["--json"], capture_output=True, text=True)
    if p.returncode != 0:
        return "exit status %d: %s" % (p.returncode, p.stderr.strip()), s, 0
    want = ref.Account(s, lanes, values).run()
    return differences(json.loads(p.stdout), want, lanes), s, len(want.closed)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    failed = traded = trades = 0
    with tempfile.TemporaryDirectory() as where:
        for seed in range(first, first + count):
            wrong, s, n = one(seed, where)
            trades += n
            traded += n > 0
            if wrong:
                failed += 1
                print("seed %d: %s\n  %s" % (seed, wrong, json.dumps(s)))
                if failed == 5:
                    break
    print("backtest differential: %d specs, %d that trade, %d trades, %d differ" % (count, traded, trades, failed))
    if traded < count // 3:
        print("too few of them trade: nothing is shown")
        failed += 1
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()

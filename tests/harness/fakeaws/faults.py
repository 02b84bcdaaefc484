"""The fault script: which rule, if any, spoils this request.

A rule is a JSON object. It matches by action and region (shell patterns, or
a list of them) and key (access key id); expire_tokens matches only calls
that carry a page token. "nth" fires on the nth matching call (counted from
1), "times" at most so often (default: 1 with nth, else for ever). The first
rule that fires wins; a throttle whose bucket still has tokens does not fire.
"""
import fnmatch
import threading
import time

MATCH = {"action", "region", "key", "nth", "times"}
EFFECTS = {"error", "delay_s", "hang", "close", "garbage", "truncate", "dtd",
           "deep", "huge", "expire_tokens", "throttle", "denied",
           "unreachable", "gzip_bomb", "redirect", "loop_token", "empty_page"}
MODIFIERS = {"status", "message", "headers"}
CLOSE = {"before", "mid", "after"}


def check(rule):
    """Raises ValueError naming what is wrong with a rule."""
    if not isinstance(rule, dict):
        raise ValueError("a rule must be an object")
    unknown = set(rule) - MATCH - EFFECTS - MODIFIERS
    if unknown:
        raise ValueError("unknown member %s" % ", ".join(sorted(unknown)))
    if not set(rule) & EFFECTS:
        raise ValueError("the rule has no effect")
    if rule.get("close", "mid") not in CLOSE:
        raise ValueError("close must be before, mid or after")
    for name in ("nth", "times", "truncate", "deep", "huge", "gzip_bomb"):
        if not isinstance(rule.get(name, 0), int) or rule.get(name, 0) < 0:
            raise ValueError("%s must be a number from 0" % name)
    bucket = rule.get("throttle")
    if bucket is not None and set(bucket) != {"bucket", "rate"}:
        raise ValueError("throttle must be {bucket, rate}")


class _Rule:
    def __init__(self, spec):
        check(spec)
        self.spec = spec
        self.times = spec.get("times", 1 if "nth" in spec else None)
        self.seen = self.fired = 0
        self.buckets = {}

    def matches(self, call, paged):
        for name, text in call.items():
            want = self.spec.get(name, "*")
            if not any(fnmatch.fnmatchcase(text, one) for one in
                       (want if isinstance(want, list) else [want])):
                return False
        return paged or not self.spec.get("expire_tokens")

    def empty_bucket(self, call):
        size = self.spec["throttle"]["bucket"]
        now = time.monotonic()
        left, then = self.buckets.get(tuple(call.values()), (size, now))
        left = min(size, left + (now - then) * self.spec["throttle"]["rate"])
        empty = left < 1
        self.buckets[tuple(call.values())] = (left - (not empty), now)
        return empty

    def fires(self, call, paged):
        if not self.matches(call, paged):
            return False
        self.seen += 1
        if self.seen < self.spec.get("nth", 1):
            return False
        if self.times is not None and self.fired >= self.times:
            return False
        if "throttle" in self.spec and not self.empty_bucket(call):
            return False
        self.fired += 1
        return True


class Faults:
    def __init__(self):
        self._lock = threading.Lock()
        self._rules = []

    def replace(self, specs):
        if not isinstance(specs, list):
            raise ValueError("rules must be a list")
        rules = []
        for i, spec in enumerate(specs):
            try:
                rules.append(_Rule(spec))
            except (ValueError, TypeError) as error:
                raise ValueError("rule %d: %s" % (i, error)) from None
        with self._lock:
            self._rules = rules

    def pick(self, action, region, key, paged):
        """The spec of the rule that fires, or an empty one."""
        call = {"action": action, "region": region, "key": key}
        with self._lock:
            for rule in self._rules:
                if rule.fires(call, paged):
                    return rule.spec
        return {}

    def fired(self):
        with self._lock:
            return [rule.fired for rule in self._rules]

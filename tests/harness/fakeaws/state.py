"""What moves in the fake cloud: time, capacity, boots, deaths, notices.

Instances boot, pass their checks and die on the world's life clock, which is
the server's clock plus what POST /_control/advance added; signatures are not
judged by it. Everything done to the cloud, and everything it did by itself,
goes to an append-only list of acts (GET /_control/acts).
"""
import fnmatch
import json
import threading
import uuid

from .world import stamp

DEFAULTS = {
    "boot_s": 0.0,          # pending to running
    "check_s": 0.0,         # running to both status checks passed
    "lag_s": 0.0,           # launched to visible in listings
    "in_service_s": 0.0,    # attached and running to InService
    "terminate_s": 0.0,     # shutting-down to terminated
    "replace_s": 0.0,       # a group misses a member to its launch
    "forget_s": 3600.0,     # terminated to gone from listings
    "state_events": False,  # queues hear of state changes
}
TOKEN_S = 24 * 3600
WARNING = "EC2 Spot Instance Interruption Warning"
REBALANCE = "EC2 Instance Rebalance Recommendation"
CHANGE = "EC2 Instance State-change Notification"


class Cloud:
    """The moving part of a World; one lock over all of it."""

    def __init__(self, world):
        self.world, self.lock = world, threading.RLock()
        self.advanced, self.settings = 0.0, dict(DEFAULTS)
        self.acts, self.tokens, self.capacity = [], {}, []
        self.groups = {}        # (account, region, name): asg.Group
        self.queues = {}        # (account, region, name): sqs.Queue
        self.stacks = {}        # (account, region, id): status
        self.hooks = []         # called by tick(), under the lock
        self.looked = None      # what asg.adopt() saw last
        self.moving = {}        # id: (Fleet, Instance) that time will change

    def life(self):
        return self.world.now() + self.advanced

    def note(self, what, account, region, by="call", **detail):
        self.acts.append(dict(
            detail, seq=len(self.acts) + 1, at=stamp(self.life()), what=what,
            account=account, region=region, by=by))

    # -- instances

    def find(self, account, region, ident):
        for one in self.world.fleet(account).instances(region):
            if one.id == ident and one.visible_at <= self.life():
                return one
        return None

    def launch(self, account, region, **given):
        now = self.life()
        ident = self.world.fleet(account).change(add=[dict(
            given, region=region, state="pending",
            launchTime=stamp(now))])["added"][0]
        one = self._any(account, region, ident)
        one.born, one.token = now, given.get("token", "")
        one.visible_at = now + self.settings["lag_s"]
        one.running_at = now + self.settings["boot_s"]
        one.checked_at = one.running_at + self.settings["check_s"]
        self._moves(one)
        return one

    def _moves(self, one):
        self.moving[one.id] = self.world.fleet(one.account), one

    def _any(self, account, region, ident):
        return next(one for one in self.world.fleet(account).instances(region)
                    if one.id == ident)

    def kill(self, one, why):
        if not one.alive():
            return
        one.why = why
        one.set_state("shutting-down")
        one.dead_at = self.life() + self.settings["terminate_s"]
        self._moves(one)
        self._changed(one)

    def _changed(self, one):
        if self.settings["state_events"]:
            self.tell(one, CHANGE, {"state": one.state})

    def tick(self):
        """Lets the time since the last call pass."""
        with self.lock:
            now = self.life()
            for fleet, one in list(self.moving.values()):
                self._age(fleet, one, now)
            for hook in self.hooks:
                hook()

    def _age(self, fleet, one, now):
        if one.doomed_at is not None and one.alive() and \
                one.doomed_at <= now:
            self.note("interrupted", fleet.account, one.region, "cloud",
                      ids=[one.id])
            self.kill(one, "Server.SpotInstanceTermination")
        if one.state == "pending" and one.running_at is not None and \
                one.running_at <= now:
            one.set_state("running")
            self._changed(one)
        if one.state == "shutting-down" and one.dead_at is not None and \
                one.dead_at <= now:
            one.set_state("terminated")
            self._changed(one)
        if one.state == "terminated" and one.dead_at is not None and \
                one.dead_at + self.settings["forget_s"] <= now:
            fleet.change(remove=[one.id])
            del self.moving[one.id]

    # -- capacity: the first rule that names the pool decides

    def refusal(self, region, az, kind, spot, take=False):
        """The error code of a launch there, or None; takes one if told."""
        now = self.life()
        for rule in self.capacity:
            if not (fnmatch.fnmatchcase(az, rule.get("az", "*")) and
                    fnmatch.fnmatchcase(kind, rule.get("type", "*")) and
                    fnmatch.fnmatchcase(region, rule.get("region", "*")) and
                    rule.get("lifecycle", "*") in
                    ("*", "spot" if spot else "on-demand") and
                    rule["since"] + rule.get("from_s", 0) <= now <
                    rule["since"] + rule.get("until_s", float("inf"))):
                continue
            if rule.get("error"):
                return rule["error"]
            if rule.get("free") is None:
                return None
            if rule["free"] <= 0:
                return "InsufficientInstanceCapacity"
            if take:
                rule["free"] -= 1
            return None
        return None

    # -- notices, as EventBridge puts them into a queue

    def event(self, account, region, kind, resources, detail):
        return {"version": "0", "id": str(uuid.uuid4()), "detail-type": kind,
                "source": "aws.ec2", "account": account,
                "time": stamp(self.life(), "Z"), "region": region,
                "resources": resources, "detail": detail}

    def tell(self, one, kind, detail):
        body = self.event(one.account, one.region, kind, [
            "arn:aws:ec2:%s:instance/%s" % (one.az, one.id)],
            dict({"instance-id": one.id}, **detail))
        for (account, region, _), queue in self.queues.items():
            if account == one.account and region == one.region:
                queue.put(json.dumps(body))
        return body

    def interrupt(self, ids, kind="interruption", notice_s=120.0,
                  silent=False):
        """Dooms instances, and says so unless silent."""
        told = []
        for account, fleet in self.world.fleets():
            for region in fleet.regions():
                for one in fleet.instances(region):
                    if one.id not in ids or not one.alive():
                        continue
                    if kind == "interruption":
                        one.doomed_at = self.life() + notice_s
                        self._moves(one)
                    self.note(kind, account, region, "test", ids=[one.id])
                    if not silent:
                        told.append(self.tell(one, *(
                            (WARNING, {"instance-action": "terminate"})
                            if kind == "interruption" else
                            (REBALANCE, {}))))
        return told

    # -- client tokens, honoured for a day

    def once(self, key, question, answer):
        """The answer to a token's first question; a function is asked."""
        from .actions import AwsError
        now = self.life()
        if key[-1]:
            kept = self.tokens.get(key)
            if kept and kept[2] + TOKEN_S > now:
                if kept[0] != question:
                    raise AwsError(
                        "IdempotentParameterMismatch", "Arguments on this "
                        "idempotent request are inconsistent with arguments "
                        "used in previous request(s).")
                return kept[1], True
        result = answer()
        if key[-1]:
            self.tokens[key] = (question, result, now)
        return result, False

    # -- what a test says

    def control(self, path, given):
        with self.lock:
            return getattr(self, "_control_" + path)(**given)

    def _control_acts(self, since=0):
        return {"acts": self.acts[since:]}

    def _control_stack(self, name, status, region="us-east-1"):
        self.stacks[self.world.home, region, name] = status
        return {}

    def _control_advance(self, s):
        self.advanced += float(s)
        self.tick()
        return {"life": stamp(self.life(), "Z")}

    def _control_world(self, **given):
        unknown = set(given) - set(DEFAULTS)
        if unknown:
            raise ValueError("unknown setting %s" % ", ".join(unknown))
        self.settings.update(given)
        return self.settings

    def _control_capacity(self, pools):
        names = {"region", "az", "type", "lifecycle", "free", "error",
                 "from_s", "until_s"}
        if any(set(pool) - names for pool in pools):
            raise ValueError("a pool may say " + ", ".join(sorted(names)))
        self.capacity = [dict(pool, since=self.life()) for pool in pools]
        return {"pools": len(pools)}

    def _control_interrupt(self, **given):
        return {"told": self.interrupt(**given)}

    def _control_protect(self, ids, on=True):
        for _, fleet in self.world.fleets():
            for region in fleet.regions():
                for one in fleet.instances(region):
                    if one.id in ids:
                        one.locked = on
        return {}

    def _control_impair(self, ids, system="impaired", event="", at_s=3600):
        """Status checks fail, or an event is announced."""
        for _, fleet in self.world.fleets():
            for region in fleet.regions():
                for one in fleet.instances(region):
                    if one.id in ids:
                        one.system = system
                        one.events = [(event, stamp(self.life() + at_s))] \
                            if event else []
        return {}

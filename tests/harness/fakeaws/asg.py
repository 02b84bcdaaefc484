"""Auto Scaling groups with the service's own will.

A group replaces members that died and holds its desired size, unless the
process is suspended. Groups that only exist as a tag of instances are passive:
they show, and take part in acts, but do nothing until one touched them.
"""
import re
import uuid

from . import actions
from .actions import AwsError
from .world import Instance, stamp

TAG = "aws:autoscaling:groupName"
INT = re.compile(r"\d{1,9}")
IDS = r"InstanceIds\.member\.\d+|AutoScalingGroupName"
PARAMS = {
    "DescribeAutoScalingGroups": r"AutoScalingGroupNames\.member\.\d+|"
    r"MaxRecords|NextToken",
    "UpdateAutoScalingGroup": r"AutoScalingGroupName|MinSize|MaxSize|"
    r"DesiredCapacity",
    "AttachInstances": IDS,
    "DetachInstances": IDS + r"|ShouldDecrementDesiredCapacity",
    "TerminateInstanceInAutoScalingGroup":
    r"InstanceId|ShouldDecrementDesiredCapacity",
    "SetInstanceProtection": IDS + r"|ProtectedFromScaleIn",
}
actions.ERRORS["ScalingActivityInProgress"] = (
    400, "There are scaling activities in progress.")
actions.ERRORS["ResourceContention"] = (
    500, "You already have a pending update to an Auto Scaling resource.")


class Member:
    def __init__(self, one, since, state="Pending"):
        self.one, self.since, self.state = one, since, state
        self.protected = False


class Group:
    def __init__(self, cloud, account, region, name, **given):
        self.cloud, self.account, self.region = cloud, account, region
        self.name, self.members, self.missing_since = name, {}, None
        self.min, self.max = given.get("min", 0), given.get("max", 1)
        self.desired = given.get("desired", self.min)
        self.types = given.get("types", ["m5.large"])
        self.azs = given.get("azs", [region + "a"])
        self.spot = given.get("lifecycle") == "spot"
        self.suspended = list(given.get("suspended", []))
        self.health = given.get("health_type", "EC2")
        self.grace = given.get("grace_s", 300)
        self.status = given.get("status", "")
        self.tags = given.get("tags", {})
        self.balanced = given.get("target_groups", [])
        self.passive = given.get("passive", False)
        self.busy_until = 0.0
        self.created = cloud.life()

    # -- what the service does by itself

    def tick(self):
        now = self.cloud.life()
        for ident, member in list(self.members.items()):
            self._look(ident, member, now)
        if self.passive:
            self._follow()
            return
        count = len(self._held())
        if count < self.desired:
            self._grow(now, self.desired - count)
        else:
            self.missing_since = None
        if count > self.desired and "Terminate" not in self.suspended:
            spare = sorted((m for m in self._held() if not m.protected),
                           key=lambda m: m.since)
            for member in spare[:count - self.desired]:
                self.end(member, "cloud")

    def _held(self):
        return [m for m in self.members.values() if m.state != "Terminating"]

    def _look(self, ident, member, now):
        if not member.one.alive():
            if member.state == "Terminating":
                if member.one.state == "terminated":
                    del self.members[ident]
            elif self.passive or not {"HealthCheck", "ReplaceUnhealthy"} & \
                    set(self.suspended):
                del self.members[ident]
                self.cloud.note("member_lost", self.account, self.region,
                                "cloud", group=self.name, ids=[ident])
        elif member.state == "Pending" and member.one.state == "running" and \
                member.since + self.cloud.settings["in_service_s"] <= now:
            member.state = "InService"

    def _follow(self):
        """A passive group is as large as its instances are many."""
        self.desired = len(self.members)
        self.min, self.max = min(1, self.desired), self.desired + 2
        self.azs = sorted({m.one.az for m in self.members.values()}) or \
            self.azs

    def _grow(self, now, n):
        if "Launch" in self.suspended:
            return
        if self.missing_since is None:
            self.missing_since = now
        if self.missing_since + self.cloud.settings["replace_s"] > now:
            return
        self.missing_since = None
        for _ in range(n):
            for az in self.azs:
                kind = self.types[0]
                if self.cloud.refusal(self.region, az, kind, self.spot, True):
                    continue
                one = self.cloud.launch(
                    self.account, self.region, instanceType=kind,
                    availabilityZone=az, lifecycle="spot" if self.spot else
                    "on-demand", tags=dict(self.tags),
                    platformDetails="Linux/UNIX")
                self.join(one)
                self.cloud.note("group_launched", self.account, self.region,
                                "cloud", group=self.name, ids=[one.id])
                break

    def join(self, one, state="Pending"):
        one.tags = dict(one.tags, **{TAG: self.name})
        one.set_state(one.state)
        self.members[one.id] = Member(one, self.cloud.life(), state)

    def end(self, member, by):
        member.state = "Terminating"
        self.cloud.kill(member.one, "Client.UserInitiatedShutdown")
        self.cloud.note("group_terminated", self.account, self.region, by,
                        group=self.name, ids=[member.one.id])

    # -- what is written about it

    def xml(self):
        members = "".join(
            f"<member><InstanceId>{i}</InstanceId><InstanceType>{m.one.type}"
            f"</InstanceType><AvailabilityZone>{m.one.az}</AvailabilityZone>"
            f"<LifecycleState>{m.state}</LifecycleState><HealthStatus>"
            f"{'Healthy' if m.one.alive() else 'Unhealthy'}</HealthStatus>"
            f"<ProtectedFromScaleIn>{str(m.protected).lower()}"
            f"</ProtectedFromScaleIn><LaunchTemplate><LaunchTemplateId>lt-0aaa"
            f"</LaunchTemplateId><Version>1</Version></LaunchTemplate>"
            "</member>" for i, m in sorted(self.members.items()))
        tags = "".join(
            f"<member><Key>{k}</Key><Value>{v}</Value><ResourceId>{self.name}"
            "</ResourceId><ResourceType>auto-scaling-group</ResourceType>"
            "<PropagateAtLaunch>true</PropagateAtLaunch></member>"
            for k, v in self.tags.items())
        paused = "".join(
            f"<member><ProcessName>{name}</ProcessName><SuspensionReason>User "
            "suspended</SuspensionReason></member>" for name in self.suspended)

        def words(names):
            return "".join("<member>%s</member>" % name for name in names)
        return (
            f"<member><AutoScalingGroupName>{self.name}</AutoScalingGroupName>"
            f"<AutoScalingGroupARN>arn:aws:autoscaling:{self.region}:"
            f"{self.account}:autoScalingGroup:x:autoScalingGroupName/"
            f"{self.name}</AutoScalingGroupARN><LaunchTemplate>"
            "<LaunchTemplateId>lt-0aaa</LaunchTemplateId><Version>1</Version>"
            f"</LaunchTemplate><MinSize>{self.min}</MinSize><MaxSize>"
            f"{self.max}</MaxSize><DesiredCapacity>{self.desired}"
            "</DesiredCapacity><DefaultCooldown>300</DefaultCooldown>"
            f"<AvailabilityZones>{words(self.azs)}</AvailabilityZones>"
            f"<LoadBalancerNames/><TargetGroupARNs>{words(self.balanced)}"
            f"</TargetGroupARNs><HealthCheckType>{self.health}"
            f"</HealthCheckType><HealthCheckGracePeriod>{self.grace}"
            f"</HealthCheckGracePeriod><Instances>{members}</Instances>"
            f"<CreatedTime>{stamp(self.created)}</CreatedTime>"
            f"<SuspendedProcesses>{paused}</SuspendedProcesses>"
            + (f"<Status>{self.status}</Status>" if self.status else "") +
            f"<Tags>{tags}</Tags><NewInstancesProtectedFromScaleIn>false"
            "</NewInstancesProtectedFromScaleIn></member>")


# -- the groups of an account

def adopt(cloud):
    """Groups that instances' tags name but nobody made; then all move."""
    look = Instance.changes, len(cloud.world.fleets())
    if look != cloud.looked:
        cloud.looked = look
        _adopt(cloud)
    for group in list(cloud.groups.values()):
        if not group.passive:
            group.tick()


def _adopt(cloud):
    seen = set()
    for account, fleet in cloud.world.fleets():
        for region in fleet.regions():
            for one in fleet.instances(region):
                name = one.tags.get(TAG)
                if not name or not one.alive():
                    continue
                key = account, region, name
                seen.add(key)
                group = cloud.groups.get(key)
                if group is None:
                    group = cloud.groups[key] = Group(
                        cloud, *key, passive=True)
                if group.passive and one.id not in group.members:
                    group.members[one.id] = Member(one, cloud.life(),
                                                   "InService")
    for key, group in list(cloud.groups.items()):
        if group.passive and key not in seen:
            del cloud.groups[key]
        elif group.passive:
            group.tick()


def control(cloud, given):
    """Makes a group, filled to its desired size; or changes or ends one."""
    with cloud.lock:
        account = given.pop("account", cloud.world.home)
        key = account, given.pop("region"), given.pop("name")
        if given.pop("delete", False):
            group = cloud.groups.pop(key)
            for member in list(group.members.values()):
                cloud.kill(member.one, "group deleted")
            cloud.note("group_deleted", account, key[1], "test", group=key[2])
            return {}
        group = cloud.groups.get(key)
        if group is None or group.passive:
            wanted = given.pop("members", None)
            group = cloud.groups[key] = Group(cloud, *key, **given)
            for ident in wanted or []:
                group.join(cloud.find(account, key[1], ident), "InService")
            for _ in range(group.desired if wanted is None else 0):
                one = cloud.launch(
                    account, key[1], instanceType=group.types[0],
                    availabilityZone=group.azs[0], lifecycle="spot" if
                    group.spot else "on-demand", tags=dict(group.tags),
                    platformDetails="Linux/UNIX")
                one.set_state("running")
                one.visible_at = one.checked_at = cloud.life()
                group.join(one, "InService")
        else:
            if "busy_s" in given:
                group.busy_until = cloud.life() + given.pop("busy_s")
            for name in set(given) & {"min", "max", "desired", "suspended",
                                      "status", "health", "grace", "azs"}:
                setattr(group, name, given[name])
        cloud.tick()
        return {"members": sorted(group.members), "min": group.min,
                "max": group.max, "desired": group.desired}


def found(call):
    name = call.params.get("AutoScalingGroupName", "")
    group = call.world.cloud.groups.get(
        (call.key.account, call.region, name))
    if group is None:
        raise AwsError("ValidationError", "AutoScalingGroup name not found - "
                       "AutoScalingGroup '%s' not found" % name)
    if group.status:
        raise AwsError("ScalingActivityInProgress", "The group is being "
                       "deleted")
    return group


def touched(group):
    if group.busy_until > group.cloud.life():
        raise AwsError("ScalingActivityInProgress")
    group.passive = False
    return group


def number(call, name, default):
    text = call.params.get(name)
    if text is None:
        return default
    if not INT.fullmatch(text):
        raise AwsError("ValidationError", "%s must be a number" % name)
    return int(text)


def answer(call, inner=""):
    return (f'<{call.action}Response xmlns="http://autoscaling.amazonaws.com/'
            f'doc/2011-01-01/"><{call.action}Result>{inner}</{call.action}'
            f"Result><ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId>"
            f"</ResponseMetadata></{call.action}Response>").encode()


def describe(call):
    names = call.numbered("AutoScalingGroupNames.member")
    size = number(call, "MaxRecords", 50)
    if not 1 <= size <= 100:
        raise AwsError("ValidationError", "MaxRecords must be 1 to 100")
    hidden = call.world.__dict__.get("hidden_assets", ())
    rows = [g for (account, region, name), g in sorted(
        call.world.cloud.groups.items()) if account == call.key.account and
        region == call.region and name not in hidden and
        (not names or name in names)]
    start, end, token = actions._page(call, len(rows), size,
                                      actions._position(call) or 0)
    return answer(call, "<AutoScalingGroups>%s</AutoScalingGroups>%s" % (
        "".join(g.xml() for g in rows[start:end]),
        "<NextToken>%s</NextToken>" % token if token else ""))


def update(call):
    group = touched(found(call))
    low = number(call, "MinSize", group.min)
    high = number(call, "MaxSize", group.max)
    want = number(call, "DesiredCapacity", None)
    if low > high:
        raise AwsError("ValidationError", "Max bound, %d, must be greater than"
                       " or equal to min bound, %d" % (high, low))
    if want is None:
        want = min(max(group.desired, low), high)
    if not low <= want <= high:
        raise AwsError("ValidationError", "Desired capacity:%d must be between"
                       " the specified min size:%d and max size:%d" % (
                           want, low, high))
    before = [group.min, group.max, group.desired]
    group.min, group.max, group.desired = low, high, want
    group.cloud.note("group_resized", group.account, group.region,
                     group=group.name, before=before, after=[low, high, want])
    return answer(call)


def ids_of(call):
    ids = call.numbered("InstanceIds.member")
    if not 1 <= len(ids) <= 20:
        raise AwsError("ValidationError", "1 to 20 instances")
    return ids


def sizes(group, doing, n):
    return AwsError(
        "ValidationError", "AutoScalingGroup %s has min-size=%d, max-size=%d, "
        "and desired-size=%d. To %s %d more instance%s, please update the "
        "AutoScalingGroup sizes appropriately." % (
            group.name, group.min, group.max, group.desired, doing, n,
            "" if n == 1 else "s"))


def attach(call):
    group, ids, ones = touched(found(call)), ids_of(call), []
    cloud = group.cloud
    for ident in ids:
        one = cloud.find(call.key.account, call.region, ident)
        if one is None:
            raise AwsError("ValidationError", "Invalid Instance ID: %s. "
                           "Instance does not exist" % ident)
        holder = one.tags.get(TAG)
        if holder:
            raise AwsError("ValidationError", "Instance %s is already part of "
                           "AutoScalingGroup:%s" % (ident, holder))
        if one.state != "running":
            raise AwsError("ValidationError", "Instance %s is not in correct "
                           "state. Instance(s) must be in 'running' state." %
                           ident)
        if one.az not in group.azs:
            raise AwsError("ValidationError", "Instance %s is in %s, which is "
                           "not a zone of the group" % (ident, one.az))
        ones.append(one)
    if group.desired + len(ids) > group.max:
        raise sizes(group, "attach", len(ids))
    group.desired += len(ids)
    for one in ones:
        group.join(one)
    cloud.note("attached", group.account, group.region, group=group.name,
               ids=ids, desired=group.desired)
    return answer(call)


def members_of(group, ids):
    for ident in ids:
        if ident not in group.members:
            raise AwsError("ValidationError", "The instance %s is not part of "
                           "Auto Scaling group %s." % (ident, group.name))
    return [group.members[ident] for ident in ids]


def detach(call):
    group, ids = touched(found(call)), ids_of(call)
    text = call.params.get("ShouldDecrementDesiredCapacity")
    if text not in ("true", "false"):
        raise AwsError("ValidationError", "ShouldDecrementDesiredCapacity")
    members = members_of(group, ids)
    if text == "true":
        if group.desired - len(ids) < group.min:
            raise sizes(group, "detach", len(ids))
        group.desired -= len(ids)
    for member in members:
        del group.members[member.one.id]
        member.one.tags = {k: v for k, v in member.one.tags.items()
                           if k != TAG}
        member.one.set_state(member.one.state)
    group.cloud.note("detached", group.account, group.region, ids=ids,
                     group=group.name, desired=group.desired)
    return answer(call, "<Activities/>")


def terminate(call):
    ident = call.params.get("InstanceId", "")
    text = call.params.get("ShouldDecrementDesiredCapacity")
    if text not in ("true", "false"):
        raise AwsError("ValidationError", "ShouldDecrementDesiredCapacity")
    for (account, region, _), group in call.world.cloud.groups.items():
        if account == call.key.account and region == call.region and \
                ident in group.members:
            break
    else:
        raise AwsError("ValidationError", "Instance Id not found - No managed "
                       "instance found for instance ID: %s" % ident)
    touched(group)
    member = group.members[ident]
    if member.state == "Terminating":
        raise AwsError("ScalingActivityInProgress")
    if text == "true":
        if group.desired - 1 < group.min:
            raise AwsError(
                "ValidationError", "Currently, desiredSize equals minSize "
                "(%d). Terminating instance without replacement will violate "
                "group's min size constraint. Either set shouldDecrementDesired"
                "Capacity flag to false or lower group's min size." % group.min)
        group.desired -= 1
    group.end(member, "call")
    return answer(call, "<Activity><ActivityId>%s</ActivityId><StatusCode>"
                  "InProgress</StatusCode></Activity>" % uuid.uuid4())


def protect(call):
    group, on = found(call), call.params.get("ProtectedFromScaleIn")
    if on not in ("true", "false"):
        raise AwsError("ValidationError", "ProtectedFromScaleIn")
    for member in members_of(group, ids_of(call)):
        if member.state != "InService":
            raise AwsError("ValidationError", "The instance %s is not in "
                           "InService or EnteringStandby or Standby." %
                           member.one.id)
        member.protected = on == "true"
    group.cloud.note("protected", group.account, group.region, on=on == "true",
                     group=group.name, ids=ids_of(call))
    return answer(call)


def stacks(call):
    """CloudFormation's DescribeStacks of one stack, as tests made it."""
    name = call.params.get("StackName", "")
    status = call.world.cloud.stacks.get((call.key.account, call.region, name))
    if status is None:
        raise AwsError("ValidationError",
                       "Stack with id %s does not exist" % name)
    return ("<DescribeStacksResponse><DescribeStacksResult><Stacks><member>"
            "<StackName>%s</StackName><StackStatus>%s</StackStatus></member>"
            "</Stacks></DescribeStacksResult></DescribeStacksResponse>" % (
                name, status)).encode()


def install(table, versions):
    versions["autoscaling"] = "2011-01-01"
    versions["cloudformation"] = "2010-05-15"
    table["DescribeStacks"] = ("cloudformation", stacks, None)
    every = {"DescribeAutoScalingGroups": describe,
             "UpdateAutoScalingGroup": update, "AttachInstances": attach,
             "DetachInstances": detach, "SetInstanceProtection": protect,
             "TerminateInstanceInAutoScalingGroup": terminate}

    def under(function, allowed):
        def run(call):
            for name in call.params:
                if name not in ("Action", "Version") and \
                        not re.fullmatch(allowed, name):
                    raise AwsError("ValidationError", "The parameter %s is "
                                   "not recognized" % name)
            with call.world.cloud.lock:
                call.world.cloud.tick()
                result = function(call)
                call.world.cloud.tick()
            return result
        return run
    table.update({name: ("autoscaling", under(function, PARAMS[name]), None)
                  for name, function in every.items()})
    actions.MUTATING |= set(every) - {"DescribeAutoScalingGroups"}

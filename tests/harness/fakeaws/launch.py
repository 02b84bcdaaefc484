"""EC2's acts: RunInstances, CreateFleet (instant), TerminateInstances,
CreateTags; and DescribeInstanceStatus, GetSpotPlacementScores.

Each refuses parameters that EC2 does not have, member by member.
"""
import hashlib
import json
import re
import uuid

from . import actions
from .actions import AwsError
from .world import STATES, zones

ID = re.compile(r"i-[0-9a-f]{8}([0-9a-f]{9})?")
TAGS = r"TagSpecification\.\d+\.(ResourceType|Tag\.\d+\.(Key|Value))"
RUN = re.compile(
    r"ImageId|InstanceType|MinCount|MaxCount|ClientToken|KeyName|UserData|"
    r"IamInstanceProfile\.(Arn|Name)|"
    r"SecurityGroupId\.\d+|SubnetId|Placement\.(AvailabilityZone|Tenancy)|"
    r"LaunchTemplate\.(LaunchTemplateId|LaunchTemplateName|Version)|"
    r"InstanceMarketOptions\.(MarketType|SpotOptions\.(MaxPrice|"
    r"SpotInstanceType|InstanceInterruptionBehavior))|EbsOptimized|" + TAGS)
OVERRIDE = r"LaunchTemplateConfigs\.(\d+)\.Overrides\.(\d+)\."
FLEET = re.compile(
    r"ClientToken|Type|TargetCapacitySpecification\.(TotalTargetCapacity|"
    r"OnDemandTargetCapacity|SpotTargetCapacity|DefaultTargetCapacityType)|"
    r"LaunchTemplateConfigs\.\d+\.LaunchTemplateSpecification\."
    r"(LaunchTemplateId|LaunchTemplateName|Version)|" + OVERRIDE +
    r"(InstanceType|AvailabilityZone|SubnetId|Priority|MaxPrice|ImageId)|"
    r"SpotOptions\.(AllocationStrategy|MaxTotalPrice|"
    r"InstanceInterruptionBehavior)|OnDemandOptions\.AllocationStrategy|"
    + TAGS)
STATUS = re.compile(r"InstanceId\.\d+|IncludeAllInstances|MaxResults|"
                    r"NextToken|Filter\.\d+\.(Name|Value\.\d+)")
TERMINATE = re.compile(r"InstanceId\.\d+")
TAG = re.compile(r"ResourceId\.\d+|Tag\.\d+\.(Key|Value)")
SCORES = re.compile(r"InstanceType\.\d+|TargetCapacity|RegionName\.\d+|"
                    r"SingleAvailabilityZone|MaxResults|NextToken|"
                    r"TargetCapacityUnitType")
actions.ERRORS.update({
    "InsufficientInstanceCapacity": (
        500, "We currently do not have sufficient capacity in the Availability"
        " Zone you requested."),
    "DryRunOperation": (412, "Request would have succeeded, but DryRun flag "
                        "is set."),
    "MaxSpotInstanceCountExceeded": (400, "Max spot instance count exceeded"),
    "SpotMaxPriceTooLow": (400, "Your Spot request price is lower than the "
                           "minimum required Spot request fulfillment price."),
    "VcpuLimitExceeded": (400, "You have requested more vCPU capacity than "
                          "your current vCPU limit allows."),
})


def strict(call, allowed):
    for name in call.params:
        if name not in ("Action", "Version", "DryRun") and \
                not allowed.fullmatch(name):
            raise AwsError("UnknownParameter",
                           "The parameter %s is not recognized" % name)


def question(call):
    """What a client token stands for: all other parameters."""
    text = json.dumps(sorted((n, v) for n, v in call.params.items()
                             if n not in ("ClientToken", "DryRun")))
    return hashlib.sha256(text.encode()).hexdigest()


def token_of(call):
    token = call.params.get("ClientToken", "")
    if len(token) > 64 or not token.isascii():
        raise AwsError("InvalidParameterValue", "Invalid client token")
    return token


def dry(call):
    if call.flag("DryRun"):
        raise AwsError("DryRunOperation")


def given_ids(call, name="InstanceId"):
    ids = call.numbered(name)
    if not ids:
        raise AwsError("MissingParameter", "The request must contain the "
                       "parameter instancesSet")
    found = []
    for ident in ids:
        if not ID.fullmatch(ident):
            raise AwsError("InvalidInstanceID.Malformed",
                           'Invalid id: "%s"' % ident)
        one = call.world.cloud.find(call.key.account, call.region, ident)
        if one is None:
            raise AwsError("InvalidInstanceID.NotFound", "The instance ID '%s'"
                           " does not exist" % ident)
        found.append(one)
    return found


def launch_tags(call):
    tags = {}
    for name, value in call.params.items():
        match = re.fullmatch(r"TagSpecification\.(\d+)\.Tag\.(\d+)\.Key", name)
        if not match:
            continue
        spec = "TagSpecification.%s." % match[1]
        if value.startswith("aws:"):
            raise AwsError("InvalidParameterValue", "Tag keys starting with "
                           "'aws:' are reserved for internal use")
        if call.params.get(spec + "ResourceType") == "instance":
            tags[value] = call.params.get(
                "%sTag.%s.Value" % (spec, match[2]), "")
    if len(tags) > 50:
        raise AwsError("TagLimitExceeded")
    return tags


def check_type(call, kind):
    if kind not in call.world.catalogue.records:
        raise AwsError("InvalidParameterValue", "Invalid value '%s' for "
                       "InstanceType." % kind)


def zone_of(call, az, subnet):
    """The zone of a subnet, or the one named, or any."""
    cloud = call.world.cloud
    for one in zones(call.region):
        if subnet and subnet == cloud.world.subnet(call.key.account, one):
            if az and az != one:
                raise AwsError("InvalidParameterValue", "The subnet is in "
                               "another Availability Zone")
            return one
    if subnet:
        raise AwsError("InvalidSubnetID.NotFound",
                       "The subnet ID '%s' does not exist" % subnet)
    if az and az not in zones(call.region):
        raise AwsError("InvalidParameterValue",
                       "Invalid availability zone: [%s]" % az)
    return az or zones(call.region)[0]


def run_instances(call):
    strict(call, RUN)
    p, cloud = call.params, call.world.cloud
    if "LaunchTemplate.LaunchTemplateId" not in p and "ImageId" not in p:
        raise AwsError("MissingParameter", "The request must contain the "
                       "parameter ImageId")
    kind = p.get("InstanceType", "m5.large")
    check_type(call, kind)
    count = int(p.get("MaxCount", "0"))
    if count < 1 or int(p.get("MinCount", "0")) < 1:
        raise AwsError("InvalidParameterValue", "MinCount and MaxCount")
    az = zone_of(call, p.get("Placement.AvailabilityZone"), p.get("SubnetId"))
    spot, tags = p.get("InstanceMarketOptions.MarketType") == "spot", \
        launch_tags(call)
    token = token_of(call)
    dry(call)

    def act():
        code = cloud.refusal(call.region, az, kind, spot, take=True)
        if code:
            raise AwsError(code)
        ones = [cloud.launch(
            call.key.account, call.region, instanceType=kind, tags=dict(tags),
            availabilityZone=az, lifecycle="spot" if spot else "on-demand",
            token=token, imageId=p.get("ImageId"), platformDetails=
            "Linux/UNIX", groups=call.numbered("SecurityGroupId"),
            profile=p.get("IamInstanceProfile.Arn"), keyName=p.get("KeyName"),
            userData=p.get("UserData")) for _ in range(count)]
        cloud.note("launched", call.key.account, call.region, ids=[
            one.id for one in ones], type=kind, az=az, spot=spot, tags=tags,
            token=token, action="RunInstances", image=p.get("ImageId"),
            groups=ones[0].groups, profile=ones[0].profile,
            key=ones[0].key, userData=ones[0].user_data)
        return ones

    with cloud.lock:
        ones, again = cloud.once(("run", call.key.account, call.region,
                                  token), question(call), act)
    call.repeated = again
    return actions._answer(call, "instancesSet", [
        one.xml() for one in ones]).replace(
        b"<instancesSet>", b"<reservationId>%s</reservationId><ownerId>%s"
        b"</ownerId><groupSet/><instancesSet>" % (
            ones[0].reservation.encode(), call.key.account.encode()))


def overrides(call):
    """Rows of a fleet request by priority, each a dict of its members."""
    rows = {}
    for name, value in call.params.items():
        match = re.fullmatch(OVERRIDE + r"(\w+)", name)
        if match:
            rows.setdefault((int(match[1]), int(match[2])), {})[
                match[3]] = value
    if not rows:
        raise AwsError("InvalidParameterValue", "no overrides")
    ordered = sorted(rows.items(), key=lambda item: (
        float(item[1].get("Priority", "inf")), item[0]))
    return [row for _, row in ordered]


def create_fleet(call):
    strict(call, FLEET)
    p, cloud = call.params, call.world.cloud
    if p.get("Type") != "instant":
        raise AwsError("InvalidParameterValue", "this fake knows instant "
                       "fleets only")
    template = p.get("LaunchTemplateConfigs.1.LaunchTemplateSpecification."
                     "LaunchTemplateId", "")
    if not template.startswith("lt-"):
        raise AwsError("InvalidLaunchTemplateId.Malformed")
    want = int(p.get("TargetCapacitySpecification.TotalTargetCapacity", "0"))
    if want < 1:
        raise AwsError("InvalidParameterValue", "TotalTargetCapacity")
    spot = p.get("TargetCapacitySpecification.DefaultTargetCapacityType") == \
        "spot"
    rows, tags, token = overrides(call), launch_tags(call), token_of(call)
    for row in rows:
        check_type(call, row.get("InstanceType", ""))
        row["az"] = zone_of(call, row.get("AvailabilityZone"),
                            row.get("SubnetId"))
    dry(call)

    def act():
        made, errors = [], []
        for row in rows:
            while len(made) < want:
                code = cloud.refusal(call.region, row["az"],
                                     row["InstanceType"], spot, take=True)
                if code:
                    errors.append((code, row))
                    break
                made.append((cloud.launch(
                    call.key.account, call.region, instanceType=row[
                        "InstanceType"], availabilityZone=row["az"],
                    lifecycle="spot" if spot else "on-demand", tags=dict(
                        tags), platformDetails="Linux/UNIX",
                    token="fleet-%s-0" % uuid.uuid4()), row))
        name = "fleet-%s" % uuid.uuid4()
        for one, row in made:
            one.tags["aws:ec2:fleet-id"] = name
            cloud.note("launched", call.key.account, call.region, ids=[
                one.id], type=one.type, az=one.az, spot=spot, tags=tags,
                token=token, action="CreateFleet")
        return name, made, errors

    with cloud.lock:
        (name, made, errors), again = cloud.once(
            ("fleet", call.key.account, call.region, token), question(call),
            act)
    call.repeated = again
    return fleet_answer(call, template, spot, name, made, errors)


def fleet_answer(call, template, spot, name, made, errors):
    life = "spot" if spot else "on-demand"

    def choice(row):
        return (f"<launchTemplateAndOverrides><launchTemplateSpecification>"
                f"<launchTemplateId>{template}</launchTemplateId><version>1"
                f"</version></launchTemplateSpecification><overrides>"
                f"<instanceType>{row['InstanceType']}</instanceType>"
                f"<availabilityZone>{row['az']}</availabilityZone>"
                "</overrides></launchTemplateAndOverrides>"
                f"<lifecycle>{life}</lifecycle>")
    return actions._answer(call, "errorSet", [(
        f"<item>{choice(row)}<errorCode>{code}</errorCode><errorMessage>"
        f"{actions.ERRORS.get(code, (0, code))[1]}</errorMessage></item>")
        .encode() for code, row in errors]).replace(
        b"<errorSet>", b"<fleetId>%s</fleetId><errorSet>" % name.encode()) \
        .replace(b"</errorSet>", b"</errorSet><fleetInstanceSet>" + "".join(
            f"<item>{choice(row)}<instanceIds><item>{one.id}</item>"
            f"</instanceIds><instanceType>{one.type}</instanceType></item>"
            for one, row in made).encode() + b"</fleetInstanceSet>")


def terminate(call):
    strict(call, TERMINATE)
    cloud = call.world.cloud
    with cloud.lock:
        ones = given_ids(call)
        for one in ones:
            if one.locked and one.alive():
                raise AwsError(
                    "OperationNotPermitted", "The instance '%s' may not be "
                    "terminated. Modify its 'disableApiTermination' instance "
                    "attribute and try again." % one.id)
        dry(call)
        rows = []
        for one in ones:
            before = one.state
            cloud.kill(one, "Client.UserInitiatedShutdown")
            rows.append({"InstanceId": one.id, "CurrentState": {
                "Code": STATES[one.state], "Name": one.state},
                "PreviousState": {"Code": STATES[before], "Name": before}})
        cloud.note("terminated", call.key.account, call.region, ids=[
            one.id for one in ones], before=[
                row["PreviousState"]["Name"] for row in rows])
        cloud.tick()
    return actions._answer(call, "instancesSet", actions._items(rows))


def create_tags(call):
    strict(call, TAG)
    cloud = call.world.cloud
    with cloud.lock:
        ones = given_ids(call, "ResourceId")
        tags = {}
        for name, value in call.params.items():
            match = re.fullmatch(r"Tag\.(\d+)\.Key", name)
            if match:
                tags[value] = call.params.get("Tag.%s.Value" % match[1], "")
        if not tags or any(key.startswith("aws:") for key in tags):
            raise AwsError("InvalidParameterValue", "Tag keys")
        dry(call)
        for one in ones:
            one.tags = dict(one.tags, **tags)
            one.set_state(one.state)
        cloud.note("tagged", call.key.account, call.region,
                   ids=[one.id for one in ones], tags=tags)
    return (f'{actions.XML}<CreateTagsResponse xmlns="http://ec2.amazonaws.com'
            f'/doc/2016-11-15/"><requestId>{uuid.uuid4()}</requestId><return>'
            'true</return></CreateTagsResponse>').encode()


def status(call):
    strict(call, STATUS)
    cloud = call.world.cloud
    now = cloud.life()
    if call.numbered("InstanceId"):
        ones = given_ids(call)
    else:
        ones = call.world.fleet(call.key.account).instances(call.region)
    rows = []
    for one in ones:
        if one.state != "running" and not call.flag("IncludeAllInstances"):
            continue
        word = "not-applicable" if one.state != "running" else \
            "initializing" if (one.checked_at or 0) > now else "ok"
        system = one.system if word == "ok" and one.system else word
        rows.append({
            "InstanceId": one.id, "AvailabilityZone": one.az, "InstanceState":
            {"Code": STATES[one.state], "Name": one.state}, "SystemStatus":
            {"Status": system, "Details": [{"Name": "reachability", "Status":
                                            "passed"}]}, "InstanceStatus":
            {"Status": word}, "EventsSet": [
                {"Code": code, "Description": "maintenance", "NotBefore": at}
                for code, at in one.events]})
    return actions._listed(call, "instanceStatusSet", actions._items(rows),
                           5, 1000, 1000)


def scores(call):
    strict(call, SCORES)
    types, cloud = call.numbered("InstanceType"), call.world.cloud
    if not types or int(call.params.get("TargetCapacity", "0")) < 1:
        raise AwsError("MissingParameter", "TargetCapacity, InstanceType")
    rows = []
    for region in call.numbered("RegionName") or [call.region]:
        for i, az in enumerate(zones(region)):
            free = [kind for kind in types if not cloud.refusal(
                region, az, kind, True)]
            ident = "%s-az%d" % (re.sub(r"(\w\w)-(\w)\w*-(\d)", r"\1\2\3",
                                        region), i + 1)
            rows.append({"Region": region, "AvailabilityZoneId": ident,
                         "Score": 1 + 8 * len(free) // len(types)})
    if not call.flag("SingleAvailabilityZone"):
        rows = [{"Region": rows[0]["Region"], "Score": max(
            row["Score"] for row in rows)}]
    return actions._listed(call, "spotPlacementScoreSet",
                           actions._items(rows), 10, 1000, 1000)


def attribute(call):
    one = call.world.cloud.find(call.key.account, call.region,
                                call.params.get("InstanceId", ""))
    if one is None:
        raise AwsError("InvalidInstanceID.NotFound", "no such instance")
    if call.params.get("Attribute") != "userData":
        raise AwsError("InvalidParameterValue", "Attribute")
    return ("<DescribeInstanceAttributeResponse><requestId>%s</requestId>"
            "<instanceId>%s</instanceId><userData>%s</userData>"
            "</DescribeInstanceAttributeResponse>" % (
                uuid.uuid4(), one.id, one.user_data and
                "<value>%s</value>" % one.user_data)).encode()


def install(table):
    every = {"DescribeInstanceAttribute": attribute,
             "RunInstances": run_instances, "CreateFleet": create_fleet,
             "TerminateInstances": terminate, "CreateTags": create_tags,
             "DescribeInstanceStatus": status,
             "GetSpotPlacementScores": scores}
    table.update({name: ("ec2", function, None)
                  for name, function in every.items()})
    actions.MUTATING |= {"RunInstances", "CreateFleet", "TerminateInstances",
                         "CreateTags"}

"""What an account holds besides its instances: listings only.

Volumes (those of the instances, and some that nobody uses), snapshots, images,
network interfaces, launch templates and, unless the groups are scripted
elsewhere, the Auto Scaling groups that the instances' tags name. Everything
follows from seed, account and region; POST /_control/assets {"hide": [ids],
"show": [ids]} lets single things go away and come back.
"""
import hashlib
import uuid

from . import actions
from .world import stamp, tags_xml, zones

DAY_S = 86400
SPARE = [  # of each region: size, type, days since it was made
    (8, "gp3", 2), (100, "gp3", 30), (500, "gp2", 400)]
SNAPSHOTS = [  # size, tier, days, used by an image
    (8, "standard", 3, False), (100, "standard", 200, False),
    (50, "archive", 300, False), (30, "standard", 400, True)]


def _hexid(call, kind, *parts):
    text = ":".join([call.world.seed, call.key.account, call.region, kind,
                     *map(str, parts)])
    return "%s-%s" % (kind, hashlib.sha256(text.encode()).hexdigest()[:17])


def hidden(world):
    return world.__dict__.setdefault("hidden_assets", set())


def control(world, given):
    hidden(world).update(given.get("hide", ()))
    hidden(world).difference_update(given.get("show", ()))
    return {"hidden": sorted(hidden(world))}


def _made(call, days):
    """Days before a fixed day, so that two runs show the same."""
    base = int(call.world.now()) // DAY_S * DAY_S
    return stamp(base - days * DAY_S)


def _shown(call, pairs):
    return [text.encode() for ident, text in pairs
            if ident not in hidden(call.world)]


def _instances(call):
    return [one for one in call.world.fleet(call.key.account).instances(
        call.region) if one.alive()]


def _volume(ident, size, kind, az, made, instance, tags):
    use = instance and (
        f"<item><volumeId>{ident}</volumeId><instanceId>{instance}"
        f"</instanceId><device>/dev/xvda</device><status>attached</status>"
        f"<attachTime>{made}</attachTime><deleteOnTermination>true"
        "</deleteOnTermination></item>") or ""
    return ident, (
        f"<item><volumeId>{ident}</volumeId><size>{size}</size><snapshotId/>"
        f"<availabilityZone>{az}</availabilityZone><status>"
        f"{'in-use' if instance else 'available'}</status><createTime>{made}"
        f"</createTime><attachmentSet>{use}</attachmentSet><tagSet>"
        f"{tags_xml(tags)}</tagSet><volumeType>{kind}</volumeType><iops>3000"
        "</iops><encrypted>false</encrypted></item>")


def volumes(call):
    az = zones(call.region)[0]
    rows = [_volume(one.volume, 20, "gp3", one.az, one.launch, one.id,
                    one.tags) for one in _instances(call)]
    rows += [_volume(_hexid(call, "vol", i), size, kind, az,
                     _made(call, days), None, {"Name": "spare %d" % i})
             for i, (size, kind, days) in enumerate(SPARE)]
    wanted = call.numbered("VolumeId")
    rows = [row for row in rows if not wanted or row[0] in wanted]
    return actions._listed(call, "volumeSet", _shown(call, rows), 5, 1000,
                           1000)


def snapshots(call):
    rows = []
    for i, (size, tier, days, used) in enumerate(SNAPSHOTS):
        ident = _hexid(call, "snap", i)
        rows.append((ident, (
            f"<item><snapshotId>{ident}</snapshotId><volumeId>"
            f"{_hexid(call, 'vol', 'old', i)}</volumeId><status>completed"
            f"</status><startTime>{_made(call, days)}</startTime><progress>"
            f"100%</progress><ownerId>{call.key.account}</ownerId><volumeSize>"
            f"{size}</volumeSize><description>"
            f"{'Created by CreateImage' if used else 'nightly &amp; kept'}"
            f"</description><storageTier>{tier}</storageTier><tagSet/>"
            "</item>")))
    return actions._listed(call, "snapshotSet", _shown(call, rows), 5, 1000,
                           1000)


def images(call):
    used = [i for i, row in enumerate(SNAPSHOTS) if row[3]]
    rows = []
    for i in used:
        ident = _hexid(call, "ami", i)
        rows.append((ident, (
            f"<item><imageId>{ident}</imageId><imageState>available"
            f"</imageState><imageOwnerId>{call.key.account}</imageOwnerId>"
            f"<isPublic>false</isPublic><architecture>x86_64</architecture>"
            f"<name>golden-{i}</name><creationDate>"
            f"{_made(call, SNAPSHOTS[i][2])}</creationDate>"
            "<blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs>"
            f"<snapshotId>{_hexid(call, 'snap', i)}</snapshotId><volumeSize>"
            f"{SNAPSHOTS[i][0]}</volumeSize></ebs></item></blockDeviceMapping>"
            "<tagSet/></item>")))
    return actions._listed(call, "imagesSet", _shown(call, rows), 1, 1000,
                           1000)


def _interface(ident, az, status, instance, ip, kind, managed):
    use = instance and (
        f"<attachment><attachmentId>eni-attach-{ident[4:]}</attachmentId>"
        f"<instanceId>{instance}</instanceId><deviceIndex>0</deviceIndex>"
        "<status>attached</status></attachment>") or ""
    return ident, (
        f"<item><networkInterfaceId>{ident}</networkInterfaceId>"
        f"<availabilityZone>{az}</availabilityZone><description/>"
        f"<requesterManaged>{managed}</requesterManaged><status>{status}"
        f"</status><privateIpAddress>{ip}</privateIpAddress>{use}<tagSet/>"
        f"<interfaceType>{kind}</interfaceType></item>")


def interfaces(call):
    az = zones(call.region)[0]
    rows = [_interface(one.eni, one.az, "in-use", one.id, one.ip, "interface",
                       "false") for one in _instances(call)]
    rows.append(_interface(_hexid(call, "eni", "idle"), az, "available", None,
                           "10.9.9.9", "interface", "false"))
    rows.append(_interface(_hexid(call, "eni", "nat"), az, "in-use", None,
                           "10.9.9.10", "nat_gateway", "true"))
    return actions._listed(call, "networkInterfaceSet", _shown(call, rows), 5,
                           1000, 1000)


def templates(call):
    ident = _hexid(call, "lt", 0)
    rows = [(ident, (
        f"<item><launchTemplateId>{ident}</launchTemplateId>"
        f"<launchTemplateName>web</launchTemplateName><createTime>"
        f"{_made(call, 90)}</createTime><createdBy>arn:aws:iam::"
        f"{call.key.account}:root</createdBy><defaultVersionNumber>2"
        "</defaultVersionNumber><latestVersionNumber>3</latestVersionNumber>"
        "</item>"))]
    return actions._listed(call, "launchTemplates", _shown(call, rows), 1,
                           200, 200)


def _group(call, name, ones):
    members = "".join(
        f"<member><InstanceId>{one.id}</InstanceId><AvailabilityZone>{one.az}"
        f"</AvailabilityZone><LifecycleState>InService</LifecycleState>"
        f"<HealthStatus>Healthy</HealthStatus><ProtectedFromScaleIn>false"
        f"</ProtectedFromScaleIn><InstanceType>{one.type}</InstanceType>"
        "</member>" for one in ones)
    places = "".join("<member>%s</member>" % az
                     for az in sorted({one.az for one in ones}))
    n = len(ones)
    return (
        f"<member><AutoScalingGroupName>{name}</AutoScalingGroupName>"
        f"<AutoScalingGroupARN>arn:aws:autoscaling:{call.region}:"
        f"{call.key.account}:autoScalingGroup:x:autoScalingGroupName/{name}"
        f"</AutoScalingGroupARN><MinSize>{min(1, n)}</MinSize><MaxSize>"
        f"{n + 2}</MaxSize><DesiredCapacity>{n}</DesiredCapacity>"
        f"<DefaultCooldown>300</DefaultCooldown><AvailabilityZones>{places}"
        "</AvailabilityZones><LoadBalancerNames/><HealthCheckType>EC2"
        "</HealthCheckType><HealthCheckGracePeriod>300"
        f"</HealthCheckGracePeriod><Instances>{members}</Instances>"
        f"<CreatedTime>{_made(call, 100)}</CreatedTime><SuspendedProcesses/>"
        f"<Tags><member><Key>env</Key><Value>prod</Value><ResourceId>{name}"
        "</ResourceId><PropagateAtLaunch>true</PropagateAtLaunch></member>"
        "</Tags><NewInstancesProtectedFromScaleIn>false"
        "</NewInstancesProtectedFromScaleIn></member>")


def groups(call):
    found = {}
    for one in _instances(call):
        name = one.tags.get("aws:autoscaling:groupName")
        if name:
            found.setdefault(name, []).append(one)
    wanted = call.numbered("AutoScalingGroupNames.member")
    names = [n for n in sorted(found) if (not wanted or n in wanted) and
             n not in hidden(call.world)]
    size = int(call.params.get("MaxRecords", "50"))
    first, end, token = actions._page(call, len(names), size,
                                      actions._position(call) or 0)
    tail = "<NextToken>%s</NextToken>" % token if token else ""
    return (f'<{call.action}Response xmlns="http://autoscaling.amazonaws.com/'
            f'doc/2011-01-01/"><{call.action}Result><AutoScalingGroups>'
            + "".join(_group(call, n, found[n]) for n in names[first:end]) +
            f"</AutoScalingGroups>{tail}</{call.action}Result>"
            f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId>"
            f"</ResponseMetadata></{call.action}Response>").encode()


def install(table, versions):
    versions.setdefault("autoscaling", "2011-01-01")
    paged = actions.PAGED
    table.update({
        "DescribeVolumes": ("ec2", volumes, paged + "VolumeId.N"),
        "DescribeSnapshots": ("ec2", snapshots, paged + "Owner.N"),
        "DescribeImages": ("ec2", images, paged + "Owner.N"),
        "DescribeNetworkInterfaces": ("ec2", interfaces, paged),
        "DescribeLaunchTemplates": ("ec2", templates, paged)})
    table.setdefault("DescribeAutoScalingGroups", (
        "autoscaling", groups,
        "AutoScalingGroupNames.N MaxRecords NextToken"))

"""What exists in the fake cloud: regions, types, fleets, prices, keys.

Everything generated follows from the seed, the account and the options, so
two runs show the same cloud. Each thing renders its XML once and keeps it.
"""
import bisect
import calendar
import gzip
import hashlib
import json
import random
import re
import threading
import time
from xml.sax.saxutils import escape

REGIONS = """us-east-1 us-east-2 us-west-1 us-west-2 eu-west-1 eu-central-1
eu-west-2 eu-west-3 eu-north-1 ap-northeast-1 ap-southeast-1 ap-southeast-2
ap-south-1 ap-northeast-2 ap-northeast-3 ca-central-1 sa-east-1""".split()
OPT_IN = """af-south-1 ap-east-1 ap-south-2 ap-southeast-3 ap-southeast-4
ca-west-1 eu-central-2 eu-south-1 eu-south-2 il-central-1 me-central-1
me-south-1""".split()
STATES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48,
          "stopping": 64, "stopped": 80}
LAUNCH_BASE = 1735689600    # 2025-01-01; launches lie in the year before it
PRICE_DAYS = 90
# name: vcpu, MiB, architecture, gpu, NVMe GB
SMALL_TYPES = {
    "t3.micro": (2, 1024, "x86_64", None, 0),
    "t3.medium": (2, 4096, "x86_64", None, 0),
    "m5.large": (2, 8192, "x86_64", None, 0),
    "m5.xlarge": (4, 16384, "x86_64", None, 0),
    "m5.2xlarge": (8, 32768, "x86_64", None, 0),
    "m6i.large": (2, 8192, "x86_64", None, 0),
    "m6g.large": (2, 8192, "arm64", None, 0),
    "c5.large": (2, 4096, "x86_64", None, 0),
    "c5.xlarge": (4, 8192, "x86_64", None, 0),
    "c6g.xlarge": (4, 8192, "arm64", None, 0),
    "r5.large": (2, 16384, "x86_64", None, 0),
    "r5.xlarge": (4, 32768, "x86_64", None, 0),
    "i3.large": (2, 15616, "x86_64", None, 475),
    "g4dn.xlarge": (4, 16384, "x86_64", "T4", 125),
}
PLATFORMS = {"Linux/UNIX": "RunInstances",
             "Windows": "RunInstances:0002",
             "Red Hat Enterprise Linux": "RunInstances:0010"}
RENAMED = {"EbsCards": "ebsCardSet", "Workloads": "workloadSet"}
ADDABLE = {"region", "count", "instanceId", "instanceType", "state", "tags",
           "availabilityZone", "lifecycle", "platformDetails", "launchTime",
           "tenancy", "token", "imageId", "groups", "profile", "keyName",
           "userData", "volumes"}   # what a control request may say of one
NAMES = ["web", "api", "batch", "cache & <queue>", 'say "hi"', "größe-∆"]


def stamp(seconds, millis=".000Z"):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + millis


def parse_stamp(text):
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?"
                         r"(Z|[+-]\d\d:?\d\d)?", text)
    if not match:
        raise ValueError(text)
    seconds = calendar.timegm(time.strptime(match[1] + match[2],
                                            "%Y-%m-%d%H:%M:%S"))
    if match[3] and match[3] != "Z":
        zone = match[3].replace(":", "")
        away = int(zone[1:3]) * 3600 + int(zone[3:5]) * 60
        seconds -= away if zone[0] == "+" else -away
    return seconds


def to_xml(value):
    """A JSON value of the SDK's shape as EC2 writes it: lowerCamel, item."""
    if isinstance(value, dict):
        return "".join("<%s>%s</%s>" % (n, to_xml(v), n) for n, v in (
            (RENAMED.get(name, name[0].lower() + name[1:]), v)
            for name, v in value.items()))
    if isinstance(value, list):
        return "".join("<item>%s</item>" % to_xml(v) for v in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value))


def tags_xml(tags):
    return to_xml([{"key": k, "value": v} for k, v in tags.items()])


def load_json(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        return json.load(file)


def zones(region):
    return [region + c for c in ("abcdef" if region == "us-east-1" else "abc")]


def subnet_of(account, az):
    return "subnet-" + hashlib.sha256((account + az).encode()).hexdigest()[:17]


class Instance:
    changes = 0     # of any instance at all; who looks may skip looking

    def __init__(self, rng, region, reservation, account, **given):
        def hexid(prefix):
            return "%s-%017x" % (prefix, rng.getrandbits(68))
        self.region, self.reservation = region, reservation
        self.account, self._xml = account, None
        Instance.changes += 1
        self.id = given.get("instanceId") or hexid("i")
        self.type = given.get("instanceType") or rng.choice(list(SMALL_TYPES))
        self.az = given.get("availabilityZone") or rng.choice(zones(region))
        self.spot = given["lifecycle"] == "spot" if "lifecycle" in given \
            else rng.random() < 0.35
        self.state = given.get("state") or rng.choices(
            ["running", "stopped", "terminated", "pending"],
            [92, 0 if self.spot else 5, 2, 1])[0]
        self.arch = SMALL_TYPES.get(self.type, (0, 0, "x86_64"))[2]
        self.platform = given.get("platformDetails") or rng.choices(
            list(PLATFORMS), [88, 9 if self.arch == "x86_64" else 0, 3])[0]
        self.launch = given.get("launchTime") or stamp(
            LAUNCH_BASE - rng.randrange(365 * 86400))
        self.tags = given.get("tags")
        if self.tags is None:
            self.tags = {"Name": "%s-%d" % (rng.choice(NAMES),
                                            rng.randrange(1000)),
                         "env": rng.choice(["prod", "dev", "test"])}
            if rng.random() < 0.4:
                self.tags["aws:autoscaling:groupName"] = "asg-%d" % (
                    rng.randrange(20))
        self.tenancy = given.get("tenancy", "default")
        self.image, self.volume, self.eni = map(hexid, ("ami", "vol", "eni"))
        self.image = given.get("imageId") or self.image
        self.token = given.get("token", "")
        self.groups = given.get("groups", [])
        self.profile, self.key, self.user_data = (
            given.get(name) or "" for name in ("profile", "keyName",
                                               "userData"))
        self.volumes = given.get("volumes", 1)
        # by the life clock of state.Cloud; None: never
        self.born = self.visible_at = 0.0
        self.running_at = self.checked_at = None
        self.doomed_at = self.dead_at = None
        self.locked, self.system, self.events, self.why = False, "", [], ""
        self.request = "sir-%08x" % rng.getrandbits(32)
        self.vpc = "vpc-" + hashlib.sha256(
            (account + region).encode()).hexdigest()[:17]
        self.subnet = subnet_of(account, self.az)
        self.ip = "10.%d.%d.%d" % (zones(region).index(self.az) if self.az in
                                   zones(region) else 9,
                                   rng.randrange(256), rng.randrange(4, 255))

    def set_state(self, state):
        self.state, self._xml = state, None
        Instance.changes += 1

    def alive(self):
        return self.state not in ("terminated", "shutting-down")

    def xml(self):
        if self._xml is None:
            self._xml = self._render().encode()
        return self._xml

    def _render(self):
        alive, net, disk = self.alive(), "", ""
        if alive:
            dns = "ip-%s.ec2.internal" % self.ip.replace(".", "-")
            net = (f"<privateDnsName>{dns}</privateDnsName><subnetId>"
                   f"{self.subnet}</subnetId><vpcId>{self.vpc}</vpcId>"
                   f"<privateIpAddress>{self.ip}</privateIpAddress>")
            disk = (f"<item><deviceName>/dev/xvda</deviceName><ebs><volumeId>"
                    f"{self.volume}</volumeId><status>attached</status>"
                    f"<attachTime>{self.launch}</attachTime>"
                    "<deleteOnTermination>true</deleteOnTermination></ebs>"
                    "</item>") * self.volumes
        extra = "<groupSet>%s</groupSet>" % "".join(
            "<item><groupId>%s</groupId><groupName>g</groupName></item>" %
            escape(one) for one in self.groups)
        if self.profile:
            extra += ("<iamInstanceProfile><arn>%s</arn><id>AIPA</id>"
                      "</iamInstanceProfile>" % escape(self.profile))
        if self.key:
            extra += "<keyName>%s</keyName>" % escape(self.key)
        eni = alive and (
            f"<item><networkInterfaceId>{self.eni}</networkInterfaceId>"
            f"<subnetId>{self.subnet}</subnetId><vpcId>{self.vpc}</vpcId>"
            f"<ownerId>{self.account}</ownerId><status>in-use</status>"
            f"<privateIpAddress>{self.ip}</privateIpAddress></item>") or ""
        spot = self.spot and (
            "<instanceLifecycle>spot</instanceLifecycle><spotInstanceRequestId>"
            f"{self.request}</spotInstanceRequestId>") or ""
        reason = self.why and not alive and (
            f"<stateReason><code>{escape(self.why)}</code><message>"
            f"{escape(self.why)}</message></stateReason>") or ""
        windows = "<platform>windows</platform>" \
            if self.platform.startswith("Windows") else ""
        return (
            f"<item><instanceId>{escape(self.id)}</instanceId><imageId>"
            f"{self.image}</imageId><instanceState><code>{STATES[self.state]}"
            f"</code><name>{self.state}</name></instanceState>{net}<reason/>{reason}"
            f"<amiLaunchIndex>0</amiLaunchIndex><productCodes/><instanceType>"
            f"{escape(self.type)}</instanceType><launchTime>{self.launch}"
            f"</launchTime><placement><availabilityZone>{escape(self.az)}"
            f"</availabilityZone><groupName/><tenancy>{self.tenancy}</tenancy>"
            f"</placement>{windows}<monitoring><state>disabled</state>"
            f"</monitoring><architecture>{self.arch}</architecture>"
            f"<rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/xvda"
            f"</rootDeviceName><blockDeviceMapping>{disk}</blockDeviceMapping>"
            f"<virtualizationType>hvm</virtualizationType>{spot}"
            f"<clientToken>{escape(self.token)}</clientToken><tagSet>{tags_xml(self.tags)}</tagSet><hypervisor>xen"
            f"</hypervisor><networkInterfaceSet>{eni}</networkInterfaceSet>"
            f"<ebsOptimized>{'false' if self.type[0] == 't' else 'true'}"
            f"</ebsOptimized><enaSupport>true</enaSupport><platformDetails>"
            f"{self.platform}</platformDetails><usageOperation>"
            f"{PLATFORMS.get(self.platform, 'RunInstances')}</usageOperation>"
            f"{extra}</item>")


class Fleet:
    """The instances of one account, by region, grouped in reservations."""

    def __init__(self, seed, account, count, regions):
        self.account, self._lock = account, threading.RLock()
        self._rng = random.Random("%s:%s" % (seed, account))
        self._regions = {region: {} for region in regions}
        weights = [1 + 40 // (i + 1) for i in range(len(regions))]
        want = list(regions[:count]) + self._rng.choices(
            regions, weights, k=max(0, count - len(regions)))
        for region in regions:
            left = want.count(region)
            while left:
                size = min(left, self._rng.choices((1, 2, 3, 4),
                                                   (80, 10, 6, 4))[0])
                self._reserve(region, size, {})
                left -= size

    def _reserve(self, region, size, given):
        name = "r-%017x" % self._rng.getrandbits(68)
        group = [Instance(self._rng, region, name, self.account, **given)
                 for _ in range(size)]
        self._regions.setdefault(region, {})[name] = group
        return [one.id for one in group]

    def change(self, add=(), terminate=(), remove=()):
        done = {"added": [], "terminated": [], "removed": []}
        for given in add:
            if not {"region"} <= set(given) <= ADDABLE or \
                    given.get("state", "running") not in STATES:
                raise ValueError("cannot add %s" % json.dumps(given))
        with self._lock:
            for given in add:
                known = {n: v for n, v in given.items()
                         if n not in ("region", "count")}
                for _ in range(given.get("count", 1)):
                    done["added"] += self._reserve(given["region"], 1, known)
            for region in self._regions.values():
                for name, group in list(region.items()):
                    for one in group:
                        if one.id in terminate and one.alive():
                            one.set_state("terminated")
                            done["terminated"].append(one.id)
                    kept = [one for one in group if one.id not in remove]
                    Instance.changes += len(group) - len(kept)
                    done["removed"] += [o.id for o in group if o not in kept]
                    if kept:
                        region[name] = kept
                    else:
                        del region[name]
        return done

    def reservations(self, region):
        """[(reservation id, [Instance])] in a fixed order."""
        with self._lock:
            return sorted((name, list(group)) for name, group in
                          self._regions.get(region, {}).items())

    def regions(self):
        with self._lock:
            return list(self._regions)

    def instances(self, region):
        return [one for _, group in self.reservations(region)
                for one in group]


class Catalogue:
    """Instance type records in the shape of DescribeInstanceTypes' JSON."""

    def __init__(self, path=None):
        data = load_json(path) if path else [
            self._record(name, *row) for name, row in SMALL_TYPES.items()]
        if isinstance(data, dict):
            data = data.get("InstanceTypes") or list(data.values())
        self.records = {r["InstanceType"]: r for r in data}
        self.names = sorted(self.records)
        self._xml = {}

    @staticmethod
    def _record(name, vcpu, mib, arch, gpu, nvme):
        record = {
            "InstanceType": name, "CurrentGeneration": name[1] != "3",
            "FreeTierEligible": name == "t3.micro", "SupportedUsageClasses":
            ["on-demand", "spot"], "SupportedRootDeviceTypes": ["ebs"],
            "SupportedVirtualizationTypes": ["hvm"], "BareMetal": False,
            "Hypervisor": "nitro", "ProcessorInfo": {
                "SupportedArchitectures": [arch],
                "SustainedClockSpeedInGhz": 3.1},
            "VCpuInfo": {"DefaultVCpus": vcpu}, "MemoryInfo":
            {"SizeInMiB": mib}, "InstanceStorageSupported": bool(nvme),
            "EbsInfo": {"EbsOptimizedSupport": "default", "EbsOptimizedInfo":
                        {"BaselineBandwidthInMbps": 650 * vcpu // 2,
                         "MaximumBandwidthInMbps": 4750}},
            "NetworkInfo": {"NetworkPerformance": "Up to 10 Gigabit",
                            "MaximumNetworkInterfaces": 3},
            "BurstablePerformanceSupported": name[0] == "t"}
        if nvme:
            record["InstanceStorageInfo"] = {"TotalSizeInGB": nvme}
        if gpu:
            record["GpuInfo"] = {"Gpus": [{"Name": gpu, "Manufacturer":
                                 "NVIDIA", "Count": 1, "MemoryInfo":
                                 {"SizeInMiB": 16384}}],
                                 "TotalGpuMemoryInMiB": 16384}
        return record

    def xml(self, name):
        if name not in self._xml:
            self._xml[name] = ("<item>%s</item>" % to_xml(
                self.records[name])).encode()
        return self._xml[name]

    def offered(self, name, az):
        """Most types are offered in most zones."""
        if az[-1] == "a":
            return True
        return hashlib.sha256((name + az).encode()).digest()[0] % 10 != 0

    def guess_price(self, name):
        record = self.records[name]
        return 0.022 * record["VCpuInfo"]["DefaultVCpus"] + \
            0.0065 * record["MemoryInfo"]["SizeInMiB"] / 1024 + \
            (0.3 if "GpuInfo" in record else 0)


class Prices:
    """Spot price series: (seconds, type, product, zone, xml), oldest first."""

    def __init__(self, seed, catalogue, now, path=None):
        self._seed, self._catalogue = seed, catalogue
        self._end = now - now % 3600
        self._lock, self._made = threading.Lock(), {}
        self._file = None
        if path:
            data = load_json(path)
            self._file = {}
            for row in data["SpotPriceHistory"] if isinstance(data, dict) \
                    else data:
                key = (row["InstanceType"], row["ProductDescription"],
                       row["AvailabilityZone"])
                self._file.setdefault(key, []).append(
                    (parse_stamp(row["Timestamp"]), row["SpotPrice"]))

    def types(self):
        return sorted({key[0] for key in self._file}) if self._file \
            is not None else sorted(set(SMALL_TYPES) &
                                    set(self._catalogue.records))

    def series(self, name, region):
        """All series of a type in a region, each a list oldest first."""
        with self._lock:
            if (name, region) not in self._made:
                self._made[name, region] = [
                    [(at, name, product, az, (
                        f"<item><instanceType>{name}</instanceType>"
                        f"<productDescription>{product}</productDescription>"
                        f"<spotPrice>{price}</spotPrice><timestamp>"
                        f"{stamp(at)}</timestamp><availabilityZone>{az}"
                        "</availabilityZone></item>").encode())
                     for at, price in sorted(rows)]
                    for (product, az), rows in self._rows(name, region)]
            return self._made[name, region]

    def _rows(self, name, region):
        if self._file is not None:
            return [(key[1:], rows) for key, rows in self._file.items()
                    if key[0] == name and key[2][:-1] == region]
        if name not in self._catalogue.records:
            return []
        arm = "arm64" in self._catalogue.records[name][
            "ProcessorInfo"]["SupportedArchitectures"]
        return [((product, az), self._walk(name, product, az))
                for az in zones(region) if self._catalogue.offered(name, az)
                for product in ("Linux/UNIX", "Windows")
                if product == "Linux/UNIX" or not arm]

    def _walk(self, name, product, az):
        rng = random.Random(":".join((self._seed, name, product, az)))
        full = self._catalogue.guess_price(name)
        extra = 0.046 * self._catalogue.records[name]["VCpuInfo"][
            "DefaultVCpus"] if product == "Windows" else 0
        share, at, rows = rng.uniform(0.25, 0.5), self._end, []
        while at > self._end - PRICE_DAYS * 86400:
            rows.append((at - rng.randrange(3600), "%.6f" % (
                full * share + extra)))
            share = min(0.95, max(0.12, share * rng.uniform(0.97, 1.031)))
            at -= rng.randrange(4, 14) * 3600
        return rows

    def history(self, region, names, products, az, start, end):
        """Newest first, with the record in force at start, as EC2 does."""
        found = []
        for name in names:
            for rows in self.series(name, region):
                if (products and rows[0][2] not in products) or \
                        (az and rows[0][3] != az):
                    continue
                first = bisect.bisect_right(rows, (start,)) if start else 0
                if start and first and (first == len(rows) or
                                        rows[first][0] > start):
                    first -= 1
                found += rows[first:bisect.bisect_left(rows, (end + 1,))]
        return sorted(found, key=lambda row: (-row[0],) + row[1:4])


class Key:
    """A credential: long-term (token None) or given out by AssumeRole."""

    def __init__(self, access, secret, account, denied=False, arn=None,
                 user=None, token=None, expires=None):
        self.access, self.secret, self.account = access, secret, account
        self.denied, self.token, self.expires = denied, token, expires
        self.arn = arn or "arn:aws:iam::%s:user/fake" % account
        self.user = user or "AIDA" + access[4:]


class World:
    def __init__(self, keys, roles, seed="1", instances=100, regions=17,
                 types=None, prices=None, session_seconds=None):
        self.keys = {key.access: key for key in keys}
        self.roles, self.seed = roles, seed
        self.home = keys[0].account
        self.regions = (REGIONS + OPT_IN)[:regions]
        self.closed = [r for r in OPT_IN if r not in self.regions]
        self.offset = 0.0
        self.session_seconds = session_seconds
        self.catalogue = Catalogue(types)
        self.prices = Prices(seed, self.catalogue, int(time.time()), prices)
        self._count, self._lock = instances, threading.Lock()
        self._fleets, self._sessions = {}, 0
        self.files = {}
        from .state import Cloud
        from .asg import adopt
        self.cloud = Cloud(self)
        self.cloud.hooks.append(lambda: adopt(self.cloud))

    def now(self):
        return time.time() + self.offset

    def file(self, path, body=None, etag=None, status=200):
        """A page for plain GETs, and how often it was asked for so far."""
        with self._lock:
            kept = self.files.setdefault(path, {
                "body": b"", "etag": None, "status": 404, "asked": 0,
                "unchanged": 0})
            if body is not None:
                kept.update(body=body.encode(), etag=etag, status=status)
            return {name: kept[name] for name in ("asked", "unchanged")}

    def fleet(self, account):
        with self._lock:
            if account not in self._fleets:
                self._fleets[account] = Fleet(self.seed, account, self._count,
                                              self.regions)
            return self._fleets[account]

    def fleets(self):
        """[(account, Fleet)] of those that anybody has asked about."""
        with self._lock:
            return list(self._fleets.items())

    @staticmethod
    def subnet(account, az):
        return subnet_of(account, az)

    def issue(self, arn, session, seconds):
        """Temporary credentials for a role."""
        with self._lock:
            self._sessions += 1
            mark = hashlib.sha512(("%s:%s:%d" % (
                self.seed, arn, self._sessions)).encode()).hexdigest()
            account, role = arn.split(":")[4], arn.rsplit("/", 1)[1]
            key = Key("ASIA" + mark[:16].upper(), mark[16:56], account,
                      arn="arn:aws:sts::%s:assumed-role/%s/%s" % (
                          account, role, session),
                      user="AROA" + mark[56:72].upper() + ":" + session,
                      token="FwoG/+" + mark[72:] * 4 + "==",
                      expires=self.now() + min(seconds, self.session_seconds
                                               or seconds))
            self.keys[key.access] = key
            return key

    def expire_sessions(self):
        with self._lock:
            for key in self.keys.values():
                if key.token:
                    key.expires = 0

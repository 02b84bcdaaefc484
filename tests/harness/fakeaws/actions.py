"""The actions: from checked parameters to the XML EC2 and STS answer with.

Also who is calling (authenticate) and how errors are written. Refuses
parameters an action does not have, as EC2 does: a client's misspelling must
fail here and not in the field.
"""
import base64
import binascii
import calendar
import fnmatch
import hashlib
import hmac
import json
import re
import time
import uuid
from xml.sax.saxutils import escape

from . import sigv4
from .world import STATES, parse_stamp, stamp, tags_xml, to_xml, zones

SKEW_S = 300
VERSIONS = {"ec2": "2016-11-15", "sts": "2011-06-15"}
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
ERRORS = {  # code: status, message
    "AuthFailure": (401, "AWS was not able to validate the provided access "
                    "credentials"),
    "SignatureDoesNotMatch": (403, "The request signature we calculated does "
                              "not match the signature you provided. Check "
                              "your AWS Secret Access Key and signing method. "
                              "Consult the service documentation for details."),
    "InvalidClientTokenId": (403, "The security token included in the request "
                             "is invalid."),
    "MissingAuthenticationToken": (403, "Request is missing Authentication "
                                   "Token"),
    "IncompleteSignature": (400, "Request must contain a complete signature."),
    "RequestExpired": (400, "Request has expired."),
    "ExpiredToken": (403, "The security token included in the request is "
                     "expired"),
    "UnauthorizedOperation": (403, "You are not authorized to perform this "
                              "operation."),
    "AccessDenied": (403, "Access denied"),
    "OptInRequired": (403, "You are not subscribed to this service. Please "
                      "go to http://aws.amazon.com to subscribe."),
    "RequestLimitExceeded": (503, "Request limit exceeded."),
    "Throttling": (400, "Rate exceeded"),
    "InternalError": (500, "An internal error has occurred"),
    "ServiceUnavailable": (503, "The service is unavailable. Please try "
                           "again shortly."),
    "InvalidNextToken": (400, "The token is invalid"),
    "InvalidParameterValue": (400, "A parameter value is invalid."),
    "MissingParameter": (400, "The request must contain a parameter."),
}


class AwsError(Exception):
    def __init__(self, code, message=None, status=None):
        known = ERRORS.get(code, (400, code))
        super().__init__(code)
        self.code, self.message = code, message or known[1]
        self.status = status or known[0]

    def body(self, service):
        ident = str(uuid.uuid4())
        error = "<Code>%s</Code><Message>%s</Message>" % tuple(
            escape(re.sub("[\x00-\x08\x0b-\x1f]", "?", text))
            for text in (self.code, self.message))
        if service == "sqs":
            return json.dumps({"__type": "com.amazonaws.sqs#" + self.code,
                               "message": self.message}).encode()
        if service != "ec2":
            return (f'<ErrorResponse xmlns="https://{service}.amazonaws.com/'
                    f'doc/{VERSIONS.get(service, "-")}/">\n  <Error>\n    '
                    f'<Type>Sender</Type>{error}</Error>\n  <RequestId>{ident}'
                    '</RequestId>\n</ErrorResponse>\n').encode()
        return (f'{XML}<Response><Errors><Error>{error}</Error></Errors>'
                f'<RequestID>{ident}</RequestID></Response>').encode()


class Call:
    """One request: what was asked, by whom, and the fault laid on it."""

    def __init__(self, world, params, method, target, headers, body):
        self.world, self.params = world, params
        self.method, self.target = method, target
        self.headers, self.body = headers, body
        self.action = params.get("Action", "")
        self.key = self.auth = self.json = None
        self.gone = lambda: False       # has the client hung up?
        self.repeated = False           # a client token answered
        self.region, self.fault = "-", {}
        self.access = "-"
        self.service = ACTIONS[self.action][0] if self.action in ACTIONS \
            else "ec2"
        text = self.header("authorization")
        try:
            if text:
                self.auth = sigv4.Authorization(text)
                self.region, self.access = self.auth.region, self.auth.key
                self.service = self.auth.service
            self.malformed = None
        except sigv4.Malformed as error:
            self.malformed = str(error)

    def header(self, name):
        values = [v for n, v in self.headers if n.lower() == name]
        return values[0].strip() if values else None

    def numbered(self, name):
        """Values of Name.1, Name.2 ... in order of their number."""
        found = [(int(match[1]), value) for match, value in (
            (re.fullmatch(re.escape(name) + r"\.(\d+)", k), v)
            for k, v in self.params.items()) if match]
        return [value for _, value in sorted(found)]

    def filters(self):
        found = {}
        for name, value in self.params.items():
            match = re.fullmatch(r"Filter\.(\d+)\.Name", name)
            if match:
                found[value] = self.numbered("Filter.%s.Value" % match[1])
        return found

    def flag(self, name):
        return self.params.get(name, "").lower() == "true"


def authenticate(call):
    """Sets call.key, or says what AWS says about a bad signature."""
    sts, auth = call.service != "ec2", call.auth
    if call.malformed:
        raise AwsError("IncompleteSignature" if sts else "AuthFailure",
                       call.malformed)
    if auth is None:
        raise AwsError("MissingAuthenticationToken" if sts else "AuthFailure")
    key = call.world.keys.get(auth.key)
    if key is None:
        raise AwsError("InvalidClientTokenId" if sts else "AuthFailure")
    names = {name.lower() for name, _ in call.headers}
    must = {"host"} | {n for n in names if n.startswith("x-amz-")}
    if "x-amz-date" not in names or not set(auth.signed) <= names or \
            not must <= set(auth.signed):
        raise AwsError("SignatureDoesNotMatch", "'Host', 'X-Amz-Date' and all "
                       "'X-Amz-*' headers must be sent and signed.")
    if (call.header("x-amz-security-token") or None) != key.token:
        raise AwsError("InvalidClientTokenId" if sts else "AuthFailure")
    _check_scope(call)
    digest = hashlib.sha256(call.body).hexdigest()
    claimed = call.header("x-amz-content-sha256")
    want, canonical, text = sigv4.expected(
        auth, key.secret, call.header("x-amz-date"), call.method, call.target,
        call.headers, digest)
    if not hmac.compare_digest(want, auth.signature) or \
            claimed not in (None, digest):
        raise AwsError("SignatureDoesNotMatch", ERRORS[
            "SignatureDoesNotMatch"][1] + "\n\nThe Canonical String for this "
            f"request should have been\n'{canonical}'\n\nThe String-to-Sign "
            f"should have been\n'{text}'\n")
    if key.expires is not None and key.expires <= call.world.now():
        raise AwsError("ExpiredToken" if sts else "RequestExpired")
    call.key = key


def _check_scope(call):
    date, sts = call.header("x-amz-date"), call.service != "ec2"
    try:
        sent = calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise AwsError("IncompleteSignature" if sts else "AuthFailure",
                       "X-Amz-Date is not a date: '%s'" % date) from None
    if call.auth.date != date[:8]:
        raise AwsError("SignatureDoesNotMatch", "Date in Credential scope "
                       "does not match YYYYMMDD from X-Amz-Date.")
    if call.service not in VERSIONS:
        raise AwsError("SignatureDoesNotMatch", "Credential should be scoped "
                       "to correct service: 'ec2' or 'sts'.")
    if abs(sent - call.world.now()) > SKEW_S:
        if sts:
            raise AwsError("SignatureDoesNotMatch", "Signature expired: %s is "
                           "not within 5 min. of %s" % (date, time.strftime(
                               "%Y%m%dT%H%M%SZ",
                               time.gmtime(call.world.now()))))
        raise AwsError("RequestExpired")
    if call.region in call.world.closed:
        raise AwsError("OptInRequired")
    if call.region not in call.world.regions:
        raise AwsError("SignatureDoesNotMatch" if sts else "AuthFailure",
                       "Credential should be scoped to a valid region.")


def run(call):
    """The XML answer of an authenticated call."""
    if not call.action:
        raise AwsError("MissingParameter",
                       "The request must contain the parameter Action")
    service, function, allowed = ACTIONS.get(call.action, (None, None, ()))
    if service != call.service:
        raise AwsError("InvalidAction", "The action %s is not valid for this "
                       "web service." % call.action)
    if call.json is None and \
            call.params.get("Version") != VERSIONS[service]:
        raise AwsError("NoSuchVersion", "The requested version (%s) of service"
                       " is not valid" % call.params.get("Version"))
    if allowed is not None:     # else the function looks by itself
        known = set(allowed.split()) | {"Action", "Version", "DryRun"}
        for name in call.params:
            base, dot, _ = name.partition(".")
            if (base + ".N" if dot else base) not in known:
                raise AwsError("UnknownParameter",
                               "The parameter %s is not recognized" % name)
    if call.action != "GetCallerIdentity" and call.key.denied:
        raise denied(call)
    if "NextToken" in call.params and call.fault.get("expire_tokens"):
        raise AwsError("InvalidNextToken")
    call.world.fleet(call.key.account)
    call.world.cloud.tick()
    return function(call)


def denied(call):
    if call.service != "ec2":
        return AwsError("AccessDenied", "User: %s is not authorized to perform"
                        ": %s:%s on resource: %s" % (
                            call.key.arn, call.service, call.action,
                            call.params.get("RoleArn", "*")))
    return AwsError("UnauthorizedOperation", "You are not authorized to "
                    "perform this operation. User: %s is not authorized to "
                    "perform: ec2:%s because no identity-based policy allows "
                    "the ec2:%s action" % (call.key.arn, call.action,
                                           call.action))


def _answer(call, name, items, token=None, empty_token=False):
    """The EC2 envelope around a set of rendered items."""
    tail = "<nextToken>%s</nextToken>" % token if token else \
        "<nextToken/>" if empty_token else ""
    head = (f'{XML}<{call.action}Response xmlns="http://ec2.amazonaws.com/doc/'
            f'{VERSIONS["ec2"]}/"><requestId>{uuid.uuid4()}</requestId>'
            f'<{name}>')
    return b"".join([head.encode(), *items, (
        f'</{name}>{tail}</{call.action}Response>').encode()])


def _items(records):
    return [("<item>%s</item>" % to_xml(r)).encode() for r in records]


# -- paging: a token is an opaque, signed position for one exact question

def _fingerprint(call):
    text = json.dumps([call.action, call.region, call.key.account, sorted(
        (n, v) for n, v in call.params.items()
        if n not in ("NextToken", "MaxResults", "Version"))])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _seal(call, text):
    return hmac.new(call.world.seed.encode(), text, hashlib.sha256).digest()[:9]


def _make_token(call, position):
    text = json.dumps([_fingerprint(call), position]).encode()
    return base64.b64encode(_seal(call, text) + text).decode()


def _position(call):
    token = call.params.get("NextToken")
    if not token:
        return None
    try:
        raw = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        raise AwsError("InvalidNextToken") from None
    if not hmac.compare_digest(raw[:9], _seal(call, raw[9:])):
        raise AwsError("InvalidNextToken")
    mark, position = json.loads(raw[9:])
    if mark != _fingerprint(call):
        raise AwsError("InvalidNextToken")
    return position


def _size(call, low, high, default):
    text = call.params.get("MaxResults", str(default))
    if not re.fullmatch(r"\d{1,9}", text) or not low <= int(text) <= high:
        raise AwsError("InvalidParameterValue", "Value ( %s ) for parameter "
                       "maxResults is invalid. Expecting a value between %d "
                       "and %d." % (text, low, high))
    return int(text)


def _page(call, count, size, start):
    """(first, end, token) of a page of rows [0, count)."""
    if call.fault.get("empty_page"):
        return start, start, _make_token(call, start)
    end = min(count, start + size)
    if call.fault.get("loop_token"):
        return start, end, _make_token(call, start)
    return start, end, _make_token(call, end) if end < count else None


def _listed(call, name, items, low, high, default, **options):
    size = _size(call, low, high, default)
    first, end, token = _page(call, len(items), size, _position(call) or 0)
    return _answer(call, name, items[first:end], token, **options)


# -- filters

def _matcher(call, fields):
    """A predicate from Filter.N; fields: name -> function to list of text."""
    wanted = []
    for name, values in call.filters().items():
        get = fields.get(name)
        if get is None and name.startswith("tag:") and "tag:" in fields:
            def get(one, tag=name[4:]):
                return [one.tags[tag]] if tag in one.tags else []
        if get is None:
            raise AwsError("InvalidParameterValue",
                           "The filter '%s' is invalid" % name)
        wanted.append((get, [v.replace("[", "[[]") for v in values]))
    return lambda one: all(any(
        fnmatch.fnmatchcase(text, pattern) for text in get(one)
        for pattern in patterns) for get, patterns in wanted)


INSTANCE_FILTERS = {
    "instance-id": lambda i: [i.id],
    "instance-type": lambda i: [i.type],
    "instance-state-name": lambda i: [i.state],
    "instance-state-code": lambda i: [str(STATES[i.state])],
    "instance-lifecycle": lambda i: ["spot"] if i.spot else [],
    "availability-zone": lambda i: [i.az],
    "architecture": lambda i: [i.arch],
    "image-id": lambda i: [i.image],
    "tenancy": lambda i: [i.tenancy],
    "vpc-id": lambda i: [i.vpc] if i.alive() else [],
    "subnet-id": lambda i: [i.subnet] if i.alive() else [],
    "client-token": lambda i: [i.token] if i.token else [],
    "tag-key": lambda i: list(i.tags),
    "tag:": None,
}


def _instances(call):
    wanted = call.numbered("InstanceId")
    if wanted and "MaxResults" in call.params:
        raise AwsError("InvalidParameterCombination", "The parameter instances"
                       "Set cannot be used with the parameter maxResults")
    size, after = _size(call, 5, 1000, 1000), _position(call)
    life = call.world.cloud.life()
    groups = [(name, [one for one in group if one.visible_at <= life])
              for name, group in call.world.fleet(
                  call.key.account).reservations(call.region)]
    if wanted:
        there = {one.id for _, group in groups for one in group}
        for ident in wanted:
            if ident not in there:
                raise AwsError("InvalidInstanceID.NotFound", "The instance ID "
                               "'%s' does not exist" % ident)
    match = _matcher(call, INSTANCE_FILTERS)
    items, count, token = [], 0, None
    for name, group in groups:
        if after is not None and name <= after:
            continue
        if wanted or call.filters():
            group = [one for one in group if match(one) and
                     (not wanted or one.id in wanted)]
        if not group:
            continue
        if count + len(group) > size or call.fault.get("empty_page"):
            token = _make_token(call, after)
            break
        items.append(b"<item><reservationId>%s</reservationId><ownerId>%s"
                     b"</ownerId><groupSet/><instancesSet>%s</instancesSet>"
                     b"</item>" % (name.encode(), call.key.account.encode(),
                                   b"".join([one.xml() for one in group])))
        count, after = count + len(group), name
    if call.fault.get("loop_token"):
        token = _make_token(call, _position(call))
    return _answer(call, "reservationSet", items, token)


def _regions(call):
    world, names = call.world, call.numbered("RegionName")
    rows = [{"RegionName": name, "RegionEndpoint":
             "ec2.%s.amazonaws.com" % name, "OptInStatus": status}
            for name, status in
            [(n, "opt-in-not-required" if i < 17 else "opted-in")
             for i, n in enumerate(world.regions)] +
            [(n, "not-opted-in") for n in world.closed]]
    for name in names:
        if name not in [row["RegionName"] for row in rows]:
            raise AwsError("InvalidParameterValue",
                           "Invalid region provided: " + name)
    match = _matcher(call, {
        "region-name": lambda r: [r["RegionName"]],
        "endpoint": lambda r: [r["RegionEndpoint"]],
        "opt-in-status": lambda r: [r["OptInStatus"]]})
    return _answer(call, "regionInfo", _items(
        row for row in rows if match(row) and (
            row["RegionName"] in names or not names and (
                row["OptInStatus"] != "not-opted-in" or
                call.flag("AllRegions")))))


def _zones(call):
    rows = [{"ZoneName": name, "ZoneState": "available", "OptInStatus":
             "opt-in-not-required", "RegionName": call.region, "ZoneId":
             "%s-az%d" % (re.sub(r"(\w\w)-(\w)\w*-(\d)", r"\1\2\3",
                                 call.region), i + 1),
             "GroupName": call.region + "-zg-1", "NetworkBorderGroup":
             call.region, "ZoneType": "availability-zone", "MessageSet": []}
            for i, name in enumerate(zones(call.region))]
    names = call.numbered("ZoneName")
    match = _matcher(call, {
        "zone-name": lambda z: [z["ZoneName"]],
        "zone-id": lambda z: [z["ZoneId"]],
        "state": lambda z: [z["ZoneState"]],
        "zone-type": lambda z: [z["ZoneType"]],
        "region-name": lambda z: [z["RegionName"]],
        "opt-in-status": lambda z: [z["OptInStatus"]]})
    return _answer(call, "availabilityZoneInfo", _items(
        row for row in rows if match(row) and
        (not names or row["ZoneName"] in names)))


def _types(call):
    catalogue, names = call.world.catalogue, call.numbered("InstanceType")
    for name in names:
        if name not in catalogue.records:
            raise AwsError("InvalidInstanceType", "The following supplied "
                           "instance types do not exist: [%s]" % name)
    match = _matcher(call, {
        "instance-type": lambda r: [r["InstanceType"]],
        "current-generation": lambda r: [to_xml(r["CurrentGeneration"])],
        "bare-metal": lambda r: [to_xml(r["BareMetal"])],
        "supported-usage-class": lambda r: r["SupportedUsageClasses"],
        "processor-info.supported-architecture":
            lambda r: r["ProcessorInfo"]["SupportedArchitectures"]})
    return _listed(call, "instanceTypeSet", [
        catalogue.xml(name) for name in names or catalogue.names
        if match(catalogue.records[name])], 5, 100, 100)


def _offerings(call):
    kind = call.params.get("LocationType", "region")
    if kind not in ("region", "availability-zone"):
        raise AwsError("InvalidParameterValue", "Value (%s) for parameter "
                       "locationType is invalid." % kind)
    places = zones(call.region) if kind != "region" else [call.region]
    rows = ({"InstanceType": name, "LocationType": kind, "Location": place}
            for name in call.world.catalogue.names for place in places
            if kind == "region" or call.world.catalogue.offered(name, place))
    match = _matcher(call, {"instance-type": lambda r: [r["InstanceType"]],
                            "location": lambda r: [r["Location"]]})
    return _listed(call, "instanceTypeOfferingSet", _items(
        row for row in rows if match(row)), 5, 1000, 1000)


def _when(call, name, default):
    text = call.params.get(name)
    try:
        return parse_stamp(text) if text else default
    except ValueError:
        raise AwsError("InvalidParameterValue", "Invalid value '%s' for %s. "
                       "It must be an ISO 8601 date." % (text, name)) from None


def _prices(call):
    start = _when(call, "StartTime", None)
    end = _when(call, "EndTime", int(call.world.now()))
    if start is not None and start > end:
        raise AwsError("InvalidParameterValue", "startTime must not be after "
                       "endTime")
    filters = call.filters()
    for name in filters:
        if name not in ("instance-type", "product-description",
                        "availability-zone"):
            raise AwsError("InvalidParameterValue",
                           "The filter '%s' is invalid" % name)
    types = call.numbered("InstanceType") + filters.get("instance-type", [])
    products = call.numbered("ProductDescription") + filters.get(
        "product-description", [])
    zone = call.params.get("AvailabilityZone") or (filters.get(
        "availability-zone") or [None])[0]
    mark = _fingerprint(call)
    rows = _history.get(mark) if "NextToken" in call.params else None
    if rows is None:
        if len(_history) > 64:
            _history.clear()
        rows = _history[mark] = [row[4] for row in call.world.prices.history(
            call.region, types or call.world.prices.types(),
            {p.replace(" (Amazon VPC)", "") for p in products}, zone,
            start, end)]
    return _listed(call, "spotPriceHistorySet", rows, 1, 1000, 1000,
                   empty_token=True)


_history = {}   # one question's filtered rows, so that pages agree


def _addresses(call):
    """Every 20th running instance has an address, and one is free."""
    ones = [one for one in call.world.fleet(call.key.account).instances(
        call.region) if one.state == "running"][::20]
    rows = [{"PublicIp": "198.51.100.%d" % (i % 250 + 2), "AllocationId":
             "eipalloc-" + one.eni[4:], "Domain": "vpc", "InstanceId": one.id,
             "AssociationId": "eipassoc-" + one.eni[4:], "PrivateIpAddress":
             one.ip, "NetworkInterfaceId": one.eni}
            for i, one in enumerate(ones)]
    rows.append({"PublicIp": "198.51.100.1", "Domain": "vpc",
                 "AllocationId": "eipalloc-0000000000000free"})
    match = _matcher(call, {"instance-id": lambda r: [r.get("InstanceId", "")],
                            "public-ip": lambda r: [r["PublicIp"]]})
    return _answer(call, "addressesSet", _items(r for r in rows if match(r)))


# -- STS

def _sts(call, result):
    return (f'<{call.action}Response xmlns="https://sts.amazonaws.com/doc/'
            f'{VERSIONS["sts"]}/"><{call.action}Result>{result}'
            f'</{call.action}Result><ResponseMetadata><RequestId>'
            f'{uuid.uuid4()}</RequestId></ResponseMetadata>'
            f'</{call.action}Response>').encode()


def _identity(call):
    return _sts(call, f"<Arn>{call.key.arn}</Arn><UserId>{call.key.user}"
                f"</UserId><Account>{call.key.account}</Account>")


def _assume(call):
    for name in ("RoleArn", "RoleSessionName"):
        if name not in call.params:
            raise AwsError("MissingParameter",
                           "The request must contain the parameter " + name)
    arn, session = call.params["RoleArn"], call.params["RoleSessionName"]
    seconds = call.params.get("DurationSeconds", "3600")
    if not re.fullmatch(r"[\w+=,.@-]{2,64}", session) or not re.fullmatch(
            r"\d{1,6}", seconds) or not 900 <= int(seconds) <= 43200:
        raise AwsError("ValidationError", "RoleSessionName or DurationSeconds "
                       "failed to satisfy constraint")
    if arn not in call.world.roles or \
            call.world.roles[arn] != call.params.get("ExternalId", ""):
        raise denied(call)
    key = call.world.issue(arn, session, int(seconds))
    return _sts(call, (
        f"<AssumedRoleUser><AssumedRoleId>{key.user}</AssumedRoleId><Arn>"
        f"{key.arn}</Arn></AssumedRoleUser><Credentials><AccessKeyId>"
        f"{key.access}</AccessKeyId><SecretAccessKey>{key.secret}"
        f"</SecretAccessKey><SessionToken>{key.token}</SessionToken>"
        f"<Expiration>{stamp(key.expires, 'Z')}</Expiration></Credentials>"))


PAGED = "Filter.N MaxResults NextToken "
MUTATING = {"AssumeRole"}
ACTIONS = {
    "GetCallerIdentity": ("sts", _identity, ""),
    "AssumeRole": ("sts", _assume, "RoleArn RoleSessionName ExternalId "
                   "DurationSeconds"),
    "DescribeRegions": ("ec2", _regions, "Filter.N RegionName.N AllRegions"),
    "DescribeAvailabilityZones": ("ec2", _zones, "Filter.N ZoneName.N "
                                  "AllAvailabilityZones"),
    "DescribeInstances": ("ec2", _instances, PAGED + "InstanceId.N"),
    "DescribeInstanceTypes": ("ec2", _types, PAGED + "InstanceType.N"),
    "DescribeInstanceTypeOfferings": ("ec2", _offerings,
                                      PAGED + "LocationType"),
    "DescribeSpotPriceHistory": ("ec2", _prices, PAGED + "InstanceType.N "
                                 "ProductDescription.N AvailabilityZone "
                                 "StartTime EndTime"),
    "DescribeAddresses": ("ec2", _addresses, "Filter.N"),
}
from . import assets, asg, launch, sqs  # noqa: E402  (they need what stands above)
assets.install(ACTIONS, VERSIONS)
launch.install(ACTIONS)
asg.install(ACTIONS, VERSIONS)
sqs.install(ACTIONS, VERSIONS)

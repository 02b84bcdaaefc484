#!/usr/bin/env python3
"""Tests of the fake EC2 itself: its signature check, paging and faults.

Run directly. The signature vectors come from $SHARED/data (default: next to
the project); without them that case says so, and fails when CI is set.
"""
import gzip
import hashlib
import http.client
import json
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree
from urllib.parse import urlencode

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from fakeaws import sigv4, world  # noqa: E402

SHARED = pathlib.Path(os.environ.get("SHARED") or HERE.parents[2] / "shared")
KEY = ("AKIAFAKEEXAMPLE00001", "fakesecret" * 4 + "0", None)
DENIED = ("AKIADENIED0000000002", "deniedsecret", None)
OTHER = ("AKIAOTHER00000000003", "othersecret", None)
ROLE = "arn:aws:iam::444455556666:role/quincunx"


def flat(text):
    """Parsed XML without name spaces."""
    root = ElementTree.fromstring(text)
    for one in root.iter():
        one.tag = one.tag.rpartition("}")[2]
    return root


class Fake:
    """A running fake and one keep-alive connection to it."""

    def __init__(self, *args):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "fake_ec2.py"), "--die-with-parent",
             *args], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.http = http.client.HTTPConnection("127.0.0.1", self.port, 10)

    def stop(self):
        self.http.close()
        self.process.terminate()
        self.process.stdout.close()
        return self.process.wait(5)

    def control(self, path="", data=None):
        self.http.request("GET" if data is None else "POST",
                          "/_control" + path, None if data is None
                          else json.dumps(data))
        reply = self.http.getresponse()
        return reply.status, json.loads(reply.read())

    def raw(self, action, key=KEY, region="us-east-1", service="ec2",
            when=0, secret=None, method="POST", spoil=None, **params):
        """(status, headers, body) of a signed call."""
        version = {"ec2": "2016-11-15", "sts": "2011-06-15",
                   "autoscaling": "2011-01-01"}[service]
        form = urlencode({"Action": action, "Version": version, **{
            name.replace("_", "."): value for name, value in params.items()}})
        target, body = ("/", form) if method == "POST" else ("/?" + form, "")
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() + when))
        headers = [("Host", "127.0.0.1:%d" % self.port), ("X-Amz-Date", date)]
        if key[2]:
            headers.append(("X-Amz-Security-Token", key[2]))
        headers.append(("Authorization", sigv4.sign(
            key[0], secret or key[1], date, region, service, method, target,
            headers, body.encode())))
        if spoil:
            spoil(headers)
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        try:
            self.http.request(method, target, body, dict(headers))
            reply = self.http.getresponse()
            return reply.status, reply.headers, reply.read()
        except Exception:
            self.http.close()
            raise

    def json(self, target, service, members, key=KEY, region="us-east-1"):
        """(status, object) of a signed call of the JSON protocol."""
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = [("Host", "127.0.0.1:%d" % self.port), ("X-Amz-Date", date),
                   ("X-Amz-Target", target),
                   ("Content-Type", "application/x-amz-json-1.0")]
        body = json.dumps(members)
        headers.append(("Authorization", sigv4.sign(
            key[0], key[1], date, region, service, "POST", "/", headers,
            body.encode())))
        self.http.request("POST", "/", body, dict(headers))
        reply = self.http.getresponse()
        return reply.status, json.loads(reply.read())

    def call(self, action, **options):
        """(status, root element)."""
        status, _, body = self.raw(action, **options)
        return status, flat(body)

    def code(self, action, **options):
        status, root = self.call(action, **options)
        return status, root.findtext(".//Error/Code")

    def pages(self, action, path, **options):
        token, found = {}, []
        while True:
            status, root = self.call(action, **options, **token)
            assert status == 200, ElementTree.tostring(root)
            found.append([one.text for one in root.findall(path)])
            token = {"NextToken": root.findtext("nextToken")}
            if not token["NextToken"]:
                return found


class Vectors(unittest.TestCase):
    def test_signing_suite(self):
        path = SHARED / "data/aws/sigv4_test_suite_aws-c-auth.dev.tar.gz"
        if not path.exists():
            if os.environ.get("CI"):
                self.fail("missing: SHARED/data/aws signing suite")
            self.skipTest("not run: no SHARED/data/aws signing suite")
        cases = {}
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                if member.isfile():
                    parts = pathlib.PurePath(member.name).parts
                    cases.setdefault(parts[-2], {})[parts[-1]] = \
                        tar.extractfile(member).read().decode()
        self.assertGreaterEqual(len(cases), 10)
        for name, case in cases.items():
            with self.subTest(name):
                self.one(case)

    def one(self, case):
        context = json.loads(case["context.json"])
        head, _, body = case["header-signed-request.txt"].partition("\n\n")
        lines = re.sub(r"\n\s+", " ", head).splitlines()
        method, target = lines[0].rsplit(" ", 1)[0].split(" ", 1)
        headers = [line.partition(":")[::2] for line in lines[1:] if line]
        values = {name.lower(): value for name, value in headers}
        auth = sigv4.Authorization(values["authorization"])
        made, canonical, text = sigv4.expected(
            auth, context["credentials"]["secret_access_key"],
            values["x-amz-date"], method, target, headers,
            hashlib.sha256(body.rstrip("\n").encode()).hexdigest())
        self.assertEqual(canonical, case["header-canonical-request.txt"])
        self.assertEqual(text, case["header-string-to-sign.txt"])
        self.assertEqual(made, case["header-signature.txt"].strip())
        self.assertEqual(made, auth.signature)


class Running(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory()
        cls.ledger = cls.dir.name + "/ledger"
        cls.unix = cls.dir.name + "/sock"
        cls.fake = Fake(
            "--instances", "300", "--regions", "4", "--ledger", cls.ledger,
            "--unix", cls.unix, "--key", ":".join(KEY[:2]) + ":111122223333",
            "--key", ":".join(DENIED[:2]) + ":111122223333:denied",
            "--key", ":".join(OTHER[:2]) + ":777788889999",
            "--role", ROLE + ":outside:7")

    @classmethod
    def tearDownClass(cls):
        assert cls.fake.stop() == 0
        cls.dir.cleanup()

    def setUp(self):
        self.rules()
        self.fake.control("/clock", {"offset_s": 0})

    def rules(self, *rules):
        self.assertEqual(self.fake.control("", {"rules": rules})[0], 200)

    def ids(self, **options):
        pages = self.fake.pages("DescribeInstances", ".//instancesSet/item/"
                                "instanceId", **options)
        return [one for page in pages for one in page]

    def assume(self, **more):
        options = {"RoleArn": ROLE, "RoleSessionName": "test",
                   "ExternalId": "outside:7", "service": "sts", **more}
        return self.fake.call("AssumeRole", **options)


class Signatures(Running):
    def test_good(self):
        for method in ("POST", "GET"):
            status, root = self.fake.call("GetCallerIdentity", service="sts",
                                          method=method)
            self.assertEqual((status, root.findtext(".//Account")),
                             (200, "111122223333"))

    def test_refusals(self):
        def unsigned(headers):
            headers.append(("X-Amz-Meta", "1"))

        def other_date(headers):
            headers[1] = ("X-Amz-Date", time.strftime("%Y%m%dT%H%M%SZ",
                          time.gmtime(time.time() - 2)))

        def anonymous(headers):
            del headers[-1]

        def broken(headers):
            headers[-1] = ("Authorization", "AWS4-HMAC-SHA256 Credential=x")

        unknown = ("AKIANOBODY", "x", None)
        mismatch = (403, "SignatureDoesNotMatch")
        for ec2, sts, options in (
                (mismatch, mismatch, {"secret": "wrong"}),
                (mismatch, mismatch, {"spoil": unsigned}),
                (mismatch, mismatch, {"spoil": other_date}),
                ((401, "AuthFailure"), (403, "InvalidClientTokenId"),
                 {"key": unknown}),
                ((401, "AuthFailure"), (403, "InvalidClientTokenId"),
                 {"key": KEY[:2] + ("stray",)}),
                ((401, "AuthFailure"), (403, "MissingAuthenticationToken"),
                 {"spoil": anonymous}),
                ((401, "AuthFailure"), (400, "IncompleteSignature"),
                 {"spoil": broken}),
                ((400, "RequestExpired"), mismatch, {"when": -310}),
                ((400, "RequestExpired"), mismatch, {"when": 310}),
                ((401, "AuthFailure"), mismatch, {"region": "moon-1"}),
                ((403, "OptInRequired"), (403, "OptInRequired"),
                 {"region": "me-south-1"})):
            with self.subTest(str(options)):
                self.assertEqual(self.fake.code("DescribeRegions", **options),
                                 ec2)
                self.assertEqual(self.fake.code(
                    "GetCallerIdentity", service="sts", **options), sts)

    def test_error_shapes(self):
        _, root = self.fake.call("DescribeRegions", secret="wrong")
        self.assertEqual(root.tag, "Response")
        self.assertTrue(root.findtext("RequestID"))
        _, root = self.fake.call("AssumeRole", service="sts")
        self.assertEqual((root.tag, root.findtext("Error/Type"),
                          root.findtext("Error/Code")),
                         ("ErrorResponse", "Sender", "MissingParameter"))

    def test_clock(self):
        self.fake.control("/clock", {"offset_s": 3600})
        status, headers, _ = self.fake.raw("DescribeRegions")
        self.assertEqual(status, 400)
        ahead = world.calendar.timegm(time.strptime(
            headers["Date"], "%a, %d %b %Y %H:%M:%S GMT")) - time.time()
        self.assertAlmostEqual(ahead, 3600, delta=5)
        self.assertEqual(self.fake.call("DescribeRegions", when=ahead)[0], 200)

    def test_roles(self):
        status, root = self.assume()
        self.assertEqual(status, 200)
        key = [root.findtext(".//" + n) for n in (
            "AccessKeyId", "SecretAccessKey", "SessionToken")]
        _, who = self.fake.call("GetCallerIdentity", service="sts", key=key)
        self.assertEqual(who.findtext(".//Arn"), "arn:aws:sts::444455556666:"
                         "assumed-role/quincunx/test")
        self.assertTrue(self.ids(key=key))
        self.assertEqual(self.fake.code("DescribeInstances",
                                        key=key[:2] + ["old"])[0], 401)
        self.fake.control("/expire", {})
        self.assertEqual(self.fake.code("DescribeInstances", key=key),
                         (400, "RequestExpired"))
        self.assertEqual(self.fake.code("GetCallerIdentity", service="sts",
                                        key=key), (403, "ExpiredToken"))
        for more in ({"ExternalId": "guess"}, {"RoleArn": ROLE + "2"},
                     {"key": DENIED}):
            self.assertEqual(self.assume(**more)[0], 403)

    def test_denied_key(self):
        self.assertEqual(self.fake.code("DescribeInstances", key=DENIED),
                         (403, "UnauthorizedOperation"))
        self.assertEqual(self.fake.call("GetCallerIdentity", service="sts",
                                        key=DENIED)[0], 200)

    def test_strict_parameters(self):
        for code, options in (
                ("UnknownParameter", {"MaxResult": 5}),
                ("InvalidParameterValue", {"MaxResults": 4}),
                ("InvalidParameterValue", {"MaxResults": 1001}),
                ("InvalidParameterValue", {"Filter_1_Name": "colour"}),
                ("InvalidNextToken", {"NextToken": "made-up"}),
                ("InvalidInstanceID.NotFound", {"InstanceId_1": "i-0"}),
                ("NoSuchVersion", {"Version": "1"})):
            self.assertEqual(self.fake.code("DescribeInstances", **options),
                             (400, code))
        self.assertEqual(self.fake.code("Describe<\x01>"),
                         (400, "InvalidAction"))


class Paging(Running):
    def test_instances(self):
        all_ids = self.ids()
        self.assertEqual(len(all_ids), len(set(all_ids)))
        for size in (5, 7, 1000):
            pages = self.fake.pages("DescribeInstances", ".//instancesSet/"
                                    "item/instanceId", MaxResults=size)
            self.assertEqual([i for p in pages for i in p], all_ids)
            self.assertLessEqual(max(map(len, pages)), size)
        total = sum(len(self.ids(region=region))
                    for region in world.REGIONS[:4])
        self.assertEqual(total, 300)
        self.assertNotEqual(self.ids(key=OTHER), all_ids)

    def test_shape(self):
        _, root = self.fake.call("DescribeInstances", MaxResults=1000)
        for one in root.findall(".//instancesSet/item"):
            spot = one.findtext("instanceLifecycle") == "spot"
            self.assertEqual(spot, bool(one.findtext("spotInstanceRequestId")))
            state = one.find("instanceState")
            self.assertEqual(world.STATES[state.findtext("name")],
                             int(state.findtext("code")))
            gone = state.findtext("name") == "terminated"
            self.assertEqual(gone, one.find("privateIpAddress") is None)
            self.assertIn(one.findtext("placement/availabilityZone"),
                          world.zones("us-east-1"))
            world.parse_stamp(one.findtext("launchTime"))

    def test_filters(self):
        spot = self.ids(Filter_1_Name="instance-lifecycle",
                        Filter_1_Value_1="spot", MaxResults=5)
        both = self.ids(Filter_1_Name="instance-lifecycle",
                        Filter_1_Value_1="spot", Filter_2_Name="tag:env",
                        Filter_2_Value_1="pr*", Filter_2_Value_2="dev")
        self.assertTrue(0 < len(both) < len(spot) < len(self.ids()))
        self.assertEqual(self.ids(InstanceId_1=spot[0]), spot[:1])

    def test_token_is_for_one_question(self):
        _, root = self.fake.call("DescribeInstances", MaxResults=5)
        token = root.findtext("nextToken")
        for options in ({"region": "us-east-2"}, {"key": OTHER},
                        {"Filter_1_Name": "instance-id",
                         "Filter_1_Value_1": "i-*"}):
            self.assertEqual(self.fake.code(
                "DescribeInstances", NextToken=token, **options),
                (400, "InvalidNextToken"))

    def test_prices(self):
        start = time.time() - 10 * 86400
        options = {"InstanceType_1": "m5.large", "AvailabilityZone":
                   "us-east-1a", "ProductDescription_1": "Linux/UNIX",
                   "StartTime": world.stamp(start)}
        pages = self.fake.pages("DescribeSpotPriceHistory", ".//timestamp",
                                MaxResults=7, **options)
        times = [world.parse_stamp(one) for page in pages for one in page]
        self.assertGreater(len(pages), 2)
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertEqual([at < start for at in times].count(True), 1)
        self.assertEqual(self.fake.code(
            "DescribeSpotPriceHistory", StartTime="yesterday"),
            (400, "InvalidParameterValue"))

    def test_small_sets(self):
        for action, path, count in (
                ("DescribeRegions", ".//regionName", 4),
                ("DescribeAvailabilityZones", ".//zoneName", 6),
                ("DescribeInstanceTypes", ".//instanceType", 14)):
            self.assertEqual(len(self.fake.call(action)[1].findall(path)),
                             count, action)
        _, root = self.fake.call("DescribeRegions", AllRegions="true")
        self.assertIn("not-opted-in", [e.text for e in root.iter()])
        for action, path in (("DescribeVolumes", ".//volumeSet/item/volumeId"),
                             ("DescribeInstanceTypeOfferings", ".//location"),
                             ("DescribeAddresses", ".//publicIp")):
            pages = self.fake.pages(action, path)
            self.assertGreater(len(pages[0]), 1, action)

    def test_fleet_changes(self):
        other = {"region": "us-west-2", "key": OTHER}
        first = self.ids(**other)
        status, done = self.fake.control("/fleet", {
            "add": [{"region": "us-west-2", "count": 2, "lifecycle": "spot",
                     "tags": {"Name": "<new>"}}],
            "remove": first[:1], "terminate": first[1:2],
            "account": "777788889999"})
        self.assertEqual((status, len(done["added"])), (200, 2))
        now = self.ids(**other)
        self.assertEqual(set(now), set(first[1:] + done["added"]))
        _, root = self.fake.call("DescribeInstances", InstanceId_1=first[1], **other)
        self.assertEqual(root.findtext(".//instanceState/code"), "48")
        self.assertEqual(self.fake.control("/fleet", {"add": [{}]})[0], 400)


class Faults(Running):
    def fault(self, rule, **options):
        self.rules(rule)
        return self.fake.raw("DescribeInstances", **options)

    def test_errors(self):
        for rule, want in (
                ({"error": "RequestLimitExceeded"},
                 (503, "RequestLimitExceeded")),
                ({"error": "InternalError"}, (500, "InternalError")),
                ({"error": "Odd", "status": 418}, (418, "Odd")),
                ({"denied": True}, (403, "UnauthorizedOperation"))):
            self.rules(rule)
            self.assertEqual(self.fake.code("DescribeInstances"), want)
            self.assertEqual(self.fake.code("DescribeInstances",
                                            secret="wrong")[0], 403)

    def test_matching(self):
        self.rules({"error": "A", "action": "Describe*s", "nth": 2},
                   {"error": "B", "region": ["us-east-2"], "times": 2},
                   {"error": "C", "key": OTHER[0]})
        codes = [self.fake.code("DescribeInstances", region=region, key=key)[1]
                 for region, key in [("us-east-1", KEY)] * 3 +
                 [("us-east-2", KEY)] * 3 + [("us-east-1", OTHER)]]
        self.assertEqual(codes, [None, "A", None, "B", "B", None, "C"])
        self.assertEqual(self.fake.control("/ledger")[1]["fired"], [1, 2, 1])
        for bad in ({"eror": "A"}, {}, {"close": "now"}, {"throttle": {}}):
            status, said = self.fake.control("", {"rules": [bad]})
            self.assertEqual(status, 400)
            self.assertIn("rule 0", said["error"])

    def test_no_answer(self):
        for rule in ({"unreachable": True}, {"close": "before"},
                     {"close": "after"}):
            with self.assertRaises((ConnectionError,
                                    http.client.RemoteDisconnected)):
                self.fault(rule)
        self.fake.http.close()
        with self.assertRaises(http.client.IncompleteRead):
            self.fault({"close": "mid"})

    def test_hang_and_delay(self):
        self.fake.http.timeout = 0.3
        self.fake.http.close()
        for rule in ({"hang": True}, {"delay_s": 1}):
            with self.assertRaises(TimeoutError):
                self.fault(rule)
        self.fake.http.timeout = 10
        began = time.monotonic()
        self.assertEqual(self.fault({"delay_s": 0.2})[0], 200)
        self.assertGreater(time.monotonic() - began, 0.2)

    def test_bodies(self):
        for rule in ({"garbage": True}, {"truncate": 700}, {"truncate": 0}):
            status, _, body = self.fault(rule)
            self.assertEqual(status, 200)
            with self.assertRaises(ElementTree.ParseError):
                flat(body)
        self.assertIn(b"<!DOCTYPE", self.fault({"dtd": True})[2][:100])
        body = self.fault({"dtd": True})[2]
        self.assertIn(b"&a9;", body[body.index(b"]>"):])
        self.assertEqual(self.fault({"deep": 900})[2].count(b"<item>"), 900)
        body = self.fault({"huge": 3000000})[2]
        self.assertGreater(len(body), 3000000)
        flat(body)
        _, headers, body = self.fault({"gzip_bomb": 5000000})
        self.assertEqual(headers["Content-Encoding"], "gzip")
        self.assertGreater(len(gzip.decompress(body)), 5000000)
        status, headers, _ = self.fault({"redirect": "http://127.0.0.1:1/"})
        self.assertEqual((status, headers["Location"]),
                         (307, "http://127.0.0.1:1/"))

    def test_tokens(self):
        _, root = self.fake.call("DescribeInstances", MaxResults=5)
        token = root.findtext("nextToken")
        self.rules({"expire_tokens": True, "times": 1})
        self.assertEqual(self.fake.call("DescribeInstances")[0], 200)
        self.assertEqual(self.fake.code("DescribeInstances", NextToken=token),
                         (400, "InvalidNextToken"))
        self.assertEqual(self.fake.call("DescribeInstances",
                                        NextToken=token)[0], 200)
        for fault in ("loop_token", "empty_page"):
            self.rules({fault: True})
            _, root = self.fake.call("DescribeInstances", MaxResults=5,
                                     NextToken=token)
            self.assertEqual(root.findtext("nextToken"), token)
        self.assertEqual(len(root.find("reservationSet")), 0)
        self.rules({"empty_page": True, "times": 2})
        self.assertEqual(self.ids(), self.ids())

    def test_throttle(self):
        self.rules({"throttle": {"bucket": 2, "rate": 20}})
        codes = [self.fake.code("DescribeRegions")[1] for _ in range(3)]
        self.assertEqual(codes, [None, None, "RequestLimitExceeded"])
        self.assertEqual(self.fake.call("DescribeInstances")[0], 200)
        time.sleep(0.1)
        self.assertEqual(self.fake.call("DescribeRegions")[0], 200)


class Surroundings(Running):
    def test_ledger(self):
        before = self.fake.control("/ledger")[1]["total"]
        self.fake.code("DescribeVolumes", region="us-west-1")
        self.fake.code("DescribeVolumes", region="us-west-1", secret="wrong")
        self.assume()
        counts = self.fake.control("/ledger")[1]
        self.assertEqual(counts["total"], before + 3)
        self.assertEqual(counts["actions"]["DescribeVolumes"]["us-west-1"], {
            "total": 2, "results": {"ok": 1, "SignatureDoesNotMatch": 1}})
        with open(self.ledger, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        self.assertEqual([(one["action"], one["mutating"])
                          for one in lines[-3:]],
                         [("DescribeVolumes", False)] * 2 +
                         [("AssumeRole", True)])
        self.assertNotIn(KEY[1], json.dumps(lines))

    def test_unix_socket(self):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(self.unix)
            link.sendall(b"GET /_control/ledger HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertTrue(link.recv(100).startswith(b"HTTP/1.1 200"))

    def test_oversized_body(self):
        with socket.create_connection(("127.0.0.1", self.fake.port)) as link:
            link.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n"
                         b"Content-Length: 9999999\r\n\r\n")
            self.assertIn(b" 413 ", link.recv(100))

    def test_files_script_and_speed(self):
        directory = pathlib.Path(self.dir.name)
        (directory / "prices").write_text(json.dumps({"SpotPriceHistory": [{
            "AvailabilityZone": "us-east-1a", "InstanceType": "m5.large",
            "ProductDescription": "Linux/UNIX", "SpotPrice": "0.5",
            "Timestamp": "2021-02-09T01:40:10+00:00"}]}))
        (directory / "types").write_text(json.dumps({
            "z9.huge": {"InstanceType": "z9.huge", "VCpuInfo":
                        {"DefaultVCpus": 9}, "CurrentGeneration": True}}))
        (directory / "script").write_text(json.dumps([
            {"error": "Unavailable", "action": "DescribeVolumes"}]))
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        fake = Fake("--instances", "10000", "--script",
                    str(directory / "script"), "--prices",
                    str(directory / "prices"), "--types",
                    str(directory / "types"))
        try:
            self.assertEqual(fake.code("DescribeVolumes")[1], "Unavailable")
            _, root = fake.call("DescribeSpotPriceHistory",
                                StartTime="2021-02-10T00:00:00Z")
            self.assertEqual([e.text for e in root.iter("timestamp")],
                             ["2021-02-09T01:40:10.000Z"])
            _, root = fake.call("DescribeInstanceTypes")
            self.assertEqual(root.findtext(".//vCpuInfo/defaultVCpus"), "9")
            count = 0
            for region in world.REGIONS:
                token = {}
                while token is not None:
                    _, _, body = fake.raw("DescribeInstances", region=region,
                                          MaxResults=500, **token)
                    count += body.count(b"<instanceState>")
                    more = re.search(rb"<nextToken>(.+)</nextToken>", body)
                    token = {"NextToken": more[1].decode()} if more else None
            self.assertEqual(count, 10000)
        finally:
            fake.stop()
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = ended.ru_utime + ended.ru_stime - began.ru_utime - \
            began.ru_stime
        print("scan of 10000 instances: %.2f s of server CPU" % spent)
        self.assertLess(spent, 3)


del Running     # a base, not a case
if __name__ == "__main__":
    unittest.main()

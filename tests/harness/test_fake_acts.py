#!/usr/bin/env python3
"""Tests of what the fake cloud does when it is acted on: launches and their
tokens, capacity, boots, groups, queues, notices, and its list of acts."""
import json
import sys
import time
import unittest

sys.dont_write_bytecode = True
import test_fake_ec2 as base  # noqa: E402

REGION = "us-east-1"
RUN = {"ImageId": "ami-1", "InstanceType": "m5.large", "MinCount": 1,
       "MaxCount": 1, "Placement.AvailabilityZone": "us-east-1a"}
FLEET = {
    "Type": "instant",
    "TargetCapacitySpecification.TotalTargetCapacity": 1,
    "TargetCapacitySpecification.DefaultTargetCapacityType": "spot",
    "LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateId":
    "lt-0123", "LaunchTemplateConfigs.1.LaunchTemplateSpecification.Version":
    "1", "LaunchTemplateConfigs.1.Overrides.1.InstanceType": "m5.large",
    "LaunchTemplateConfigs.1.Overrides.1.AvailabilityZone": "us-east-1a",
    "LaunchTemplateConfigs.1.Overrides.2.InstanceType": "c5.large",
    "LaunchTemplateConfigs.1.Overrides.2.AvailabilityZone": "us-east-1b"}


class Acting(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fake = base.Fake("--instances", "0", "--regions", "2", "--key",
                             ":".join(base.KEY[:2]) + ":111122223333")

    @classmethod
    def tearDownClass(cls):
        assert cls.fake.stop() == 0

    def setUp(self):
        self.control("world", boot_s=0, check_s=0, lag_s=0, in_service_s=0,
                     terminate_s=0, replace_s=0, state_events=False)
        self.control("capacity", pools=[])
        self.fake.control("", {"rules": []})
        self.seen = len(self.control("acts")["acts"])

    def control(self, what, **given):
        status, answer = self.fake.control("/" + what, given)
        self.assertEqual(status, 200, answer)
        return answer

    def acts(self, what=None):
        return [act for act in self.control("acts", since=self.seen)["acts"]
                if what in (None, act["what"])]

    def ec2(self, action, **params):
        status, root = self.fake.call(action, **params)
        if status != 200:
            return root.findtext(".//Error/Code")
        return root

    def asg(self, action, **params):
        status, root = self.fake.call(action, service="autoscaling",
                                      **params)
        if status != 200:
            return root.findtext(".//Error/Code") + ": " + \
                root.findtext(".//Error/Message")
        return root

    def sqs(self, action, **members):
        status, body = self.fake.json("AmazonSQS." + action, "sqs", members)
        return body if status == 200 else body["__type"].rpartition("#")[2]

    def launch(self, **params):
        root = self.ec2("RunInstances", **dict(RUN, **params))
        return root if isinstance(root, str) else root.findtext(
            ".//instancesSet/item/instanceId")

    def state(self, ident):
        root = self.ec2("DescribeInstances", InstanceId_1=ident)
        return root if isinstance(root, str) else root.findtext(
            ".//instanceState/name")


class Launches(Acting):
    def test_token_is_one_launch(self):
        first = self.launch(ClientToken="one")
        self.assertEqual(self.launch(ClientToken="one"), first)
        self.assertEqual(self.launch(ClientToken="one", ImageId="ami-2"),
                         "IdempotentParameterMismatch")
        self.assertNotEqual(self.launch(ClientToken="two"), first)
        self.assertEqual(len(self.acts("launched")), 2)
        self.control("advance", s=25 * 3600)
        self.assertNotEqual(self.launch(ClientToken="one"), first)

    def test_dry_run_and_misspelling_launch_nothing(self):
        self.assertEqual(self.launch(DryRun="true"), "DryRunOperation")
        self.assertEqual(self.launch(Placement_AvailabilityZon="x"),
                         "UnknownParameter")
        self.assertEqual(self.launch(InstanceType="m9.huge"),
                         "InvalidParameterValue")
        self.assertEqual(self.acts(), [])

    def test_answer_lost_after_the_act(self):
        self.fake.control("", {"rules": [{
            "action": "RunInstances", "close": "after", "times": 1}]})
        with self.assertRaises(Exception):
            self.launch(ClientToken="lost")
        self.assertEqual(len(self.acts("launched")), 1)
        ident = self.launch(ClientToken="lost")
        self.assertEqual(self.acts("launched")[0]["ids"], [ident])

    def test_capacity(self):
        self.control("capacity", pools=[
            {"az": "us-east-1a", "type": "m5.*", "free": 1},
            {"az": "us-east-1b", "error": "SpotMaxPriceTooLow",
             "lifecycle": "spot", "until_s": 60}])
        self.assertRegex(self.launch(), "^i-")
        self.assertEqual(self.launch(), "InsufficientInstanceCapacity")
        root = self.ec2("CreateFleet", ClientToken="f", **FLEET)
        self.assertEqual([e.text for e in root.iter("errorCode")],
                         ["InsufficientInstanceCapacity",
                          "SpotMaxPriceTooLow"])
        self.control("advance", s=61)
        root = self.ec2("CreateFleet", ClientToken="g", **FLEET)
        self.assertEqual(root.findtext(
            ".//fleetInstanceSet/item/instanceType"), "c5.large")
        again = self.ec2("CreateFleet", ClientToken="g", **FLEET)
        self.assertEqual(again.findtext(".//instanceIds/item"),
                         root.findtext(".//instanceIds/item"))

    def test_boot_checks_visibility_death(self):
        self.control("world", boot_s=60, check_s=60, lag_s=5, terminate_s=30)
        ident = self.launch(ClientToken="boot")
        self.assertEqual(self.state(ident), "InvalidInstanceID.NotFound")
        self.control("advance", s=6)
        self.assertEqual(self.state(ident), "pending")
        self.control("advance", s=60)
        self.assertEqual(self.state(ident), "running")
        status = self.ec2("DescribeInstanceStatus", InstanceId_1=ident)
        self.assertEqual(status.findtext(".//systemStatus/status"),
                         "initializing")
        self.control("advance", s=60)
        status = self.ec2("DescribeInstanceStatus", InstanceId_1=ident)
        self.assertEqual(status.findtext(".//instanceStatus/status"), "ok")
        self.control("protect", ids=[ident])
        self.assertEqual(self.ec2("TerminateInstances", InstanceId_1=ident),
                         "OperationNotPermitted")
        self.control("protect", ids=[ident], on=False)
        self.ec2("TerminateInstances", InstanceId_1=ident)
        self.assertEqual(self.state(ident), "shutting-down")
        self.control("advance", s=31)
        self.assertEqual(self.state(ident), "terminated")
        self.ec2("TerminateInstances", InstanceId_1=ident)
        self.control("advance", s=4000)
        self.assertEqual(self.state(ident), "InvalidInstanceID.NotFound")

    def test_tags_and_filters(self):
        ident = self.launch(ClientToken="tagged", **{
            "TagSpecification.1.ResourceType": "instance",
            "TagSpecification.1.Tag.1.Key": "spotopt:move",
            "TagSpecification.1.Tag.1.Value": "m1"})
        self.ec2("CreateTags", ResourceId_1=ident, Tag_1_Key="extra",
                 Tag_1_Value="yes")
        for name, value in (("tag:spotopt:move", "m1"), ("tag:extra", "yes"),
                            ("client-token", "tagged"), ("instance-id",
                                                         ident)):
            root = self.ec2("DescribeInstances", **{
                "Filter.1.Name": name, "Filter.1.Value.1": value})
            self.assertEqual([e.text for e in root.iter("instanceId")],
                             [ident], name)

    def test_scores(self):
        self.control("capacity", pools=[{"az": "us-east-1b", "free": 0}])
        root = self.ec2("GetSpotPlacementScores", InstanceType_1="m5.large",
                        TargetCapacity=1, SingleAvailabilityZone="true",
                        RegionName_1=REGION)
        found = {i.findtext("availabilityZoneId"): i.findtext("score")
                 for i in root.iter("item")}
        self.assertEqual((found["use1-az1"], found["use1-az2"]), ("9", "1"))


class Groups(Acting):
    def group(self, **given):
        return self.control("group", region=REGION, **given)

    def shape(self, name):
        root = self.asg("DescribeAutoScalingGroups",
                        AutoScalingGroupNames_member_1=name)
        one = root.find(".//AutoScalingGroups/member")
        return None if one is None else (
            [int(one.findtext(n)) for n in ("MinSize", "MaxSize",
                                            "DesiredCapacity")],
            {m.findtext("InstanceId"): m.findtext("LifecycleState")
             for m in one.findall("Instances/member")})

    def test_swap(self):
        old, = self.group(name="g", min=1, max=1, desired=1)["members"]
        new = self.launch()
        params = {"AutoScalingGroupName": "g", "InstanceIds.member.1": new}
        self.assertIn("please update", self.asg("AttachInstances", **params))
        self.control("world", in_service_s=30)
        self.asg("UpdateAutoScalingGroup", AutoScalingGroupName="g",
                 MaxSize=2)
        self.asg("AttachInstances", **params)
        self.assertEqual(self.shape("g"), (
            [1, 2, 2], {old: "InService", new: "Pending"}))
        self.assertIn("already part", self.asg("AttachInstances", **params))
        self.control("advance", s=31)
        self.asg("TerminateInstanceInAutoScalingGroup", InstanceId=old,
                 ShouldDecrementDesiredCapacity="true")
        self.asg("UpdateAutoScalingGroup", AutoScalingGroupName="g",
                 MaxSize=1)
        self.assertEqual(self.shape("g"), ([1, 1, 1], {new: "InService"}))
        self.assertEqual(self.state(old), "terminated")
        self.assertIn("min size", self.asg(
            "TerminateInstanceInAutoScalingGroup", InstanceId=new,
            ShouldDecrementDesiredCapacity="true"))

    def test_replaces_a_lost_member_unless_suspended(self):
        ident, = self.group(name="r", min=1, max=2, desired=1)["members"]
        self.control("world", replace_s=10)
        self.ec2("TerminateInstances", InstanceId_1=ident)
        self.assertEqual(self.shape("r")[1], {})
        self.control("advance", s=11)
        self.assertEqual(len(self.shape("r")[1]), 1)
        self.assertEqual(len(self.acts("group_launched")), 1)
        self.group(name="r", suspended=["Launch"])
        ident, = self.shape("r")[1]
        self.ec2("TerminateInstances", InstanceId_1=ident)
        self.control("advance", s=60)
        self.assertEqual(self.shape("r")[1], {})

    def test_detach_protect_gone(self):
        a, b = self.group(name="d", min=1, max=3, desired=2)["members"]
        one = {"AutoScalingGroupName": "d", "InstanceIds.member.1": a}
        self.asg("SetInstanceProtection", ProtectedFromScaleIn="true", **one)
        self.asg("UpdateAutoScalingGroup", AutoScalingGroupName="d",
                 DesiredCapacity=1)
        self.assertEqual(list(self.shape("d")[1]), [a])
        self.assertEqual(self.state(b), "terminated")
        self.assertIn("please update", self.asg(
            "DetachInstances", ShouldDecrementDesiredCapacity="true", **one))
        self.group(name="d", min=0)
        self.asg("DetachInstances", ShouldDecrementDesiredCapacity="true",
                 **one)
        self.assertEqual(self.state(a), "running")
        self.group(name="d", busy_s=100)
        self.assertIn("ScalingActivityInProgress", self.asg(
            "UpdateAutoScalingGroup", AutoScalingGroupName="d", MaxSize=9))
        self.group(name="d", delete=True)
        self.assertIn("not found", self.asg(
            "UpdateAutoScalingGroup", AutoScalingGroupName="d", MaxSize=9))
        self.assertIsNone(self.shape("d"))

    def test_group_of_a_tag_is_passive_until_touched(self):
        status, added = self.fake.control("/fleet", {"add": [{
            "region": REGION, "count": 2, "state": "running", "tags":
            {"aws:autoscaling:groupName": "tagged"}}]})
        self.assertEqual(self.shape("tagged")[0], [1, 4, 2])
        self.fake.control("/fleet", {"terminate": added["added"][:1]})
        self.assertEqual(self.shape("tagged")[0], [1, 3, 1])


class Queues(Acting):
    def setUp(self):
        super().setUp()
        self.url = self.control("queue", name=self.id(), region=REGION,
                                visibility_s=0.3)["url"]

    def receive(self, **members):
        got = self.sqs("ReceiveMessage", QueueUrl=self.url, **members)
        return got if isinstance(got, str) else got.get("Messages", [])

    def test_visibility_and_deletion(self):
        self.control("queue", name=self.id(), put=["one"])
        first, = self.receive(MessageSystemAttributeNames=["All"])
        self.assertEqual(first["Attributes"]["ApproximateReceiveCount"], "1")
        again, = self.receive(WaitTimeSeconds=5,
                              MessageSystemAttributeNames=["All"])
        self.assertEqual((again["MessageId"], again["Attributes"][
            "ApproximateReceiveCount"]), (first["MessageId"], "2"))
        self.sqs("DeleteMessage", QueueUrl=self.url,
                 ReceiptHandle=first["ReceiptHandle"])
        time.sleep(0.35)
        self.assertEqual(self.receive(), [])
        self.assertEqual(self.sqs("ReceiveMessage", QueueUrl=self.url[:-1]),
                         "QueueDoesNotExist")

    def test_batch_and_duplicates(self):
        self.control("queue", name=self.id(), put=list("abc"), duplicate=1.0,
                     shuffle=True)
        got = self.receive(MaxNumberOfMessages=10)
        self.assertEqual(len(got), 6)
        answer = self.sqs("DeleteMessageBatch", QueueUrl=self.url, Entries=[
            {"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]}
            for i, m in enumerate(got)] + [{"Id": "x", "ReceiptHandle": "?"}])
        self.assertEqual((len(answer["Successful"]), len(answer["Failed"])),
                         (6, 1))
        self.assertEqual(self.control("queue", name=self.id())["messages"], 0)

    def test_notice_comes_first_and_death_later(self):
        ident = self.launch(**{"InstanceMarketOptions.MarketType": "spot"})
        self.control("interrupt", ids=[ident], notice_s=120)
        body = json.loads(self.receive()[0]["Body"])
        self.assertEqual((body["detail-type"], body["detail"]), (
            "EC2 Spot Instance Interruption Warning",
            {"instance-id": ident, "instance-action": "terminate"}))
        self.assertEqual(self.state(ident), "running")
        self.control("advance", s=121)
        self.assertEqual(self.state(ident), "terminated")
        self.assertEqual([a["what"] for a in self.acts() if a["by"] !=
                          "call"], ["interruption", "interrupted"])


if __name__ == "__main__":
    unittest.main()

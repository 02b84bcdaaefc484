"""SQS, JSON protocol 1.0: ReceiveMessage with waiting, DeleteMessage(Batch).

A queue is made by a test (POST /_control/queue); it can be told to deliver
twice or out of order. Times to wait are real ones, visibility too.
"""
import hashlib
import json
import random
import threading
import time
import uuid

from . import actions
from .actions import AwsError

URL = "https://sqs.%s.amazonaws.com/%s/%s"
actions.ERRORS["QueueDoesNotExist"] = (
    400, "The specified queue does not exist.")


class Queue:
    def __init__(self, visibility_s=30.0, duplicate=0.0, shuffle=False,
                 seed=1):
        self.visibility, self.duplicate = visibility_s, duplicate
        self.shuffle, self._rng = shuffle, random.Random(seed)
        self.changed = threading.Condition()
        self.messages, self.deleted = [], 0

    def put(self, body, sent=None):
        with self.changed:
            self.messages.append({
                "id": str(uuid.uuid4()), "body": body, "count": 0,
                "sent": int((time.time() if sent is None else sent) * 1000),
                "hidden": 0.0, "receipts": set()})
            self.changed.notify_all()

    def _ready(self):
        now = time.monotonic()
        rows = [m for m in self.messages if m["hidden"] <= now]
        if self.shuffle:
            self._rng.shuffle(rows)
        return rows

    def receive(self, count, wait_s, visibility, stopped):
        end = time.monotonic() + wait_s
        with self.changed:
            while not (rows := self._ready()):
                left = end - time.monotonic()
                if left <= 0 or stopped():
                    return []
                self.changed.wait(min(left, 0.25))
            rows, out = rows[:count], []
            for row in rows:
                if len(out) == count:
                    break       # the rest was not given out
                times = 2 if len(out) + 2 <= count and \
                    self._rng.random() < self.duplicate else 1
                row["hidden"] = time.monotonic() + (
                    self.visibility if visibility is None else visibility)
                for _ in range(times):
                    row["count"] += 1
                    receipt = "AQEB" + uuid.uuid4().hex
                    row["receipts"].add(receipt)
                    out.append((row, receipt))
            return out

    def delete(self, receipt):
        with self.changed:
            for row in self.messages:
                if receipt in row["receipts"]:
                    self.messages.remove(row)
                    self.deleted += 1
                    return True
            # A deleted message's receipt is good for ever.
            return receipt.startswith("AQEB")


def control(cloud, given):
    """Makes a queue or changes it; "put" adds messages, text or object."""
    account = given.pop("account", cloud.world.home)
    key = account, given.pop("region", cloud.world.regions[0]), \
        given.pop("name")
    bodies = given.pop("put", [])
    with cloud.lock:
        if key not in cloud.queues:
            cloud.queues[key] = Queue(**given)
        else:
            for name, value in given.items():
                setattr(cloud.queues[key], {"visibility_s": "visibility"}.get(
                    name, name), value)
        queue = cloud.queues[key]
    for body in bodies:
        queue.put(body if isinstance(body, str) else json.dumps(body))
    with queue.changed:
        now = time.monotonic()
        return {"url": URL % (key[1], key[0], key[2]),
                "messages": len(queue.messages), "deleted": queue.deleted,
                "hidden": sum(m["hidden"] > now for m in queue.messages)}


def queue_of(call):
    parts = str(call.json.get("QueueUrl", "")).split("/")
    queue = call.world.cloud.queues.get(
        (call.key.account, call.region, parts[-1]))
    if queue is None or parts[-2:-1] != [call.key.account]:
        raise AwsError("QueueDoesNotExist")
    return queue


def checked(call, allowed):
    for name in call.json:
        if name not in allowed:
            raise AwsError("ValidationException", "unknown member %s" % name)


def whole(call, name, low, high, default):
    value = call.json.get(name, default)
    if value is not None and (not isinstance(value, int) or
                              not low <= value <= high):
        raise AwsError("InvalidParameterValue", "Value %r for parameter %s is "
                       "invalid." % (value, name))
    return value


def receive(call):
    checked(call, {"QueueUrl", "MaxNumberOfMessages", "WaitTimeSeconds",
                   "VisibilityTimeout", "AttributeNames",
                   "MessageSystemAttributeNames"})
    queue = queue_of(call)
    rows = queue.receive(
        whole(call, "MaxNumberOfMessages", 1, 10, 1),
        whole(call, "WaitTimeSeconds", 0, 20, 0),
        whole(call, "VisibilityTimeout", 0, 43200, None), call.gone)
    names = call.json.get("MessageSystemAttributeNames",
                          call.json.get("AttributeNames", []))
    out = []
    for row, receipt in rows:
        message = {"MessageId": row["id"], "ReceiptHandle": receipt,
                   "MD5OfBody": hashlib.md5(row["body"].encode()).hexdigest(),
                   "Body": row["body"]}
        every = {"ApproximateReceiveCount": str(row["count"]),
                 "SentTimestamp": str(row["sent"])}
        if names:
            message["Attributes"] = {
                n: v for n, v in every.items() if n in names or
                "All" in names}
        out.append(message)
    return {"Messages": out} if out else {}


def delete(call):
    checked(call, {"QueueUrl", "ReceiptHandle"})
    if not queue_of(call).delete(call.json.get("ReceiptHandle", "")):
        raise AwsError("ReceiptHandleIsInvalid")
    return {}


def delete_batch(call):
    checked(call, {"QueueUrl", "Entries"})
    queue, entries = queue_of(call), call.json.get("Entries", [])
    if not 1 <= len(entries) <= 10:
        raise AwsError("TooManyEntriesInBatchRequest")
    if len({e["Id"] for e in entries}) != len(entries):
        raise AwsError("BatchEntryIdsNotDistinct")
    good, bad = [], []
    for entry in entries:
        if queue.delete(entry["ReceiptHandle"]):
            good.append({"Id": entry["Id"]})
        else:
            bad.append({"Id": entry["Id"], "SenderFault": True, "Code":
                        "ReceiptHandleIsInvalid", "Message": "not a receipt"})
    return {"Successful": good, "Failed": bad}


def install(table, versions):
    versions["sqs"] = "2012-11-05"
    every = {"ReceiveMessage": receive, "DeleteMessage": delete,
             "DeleteMessageBatch": delete_batch}
    table.update({name: ("sqs", lambda call, f=function: json.dumps(
        f(call)).encode(), None) for name, function in every.items()})
    actions.MUTATING |= {"DeleteMessage", "DeleteMessageBatch"}

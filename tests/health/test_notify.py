"""Changes told to an SNS topic, received by a queue that subscribes to it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from health.diagnosis import diagnose
from health.notify import Notifier
from health.report import Finding
from profiles.errors import FailedError, UsageError
from provisioners.target import Target

WELL = Finding("service.nginx", "web server", "ok", "active")
DOWN = Finding("service.nginx", "web server", "fail", "dead", "", "nginx does not run.", "Start it.")
FULL = Finding("machine.disk", "web server", "warn", "90 %", "", "The disk is nearly full.")


class Topic:
    """A topic and a queue that hears it."""

    def __init__(self, target: Target) -> None:
        sqs, sns = target.aws.client("sqs"), target.aws.client("sns")
        self._sqs = sqs
        self._queue = sqs.create_queue(QueueName="health-test")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.arn: str = sns.create_topic(Name="health-test")["TopicArn"]
        sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=arn)

    def heard(self) -> list[dict[str, Any]]:
        rows = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", [])
        for row in rows:
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=row["ReceiptHandle"])
        return [json.loads(row["Body"]) for row in rows]


def test_each_change_is_told_once(target: Target) -> None:
    topic, last, heard = Topic(target), "", []
    for findings in ([WELL], [WELL], [DOWN], [DOWN], [DOWN, FULL], [WELL], [WELL]):
        # A new notifier each time, as cron would start the program anew.
        last = Notifier(target, topic.arn, last).tell("shop", findings, diagnose(findings))
        heard.append([row["Subject"] for row in topic.heard()])
    assert heard == [
        [], [], ["drucloud: shop is fail, was ok"], [], ["drucloud: shop is fail, was fail"],
        ["drucloud: shop is ok, was fail"], [],
    ]  # fmt: skip


def test_the_message_says_what_and_what_to_do(target: Target) -> None:
    topic = Topic(target)
    Notifier(target, topic.arn, "").tell("shop", [DOWN], diagnose([DOWN]))
    (message,) = topic.heard()
    assert "service.nginx on web server: nginx does not run." in message["Message"]
    assert "What to do: Start it." in message["Message"]


def test_what_is_no_topic_of_this_account(target: Target) -> None:
    for arn in ("topic", "arn:aws:sqs:eu-central-1:123456789012:x", "arn:aws:sns:eu-central-1:999999999999:x"):
        with pytest.raises(UsageError):
            Notifier(target, arn, "")
    gone = f"arn:aws:sns:{target.region}:{target.account}:gone"
    with pytest.raises(FailedError, match="takes no message"):
        Notifier(target, gone, "").tell("shop", [DOWN], diagnose([DOWN]))


def test_what_was_not_told_is_told_the_next_time(target: Target) -> None:
    topic = Topic(target)
    notifier = Notifier(target, f"{topic.arn}-gone", "")
    with pytest.raises(FailedError):
        notifier.tell("shop", [replace(DOWN)], diagnose([DOWN]))
    Notifier(target, topic.arn, "").tell("shop", [DOWN], diagnose([DOWN]))
    assert len(topic.heard()) == 1

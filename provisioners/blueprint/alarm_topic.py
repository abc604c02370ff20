"""Whom alarms, budget and mail reports are told to, and which services may tell them."""

from __future__ import annotations

from typing import Any

from troposphere import sns

from provisioners.blueprint.draft import Draft, Ref


def wanted(draft: Draft) -> bool:
    """Whether anything has something to tell."""
    wish = draft.profile.monitoring
    return wish.alarms or wish.budget != "none"


def add(draft: Draft) -> None:
    """Add topic and policy."""
    if not wanted(draft):
        return
    email = draft.profile.monitoring.email
    subscription = {"Subscription": [sns.Subscription(Protocol="email", Endpoint=email)]} if email else {}
    draft.add("monitoring", "Alarm topic", sns.Topic("AlarmTopic", TopicName=draft.name(), **subscription))
    senders = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]
    draft.add("monitoring", "Who may raise alarms", policy("AlarmTopic", senders))


def policy(topic: str, senders: list[str]) -> sns.TopicPolicy:
    """Only these services may publish, and only for this account: a topic with a policy has no other senders."""
    statement: dict[str, Any] = {
        "Sid": "OwnServices",
        "Effect": "Allow",
        "Principal": {"Service": senders},
        "Action": "sns:Publish",
        "Resource": Ref(topic),
        "Condition": {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}},
    }
    document = {"Version": "2012-10-17", "Id": f"drucloud-{topic}", "Statement": [statement]}
    return sns.TopicPolicy(f"{topic}Policy", Topics=[Ref(topic)], PolicyDocument=document)

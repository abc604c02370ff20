"""Lifecycle cases of dashboard, budget and topic policy."""

from __future__ import annotations

import json
from typing import Any

from .case import Case
from .stack import Stack

BODY = json.dumps({"widgets": []})


def policy(topic: str) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": ["budgets.amazonaws.com"]},
        "Action": "sns:Publish",
        "Resource": topic,
    }
    return {
        "Topics": [topic],
        "PolicyDocument": {"Version": "2012-10-17", "Id": "drucloud-trial", "Statement": [statement]},
    }


def _policy(stack: Stack) -> dict[str, Any]:
    return policy(stack.make("Topic", "AWS::SNS::Topic")["Ref"])


def budget(stack: Stack) -> dict[str, Any]:
    topic = stack.make("Topic", "AWS::SNS::Topic")["Ref"]
    stack.make("TopicPolicy", "AWS::SNS::TopicPolicy", **policy(topic))
    notification = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80}
    return {
        "Budget": {
            "BudgetName": "trial",
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": 50, "Unit": "USD"},
        },
        "NotificationsWithSubscribers": [
            {"Notification": notification, "Subscribers": [{"SubscriptionType": "SNS", "Address": topic}]}
        ],
    }


CASES = [
    Case(
        "AWS::CloudWatch::Dashboard",
        lambda stack: {"DashboardName": "trial", "DashboardBody": BODY},
        ("Ref",),
        "cloudwatch",
    ),
    Case("AWS::SNS::TopicPolicy", _policy, ("Ref",), "sns"),
    Case("AWS::Budgets::Budget", budget, ("Ref",), "budgets"),
]

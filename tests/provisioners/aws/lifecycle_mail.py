"""Lifecycle cases of SES."""

from __future__ import annotations

from typing import Any

from .case import Case
from .stack import Stack

DKIM = tuple(f"DkimDNSToken{what}{number}" for what in ("Name", "Value") for number in (1, 2, 3))


def settings(stack: Stack) -> dict[str, Any]:
    return {
        "Name": "trial",
        "DeliveryOptions": {"TlsPolicy": "REQUIRE"},
        "SuppressionOptions": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
    }


def identity(stack: Stack) -> dict[str, Any]:
    made = stack.make("Settings", "AWS::SES::ConfigurationSet", **settings(stack))["Ref"]
    return {
        "EmailIdentity": "mail.test",
        "DkimSigningAttributes": {"NextSigningKeyLength": "RSA_2048_BIT"},
        "ConfigurationSetAttributes": {"ConfigurationSetName": made},
        "FeedbackAttributes": {"EmailForwardingEnabled": False},
        "MailFromAttributes": {
            "MailFromDomain": "bounce.mail.test",
            "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
        },
    }


def _reports(stack: Stack) -> dict[str, Any]:
    made = stack.make("Settings", "AWS::SES::ConfigurationSet", **settings(stack))["Ref"]
    topic = stack.make("Topic", "AWS::SNS::Topic")["Ref"]
    statement = {"Effect": "Allow", "Principal": {"Service": "ses.amazonaws.com"}, "Action": "sns:Publish",
                 "Resource": topic}  # fmt: skip
    document = {"Version": "2012-10-17", "Id": "drucloud-trial", "Statement": [statement]}
    stack.make("TopicPolicy", "AWS::SNS::TopicPolicy", Topics=[topic], PolicyDocument=document)
    destination = {"Name": "reports", "Enabled": True, "MatchingEventTypes": ["bounce", "complaint"],
                   "SnsDestination": {"TopicARN": topic}}  # fmt: skip
    return {"ConfigurationSetName": made, "EventDestination": destination}


CASES = [
    Case("AWS::SES::ConfigurationSet", settings, ("Ref",), "sesv2"),
    Case("AWS::SES::EmailIdentity", identity, ("Ref", *DKIM), "sesv2"),
    Case("AWS::SES::ConfigurationSetEventDestination", _reports, ("Ref",), "sesv2"),
]

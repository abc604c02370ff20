"""CloudWatch dashboards, and the policy that lets other services speak to a topic."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from provisioners.aws.errors import classify
from provisioners.aws.permissions import IN_REGION, Need, anywhere, on
from provisioners.aws.resource import ABSENT, Kind, NamedKind
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_dict, as_list
from provisioners.engine.kinds import Observed, Wanted

_DASHBOARDS = ("arn:{partition}:cloudwatch::{account}:dashboard/drucloud-{name}-*",)
_TOPICS = (
    "arn:{partition}:sns:{region}:{account}:drucloud-{name}",
    "arn:{partition}:sns:{region}:{account}:drucloud-{name}-*",
)


class Dashboard(NamedKind):
    """``AWS::CloudWatch::Dashboard``; identity is its name, which is the account's own in all regions."""

    type = "AWS::CloudWatch::Dashboard"
    name_property, name_limit = "DashboardName", 255
    mutable = frozenset({"DashboardBody"})
    needs = (
        *on(_DASHBOARDS, "deploy", "cloudwatch:PutDashboard"),
        Need("cloudwatch:TagResource", "deploy", condition=IN_REGION, beside="cloudwatch:PutDashboard"),
        *anywhere("cloudwatch:ListDashboards"),
        *anywhere("cloudwatch:ListTagsForResource", phase="find"),
        *on(_DASHBOARDS, "change", "cloudwatch:PutDashboard"),
        *on(_DASHBOARDS, "destroy", "cloudwatch:DeleteDashboards"),
    )

    def create(self, aws: Aws, wanted: Wanted) -> str:
        """As for all, but PutDashboard would overwrite a namesake without a word: look first."""
        return self.find(aws, wanted) or self.make(aws, wanted)

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Put it, with the tags."""
        return self._put(aws, wanted, Tags=as_list(wanted))

    def _put(self, aws: Aws, wanted: Wanted, **more: Any) -> str:
        name = self.name(wanted)
        body = str(wanted.properties["DashboardBody"])
        aws.client("cloudwatch", creating=True).put_dashboard(DashboardName=name, DashboardBody=body, **more)
        return name

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Put it again; its tags stay."""
        self._put(aws, wanted)

    def _arns(self, aws: Aws, prefix: str) -> dict[str, str]:
        pages = aws.client("cloudwatch").get_paginator("list_dashboards").paginate(DashboardNamePrefix=prefix)
        return {
            str(row["DashboardName"]): str(row["DashboardArn"]) for page in pages for row in page["DashboardEntries"]
        }

    def look_up(self, aws: Aws, name: str) -> str | None:
        """Its name, when there is one."""
        return name if name in self._arns(aws, name) else None

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """The tags of its ARN."""
        arn = self._arns(aws, identity)[identity]
        return as_dict(aws.client("cloudwatch").list_tags_for_resource(ResourceARN=arn)["Tags"])

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each; it has no states."""
        return {one: Observed("ready", {"Ref": one}) if self.look_up(aws, one) else ABSENT for one in identities}

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it."""
        aws.client("cloudwatch").delete_dashboards(DashboardNames=[identity])


class TopicPolicy(Kind):
    """``AWS::SNS::TopicPolicy`` of one topic; identity is the topic's ARN.

    Every topic has a policy; ours is known by the ``Id`` of its document.
    """

    type = "AWS::SNS::TopicPolicy"
    mutable = frozenset({"PolicyDocument"})
    needs = (
        *on(_TOPICS, "deploy", "sns:SetTopicAttributes"),
        *on(_TOPICS, "read", "sns:GetTopicAttributes"),
        *on(_TOPICS, "change", "sns:SetTopicAttributes"),
        *on(_TOPICS, "destroy", "sns:SetTopicAttributes"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Put it in the place of the topic's own."""
        (topic,) = wanted.properties["Topics"]
        document = json.dumps(wanted.properties["PolicyDocument"], sort_keys=True)
        client = aws.client("sns", creating=True)
        client.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)
        return str(topic)

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """The topic, if its policy is ours."""
        (topic,) = wanted.properties["Topics"]
        return str(topic) if _policy_id(aws, topic) == wanted.properties["PolicyDocument"]["Id"] else None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each."""
        return {
            one: Observed("ready", {"Ref": one}) if _policy_id(aws, one).startswith("drucloud") else ABSENT
            for one in identities
        }

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Put it again."""
        self.make(aws, wanted)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Back to what a new topic has: its owner may do everything, nobody else anything."""
        _, partition, _, region, account, _ = identity.split(":", 5)
        owner = {
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
            "Action": ["sns:Publish", "sns:Subscribe", "sns:GetTopicAttributes", "sns:SetTopicAttributes"],
            "Resource": identity,
        }
        document = json.dumps({"Version": "2012-10-17", "Id": "__default_policy_ID", "Statement": [owner]})
        aws.client("sns", region=region).set_topic_attributes(
            TopicArn=identity, AttributeName="Policy", AttributeValue=document
        )


def _policy_id(aws: Aws, topic: str) -> str:
    """The ``Id`` of a topic's policy; empty when there is no such topic."""
    try:
        attributes = aws.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    except ClientError as error:
        if classify(error) == "gone":
            return ""
        raise
    return str(json.loads(attributes.get("Policy") or "{}").get("Id", ""))

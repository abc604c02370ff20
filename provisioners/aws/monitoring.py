"""What watches a stack: alarms (CloudWatch), whom they tell (SNS), log groups with an end (CloudWatch Logs)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from provisioners.aws.permissions import anywhere, named, on
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, NamedKind
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_dict, as_list
from provisioners.engine.kinds import Observed, Wanted

_TAGS = frozenset({"Tags"})


_TOPICS = tuple(f"arn:{{partition}}:sns:{{region}}:{{account}}:{name}" for name in ("drucloud-{name}", "{name}-*"))
_LOG_GROUPS = ("arn:{partition}:logs:{region}:{account}:log-group:/aws/rds/instance/drucloud-{name}/*",)


class Alarm(NamedKind):
    """``AWS::CloudWatch::Alarm``; identity is its name."""

    type = "AWS::CloudWatch::Alarm"
    name_property, name_limit = "AlarmName", 255
    mutable = frozenset(
        {
            "AlarmActions",
            "AlarmDescription",
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluationPeriods",
            "ExtendedStatistic",
            "MetricName",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Threshold",
            "TreatMissingData",
        }
    )
    needs = (
        *on(named("cloudwatch", "alarm"), "deploy", "cloudwatch:PutMetricAlarm"),
        *on(named("cloudwatch", "alarm"), "deploy", "cloudwatch:TagResource", beside="cloudwatch:PutMetricAlarm"),
        *anywhere("cloudwatch:DescribeAlarms"),
        *on(named("cloudwatch", "alarm"), "find", "cloudwatch:ListTagsForResource"),
        *on(named("cloudwatch", "alarm"), "change", "cloudwatch:PutMetricAlarm"),
        *on(named("cloudwatch", "alarm"), "destroy", "cloudwatch:DeleteAlarms"),
    )

    def create(self, aws: Aws, wanted: Wanted) -> str:
        """As for all, but PutMetricAlarm would overwrite a namesake without a word: look first."""
        return self.find(aws, wanted) or self.make(aws, wanted)

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Put it, with the tags."""
        return self._put(aws, wanted, Tags=as_list(wanted))

    def _put(self, aws: Aws, wanted: Wanted, **more: Any) -> str:
        client = aws.client("cloudwatch", creating=True)
        properties = {**wanted.properties, "AlarmName": self.name(wanted)}
        client.put_metric_alarm(**arguments(client, "PutMetricAlarm", properties, without=_TAGS), **more)
        return self.name(wanted)

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Put it again; its tags stay."""
        self._put(aws, wanted)

    def _rows(self, aws: Aws, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        pages = aws.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNames=list(names))
        return {str(row["AlarmName"]): row for page in pages for row in page["MetricAlarms"]}

    def look_up(self, aws: Aws, name: str) -> str | None:
        """Its name, when there is one."""
        return name if self._rows(aws, [name]) else None

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """The tags of its ARN."""
        arn = self._rows(aws, [identity])[identity]["AlarmArn"]
        return as_dict(aws.client("cloudwatch").list_tags_for_resource(ResourceARN=arn)["Tags"])

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call for all."""
        rows = self._rows(aws, identities)
        return {
            one: Observed("ready", {"Ref": one, "Arn": rows[one]["AlarmArn"]}) if one in rows else ABSENT
            for one in identities
        }

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it."""
        aws.client("cloudwatch").delete_alarms(AlarmNames=[identity])


class Topic(NamedKind):
    """``AWS::SNS::Topic`` with its subscriptions; identity is its ARN. Who is subscribed confirms by mail."""

    type = "AWS::SNS::Topic"
    name_property, name_limit = "TopicName", 256
    mutable = frozenset({"Subscription"})
    needs = (
        *on(_TOPICS, "deploy", "sns:CreateTopic"),
        *on(_TOPICS, "deploy", "sns:TagResource", beside="sns:CreateTopic"),
        *on(_TOPICS, "deploy", "sns:ListSubscriptionsByTopic"),
        *on(_TOPICS, "deploy", "sns:Subscribe", given="Subscription"),
        *anywhere("sns:ListTopics"),
        *on(_TOPICS, "find", "sns:ListTagsForResource"),
        *on(_TOPICS, "change", "sns:ListSubscriptionsByTopic", "sns:Subscribe"),
        *anywhere("sns:Unsubscribe", phase="change"),
        *on(_TOPICS, "destroy", "sns:ListSubscriptionsByTopic", "sns:DeleteTopic"),
        *anywhere("sns:Unsubscribe", phase="destroy", given="Subscription"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it with its tags: with other tags than a namesake's SNS refuses."""
        client = aws.client("sns", creating=True)
        return str(client.create_topic(Name=self.name(wanted), Tags=as_list(wanted))["TopicArn"])

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Subscribe who is missing, take away who is no longer wanted (once confirmed: SNS forgets the others)."""
        client = aws.client("sns")
        wish = {(row["Protocol"], row["Endpoint"]) for row in wanted.properties.get("Subscription", ())}
        there = {
            (row["Protocol"], row["Endpoint"]): row["SubscriptionArn"]
            for row in client.list_subscriptions_by_topic(TopicArn=identity)["Subscriptions"]
        }
        for protocol, endpoint in sorted(wish - there.keys()):
            client.subscribe(TopicArn=identity, Protocol=protocol, Endpoint=endpoint)
        for key in sorted(there.keys() - wish):
            if there[key].startswith("arn:"):
                client.unsubscribe(SubscriptionArn=there[key])

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """The same calls again."""
        self.settle(aws, identity, wanted)

    def _arns(self, aws: Aws) -> set[str]:
        pages = aws.client("sns").get_paginator("list_topics").paginate()
        return {str(row["TopicArn"]) for page in pages for row in page["Topics"]}

    def look_up(self, aws: Aws, name: str) -> str | None:
        """The ARN that ends with the name."""
        return next((arn for arn in self._arns(aws) if arn.rpartition(":")[2] == name), None)

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """The tags it carries."""
        return as_dict(aws.client("sns").list_tags_for_resource(ResourceArn=identity)["Tags"])

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One listing; it has no states."""
        there = self._arns(aws)
        return {
            one: Observed("ready", {"Ref": one, "TopicArn": one, "TopicName": one.rpartition(":")[2]})
            if one in there
            else ABSENT
            for one in identities
        }

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it with its subscriptions."""
        client = aws.client("sns")
        for row in client.list_subscriptions_by_topic(TopicArn=identity)["Subscriptions"]:
            if row["SubscriptionArn"].startswith("arn:"):
                client.unsubscribe(SubscriptionArn=row["SubscriptionArn"])
        client.delete_topic(TopicArn=identity)


class LogGroup(NamedKind):
    """``AWS::Logs::LogGroup``; identity is its name."""

    type = "AWS::Logs::LogGroup"
    name_property, name_limit = "LogGroupName", 512
    mutable = frozenset({"RetentionInDays"})
    needs = (
        *on(_LOG_GROUPS, "deploy", "logs:CreateLogGroup"),
        *on(_LOG_GROUPS, "deploy", "logs:TagResource", beside="logs:CreateLogGroup"),
        *on(_LOG_GROUPS, "deploy", "logs:PutRetentionPolicy", given="RetentionInDays"),
        *anywhere("logs:DescribeLogGroups"),
        *on(_LOG_GROUPS, "find", "logs:ListTagsForResource"),
        *on(_LOG_GROUPS, "change", "logs:PutRetentionPolicy"),
        *on(_LOG_GROUPS, "destroy", "logs:DeleteLogGroup"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it with its tags; how long it keeps is a call of its own."""
        tags = {row["Key"]: row["Value"] for row in as_list(wanted)}
        aws.client("logs", creating=True).create_log_group(logGroupName=self.name(wanted), tags=tags)
        return self.name(wanted)

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Set how long it keeps."""
        days = int(wanted.properties["RetentionInDays"])
        aws.client("logs").put_retention_policy(logGroupName=identity, retentionInDays=days)

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """The same call again."""
        self.settle(aws, identity, wanted)

    def _arn(self, aws: Aws, name: str) -> str | None:
        pages = aws.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
        rows = {row["logGroupName"]: str(row["arn"]) for page in pages for row in page["logGroups"]}
        return rows.get(name)

    def look_up(self, aws: Aws, name: str) -> str | None:
        """Its name, when there is one."""
        return name if self._arn(aws, name) else None

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """The tags of its ARN, which this call wants without ``:*``."""
        arn = (self._arn(aws, identity) or "").removesuffix(":*")
        found: Mapping[str, str] = aws.client("logs").list_tags_for_resource(resourceArn=arn)["tags"]
        return found

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each; it has no states."""
        arns = {one: self._arn(aws, one) for one in identities}
        return {one: Observed("ready", {"Ref": one, "Arn": arn}) if arn else ABSENT for one, arn in arns.items()}

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it with what was logged."""
        aws.client("logs").delete_log_group(logGroupName=identity)

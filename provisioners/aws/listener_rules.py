"""Rules of a load balancer's listener."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from provisioners.aws.dynamic_references import revealed
from provisioners.aws.errors import classify
from provisioners.aws.permissions import anywhere, on
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, Kind
from provisioners.aws.secretsmanager import SECRETS
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_dict, as_list, require_ours
from provisioners.engine.kinds import Observed, Wanted

_SERVICE = "elbv2"

_LISTENERS = ("arn:{partition}:elasticloadbalancing:{region}:{account}:listener/app/{name}-*/*/*",)
_RULES = ("arn:{partition}:elasticloadbalancing:{region}:{account}:listener-rule/app/{name}-*/*/*/*",)


class ListenerRule(Kind):
    """``AWS::ElasticLoadBalancingV2::ListenerRule``: listener and priority make it one of a kind; known by its ARN.

    A condition may hold a dynamic reference to a secret: it is resolved for the call and stands nowhere else.
    """

    type = "AWS::ElasticLoadBalancingV2::ListenerRule"
    mutable = frozenset({"Actions", "Conditions"})
    needs = (
        *on(_LISTENERS, "deploy", "elasticloadbalancing:CreateRule"),
        *on(_RULES, "deploy", "elasticloadbalancing:AddTags", beside="elasticloadbalancing:CreateRule"),
        *on(SECRETS, "deploy", "secretsmanager:GetSecretValue"),
        *anywhere("elasticloadbalancing:DescribeRules"),
        *anywhere("elasticloadbalancing:DescribeTags", phase="find"),
        *on(_RULES, "change", "elasticloadbalancing:ModifyRule"),
        *on(_RULES, "destroy", "elasticloadbalancing:DeleteRule"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it, with the tags."""
        client = aws.client(_SERVICE, creating=True)
        values = arguments(client, "CreateRule", wanted.properties, without=frozenset({"Tags"}))
        return str(client.create_rule(**revealed(aws, values), Tags=as_list(wanted))["Rules"][0]["RuleArn"])

    def _rows(self, aws: Aws, listener: str) -> list[dict[str, Any]]:
        try:
            pages = aws.client(_SERVICE).get_paginator("describe_rules").paginate(ListenerArn=listener)
            return [row for page in pages for row in page["Rules"]]
        except ClientError as error:
            if classify(error) == "gone":
                return []
            raise

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """The listener's rule of that priority, if it is ours."""
        for row in self._rows(aws, str(wanted.properties["ListenerArn"])):
            if row["Priority"] == str(wanted.properties["Priority"]):
                (told,) = aws.client(_SERVICE).describe_tags(ResourceArns=[row["RuleArn"]])["TagDescriptions"]
                require_ours(wanted, f"priority {row['Priority']}", as_dict(told["Tags"]))
                return str(row["RuleArn"])
        return None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each listener: a rule's ARN holds its listener's."""
        listeners = {_listener_of(one) for one in identities}
        found = {str(row["RuleArn"]) for listener in sorted(listeners) for row in self._rows(aws, listener)}
        return {one: Observed("ready", {"Ref": one, "RuleArn": one}) if one in found else ABSENT for one in identities}

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """All of it in one call."""
        client = aws.client(_SERVICE)
        properties = {name: wanted.properties[name] for name in self.mutable}
        client.modify_rule(RuleArn=identity, **revealed(aws, arguments(client, "ModifyRule", properties)))

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it."""
        aws.client(_SERVICE).delete_rule(RuleArn=identity)


def _listener_of(rule: str) -> str:
    """``…:listener-rule/app/name/1/2/3`` belongs to ``…:listener/app/name/1/2``."""
    return rule.replace(":listener-rule/", ":listener/").rpartition("/")[0]

"""Application Load Balancers: load balancer, target group, listener. Each is known by its ARN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from provisioners.aws.errors import classify
from provisioners.aws.permissions import REQUEST_TAG, Need, anywhere, on, service_linked, tagged
from provisioners.aws.requests import arguments, call
from provisioners.aws.resource import ABSENT, Kind, NamedKind
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_dict, as_list, require_ours
from provisioners.engine.kinds import Observed, Status, Wanted

_SERVICE = "elbv2"
NAME_LIMIT = 32


_IAM = "elasticloadbalancing"
"""The service, as IAM calls it."""


def _arn(kind: str) -> tuple[str, ...]:
    return (f"arn:{{partition}}:{_IAM}:{{region}}:{{account}}:{kind}/*",)


_BALANCERS, _TARGETS, _LISTENERS = _arn("loadbalancer/app"), _arn("targetgroup"), _arn("listener/app")


def _described(aws: Aws, operation: str, key: str, **chosen: Any) -> list[dict[str, Any]]:
    """Every row, all pages; none when what was asked for does not exist."""
    try:
        pages = aws.client(_SERVICE).get_paginator(operation).paginate(**chosen)
        return [row for page in pages for row in page[key]]
    except ClientError as error:
        if classify(error) == "gone":
            return []
        raise


def _tags(aws: Aws, arn: str) -> Mapping[str, str]:
    (described,) = aws.client(_SERVICE).describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return as_dict(described["Tags"])


class _Named(NamedKind):
    """What is created under a name, and then known by its ARN."""

    name_property, name_limit = "Name", NAME_LIMIT
    creating: ClassVar[str]
    listing: ClassVar[tuple[str, str]]
    arn_key: ClassVar[str]
    settled: ClassVar[frozenset[str]]

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create under the name, with the tags."""
        client = aws.client(_SERVICE, creating=True)
        properties = {**wanted.properties, "Name": self.name(wanted)}
        values = arguments(client, self.creating, properties, without=self.settled | {"Tags"})
        (made,) = call(client, self.creating, **values, Tags=as_list(wanted))[self.listing[1]]
        return str(made[self.arn_key])

    def look_up(self, aws: Aws, name: str) -> str | None:
        """The ARN of what has this name."""
        rows = _described(aws, *self.listing, Names=[name])
        return str(rows[0][self.arn_key]) if rows else None

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """The tags it carries."""
        return _tags(aws, identity)

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One listing for all: with ARNs, one that is gone would make the whole call fail."""
        rows = {str(row[self.arn_key]): row for row in _described(aws, *self.listing)}
        return {one: self.observed(rows[one]) if one in rows else ABSENT for one in identities}

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """What a row says."""
        raise NotImplementedError


class LoadBalancer(_Named):
    """``AWS::ElasticLoadBalancingV2::LoadBalancer``."""

    type = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    poll_seconds = 5.0
    expected_seconds = 180.0
    creating, listing, arn_key = "CreateLoadBalancer", ("describe_load_balancers", "LoadBalancers"), "LoadBalancerArn"
    settled = frozenset({"LoadBalancerAttributes"})
    mutable = frozenset({"LoadBalancerAttributes", "SecurityGroups", "Subnets"})
    needs = (
        Need(f"{_IAM}:CreateLoadBalancer", "deploy", _BALANCERS, REQUEST_TAG),
        *on(_BALANCERS, "deploy", f"{_IAM}:AddTags", beside=f"{_IAM}:CreateLoadBalancer"),
        *service_linked("elasticloadbalancing", "AWSServiceRoleForElasticLoadBalancing", f"{_IAM}:CreateLoadBalancer"),
        *tagged(_BALANCERS, "deploy", f"{_IAM}:ModifyLoadBalancerAttributes", given="LoadBalancerAttributes"),
        *anywhere(f"{_IAM}:DescribeLoadBalancers"),
        *anywhere(f"{_IAM}:DescribeTags", phase="find"),
        *tagged(_BALANCERS, "change", f"{_IAM}:ModifyLoadBalancerAttributes", f"{_IAM}:SetSecurityGroups"),
        *tagged(_BALANCERS, "change", f"{_IAM}:SetSubnets"),
        *tagged(_BALANCERS, "destroy", f"{_IAM}:ModifyLoadBalancerAttributes", f"{_IAM}:DeleteLoadBalancer"),
    )

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Set the attributes."""
        if rows := wanted.properties.get("LoadBalancerAttributes"):
            attributes = [{"Key": row["Key"], "Value": str(row["Value"])} for row in rows]
            aws.client(_SERVICE).modify_load_balancer_attributes(LoadBalancerArn=identity, Attributes=attributes)

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """One call each."""
        client = aws.client(_SERVICE)
        if "LoadBalancerAttributes" in changed:
            self.settle(aws, identity, wanted)
        if "SecurityGroups" in changed:
            groups = list(wanted.properties["SecurityGroups"])
            client.set_security_groups(LoadBalancerArn=identity, SecurityGroups=groups)
        if "Subnets" in changed:
            client.set_subnets(LoadBalancerArn=identity, Subnets=list(wanted.properties["Subnets"]))

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """Ready when active; impaired means that it serves and could not scale."""
        state = str(row["State"]["Code"])
        states: dict[str, Status] = {"active": "ready", "active_impaired": "ready", "failed": "failed"}
        status = states.get(state, "pending")
        attributes = {
            "Ref": row["LoadBalancerArn"],
            "LoadBalancerArn": row["LoadBalancerArn"],
            "DNSName": row["DNSName"],
            "CanonicalHostedZoneID": row.get("CanonicalHostedZoneId", ""),
            "LoadBalancerName": row["LoadBalancerName"],
            "LoadBalancerFullName": row["LoadBalancerArn"].partition(":loadbalancer/")[2],
        }
        return Observed(status, attributes, "" if status == "ready" else state)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Lift the protection and delete; its interfaces go some minutes later."""
        self.unlock(aws, identity)
        aws.client(_SERVICE).delete_load_balancer(LoadBalancerArn=identity)

    def unlock(self, aws: Aws, identity: str) -> None:
        """Lift the protection against deletion."""
        unprotected = [{"Key": "deletion_protection.enabled", "Value": "false"}]
        aws.client(_SERVICE).modify_load_balancer_attributes(LoadBalancerArn=identity, Attributes=unprotected)


class TargetGroup(_Named):
    """``AWS::ElasticLoadBalancingV2::TargetGroup`` with its targets."""

    type = "AWS::ElasticLoadBalancingV2::TargetGroup"
    creating, listing, arn_key = "CreateTargetGroup", ("describe_target_groups", "TargetGroups"), "TargetGroupArn"
    settled = frozenset({"Targets", "TargetGroupAttributes"})
    _checks = frozenset(
        {
            "HealthCheckIntervalSeconds",
            "HealthCheckPath",
            "HealthCheckTimeoutSeconds",
            "HealthyThresholdCount",
            "Matcher",
            "UnhealthyThresholdCount",
        }
    )
    mutable = _checks | settled
    needs = (
        Need(f"{_IAM}:CreateTargetGroup", "deploy", _TARGETS, REQUEST_TAG),
        *on(_TARGETS, "deploy", f"{_IAM}:AddTags", beside=f"{_IAM}:CreateTargetGroup"),
        *tagged(_TARGETS, "deploy", f"{_IAM}:ModifyTargetGroupAttributes", given="TargetGroupAttributes"),
        *tagged(_TARGETS, "deploy", f"{_IAM}:RegisterTargets", given="Targets"),
        *anywhere(f"{_IAM}:DescribeTargetHealth", phase="deploy", given="Targets"),
        *anywhere(f"{_IAM}:DescribeTargetGroups"),
        *anywhere(f"{_IAM}:DescribeTags", phase="find"),
        *anywhere(f"{_IAM}:DescribeTargetHealth", phase="change"),
        *tagged(_TARGETS, "change", f"{_IAM}:ModifyTargetGroup", f"{_IAM}:ModifyTargetGroupAttributes"),
        *tagged(_TARGETS, "change", f"{_IAM}:RegisterTargets", f"{_IAM}:DeregisterTargets"),
        *tagged(_TARGETS, "destroy", f"{_IAM}:DeleteTargetGroup"),
    )

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Set the attributes; register who is missing, take away who is no longer wanted."""
        client = aws.client(_SERVICE)
        if rows := wanted.properties.get("TargetGroupAttributes"):
            attributes = [{"Key": row["Key"], "Value": str(row["Value"])} for row in rows]
            client.modify_target_group_attributes(TargetGroupArn=identity, Attributes=attributes)
        if "Targets" not in wanted.properties:
            return
        wish = {row["Id"]: int(row["Port"]) for row in wanted.properties["Targets"]}
        there = {
            row["Target"]["Id"]: row["Target"]["Port"]
            for row in client.describe_target_health(TargetGroupArn=identity)["TargetHealthDescriptions"]
            if row["TargetHealth"]["State"] != "draining"
        }
        if missing := [{"Id": one, "Port": port} for one, port in wish.items() if one not in there]:
            client.register_targets(TargetGroupArn=identity, Targets=missing)
        if surplus := [{"Id": one, "Port": port} for one, port in there.items() if one not in wish]:
            client.deregister_targets(TargetGroupArn=identity, Targets=surplus)

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """The health check in one call, the rest as at first."""
        if checks := changed & self._checks:
            client = aws.client(_SERVICE)
            values = arguments(client, "ModifyTargetGroup", {name: wanted.properties[name] for name in checks})
            client.modify_target_group(TargetGroupArn=identity, **values)
        self.settle(aws, identity, wanted)

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """It has no states; whether its targets are healthy is for health to say."""
        arn = str(row["TargetGroupArn"])
        attributes = {
            "Ref": arn,
            "TargetGroupArn": arn,
            "TargetGroupName": row["TargetGroupName"],
            "TargetGroupFullName": "targetgroup/" + arn.partition(":targetgroup/")[2],
        }
        return Observed("ready", attributes)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; refused while a listener sends to it."""
        aws.client(_SERVICE).delete_target_group(TargetGroupArn=identity)


class Listener(Kind):
    """``AWS::ElasticLoadBalancingV2::Listener``: it has no name; load balancer and port make it one of a kind."""

    type = "AWS::ElasticLoadBalancingV2::Listener"
    mutable = frozenset({"Certificates", "DefaultActions", "Port", "Protocol", "SslPolicy"})
    needs = (
        *tagged(_BALANCERS, "deploy", f"{_IAM}:CreateListener"),
        *on(_LISTENERS, "deploy", f"{_IAM}:AddTags", beside=f"{_IAM}:CreateListener"),
        *anywhere(f"{_IAM}:DescribeListeners"),
        *anywhere(f"{_IAM}:DescribeTags", phase="find"),
        *tagged(_LISTENERS, "change", f"{_IAM}:ModifyListener"),
        *tagged(_LISTENERS, "destroy", f"{_IAM}:DeleteListener"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it, with the tags."""
        client = aws.client(_SERVICE, creating=True)
        values = arguments(client, "CreateListener", wanted.properties, without=frozenset({"Tags"}))
        return str(client.create_listener(**values, Tags=as_list(wanted))["Listeners"][0]["ListenerArn"])

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """The load balancer's listener on that port, if it is ours."""
        balancer, port = str(wanted.properties["LoadBalancerArn"]), int(wanted.properties["Port"])
        for row in _described(aws, "describe_listeners", "Listeners", LoadBalancerArn=balancer):
            if row["Port"] == port:
                require_ours(wanted, f"port {port} of {balancer}", _tags(aws, row["ListenerArn"]))
                return str(row["ListenerArn"])
        return None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each load balancer: a listener's ARN holds its load balancer's."""
        found: set[str] = set()
        for balancer in sorted({_balancer_of(one) for one in identities}):
            rows = _described(aws, "describe_listeners", "Listeners", LoadBalancerArn=balancer)
            found |= {str(row["ListenerArn"]) for row in rows}
        return {
            one: Observed("ready", {"Ref": one, "ListenerArn": one}) if one in found else ABSENT for one in identities
        }

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """All of it in one call."""
        client = aws.client(_SERVICE)
        values = arguments(client, "ModifyListener", wanted.properties, without=frozenset({"Tags", "LoadBalancerArn"}))
        client.modify_listener(ListenerArn=identity, **values)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it."""
        aws.client(_SERVICE).delete_listener(ListenerArn=identity)


def _balancer_of(listener: str) -> str:
    """``…:listener/app/name/1/2`` belongs to ``…:loadbalancer/app/name/1``."""
    return listener.replace(":listener/", ":loadbalancer/").rpartition("/")[0]


def _listening(arn: str) -> Observed:
    return Observed("ready", {"Ref": arn, "ListenerArn": arn})

"""Security groups and their rules.

A group's inline rules carry the group's own tags, a rule that is a resource of its own carries that resource's, and the
operator's entrance (:mod:`provisioners.aws.entrance`) carries none of them: so each of the three is told apart, and
changing one never takes away another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from profiles.errors import FailedError
from provisioners.aws.permissions import Need, Phase, anywhere, ec2, ec2_makes, ec2_uses
from provisioners.aws.resource import Ec2Kind, ec2_rows
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_dict, as_specification, physical_name
from provisioners.engine.kinds import Observed, Wanted

Direction = Literal["ingress", "egress"]

DIRECTIONS: Mapping[str, Direction] = {"SecurityGroupIngress": "ingress", "SecurityGroupEgress": "egress"}
"""Inline property -> direction."""

RULES = ("describe_security_group_rules", "SecurityGroupRules")

NAME_LIMIT = 255

Signature = tuple[str, int, int, str, str]
"""Protocol, ports, peer and description: what makes two rules the same."""

_PEERS = {
    "CidrIp": "CidrIpv4",
    "CidrIpv6": "CidrIpv6",
    "SourceSecurityGroupId": "group",
    "DestinationSecurityGroupId": "group",
    "SourcePrefixListId": "PrefixListId",
    "DestinationPrefixListId": "PrefixListId",
}
"""Where CloudFormation's rule says who is at the other end -> where EC2's rule says it."""


def signature(rule: Mapping[str, Any]) -> Signature:
    """Of a rule in CloudFormation's words."""
    peer = next(str(rule[name]) for name in _PEERS if name in rule)
    protocol = str(rule["IpProtocol"])
    first, last = (-1, -1) if protocol == "-1" else (int(rule.get("FromPort", -1)), int(rule.get("ToPort", -1)))
    return protocol, first, last, peer, str(rule.get("Description", ""))


def _signature_of_row(row: Mapping[str, Any]) -> Signature:
    group = row.get("ReferencedGroupInfo", {}).get("GroupId", "")
    peer = row.get("CidrIpv4") or row.get("CidrIpv6") or row.get("PrefixListId") or group
    ports = (int(row.get("FromPort", -1)), int(row.get("ToPort", -1)))
    return str(row["IpProtocol"]), *ports, str(peer), str(row.get("Description", ""))


def permission(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule in CloudFormation's words as one of EC2's ``IpPermissions``."""
    protocol, first, last, peer, description = signature(rule)
    note = {"Description": description} if description else {}
    place = next(_PEERS[name] for name in _PEERS if name in rule)
    ends: dict[str, Any] = {
        "CidrIpv4": {"IpRanges": [{"CidrIp": peer, **note}]},
        "CidrIpv6": {"Ipv6Ranges": [{"CidrIpv6": peer, **note}]},
        "group": {"UserIdGroupPairs": [{"GroupId": peer, **note}]},
        "PrefixListId": {"PrefixListIds": [{"PrefixListId": peer, **note}]},
    }[place]
    ports = {} if protocol == "-1" else {"FromPort": first, "ToPort": last}
    return {"IpProtocol": protocol, **ports, **ends}


def authorize(
    aws: Aws,
    direction: Direction,
    group: str,
    permissions: Iterable[Mapping[str, Any]],
    specification: list[dict[str, Any]],
) -> list[str]:
    """Add rules, tagged in the same call; their ids."""
    client = aws.client("ec2", creating=True)
    method = getattr(client, f"authorize_security_group_{direction}")
    made = method(GroupId=group, IpPermissions=list(permissions), TagSpecifications=specification)
    return [str(row["SecurityGroupRuleId"]) for row in made["SecurityGroupRules"]]


def revoke(aws: Aws, direction: Direction, group: str, rule_ids: list[str]) -> None:
    """Take rules away; may let a ``NotFound`` through."""
    getattr(aws.client("ec2"), f"revoke_security_group_{direction}")(GroupId=group, SecurityGroupRuleIds=rule_ids)


def rules_of(aws: Aws, group: str) -> list[dict[str, Any]]:
    """All rules of a group."""
    return ec2_rows(aws, *RULES, [{"Name": "group-id", "Values": [group]}])


def rule_needs(which: str, phase: Phase, given: str = "") -> tuple[Need, ...]:
    """Adding rules to a group of ours; the rules are tagged in the same call."""
    action, rules = f"ec2:AuthorizeSecurityGroup{which}", (ec2("security-group-rule"),)
    tagging = {"StringEquals": {"ec2:CreateAction": action.removeprefix("ec2:")}}
    return (
        ec2_uses(action, "security-group", phase=phase, given=given),
        Need(action, phase, rules, given=given),
        Need("ec2:CreateTags", phase, rules, tagging, given, beside=action),
    )


class SecurityGroup(Ec2Kind):
    """``AWS::EC2::SecurityGroup`` in a VPC, with its inline rules."""

    type = "AWS::EC2::SecurityGroup"
    resource, id_key, id_filter = "security-group", "GroupId", "group-id"
    listing = ("describe_security_groups", "SecurityGroups")
    mutable = frozenset(DIRECTIONS)
    needs = (
        *ec2_makes("ec2:CreateSecurityGroup", "security-group", of=("vpc",)),
        *rule_needs("Ingress", "deploy", "SecurityGroupIngress"),
        *rule_needs("Egress", "deploy", "SecurityGroupEgress"),
        ec2_uses("ec2:RevokeSecurityGroupEgress", "security-group", phase="deploy", given="SecurityGroupEgress"),
        *anywhere("ec2:DescribeSecurityGroups"),
        *(
            need
            for name in DIRECTIONS
            for need in anywhere("ec2:DescribeSecurityGroupRules", phase="deploy", given=name)
        ),
        *anywhere("ec2:DescribeSecurityGroupRules", phase="change"),
        *rule_needs("Ingress", "change"),
        *rule_needs("Egress", "change"),
        ec2_uses("ec2:RevokeSecurityGroupEgress", "security-group", phase="change"),
        ec2_uses("ec2:RevokeSecurityGroupIngress", "security-group", phase="change"),
        ec2_uses("ec2:DeleteSecurityGroup", "security-group", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create the group; its rules are calls of their own."""
        made = aws.client("ec2", creating=True).create_security_group(
            GroupName=str(wanted.properties.get("GroupName") or physical_name(wanted, NAME_LIMIT)),
            Description=str(wanted.properties["GroupDescription"]),
            VpcId=str(wanted.properties["VpcId"]),
            TagSpecifications=as_specification(wanted, self.resource),
        )
        return str(made["GroupId"])

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By its tags; a group of the same name with other tags is not ours."""
        found = super().find(aws, wanted)
        if found is None and (name := wanted.properties.get("GroupName")):
            filters = {"group-name": name, "vpc-id": wanted.properties["VpcId"]}
            if self.rows(aws, [{"Name": key, "Values": [value]} for key, value in filters.items()]):
                raise FailedError(f"The VPC already has a security group called {name}.", "Delete it, then resume.")
        return found

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Bring the inline rules to what is wanted: add what is missing, take away what is ours and not wanted."""
        rows = rules_of(aws, identity)
        for name, direction in DIRECTIONS.items():
            if name not in wanted.properties:
                continue
            there = {
                _signature_of_row(row): row
                for row in rows
                if row["IsEgress"] == (direction == "egress") and (_inline(row, wanted) or _aws_default(row))
            }
            rules = {signature(rule): rule for rule in wanted.properties[name]}
            if surplus := [row["SecurityGroupRuleId"] for key, row in there.items() if key not in rules]:
                revoke(aws, direction, identity, surplus)
            if missing := [permission(rule) for key, rule in rules.items() if key not in there]:
                authorize(aws, direction, identity, missing, as_specification(wanted, "security-group-rule"))

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Likewise; a property that is no longer there means: no rules (egress: EC2's default, all)."""
        properties = {**{name: [] for name in changed - {"SecurityGroupEgress"}}, **wanted.properties}
        if "SecurityGroupEgress" in changed:
            properties.setdefault("SecurityGroupEgress", [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}])
        self.settle(aws, identity, replace(wanted, properties=properties))

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """It has no states."""
        return Observed("ready", {"Ref": row["GroupId"], "GroupId": row["GroupId"], "VpcId": row["VpcId"]})

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; EC2 refuses while an interface or another group's rule names it."""
        aws.client("ec2").delete_security_group(GroupId=identity)


def _inline(row: Mapping[str, Any], wanted: Wanted) -> bool:
    return as_dict(row.get("Tags", ())).get("drucloud:resource") == wanted.logical_id


def _aws_default(row: Mapping[str, Any]) -> bool:
    """The rule EC2 puts into every new group: everything may leave. CloudFormation takes it away likewise."""
    return bool(row["IsEgress"]) and not row.get("Tags") and _signature_of_row(row) == ("-1", -1, -1, "0.0.0.0/0", "")


class _Rule(Ec2Kind):
    """One rule as a resource of its own; identity ``sgr-…``."""

    resource, listing = "security-group-rule", RULES
    id_key, id_filter = "SecurityGroupRuleId", "security-group-rule-id"
    direction: ClassVar[Direction]

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Add it."""
        group = str(wanted.properties["GroupId"])
        (made,) = authorize(
            aws,
            self.direction,
            group,
            [permission(wanted.properties)],
            as_specification(wanted, self.resource),
        )
        return made

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By its tags; an equal rule that is not ours is left alone and said."""
        found = super().find(aws, wanted)
        if found is None:
            key, egress = signature(wanted.properties)[:4], self.direction == "egress"
            for row in rules_of(aws, str(wanted.properties["GroupId"])):
                if _signature_of_row(row)[:4] == key and row["IsEgress"] == egress:
                    raise FailedError(
                        f"Security group {wanted.properties['GroupId']} already has the rule {wanted.logical_id} "
                        f"as {row['SecurityGroupRuleId']}, which was not made by this deployment.",
                        "Revoke that rule, then resume.",
                    )
        return found

    def rows(self, aws: Aws, filters: Any) -> list[dict[str, Any]]:
        """Rules of this direction only."""
        return [row for row in super().rows(aws, filters) if row["IsEgress"] == (self.direction == "egress")]

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """It has no states."""
        return Observed("ready", {"Ref": row[self.id_key], "Id": row[self.id_key]})

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Revoke it."""
        revoke(aws, self.direction, str(properties["GroupId"]), [identity])


class SecurityGroupIngress(_Rule):
    """``AWS::EC2::SecurityGroupIngress``."""

    type = "AWS::EC2::SecurityGroupIngress"
    direction = "ingress"
    needs = (
        *rule_needs("Ingress", "deploy"),
        *anywhere("ec2:DescribeSecurityGroupRules"),
        ec2_uses("ec2:RevokeSecurityGroupIngress", "security-group", phase="destroy"),
    )


class SecurityGroupEgress(_Rule):
    """``AWS::EC2::SecurityGroupEgress``."""

    type = "AWS::EC2::SecurityGroupEgress"
    direction = "egress"
    needs = (
        *rule_needs("Egress", "deploy"),
        *anywhere("ec2:DescribeSecurityGroupRules"),
        ec2_uses("ec2:RevokeSecurityGroupEgress", "security-group", phase="destroy"),
    )

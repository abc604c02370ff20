"""IAM: roles, their policies, instance profiles.

IAM is eventually consistent: EC2 may not know a profile that IAM has just made. That error is classed as "not yet"
(:mod:`provisioners.aws.errors`) and the engine tries again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from provisioners.aws.errors import classify
from provisioners.aws.permissions import INSTANCE_PROFILES, ROLES, TO_EC2, Need, on
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, Kind, NamedKind
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_dict, as_list
from provisioners.engine.kinds import Observed, Wanted


def _policy_text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document, sort_keys=True)


class Role(NamedKind):
    """``AWS::IAM::Role`` with its inline and managed policies; identity is its name."""

    type = "AWS::IAM::Role"
    expected_seconds = 3.0
    mutable = frozenset(
        {"AssumeRolePolicyDocument", "Description", "MaxSessionDuration", "Policies", "ManagedPolicyArns"}
    )
    name_property, name_limit = "RoleName", 64
    needs = (
        *on(ROLES, "deploy", "iam:AttachRolePolicy", given="ManagedPolicyArns"),
        *on(ROLES, "destroy", "iam:DetachRolePolicy", given="ManagedPolicyArns"),
        *on(ROLES, "deploy", "iam:CreateRole"),
        *on(ROLES, "deploy", "iam:TagRole", beside="iam:CreateRole"),
        *on(ROLES, "deploy", "iam:PutRolePolicy", given="Policies"),
        *on(ROLES, "read", "iam:GetRole"),
        *on(ROLES, "change", "iam:ListRolePolicies", "iam:PutRolePolicy", "iam:DeleteRolePolicy"),
        *on(ROLES, "change", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"),
        *on(ROLES, "destroy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:DeleteRole"),
        *on(ROLES, "destroy", "iam:DeleteRolePolicy", given="Policies"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it; its policies are calls of their own."""
        client = aws.client("iam", creating=True)
        properties = {
            **wanted.properties,
            "RoleName": self.name(wanted),
            "AssumeRolePolicyDocument": _policy_text(wanted.properties["AssumeRolePolicyDocument"]),
        }
        elsewhere = frozenset({"Policies", "ManagedPolicyArns", "Tags"})
        values = arguments(client, "CreateRole", properties, without=elsewhere)
        return str(client.create_role(**values, Tags=as_list(wanted))["Role"]["RoleName"])

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Put every policy; IAM takes the same again without complaint."""
        client = aws.client("iam")
        for policy in wanted.properties.get("Policies", ()):
            client.put_role_policy(
                RoleName=identity,
                PolicyName=policy["PolicyName"],
                PolicyDocument=_policy_text(policy["PolicyDocument"]),
            )
        for arn in wanted.properties.get("ManagedPolicyArns", ()):
            client.attach_role_policy(RoleName=identity, PolicyArn=arn)

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Trust, description and duration; then the policies: put what is wanted, take away what is not.

        Only the properties that changed are touched: a role may also carry ``AWS::IAM::RolePolicy`` resources, and
        those are not this resource's to remove unless it lists policies itself.
        """
        client = aws.client("iam")
        if "AssumeRolePolicyDocument" in changed:
            trust = _policy_text(wanted.properties["AssumeRolePolicyDocument"])
            client.update_assume_role_policy(RoleName=identity, PolicyDocument=trust)
        if changed & {"Description", "MaxSessionDuration"}:
            client.update_role(
                RoleName=identity,
                Description=str(wanted.properties.get("Description", "")),
                MaxSessionDuration=int(wanted.properties.get("MaxSessionDuration", 3600)),
            )
        self.settle(aws, identity, wanted)
        if "Policies" in changed:
            keep = {policy["PolicyName"] for policy in wanted.properties.get("Policies", ())}
            self._drop_inline(client, identity, keep)
        if "ManagedPolicyArns" in changed:
            self._drop_managed(client, identity, set(wanted.properties.get("ManagedPolicyArns", ())))

    def _drop_inline(self, client: Any, role: str, keep: set[str]) -> None:
        for page in client.get_paginator("list_role_policies").paginate(RoleName=role):
            for name in set(page["PolicyNames"]) - keep:
                client.delete_role_policy(RoleName=role, PolicyName=name)

    def _drop_managed(self, client: Any, role: str, keep: set[str]) -> None:
        for page in client.get_paginator("list_attached_role_policies").paginate(RoleName=role):
            for arn in {item["PolicyArn"] for item in page["AttachedPolicies"]} - keep:
                client.detach_role_policy(RoleName=role, PolicyArn=arn)

    def look_up(self, aws: Aws, name: str) -> str | None:
        """Its name, if there is one."""
        return name if _role(aws, name) else None

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """IAM tells them with the role."""
        return as_dict((_role(aws, identity) or {}).get("Tags", ()))

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each: listing would give every role of the account."""
        found = {one: _role(aws, one) for one in identities}
        return {one: _iam_observed(row, "Role") if row else ABSENT for one, row in found.items()}

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Take its policies away, then delete it."""
        client = aws.client("iam")
        self._drop_inline(client, identity, set())
        self._drop_managed(client, identity, set())
        client.delete_role(RoleName=identity)


class RolePolicy(Kind):
    """``AWS::IAM::RolePolicy``: one inline policy of a role; identity ``role|policy``."""

    type = "AWS::IAM::RolePolicy"
    mutable = frozenset({"PolicyDocument"})
    needs = (
        *on(ROLES, "deploy", "iam:PutRolePolicy"),
        *on(ROLES, "read", "iam:GetRolePolicy"),
        *on(ROLES, "change", "iam:PutRolePolicy"),
        *on(ROLES, "destroy", "iam:DeleteRolePolicy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Put it: idempotent by contract, and a policy has no tags."""
        role, name = str(wanted.properties["RoleName"]), str(wanted.properties["PolicyName"])
        document = _policy_text(wanted.properties["PolicyDocument"])
        client = aws.client("iam", creating=True)
        client.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
        return f"{role}|{name}"

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """The policy of that name, if it says what ours is to say; else putting it again does no harm."""
        identity = f"{wanted.properties['RoleName']}|{wanted.properties['PolicyName']}"
        row = _role_policy(aws, identity)
        same = row is not None and row["PolicyDocument"] == json.loads(
            _policy_text(wanted.properties["PolicyDocument"])
        )
        return identity if same else None

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Put it again."""
        self.make(aws, wanted)

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each."""
        return {one: _policy_observed(aws, one) for one in identities}

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it."""
        role, name = identity.split("|")
        aws.client("iam").delete_role_policy(RoleName=role, PolicyName=name)


class InstanceProfile(NamedKind):
    """``AWS::IAM::InstanceProfile`` with its one role; identity is its name."""

    type = "AWS::IAM::InstanceProfile"
    expected_seconds = 3.0
    mutable = frozenset({"Roles"})
    name_property, name_limit = "InstanceProfileName", 128
    needs = (
        *on(INSTANCE_PROFILES, "deploy", "iam:CreateInstanceProfile", "iam:AddRoleToInstanceProfile"),
        *on(INSTANCE_PROFILES, "deploy", "iam:TagInstanceProfile", beside="iam:CreateInstanceProfile"),
        Need("iam:PassRole", "deploy", ROLES, TO_EC2, beside="iam:AddRoleToInstanceProfile"),
        *on(INSTANCE_PROFILES, "read", "iam:GetInstanceProfile"),
        *on(INSTANCE_PROFILES, "change", "iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile"),
        *on(INSTANCE_PROFILES, "destroy", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it empty; the role is added by a call of its own."""
        client = aws.client("iam", creating=True)
        properties = {**wanted.properties, "InstanceProfileName": self.name(wanted)}
        values = arguments(client, "CreateInstanceProfile", properties, without=frozenset({"Roles", "Tags"}))
        made = client.create_instance_profile(**values, Tags=as_list(wanted))
        return str(made["InstanceProfile"]["InstanceProfileName"])

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Make its role the wanted one: a profile holds at most one, so the other goes first."""
        client = aws.client("iam")
        row = _profile(aws, identity) or {}
        there = {role["RoleName"] for role in row.get("Roles", ())}
        roles = set(wanted.properties.get("Roles", ()))
        for name in there - roles:
            client.remove_role_from_instance_profile(InstanceProfileName=identity, RoleName=name)
        for name in roles - there:
            client.add_role_to_instance_profile(InstanceProfileName=identity, RoleName=name)

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """The same calls again."""
        self.settle(aws, identity, wanted)

    def look_up(self, aws: Aws, name: str) -> str | None:
        """Its name, if there is one."""
        return name if _profile(aws, name) else None

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """IAM tells them with the profile."""
        return as_dict((_profile(aws, identity) or {}).get("Tags", ()))

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each."""
        found = {one: _profile(aws, one) for one in identities}
        return {one: _iam_observed(row, "InstanceProfile") if row else ABSENT for one, row in found.items()}

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Take its role out, then delete it."""
        client = aws.client("iam")
        for role in (_profile(aws, identity) or {}).get("Roles", ()):
            client.remove_role_from_instance_profile(InstanceProfileName=identity, RoleName=role["RoleName"])
        client.delete_instance_profile(InstanceProfileName=identity)


def _role(aws: Aws, name: str) -> dict[str, Any] | None:
    return _got(lambda: dict(aws.client("iam").get_role(RoleName=name)["Role"]))


def _profile(aws: Aws, name: str) -> dict[str, Any] | None:
    return _got(lambda: dict(aws.client("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"]))


def _got(get: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return get()
    except ClientError as error:
        if classify(error) == "gone":
            return None
        raise


def _iam_observed(row: Mapping[str, Any], what: str) -> Observed:
    return Observed("ready", {"Ref": row[f"{what}Name"], "Arn": row["Arn"], f"{what}Id": row[f"{what}Id"]})


def _role_policy(aws: Aws, identity: str) -> dict[str, Any] | None:
    role, name = identity.split("|")
    return _got(lambda: dict(aws.client("iam").get_role_policy(RoleName=role, PolicyName=name)))


def _policy_observed(aws: Aws, identity: str) -> Observed:
    row = _role_policy(aws, identity)
    return Observed("ready", {"Ref": row["PolicyName"]}) if row else ABSENT

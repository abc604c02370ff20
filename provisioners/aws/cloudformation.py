"""The second engine: a stack of resources, made, changed and deleted by CloudFormation from a change set.

To drucloud's own engine a stack is one resource like any other: created, found again, waited for, changed, deleted.
What stands in it are its parts, whose states CloudFormation tells.

A stack that fails is not rolled back: what stands stays, so that the next run goes on from there instead of making
everything (a database: twenty minutes) again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from profiles.errors import FailedError
from provisioners.aws import tagging
from provisioners.aws.errors import classify, message
from provisioners.aws.permissions import IN_REGION, Need, on
from provisioners.aws.resource import ABSENT, NamedKind
from provisioners.aws.secretsmanager import FILE_MARKER, deployment_file
from provisioners.aws.session import Aws
from provisioners.blueprint.stacks import OURS, STACK, inside
from provisioners.engine.kinds import Child, Observed, Part, PartStatus, ResourceKind, Status, Wanted
from provisioners.foreign_text import clean_line

_SERVICE = "cloudformation"
_STACKS = ("arn:{partition}:cloudformation:{region}:{account}:stack/drucloud-{name}*/*",)

CHANGE_SET_POLL_SECONDS = 1.0
CHANGE_SET_SECONDS = 300.0
"""How long CloudFormation may take to work out a change set: seconds, usually."""

MENDABLE = frozenset({"CREATE_FAILED", "UPDATE_FAILED"})
"""Where a stack stays that is not rolled back; another change set takes it on from there."""

UNUSED = frozenset({"REVIEW_IN_PROGRESS"})
"""A stack whose first change set was never executed."""

NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
"""How CloudFormation says that a change set is empty ("Troubleshooting CloudFormation")."""


@dataclass(frozen=True)
class Change:
    """One line of a change set. ``replacement``: ``True``, ``False``, ``Conditional``, or empty."""

    action: str
    logical_id: str
    type: str
    replacement: str = ""

    @property
    def replaces(self) -> bool:
        """Whether it may delete the thing and make it again."""
        return self.action == "Modify" and self.replacement in ("True", "Conditional")


class Stack(NamedKind):
    """``AWS::CloudFormation::Stack`` of its own (not nested); identity is its id, an ARN."""

    type = STACK
    poll_seconds = 5.0
    expected_seconds = 900.0
    mutable = frozenset({"TemplateBody", "Parameters"})
    name_property, name_limit = "StackName", 128
    mends = True
    needs: tuple[Need, ...] = (
        *on(_STACKS, "deploy", "cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"),
        *on(_STACKS, "deploy", "cloudformation:DescribeChangeSet"),
        *on(_STACKS, "deploy", "cloudformation:TagResource", beside="cloudformation:CreateChangeSet"),
        Need("cloudformation:DescribeStacks", "read", _STACKS, IN_REGION),
        *on(_STACKS, "read", "cloudformation:ListStackResources"),
        *on(_STACKS, "change", "cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"),
        *on(_STACKS, "change", "cloudformation:DescribeChangeSet", "cloudformation:DeleteChangeSet"),
        *on(_STACKS, "destroy", "cloudformation:DeleteStack", "cloudformation:GetTemplate"),
    )

    def __init__(self, kinds: Mapping[str, ResourceKind]) -> None:
        """:param kinds: of what may stand in a stack."""
        self._kinds = kinds

    def children(self, properties: Mapping[str, Any]) -> Sequence[Child]:
        """What stands in it, as rows of the tree."""
        bodies = inside(properties)
        return tuple(Child(name, f"{name} ({_short(body['Type'])})") for name, body in bodies.items())

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Ask for the first change set, which makes the stack; nothing stands before it is executed."""
        made = aws.client(_SERVICE, creating=True).create_change_set(
            **_asked(wanted, "CREATE", wanted.token), ClientToken=wanted.token, OnStackFailure="DO_NOTHING"
        )
        return str(made["StackId"])

    def look_up(self, aws: Aws, name: str) -> str | None:
        """Its id."""
        row = _described(aws, name)
        return str(row["StackId"]) if row else None

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """Told with the description."""
        return tagging.as_dict((_described(aws, identity) or {}).get("Tags", ()))

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Execute the first change set; or, where an earlier run's stack stopped at a failure, go on from there."""
        row = _described(aws, identity)
        state = str(row["StackStatus"]) if row else ""
        if state in UNUSED:
            _execute(aws, identity, _set_name(wanted.token))
        elif state in MENDABLE:
            _update(aws, identity, wanted)

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """Two calls each: the stack, and what stands in it."""
        return {one: self._seen(aws, one) for one in identities}

    def _seen(self, aws: Aws, identity: str) -> Observed:
        row = _described(aws, identity)
        if row is None:
            return ABSENT
        rows = [*_resources(aws, identity)]
        state = str(row["StackStatus"])
        status = _status(state)
        detail = "" if status == "ready" else _why(state, rows) or clean_line(str(row.get("StackStatusReason", "")))
        parts = {str(one["LogicalResourceId"]): _part(one) for one in rows}
        return Observed(status, self._attributes(aws, row, rows) if status == "ready" else {}, detail or state, parts)

    def _attributes(self, aws: Aws, row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Its outputs, what only our kinds can tell of a resource, and by logical id under what name AWS knows each."""
        found: dict[str, Any] = {"Ref": row["StackId"]}
        for output in row.get("Outputs", ()):
            found[f"Outputs.{output['OutputKey']}"] = output["OutputValue"]
        for type_name, attribute in OURS:
            for one in (one for one in rows if one["ResourceType"] == type_name):
                identity = str(one["PhysicalResourceId"])
                seen = self._kinds[type_name].observe(aws, [identity])[identity]
                found[f"{one['LogicalResourceId']}.{attribute}"] = seen.attributes.get(attribute)
        found["Resources"] = {
            str(one["LogicalResourceId"]): [one["ResourceType"], one.get("PhysicalResourceId", "")] for one in rows
        }
        return found

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Hand over a change set; an empty one is a change of nothing."""
        _update(aws, identity, wanted)

    def preview(self, aws: Aws, identity: str, wanted: Wanted) -> list[Change]:
        """What CloudFormation would do to reach ``wanted``; the change set is thrown away again."""
        made = _propose(aws, identity, wanted)
        client = aws.client(_SERVICE)
        try:
            return _changes(aws, identity, made) if made else []
        finally:
            if made:
                client.delete_change_set(StackName=identity, ChangeSetName=made)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Lift what would keep CloudFormation from deleting, then delete; what its template retains stays."""
        row = _described(aws, identity)
        if row is None or row["StackStatus"] == "DELETE_IN_PROGRESS":
            return
        if row["StackStatus"] not in UNUSED:
            self._unlock(aws, identity)
        aws.client(_SERVICE).delete_stack(StackName=identity)

    def _unlock(self, aws: Aws, identity: str) -> None:
        body = aws.client(_SERVICE).get_template(StackName=identity)["TemplateBody"]
        template = body if isinstance(body, Mapping) else json.loads(body)
        for row in _resources(aws, identity):
            kind = self._kinds.get(row["ResourceType"])
            kept = template.get("Resources", {}).get(row["LogicalResourceId"], {}).get("DeletionPolicy") == "Retain"
            unlock = getattr(kind, "unlock", None)
            if unlock and row.get("PhysicalResourceId") and not kept:
                unlock(aws, str(row["PhysicalResourceId"]))


def _short(type_name: str) -> str:
    return " ".join(type_name.split("::")[1:])


def _set_name(token: str) -> str:
    return f"drucloud-{token}"


def _asked(wanted: Wanted, kind: str, token: str) -> dict[str, Any]:
    """The arguments of CreateChangeSet; a parameter from the deployment's folder is read here and goes nowhere else."""
    given = {
        name: deployment_file(wanted.deployment, value[FILE_MARKER]).reveal()
        if isinstance(value, Mapping)
        else str(value)
        for name, value in wanted.properties.get("Parameters", {}).items()
    }
    tags = [row for row in tagging.as_list(wanted) if row["Key"] != "Name"]  # each resource has a name of its own
    return {
        "StackName": str(wanted.properties["StackName"]),
        "ChangeSetName": _set_name(token),
        "ChangeSetType": kind,
        "TemplateBody": str(wanted.properties["TemplateBody"]),
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "Tags": tags,
    }


def _given(wanted: Wanted, value: Any) -> str:
    if isinstance(value, Mapping):
        return deployment_file(wanted.deployment, str(value[FILE_MARKER])).reveal()
    return str(value)


def _update(aws: Aws, identity: str, wanted: Wanted) -> None:
    row = _described(aws, identity)
    if row and str(row["StackStatus"]).endswith("_IN_PROGRESS"):
        return  # an earlier try was heard, only its answer was lost
    if made := _propose(aws, identity, wanted):
        _execute(aws, identity, made)


def _propose(aws: Aws, identity: str, wanted: Wanted) -> str:
    """A change set from what stands to ``wanted``, ready to be executed; its ARN, empty when it would do nothing."""
    client = aws.client(_SERVICE, creating=True)
    token = wanted.deployment.token(identity, wanted.token, str(time.time_ns()))
    try:
        made = str(client.create_change_set(**_asked(wanted, "UPDATE", token))["Id"])
    except ClientError as error:
        if any(text in message(error) for text in NO_CHANGES):
            return ""
        raise
    row = _await_change_set(aws, identity, made)
    if row["Status"] != "FAILED":
        return made
    client.delete_change_set(StackName=identity, ChangeSetName=made)
    reason = str(row.get("StatusReason", ""))
    if any(text in reason for text in NO_CHANGES):
        return ""
    raise FailedError(f"CloudFormation refuses the change set: {clean_line(reason)}.", "Correct it, then try again.")


def _await_change_set(aws: Aws, identity: str, name: str) -> Mapping[str, Any]:
    client = aws.client(_SERVICE)
    deadline = time.monotonic() + CHANGE_SET_SECONDS
    while True:
        row: Mapping[str, Any] = client.describe_change_set(StackName=identity, ChangeSetName=name)
        if not str(row["Status"]).endswith(("_PENDING", "_IN_PROGRESS")):
            return row
        if time.monotonic() > deadline:
            raise FailedError("CloudFormation does not finish a change set.", "Look at the stack in the console.")
        time.sleep(CHANGE_SET_POLL_SECONDS)


def _execute(aws: Aws, identity: str, name: str) -> None:
    """Execute a change set once it is ready; executed already is success."""
    row = _await_change_set(aws, identity, name)
    if row["ExecutionStatus"].startswith("EXECUTE_"):
        return
    if row["Status"] == "FAILED":
        reason = clean_line(str(row.get("StatusReason", "")))
        raise FailedError(f"CloudFormation refuses the template: {reason}.", "Correct it, then resume.")
    aws.client(_SERVICE).execute_change_set(StackName=identity, ChangeSetName=name, DisableRollback=True)


def _changes(aws: Aws, identity: str, name: str) -> list[Change]:
    client = aws.client(_SERVICE)
    rows: list[Mapping[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        answer = client.describe_change_set(StackName=identity, ChangeSetName=name, **more)
        rows += [row["ResourceChange"] for row in answer.get("Changes", ())]
        if not answer.get("NextToken"):
            break
        more = {"NextToken": answer["NextToken"]}
    return [
        Change(row["Action"], row["LogicalResourceId"], row["ResourceType"], str(row.get("Replacement", "")))
        for row in rows
    ]


def _described(aws: Aws, stack: str) -> Mapping[str, Any] | None:
    """One stack by name or id; ``None`` when it is not there any more."""
    try:
        (row,) = aws.client(_SERVICE).describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        # CloudFormation has no code of its own for it ("Stack with id … does not exist").
        if classify(error) == "gone" or "does not exist" in message(error):
            return None
        raise
    found: Mapping[str, Any] = row
    return None if found["StackStatus"] == "DELETE_COMPLETE" else found


def _resources(aws: Aws, stack: str) -> Iterator[Mapping[str, Any]]:
    pages = aws.client(_SERVICE).get_paginator("list_stack_resources").paginate(StackName=stack)
    return (row for page in pages for row in page["StackResourceSummaries"])


def _status(state: str) -> Status:
    if state in UNUSED or state.endswith("_IN_PROGRESS"):
        return "pending"
    return "ready" if state in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE") else "failed"


def _why(state: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The first thing that failed, or what is being worked on."""
    for row in rows:
        if str(row["ResourceStatus"]).endswith("_FAILED"):
            reason = clean_line(str(row.get("ResourceStatusReason", "")))
            return f"{row['LogicalResourceId']}: {reason or row['ResourceStatus']}"
    busy = [str(row["LogicalResourceId"]) for row in rows if str(row["ResourceStatus"]).endswith("_IN_PROGRESS")]
    return f"{state}: {', '.join(busy[:4])}" if busy else ""


def _part(row: Mapping[str, Any]) -> Part:
    state = str(row["ResourceStatus"])
    status: PartStatus = "running"
    if state.endswith("_FAILED"):
        status = "failed"
    elif state.endswith(("_COMPLETE", "_SKIPPED")):
        status = "changed"
    text = clean_line(str(row.get("ResourceStatusReason") or row.get("PhysicalResourceId", "")))
    return Part(status, f"{state} {text}".strip())

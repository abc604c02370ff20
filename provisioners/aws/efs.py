"""EFS: a file system and the addresses at which it is mounted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from provisioners.aws.errors import classify
from provisioners.aws.permissions import REQUEST_TAG, Need, on, tagged
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, Kind
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_dict, as_list, require_ours
from provisioners.engine.kinds import Observed, Status, Wanted

_SERVICE = "efs"
_STATES: Mapping[str, Status] = {"available": "ready", "error": "failed", "deleted": "absent"}

_SYSTEMS = ("arn:{partition}:elasticfilesystem:{region}:{account}:file-system/*",)
_PUTTING = tuple(
    f"elasticfilesystem:Put{what}" for what in ("BackupPolicy", "FileSystemPolicy", "LifecycleConfiguration")
)


class FileSystem(Kind):
    """``AWS::EFS::FileSystem``; identity is its id. Its creation token is the intent's."""

    type = "AWS::EFS::FileSystem"
    poll_seconds = 3.0
    expected_seconds = 15.0
    mutable = frozenset({"BackupPolicy", "FileSystemPolicy", "LifecyclePolicies"})
    needs = (
        Need("elasticfilesystem:CreateFileSystem", "deploy", condition=REQUEST_TAG),
        *on(_SYSTEMS, "deploy", "elasticfilesystem:TagResource", beside="elasticfilesystem:CreateFileSystem"),
        *tagged(_SYSTEMS, "deploy", *_PUTTING),
        *on(_SYSTEMS, "read", "elasticfilesystem:DescribeFileSystems"),
        *tagged(_SYSTEMS, "change", *_PUTTING, "elasticfilesystem:DeleteFileSystemPolicy"),
        *tagged(_SYSTEMS, "destroy", "elasticfilesystem:DeleteFileSystem"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it, with token and tags."""
        client = aws.client(_SERVICE, creating=True)
        values = arguments(client, "CreateFileSystem", wanted.properties, without=self.mutable | {"FileSystemTags"})
        made = client.create_file_system(CreationToken=wanted.token, **values, Tags=as_list(wanted))
        return str(made["FileSystemId"])

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """Its policies, once it takes them."""
        self.change(aws, identity, wanted, self.mutable & set(wanted.properties))

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """One call a policy; EFS takes the same again without complaint."""
        client = aws.client(_SERVICE)
        for name in sorted(changed):
            _PUT[name](client, identity, wanted.properties.get(name))

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By its creation token."""
        rows = aws.client(_SERVICE).describe_file_systems(CreationToken=wanted.token)["FileSystems"]
        for row in rows:
            if row["LifeCycleState"] not in ("deleting", "deleted"):
                require_ours(wanted, str(row["FileSystemId"]), as_dict(row["Tags"]))
                return str(row["FileSystemId"])
        return None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each."""
        return {one: self._seen(aws, one) for one in identities}

    def _seen(self, aws: Aws, identity: str) -> Observed:
        rows = _unless_gone(aws.client(_SERVICE).describe_file_systems, "FileSystems", FileSystemId=identity)
        if not rows:
            return ABSENT
        row = rows[0]
        return _observed(row, {"Ref": identity, "FileSystemId": identity, "Arn": row["FileSystemArn"]})

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it with what it holds; policy ``Retain`` leaves it alone. Refused while it can be mounted."""
        if policy != "Retain":
            aws.client(_SERVICE).delete_file_system(FileSystemId=identity)


def _put_backup(client: Any, identity: str, value: Any) -> None:
    client.put_backup_policy(FileSystemId=identity, BackupPolicy=value or {"Status": "DISABLED"})


def _put_policy(client: Any, identity: str, value: Any) -> None:
    if value:
        client.put_file_system_policy(FileSystemId=identity, Policy=json.dumps(value, sort_keys=True))
    else:
        client.delete_file_system_policy(FileSystemId=identity)


def _put_lifecycle(client: Any, identity: str, value: Any) -> None:
    client.put_lifecycle_configuration(FileSystemId=identity, LifecyclePolicies=list(value or ()))


_PUT: Mapping[str, Callable[[Any, str, Any], None]] = {
    "BackupPolicy": _put_backup,
    "FileSystemPolicy": _put_policy,
    "LifecyclePolicies": _put_lifecycle,
}


class MountTarget(Kind):
    """``AWS::EFS::MountTarget``; identity is its id. EFS allows one a zone, which makes it one of a kind."""

    type = "AWS::EFS::MountTarget"
    poll_seconds = 5.0
    expected_seconds = 90.0
    mutable = frozenset({"SecurityGroups"})
    needs = (
        *tagged(_SYSTEMS, "deploy", "elasticfilesystem:CreateMountTarget"),
        *on(_SYSTEMS, "read", "elasticfilesystem:DescribeMountTargets"),
        *tagged(_SYSTEMS, "change", "elasticfilesystem:ModifyMountTargetSecurityGroups"),
        *tagged(_SYSTEMS, "destroy", "elasticfilesystem:DeleteMountTarget"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it; it has no tags, its file system has."""
        client = aws.client(_SERVICE, creating=True)
        made = client.create_mount_target(**arguments(client, "CreateMountTarget", wanted.properties))
        return str(made["MountTargetId"])

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Who may reach it."""
        groups = list(wanted.properties["SecurityGroups"])
        aws.client(_SERVICE).modify_mount_target_security_groups(MountTargetId=identity, SecurityGroups=groups)

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """The file system's target in that subnet."""
        system, subnet = str(wanted.properties["FileSystemId"]), wanted.properties["SubnetId"]
        for row in _unless_gone(aws.client(_SERVICE).describe_mount_targets, "MountTargets", FileSystemId=system):
            if row["SubnetId"] == subnet and row["LifeCycleState"] not in ("deleting", "deleted"):
                return str(row["MountTargetId"])
        return None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each."""
        return {one: self._seen(aws, one) for one in identities}

    def _seen(self, aws: Aws, identity: str) -> Observed:
        rows = _unless_gone(aws.client(_SERVICE).describe_mount_targets, "MountTargets", MountTargetId=identity)
        if not rows:
            return ABSENT
        return _observed(rows[0], {"Ref": identity, "Id": identity, "IpAddress": rows[0].get("IpAddress", "")})

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it with its network interface."""
        aws.client(_SERVICE).delete_mount_target(MountTargetId=identity)


def _unless_gone(call: Callable[..., Any], key: str, **values: Any) -> list[Mapping[str, Any]]:
    try:
        return list(call(**values)[key])
    except ClientError as error:
        if classify(error) == "gone":
            return []
        raise


def _observed(row: Mapping[str, Any], attributes: Mapping[str, Any]) -> Observed:
    state = str(row["LifeCycleState"])
    status = _STATES.get(state, "pending")
    return ABSENT if status == "absent" else Observed(status, attributes, "" if status == "ready" else state)

"""Launch templates: what a new instance of a group is made of. A change is a new version; old ones cost nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from provisioners.aws.errors import classify
from provisioners.aws.permissions import anywhere, ec2_makes, ec2_uses
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, Ec2Kind
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_specification, physical_name
from provisioners.engine.kinds import Observed, Wanted

NAME_LIMIT = 128
_SETTLED = frozenset({"LaunchTemplateName", "TagSpecifications"})


class LaunchTemplate(Ec2Kind):
    """``AWS::EC2::LaunchTemplate``; identity ``lt-…``."""

    type = "AWS::EC2::LaunchTemplate"
    resource, id_key, id_filter = "launch-template", "LaunchTemplateId", ""
    listing = ("describe_launch_templates", "LaunchTemplates")
    mutable = frozenset({"LaunchTemplateData"})
    volatile = frozenset({"LatestVersionNumber"})
    needs = (
        *ec2_makes("ec2:CreateLaunchTemplate", "launch-template"),
        *anywhere("ec2:DescribeLaunchTemplates"),
        *anywhere("ec2:DescribeLaunchTemplateVersions", phase="change"),
        ec2_uses("ec2:CreateLaunchTemplateVersion", "launch-template", phase="change"),
        ec2_uses("ec2:DeleteLaunchTemplate", "launch-template", phase="destroy"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it with its first version, with token and tags."""
        client = aws.client("ec2", creating=True)
        name = str(wanted.properties.get("LaunchTemplateName") or physical_name(wanted, NAME_LIMIT))
        made = client.create_launch_template(
            **arguments(client, "CreateLaunchTemplate", wanted.properties, without=_SETTLED),
            LaunchTemplateName=name,
            VersionDescription=_mark(wanted.properties),
            ClientToken=wanted.token,
            TagSpecifications=as_specification(wanted, self.resource),
        )
        return str(made["LaunchTemplate"]["LaunchTemplateId"])

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Another version; its description says what is in it, so that a repeated call finds it made."""
        client = aws.client("ec2", creating=True)
        mark = _mark(wanted.properties)
        (newest,) = client.describe_launch_template_versions(LaunchTemplateId=identity, Versions=["$Latest"])[
            "LaunchTemplateVersions"
        ]
        if newest.get("VersionDescription") == mark:
            return
        client.create_launch_template_version(
            **arguments(client, "CreateLaunchTemplateVersion", wanted.properties, without=_SETTLED),
            LaunchTemplateId=identity,
            VersionDescription=mark,
        )

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each: EC2 has no filter by id, and with ids one that is gone makes the whole call fail."""
        return {one: self._seen(aws, one) for one in identities}

    def _seen(self, aws: Aws, identity: str) -> Observed:
        try:
            rows = aws.client("ec2").describe_launch_templates(LaunchTemplateIds=[identity])["LaunchTemplates"]
        except ClientError as error:
            if classify(error) != "gone":
                raise
            return ABSENT
        return self.observed(rows[0]) if rows else ABSENT

    def observed(self, row: Mapping[str, Any]) -> Observed:
        """It has no states."""
        numbers = {name: str(row[name]) for name in ("LatestVersionNumber", "DefaultVersionNumber")}
        return Observed("ready", {"Ref": row[self.id_key], self.id_key: row[self.id_key], **numbers})

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it with all its versions. EC2 does not ask whether a group still uses it."""
        aws.client("ec2").delete_launch_template(LaunchTemplateId=identity)


def _mark(properties: Mapping[str, Any]) -> str:
    """A short digest of the template's data."""
    text = json.dumps(properties["LaunchTemplateData"], sort_keys=True)
    return f"drucloud {hashlib.sha256(text.encode()).hexdigest()[:16]}"

"""The blueprint while it is being built: one template, and the names that every tier derives the same way."""

from __future__ import annotations

import hashlib
from typing import Any

from troposphere import AWSHelperFn, AWSObject, GetAtt, Ref, Sub, Tags, Template

from profiles.model import Profile
from provisioners.blueprint.graph import REGION_TAG, TIERS, Blueprint
from provisioners.blueprint.lookups import Lookups

__all__ = ["Draft", "GetAtt", "Ref", "Sub"]


_LINT_EXCEPTIONS = [
    "I3037",  # a zone that stands twice in a list: ElastiCache wants one zone a node
    "W3010",  # fixed zones: they were looked up in this account as offering every class that is wanted
]


_TAG_PROPERTIES = (
    "Tags", "AccessPointTags", "BackupPlanTags", "BackupVaultTags", "FileSystemTags", "HealthCheckTags", "ResourceTags",
)  # fmt: skip
"""What CloudFormation's types call their tags; each type has one of them."""


def _as_property(tags: dict[str, str], kind: Any) -> Any:
    """``tags`` in the form a type has them: a map, troposphere's own list, or a list of pairs of its own."""
    if kind is dict:
        return tags
    return [kind[0](Key=key, Value=value) for key, value in tags.items()] if isinstance(kind, list) else Tags(tags)


class Draft:
    """Collects resources; each module of this package adds those of its tier."""

    def __init__(self, profile: Profile, lookups: Lookups) -> None:
        self.profile = profile
        self.lookups = lookups
        self.template = Template(Description=f"Drupal stack '{profile.name}', built by drucloud")
        self.template.set_version()
        self.template.set_metadata({"cfn-lint": {"config": {"ignore_checks": _LINT_EXCEPTIONS}}})

    @property
    def keeps_data(self) -> bool:
        """Whether destroy leaves a final snapshot and the bucket: ``auto`` means yes on AWS, no in the sandbox."""
        wish = self.profile.protection.on_destroy
        return self.lookups.target == "aws" if wish == "auto" else wish == "keep"

    @property
    def zones(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """The letters that end logical ids, each with its zone: ``(("A", "us-east-1a"), ("B", "us-east-1b"))``."""
        return (("A", self.lookups.zones[0]), ("B", self.lookups.zones[1]))

    def name(self, *parts: str) -> str:
        """A name unique in account and region: ``drucloud-starter-web``. At most 42 characters with one short part."""
        return "-".join(("drucloud", self.profile.name, *parts))

    def global_name(self) -> str:
        """A name no other account has (S3): ``drucloud-starter-1a2b3c4d5e6f``, at most 53 characters."""
        text = f"{self.lookups.target}/{self.lookups.account}/{self.lookups.region}/{self.profile.name}"
        return self.name(hashlib.sha256(text.encode()).hexdigest()[:12])

    def add(self, tier: str, label: str, resource: AWSObject, region: str = "") -> None:
        """Put ``resource`` into the graph under ``tier``, labelled for the tree, and tagged where its type has tags.

        :param region: where it has to stand when that is not the deployment's own region; only types with ``Tags``.
        """
        if tier not in TIERS:
            raise ValueError(f"there is no tier {tier}")
        resource.Metadata = {"Drucloud": {"Tier": tier, "Label": label}}
        tags = {
            "Name": f"{self.profile.name} {resource.title}",
            "drucloud:deployment": self.profile.name,
            "drucloud:resource": resource.title,
        }
        if region and region != self.lookups.region:
            tags[REGION_TAG] = region
        for name in _TAG_PROPERTIES:
            if name in resource.props:
                setattr(resource, name, _as_property(tags, resource.props[name][0]))
        self.template.add_resource(resource)

    def finish(self) -> Blueprint:
        """The finished graph, tier by tier; raises ``ValueError`` when something refers to what is not there."""
        template = self.template.to_dict()
        by_tier = sorted(template["Resources"].items(), key=lambda item: TIERS.index(_tier(item[1])))
        return Blueprint({**template, "Resources": dict(by_tier)})


def _tier(resource: dict[str, Any]) -> str:
    return str(resource["Metadata"]["Drucloud"]["Tier"])


class DeploymentFile(AWSHelperFn):  # type: ignore[misc]  # troposphere is untyped
    """The content of a file in the deployment's folder, e.g. the deploy key.

    The graph holds only this marker; the resource kind that needs the content reads it when it makes its call, so that
    no secret is ever resolved into a plan, an event or a journal.
    """

    def __init__(self, name: str) -> None:
        self.data = {"Drucloud::File": name}

"""CloudFront: distribution.

CloudFront's API writes lists as ``{"Quantity": n, "Items": [...]}`` where CloudFormation writes lists, and wants the
whole configuration back, with the ETag it gave, for every change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from profiles.errors import FailedError
from provisioners.aws.dynamic_references import revealed
from provisioners.aws.permissions import Need, on, tagged
from provisioners.aws.resource import ABSENT, Kind
from provisioners.aws.secretsmanager import SECRETS
from provisioners.aws.session import Aws
from provisioners.aws.tagging import PREFIX, as_dict, as_list
from provisioners.engine.kinds import Observed, Wanted

_SERVICE = "cloudfront"

_RENAMED = {
    "AcmCertificateArn": "ACMCertificateArn",
    "IPV6Enabled": "IsIPV6Enabled",
    "OriginCustomHeaders": "CustomHeaders",
    "OriginSSLProtocols": "OriginSslProtocols",
    "SslSupportMethod": "SSLSupportMethod",
}
"""CloudFormation's name -> the API's."""


def as_api(shape: Any, value: Any) -> Any:
    """A CloudFormation value in the form of ``shape``: lists wrapped, names and types as the API wants them."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, list):
        return {"Quantity": len(value), "Items": [as_api(shape.members["Items"].member, item) for item in value]}
    if kind == "structure" and isinstance(value, Mapping):
        return _structure(shape, value)
    if kind == "list" and isinstance(value, list):
        return [as_api(shape.member, item) for item in value]
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if kind in ("integer", "long"):
        return int(value)
    return value


def _structure(shape: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    made = {}
    for name, item in value.items():
        target = _RENAMED.get(name, name)
        if target == "CachedMethods" and "CachedMethods" not in shape.members:
            continue  # stands beside AllowedMethods in CloudFormation and inside it in the API
        if target not in shape.members:
            raise FailedError(f"CloudFront's {shape.name} takes no {name}.", "This is a fault in the blueprint.")
        made[target] = as_api(shape.members[target], item)
    if "AllowedMethods" in made and "CachedMethods" in value:
        methods = list(value["CachedMethods"])
        made["AllowedMethods"]["CachedMethods"] = {"Quantity": len(methods), "Items": methods}
    if "Items" in made and "Quantity" in shape.members:  # the few lists that CloudFormation wraps too
        made["Quantity"] = len(made["Items"])
    return made


def merged(current: Any, wanted: Any) -> Any:
    """``wanted`` over ``current``: what CloudFront filled in itself has to be sent back with every change."""
    if isinstance(current, Mapping) and isinstance(wanted, Mapping):
        return {**current, **{name: merged(current.get(name), item) for name, item in wanted.items()}}
    if isinstance(current, list) and isinstance(wanted, list):
        known = {_key(item): item for item in current}
        return [merged(known.get(_key(item)), item) for item in wanted]
    return wanted


def _key(item: Any) -> Any:
    return (item.get("Id"), item.get("PathPattern")) if isinstance(item, Mapping) else str(item)


_DISTRIBUTIONS = ("arn:{partition}:cloudfront::{account}:distribution/*",)


class Distribution(Kind):
    """``AWS::CloudFront::Distribution``; identity is its id."""

    type = "AWS::CloudFront::Distribution"
    poll_seconds = 10.0
    expected_seconds = 480.0
    mutable = frozenset({"DistributionConfig"})
    needs = (
        Need("cloudfront:CreateDistribution", "deploy"),
        Need("cloudfront:TagResource", "deploy", _DISTRIBUTIONS, beside="cloudfront:CreateDistribution"),
        *on(SECRETS, "deploy", "secretsmanager:GetSecretValue"),
        *on(SECRETS, "change", "secretsmanager:GetSecretValue"),
        Need("cloudfront:ListDistributions", "read"),
        *on(_DISTRIBUTIONS, "find", "cloudfront:ListTagsForResource"),
        *tagged(_DISTRIBUTIONS, "change", "cloudfront:GetDistributionConfig", "cloudfront:UpdateDistribution"),
        *tagged(_DISTRIBUTIONS, "destroy", "cloudfront:GetDistributionConfig", "cloudfront:UpdateDistribution"),
        *tagged(_DISTRIBUTIONS, "destroy", "cloudfront:DeleteDistribution"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it with its tags; the caller reference is the intent's token."""
        client = aws.client(_SERVICE, creating=True)
        config = {**self._config(aws, client, wanted), "CallerReference": wanted.token}
        made = client.create_distribution_with_tags(
            DistributionConfigWithTags={"DistributionConfig": config, "Tags": {"Items": as_list(wanted)}}
        )
        return str(made["Distribution"]["Id"])

    def _config(self, aws: Aws, client: Any, wanted: Wanted) -> dict[str, Any]:
        shape = client.meta.service_model.shape_for("DistributionConfig")
        made: dict[str, Any] = as_api(shape, revealed(aws, wanted.properties["DistributionConfig"]))
        return made

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By its tags: CloudFront does not list caller references."""
        ours = {key: value for key, value in wanted.tags.items() if key.startswith(PREFIX)}
        client = aws.client(_SERVICE)
        for row in self._rows(aws):
            tags = as_dict(client.list_tags_for_resource(Resource=row["ARN"])["Tags"].get("Items", ()))
            if ours.items() <= tags.items():
                return str(row["Id"])
        return None

    def _rows(self, aws: Aws) -> Iterator[Mapping[str, Any]]:
        pages = aws.client(_SERVICE).get_paginator("list_distributions").paginate()
        return (row for page in pages for row in page["DistributionList"].get("Items", ()))

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One listing for all."""
        rows = {str(row["Id"]): row for row in self._rows(aws)}
        return {one: _distribution(rows[one]) if one in rows else ABSENT for one in identities}

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """The whole configuration, ours over what stands."""
        client = aws.client(_SERVICE)
        now = client.get_distribution_config(Id=identity)
        config = merged(now["DistributionConfig"], self._config(aws, client, wanted))
        client.update_distribution(Id=identity, IfMatch=now["ETag"], DistributionConfig=config)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Switch it off, then delete it; until every place has switched it off CloudFront refuses, and we ask again."""
        client = aws.client(_SERVICE)
        now = client.get_distribution_config(Id=identity)
        tag = now["ETag"]
        if now["DistributionConfig"]["Enabled"]:
            off = {**now["DistributionConfig"], "Enabled": False}
            tag = client.update_distribution(Id=identity, IfMatch=tag, DistributionConfig=off)["ETag"]
        client.delete_distribution(Id=identity, IfMatch=tag)


def _distribution(row: Mapping[str, Any]) -> Observed:
    ready = row["Status"] == "Deployed"
    attributes = {"Ref": row["Id"], "Id": row["Id"], "DomainName": row["DomainName"]}
    return Observed("ready" if ready else "pending", attributes, "" if ready else str(row["Status"]))

"""What CloudFront keeps beside distributions and cannot tag: policies, origin access controls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from botocore import xform_name

from profiles.errors import FailedError
from provisioners.aws.cloudfront import as_api
from provisioners.aws.permissions import Need, on
from provisioners.aws.resource import ABSENT, Kind
from provisioners.aws.session import Aws
from provisioners.engine.kinds import Observed, Wanted

_SERVICE = "cloudfront"


def _part_needs(word: str, listing: str, kind: str) -> tuple[Need, ...]:
    """The calls for what a distribution refers to; CloudFront knows no tags on these."""
    arns = (f"arn:{{partition}}:cloudfront::{{account}}:{kind}/*",)
    return (
        Need(f"cloudfront:Create{word}", "deploy"),
        Need(f"cloudfront:{listing}", "read"),
        *on(arns, "change", f"cloudfront:Get{word}", f"cloudfront:Update{word}"),
        *on(arns, "destroy", f"cloudfront:Get{word}", f"cloudfront:Delete{word}"),
    )


class _Part(Kind):
    """What CloudFront keeps under an id and a name, and cannot tag: a note with the intent's token says whose it is."""

    part: ClassVar[str]
    """Its name in the API: ``CachePolicy``."""
    note: ClassVar[str]
    """The field of its configuration that takes free text."""

    def _config(self, aws: Aws, wanted: Wanted) -> dict[str, Any]:
        name = f"{self.part}Config"
        shape = aws.client(_SERVICE).meta.service_model.shape_for(name)
        made: dict[str, Any] = as_api(shape, {**wanted.properties[name], self.note: f"drucloud {wanted.token}"})
        return made

    def _call(self, client: Any, verb: str, **values: Any) -> Any:
        return getattr(client, xform_name(f"{verb}{self.part}"))(**values)

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it."""
        client = aws.client(_SERVICE, creating=True)
        made = self._call(client, "Create", **{f"{self.part}Config": self._config(aws, wanted)})
        return str(made[self.part]["Id"])

    def _rows(self, aws: Aws) -> Iterator[tuple[str, str, str]]:
        """Id, name and note of each."""
        raise NotImplementedError

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By name, if the note is this intent's."""
        name = wanted.properties[f"{self.part}Config"]["Name"]
        for identity, known, note in self._rows(aws):
            if known == name:
                if wanted.token not in note:
                    raise FailedError(
                        f"There is already a {self.type} called {name}, and it was not made by this deployment.",
                        "Remove it in CloudFront, or give this deployment another name.",
                    )
                return identity
        return None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One listing for all; it has no states."""
        there = {identity for identity, _, _ in self._rows(aws)}
        return {one: Observed("ready", {"Ref": one, "Id": one}) if one in there else ABSENT for one in identities}

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """The whole configuration, with the ETag."""
        client = aws.client(_SERVICE)
        tag = self._call(client, "Get", Id=identity)["ETag"]
        self._call(client, "Update", Id=identity, IfMatch=tag, **{f"{self.part}Config": self._config(aws, wanted)})

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; refused while a distribution uses it."""
        client = aws.client(_SERVICE)
        self._call(client, "Delete", Id=identity, IfMatch=self._call(client, "Get", Id=identity)["ETag"])


class _Policy(_Part):
    """A policy that behaviours name: the account's own are listed as ``custom``, page by page."""

    note = "Comment"
    listing: ClassVar[str]
    """The List method."""

    def _rows(self, aws: Aws) -> Iterator[tuple[str, str, str]]:
        client = aws.client(_SERVICE)
        marker: dict[str, str] = {}
        while True:
            listed = getattr(client, self.listing)(Type="custom", **marker)[f"{self.part}List"]
            for row in listed.get("Items", ()):
                config = row[self.part][f"{self.part}Config"]
                yield str(row[self.part]["Id"]), str(config["Name"]), str(config.get("Comment", ""))
            if not listed.get("NextMarker"):
                return
            marker = {"Marker": listed["NextMarker"]}


class CachePolicy(_Policy):
    """``AWS::CloudFront::CachePolicy``."""

    type = "AWS::CloudFront::CachePolicy"
    part, listing = "CachePolicy", "list_cache_policies"
    mutable = frozenset({"CachePolicyConfig"})
    needs = _part_needs("CachePolicy", "ListCachePolicies", "cache-policy")


class ResponseHeadersPolicy(_Policy):
    """``AWS::CloudFront::ResponseHeadersPolicy``."""

    type = "AWS::CloudFront::ResponseHeadersPolicy"
    part, listing = "ResponseHeadersPolicy", "list_response_headers_policies"
    mutable = frozenset({"ResponseHeadersPolicyConfig"})
    needs = _part_needs("ResponseHeadersPolicy", "ListResponseHeadersPolicies", "response-headers-policy")


class OriginAccessControl(_Part):
    """``AWS::CloudFront::OriginAccessControl``."""

    type = "AWS::CloudFront::OriginAccessControl"
    part, note = "OriginAccessControl", "Description"
    mutable = frozenset({"OriginAccessControlConfig"})
    needs = _part_needs("OriginAccessControl", "ListOriginAccessControls", "origin-access-control")

    def _rows(self, aws: Aws) -> Iterator[tuple[str, str, str]]:
        pages = aws.client(_SERVICE).get_paginator("list_origin_access_controls").paginate()
        rows = (row for page in pages for row in page["OriginAccessControlList"].get("Items", ()))
        return ((str(row["Id"]), str(row["Name"]), str(row.get("Description", ""))) for row in rows)

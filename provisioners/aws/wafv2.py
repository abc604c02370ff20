"""AWS WAF: web ACLs, and which load balancer they stand before.

What belongs to CloudFront is kept in us-east-1, whatever the deployment's region; a web ACL's ARN tells which it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from provisioners.aws.errors import classify
from provisioners.aws.permissions import IN_REGION, Need, on
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, Kind, NamedKind
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_dict, as_list
from provisioners.blueprint.edge import EDGE_REGION
from provisioners.engine.kinds import Observed, Wanted

_SERVICE = "wafv2"


def _where(scope: str) -> str:
    return EDGE_REGION if scope == "CLOUDFRONT" else ""


def _known_as(arn: str) -> dict[str, str]:
    """Name, id and scope, which every call wants: ``…:global/webacl/NAME/ID``, or ``regional`` for the others."""
    scope, _, name, identity = arn.rsplit(":", 1)[1].split("/")
    return {"Name": name, "Id": identity, "Scope": "CLOUDFRONT" if scope == "global" else "REGIONAL"}


_ACLS = ("arn:{partition}:wafv2:*:{account}:*/webacl/drucloud-{name}-*/*",)
"""In both scopes, ``global`` and ``regional``."""
_BALANCERS = ("arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/app/{name}-*/*",)


class WebAcl(NamedKind):
    """``AWS::WAFv2::WebACL``; identity is its ARN."""

    type = "AWS::WAFv2::WebACL"
    name_property, name_limit = "Name", 128
    mutable = frozenset({"DefaultAction", "Description", "Rules", "VisibilityConfig"})
    needs = (
        *on(_ACLS, "deploy", "wafv2:CreateWebACL"),
        *on(_ACLS, "deploy", "wafv2:TagResource", beside="wafv2:CreateWebACL"),
        Need("wafv2:ListWebACLs", "read"),
        *on(_ACLS, "find", "wafv2:ListTagsForResource"),
        *on(_ACLS, "change", "wafv2:GetWebACL", "wafv2:UpdateWebACL"),
        *on(_ACLS, "destroy", "wafv2:GetWebACL", "wafv2:DeleteWebACL"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it, with the tags."""
        client = aws.client(_SERVICE, creating=True, region=_where(str(wanted.properties["Scope"])))
        properties = {**wanted.properties, "Name": self.name(wanted)}
        values = arguments(client, "CreateWebACL", properties, without=frozenset({"Tags"}))
        return str(client.create_web_acl(**values, Tags=as_list(wanted))["Summary"]["ARN"])

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By name in its scope, if it is ours."""
        for row in _listed(aws, str(wanted.properties["Scope"])):
            if row["Name"] == self.name(wanted):
                self.require_ours(aws, wanted, str(row["ARN"]))
                return str(row["ARN"])
        return None

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """The tags it carries."""
        client = aws.client(_SERVICE, region=_where(_known_as(identity)["Scope"]))
        told = client.list_tags_for_resource(ResourceARN=identity)["TagInfoForResource"]
        return as_dict(told.get("TagList", ()))

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One listing a scope; it has no states."""
        scopes = {_known_as(one)["Scope"] for one in identities}
        there = {str(row["ARN"]) for scope in sorted(scopes) for row in _listed(aws, scope)}
        return {one: Observed("ready", _attributes(one)) if one in there else ABSENT for one in identities}

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """All of it, with the lock token."""
        known = _known_as(identity)
        client = aws.client(_SERVICE, region=_where(known["Scope"]))
        properties = {name: value for name, value in wanted.properties.items() if name in self.mutable}
        token = client.get_web_acl(**known)["LockToken"]
        client.update_web_acl(**known, LockToken=token, **arguments(client, "UpdateWebACL", properties))

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it; refused while it stands before something."""
        known = _known_as(identity)
        client = aws.client(_SERVICE, region=_where(known["Scope"]))
        client.delete_web_acl(**known, LockToken=client.get_web_acl(**known)["LockToken"])


def _attributes(arn: str) -> dict[str, str]:
    known = _known_as(arn)
    return {"Ref": "|".join(known[key] for key in ("Name", "Id", "Scope")), "Arn": arn, "Id": known["Id"]}


def _listed(aws: Aws, scope: str) -> Iterator[Mapping[str, Any]]:
    client = aws.client(_SERVICE, region=_where(scope))
    marker: dict[str, str] = {}
    while True:
        told = client.list_web_acls(Scope=scope, **marker)
        yield from told.get("WebACLs", ())
        if not told.get("NextMarker"):
            return
        marker = {"NextMarker": told["NextMarker"]}


class WebAclAssociation(Kind):
    """``AWS::WAFv2::WebACLAssociation``; identity ``resource|web ACL``, both ARNs."""

    type = "AWS::WAFv2::WebACLAssociation"
    expected_seconds = 10.0
    needs = (
        *on(_ACLS, "deploy", "wafv2:AssociateWebACL"),
        *on(_BALANCERS, "deploy", "wafv2:AssociateWebACL"),
        Need("elasticloadbalancing:SetWebAcl", "deploy", condition=IN_REGION, beside="wafv2:AssociateWebACL"),
        *on(_BALANCERS, "read", "wafv2:GetWebACLForResource"),
        *on(_ACLS, "read", "wafv2:GetWebACL", beside="wafv2:GetWebACLForResource"),
        *on(_BALANCERS, "destroy", "wafv2:DisassociateWebACL"),
        Need("elasticloadbalancing:SetWebAcl", "destroy", condition=IN_REGION, beside="wafv2:DisassociateWebACL"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Tie them; the same again is no error."""
        acl, resource = str(wanted.properties["WebACLArn"]), str(wanted.properties["ResourceArn"])
        aws.client(_SERVICE, creating=True).associate_web_acl(WebACLArn=acl, ResourceArn=resource)
        return f"{resource}|{acl}"

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By its two ends."""
        identity = f"{wanted.properties['ResourceArn']}|{wanted.properties['WebACLArn']}"
        return identity if _tied(aws, identity) else None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each."""
        return {one: Observed("ready", {"Ref": one}) if _tied(aws, one) else ABSENT for one in identities}

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Untie them, if they are."""
        if _tied(aws, identity):
            aws.client(_SERVICE).disassociate_web_acl(ResourceArn=identity.split("|")[0])


def _tied(aws: Aws, identity: str) -> bool:
    resource, acl = identity.split("|")
    try:
        told = aws.client(_SERVICE).get_web_acl_for_resource(ResourceArn=resource)
    except ClientError as error:
        if classify(error) == "gone":
            return False
        raise
    return bool((told.get("WebACL") or {}).get("ARN") == acl)

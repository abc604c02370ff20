"""AWS WAF: a web ACL stands before what is there, and goes only when it stands before nothing."""

from __future__ import annotations

from typing import Any

from moto.cloudfront.models import cloudfront_backends
from moto.elbv2.models import elbv2_backends
from moto.wafv2.models import GLOBAL_REGION, wafv2_backends

from provisioners.sandbox.api.extend import Call, Refused, before
from provisioners.sandbox.api.world import ACCOUNT, PARTITION, World


def at_edge(arn: str) -> bool:
    """Whether there is such a web ACL for CloudFront."""
    return arn in wafv2_backends[ACCOUNT][GLOBAL_REGION].wacls


@before("wafv2", "CreateWebACL", "ListWebACLs", "GetWebACL")
def _place(_: World, call: Call) -> None:
    if call.get("Scope") == "CLOUDFRONT" and call.region != "us-east-1":
        raise Refused("WAFInvalidParameterException", "The scope is not valid in this region. Scope: CLOUDFRONT")


@before("wafv2", "AssociateWebACL")
def _known(_: World, call: Call) -> None:
    arn = str(call.get("ResourceArn"))
    balancer = elbv2_backends[ACCOUNT][call.region].load_balancers.get(arn)
    if balancer is None:
        raise Refused("WAFNonexistentItemException", "AWS WAF couldn't perform the operation: no such resource.")
    if balancer.state != "active":
        raise Refused("WAFUnavailableEntityException", "AWS WAF couldn't retrieve the resource that you requested.")


@before("wafv2", "DeleteWebACL")
def _in_use(_: World, call: Call) -> None:
    region = GLOBAL_REGION if call.get("Scope") == "CLOUDFRONT" else call.region
    acls: Any = wafv2_backends[ACCOUNT][region].wacls.values()
    balancers = elbv2_backends[ACCOUNT][call.region].load_balancers
    for acl in acls:
        if acl.id == call.get("Id"):
            edges = cloudfront_backends[ACCOUNT][PARTITION].distributions.values()
            shown = any(edge.drucloud_config.get("WebACLId") == acl.arn for edge in edges)
            if shown or any(arn in balancers for arn in acl.associated_resources):
                raise Refused("WAFAssociatedItemException", "AWS WAF couldn't perform the operation: in use.")

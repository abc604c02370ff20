"""What the site's own modules are told of: search node, file bucket, CDN, mail. Nothing in it is secret.

=============  =====================================================================================================
``search``     ``host``: where Solr answers (port 8983, core ``drupal``)
``files``      ``bucket``, ``region``; ``domain``: the name under which CloudFront serves ``/s3fs-public/*``
``purge``      ``distribution``, and the ``header`` whose tags it can forget (:data:`edge.CACHE_TAG_HEADER`)
``mail``       ``domain`` that may stand after the sender's @, ``region`` of SES
=============  =====================================================================================================

What the machine makes of it stands in ``roles/site-code/services.php``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from troposphere import iam

from provisioners.blueprint import edge, mail, search
from provisioners.blueprint.access import allow, policy
from provisioners.blueprint.draft import Draft, GetAtt, Ref, Sub

Told = dict[str, dict[str, Any]]


def told(draft: Draft) -> Told:
    """The services of this profile; a value is a text or a reference."""
    region = draft.lookups.region
    found: Told = {}
    if search.wanted(draft):
        found["search"] = {"host": GetAtt("SearchServer", "PrivateIp")}
    if edge.serves_bucket(draft):
        # Without a CDN nobody may read the bucket: its files would have no address.
        found["files"] = {"bucket": Ref("FileBucket"), "domain": _cdn_name(draft), "region": region}
    if edge.wanted(draft):
        found["purge"] = {"distribution": Ref("Distribution"), "header": edge.CACHE_TAG_HEADER}
    if mail.wanted(draft):
        found["mail"] = {"domain": mail.domain(draft.profile), "region": region}
    return found


def in_words(services: Told) -> Told:
    """The same with each reference as ``Fn::Sub`` writes it in a text."""
    return {name: {key: _word(value) for key, value in one.items()} for name, one in services.items()}


def add_permissions(draft: Draft) -> None:
    """Web servers may have the CDN forget what an editor has changed; a policy of its own, for it waits for the CDN."""
    if not edge.wanted(draft):
        return
    arn = Sub("arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}")
    permission = iam.RolePolicy(
        "WebPurgePermissions",
        PolicyName="purge",
        RoleName=Ref("WebRole"),
        PolicyDocument=policy(allow(["cloudfront:CreateInvalidation"], arn)),
    )
    draft.add("edge", "Web may purge the CDN", permission)


def _cdn_name(draft: Draft) -> Any:
    """The name visitors use: the site's own where the CDN has a certificate for it."""
    return draft.profile.site.domain if edge.certificate(draft) else GetAtt("Distribution", "DomainName")


def _word(value: Any) -> Any:
    shown = value.to_dict() if hasattr(value, "to_dict") else value
    if not isinstance(shown, Mapping):
        return shown
    if "Ref" in shown:
        return f"${{{shown['Ref']}}}"
    logical_id, attribute = shown["Fn::GetAtt"]
    return f"${{{logical_id}.{attribute}}}"

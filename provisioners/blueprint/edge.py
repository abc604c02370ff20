"""CloudFront before the load balancer, made for Drupal: cached by cookie, static files for long, origin locked.

Visitors with a session cookie have cache entries of their own, so Drupal's ``private`` answers are never shared; all
other cookies are left out of the key. The load balancer answers only CloudFront
(:mod:`provisioners.blueprint.origin_lock`), the file bucket only this distribution, by its origin access control.
"""

from __future__ import annotations

from typing import Any

from troposphere import cloudfront as cf

from provisioners.blueprint import edge_policies, origin_lock
from provisioners.blueprint.draft import Draft, GetAtt, Ref

STATIC_PATHS = ("/sites/*/files/css/*", "/sites/*/files/js/*", "/sites/*/files/styles/*", "/core/*", "/themes/*")
PRIVATE_PATHS = ("/user*", "/admin*")
BUCKET_PATHS = ("/s3fs-public/*",)
"""Where Drupal's s3fs module keeps public files in the bucket (its ``public_folder``)."""

CACHE_TAG_HEADER = "Cache-Tag"
"""The header whose tags can be invalidated (``#node:1``; at most 50 an answer). Source: CloudFront Developer Guide,
"Invalidating content by cache tags"; the name is that of Drupal's cloudfront_purger."""

EDGE_REGION = "us-east-1"
"""CloudFront takes certificates of this region only."""

_ALL_METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]
_FILE_METHODS = ["GET", "HEAD", "OPTIONS"]
_READ = ["GET", "HEAD"]
_ORIGIN_SECONDS = 60
"""As long as an answer may take (batch pages), and shorter than nginx's keep-alive of 75 s."""


def wanted(draft: Draft) -> bool:
    """Whether the profile wants a CDN."""
    return draft.profile.edge.cdn == "cloudfront"


def certificate(draft: Draft) -> str:
    """The certificate CloudFront shows: the balancer's where that stands in :data:`EDGE_REGION`; empty: none."""
    if not wanted(draft) or draft.profile.names.dns != "route53":
        return ""
    return "Certificate" if draft.lookups.region == EDGE_REGION else "EdgeCertificate"


def serves_bucket(draft: Draft) -> bool:
    """Whether visitors get files from the bucket."""
    return wanted(draft) and draft.profile.storage.bucket


def add(draft: Draft) -> None:
    """Add policies, origin access control and distribution, if the profile wants a CDN."""
    if not wanted(draft):
        return
    origin_lock.add_secret(draft)
    edge_policies.add(draft)
    if serves_bucket(draft):
        draft.add("edge", "Way to the file bucket", _bucket_access(draft))
    draft.add("edge", "CloudFront distribution", _distribution(draft))


def _bucket_access(draft: Draft) -> cf.OriginAccessControl:
    return cf.OriginAccessControl(
        "BucketAccess",
        OriginAccessControlConfig=cf.OriginAccessControlConfig(
            Name=draft.name(draft.lookups.region),
            OriginAccessControlOriginType="s3",
            SigningBehavior="always",
            SigningProtocol="sigv4",
        ),
    )


def _distribution(draft: Draft) -> cf.Distribution:
    config = cf.DistributionConfig(
        Comment=draft.name(),
        Enabled=True,
        HttpVersion="http2and3",
        IPV6Enabled=True,
        PriceClass="PriceClass_100",
        CacheTagConfig=cf.CacheTagConfig(HeaderName=CACHE_TAG_HEADER),
        Origins=[_balancer_origin(draft), *([_bucket_origin()] if serves_bucket(draft) else [])],
        DefaultCacheBehavior=cf.DefaultCacheBehavior(**_pages(Ref(edge_policies.PAGES))),
        CacheBehaviors=[cf.CacheBehavior(PathPattern=path, **behavior) for path, behavior in _by_path(draft)],
        **_viewers(draft),
        **_guarded(draft),
    )
    return cf.Distribution("Distribution", DistributionConfig=config)


def _guarded(draft: Draft) -> dict[str, Any]:
    """The firewall (:mod:`provisioners.blueprint.firewall`), if there is one."""
    return {"WebACLId": GetAtt("Firewall", "Arn")} if draft.profile.protection.firewall != "none" else {}


def _viewers(draft: Draft) -> dict[str, Any]:
    """Under the site's name with a certificate, else under CloudFront's own name and certificate."""
    shown = certificate(draft)
    if not shown:
        return {"ViewerCertificate": cf.ViewerCertificate(CloudFrontDefaultCertificate=True)}
    own = cf.ViewerCertificate(
        AcmCertificateArn=Ref(shown), SslSupportMethod="sni-only", MinimumProtocolVersion="TLSv1.2_2021"
    )
    return {"ViewerCertificate": own, "Aliases": [draft.profile.site.domain]}


def _balancer_origin(draft: Draft) -> cf.Origin:
    """TLS all the way where the balancer has a certificate; it has none for its own name."""
    return cf.Origin(
        Id="balancer",
        DomainName=GetAtt("Balancer", "DNSName"),
        OriginCustomHeaders=[origin_lock.header()],
        CustomOriginConfig=cf.CustomOriginConfig(
            HTTPPort=80,
            HTTPSPort=443,
            OriginProtocolPolicy="https-only" if certificate(draft) else "http-only",
            OriginSSLProtocols=["TLSv1.2"],
            OriginReadTimeout=_ORIGIN_SECONDS,
            OriginKeepaliveTimeout=_ORIGIN_SECONDS,
        ),
    )


def _bucket_origin() -> cf.Origin:
    return cf.Origin(
        Id="files",
        DomainName=GetAtt("FileBucket", "RegionalDomainName"),
        OriginAccessControlId=Ref("BucketAccess"),
        S3OriginConfig=cf.S3OriginConfig(OriginAccessIdentity=""),  # required, and empty beside an access control
    )


def _by_path(draft: Draft) -> list[tuple[str, dict[str, Any]]]:
    """Behaviours in the order in which CloudFront tries them."""
    found = [(path, _static()) for path in STATIC_PATHS]
    found += [(path, _pages(edge_policies.CACHING_DISABLED)) for path in PRIVATE_PATHS]
    return found + ([(path, _bucket()) for path in BUCKET_PATHS] if serves_bucket(draft) else [])


def _pages(policy: Any) -> dict[str, Any]:
    return {
        **_behavior("balancer", policy, _ALL_METHODS),
        "OriginRequestPolicyId": edge_policies.ALL_VIEWER,
        "ResponseHeadersPolicyId": edge_policies.SECURITY_HEADERS,
    }


def _static() -> dict[str, Any]:
    """No cookies in the key, and fonts may be used from other origins (CORS)."""
    return {
        **_behavior("balancer", Ref(edge_policies.STATIC), _FILE_METHODS),
        "OriginRequestPolicyId": edge_policies.ALL_VIEWER,
        "ResponseHeadersPolicyId": Ref(edge_policies.STATIC_HEADERS),
    }


def _bucket() -> dict[str, Any]:
    """S3 must not see the visitor's Host header: no origin request policy."""
    return {
        **_behavior("files", edge_policies.CACHING_OPTIMIZED, _FILE_METHODS),
        "ResponseHeadersPolicyId": Ref(edge_policies.STATIC_HEADERS),
    }


def _behavior(origin: str, policy: Any, methods: list[str]) -> dict[str, Any]:
    return {
        "TargetOriginId": origin,
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": methods,
        "CachedMethods": _READ,
        "Compress": True,
        "CachePolicyId": policy,
    }

"""What CloudFront keeps, by what, for how long, and which headers it adds: the policies that its behaviours name."""

from __future__ import annotations

from troposphere import cloudfront as cf

from provisioners.blueprint.draft import Draft

SESSION_COOKIES = ("SESS*", "SSESS*", "NO_CACHE")
"""Drupal's sessions, and the cookie with which modules ask not to be cached."""

CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER = "33f36d7e-f396-46d9-90e0-52428a34d9dc"
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
"""Ids of CloudFront's managed policies, the same in every account (Developer Guide, "Use managed policies").

``ALL_VIEWER`` is AllViewerAndCloudFrontHeaders: nginx learns from CloudFront-Forwarded-Proto how the visitor came.
"""

PAGES, STATIC, STATIC_HEADERS = "CachePolicy", "StaticCachePolicy", "StaticHeaders"
"""Logical ids of ours."""

_DAY, _YEAR = 86400, 31536000


def add(draft: Draft) -> None:
    """Add the policies."""
    sessions = cf.CacheCookiesConfig(CookieBehavior="whitelist", Cookies=list(SESSION_COOKIES))
    # pages: what says nothing is not kept; Drupal says how long
    draft.add("edge", "Cache policy", _cache_policy(PAGES, draft.name(draft.lookups.region), sessions, 0))
    # files: nginx names a far future for what never changes under its address; the rest is kept a day
    nothing = cf.CacheCookiesConfig(CookieBehavior="none")
    static = _cache_policy(STATIC, draft.name(draft.lookups.region, "static"), nothing, _DAY)
    draft.add("edge", "Cache policy for files", static)
    draft.add("edge", "Headers for files", _static_headers(draft))


def _cache_policy(title: str, name: str, cookies: cf.CacheCookiesConfig, default_seconds: int) -> cf.CachePolicy:
    """Query strings are part of the key: Drupal marks a changed file, page and language with them."""
    key = cf.ParametersInCacheKeyAndForwardedToOrigin(
        CookiesConfig=cookies,
        HeadersConfig=cf.CacheHeadersConfig(HeaderBehavior="none"),
        QueryStringsConfig=cf.CacheQueryStringsConfig(QueryStringBehavior="all"),
        EnableAcceptEncodingGzip=True,
        EnableAcceptEncodingBrotli=True,
    )
    return cf.CachePolicy(
        title,
        CachePolicyConfig=cf.CachePolicyConfig(
            Name=name,  # CloudFront is global: the region in it tells namesakes apart
            MinTTL=0,
            DefaultTTL=default_seconds,
            MaxTTL=_YEAR,
            ParametersInCacheKeyAndForwardedToOrigin=key,
        ),
    )


def _static_headers(draft: Draft) -> cf.ResponseHeadersPolicy:
    """Fonts and files may be used from other origins; browsers take each for what it says it is."""
    cors = cf.CorsConfig(
        AccessControlAllowOrigins=cf.AccessControlAllowOrigins(Items=["*"]),
        AccessControlAllowMethods=cf.AccessControlAllowMethods(Items=["GET", "HEAD", "OPTIONS"]),
        AccessControlAllowHeaders=cf.AccessControlAllowHeaders(Items=["*"]),
        AccessControlAllowCredentials=False,
        AccessControlMaxAgeSec=_DAY,
        OriginOverride=True,
    )
    secure = cf.SecurityHeadersConfig(
        ContentTypeOptions=cf.ContentTypeOptions(Override=True),
        StrictTransportSecurity=cf.StrictTransportSecurity(AccessControlMaxAgeSec=_YEAR, Override=False),
    )
    return cf.ResponseHeadersPolicy(
        STATIC_HEADERS,
        ResponseHeadersPolicyConfig=cf.ResponseHeadersPolicyConfig(
            Name=draft.name(draft.lookups.region, "static"), CorsConfig=cors, SecurityHeadersConfig=secure
        ),
    )

"""Combinations of answers that make no sense or cannot be built: refused before anything is planned."""

from __future__ import annotations

from collections.abc import Iterator

from profiles.errors import UsageError
from profiles.model import Profile
from provisioners.blueprint import directors, dns_balancing, drupal7


def refuse(profile: Profile) -> None:
    """Raise ``UsageError`` for the first answer of ``profile`` that cannot be built."""
    for what, do in faults(profile):
        raise UsageError(what, do)


def faults(profile: Profile) -> Iterator[tuple[str, str]]:
    """Everything that cannot be built, each with what to do."""
    yield from _contradictions(profile)
    yield from dns_balancing.faults(profile)
    yield from directors.faults(profile)
    yield from drupal7.faults(profile)


def _contradictions(profile: Profile) -> Iterator[tuple[str, str]]:
    balanced = profile.balancer.kind != "none"
    if profile.web.servers > 1 and not balanced:
        yield (
            f"{profile.web.servers} web servers need something that spreads requests over them.",
            "Set balancer.kind=alb, or web.servers=1.",
        )
    if profile.web.scaling == "auto" and profile.balancer.kind != "alb":
        yield (
            "Servers whose number follows the load need a load balancer that knows which of them are healthy.",
            "Set balancer.kind=alb, or web.scaling=fixed.",
        )
    if profile.web.scaling == "auto" and profile.web.servers_at_most <= profile.web.servers:
        yield (
            f"web.servers_at_most={profile.web.servers_at_most} leaves nothing to scale to above "
            f"web.servers={profile.web.servers}.",
            "Raise web.servers_at_most, or set web.scaling=fixed.",
        )
    if profile.network.egress != "public" and not balanced:
        yield (
            "A web server without a balancer needs a public address of its own.",
            "Set network.egress=public, or balancer.kind=alb.",
        )
    if profile.edge.cdn == "cloudfront" and profile.balancer.kind != "alb":
        yield "CloudFront needs a load balancer of AWS as its origin.", "Set balancer.kind=alb, or edge.cdn=none."
    if profile.protection.firewall != "none" and profile.balancer.kind != "alb":
        yield (
            "A web application firewall stands before CloudFront or a load balancer of AWS, and there is neither.",
            "Set balancer.kind=alb, or protection.firewall=none.",
        )
    if profile.names.dns == "route53" and not profile.site.domain:
        yield "names.dns=route53 needs a domain.", "Set site.domain, or names.dns=manual."
    if profile.database.engine == "mysql" and profile.database.query_cache_mib:
        yield "MySQL has no query cache.", "Set database.query_cache_mib=0, or database.engine=mariadb."

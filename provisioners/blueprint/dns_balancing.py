"""Route 53 in place of a load balancer: each web server has an address, a record under the domain and a health check.

Route 53 answers with up to eight of the addresses whose checks pass, and browsers try the next one themselves; if no
check passes it answers with all of them ("Multivalue answer routing", Route 53 Developer Guide). TLS ends on the web
servers: they get one certificate for all of them, by files that they share, because whichever of them Let's Encrypt's
question arrives at has to know the answer (``nodes/roles/web/certificate.py``).

The first record bears the name that the domain's only record has elsewhere, and the others wait for it: a name has
either one simple record or several of these, so a change from one to the other has to take down the old before it
makes the new.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import route53

from profiles.model import Profile
from provisioners.blueprint.draft import Draft, Ref
from provisioners.blueprint.nodes import web_names

KIND = "dns"

RECORD_SECONDS = 60
"""How long resolvers keep an answer: AWS recommends 60 s or less with a health check, for that is how long a server
that is out still gets visitors ("Values specific for multivalue answer records")."""

CHECK_PATH = "/healthz"
"""Answered by nginx itself on port 80, also once everything else there is sent to HTTPS."""

CHECK_SECONDS, CHECK_FAILURES = 30, 3
"""The standard interval: one of 10 s, HTTPS or a text to look for cost $1 a month more each."""


FIRST_RECORD = "DomainRecord"
"""The only one that steps may wait for. A record that goes with its server goes after whoever waited for it; where one
simple record takes the place of all of them, these would wait for that one, and it for the record that goes."""


def wanted(draft: Draft) -> bool:
    """Whether the profile balances by Route 53."""
    return draft.profile.balancer.kind == KIND


def addresses(draft: Draft) -> list[Ref]:
    """Where visitors arrive: each web server's own address."""
    return [Ref(f"{who}Address") for who in web_names(draft)]


def check_titles(draft: Draft) -> list[str]:
    """Logical ids of the health checks."""
    return [f"{who}HealthCheck" for who in web_names(draft)]


def add(draft: Draft) -> None:
    """Add a health check and a record for each web server."""
    domain = draft.profile.site.domain
    for who in web_names(draft):
        draft.add("balancer", f"Health check of {who.lower()} server", _check(who))
        draft.add("names", f"Record {domain} of {who.lower()} server", _record(draft, who))


def faults(profile: Profile) -> Iterator[tuple[str, str]]:
    """What Route 53 as balancer cannot do without, each with what to do."""
    if profile.balancer.kind != KIND:
        return
    if profile.names.dns != "route53":
        yield (
            "balancer.kind=dns spreads visitors by records in the domain's zone, and names.dns=manual adds none.",
            "Set names.dns=route53 and site.domain, or balancer.kind=alb.",
        )
    if profile.network.egress != "public":
        yield (
            "With balancer.kind=dns visitors arrive at the web servers themselves: each needs a public address.",
            "Set network.egress=public, or balancer.kind=alb.",
        )
    if profile.edge.cdn == "cloudfront":
        yield (
            "CloudFront needs a load balancer as its origin, and balancer.kind=dns has none.",
            "Set balancer.kind=alb, or edge.cdn=none.",
        )
    if profile.web.servers > 1 and profile.files.kind == "none":
        yield (
            f"{profile.web.servers} web servers that end TLS themselves share one certificate, "
            "and files.kind=none shares nothing.",
            "Set files.kind=efs, or balancer.kind=alb.",
        )


def _record_title(who: str) -> str:
    return who.replace("Web", FIRST_RECORD)


def _check(who: str) -> route53.HealthCheck:
    return route53.HealthCheck(
        f"{who}HealthCheck",
        HealthCheckConfig=route53.HealthCheckConfig(
            Type="HTTP",
            IPAddress=Ref(f"{who}Address"),
            Port=80,
            ResourcePath=CHECK_PATH,
            RequestInterval=CHECK_SECONDS,
            FailureThreshold=CHECK_FAILURES,
        ),
    )


def _record(draft: Draft, who: str) -> route53.RecordSetType:
    first = [] if who == "Web" else [FIRST_RECORD]
    return route53.RecordSetType(
        _record_title(who),
        HostedZoneId=draft.lookups.hosted_zone,
        Name=draft.profile.site.domain,
        Type="A",
        TTL=str(RECORD_SECONDS),
        SetIdentifier=draft.name(who.lower()),
        MultiValueAnswer=True,
        HealthCheckId=Ref(f"{who}HealthCheck"),
        ResourceRecords=[Ref(f"{who}Address")],
        DependsOn=[f"{who}AddressInUse", *first],
    )

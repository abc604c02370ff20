"""The site on its machines, and the proof that it works."""

from __future__ import annotations

from typing import Any

from provisioners.blueprint import balancer, dns_balancing, edge, names, site_services
from provisioners.blueprint.database import DATABASE_NAME
from provisioners.blueprint.draft import Draft, GetAtt, Ref
from provisioners.blueprint.nodes import WEB_GROUP, front, legacy, machine, scales, web_names
from provisioners.blueprint.step_types import CheckStep, Database, Machine, NodeStep, SiteStep


def add(draft: Draft) -> None:
    """Add a site step for each web server, and the check step."""
    site = draft.profile.site
    for who in _carriers(draft):
        where = "" if who == "Web" else f" on {who.lower()} node"
        draft.add("site", f"Site {site.domain or site.repository}{where}", _site_step(draft, who))
    site_services.add_permissions(draft)
    draft.add("site", "Pre-warmer", _warmer(draft))
    cache = draft.profile.cache
    check = CheckStep(
        "Check",
        DependsOn=[*_sites(draft), *balancer.links(draft), "Warmer"],
        Address=balancer.address(draft),
        Web=Machine(**machine(draft, "Web")),
        Admin=Machine(**machine(draft, "Admin")),
        DatabaseHost=GetAtt("Database", "Endpoint.Address"),
        DatabasePort=GetAtt("Database", "Endpoint.Port"),
        CacheNodes=GetAtt("Cache", "NodeEndpoints"),
        MicroCache=cache.micro_cache and not edge.wanted(draft),  # a CDN repeats the header of its first answer
        MicroCacheSeconds=cache.micro_cache_seconds,
        **legacy(draft),
        **_given(Domain=site.domain, Scheme="https" if names.scheme(draft) == "https" else ""),
        **({"Addresses": dns_balancing.addresses(draft)} if dns_balancing.wanted(draft) else {}),
    )
    draft.add("checks", "Site and cache checks", check)


def _warmer(draft: Draft) -> NodeStep:
    """The pre-warmer on the admin node; it has to know where everything is, so it comes last."""
    return NodeStep(
        "Warmer",
        DependsOn=[*_sites(draft), *balancer.links(draft)],
        Role="warmer",
        MemoryMiB=draft.lookups.admin_memory_mib,
        Vcpu=draft.lookups.admin_vcpu,
        Settings={
            "DomainName": draft.profile.site.domain,
            "Tls": front(draft).get("Tls", "none"),
            # Instances come and go: a group's are warmed through what stands before them.
            "WarmFront": balancer.address(draft) if edge.wanted(draft) or scales(draft) else "",
            "WarmNodes": [machine(draft, who)["Host"] for who in web_names(draft)],
            "WarmScheme": names.scheme(draft),
        },
        **machine(draft, "Admin"),
    )


def _sites(draft: Draft) -> list[str]:
    return [who.replace("Web", "Site") for who in _carriers(draft)]


def _carriers(draft: Draft) -> list[str]:
    """Web servers that a site step goes to: all of them, or of a group the first one, for the database's sake."""
    return web_names(draft) or ["Web"]


def _site_step(draft: Draft, who: str) -> SiteStep:
    """The site on one web server. The first makes the database's user; the others need not wait for its code."""
    site = draft.profile.site
    first = [] if who == "Web" else ["Site"]
    ready = (
        ["AdminNode", "AdminPermissions", WEB_GROUP]
        if scales(draft)
        else ["AdminNode", "AdminPermissions", f"{who}Node", "WebPermissions", *first]
    )
    bucket = {"Bucket": Ref("FileBucket")} if draft.profile.storage.bucket else {}
    services = site_services.told(draft)
    return SiteStep(
        who.replace("Web", "Site"),
        DependsOn=ready,
        Admin=Machine(**machine(draft, "Admin")),
        Deployment=draft.profile.name,
        Repository=site.repository,
        Branch=site.branch,
        Docroot=site.docroot,
        Database=Database(
            Host=GetAtt("Database", "Endpoint.Address"),
            Port=GetAtt("Database", "Endpoint.Port"),
            Name=DATABASE_NAME,
            MasterSecretArn=GetAtt("Database", "MasterUserSecret.SecretArn"),
        ),
        CacheNodes=GetAtt("Cache", "NodeEndpoints"),
        SecretArn=Ref("SiteSecret"),
        DeployKeySecretArn=Ref("DeployKeySecret"),
        **machine(draft, who),
        **bucket,
        **legacy(draft),
        **({"Services": services} if services else {}),
        **({"Baked": True} if scales(draft) else {}),
        **_given(GitHostKey=site.git_host_key, DomainName=site.domain),
    )


def _given(**values: str) -> dict[str, Any]:
    """Those that have a value: absent says "none" more clearly than an empty string."""
    return {key: value for key, value in values.items() if value}

"""The search node: Solr on a machine and a volume of its own, reached from web servers and admin node only."""

from __future__ import annotations

from provisioners.blueprint import access, keepers, security_groups
from provisioners.blueprint.draft import Draft

GROUP = "SearchSecurityGroup"


def wanted(draft: Draft) -> bool:
    """Whether the profile wants a search node."""
    return draft.profile.search.kind == "solr"


def add(draft: Draft) -> None:
    """Add security group, role, machine and volume, if the profile wants a search node."""
    if not wanted(draft):
        return
    port = (security_groups.SOLR_PORT, security_groups.SOLR_PORT)
    doors = [(security_groups.WEB, port), (security_groups.ADMIN, port)]
    security_groups.add_inner(draft, GROUP, "Solr", doors, machines=True)
    access.add_role(draft, "Search", [])
    wish, lookups = draft.profile.search, draft.lookups
    keeper = keepers.Keeper(
        "Search", "Search", "A", wish.instance_class, lookups.image_id_search, lookups.search_memory_mib,
        lookups.search_vcpu, wish.volume_gib,
    )  # fmt: skip
    release = {"SolrArchive": wish.archive, "SolrSha512": wish.sha512}
    given = {name: value for name, value in release.items() if value}
    keepers.add(draft, keeper, {"VolumeId": keepers.volume_id(draft, "Search"), **given}, [])

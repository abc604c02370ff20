"""Profile and lookups in, blueprint out."""

from __future__ import annotations

from profiles.model import Profile
from provisioners.blueprint import (
    access,
    alarm_topic,
    backup,
    balancer,
    budget,
    cache,
    dashboard,
    database,
    directors,
    edge,
    firewall,
    limits,
    mail,
    monitoring,
    names,
    network,
    nodes,
    scaling,
    search,
    security_groups,
    shared_files,
    site,
    storage,
)
from provisioners.blueprint.draft import Draft
from provisioners.blueprint.graph import Blueprint
from provisioners.blueprint.lookups import Lookups
from provisioners.blueprint.stacks import HandedOver, hand_over


def build(profile: Profile, lookups: Lookups) -> Blueprint:
    """The whole graph for ``profile``: pure, and byte for byte the same each time.

    :raises UsageError: the profile asks for what drucloud cannot build.
    """
    limits.refuse(profile)
    draft = Draft(profile, lookups)
    for tier in (
        network,
        security_groups,
        access,
        storage,
        database,
        cache,
        shared_files,
        nodes,
        directors,
        search,
        scaling,
        balancer,
        names,
        edge,
        firewall,
        backup,
        mail,
        alarm_topic,
        monitoring,
        dashboard,
        site,
        budget,  # counts what the others cost
    ):
        tier.add(draft)
    return draft.finish()


def for_engine(profile: Profile, lookups: Lookups) -> Blueprint:
    """The graph as the profile's engine takes it: as it is, or cut into CloudFormation stacks."""
    whole = build(profile, lookups)
    if profile.aws.engine == "direct":
        return whole
    return hand_over(whole, Draft(profile, lookups).name())


def whole(blueprint: Blueprint) -> Blueprint:
    """The resources themselves, whichever engine the blueprint is for."""
    return blueprint.whole if isinstance(blueprint, HandedOver) else blueprint

"""Makes the sandbox's account ready: extensions laid over moto, the operator's key made."""

from __future__ import annotations

from provisioners.sandbox.api import (
    addresses,
    autoscaling,
    backups,
    balancers,
    bills,
    buckets,
    cache_changes,
    caches,
    dashboards,
    databases,
    distributions,
    edge_policies,
    engine_parameters,
    file_systems,
    firewalls,
    golden_images,
    health_checks,
    images,
    in_use,
    instance_refresh,
    instances,
    mail,
    managed_policies,
    managed_references,
    name_answers,
    names,
    nat_gateways,
    networks,
    offers,
    quotas,
    references,
    routes,
    stacks,
    target_health,
)
from provisioners.sandbox.api.extend import install
from provisioners.sandbox.api.keys import AccessKey, make_operator
from provisioners.sandbox.api.world import World

EXTENSIONS = (
    addresses,
    backups,
    bills,
    autoscaling,
    balancers,
    buckets,
    cache_changes,
    caches,
    dashboards,
    databases,
    distributions,
    edge_policies,
    engine_parameters,
    file_systems,
    firewalls,
    golden_images,
    health_checks,
    images,
    in_use,
    instance_refresh,
    instances,
    mail,
    managed_policies,
    managed_references,
    name_answers,
    names,
    nat_gateways,
    networks,
    offers,
    quotas,
    references,
    routes,
    stacks,
    target_health,
)
"""Importing a module registers what it adds; this is the list of what there is."""


def prepare(world: World) -> AccessKey:
    """Extend moto and make the operator; once a process. Returns the operator's key."""
    install(world)
    return make_operator()

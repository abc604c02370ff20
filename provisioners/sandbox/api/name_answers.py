"""What the sandbox's DNS answers for the records of its zones: those that lead to machines, by the rules of Route 53.

Every VPC's resolver knows the names that lead to addresses inside it (no address of the sandbox exists elsewhere). Of
records that share a name, the ones whose health checks pass are told, and all of them when none does ("Multivalue
answer routing", Route 53 Developer Guide). Aliases are left out: what they lead to is not an address.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from moto.ec2.models.elastic_ip_addresses import ElasticAddressBackend
from moto.route53.models import Route53Backend, route53_backends

from provisioners.sandbox.api import elastic_owners, health_checks
from provisioners.sandbox.api.extend import around
from provisioners.sandbox.api.world import ACCOUNT, PARTITION, World
from provisioners.sandbox.machines.host import Leads

MOST = 8
"""So many addresses Route 53 gives at once."""

_told: dict[str, dict[str, tuple[str, ...]]] = {}
"""By VPC, the names that its resolver was told."""


def publish(world: World) -> None:
    """Bring every resolver up to date; called with the lock held."""
    now, standing = _by_vpc(), set(world.reality.networks())
    for vpc_id in {*now, *_told} & standing:
        wanted, before = now.get(vpc_id, {}), _told.get(vpc_id, {})
        if wanted != before:
            gone: dict[str, Leads | None] = dict.fromkeys(before.keys() - wanted.keys())
            world.reality.set_names(vpc_id, {**gone, **wanted})
    _told.clear()
    _told.update(now)


health_checks.listeners.append(publish)


def _by_vpc() -> dict[str, dict[str, tuple[str, ...]]]:
    owners = elastic_owners.vpcs()
    found: defaultdict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for name, records in _by_name().items():
        passing = [record for record in records if not record.health_check_id or _well(record)] or records
        addresses = [str(address) for record in passing for address in record.records or ()][:MOST]
        for vpc_id in {owners[address] for address in addresses if address in owners}:
            found[vpc_id][name] = tuple(address for address in addresses if owners.get(address) == vpc_id)
    return dict(found)


def _well(record: Any) -> bool:
    return health_checks.well(str(record.health_check_id))


def _by_name() -> dict[str, list[Any]]:
    """The address records of every zone, by name (lower case, no dot at the end)."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for zone in route53_backends[ACCOUNT][PARTITION].zones.values():
        for record in zone.rrsets:
            if record.type == "A" and not record.alias_target:
                found[str(record.name).rstrip(".").lower()].append(record)
    return found


@around(Route53Backend, "change_resource_record_sets")
@around(ElasticAddressBackend, "associate_address")
@around(ElasticAddressBackend, "disassociate_address")
def _changed(world: World, original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    done = original(*args, **kwargs)
    publish(world)
    return done

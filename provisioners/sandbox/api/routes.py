"""Default routes that lead to a machine's interface are really followed: by the machines of the table's subnets.

Other default routes lead to the network's router, behind which there is no Internet here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.models.route_tables import RouteBackend

from provisioners.sandbox.api.extend import Call, around, before
from provisioners.sandbox.api.instances import follow
from provisioners.sandbox.api.references import same_network
from provisioners.sandbox.api.world import World

EVERYWHERE = "0.0.0.0/0"


@before("ec2", "CreateRoute", "ReplaceRoute")
def _interface_of_the_network(_: World, call: Call) -> None:
    interface_id = call.get("NetworkInterfaceId")
    if not interface_id:
        return
    ec2 = call.response.ec2_backend
    interface, table = ec2.get_network_interface(interface_id), ec2.get_route_table(call.get("RouteTableId"))
    same_network(table, f"interface {interface_id}", interface.vpc_id)


@around(RouteBackend, "create_route")
def _create(world: World, original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    route = original(*args, **kwargs)
    _lead(world, backend, route)
    return route


@around(RouteBackend, "replace_route")
def _replace(world: World, original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    route = original(*args, **kwargs)
    _lead(world, backend, route)
    return route


@follow
def _as_its_subnet(world: World, instance: Any) -> None:
    """A machine that comes up follows the route that its subnet has already."""
    backend, subnet = instance.ec2_backend, instance.subnet_id
    for table in backend.route_tables.values():
        if instance.state == "running" and subnet in table._associations.values():
            for route in table.routes:
                if _gateway(route):
                    world.reality.gateway(instance.id, _gateway(route))


def _lead(world: World, backend: Any, route: Any) -> None:
    if route.destination_cidr_block != EVERYWHERE:
        return
    subnets = set(route.route_table._associations.values())
    for instance in backend.all_instances():
        if instance.state == "running" and instance.subnet_id in subnets:
            world.reality.gateway(instance.id, _gateway(route))


def _gateway(route: Any) -> str:
    """The address of the machine that a default route leads to; empty for the network's router."""
    leads = route.destination_cidr_block == EVERYWHERE and route.interface is not None
    return str(route.interface.private_ip_address) if leads else ""

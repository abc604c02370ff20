"""VPCs with a real network behind them, and an account that starts empty (no default VPC)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.route_tables import RouteBackend
from moto.ec2.models.subnets import SubnetBackend
from moto.ec2.models.vpcs import VPCBackend

from provisioners.sandbox.api.extend import Call, Refused, around, before
from provisioners.sandbox.api.world import World


@around(EC2Backend, "create_default_vpc")
def _no_default_vpc(_: World, original: Callable[[], Any], backend: Any) -> Any:
    """A region has none until someone asks for it by ``CreateDefaultVpc``."""
    return original() if hasattr(backend, "default_vpc") else None


@before("ec2", "CreateSecurityGroup")
def _needs_vpc(_: World, call: Call) -> None:
    vpc_id = call.get("VpcId")
    if not vpc_id:
        raise Refused("VPCIdNotSpecified", "No default VPC for this user")
    call.response.ec2_backend.get_vpc(vpc_id)


@around(VPCBackend, "create_vpc")
def _create_vpc(world: World, original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    vpc = original(*args, **kwargs)
    vpc.state = "pending"

    def ready() -> None:
        vpc.state = "available"  # without the lock: DeleteVpc holds it while it waits for the network

    world.reality.network_up(vpc.id, vpc.cidr_block, ready)
    return vpc


@around(SubnetBackend, "create_subnet")
def _create_subnet(_: World, original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    """Moto takes a zone's first subnet for the default one and gives its machines public addresses."""
    subnet = original(*args, **kwargs)
    if not backend.get_vpc(subnet.vpc_id).is_default:
        subnet.default_for_az = subnet.map_public_ip_on_launch = False
    return subnet


@around(VPCBackend, "delete_vpc")
def _delete_vpc(world: World, original: Callable[..., Any], backend: Any, vpc_id: str) -> Any:
    vpc = original(vpc_id)
    world.reality.network_down(vpc_id)
    return vpc


_ASSOCIATION = "association.route-table-association-id"


@around(RouteBackend, "describe_route_tables")
def _any_of_the_values(
    _: World, original: Callable[..., Any], backend: Any, route_table_ids: list[str] | None = None, filters: Any = None
) -> list[Any]:
    """EC2 filters take what matches any of their values; moto wants all of these on one and the same table."""
    wanted = (filters or {}).get(_ASSOCIATION, [])
    if len(wanted) < 2:
        return list(original(route_table_ids, filters))
    found = [table for one in wanted for table in original(route_table_ids, {**filters, _ASSOCIATION: [one]})]
    return list({table.id: table for table in found}.values())


@around(VPCBackend, "describe_vpc_endpoints")
def _endpoints(
    _: World, original: Callable[..., Any], backend: Any, vpc_end_point_ids: Any, filters: Any = None
) -> Any:
    """Moto refuses the filter by id."""
    left = dict(filters or {})
    wanted = left.pop("vpc-endpoint-id", None)
    return [one for one in original(vpc_end_point_ids, left) if wanted is None or one.id in wanted]

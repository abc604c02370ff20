"""NAT gateways take (scaled) time, and a deleted one lets go of its interface and its address.

No machine stands behind one: a machine of the sandbox reaches what it may reach without it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from moto.ec2.models.nat_gateways import NatGatewayBackend

from provisioners.sandbox.api.extend import Call, Refused, around, before
from provisioners.sandbox.api.world import World

_CREATE_SECONDS = 90.0
_DELETE_SECONDS = 45.0
"""What EC2 takes for one, usually."""


@before("ec2", "CreateNatGateway")
def _needs_way_out(_: World, call: Call) -> None:
    if call.get("ConnectivityType", "public") == "private":
        return
    ec2 = call.response.ec2_backend
    vpc_id = ec2.get_subnet(call.get("SubnetId")).vpc_id
    if not any(gateway.vpc is not None and gateway.vpc.id == vpc_id for gateway in ec2.internet_gateways.values()):
        raise Refused("Gateway.NotAttached", f"Network {vpc_id} has no Internet gateway attached")


@around(NatGatewayBackend, "create_nat_gateway")
def _create(world: World, original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    gateway = original(*args, **kwargs)
    gateway._eni.requester_managed = True
    gateway.state = "pending"
    _later(world, _CREATE_SECONDS, gateway, "pending", "available")
    return gateway


@around(NatGatewayBackend, "describe_nat_gateways")
def _describe(_: World, original: Callable[..., Any], backend: Any, filters: Any, ids: Any) -> Any:
    """Moto passes over filters by tag and lists everything."""
    return [
        one
        for one in original(filters, ids)
        if all(one.get_filter_value(name) in values for name, values in _by_tag(filters or {}).items())
    ]


def _by_tag(filters: dict[str, Any]) -> dict[str, Any]:
    return {name: values for name, values in filters.items() if name.startswith("tag:")}


@around(NatGatewayBackend, "delete_nat_gateway")
def _delete(world: World, original: Callable[..., Any], backend: Any, nat_gateway_id: str) -> Any:
    gateway = backend.nat_gateways.get(nat_gateway_id)
    if gateway is None:
        raise Refused("NatGatewayNotFound", f"The Nat Gateway {nat_gateway_id} was not found")
    if gateway.state not in ("deleting", "deleted"):
        gateway.state = "deleting"
        _later(world, _DELETE_SECONDS, gateway, "deleting", "deleted", lambda: _let_go(backend, gateway))
    return gateway


def _let_go(backend: Any, gateway: Any) -> None:
    if gateway._eni.public_ip:
        backend.disassociate_address(address=gateway._eni.public_ip)
    gateway._eni.delete()


def _later(
    world: World, seconds: float, gateway: Any, state: str, becomes: str, act: Callable[[], None] = lambda: None
) -> None:
    def change() -> None:
        with world.lock:
            if gateway.state == state:
                act()
                gateway.state = becomes

    timer = threading.Timer(world.scaled(seconds), change)
    timer.daemon = True
    timer.start()

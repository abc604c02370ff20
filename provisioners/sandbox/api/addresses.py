"""Elastic IPs a machine can really have, one a private address of its interface, that really move.

moto draws them from 127.0.0.0/8, which no network carries. Here they come from 198.18.0.0/15, set apart for tests
between networks (RFC 2544): they exist only in the namespaces of the sandbox and can be nobody's.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable
from typing import Any

from moto.ec2.models.elastic_ip_addresses import ElasticAddress, ElasticAddressBackend
from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses

from provisioners.sandbox.api.extend import Call, Refused, around, before, computed
from provisioners.sandbox.api.world import World

POOL = ipaddress.ip_network("198.18.0.0/15")


@around(ElasticAddressBackend, "allocate_address")
def _allocate(_: World, original: Callable[..., Any], backend: Any, domain: str, **kwargs: Any) -> Any:
    taken = {address.public_ip for address in backend.addresses}
    while (address := str(POOL[1 + secrets.randbelow(POOL.num_addresses - 2)])) in taken:
        pass
    return original(domain, **{**kwargs, "address": kwargs.get("address") or address})


@before("ec2", "AssociateAddress")
def _of_the_interface(_: World, call: Call) -> None:
    wanted, interface_id = call.get("PrivateIpAddress"), call.get("NetworkInterfaceId")
    if (
        wanted
        and interface_id
        and wanted not in _private(call.response.ec2_backend.get_network_interface(interface_id))
    ):
        raise Refused("InvalidParameterValue", f"{wanted} is not an address of the interface {interface_id}.")


def _private(interface: Any) -> list[str]:
    return [str(address["PrivateIpAddress"]) for address in interface.private_ip_addresses]


@around(ElasticIPAddresses, "associate_address")
def _by_private_address(_: World, original: Callable[[], Any], response: Any) -> Any:
    """Moto's model knows no private address but the first: it is told beside the call."""
    backend = response.ec2_backend
    backend.drucloud_private_ip = response._get_param("PrivateIpAddress") or ""
    try:
        return original()
    finally:
        backend.drucloud_private_ip = ""


@computed(ElasticAddress, "private_ip_address")
def _private_ip_address(original: Callable[[Any], str | None], address: Any) -> str | None:
    return (address.eni and getattr(address, "drucloud_private_ip", "")) or original(address)


@around(ElasticAddressBackend, "associate_address")
def _associate(world: World, original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    before_it = {address.public_ip: address.eni for address in backend.addresses}
    address = original(*args, **kwargs)
    address.drucloud_private_ip = getattr(backend, "drucloud_private_ip", "")
    for interface in (before_it[address.public_ip], address.eni):
        _settle(world, backend, interface)
    return address


@around(ElasticAddressBackend, "disassociate_address")
def _disassociate(
    world: World,
    original: Callable[..., Any],
    backend: Any,
    address: str | None = None,
    association_id: str | None = None,
) -> None:
    found = backend.address_by_ip([address]) if address else backend.address_by_association([association_id])
    interface = found[0].eni
    original(address=address, association_id=association_id)
    _settle(world, backend, interface)


def _settle(world: World, backend: Any, interface: Any) -> None:
    """What the interface's first address is in public, and every address that leads to its machine."""
    if interface is None:
        return
    here = [address for address in backend.addresses if address.eni is interface]
    first = [one.public_ip for one in here if one.private_ip_address == interface.private_ip_address]
    if first or interface.public_ip in [address.public_ip for address in backend.addresses]:
        interface.public_ip = first[-1] if first else None
    instance = interface.instance
    if instance is not None and instance.state not in ("shutting-down", "terminated"):
        known = dict.fromkeys([*(one.public_ip for one in here), interface.public_ip])
        world.reality.public_addresses(instance.id, tuple(one for one in known if one))

"""Network interfaces that AWS's managed services keep in the customer's subnets.

They are what makes a subnet or a security group "in use" by a database or a cache, on AWS as here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from moto.ec2.models import ec2_backends

from provisioners.sandbox.api.world import ACCOUNT


def place(region: str, subnet_id: str, group_ids: Sequence[str], description: str) -> Any:
    """A new interface on a free address of the subnet."""
    ec2 = ec2_backends[ACCOUNT][region]
    subnet = ec2.get_subnet(subnet_id)
    address = subnet.get_available_subnet_ip(cast("Any", None))  # moto only notes whose it is
    interface = ec2.create_network_interface(subnet, address, group_ids=list(group_ids), description=description)
    interface.requester_managed = True
    interface.status = "in-use"
    return interface


def default_group(region: str, vpc_id: str) -> str:
    """The VPC's default security group."""
    group = ec2_backends[ACCOUNT][region].get_security_group_from_name("default", vpc_id)
    assert group is not None, vpc_id  # noqa: S101 - every VPC has one
    return str(group.id)


def group_vpc(region: str, group_id: str) -> str | None:
    """The VPC of a security group; ``None`` if there is no such group."""
    group = ec2_backends[ACCOUNT][region].get_security_group_from_id(group_id)
    return group.vpc_id if group else None

"""Where Elastic IPs lead: in a sandbox an address exists inside the network of the machine that has it."""

from __future__ import annotations

from moto.ec2.models import ec2_backends

from provisioners.sandbox.api.world import ACCOUNT


def vpcs() -> dict[str, str]:
    """By public address, the VPC of the machine it leads to; called with the lock held."""
    found: dict[str, str] = {}
    for backend in list(ec2_backends[ACCOUNT].values()):
        for address in backend.addresses:
            instance = address.instance or (address.eni.instance if address.eni else None)
            if instance is not None:
                found[str(address.public_ip)] = str(instance.vpc_id)
    return found

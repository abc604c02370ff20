"""Machines that keep data: a volume of their own that outlives them, in a security group of their own.

The volume is not the machine's: a bigger machine takes it over. In the sandbox it is only an entry of the account, for
a machine there has no block devices; what it would hold is on the machine's own disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import ec2

from provisioners.blueprint import network, nodes
from provisioners.blueprint.draft import Draft, Ref

DEVICE = "/dev/sdf"
"""The first name AWS recommends for data volumes; the node finds it by its id, whatever Linux calls it."""

SYSTEM_GIB = 10
"""The root volume: system, programs and logs."""


@dataclass(frozen=True)
class Keeper:
    """One such machine: what it is called, what it does (``Search``, ``Files``), where it stands, what it is."""

    who: str
    role: str
    letter: str
    instance_class: str
    image_id: str
    memory_mib: int
    vcpu: int
    volume_gib: int


def volume_id(draft: Draft, who: str) -> Any:
    """The setting ``VolumeId`` of its role; empty in the sandbox."""
    return Ref(f"{who}Volume") if draft.lookups.target == "aws" else ""


def add(draft: Draft, keeper: Keeper, settings: dict[str, Any], links: list[str]) -> None:
    """Add machine, volume, attachment and the step that converges it.

    :param links: what else must stand before the step, beside the machine's own ways.
    """
    who, tier = keeper.who, keeper.role.lower()
    zone = dict(draft.zones)[keeper.letter]
    policy = "Snapshot" if draft.keeps_data else "Delete"
    volume = ec2.Volume(
        f"{who}Volume",
        AvailabilityZone=zone,
        Size=keeper.volume_gib,
        VolumeType="gp3",
        Encrypted=True,
        DeletionPolicy=policy,
        UpdateReplacePolicy=policy,
    )
    draft.add(tier, f"{who} volume {keeper.volume_gib} GiB", volume)
    attachment = ec2.VolumeAttachment(
        f"{who}VolumeInUse", VolumeId=Ref(f"{who}Volume"), InstanceId=Ref(f"{who}Server"), Device=DEVICE
    )
    subnet = f"{network.web_side(draft)}Subnet{keeper.letter}"
    server = nodes.instance(who, keeper.role, keeper.image_id, keeper.instance_class, SYSTEM_GIB, subnet)
    server.DisableApiTermination = draft.keeps_data
    draft.add(tier, f"{who} server {keeper.instance_class}", server)
    draft.add(tier, f"{who} volume in use", attachment)
    links = [*nodes.inner_links(draft, who, keeper.letter, tier), f"{who}VolumeInUse", *links]
    nodes.step(draft, who, keeper.role, keeper.memory_mib, keeper.vcpu, settings, links)

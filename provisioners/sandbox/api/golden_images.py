"""AMIs made of instances: the disk of a stopped machine, from which new machines really boot.

What EC2 refuses and moto accepts: a name that is taken, an instance in a state in between, a snapshot of an image that
still stands (moto knows that one). Not played: the reboot of a running instance; here it has to be stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from moto.ec2.models.amis import Ami, AmiBackend

from provisioners.sandbox.api.extend import Call, Refused, around, before, computed
from provisioners.sandbox.api.world import World

_CREATE_SECONDS = 240.0
"""What EC2 usually takes for an image of a small disk."""


@before("ec2", "CreateImage")
def _name_and_state(_: World, call: Call) -> None:
    ec2, name = call.response.ec2_backend, call.get("Name")
    taken = next((image for image in ec2.amis.values() if image.name == name and not image.is_public), None)
    if taken is not None:
        raise Refused("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {taken.id}")
    instance = ec2.get_instance(call.get("InstanceId"))
    if instance.state != "stopped":
        raise Refused("IncorrectState", f"Instance '{instance.id}' is not in a state from which it can be imaged.")


@around(AmiBackend, "create_image")
def _create(
    world: World, original: Callable[..., Any], backend: Any, instance_id: str, name: str, description: str,
    tag_specifications: list[dict[str, Any]],
) -> Any:  # fmt: skip
    """Moto knows no tags for the snapshot, and none of the instance's own disk."""
    of_image = [one for one in tag_specifications if one["ResourceType"] == "image"]
    image = original(instance_id, name, description, tag_specifications=of_image)
    instance = backend.get_instance(instance_id)
    image.drucloud_baked = True
    image.state = "pending"
    image.root_device_type, image.root_device_name = "ebs", instance.root_device_name
    volume = backend.volumes[instance.block_device_mapping[instance.root_device_name].volume_id]
    image.ebs_snapshot.encrypted = volume.encrypted
    image.drucloud_gib = volume.size
    for one in tag_specifications:
        if one["ResourceType"] == "snapshot":
            image.ebs_snapshot.add_tags({tag["Key"]: tag["Value"] for tag in one["Tags"]})
    world.reality.bake(instance_id, image.id, lambda: _later(world, image), lambda reason: _fail(world, image, reason))
    return image


def _later(world: World, image: Any) -> None:
    def ready() -> None:
        with world.lock:
            if image.state == "pending":
                image.state = "available"

    timer = threading.Timer(world.scaled(_CREATE_SECONDS), ready)
    timer.daemon = True
    timer.start()


def _fail(world: World, image: Any, reason: str) -> None:
    with world.lock:
        image.state = "failed"
        image.state_reason = {"Code": "Client.InternalError", "Message": reason}


@computed(Ami, "block_device_mappings")
def _mappings(original: Callable[[Any], list[dict[str, Any]]], image: Any) -> list[dict[str, Any]]:
    rows = original(image)
    if getattr(image, "drucloud_baked", False):
        rows[0]["Ebs"] |= {"VolumeSize": image.drucloud_gib, "Encrypted": image.ebs_snapshot.encrypted}
    return rows


@around(AmiBackend, "deregister_image")
def _deregister(world: World, original: Callable[[str], None], backend: Any, ami_id: str) -> None:
    original(ami_id)
    world.reality.submit(ami_id, lambda: world.reality.host.forget(ami_id))


@before("ec2", "RunInstances")
def _available(_: World, call: Call) -> None:
    image = call.response.ec2_backend.amis.get(str(call.get("ImageId", "")))
    if image is not None and image.state != "available":
        raise Refused("InvalidAMIID.Unavailable", f"The image ID '{image.id}' is not available")

"""EC2 instances that are real machines: their states follow the machine, their console is the machine's."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.models.instances import Instance, InstanceBackend, StateReason
from moto.ec2.responses.general import General

from profiles import catalogue
from provisioners.sandbox.api.extend import Call, Refused, around, before
from provisioners.sandbox.api.images import codename
from provisioners.sandbox.api.world import World
from provisioners.sandbox.machines.host import MachineSpec

Follower = Callable[[World, Any], None]
_followers: list[Follower] = []

_STATES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


def follow(follower: Follower) -> Follower:
    """Register what is to be told of every instance that runs now, or is terminated now; called with the lock held."""
    _followers.append(follower)
    return follower


def _tell(world: World, instance: Any) -> None:
    for follower in _followers:
        follower(world, instance)


@around(InstanceBackend, "run_instances")
def _run_instances(world: World, original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    reservation = original(*args, **kwargs)
    for instance in reservation.instances:
        _delete_with_machine(instance, kwargs)
        _second_addresses(instance, kwargs)
        _boot(world, instance)
    return reservation


def _delete_with_machine(instance: Any, wanted: Any) -> None:
    """AWS deletes what it made for an instance together with it unless told otherwise; moto keeps it."""
    interfaces = {int(nic["DeviceIndex"]): nic for nic in wanted.get("nics", [])}
    for index, interface in instance.nics.items():
        asked = interfaces.get(index, {})
        if "NetworkInterfaceId" not in asked:
            interface.delete_on_termination = asked.get("DeleteOnTermination") is not False
    if "block_device_mappings" not in wanted and instance.root_device_name in instance.block_device_mapping:
        instance.block_device_mapping[instance.root_device_name].delete_on_termination = True


def _second_addresses(instance: Any, wanted: Any) -> None:
    """Further private addresses of a new interface; moto gives them to interfaces that are made alone."""
    for nic in wanted.get("nics", []):
        interface = instance.nics[int(nic["DeviceIndex"])]
        for _ in range(int(nic.get("SecondaryPrivateIpAddressCount") or 0)):
            address = interface.subnet.get_available_subnet_ip(instance=instance)
            interface.private_ip_addresses.append({"Primary": False, "PrivateIpAddress": address})


@around(Instance, "start")
def _start(world: World, original: Callable[[], Any], instance: Any) -> Any:
    _needs_state(instance, "stopped", "running", "pending")
    previous = copy.copy(instance._state)
    if instance.state == "stopped":
        original()
        _boot(world, instance)
    return previous


@around(Instance, "stop")
def _stop(world: World, original: Callable[[], Any], instance: Any) -> Any:
    _needs_state(instance, "running", "pending", "stopping", "stopped")
    previous = copy.copy(instance._state)
    if instance.state in ("running", "pending"):
        _set_state(instance, "stopping")

        def done() -> None:
            with world.lock:
                original()

        world.reality.halt(instance.id, done)
    return previous


@around(Instance, "terminate")
def _terminate(world: World, original: Callable[[], Any], instance: Any) -> Any:
    previous = copy.copy(instance._state)
    if instance.state not in ("shutting-down", "terminated"):
        _set_state(instance, "shutting-down")

        def done() -> None:
            with world.lock:
                _release_addresses(instance)
                original()
                _give_reason(instance)
                _tell(world, instance)

        world.reality.remove(instance.id, done)
    return previous


@before("ec2", "ModifyInstanceAttribute")
def _stopped_for_a_new_type(_: World, call: Call) -> None:
    if call.get("InstanceType") is None:
        return
    instance = call.response.ec2_backend.get_instance(call.get("InstanceId"))
    if instance.state != "stopped":
        raise Refused("IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state.")
    wish = call.get("InstanceType.Value") or call.get("InstanceType")
    if catalogue.find("ec2", call.region, str(wish)) is None:
        raise Refused("InvalidParameterValue", f"Invalid value '{wish}' for InstanceType.")


@around(Instance, "reboot")
def _reboot(world: World, original: Callable[[], Any], instance: Any) -> None:
    _needs_state(instance, "running")
    spec = machine_spec(instance)

    def work() -> None:
        world.reality.host.stop(spec.name)
        world.reality.host.start(spec)

    world.reality.submit(instance.id, work)


@around(General, "get_console_output")
def _console(world: World, original: Callable[[], Any], response: Any) -> Any:
    """The machine's own console; moto has a fixed text of 2006."""
    instance = response.ec2_backend.get_instance(response._get_param("InstanceId"))
    known = instance.id in world.reality.host.states()
    text = world.reality.host.console(instance.id) if known else ""
    encoded = Base64EncodedString.from_encoded_bytes(base64.b64encode(text.encode(errors="replace")))
    return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": encoded})


def machine_spec(instance: Any) -> MachineSpec:
    """The machine an instance describes."""
    backend = instance.ec2_backend
    kind = backend.describe_instance_types([instance.instance_type])[0]
    pair = backend.key_pairs.get(instance.key_name)
    image = backend.amis.get(instance.image_id)
    return MachineSpec(
        name=instance.id,
        vpc_id=instance.vpc_id,
        private_ip=instance.private_ip,
        public_ip=instance.public_ip or "",
        hostname=instance.private_dns_name.partition(".")[0],
        user_data=user_data(instance),
        memory_mib=int(kind["MemoryInfo"]["SizeInMiB"]),
        vcpu=int(kind["VCpuInfo"]["DefaultVCpus"]),
        image=image.id if image is not None and getattr(image, "drucloud_baked", False) else "",
        suite=codename(image),
        public_key=pair.public_key if pair else "",
    )


def user_data(instance: Any) -> bytes:
    """The instance's user data, decoded; empty for none."""
    return base64.b64decode(str(instance.user_data)) if instance.user_data else b""


def _boot(world: World, instance: Any) -> None:
    _set_state(instance, "pending")
    spec = machine_spec(instance)
    names = {instance.private_dns_name: spec.private_ip}

    def ready() -> None:
        world.reality.set_names(spec.vpc_id, names)
        with world.lock:
            if instance.state == "pending":
                _set_state(instance, "running")
                _tell(world, instance)

    def failed(reason: str) -> None:
        with world.lock:
            instance.drucloud_failure = reason
            instance.terminate()

    world.reality.boot(spec, ready, failed)


def _set_state(instance: Any, name: str) -> None:
    instance._state.name = name
    instance._state.code = _STATES[name]


def _give_reason(instance: Any) -> None:
    """A machine that did not boot is terminated by EC2 itself, and says why."""
    reason = getattr(instance, "drucloud_failure", "")
    if reason:
        text = f"Server.InternalError: Internal error on launch: {reason}"
        instance.state_reason = StateReason(text, "Server.InternalError")


def _needs_state(instance: Any, *allowed: str) -> None:
    if instance.state not in allowed:
        raise Refused(
            "IncorrectInstanceState",
            f"The instance '{instance.id}' is not in a state from which it can be started, stopped or rebooted.",
        )


def _release_addresses(instance: Any) -> None:
    """AWS frees an instance's Elastic IPs when it terminates; moto leaves them tied to it."""
    for address in instance.ec2_backend.addresses:
        if address.instance is instance or (address.eni and address.eni.instance is instance):
            instance.ec2_backend.disassociate_address(address=address.public_ip)

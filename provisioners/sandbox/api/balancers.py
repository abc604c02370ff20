"""Load balancers: a machine with HAProxy stands in for each, on the first of its interfaces, and its name leads there.

It is up before the load balancer is ``active``, and is told whenever targets come or go; what it spreads and whom it
leaves out is its own doing. Listeners are taken together as one over HTTP: TLS is AWS's and is not played, whom they
refuse is (:mod:`provisioners.sandbox.api.listener_locks`). In a rehearsal the name leads to the first target, which has
no software either.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from moto.cloudfront.models import cloudfront_backends
from moto.ec2.models import ec2_backends
from moto.elbv2.models import ELBv2Backend, elbv2_backends

from provisioners.sandbox.api import interfaces
from provisioners.sandbox.api.extend import Call, Refused, around, before
from provisioners.sandbox.api.listener_locks import lock_of
from provisioners.sandbox.api.world import ACCOUNT, PARTITION, World
from provisioners.sandbox.stand_ins import StandIn

_CREATE_SECONDS = 180.0
_MEMORY_MIB = 256


@before("elbv2", "CreateLoadBalancer")
def _place(_: World, call: Call) -> None:
    backend, name = call.response.elbv2_backend, call.get("Name")
    if any(one.name == name for one in backend.load_balancers.values()):
        raise Refused("DuplicateLoadBalancerName", f"A load balancer with the same name '{name}' exists.")
    ec2 = ec2_backends[ACCOUNT][call.region]
    subnets = [ec2.get_subnet(one) for one in call.get("Subnets", [])]
    if len({subnet.availability_zone for subnet in subnets}) < 2:
        raise Refused("ValidationError", "At least two subnets in two different Availability Zones must be specified")
    vpc = subnets[0].vpc_id
    for group in call.get("SecurityGroups", []):
        if interfaces.group_vpc(call.region, group) != vpc:
            raise Refused("InvalidConfigurationRequest", f"One or more security groups are invalid: {group}")
    attached = any(gateway.vpc is not None and gateway.vpc.id == vpc for gateway in ec2.internet_gateways.values())
    if call.get("Scheme", "internet-facing") == "internet-facing" and not attached:
        raise Refused("InvalidSubnet", f"VPC {vpc} has no internet gateway")


@around(ELBv2Backend, "create_load_balancer")
def _create(world: World, original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    balancer = original(*args, **kwargs)
    balancer.drucloud_interfaces = [
        interfaces.place(backend.region_name, subnet.id, balancer.security_groups, f"ELB app/{balancer.name}")
        for subnet in balancer.subnets
    ]
    # moto makes it active at the first look; AWS takes minutes
    balancer.activate = lambda: None

    def ready() -> None:
        with world.lock:
            balancer.state = "active"

    if world.reality.host.mode == "machines":
        _bring_up(world, backend, balancer, ready)
        return balancer
    timer = threading.Timer(world.scaled(_CREATE_SECONDS), ready)
    timer.daemon = True
    timer.start()
    return balancer


def _bring_up(world: World, backend: Any, balancer: Any, ready: Callable[[], None] = lambda: None) -> None:
    """Let the machine stand, with the targets of this moment."""

    def failed(_: str) -> None:
        with world.lock:
            balancer.state = "failed"

    groups = [group for group in backend.target_groups.values() if balancer.arn in group.load_balancer_arns]
    ec2 = ec2_backends[ACCOUNT][backend.region_name]
    targets = [
        {
            "address": ec2.get_instance(one).private_ip,
            "name": one,
            "port": int(group.targets[one].get("port", 80) or 80),
        }
        for group in groups
        for one in sorted(group.targets)
        if one.startswith("i-")
    ]
    address = balancer.drucloud_interfaces[0].private_ip_address
    lock = lock_of(balancer.listeners.values())
    settings = {
        "health_path": next((group.health_check_path for group in groups), "/"),
        "private_address": address,
        "targets": targets,
        **lock.settings(),
    }
    machine = StandIn(
        _machine(balancer), balancer.vpc_id, address, "balancer", _MEMORY_MIB, 1, 80, settings, lock.files
    )
    world.reality.stand_in(machine, ready, failed)


def _machine(balancer: Any) -> str:
    return f"alb-{balancer.name}"


@around(ELBv2Backend, "delete_load_balancer")
def _delete(world: World, original: Callable[..., Any], backend: Any, arn: str) -> None:
    balancer = backend.load_balancers.get(arn)
    if balancer is None:
        raise Refused("LoadBalancerNotFound", f"Load balancer '{arn}' not found")
    if balancer.attrs.get("deletion_protection.enabled") == "true":
        raise Refused(
            "OperationNotPermitted", f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
        )
    original(arn)

    def gone() -> None:
        with world.lock:
            for interface in balancer.drucloud_interfaces:
                interface.delete()

    world.reality.set_names(balancer.vpc_id, {balancer.dns_name: None})
    if world.reality.host.mode == "machines":
        world.reality.remove(_machine(balancer), gone)
    else:
        gone()


@before("elbv2", "CreateListener", "ModifyListener")
def _certified(_: World, call: Call) -> None:
    if call.get("Protocol") == "HTTPS" and not call.get("Certificates"):
        raise Refused("CertificateNotFound", "A certificate must be specified for HTTPS listeners")


@around(ELBv2Backend, "create_listener")
@around(ELBv2Backend, "modify_listener")
@around(ELBv2Backend, "create_rule")
@around(ELBv2Backend, "modify_rule")
@around(ELBv2Backend, "delete_rule")
@around(ELBv2Backend, "register_targets")
@around(ELBv2Backend, "deregister_targets")
def _and_lead(world: World, original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    """Whatever changes what a load balancer does is done on its machine too."""
    answer = original(*args, **kwargs)
    _lead(world, backend)
    return answer


def _lead(world: World, backend: Any) -> None:
    """Tell each load balancer's machine its targets, and lead its name there."""
    for balancer in backend.load_balancers.values():
        if world.reality.host.mode == "machines":
            _bring_up(world, backend, balancer)
            address = balancer.drucloud_interfaces[0].private_ip_address
            world.reality.set_names(balancer.vpc_id, {balancer.dns_name: address})
        elif target := _first_target(backend, balancer):
            names = {name: target for name in (balancer.dns_name, *_edges(balancer.dns_name))}
            world.reality.set_names(balancer.vpc_id, names)


def _first_target(backend: Any, balancer: Any) -> str:
    ec2 = ec2_backends[ACCOUNT][backend.region_name]
    for group in backend.target_groups.values():
        machines = [one for one in group.targets if one.startswith("i-") and balancer.arn in group.load_balancer_arns]
        if machines:
            return str(ec2.get_instance(machines[0]).private_ip)
    return ""


def _edges(origin: str) -> list[str]:
    """Names of the distributions that ask ``origin``."""
    distributions: list[Any] = list(cloudfront_backends[ACCOUNT][PARTITION].distributions.values())
    return [
        str(distribution.domain_name)
        for distribution in distributions
        if any(one.domain_name == origin for one in distribution.distribution_config.Origins["Items"])
    ]


def called(name: str) -> Any:
    """The load balancer with the DNS name ``name``, or ``None``."""
    known = (balancer for backend in elbv2_backends[ACCOUNT].values() for balancer in backend.load_balancers.values())
    return next((balancer for balancer in known if balancer.dns_name == name), None)


def lead(world: World) -> None:
    """Let the names of load balancers and distributions lead to what stands now."""
    for backend in elbv2_backends[ACCOUNT].values():
        _lead(world, backend)

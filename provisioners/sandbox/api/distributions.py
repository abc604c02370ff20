"""CloudFront: ETags that must match, states that take time, and refusals of what does not fit or is in use.

A machine with Varnish stands in for a distribution, in the VPC of the load balancer that is its origin, and its name
leads there: CloudFront's cache key and headers, without TLS and with one place in the world. In a rehearsal the name
leads where the load balancer's does.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import ipaddress
import logging
import secrets
import threading
from collections.abc import Callable
from typing import Any

from moto.acm.models import acm_backends
from moto.cloudfront.models import CloudFrontBackend, cloudfront_backends
from moto.ec2.models import ec2_backends

from provisioners.sandbox.api import balancers, edge_policies, firewalls
from provisioners.sandbox.api.extend import Refused, around
from provisioners.sandbox.api.world import ACCOUNT, PARTITION, World
from provisioners.sandbox.stand_ins import StandIn

log = logging.getLogger(__name__)

_MEMORY_MIB = 256
_ORIGIN_HEADERS = "/etc/varnish/origin-headers.env"
"""Values are secrets: they come to Varnish through its environment, which systemd reads as root."""
_CHANGE_SECONDS = 300.0
"""What CloudFront takes until every place knows a change, usually."""


def _settle(world: World, distribution: Any) -> None:
    """InProgress for a (scaled) while, then Deployed; a later change starts the wait anew."""
    distribution.etag = "E" + secrets.token_hex(6).upper()
    distribution.status, mark = "InProgress", object()
    distribution.drucloud_mark = mark

    def deployed() -> None:
        with world.lock:
            if distribution.drucloud_mark is mark:
                distribution.status = "Deployed"

    timer = threading.Timer(world.scaled(_CHANGE_SECONDS), deployed)
    timer.daemon = True
    timer.start()


@around(CloudFrontBackend, "create_distribution_with_tags")
def _create(world: World, original: Callable[..., Any], backend: Any, distribution_config: Any, tags: Any) -> Any:
    _fits(backend, distribution_config, "")
    told = copy.deepcopy(distribution_config)  # moto puts objects of its own into what it is given
    distribution, location, _ = original(distribution_config, tags)
    distribution.advance = lambda: None
    distribution.drucloud_config = told
    if not _bring_up(world, distribution):
        _settle(world, distribution)
        balancers.lead(world)
    return distribution, location, distribution.etag


def _bring_up(world: World, distribution: Any) -> bool:
    """Let its machine stand, if its origin is a load balancer of the sandbox; whether there is one."""
    called = (balancers.called(one.domain_name) for one in distribution.distribution_config.Origins["Items"])
    origin = next((one for one in called if one is not None), None)
    if world.reality.host.mode != "machines" or origin is None:
        return False
    distribution.etag = "E" + secrets.token_hex(6).upper()
    distribution.status = "InProgress"

    def ready() -> None:
        world.reality.set_names(origin.vpc_id, {distribution.domain_name: address})
        with world.lock:
            distribution.status = "Deployed"

    def failed(why: str) -> None:
        log.error("%s stays InProgress: %s", distribution.domain_name, why)

    # CloudFront is in no VPC; the last addresses of this one belong to no subnet of ours.
    address = str(ipaddress.IPv4Network(vpc_range(origin.vpc_id))[-2 - len(_edges_of(origin))])
    distribution.drucloud_edge = (origin.vpc_id, f"cdn-{distribution.distribution_id.lower()}")
    headers = origin_headers(distribution.drucloud_config, origin.dns_name)
    private = "".join(f"ORIGIN_HEADER_{number}={value}\n" for number, value in enumerate(headers.values(), 1)).encode()
    settings = {
        "distribution": distribution.domain_name.partition(".")[0],
        "memory_mib": _MEMORY_MIB,
        "origin_address": origin.drucloud_interfaces[0].private_ip_address,
        "origin_headers": list(headers),
        "origin_headers_digest": hashlib.sha256(private).hexdigest()[:12],
    }
    machine = StandIn(
        distribution.drucloud_edge[1], origin.vpc_id, address, "edge", _MEMORY_MIB, 1, 80, settings,
        {_ORIGIN_HEADERS: private},
    )  # fmt: skip
    world.reality.stand_in(machine, ready, failed)
    return True


def origin_headers(config: Any, domain: str) -> dict[str, str]:
    """What the distribution adds to its requests to the origin called ``domain``: header to value."""
    (origin,) = (one for one in config["Origins"]["Items"] if one["DomainName"] == domain)
    rows = (origin.get("CustomHeaders") or {}).get("Items") or ()
    return {str(row["HeaderName"]): str(row["HeaderValue"]) for row in rows}


def _edges_of(origin: Any) -> list[Any]:
    """Distributions whose machine stands in the VPC of ``origin`` already."""
    known = cloudfront_backends[ACCOUNT][PARTITION].distributions.values()
    return [one for one in known if getattr(one, "drucloud_edge", ("", ""))[0] == origin.vpc_id]


def vpc_range(vpc_id: str) -> str:
    """The range of a VPC, in whatever region it is."""
    known = (backend.vpcs.get(vpc_id) for backend in ec2_backends[ACCOUNT].values())
    return str(next(vpc.cidr_block for vpc in known if vpc is not None))


def _fits(backend: Any, config: Any, own_id: str) -> None:
    edge_policies.require_known(backend, config)
    for control in _controls(config):
        if control not in backend.origin_access_controls:
            raise Refused("NoSuchOriginAccessControl", f"The origin access control {control} does not exist.")
    firewall = str(config.get("WebACLId") or "")
    if firewall and not firewalls.at_edge(firewall):
        raise Refused("InvalidWebACLId", "Web ACL is not accessible by the requester.")
    _names(backend, config, own_id)


def _controls(config: Any) -> set[str]:
    named = (origin.get("OriginAccessControlId") for origin in config["Origins"]["Items"])
    return {str(control) for control in named if control}


def _names(backend: Any, config: Any, own_id: str) -> None:
    """A name of one's own wants an issued certificate of us-east-1, and belongs to one distribution only."""
    aliases = set((config.get("Aliases") or {}).get("Items") or ())
    arn = str((config.get("ViewerCertificate") or {}).get("ACMCertificateArn") or "")
    if aliases and not arn:
        raise Refused("InvalidViewerCertificate", "To add an alternate domain name you must attach a certificate.")
    if arn:
        found = acm_backends[ACCOUNT]["us-east-1"]._certificates.get(arn)
        if found is None or found.status != "ISSUED":
            raise Refused(
                "InvalidViewerCertificate",
                "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, "
                "or doesn't include a valid certificate chain.",
            )
    for other_id, other in backend.distributions.items():
        taken = set((other.drucloud_config.get("Aliases") or {}).get("Items") or ())
        if other_id != own_id and aliases & taken:
            raise Refused("CNAMEAlreadyExists", "One or more of the CNAMEs you provided are already associated.")


def uses_certificate(backend: Any, arn: str) -> bool:
    """Whether a distribution shows that certificate."""
    configs = (distribution.drucloud_config for distribution in backend.distributions.values())
    return any((config.get("ViewerCertificate") or {}).get("ACMCertificateArn") == arn for config in configs)


@around(CloudFrontBackend, "update_distribution")
def _update(world: World, original: Callable[..., Any], backend: Any, dist_config: Any, _id: str, if_match: Any) -> Any:
    distribution = backend.distributions.get(_id)
    if distribution is not None and if_match != distribution.etag:
        raise Refused("PreconditionFailed", "The request failed because it didn't meet the preconditions.")
    _fits(backend, dist_config, _id)
    told = copy.deepcopy(dist_config)
    updated, location, _ = original(dist_config, _id, if_match)
    updated.drucloud_config = told
    _settle(world, updated)
    return updated, location, updated.etag


@around(CloudFrontBackend, "delete_distribution")
def _delete(world: World, original: Callable[..., Any], backend: Any, distribution_id: str, if_match: Any) -> None:
    distribution = backend.distributions.get(distribution_id)
    if distribution is not None and (distribution.distribution_config.Enabled or distribution.status != "Deployed"):
        raise Refused("DistributionNotDisabled", "The distribution you are trying to delete has not been disabled.")
    if distribution is not None and if_match != distribution.etag:
        raise Refused("PreconditionFailed", "The request failed because it didn't meet the preconditions.")
    original(distribution_id, if_match)
    vpc_id, machine = getattr(distribution, "drucloud_edge", ("", ""))
    if machine:
        world.reality.set_names(vpc_id, {str(distribution.domain_name): None})
        world.reality.remove(machine, lambda: None)


@around(CloudFrontBackend, "create_invalidation")
def _invalidate(world: World, original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    """The machine forgets everything, whatever the paths: more than was asked for, never less."""
    answer = original(*args, **kwargs)
    for distribution in backend.distributions.values():
        _, machine = getattr(distribution, "drucloud_edge", ("", ""))
        if machine and distribution.distribution_id in (*args, *kwargs.values()):
            forget = ["varnishadm", "ban", "obj.status", "!=", "0"]
            world.reality.submit(machine, functools.partial(_run, world, machine, forget))
    return answer


def _run(world: World, machine: str, command: list[str]) -> None:
    code, output = world.reality.host.execute(machine, command)
    if code:
        log.error("%s on %s: %s", command[0], machine, output.decode(errors="replace"))


@around(CloudFrontBackend, "delete_origin_access_control")
def _delete_control(_: World, original: Callable[..., Any], backend: Any, control_id: str) -> None:
    backend.get_origin_access_control(control_id)
    for distribution in backend.distributions.values():
        if control_id in _controls(distribution.drucloud_config):
            raise Refused("OriginAccessControlInUse", f"The origin access control {control_id} is in use.")
    original(control_id)

"""Route 53's health checks: what moto lets pass is refused, and each check really asks its web server.

moto forgets caller references and takes everything. Here the same reference gives the same check, a used-up one is
refused, and a thread asks every check's address for its path, as Route 53's checkers do from all over the world. In a
rehearsal nothing answers: there a check has no word of any checker, and counts as passed as it does on AWS before the
first.

Sources: API reference, ``CreateHealthCheck`` and ``HealthCheckConfig``; "How Amazon Route 53 determines whether a
health check is healthy", Developer Guide.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.route53.models import Route53Backend, route53_backends
from moto.route53.responses import Route53

from provisioners.sandbox.api import elastic_owners
from provisioners.sandbox.api.extend import Call, Refused, around, before
from provisioners.sandbox.api.target_health import answer
from provisioners.sandbox.api.world import ACCOUNT, PARTITION, World

_PAUSE = 0.5
_AGENT = "Amazon-Route53-Health-Check-Service"
_NOWHERE = [ipaddress.ip_network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8")]
_KINDS = ("HTTP", "HTTPS", "TCP", "HTTP_STR_MATCH", "HTTPS_STR_MATCH")

_failures: Counter[str] = Counter()
"""By check: how often its address has not answered, one after the other."""
_said: dict[str, int] = {}
"""By check: the last status, 0 for none; absent while nobody has asked."""
_asker = threading.Lock()

listeners: list[Callable[[World], None]] = []
"""Told, with the API's lock held, that a check has begun to pass or to fail."""


def well(check_id: str) -> bool:
    """Whether a check passes; one that nobody has asked yet does. Called with the lock held."""
    check = route53_backends[ACCOUNT][PARTITION].health_checks.get(check_id)
    return check is None or _failures[check_id] < int(check.failure_threshold)


@around(Route53Backend, "create_health_check")
def _create(
    world: World, original: Callable[..., Any], backend: Any, caller_reference: str, health_check_args: dict[str, Any]
) -> Any:
    used: dict[str, tuple[dict[str, Any], str]] = backend.__dict__.setdefault("drucloud_references", {})
    if caller_reference in used:
        wanted, check_id = used[caller_reference]
        if wanted == health_check_args and check_id in backend.health_checks:
            return backend.health_checks[check_id]
        raise Refused(
            "HealthCheckAlreadyExists", f"A health check with caller reference {caller_reference} already exists."
        )
    check = original(caller_reference, health_check_args)
    used[caller_reference] = (dict(health_check_args), check.id)
    if world.reality.host.mode == "machines" and _asker.acquire(blocking=False):
        threading.Thread(target=_ask_forever, args=(world,), name="health checks", daemon=True).start()
    return check


@before("route53", "CreateHealthCheck", "UpdateHealthCheck")
def _possible(_: World, call: Call) -> None:
    told = call.get("HealthCheckConfig") or call.parameters()
    for name, least, most in (("FailureThreshold", 1, 10), ("Port", 1, 65535)):
        if name in told and not least <= int(told[name]) <= most:
            raise Refused("InvalidInput", f"Invalid parameter : {name} {told[name]}, from {least} to {most}.")
    if call.action == "CreateHealthCheck" and (
        told.get("Type") not in _KINDS or int(told.get("RequestInterval", 30)) not in (10, 30)
    ):
        raise Refused("InvalidInput", "Invalid parameter : Type or RequestInterval.")
    address = str(told.get("IPAddress", ""))
    if address and any(ipaddress.ip_address(address) in network for network in _NOWHERE):
        raise Refused("InvalidInput", f"Invalid parameter : IP address {address} is not routable on the Internet.")


@before("route53", "DeleteHealthCheck")
def _there(_: World, call: Call) -> None:
    call.response.backend.get_health_check(
        call.get("HealthCheckId")
    )  # raises NoSuchHealthCheck; moto's delete does not
    _failures.pop(call.get("HealthCheckId"), None)
    _said.pop(call.get("HealthCheckId"), None)


@around(Route53, "get_health_check_status")
def _status(world: World, original: Callable[..., Any], response: Any) -> Any:
    original()  # raises for one that is not there
    said = _said.get(response._get_param("HealthCheckId"))
    if said is None:
        return ActionResult({"HealthCheckObservations": []})
    good = 200 <= said < 400
    text = f"HTTP Status Code {said}" if said else "Connection timed out. The endpoint or the network is down"
    report = {"Status": f"{'Success' if good else 'Failure'}: {text}", "CheckedTime": utcnow()}
    seen = {"Region": "us-east-1", "IPAddress": "198.51.100.11", "StatusReport": report}
    return ActionResult({"HealthCheckObservations": [seen]})


def _ask_forever(world: World) -> None:
    while True:
        with world.lock:
            asked = list(_asked())
        for check_id, vpc_id, address, port, path in asked:
            status = answer(world, vpc_id, address, port, path, _AGENT) if vpc_id else 0
            with world.lock:
                _learn(world, check_id, status)
        time.sleep(_PAUSE)


def _learn(world: World, check_id: str, status: int) -> None:
    before = well(check_id)
    _said[check_id] = status
    _failures[check_id] = 0 if 200 <= status < 400 else _failures[check_id] + 1
    if well(check_id) != before:
        for listener in listeners:
            listener(world)


def _asked() -> Iterator[tuple[str, str, str, int, str]]:
    """Every check with the VPC in which its address leads somewhere; called with the lock held."""
    owners = elastic_owners.vpcs()
    for check in route53_backends[ACCOUNT][PARTITION].health_checks.values():
        address = str(check.ip_address)
        yield check.id, owners.get(address, ""), address, int(check.port), str(check.resource_path or "/")

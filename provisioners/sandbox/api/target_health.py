"""Targets of a load balancer are healthy when they really answer; in a rehearsal, where nothing can, when they run.

A thread asks every registered instance for the health check's path and keeps what it learns; DescribeTargetHealth says
it. AWS asks in intervals and counts; here one answer is enough either way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any

from moto.ec2.models import ec2_backends
from moto.elbv2.models import FakeTargetGroup, elbv2_backends

from provisioners.sandbox.api.extend import around
from provisioners.sandbox.api.world import ACCOUNT, World

_PAUSE = 0.5
_TIMEOUT = 2.0
_AGENT = "ELB-HealthChecker/2.0"

_known: dict[tuple[str, str], str] = {}
"""By target group and instance: ``healthy`` or ``unhealthy``; absent while nobody has asked yet."""
_asker = threading.Lock()


@around(FakeTargetGroup, "health_for")
def _health(world: World, original: Callable[..., Any], group: Any, target: dict[str, Any], ec2_backend: Any) -> Any:
    seen = original(target, ec2_backend)
    instance = ec2_backend.get_instance_by_id(target["Id"]) if target["Id"].startswith("i-") else None
    if instance is None or seen.status != "healthy":
        return seen
    if world.reality.host.mode == "rehearsal":
        seen.status = "healthy" if instance.state == "running" else "unhealthy"
    else:
        _ask_from_now_on(world)
        seen.status = _known.get((group.arn, instance.id), "initial")
    if seen.status != "healthy":
        first = seen.status == "initial"
        seen.reason = "Elb.RegistrationInProgress" if first else "Target.FailedHealthChecks"
        seen.description = "Target registration is in progress" if first else "Health checks failed"
    return seen


def _ask_from_now_on(world: World) -> None:
    """Start the thread that asks, once a process."""
    if _asker.acquire(blocking=False):
        threading.Thread(target=_ask_forever, args=(world,), name="target health", daemon=True).start()


def _ask_forever(world: World) -> None:
    while True:
        with world.lock:
            targets = list(_targets())
        for key, vpc_id, address, port, path in targets:
            _known[key] = "healthy" if answer(world, vpc_id, address, port, path, _AGENT) == 200 else "unhealthy"
        time.sleep(_PAUSE)


def _targets() -> Iterator[tuple[tuple[str, str], str, str, int, str]]:
    """Every registered instance that runs; called with the lock held."""
    for region, backend in elbv2_backends[ACCOUNT].items():
        for group in backend.target_groups.values():
            for target in group.targets.values():
                instance = ec2_backends[ACCOUNT][region].get_instance_by_id(target["Id"])
                if instance is not None and instance.state == "running":
                    key, port = (group.arn, instance.id), int(target["Port"])
                    yield key, str(instance.vpc_id), str(instance.private_ip), port, str(group.health_check_path or "/")


def answer(world: World, vpc_id: str, address: str, port: int, path: str, agent: str) -> int:
    """The status with which a machine answers, 0 if it does not; without the API's lock."""
    try:
        with world.reality.host.dial(vpc_id, address, port, _TIMEOUT) as connection:
            connection.settimeout(_TIMEOUT)
            asked = HTTPConnection(address, port, _TIMEOUT)
            asked.sock = connection
            asked.request("GET", path, headers={"User-Agent": agent})
            return asked.getresponse().status
    except (OSError, HTTPException):
        return 0

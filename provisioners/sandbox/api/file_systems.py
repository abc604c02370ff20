"""EFS: what moto lacks (backup and file system policies taken away), states that take time, tokens that are kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from moto.efs.models import EFSBackend, MountTarget
from moto.efs.responses import EFSResponse

from provisioners.sandbox.api.extend import Call, Refused, around, before
from provisioners.sandbox.api.world import World

_SYSTEM_SECONDS, _TARGET_SECONDS = 10.0, 90.0
_JSON = {"Content-Type": "application/json"}


def _later(world: World, seconds: float, thing: Any) -> None:
    """``creating`` for a (scaled) while, then ``available``."""
    thing.life_cycle_state = "creating"

    def ready() -> None:
        with world.lock:
            thing.life_cycle_state = "available"

    timer = threading.Timer(world.scaled(seconds), ready)
    timer.daemon = True
    timer.start()


@around(EFSBackend, "create_file_system")
def _create(world: World, original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    system = original(*args, **kwargs)
    _later(world, _SYSTEM_SECONDS, system)
    return system


@around(EFSBackend, "create_mount_target")
def _mount(world: World, original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    target: MountTarget = original(*args, **kwargs)
    _later(world, _TARGET_SECONDS, target)
    return target


@before("efs", "CreateMountTarget", "PutFileSystemPolicy", "PutLifecycleConfiguration", "PutBackupPolicy")
def _settled(_: World, call: Call) -> None:
    system = call.response.efs_backend.file_systems_by_id.get(call.get("FileSystemId"))
    if system is None:
        raise Refused("FileSystemNotFound", f"File system '{call.get('FileSystemId')}' does not exist.")
    if system.life_cycle_state != "available":
        raise Refused("IncorrectFileSystemLifeCycleState", "None")


@around(EFSResponse, "put_backup_policy")
def _put_backup(_: World, original: None, response: Any) -> Any:
    policy = response._get_param("BackupPolicy")
    system = response.efs_backend.file_systems_by_id[response._get_param("FileSystemId")]
    system._backup = policy["Status"] == "ENABLED"
    return json.dumps({"BackupPolicy": policy}), _JSON


@around(EFSResponse, "delete_file_system_policy")
def _delete_policy(_: World, original: None, response: Any) -> Any:
    response.efs_backend.file_systems_by_id[response._get_param("FileSystemId")].file_system_policy = None
    return "{}", _JSON

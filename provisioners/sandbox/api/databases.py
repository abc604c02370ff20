"""RDS instances that are real machines, with a secret of their own for the master user."""

from __future__ import annotations

import hashlib
import json
import secrets
import string
import time
from collections.abc import Callable, Mapping
from typing import Any

from moto.rds.models import DBInstance, MasterUserSecret, RDSBackend

from profiles import catalogue
from provisioners.nodes import sizing
from provisioners.sandbox.api import interfaces
from provisioners.sandbox.api.extend import Refused, around, computed
from provisioners.sandbox.api.world import World
from provisioners.sandbox.stand_ins import StandIn

_CREATE_SECONDS = 360.0
"""How long RDS takes for a single small instance; used, scaled, where no machine stands in."""
_PASSWORD_LENGTH = 28
"""RDS's own managed passwords have 28 characters (documentation of ManageMasterUserPassword)."""
_PASSWORD_SIGNS = string.ascii_letters + string.digits + "!#$%&()*+,-.:;<=>?[]^_{|}~"


@around(MasterUserSecret, "_generate_secret_string")
def _real_secret(_: World, original: Callable[[], str], secret: Any) -> str:
    password = "".join(secrets.choice(_PASSWORD_SIGNS) for _ in range(_PASSWORD_LENGTH))
    return json.dumps({"username": secret.resource.master_username, "password": password})


@around(RDSBackend, "create_db_instance")
def _create(world: World, original: Callable[..., Any], backend: Any, db_kwargs: Any) -> Any:
    if db_kwargs.get("db_instance_identifier", "").lower() in backend.databases:
        return original(db_kwargs)  # refuses
    group = backend.subnet_groups.get(str(db_kwargs.get("db_subnet_group_name", "")).lower())
    if group is not None and not db_kwargs.get("vpc_security_group_ids"):
        db_kwargs["vpc_security_group_ids"] = [interfaces.default_group(backend.region_name, group.vpc_id)]
    database = original(db_kwargs)
    suffix = hashlib.sha256(f"{backend.account_id}{backend.region_name}".encode()).hexdigest()[:12]
    database.dbi_resource_id = "db-" + secrets.token_hex(13).upper()
    database.drucloud_address = f"{database.db_instance_identifier}.c{suffix}.{backend.region_name}.rds.amazonaws.com"
    database.status = "creating"
    if group is None:
        return database
    subnet = _subnet(group, db_kwargs.get("availability_zone"))
    database.availability_zone = subnet.availability_zone
    database.drucloud_interface = interfaces.place(
        backend.region_name, subnet.id, database.vpc_security_group_ids, "RDSNetworkInterface"
    )
    _bring_up(world, database)
    return database


def _subnet(group: Any, zone: str | None) -> Any:
    fitting = [subnet for subnet in group._subnets if zone in (None, subnet.availability_zone)]
    if not fitting:
        raise Refused(
            "InvalidParameterValue", f"The subnet group has no subnet in the requested availability zone {zone}."
        )
    return sorted(fitting, key=lambda subnet: str(subnet.availability_zone))[0]


def _bring_up(world: World, database: Any) -> None:
    interface = database.drucloud_interface
    kind = catalogue.find("rds", database.region, database.db_instance_class)
    assert kind is not None, database.db_instance_class  # noqa: S101 - refused before

    def ready() -> None:
        if world.reality.host.mode == "rehearsal":
            time.sleep(world.scaled(_CREATE_SECONDS))
        world.reality.set_names(interface.vpc_id, {database.address: interface.private_ip_address})
        with world.lock:
            if database.status == "creating":
                database.status = "available"

    def failed(_: str) -> None:
        with world.lock:
            database.status = "failed"

    master = {**_master(database), "database": database.db_name or ""}
    machine = StandIn(
        name=_machine(database),
        vpc_id=interface.vpc_id,
        address=interface.private_ip_address,
        role="database",
        memory_mib=kind.memory_mib,
        vcpu=kind.vcpu,
        port=int(database.port),
        settings={"memory_mib": kind.memory_mib, **sizing.database(kind.memory_mib)},
        private_files={"/etc/drucloud/master.json": json.dumps(master).encode()},
    )
    world.reality.stand_in(machine, ready, failed)


def _master(database: Any) -> Mapping[str, str]:
    if database.manage_master_user_password:
        held: dict[str, str] = json.loads(database.master_user_secret.secret.secret_string)
        return held
    return {"username": database.master_username, "password": database.master_user_password}


def _machine(database: Any) -> str:
    return f"db-{database.db_instance_identifier}"


@around(RDSBackend, "delete_db_instance")
def _delete(
    world: World, original: Callable[..., Any], backend: Any, db_instance_identifier: str, **kwargs: Any
) -> Any:
    """The instance stays, ``deleting``, until its machine is gone."""
    known = backend.databases.get(db_instance_identifier)
    if known is not None and known.status == "deleting":
        raise Refused("InvalidDBInstanceState", f"Instance {db_instance_identifier} is already being deleted.")
    if not kwargs.get("skip_final_snapshot") and not kwargs.get("final_db_snapshot_identifier"):
        raise Refused(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )
    database = original(db_instance_identifier, **kwargs)
    interface = getattr(database, "drucloud_interface", None)
    if interface is None:
        return database
    backend.databases[db_instance_identifier] = database

    def done() -> None:
        world.reality.set_names(interface.vpc_id, {database.address: None})
        with world.lock:
            interface.delete()
            backend.databases.pop(db_instance_identifier, None)

    world.reality.remove(_machine(database), done)
    return database


@computed(DBInstance, "address")
def _address(original: Callable[[Any], Any], database: Any) -> Any:
    return getattr(database, "drucloud_address", None) or original(database)


@computed(DBInstance, "endpoint")
def _endpoint(original: Callable[[Any], Any], database: Any) -> Any:
    """None before the instance serves, as RDS has it."""
    return None if database.status == "creating" else original(database)

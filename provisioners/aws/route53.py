"""Route 53 records. Only what is not there is created: a record that is not ours is never overwritten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from string import digits
from typing import Any

from botocore.exceptions import ClientError

from profiles.errors import FailedError
from provisioners.aws.errors import code
from provisioners.aws.permissions import ZONES, on
from provisioners.aws.resource import ABSENT, Kind
from provisioners.aws.session import Aws
from provisioners.engine.kinds import Observed, Wanted

_SERVICE = "route53"

Record = dict[str, Any]

Key = tuple[str, str, str]
"""Name (without the last dot), type and set identifier of a record; the last is empty unless several share a name."""


def records(aws: Aws, zone: str) -> dict[tuple[str, str], Record]:
    """A zone's records by name (without the last dot) and type; of several that share a name, one."""
    return {key[:2]: row for key, row in _every(aws, zone).items()}


def _every(aws: Aws, zone: str) -> dict[Key, Record]:
    return {_key(row): row for row in _rows(aws, zone)}


def _rows(aws: Aws, zone: str) -> Iterator[Record]:
    for page in aws.client(_SERVICE).get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone):
        yield from page["ResourceRecordSets"]


def _key(record: Mapping[str, Any]) -> Key:
    return plain(record["Name"]), str(record["Type"]), str(record.get("SetIdentifier", ""))


def plain(name: str) -> str:
    """A DNS name as it is compared: lower case, no dot at the end."""
    return str(name).rstrip(".").lower()


def put(aws: Aws, zone: str, action: str, record: Record) -> None:
    """One change: ``CREATE``, ``UPSERT`` or ``DELETE``."""
    aws.client(_SERVICE, creating=True).change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    )


def create_unless_there(aws: Aws, zone: str, record: Record) -> None:
    """Create ``record``; the very same is fine, another of its name and type is not ours to touch.

    Of several that share the name all have to be ours: beside somebody else's, ours would lead only some visitors here.
    """
    try:
        if not _in_the_way(aws, zone, record):
            put(aws, zone, "CREATE", record)
            return
    except ClientError as error:
        # two certificates of one domain want the same record at once
        if code(error) != "InvalidChangeBatch" or not _in_the_way(aws, zone, record):
            raise
    there = _every(aws, zone).get(_key(record))
    if there is None or _value(there) != _value(record):
        raise FailedError(
            f"{plain(record['Name'])} already has a record of type {record['Type']} that leads elsewhere; "
            "drucloud never overwrites it.",
            "Remove that record in Route 53, or set names.dns=manual and lead the name here yourself.",
        )


def _in_the_way(aws: Aws, zone: str, record: Record) -> bool:
    """Whether the name has records of that type besides those of our other servers (``…-web``, ``…-web2``)."""
    name, kind, identifier = _key(record)
    others = [key[2] for key in _every(aws, zone) if key[:2] == (name, kind)]
    ours = identifier.rstrip(digits)
    return any(one == identifier or not ours or one.rstrip(digits) != ours for one in others)


def _value(record: Record) -> Any:
    if alias := record.get("AliasTarget"):
        return plain(alias["DNSName"])
    return sorted(str(row["Value"]).rstrip(".") for row in record.get("ResourceRecords", ()))


class RecordSet(Kind):
    """``AWS::Route53::RecordSet``; identity ``zone|name|type``, and ``|set`` where several share a name."""

    type = "AWS::Route53::RecordSet"
    expected_seconds = 30.0
    mutable = frozenset({"AliasTarget", "HealthCheckId", "ResourceRecords", "TTL"})
    needs = (
        *on(ZONES, "deploy", "route53:ChangeResourceRecordSets"),
        *on(ZONES, "read", "route53:ListResourceRecordSets"),
        *on(ZONES, "change", "route53:ChangeResourceRecordSets"),
        *on(ZONES, "destroy", "route53:ChangeResourceRecordSets"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it, unless the very same is there."""
        create_unless_there(aws, str(wanted.properties["HostedZoneId"]), _record(wanted.properties))
        return _identity(wanted.properties)

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """The record of that name and type, if it leads where ours would."""
        zone, record = str(wanted.properties["HostedZoneId"]), _record(wanted.properties)
        there = _every(aws, zone).get(_key(record))
        return _identity(wanted.properties) if there and _value(there) == _value(record) else None

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One listing a zone."""
        zones = {zone: _every(aws, zone) for zone in {one.split("|")[0] for one in identities}}
        seen = {}
        for one in identities:
            zone, key = _parts(one)
            seen[one] = Observed("ready", {"Ref": key[0]}) if key in zones[zone] else ABSENT
        return seen

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """Ours by now: put it."""
        put(aws, identity.split("|")[0], "UPSERT", _record(wanted.properties))

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Route 53 wants to be told the whole record that is to go."""
        zone, key = _parts(identity)
        there = _every(aws, zone).get(key)
        if there is not None:
            put(aws, zone, "DELETE", there)


def _identity(properties: Mapping[str, Any]) -> str:
    name, kind, identifier = _key(properties)
    return "|".join([str(properties["HostedZoneId"]), name, kind, *([identifier] if identifier else [])])


def _parts(identity: str) -> tuple[str, Key]:
    zone, name, kind, *identifier = identity.split("|", 3)
    return zone, (name, kind, identifier[0] if identifier else "")


def _record(properties: Mapping[str, Any]) -> Record:
    record: Record = {"Name": str(properties["Name"]), "Type": str(properties["Type"])}
    record |= {key: str(properties[key]) for key in ("HealthCheckId", "SetIdentifier") if key in properties}
    if "MultiValueAnswer" in properties:
        record["MultiValueAnswer"] = str(properties["MultiValueAnswer"]).lower() == "true"
    if alias := properties.get("AliasTarget"):
        healthy = str(alias.get("EvaluateTargetHealth", False)).lower() == "true"
        return {**record, "AliasTarget": {**alias, "EvaluateTargetHealth": healthy}}
    rows = [{"Value": str(value)} for value in properties["ResourceRecords"]]
    return {**record, "TTL": int(properties["TTL"]), "ResourceRecords": rows}

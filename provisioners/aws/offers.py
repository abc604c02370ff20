"""What an account's region offers: classes by zone, engine versions. Read-only questions, each one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provisioners.aws.resource import ec2_rows
from provisioners.aws.session import Aws
from provisioners.debian import TRIXIE

DEBIAN_ARCHITECTURE = {"arm64": "arm64", "x86_64": "amd64"}
"""EC2's name of an architecture -> Debian's."""

CACHE_ENGINE = "memcached"
MYSQL_RELEASE = "8.4"


@dataclass(frozen=True)
class Machine:
    """An EC2 instance class. ``architecture`` is Debian's name (``arm64``, ``amd64``)."""

    memory_mib: int
    vcpu: int
    architecture: str


@dataclass(frozen=True)
class EngineVersion:
    """A database version and its parameter group family."""

    version: str
    family: str


def machines(aws: Aws, classes: Sequence[str]) -> dict[str, Machine]:
    """The classes this region knows; one it does not know is left out."""
    filters = [{"Name": "instance-type", "Values": sorted(set(classes))}]
    rows = ec2_rows(aws, "describe_instance_types", "InstanceTypes", filters)
    return {str(row["InstanceType"]): _machine(row) for row in rows}


def _machine(row: Mapping[str, Any]) -> Machine:
    known = [name for name in row["ProcessorInfo"]["SupportedArchitectures"] if name in DEBIAN_ARCHITECTURE]
    architecture = DEBIAN_ARCHITECTURE[known[0]] if known else ""
    return Machine(int(row["MemoryInfo"]["SizeInMiB"]), int(row["VCpuInfo"]["DefaultVCpus"]), architecture)


def zones(aws: Aws) -> list[str]:
    """The region's ordinary zones that are open to this account, sorted (no Local or Wavelength Zones)."""
    filters = [{"Name": "zone-type", "Values": ["availability-zone"]}, {"Name": "state", "Values": ["available"]}]
    rows = ec2_rows(aws, "describe_availability_zones", "AvailabilityZones", filters)
    return sorted(str(row["ZoneName"]) for row in rows)


def machine_zones(aws: Aws, classes: Sequence[str]) -> dict[str, set[str]]:
    """By class, the zones in which EC2 sells it."""
    client = aws.client("ec2")
    pages = client.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": sorted(set(classes))}]
    )
    found: dict[str, set[str]] = {name: set() for name in classes}
    for page in pages:
        for row in page["InstanceTypeOfferings"]:
            found[row["InstanceType"]].add(row["Location"])
    return found


def database_versions(aws: Aws, engine: str = "mariadb") -> list[EngineVersion]:
    """The versions of ``engine`` that RDS creates now, newest first.

    Of MySQL only 8.4, the release with long support: the others live for months.
    """
    pages = aws.client("rds").get_paginator("describe_db_engine_versions").paginate(Engine=engine)
    rows = [row for page in pages for row in page["DBEngineVersions"] if row.get("Status", "available") == "available"]
    if engine == "mysql":
        rows = [row for row in rows if str(row["EngineVersion"]).startswith(f"{MYSQL_RELEASE}.")]
    rows.sort(key=lambda row: _numbers(row["EngineVersion"]), reverse=True)
    return [EngineVersion(str(row["EngineVersion"]), str(row["DBParameterGroupFamily"])) for row in rows]


def database_zones(aws: Aws, version: str, instance_class: str, engine: str = "mariadb") -> set[str]:
    """The zones in which RDS sells the class for that version inside a VPC."""
    pages = (
        aws.client("rds")
        .get_paginator("describe_orderable_db_instance_options")
        .paginate(Engine=engine, EngineVersion=version, DBInstanceClass=instance_class, Vpc=True)
    )
    rows = [row for page in pages for row in page["OrderableDBInstanceOptions"]]
    return {str(zone["Name"]) for row in rows for zone in row["AvailabilityZones"]}


def cache_version(aws: Aws) -> str:
    """The newest Memcached version of ElastiCache; empty when there is none."""
    pages = aws.client("elasticache").get_paginator("describe_cache_engine_versions").paginate(Engine=CACHE_ENGINE)
    found = [str(row["EngineVersion"]) for page in pages for row in page["CacheEngineVersions"]]
    return max(found, key=_numbers, default="")


def database_parameters(aws: Aws, family: str) -> dict[str, str]:
    """Every parameter of a database family: ``dynamic`` or ``static`` if it may be set, else ``fixed``."""
    pages = (
        aws.client("rds").get_paginator("describe_engine_default_parameters").paginate(DBParameterGroupFamily=family)
    )
    return _told(row for page in pages for row in page["EngineDefaults"]["Parameters"])


def cache_parameters(aws: Aws, family: str) -> dict[str, str]:
    """The same of a cache family; all of Memcached's apply when its nodes start."""
    client = aws.client("elasticache")
    pages = client.get_paginator("describe_engine_default_parameters").paginate(CacheParameterGroupFamily=family)
    return _told(row for page in pages for row in page["EngineDefaults"]["Parameters"])


def _told(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {
        str(row["ParameterName"]): str(row.get("ApplyType", "static")) if row.get("IsModifiable") else "fixed"
        for row in rows
    }


def edge_prefix_list(aws: Aws) -> str:
    """AWS's own list of the addresses from which CloudFront asks origins."""
    filters = [{"Name": "prefix-list-name", "Values": ["com.amazonaws.global.cloudfront.origin-facing"]}]
    return str(ec2_rows(aws, "describe_managed_prefix_lists", "PrefixLists", filters)[0]["PrefixListId"])


def hosted_zone(aws: Aws, domain: str) -> str:
    """Id of the public Route 53 zone nearest to ``domain``; empty when this account has none."""
    pages = aws.client("route53").get_paginator("list_hosted_zones").paginate()
    zones = {
        str(row["Name"]).rstrip(".").lower(): str(row["Id"]).removeprefix("/hostedzone/")
        for page in pages
        for row in page["HostedZones"]
        if not row["Config"].get("PrivateZone")
    }
    fitting = [name for name in zones if domain == name or domain.endswith(f".{name}")]
    return zones[max(fitting, key=len)] if fitting else ""


def debian_image(aws: Aws, architecture: str, release: str = TRIXIE.release) -> str:
    """A Debian's current AMI, by Debian's own public SSM parameter; empty where the region has none."""
    name = f"/aws/service/debian/release/{release}/latest/{architecture}"
    rows = aws.client("ssm").get_parameters(Names=[name])["Parameters"]
    return str(rows[0]["Value"]) if rows else ""


def image_is(aws: Aws, image: str, architecture: str, release: str) -> bool:
    """Whether an image is that Debian; true also when it is no longer offered, for then nobody can tell.

    Debian names its AMIs ``debian-13-arm64-20260914-2600`` (wiki.debian.org/Cloud/AmazonEC2Image).
    """
    rows = ec2_rows(aws, "describe_images", "Images", [{"Name": "image-id", "Values": [image]}])
    return not rows or str(rows[0]["Name"]).startswith(f"debian-{release}-{architecture}-")


def _numbers(version: str) -> tuple[int, ...]:
    """``11.4.8`` as numbers, so that 10 comes after 9; what is no number counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))

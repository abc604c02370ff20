"""AWS's limits that a deployment may meet: how much of each is taken, and how much the blueprint would add.

Codes: Service Quotas, ``list-aws-default-service-quotas`` of each service.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from provisioners.aws import offers
from provisioners.aws.errors import code
from provisioners.aws.findings import Finding, Subject, finding
from provisioners.aws.requests import call
from provisioners.aws.resource import ec2_rows
from provisioners.aws.session import Aws

STANDARD_FAMILIES = "acdhimrtz"
"""First letters of the instance families that share the quota for standard on-demand machines."""


@dataclass(frozen=True)
class Quota:
    """One limit.

    :param needed: what the blueprint adds.
    :param used: what the account has.
    :param region: where the quota is kept, if not in the deployment's region (CloudFront is global).
    """

    service: str
    code: str
    label: str
    needed: Callable[[Subject], int]
    used: Callable[[Aws], int]
    region: str = ""


def check(subject: Subject) -> Iterator[Finding]:
    """A finding for each quota that is too small; one line that says what was counted when none is."""
    seen = []
    for quota in QUOTAS:
        needed = quota.needed(subject)
        limit = limit_of(subject.aws, quota) if needed else None
        if limit is None:
            continue
        used = quota.used(subject.aws)
        seen.append(f"{quota.label} {used} + {needed} of {limit}")
        if used + needed > limit:
            yield finding(
                "fail",
                f"The quota for {quota.label} is {limit}: {used} are in use and {needed} more are needed.",
                f"Free some, choose less, or ask for more: Service Quotas, {quota.service}, {quota.code}.",
            )
    if seen:
        yield finding("ok", f"Quotas: {'; '.join(seen)}")


def limit_of(aws: Aws, quota: Quota) -> int | None:
    """The account's own value, else AWS's default; ``None`` where AWS tells neither."""
    client = aws.client("service-quotas", region=quota.region)
    for operation in ("GetServiceQuota", "GetAWSDefaultServiceQuota"):
        try:
            row = call(client, operation, ServiceCode=quota.service, QuotaCode=quota.code)
            return int(row["Quota"]["Value"])
        except ClientError as error:
            if code(error) not in ("NoSuchResourceException", "ResourceNotFoundException"):
                raise
    return None


def _of(*types: str) -> Callable[[Subject], int]:
    return lambda subject: sum(1 for _ in subject.of_type(*types))


def _listed(operation: str, key: str) -> Callable[[Aws], int]:
    return lambda aws: len(ec2_rows(aws, operation, key, []))


def _paged(service: str, operation: str, *path: str) -> Callable[[Aws], int]:
    def count(aws: Aws) -> int:
        found = 0
        for page in aws.client(service).get_paginator(operation).paginate():
            value: Any = page
            for name in path:
                value = value.get(name) or []
            found += len(value)
        return found

    return count


def _machines(subject: Subject) -> Counter[str]:
    """How many machines of each class are added; of a group, as many as it may have."""
    classes: Counter[str] = Counter()
    for one in subject.of_type("AWS::EC2::Instance"):
        classes[str(one.properties["InstanceType"])] += 1
    most = sum(int(one.properties["MaxSize"]) for one in subject.of_type("AWS::AutoScaling::AutoScalingGroup"))
    if most:
        classes[subject.profile.web.instance_class] += most
    return classes


def _vcpu_needed(subject: Subject) -> int:
    classes = _machines(subject)
    known = offers.machines(subject.aws, list(classes)) if classes else {}
    return sum(known[name].vcpu * count for name, count in classes.items() if name[0] in STANDARD_FAMILIES)


def _vcpu_used(aws: Aws) -> int:
    states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    rows = ec2_rows(aws, "describe_instances", "Reservations", states)
    machines: list[dict[str, Any]] = [machine for row in rows for machine in row["Instances"]]
    standard = [
        row for row in machines if row["InstanceType"][0] in STANDARD_FAMILIES and not row.get("InstanceLifecycle")
    ]
    # By class: what EC2 counts, and it says CpuOptions of some machines only.
    known = offers.machines(aws, [row["InstanceType"] for row in standard]) if standard else {}
    return sum(known[row["InstanceType"]].vcpu for row in standard if row["InstanceType"] in known)


def _gateways_needed(subject: Subject) -> int:
    """In the zone that gets most, for the quota is one of each zone; a zone has one public subnet."""
    return max(
        Counter(str(one.properties["SubnetId"]) for one in subject.of_type("AWS::EC2::NatGateway")).values(), default=0
    )


def _gateways_used(aws: Aws) -> int:
    """In the zone that has most."""
    states = [{"Name": "state", "Values": ["pending", "available"]}]
    pages = aws.client("ec2").get_paginator("describe_nat_gateways").paginate(Filters=states)
    zones = {row["SubnetId"]: row["AvailabilityZone"] for row in ec2_rows(aws, "describe_subnets", "Subnets", [])}
    there = Counter(zones.get(row["SubnetId"], "") for page in pages for row in page["NatGateways"])
    return max(there.values(), default=0)


def _cache_nodes(subject: Subject) -> int:
    return sum(int(one.properties["NumCacheNodes"]) for one in subject.of_type("AWS::ElastiCache::CacheCluster"))


def _cache_nodes_used(aws: Aws) -> int:
    pages = aws.client("elasticache").get_paginator("describe_cache_clusters").paginate()
    return sum(int(row.get("NumCacheNodes", 1)) for page in pages for row in page["CacheClusters"])


def _balancers_used(aws: Aws) -> int:
    pages = aws.client("elbv2").get_paginator("describe_load_balancers").paginate()
    return sum(row["Type"] == "application" for page in pages for row in page["LoadBalancers"])


QUOTAS = (
    Quota("vpc", "L-F678F1CE", "VPCs", _of("AWS::EC2::VPC"), _listed("describe_vpcs", "Vpcs")),
    Quota(
        "vpc",
        "L-A4707A72",
        "Internet gateways",
        _of("AWS::EC2::InternetGateway"),
        _listed("describe_internet_gateways", "InternetGateways"),
    ),
    Quota("vpc", "L-FE5A380F", "NAT gateways in a zone", _gateways_needed, _gateways_used),
    Quota("ec2", "L-0263D0A3", "Elastic IPs", _of("AWS::EC2::EIP"), _listed("describe_addresses", "Addresses")),
    Quota("ec2", "L-1216C47A", "vCPUs", _vcpu_needed, _vcpu_used),
    Quota(
        "rds",
        "L-7B6409FD",
        "database instances",
        _of("AWS::RDS::DBInstance"),
        _paged("rds", "describe_db_instances", "DBInstances"),
    ),
    Quota("elasticache", "L-DFE45DF3", "cache nodes", _cache_nodes, _cache_nodes_used),
    Quota(
        "elasticloadbalancing",
        "L-53DA6B97",
        "application load balancers",
        _of("AWS::ElasticLoadBalancingV2::LoadBalancer"),
        _balancers_used,
    ),
    Quota(
        "cloudfront",
        "L-24B04930",
        "CloudFront distributions",
        _of("AWS::CloudFront::Distribution"),
        _paged("cloudfront", "list_distributions", "DistributionList", "Items"),
        region="us-east-1",
    ),
)

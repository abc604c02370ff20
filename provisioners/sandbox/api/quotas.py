"""Service Quotas: AWS's defaults for what drucloud may meet; moto knows those of VPC only.

Only what is asked is told. The sandbox itself has no limits: that a quota suffices is the preflight's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.servicequotas.models import ServiceQuotasBackend

from provisioners.sandbox.api.extend import around
from provisioners.sandbox.api.world import World

DEFAULTS = {
    ("ec2", "L-0263D0A3"): ("EC2-VPC Elastic IPs", 5.0),
    ("ec2", "L-1216C47A"): ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 64.0),
    ("rds", "L-7B6409FD"): ("DB instances", 40.0),
    ("elasticache", "L-DFE45DF3"): ("Nodes per Region", 300.0),
    ("elasticloadbalancing", "L-53DA6B97"): ("Application Load Balancers per Region", 50.0),
    ("cloudfront", "L-24B04930"): ("Web distributions per AWS account", 200.0),
}
"""By service and code: name and AWS's default; of vCPUs, where accounts differ, a common value."""


@around(ServiceQuotasBackend, "get_service_quota")
def _get(_: World, original: Callable[..., Any], backend: Any, service_code: str, quota_code: str) -> Any:
    if (service_code, quota_code) not in DEFAULTS:
        return original(service_code, quota_code)
    name, value = DEFAULTS[service_code, quota_code]
    return {"ServiceCode": service_code, "QuotaCode": quota_code, "QuotaName": name, "Value": value, "Adjustable": True}

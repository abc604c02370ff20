"""AWS's own price list, read with the Price List Query API into the catalogue's tables.

Only what estimates use is asked for: on-demand prices in US dollars of the classes and things drucloud builds. Formats
and filters: AWS Billing User Guide, "Price List Query API"; the attributes are those of each service's own offer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from profiles.catalogue.refreshed import Table
from profiles.errors import FailedError, ReachError
from provisioners.aws.errors import classify, code, message

REGION = "us-east-1"
"""Where the Price List Query API lives; it knows all regions."""

SOURCE = "AWS Price List"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Query:
    """One product search.

    :param service: AWS's service code.
    :param filters: attribute -> value, besides the region.
    :param keep: whether a product is meant; the API's filters are coarse.
    """

    service: str
    filters: Mapping[str, str]
    keep: Callable[[Mapping[str, str]], bool] = lambda attributes: True


_COMPUTE = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}
FAMILIES = frozenset(f"{letter}{rest}" for letter in "cmr" for rest in ("6g", "6i", "7g", "7i", "8g", "8i")) | {
    "t3",
    "t4g",
}
"""EC2 and RDS families the catalogue speaks of; others would only make every list long."""


def _family(attributes: Mapping[str, str]) -> bool:
    name = attributes.get("instanceType", "").removeprefix("db.").removeprefix("cache.")
    return name.partition(".")[0] in FAMILIES and "metal" not in name


ITEMS: Mapping[str, tuple[Query, str]] = {
    "alb_hour": (
        Query("AWSELB", {"productFamily": "Load Balancer-Application", "operation": "LoadBalancing:Application"},
              lambda a: a["usagetype"].endswith("LoadBalancerUsage")), "USD/hour",
    ),
    "alb_lcu_hour": (
        Query("AWSELB", {"productFamily": "Load Balancer-Application", "operation": "LoadBalancing:Application"},
              lambda a: a["usagetype"].endswith("-LCUUsage") or a["usagetype"] == "LCUUsage"), "USD/LCU-hour",
    ),
    "nat_gateway_hour": (
        Query("AmazonEC2", {"productFamily": "NAT Gateway", "operation": "NatGateway"},
              lambda a: a["usagetype"].endswith("NatGateway-Hours")), "USD/hour",
    ),
    "nat_gateway_gb": (
        Query("AmazonEC2", {"productFamily": "NAT Gateway", "operation": "NatGateway"},
              lambda a: a["usagetype"].endswith("NatGateway-Bytes")), "USD/GB",
    ),
    "public_ipv4_in_use_hour": (
        Query("AmazonVPC", {"group": "VPCPublicIPv4Address"},
              lambda a: a["usagetype"].endswith("PublicIPv4:InUseAddress")), "USD/hour",
    ),
    "ebs_gp3_gb_month": (
        Query("AmazonEC2", {"productFamily": "Storage", "volumeApiName": "gp3"}), "USD/GB-month",
    ),
    "rds_gp3_gb_month_single_az": (
        Query("AmazonRDS", {"productFamily": "Database Storage", "databaseEngine": "MariaDB",
                            "deploymentOption": "Single-AZ", "volumeName": "gp3"}), "USD/GB-month",
    ),
    "rds_gp3_gb_month_multi_az": (
        Query("AmazonRDS", {"productFamily": "Database Storage", "databaseEngine": "MariaDB",
                            "deploymentOption": "Multi-AZ", "volumeName": "gp3"}), "USD/GB-month",
    ),
}  # fmt: skip
"""By the catalogue's name of an item: the query that finds it, and its unit."""


def read(
    pricing: Any, region: str, progress: Callable[[str], None] = lambda text: None
) -> tuple[str, dict[str, Table]]:
    """The day of AWS's newest price and the tables for ``region``.

    :param pricing: boto3's ``pricing`` client.
    :raises ReachError: AWS cannot be reached, or does not let this identity read prices; nothing was changed.
    :raises FailedError: what came is no price list.
    """
    try:
        found = _Reader(pricing, region)
        progress("reading EC2's prices")
        tables: dict[str, Table] = {"ec2": found.machines(Query("AmazonEC2", _COMPUTE, _family))}
        progress("reading RDS's prices")
        tables["rds"] = found.databases()
        progress("reading ElastiCache's prices")
        tables["elasticache"] = found.machines(Query("AmazonElastiCache", {"cacheEngine": "Memcached"}, _family))
        progress("reading the prices of services")
        tables["services"] = found.items()
    except (BotoCoreError, ClientError) as error:
        raise _unreachable(error) from error
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise FailedError(f"AWS's price list cannot be understood ({error}).", "The dated prices hold on.") from error
    if not any(tables.values()):
        raise FailedError(f"AWS's price list has nothing for {region}.", "Check the region's name.")
    return found.as_of, tables


def _unreachable(error: Exception) -> ReachError:
    why = message(error) or type(error).__name__
    if classify(error) == "denied":
        return ReachError(
            f"This identity may not read AWS's price list ({code(error)}); the dated prices hold on.",
            "Allow it pricing:GetProducts.",
        )
    return ReachError(f"AWS's price list could not be read ({why}); the dated prices hold on.", "Try again later.")


class _Reader:
    def __init__(self, pricing: Any, region: str) -> None:
        self._pricing = pricing
        self._region = region
        self.as_of = ""

    def machines(self, query: Query) -> Table:
        """Classes by name with vCPU, memory, architecture and price."""
        return {
            attributes["instanceType"]: {**_size(attributes), "usd_hour": usd}
            for attributes, usd in self._prices(query)
        }

    def databases(self) -> Table:
        """RDS classes: the price alone and the price with a standby."""
        options: dict[str, Table] = {}
        for option in ("Single-AZ", "Multi-AZ"):
            wish = {"productFamily": "Database Instance", "databaseEngine": "MariaDB", "deploymentOption": option}
            options[option] = self.machines(Query("AmazonRDS", wish, _family))
        pairs = options["Multi-AZ"]
        return {
            name: {**row, "multi_az_usd_hour": pairs[name]["usd_hour"] if name in pairs else None}
            for name, row in options["Single-AZ"].items()
        }

    def items(self) -> Table:
        """The services' items that AWS has a price of here; the others keep their dated one."""
        table: Table = {}
        for name, (query, unit) in ITEMS.items():
            prices = [usd for _, usd in self._prices(query)]
            if prices:
                table[name] = {"usd": prices[0], "unit": unit}
        return table

    def _prices(self, query: Query) -> Iterator[tuple[Mapping[str, str], float]]:
        filters = [
            {"Type": "TERM_MATCH", "Field": field, "Value": value}
            for field, value in {"regionCode": self._region, **query.filters}.items()
        ]
        pages = self._pricing.get_paginator("get_products").paginate(ServiceCode=query.service, Filters=filters)
        for page in pages:
            for text in page["PriceList"]:
                product = json.loads(text)
                attributes = product["product"]["attributes"]
                if query.keep(attributes) and (usd := self._on_demand(product["terms"])) is not None:
                    yield attributes, usd

    def _on_demand(self, terms: Row) -> float | None:
        """The price of the first unit; ``None`` for what is not sold on demand or given away."""
        for offer in terms.get("OnDemand", {}).values():
            dimensions: Sequence[Row] = list(offer["priceDimensions"].values())
            prices = [float(row["pricePerUnit"]["USD"]) for row in dimensions if row.get("beginRange", "0") == "0"]
            if prices and prices[0] > 0:
                self.as_of = max(self.as_of, str(offer["effectiveDate"])[:10])
                return prices[0]
        return None


def _size(attributes: Mapping[str, str]) -> dict[str, Any]:
    """``2`` and ``0.555 GiB`` as numbers; the architecture by the family's own letter."""
    memory = float(attributes["memory"].split()[0].replace(",", ""))
    family = attributes["instanceType"].removeprefix("db.").removeprefix("cache.").partition(".")[0]
    return {
        "vcpu": int(attributes["vcpu"]),
        "memory_mib": round(memory * 1024),
        "architecture": "arm64" if family.endswith("g") else "x86_64",
    }

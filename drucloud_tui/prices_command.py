"""What ``drucloud prices`` does: newer prices from AWS's own list, and how old those here are."""

from __future__ import annotations

import sys
from collections import Counter

from profiles import catalogue
from profiles.catalogue import refreshed
from profiles.errors import UsageError


def refresh(region: str, aws_profile: str) -> int:
    """Read the region's prices and keep them."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    from provisioners.aws import prices
    from provisioners.aws.errors import explain

    _known(region)
    try:
        session = boto3.Session(profile_name=aws_profile or None)
        patience = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 3})
        client = session.client("pricing", region_name=prices.REGION, config=patience)
    except BotoCoreError as error:
        raise explain(error, "Asking AWS for its prices") from error
    as_of, tables = prices.read(client, region, lambda text: print(f"{text} …", file=sys.stderr, flush=True))
    path = refreshed.save(region, as_of, prices.SOURCE, tables)
    counts = ", ".join(f"{len(table)} of {name}" for name, table in tables.items())
    print(f"Prices of {region} as of {as_of}: {counts}. Kept in {path}.")
    return 0


def show(region: str) -> int:
    """Say of each table from which days its prices are."""
    _known(region)
    services = {"ec2": catalogue.ec2, "rds": catalogue.rds, "elasticache": catalogue.elasticache}
    for name, offered in services.items():
        days = Counter(f"{item.as_of} ({item.source})" for item in offered(region))
        print(f"{name:<12} " + ", ".join(f"{count} of {day}" for day, count in sorted(days.items())))
    fresh = refreshed.load(region)
    print(
        f"{'services':<12} "
        + (f"{len(fresh['services'])} of {fresh['as_of']} ({fresh['source']})" if fresh else "dated")
    )
    return 0


def _known(region: str) -> None:
    if region not in {one.code for one in catalogue.regions()}:
        raise UsageError(f"drucloud knows no region '{region}'.", "See the regions in docs/profile.md (aws.region).")

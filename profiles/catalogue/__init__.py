"""Dated instance classes, regions and prices, and the reader for them."""

from profiles.catalogue.reader import (
    HOURS_A_MONTH,
    DrupalRelease,
    InstanceClass,
    Price,
    Region,
    Service,
    drupal_releases,
    ec2,
    elasticache,
    find,
    known_together,
    price,
    rds,
    regions,
)

__all__ = [
    "HOURS_A_MONTH",
    "DrupalRelease",
    "InstanceClass",
    "Price",
    "Region",
    "Service",
    "drupal_releases",
    "ec2",
    "elasticache",
    "find",
    "known_together",
    "price",
    "rds",
    "regions",
]

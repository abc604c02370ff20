from datetime import date
from pathlib import Path

import pytest

from profiles import catalogue

REGIONS = [region.code for region in catalogue.regions()]
FOLDER = Path(catalogue.__file__).parent


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_offers_every_service_cheapest_first_and_dated(region):
    for service in (catalogue.ec2, catalogue.rds, catalogue.elasticache):
        offered = service(region)
        assert offered
        assert [item.usd_hour for item in offered] == sorted(item.usd_hour for item in offered)
        assert len({item.name for item in offered}) == len(offered)
        for item in offered:
            assert item.usd_hour > 0
            assert item.vcpu > 0
            assert item.memory_mib >= 512
            assert item.architecture in ("arm64", "x86_64")
            assert date.fromisoformat(item.as_of) <= date(2026, 11, 23)


def test_architecture_follows_the_family_letter():
    for item in catalogue.ec2("us-east-1"):
        family = item.name.split(".")[0]
        assert (item.architecture == "arm64") == (family[2:3] == "g"), item


def test_a_standby_doubles_the_price_of_a_database():
    for region in REGIONS:
        for item in catalogue.rds(region):
            assert item.multi_az_usd_hour is not None
            assert item.multi_az_usd_hour == pytest.approx(2 * item.usd_hour, abs=0.0021)  # AWS rounds to mills


def test_prices_have_unit_source_and_day():
    price = catalogue.price("us-east-1", "ebs_gp3_gb_month")
    assert price is not None
    assert (price.usd, price.unit, price.as_of) == (0.08, "USD/GB-month", "2024-07-18")
    assert price.source


def test_what_costs_the_same_everywhere_is_found_in_each_region():
    assert all(catalogue.price(region, "secret_month") for region in REGIONS)


def test_the_unknown_is_none_or_empty_never_free():
    assert catalogue.price("us-east-1", "unicorns") is None
    assert catalogue.ec2("mars-north-1") == ()
    assert catalogue.find("ec2", "us-east-1", "z9.huge") is None


def test_the_tables_stay_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.csv")) < 400_000

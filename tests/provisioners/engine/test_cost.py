import pytest
from hypothesis import given, settings

from profiles import catalogue
from profiles.model import Profile
from profiles.store import apply
from provisioners.blueprint.build import build
from provisioners.blueprint.graph import Blueprint
from provisioners.engine.cost import FREE, RDS_GP3_TO_EBS_GP3, estimate
from tests.profiles.strategies import profiles
from tests.provisioners.blueprint.lookups import SANDBOX, lookups


def lines(region="us-east-1", **answers):
    values = {key.replace("__", "."): value for key, value in answers.items()}
    found = estimate(build(apply(Profile(), values), SANDBOX), region)
    return found, {line.logical_id: line for line in found.lines}


def test_the_starter_by_hand():
    found, by_id = lines()
    expected = {
        "SiteSecret": 0.40,
        "DeployKeySecret": 0.40,
        "FileBucket": 10 * 0.023,
        "Database": 730 * 0.016 + 20 * 0.115 + 0.40,
        "Cache": 730 * 0.016,
        "AdminServer": 730 * 0.0084 + 8 * 0.08,
        "AdminAddress": 730 * 0.005,
        "WebServer": 730 * 0.0168 + 20 * 0.08,
        "WebAddress": 730 * 0.005,
    }
    assert {key: line.monthly_usd for key, line in by_id.items()} == pytest.approx(expected)
    assert found.monthly_usd == pytest.approx(sum(expected.values()))
    assert found.hourly_usd == pytest.approx(sum(expected.values()) / 730)
    assert found.unknown == ()


def test_a_standby_doubles_machine_and_storage_of_the_database_alone():
    before, after = lines()[1], lines(database__multi_az="yes")[1]
    assert after["Database"].monthly_usd == pytest.approx(730 * 0.032 + 20 * 0.23 + 0.40)
    assert {key for key in before if before[key].monthly_usd != after[key].monthly_usd} == {"Database"}


def test_each_cache_node_is_counted():
    assert lines(cache__nodes="4")[1]["Cache"].monthly_usd == pytest.approx(4 * 730 * 0.016)


def test_what_is_unknown_is_said_and_never_zero():
    found, by_id = lines(web__instance_class="z9.huge")
    assert by_id["WebServer"].monthly_usd is None
    assert by_id["WebServer"].hourly_usd is None
    assert "z9.huge unknown" in by_id["WebServer"].note
    assert [line.logical_id for line in found.unknown] == ["WebServer"]
    assert found.monthly_usd == pytest.approx(lines()[0].monthly_usd - lines()[1]["WebServer"].monthly_usd)


def test_a_type_that_nobody_priced_is_unknown():
    notes = {"Drucloud": {"Tier": "web", "Label": "New thing"}}
    blueprint = Blueprint({"Resources": {"New": {"Type": "AWS::New::Thing", "Metadata": notes}}})
    (line,) = estimate(blueprint, "us-east-1").lines
    assert line.monthly_usd is None


@settings(max_examples=30, deadline=None)
@given(profiles(), lookups)
def test_every_billed_resource_has_one_line_with_a_price_and_a_day_or_neither(profile, found):
    blueprint = build(profile, found)
    result = estimate(blueprint, profile.aws.region)
    billed = [key for key, item in blueprint.resources.items() if not item.is_step and item.type not in FREE]
    assert [line.logical_id for line in result.lines] == billed
    for line in result.lines:
        if line.monthly_usd is None or line.monthly_high_usd is None:
            assert line.monthly_usd is line.monthly_high_usd is None
        else:
            assert 0 <= line.monthly_usd <= line.monthly_high_usd
            assert line.monthly_high_usd > 0
            assert line.as_of
    assert result.as_of == min(line.as_of for line in result.lines if line.as_of)
    assert result == estimate(blueprint, profile.aws.region)


def test_the_storage_ratio_holds_wherever_both_prices_are_known():
    known = 0
    for region in catalogue.regions():
        rds = catalogue.price(region.code, "rds_gp3_gb_month_single_az")
        ebs = catalogue.price(region.code, "ebs_gp3_gb_month")
        if rds and ebs:
            known += 1
            assert rds.usd == pytest.approx(ebs.usd * RDS_GP3_TO_EBS_GP3, abs=0.0005)
    assert known >= 3


def test_a_price_taken_by_ratio_says_so():
    assert "by its ratio to EBS" in lines("eu-central-1")[1]["Database"].note
    assert "by its ratio" not in lines("us-east-1")[1]["Database"].note


def test_what_is_left_out_is_listed_with_the_regions_traffic_price():
    assert "then $0.09 a GB" in lines()[0].exclusions[0]
    assert "unknown" in lines("mars-north-1")[0].exclusions[0]
    assert len(lines()[0].exclusions) == 4


STANDARD = {"network.egress": "nat", "balancer.kind": "alb", "web.servers": "2", "edge.cdn": "cloudfront"}


def test_what_is_billed_by_use_is_a_range_with_its_assumption():
    found, by_id = lines(**{key.replace(".", "__"): value for key, value in STANDARD.items()})
    nat = by_id["NatGatewayA"]
    assert nat.monthly_usd == pytest.approx(730 * 0.045)
    assert nat.monthly_high_usd == pytest.approx(730 * 0.045 + 100 * 0.045)
    assert "0 to 100 GB" in nat.note
    balancer = by_id["Balancer"]
    assert balancer.monthly_usd == pytest.approx(730 * 0.0225 + 2 * 730 * 0.005)
    assert balancer.monthly_high_usd == pytest.approx(balancer.monthly_usd + 730 * 0.008)
    assert (by_id["Distribution"].monthly_usd, by_id["Distribution"].monthly_high_usd) == (0, pytest.approx(8.5))
    spread = sum(line.monthly_high_usd - line.monthly_usd for line in found.lines)
    assert found.monthly_high_usd - found.monthly_usd == pytest.approx(spread)
    assert spread > 0


def test_a_price_that_the_catalogue_lacks_is_unknown_at_both_ends():
    _, by_id = lines("ca-west-1")  # RDS's t4g classes are not in its table
    assert by_id["Database"].monthly_usd is by_id["Database"].monthly_high_usd is None


def test_a_balancer_not_priced_here_costs_what_the_regions_that_know_it_make_likely():
    _, by_id = lines("eu-central-1", balancer__kind="alb")
    line = by_id["Balancer"]
    nat = catalogue.price("eu-central-1", "nat_gateway_hour").usd
    known = [alb.usd / other.usd for alb, other in catalogue.known_together("alb_hour", "nat_gateway_hour")]
    assert len(known) >= 5
    assert line.monthly_usd == pytest.approx((nat * min(known) + 2 * 0.005) * 730)
    assert line.monthly_high_usd == pytest.approx((nat * max(known) + 2 * 0.005 + 0.008) * 730)
    assert "not known here" in line.note


@pytest.mark.parametrize("region", [region.code for region in catalogue.regions()])
def test_a_load_balancer_has_a_price_in_every_region(region):
    _, by_id = lines(region, balancer__kind="alb")
    assert 0 < by_id["Balancer"].monthly_usd < by_id["Balancer"].monthly_high_usd


def test_the_expensive_lines_name_what_costs_less():
    _, by_id = lines(**{key.replace(".", "__"): value for key, value in STANDARD.items()}, database__multi_az="yes")
    assert "network.egress=public" in by_id["NatGatewayA"].cheaper
    assert "$3.65" in by_id["NatGatewayA"].cheaper
    assert "balancer.kind=none" in by_id["Balancer"].cheaper
    alone = lines()[1]["Database"]
    assert f"database.multi_az=no costs ${alone.monthly_usd:,.2f}" in by_id["Database"].cheaper
    assert alone.cheaper == ""

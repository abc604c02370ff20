import math

import pytest

from profiles import catalogue, sizing, store
from profiles.errors import ProfileError
from profiles.model import Profile
from profiles.sizing import size

REGIONS = [region.code for region in catalogue.regions()]


def answers(*args, **kwargs):
    return {answer.key: answer.value for answer in size(*args, **kwargs).answers}


@pytest.mark.parametrize(
    ("visits", "peak", "php", "vcpu"),
    [(25_000, 0.7, 0.2, 0.06), (100_000, 2.9, 1.0, 0.25), (300_000, 8.6, 2.9, 0.75), (1_000_000, 28.5, 9.6, 2.5)],
)
def test_the_demand_is_that_of_the_worked_example(visits, peak, php, vcpu):
    demand = size(visits, 0.05, region="us-east-1").demand
    assert demand.peak_pages_s == pytest.approx(peak, abs=0.051)
    assert demand.php_pages_s == pytest.approx(php, abs=0.051)
    assert demand.vcpu == pytest.approx(vcpu, rel=0.05)


@pytest.mark.parametrize("preset", [name for name in store.presets() if name != "classic"])  # the original's classes
def test_each_preset_is_what_its_traffic_asks_for_or_more(preset):
    profile = store.load(store.resolve(preset))
    for answer in sizing.for_profile(profile).answers:
        section, _, name = answer.key.partition(".")
        has = getattr(getattr(profile, section), name)
        if answer.key == "cache.node_class":
            least = catalogue.find("elasticache", profile.aws.region, answer.value)
            assert catalogue.find("elasticache", profile.aws.region, has).memory_mib >= least.memory_mib / 3
        else:
            assert has == answer.value, answer


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("visits", [1_000, 90_000, 2_000_000, 15_000_000])
def test_only_what_the_region_sells_is_proposed_and_it_carries_the_load(region, visits):
    found = size(visits, 0.1, region=region)
    values = {answer.key: answer.value for answer in found.answers}
    web = catalogue.find("ec2", region, values["web.instance_class"])
    assert web and catalogue.find("elasticache", region, values["cache.node_class"])
    count = values["web.servers"]
    assert count * web.vcpu >= found.demand.vcpu
    if count > 1:
        assert (count - 1) * web.vcpu * 0.9 >= found.demand.vcpu * 0.6
    children = count * sizing.php_children(web.memory_mib, web.vcpu)
    assert children >= found.demand.workers
    if found.open_keys:
        assert (region, found.open_keys) == ("ap-southeast-5", ("database.instance_class",))  # one class is known there
        return
    database = catalogue.find("rds", region, values["database.instance_class"])
    assert sizing.database_connections(database.memory_mib) > children + 20


def test_more_traffic_never_costs_less():
    def monthly(visits):
        values = answers(visits, region="eu-central-1")
        web = catalogue.find("ec2", "eu-central-1", values["web.instance_class"]).usd_month
        return web * values["web.servers"]

    sums = [monthly(10**power * step) for power in range(3, 7) for step in (1, 3)]
    assert sums == sorted(sums)


def test_logged_in_users_need_a_larger_database():
    few, many = answers(200_000, 0.05, region="us-east-1"), answers(200_000, 0.9, region="us-east-1")
    assert (few["database.instance_class"], many["database.instance_class"]) == ("db.t4g.medium", "db.m7g.large")


def test_what_the_account_does_not_sell_is_passed_over():
    sold = {"ec2": {"t3.medium", "m7g.large"}}
    assert answers(100_000, region="us-east-1", sold=sold)["web.instance_class"] == "t3.medium"
    with pytest.raises(ProfileError, match="more than 10 web servers"):
        size(100_000, region="us-east-1", sold={"ec2": set()})
    assert size(100_000, region="us-east-1", sold={"elasticache": set()}).open_keys == ("cache.node_class",)


def test_every_assumption_has_a_reason_and_another_value_changes_the_demand():
    usual = size(1_000_000, 0.2, region="us-east-1").demand
    assert sizing.assumptions().keys() == sizing.reasons().keys()
    for name, value in sizing.assumptions().items():
        other = size(1_000_000, 0.2, region="us-east-1", assume={name: value / 2})
        if name != "cpu_with_one_lost":  # it decides on the count alone
            assert other.demand != usual, name
        assert sizing.reasons()[name]
    assert (
        answers(6_000_000, region="us-east-1", assume={"cpu_with_one_lost": 0.3})["web.servers"]
        > (answers(6_000_000, region="us-east-1")["web.servers"])
    )


@pytest.mark.parametrize(
    "assume", [{"luck": 1}, {"php_seconds": 0}, {"php_seconds": math.inf}, {"cache_hit_ratio": 1.5}, {"target_cpu": 2}]
)
def test_assumptions_that_make_no_sense_are_refused(assume):
    with pytest.raises(ProfileError):
        size(1000, region="us-east-1", assume=assume)


def test_setting_the_traffic_sets_the_sizes_except_those_set_beside_it():
    profile = store.apply(Profile(), {"traffic.visits": "300000", "database.instance_class": "db.t4g.large"})
    assert (profile.web.instance_class, profile.web.servers) == ("t4g.medium", 2)
    assert profile.database.instance_class == "db.t4g.large"
    assert profile.database.multi_az
    assert profile.balancer.kind == "alb"
    assert store.apply(profile, {"web.servers": "3"}).web.servers == 3


def test_a_stack_with_two_of_each_keeps_two_of_each():
    standard = store.load(store.resolve("standard"))
    assert store.apply(standard, {"traffic.visits": "1000"}).web.servers == 2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.errors import ProfileError
from profiles.model import Profile
from profiles.questions import by_key, check, choices, parse, takes
from profiles.sections import Section


def _fields(model, prefix=""):
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            yield from _fields(annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_every_field_is_asked_for_except_the_schema_version():
    assert set(by_key()) == set(_fields(Profile)) - {"version"}


@pytest.mark.parametrize("key", by_key())
def test_every_default_is_valid_says_why_and_is_among_its_choices(key):
    question = by_key()[key]
    assert check(question, question.default) == question.default
    assert question.ask.reason
    assert takes(question)
    offered = choices(question, Profile())
    assert not offered or question.default in [choice.value for choice in offered]


@pytest.mark.parametrize("key", by_key())
def test_every_default_survives_as_text(key):
    question = by_key()[key]
    assert parse(question, str(question.default)) == question.default


@given(st.integers())
def test_numbers_are_taken_exactly_within_their_bounds(number):
    question = by_key()["cache.nodes"]
    if 1 <= number <= 20:
        assert parse(question, str(number)) == number
    else:
        with pytest.raises(ProfileError, match="from 1 to 20"):
            parse(question, str(number))


@pytest.mark.parametrize("text", ["", "1.5", "1e2", "++3", "٣٣", "0x1", "²", "9" * 5000])
def test_what_is_no_whole_number_is_refused(text):
    with pytest.raises(ProfileError):
        parse(by_key()["cache.nodes"], text)


@pytest.mark.parametrize(
    "cidr", ["999.1.1.1/16", "10.42.1.0/16", "8.8.0.0/16", "172.32.0.0/16", "10.0.0.0/8", "192.168.0.0/25", "x"]
)
def test_ranges_that_aws_or_good_sense_refuse(cidr):
    with pytest.raises(ProfileError, match=r"network\.cidr cannot be"):
        parse(by_key()["network.cidr"], cidr)


def test_classes_are_offered_cheapest_first_with_size_and_price():
    offered = choices(by_key()["web.instance_class"], Profile())
    assert offered[0].value == "t4g.micro"
    assert next(item for item in offered if item.value == "t4g.small").note == "2 vCPU, 2 GiB, $12.26/month"


def test_offers_follow_the_region():
    here = choices(by_key()["web.instance_class"], Profile())
    there = choices(by_key()["web.instance_class"], Profile.model_validate({"aws": {"region": "eu-central-1"}}))
    assert here != there
    assert choices(by_key()["site.branch"], Profile()) == ()

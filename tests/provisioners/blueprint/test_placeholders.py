"""The instant price is the reviewed price: no price depends on what only the account can say."""

import pytest

from profiles import store
from provisioners.blueprint.build import build
from provisioners.blueprint.placeholders import placeholder_lookups
from provisioners.engine.cost import estimate
from tests.provisioners.blueprint.lookups import AWS


@pytest.mark.parametrize("preset", store.presets())
def test_the_price_needs_no_account(preset: str) -> None:
    profile = store.load(store.resolve(preset))
    instant = estimate(build(profile, placeholder_lookups(profile, "aws")), "us-east-1")
    reviewed = estimate(build(profile, AWS), "us-east-1")
    assert instant.monthly_usd == reviewed.monthly_usd > 0

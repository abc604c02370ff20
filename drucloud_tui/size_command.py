"""What ``drucloud size`` does: sizes from traffic with their reasons, assumptions and price, as text or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TextIO

from drucloud_tui.services import LiveServices
from drucloud_tui.words import dollars
from profiles import sizing, store
from profiles.errors import UsageError
from profiles.model import Profile
from profiles.sizing import Sizing
from screens.services import Cost


@dataclass(frozen=True)
class Wish:
    """The command's arguments, as typed."""

    visits: str
    logged_in: str
    profile: str
    region: str
    assume: Sequence[str]
    as_json: bool


def size(wish: Wish) -> int:
    """Print what carries the traffic."""
    profile = store.load(store.resolve(wish.profile))
    if wish.region:
        profile = store.apply(profile, {"aws.region": wish.region})
    numbers = dict(_number(text) for text in wish.assume)
    profile = store.apply(
        profile, {"traffic.visits": _visits(wish.visits), "traffic.logged_in_percent": _percent(wish.logged_in)}
    )
    found = sizing.for_profile(profile, assume=numbers)
    profile = store.apply(profile, found.settings)
    cost = LiveServices().estimate(profile)
    if wish.as_json:
        print(json.dumps(_json(found, cost, numbers), indent=1))
    else:
        show(found, profile, cost, numbers, wish.profile, sys.stdout)
    return 0


def show(found: Sizing, profile: Profile, cost: Cost, numbers: Mapping[str, float], name: str, out: TextIO) -> None:
    """The sizing as text on ``out``."""
    print(found.reasoning, file=out)
    for answer in found.answers:
        text = str(answer.value).lower()
        print(f"  {answer.key + '=' + text:<42} {answer.reason}", file=out)
    for key in found.open_keys:
        print(
            f"  {key:<42} the catalogue knows none of {profile.aws.region} that would do: choose it yourself", file=out
        )
    unknown = sum(line.monthly_usd is None for line in cost.lines)
    more = f", and {unknown} things whose price is not known" if unknown else ""
    print(
        f"About {dollars(cost.monthly_usd)} a month in {profile.aws.region}{more} (prices of {cost.as_of}).", file=out
    )
    print(f"Assumed (rules of {found.as_of}; --assume NAME=NUMBER takes another):", file=out)
    for key, value in {**sizing.assumptions(), **numbers}.items():
        why = "as you said" if key in numbers else sizing.reasons()[key]
        print(f"  {key}={value:g}".ljust(45) + why, file=out)
    traffic = {key: str(value) for key, value in profile.traffic.model_dump(include=_TRAFFIC).items()}
    settings = found.settings if numbers else {f"traffic.{key}": value for key, value in traffic.items()}
    print(f"Take it: drucloud replay {name} " + " ".join(f"--set {key}={v}" for key, v in settings.items()), file=out)


_TRAFFIC = {"visits", "logged_in_percent"}


def _json(found: Sizing, cost: Cost, numbers: Mapping[str, float]) -> dict[str, object]:
    return {
        "demand": asdict(found.demand),
        "answers": {answer.key: {"value": answer.value, "reason": answer.reason} for answer in found.answers},
        "not_proposed": list(found.open_keys),
        "reasoning": found.reasoning,
        "assumptions": {**sizing.assumptions(), **numbers},
        "rules_as_of": found.as_of,
        "monthly_usd": round(cost.monthly_usd, 2),
        "prices_as_of": cost.as_of,
    }


def _visits(text: str) -> str:
    """``300,000``, ``300_000`` and ``300k`` are what people write."""
    plain = text.lower().replace(",", "").replace("_", "").replace(" ", "")
    for letter, factor in (("k", 1_000), ("m", 1_000_000)):
        if plain.endswith(letter) and plain[:-1].isascii() and plain[:-1].isdigit():
            return str(int(plain[:-1]) * factor)
    return plain


def _percent(text: str) -> str:
    """``5%`` and ``5``."""
    return text.strip().removesuffix("%").strip()


def _number(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name.strip(), float(number)
    except ValueError:
        raise UsageError(f"--assume {text} has no number.", "Write --assume NAME=NUMBER.") from None

"""What ``drucloud iam-policy`` does."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from profiles.model import Profile
from provisioners.aws import policy
from provisioners.blueprint.build import for_engine
from provisioners.blueprint.placeholders import placeholder_lookups


def policy_of(profile: Profile, account: str) -> dict[str, Any]:
    """The policy of whoever deploys ``profile``; says on standard error when it is too long for one."""
    blueprint = for_engine(profile, placeholder_lookups(profile, "aws"))
    place = policy.Place(profile.name, profile.aws.region, account or profile.aws.expected_account or "*")
    made = policy.document(blueprint, place)
    if policy.size(made) > policy.MANAGED_POLICY_LIMIT:
        print(
            f"{policy.size(made)} characters: more than one managed policy holds ({policy.MANAGED_POLICY_LIMIT}). "
            f"--split DIR writes it as {len(policy.parts(made))}.",
            file=sys.stderr,
        )
    return made


def write_parts(made: dict[str, Any], folder: str) -> list[Path]:
    """Write ``made`` into ``folder`` as files that IAM takes as managed policies; their paths."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, part in enumerate(policy.parts(made), 1):
        path = place / f"drucloud-{number}.json"
        path.write_text(json.dumps(part, indent=1) + "\n", encoding="utf-8")
        paths.append(path)
    return paths

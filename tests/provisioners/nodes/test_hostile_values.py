"""A hostile value never reaches a shell: the profile refuses it, and no command line has one where it came past."""

import json
from typing import Any

import pytest

from profiles.errors import DrucloudError
from profiles.model import Profile
from profiles.questions import questions
from profiles.store import apply
from provisioners.blueprint.build import build
from provisioners.nodes import bundle
from provisioners.nodes.bundle import Bundle
from tests.provisioners.blueprint.lookups import SANDBOX
from tests.provisioners.nodes.settings import SETTINGS

HOSTILE = (
    "$(touch /run/pwned)",
    "a;reboot",
    "`id`",
    "a'b",
    'a"b',
    "a\nb",
    "{{ 7 * 7 }}",
    "a b",
    "$HOME",
    "a|b",
    "--help",
)
NEVER_LEAVES = {"aws.profile"}
"""Names a section of the user's own AWS configuration, which boto3 looks up; it goes nowhere else."""


@pytest.mark.parametrize("key", [question.key for question in questions(Profile)])
def test_the_profile_refuses_it(key: str) -> None:
    for text in HOSTILE:
        if key in NEVER_LEAVES and "\n" not in text:
            assert text not in build(apply(Profile(), {key: text}), SANDBOX).to_json()
        else:
            with pytest.raises((DrucloudError, ValueError)):
                apply(Profile(), {key: text})


MARK = "$(touch /run/pwned)'\";`id`"


def marked(value: Any) -> Any:
    """``value`` with the mark in place of every text."""
    if isinstance(value, dict):
        return {key: marked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [marked(item) for item in value]
    return MARK if isinstance(value, str) else value


def rendered_with_marks(name: str) -> list[tuple[str, Bundle]]:
    """The role's bundles with one hostile setting each, except those that the role itself refuses."""
    made = []
    for key, value in SETTINGS[name].items():
        if marked(value) == value:
            continue
        try:
            made.append((key, bundle.render(name, {**SETTINGS[name], key: marked(value)})))
        except (ValueError, KeyError, TypeError):
            continue
    return made


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_no_shell_is_given_it(name: str) -> None:
    for key, made in rendered_with_marks(name):
        for step in made.manifest["steps"]:
            for words in ("run", "unless", "validate"):
                argv = step.get(words, [])
                if argv and argv[0].rpartition("/")[2] in ("sh", "bash", "su", "env"):
                    assert not any("pwned" in word for word in argv), (key, step["id"])


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_json_stays_json(name: str) -> None:
    for _, made in rendered_with_marks(name):
        for path, content in made.files.items():
            if path.endswith(".json"):
                json.loads(content)


def test_most_settings_come_that_far() -> None:
    """The two tests above look at something."""
    assert {"domain_name", "docroot"} <= {key for key, _ in rendered_with_marks("web")}

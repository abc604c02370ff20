from pathlib import Path

from profiles.model import Profile
from profiles.questions import by_key
from profiles.reference import json_schema, markdown

DOCS = Path(__file__).parents[2] / "docs"


def test_the_written_reference_is_the_generated_one():
    assert (DOCS / "profile.md").read_text(encoding="utf-8") == markdown(), (
        "run: drucloud profile docs > docs/profile.md"
    )


def test_the_reference_has_every_key_once():
    text = markdown()
    for key in by_key():
        assert text.count(f"### `{key}`\n") == 1


def test_the_schema_refuses_unknown_keys_at_every_level():
    schema = json_schema()
    assert schema["additionalProperties"] is False
    assert all(section["additionalProperties"] is False for section in schema["$defs"].values())


def test_the_schema_carries_the_questions_words_limits_and_choices():
    schema = json_schema()
    assert schema["properties"]["target"]["enum"] == ["auto", "aws", "sandbox"]
    nodes = schema["$defs"]["Cache"]["properties"]["nodes"]
    assert (nodes["minimum"], nodes["maximum"], nodes["title"]) == (1, 20, "Memcached nodes")
    for name in Profile.model_fields:
        assert name in schema["properties"]

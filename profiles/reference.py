"""The profile's reference, rendered from its questions: JSON Schema for editors, Markdown for people.

``docs/profile.md`` is :func:`markdown`'s output, kept equal by a test.
"""

from __future__ import annotations

from typing import Any

from profiles.model import SCHEMA_VERSION, Profile
from profiles.questions import Question, by_key, takes

_HEAD = f"""# The profile

Generated from the questions in `profiles/sections.py` by `drucloud profile docs`; do not edit.

A profile is a YAML file that holds everything you decide about one deployment, and no secret: passwords and keys are
generated and kept in AWS Secrets Manager. Every key has a default, so an empty file is a valid profile. Unknown keys,
wrong types, keys that stand twice and YAML aliases are refused with file and line. Any key can also be set for one
run: `drucloud replay PROFILE --set web.instance_class=t4g.medium`.

    version: {SCHEMA_VERSION}
    name: starter
    web:
      instance_class: t4g.medium

`version` is the schema's version; this drucloud reads version {SCHEMA_VERSION}.
"""


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a profile file, each key with the words of its question."""
    schema = Profile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    for question in by_key().values():
        _field(schema, question.key).update(title=question.ask.label, description=_description(question))
    return schema


def _field(schema: dict[str, Any], key: str) -> dict[str, Any]:
    """The schema of the field with this dotted key."""
    *section, name = key.split(".")
    owner = schema
    if section:
        reference = schema["properties"][section[0]]["$ref"]
        owner = schema["$defs"][reference.rsplit("/", 1)[1]]
    field: dict[str, Any] = owner["properties"][name]
    return field


def _description(question: Question) -> str:
    return f"{question.ask.help} Default: {question.ask.reason}."


def markdown() -> str:
    """The reference of all keys as Markdown."""
    parts, section = [_HEAD, "## At the top\n"], ""
    for question in by_key().values():
        owner = question.key.partition(".")[0] if "." in question.key else ""
        if owner != section:
            section = owner
            parts.append(f"## `{section}`: {_purpose(section)}\n")
        parts.append(_entry(question))
    return "\n".join(parts)


def _purpose(section: str) -> str:
    """The first sentence of the section's docstring."""
    model = Profile.model_fields[section].annotation
    return (model.__doc__ or "").strip().splitlines()[0].rstrip(".") if model else ""


def _entry(question: Question) -> str:
    ask = question.ask
    default = question.default
    if question.kind == "boolean":
        default = "yes" if default else "no"
    lines = [
        f"### `{question.key}`",
        "",
        f"**{ask.label}.** {ask.help}",
        "",
        f"- Default: {'empty' if default == '' else f'`{default}`'} ({ask.reason})",
    ]
    if question.kind != "text":
        lines.append(f"- Takes: {takes(question)}")
    if ask.advanced:
        lines.append("- The wizard asks for it only under *advanced*.")
    return "\n".join([*lines, ""])

"""The profile as YAML for people: every key explained, and a person's own comments kept."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from profiles.model import Profile
from profiles.questions import Question, by_key

_WIDTH = 100


def fresh(profile: Profile) -> str:
    """All keys of ``profile``, each below a comment made from its question."""
    lines = [
        "# A drucloud profile: everything decided about one deployment, and nothing secret.",
        f"version: {profile.version}",
    ]
    section = ""
    for question in by_key().values():
        *parents, name = question.key.split(".")
        if parents and parents[0] != section:
            section = parents[0]
            lines += ["", f"{section}:"]
        indent = "  " if parents else ""
        lines += [f"{indent}# {line}" for line in _explanation(question, _WIDTH - len(indent))]
        lines.append(f"{indent}{name}: {_scalar(_value(profile, question.key))}")
    return "\n".join(lines) + "\n"


def updated(text: str, profile: Profile) -> str:
    """``text`` with the values of ``profile``; keys it lacks are added where they differ from their default."""
    yaml = _round_trip()
    document: CommentedMap = yaml.load(text) or CommentedMap()
    for question in by_key().values():
        *parents, name = question.key.split(".")
        value = _value(profile, question.key)
        known = document.get(parents[0], {}) if parents else document
        if name not in known and value == question.default:
            continue
        target = document.setdefault(parents[0], CommentedMap()) if parents else document
        if name not in target or target[name] != value or isinstance(target[name], bool) != isinstance(value, bool):
            target[name] = value
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def _explanation(question: Question, width: int) -> Iterator[str]:
    reason = f" Default {_scalar(question.default)}: {question.ask.reason}."
    yield from textwrap.wrap(f"{question.ask.label}. {question.ask.help}{reason}", width)


def _value(profile: Profile, key: str) -> Any:
    value: Any = profile
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _scalar(value: Any) -> str:
    """``value`` as one YAML scalar; strings are quoted wherever they could be read as something else."""
    out = io.StringIO()
    _round_trip().dump([value], out)
    return out.getvalue().removeprefix("- ").rstrip("\n")


def _round_trip() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # never fold: a folded scalar would no longer stand on its key's line
    return yaml

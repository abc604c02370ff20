"""Untrusted YAML in, the profile's values out, each problem named with its line.

The text is never constructed into objects: its node tree is walked against the questions, so that every value is read
as its question's kind (a branch called ``no`` is a name, not a boolean) and every complaint has a line. Aliases are
refused, as a few lines of them can unfold into gigabytes.
"""

from __future__ import annotations

import difflib
from typing import Any

import yaml

from profiles.errors import ProfileError
from profiles.questions import Question, by_key, invalid, parse, shown

MAX_BYTES = 64 * 1024
"""Far more than a profile needs."""

_MAX_DEPTH = 10

_NULL = "tag:yaml.org,2002:null"


def read(text: str, source: str, version: int) -> dict[str, Any]:
    """The nested values of a profile's YAML ``text``; raises ``ProfileError``.

    :param source: what the text is called in errors (a file's name).
    :param version: the schema version this program reads.
    """
    root = _root(text, source)
    return {} if root is None else _Reader(source, version).section(root, "")


def nearest(key: str, known: list[str]) -> str:
    """One sentence that helps with an unknown ``key``: the nearest known one, else all of them."""
    if match := difflib.get_close_matches(key, known, n=1, cutoff=0.6):
        return f"Did you mean '{match[0]}'?"
    return f"Known here: {', '.join(known)}."


def _root(text: str, source: str) -> yaml.Node | None:
    if len(text.encode()) > MAX_BYTES:
        raise ProfileError(f"{source} is larger than {MAX_BYTES // 1024} KiB.", "Is it really a profile?")
    try:
        _refuse_bombs(text, source)
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
        where = f"{source}, line {mark.line + 1}" if mark else source
        raise ProfileError(f"{where}: this is not YAML: {problem}.", "Correct it there.") from None


def _refuse_bombs(text: str, source: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise ProfileError(f"{source}, line {line}: aliases are not allowed in a profile.", "Write the value out.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise ProfileError(f"{source}, line {line}: this is nested too deeply for a profile.", "Is it really one?")


class _Reader:
    def __init__(self, source: str, version: int) -> None:
        self._source = source
        self._version = version
        self._questions = by_key()
        self._sections = {key.split(".")[0] for key in self._questions if "." in key}

    def section(self, node: yaml.Node, prefix: str) -> dict[str, Any]:
        """The values of one mapping; ``prefix`` is ``""`` or ``"web."``."""
        if not isinstance(node, yaml.MappingNode):
            what = f"'{prefix[:-1]}' is a section" if prefix else "a profile is a list of 'key: value' lines"
            raise self._error(node, f"{what}.", f"Its keys are: {', '.join(self._known(prefix))}.")
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            if name in values:
                raise self._error(key_node, f"the key '{prefix}{name}' is there twice.", "Keep one of them.")
            values[name] = self._value(key_node, value_node, prefix, name)
        return values

    def _value(self, key_node: yaml.Node, node: yaml.Node, prefix: str, name: str) -> Any:
        key = f"{prefix}{name}"
        if key == "version":
            return self._schema_version(node)
        if not prefix and name in self._sections:
            return self.section(node, f"{name}.")
        if key in self._questions:
            return self._answer(self._questions[key], node)
        raise self._error(key_node, f"there is no key '{key}'.", self._advice(name, prefix))

    def _advice(self, name: str, prefix: str) -> str:
        """The nearest key, of this section or any other; else all keys of this section."""
        spellings = {key.split(".")[-1]: key for key in reversed(list(self._questions))}
        spellings |= {item: f"{prefix}{item}" for item in self._known(prefix)}
        if match := difflib.get_close_matches(name, list(spellings), n=1):
            return f"Did you mean '{spellings[match[0]]}'?"
        return f"Known here: {', '.join(self._known(prefix))}."

    def _known(self, prefix: str) -> list[str]:
        if prefix:
            return [key.removeprefix(prefix) for key in self._questions if key.startswith(prefix)]
        return ["version", *dict.fromkeys(key.split(".")[0] for key in self._questions)]

    def _answer(self, question: Question, node: yaml.Node) -> Any:
        try:
            if not isinstance(node, yaml.ScalarNode):
                raise invalid(question, "a list" if isinstance(node, yaml.SequenceNode) else "a section")
            plain = node.style is None
            if node.tag == _NULL and plain:
                raise invalid(question, "empty", "leave the line out for the default")
            if question.kind in ("integer", "boolean") and not plain:
                raise invalid(question, shown(node.value), "quotes make it text")
            return parse(question, node.value)
        except ProfileError as error:
            raise self._error(node, error.what, error.do) from None

    def _schema_version(self, node: yaml.Node) -> int:
        if node.value != str(self._version):
            raise self._error(
                node,
                f"this profile has version {node.value!r}; this drucloud reads version {self._version}.",
                "Use a newer drucloud, or correct the line.",
            )
        return self._version

    def _error(self, node: yaml.Node, what: str, do: str) -> ProfileError:
        return ProfileError(f"{self._source}, line {node.start_mark.line + 1}: {what}", do)

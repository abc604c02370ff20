"""The wizard's answers: what was typed, kept as typed, and the profile it makes.

An answer may be wrong and is kept all the same: going back never validates, and a draft holds what the user left. Only
going forward asks :meth:`Answers.error`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from profiles.errors import DrucloudError
from profiles.model import Profile
from profiles.questions import Question, Screen, parse, questions

QUESTIONS: tuple[Question, ...] = tuple(questions(Profile))
"""Every question of the profile, in declaration order."""


def on_screen(screen: Screen, *, advanced: bool = False) -> list[Question]:
    """The questions that stand on a step."""
    return [question for question in QUESTIONS if question.ask.screen == screen and question.ask.advanced <= advanced]


class Answers:
    """Answers given so far over a base profile; every question has one, for the base answers the rest."""

    def __init__(self, base: Profile | None = None, given: Mapping[str, Any] | None = None) -> None:
        self._base = base or Profile()
        known = {question.key for question in QUESTIONS}
        self.given: dict[str, Any] = {key: value for key, value in (given or {}).items() if key in known}

    def value(self, key: str) -> Any:
        """The answer as given, or the base profile's."""
        return self.given[key] if key in self.given else _at(self._base, key)

    def give(self, key: str, value: Any) -> bool:
        """Take an answer; whether it differs from what stood."""
        if str(self.value(key)) == str(value):  # a field says "20" where the profile says 20
            return False
        self.given[key] = value
        return True

    def original(self, key: str) -> Any:
        """The base profile's answer."""
        return _at(self._base, key)

    def all(self) -> dict[str, Any]:
        """Every answer as it stands, the base profile's included: what a draft keeps."""
        return {question.key: self.value(question.key) for question in QUESTIONS}

    def error(self, question: Question) -> str:
        """Why the answer cannot be taken, one sentence; empty when it can."""
        try:
            self._parsed(question)
        except DrucloudError as problem:
            return str(problem)
        return ""

    def _parsed(self, question: Question) -> Any:
        value = self.value(question.key)
        return parse(question, value) if isinstance(value, str) else value

    def profile(self) -> Profile:
        """The profile of all answers; raises ``ProfileError`` at the first one that cannot be taken."""
        data = self._base.model_dump()
        for question in QUESTIONS:
            if question.key in self.given:
                _put(data, question.key, self._parsed(question))
        return Profile.model_validate(data)

    def profile_so_far(self, without: Collection[str] = ()) -> Profile:
        """The profile of the answers that can be taken; a wrong one on another page is that page's business.

        :param without: keys whose answers are left out, so that the base profile's stand.
        """
        data = self._base.model_dump()
        for question in QUESTIONS:
            if question.key in self.given and question.key not in without and not self.error(question):
                _put(data, question.key, self._parsed(question))
        return Profile.model_validate(data)

    def replace_base(self, base: Profile) -> None:
        """Start over from another profile (a preset, a saved one)."""
        self._base = base
        self.given = {}


def _at(profile: Profile, key: str) -> Any:
    value: Any = profile
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _put(data: dict[str, Any], key: str, value: Any) -> None:
    *sections, name = key.split(".")
    for section in sections:
        data = data[section]
    data[name] = value

"""Asks in a terminal, one question after the other; each question is the profile's own.

Two ways of asking with one interface: arrow-key prompts (questionary) on an ordinary terminal; numbered lines read with
``input`` where the cursor cannot move or a screen reader listens. Everything is written to standard error. Ctrl-C and
the end of input leave at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from drucloud_tui.display import Terminal
from profiles.errors import ProfileError, UsageError
from profiles.model import Profile
from profiles.pages import PAGES
from profiles.questions import Choice, Question, questions

Check = Callable[[str], str]
"""Says what is wrong with a typed answer; empty when it is right."""


class Asker(Protocol):
    """One way of asking."""

    def page(self, heading: str, words: str) -> None:
        """Other questions begin: what they are about."""
        ...

    def text(self, label: str, hint: str, default: str, check: Check) -> str:
        """A typed answer that ``check`` finds nothing wrong with."""
        ...

    def choose(self, label: str, hint: str, choices: Sequence[Choice], default: Any) -> Any:
        """The value of one of ``choices``."""
        ...

    def confirm(self, label: str, default: bool) -> bool:
        """Yes or no."""
        ...


def _say_page(heading: str, words: str) -> None:
    print(f"\n{heading}\n{words}", file=sys.stderr, flush=True)


class NumberedAsker:
    """Plain lines: works under ``TERM=dumb`` and with screen readers."""

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def _read(self, prompt: str) -> str:
        print(prompt, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise KeyboardInterrupt
        return line.strip()

    def page(self, heading: str, words: str) -> None:
        """See :class:`Asker`."""
        _say_page(heading, words)

    def text(self, label: str, hint: str, default: str, check: Check) -> str:
        """See :class:`Asker`."""
        self._say(f"\n{label}. {hint}")
        while True:
            answer = self._read(f"Answer [{default}]: ") or default
            if not (wrong := check(answer)):
                return answer
            self._say(wrong)

    def choose(self, label: str, hint: str, choices: Sequence[Choice], default: Any) -> Any:
        """See :class:`Asker`."""
        self._say(f"\n{label}. {hint}")
        number = 1
        for index, choice in enumerate(choices, start=1):
            note = f" ({choice.note})" if choice.note else ""
            self._say(f"  {index}. {choice.label}{note}")
            number = index if choice.value == default else number
        while True:
            answer = self._read(f"Number 1 to {len(choices)} [{number}]: ") or str(number)
            if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(choices):
                return choices[int(answer) - 1].value
            self._say(f"'{answer}' is not a number from 1 to {len(choices)}.")

    def confirm(self, label: str, default: bool) -> bool:
        """See :class:`Asker`."""
        while True:
            answer = self._read(f"{label} [{'Y/n' if default else 'y/N'}]: ").lower()
            if answer in ("", "y", "yes", "n", "no"):
                return default if not answer else answer.startswith("y")
            self._say("Please answer y or n.")


class ArrowAsker:
    """questionary's prompts. ``unsafe_ask`` lets Ctrl-C through; ``ask`` would swallow it."""

    def __init__(self) -> None:
        from prompt_toolkit.output import create_output

        self._output = create_output(stdout=sys.stderr)

    def page(self, heading: str, words: str) -> None:
        """See :class:`Asker`."""
        _say_page(heading, words)

    def text(self, label: str, hint: str, default: str, check: Check) -> str:
        """See :class:`Asker`."""
        import questionary

        prompt = questionary.text(
            label,
            default=default,
            validate=lambda text: check(text) or True,
            instruction=f"({hint}) ",
            output=self._output,
        )
        return str(prompt.unsafe_ask())

    def choose(self, label: str, hint: str, choices: Sequence[Choice], default: Any) -> Any:
        """See :class:`Asker`."""
        import questionary

        rows = [
            questionary.Choice(f"{choice.label}  {choice.note}".rstrip(), value=choice.value, description=hint)
            for choice in choices
        ]
        current = next((row for row in rows if row.value == default), None)
        return questionary.select(label, choices=rows, default=current, output=self._output).unsafe_ask()

    def confirm(self, label: str, default: bool) -> bool:
        """See :class:`Asker`."""
        import questionary

        return bool(questionary.confirm(label, default=default, output=self._output).unsafe_ask())


def asker(terminal: Terminal, instead: str) -> Asker:
    """The way to ask here; :class:`UsageError` where nobody would see the question.

    :param instead: what to do without a terminal, one sentence.
    """
    if not terminal.can_ask:
        raise UsageError("A question has to be answered, and there is no terminal to ask it in.", instead)
    return NumberedAsker() if terminal.simple else ArrowAsker()


def ask_profile(profile: Profile, answered: frozenset[str], ask: Asker) -> Profile:
    """Ask every ordinary question that ``answered`` does not name, page by page; the profile's value is the default.

    Advanced questions keep their defaults; they are set with ``--set`` or in the file.
    """
    asked = [item for item in questions(Profile) if item.key not in answered and not item.ask.advanced]
    pages = [page for page in PAGES if any(item.ask.screen == page.name for item in asked)]
    for number, page in enumerate(pages, start=1):
        ask.page(f"Step {number} of {len(pages)}: {page.heading}", page.words)
        for question in asked:
            if question.ask.screen == page.name:
                profile = _ask_one(profile, question, ask)
    return profile


def answered_keys(profile: Profile) -> frozenset[str]:
    """Keys that a profile file or ``--set`` gave a value, as opposed to a default that was never touched."""
    keys: set[str] = set()
    for name in profile.model_fields_set:
        value = getattr(profile, name)
        if hasattr(value, "model_fields_set"):
            keys.update(f"{name}.{field}" for field in value.model_fields_set)
        else:
            keys.add(name)
    return frozenset(keys)


def _ask_one(profile: Profile, question: Question, ask: Asker) -> Profile:
    from profiles.questions import choices
    from profiles.store import apply

    hint = f"{question.ask.help} Default: {question.ask.reason}."
    current = _value(profile, question.key)

    def check(text: str) -> str:
        try:
            apply(profile, {question.key: text})
        except ProfileError as error:
            return str(error)
        return ""

    if question.kind == "boolean":
        answer: Any = ask.confirm(f"{question.ask.label}? {question.ask.help}", bool(current))
        return apply(profile, {question.key: "true" if answer else "false"})
    offered = choices(question, profile) if question.kind == "choice" else ()
    if offered:
        answer = ask.choose(question.ask.label, hint, offered, current)
    else:
        unit = f" in {question.ask.unit}" if question.ask.unit else ""
        answer = ask.text(f"{question.ask.label}{unit}", hint, str(current), check)
    # The same answer changes nothing: stating the preset's own traffic must not size its stack anew.
    return profile if str(answer) == str(current) else apply(profile, {question.key: str(answer)})


def _value(profile: Profile, key: str) -> Any:
    value: Any = profile
    for part in key.split("."):
        value = getattr(value, part)
    return value

"""What a user may set about the looks and the keys; read from the configuration by whoever starts the screens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ThemeChoice = Literal["dark", "light", "terminal"]


@dataclass(frozen=True)
class Preferences:
    """The user's wishes.

    :param theme: our dark or light theme, or the terminal's own 16 colours.
    :param keys: another key for an action, by the action's id (:data:`KEY_IDS`), in Textual's key names.
    """

    theme: ThemeChoice = "dark"
    keys: Mapping[str, str] = field(default_factory=dict)


KEY_IDS: Mapping[str, str] = {
    "help": "f1,question_mark",
    "wizard.next": "enter",
    "wizard.back": "escape,alt+left",
    "wizard.all": "f3",
    "review.leave": "escape,q",
    "deploy.follow": "f",
    "deploy.filter": "slash",
    "deploy.detach": "d,q",
    "deploy.rollback": "r",
    "deploy.continue": "c",
    "deploy.health": "enter",
    "health.next": "tab",
    "health.examine": "r",
    "health.pause": "p",
    "health.interval": "i",
    "health.fix": "f",
    "health.filter": "slash",
    "health.unfilter": "escape",
    "health.open": "o",
    "health.leave": "q",
}
"""Every action whose key can be changed, with the key it has. Ctrl+C always leaves."""

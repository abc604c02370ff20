"""The user's ``config.yaml``: theme, ASCII, and other keys; each mistake is told with its line's key."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from drucloud_tui.words import wants_ascii
from profiles.errors import UsageError
from profiles.places import config_root
from screens.preferences import KEY_IDS, Preferences
from screens.theme import Glyphs

THEMES = ("dark", "light", "terminal")
_KEYS = ("theme", "ascii", "keys")


def path() -> Path:
    """Where it is looked for; it need not be there."""
    return config_root() / "config.yaml"


def load() -> tuple[Preferences, Glyphs]:
    """The user's wishes; what is not said is the default. ASCII marks unless the terminal can show others."""
    try:
        text = path().read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    read = _parsed(text) if text.strip() else {}
    if not isinstance(read, dict):
        raise UsageError(f"{path()} is not a table of keys.", f"It may hold: {', '.join(_KEYS)}.")
    _known(read, _KEYS)
    theme = read.get("theme", "dark")
    if theme not in THEMES:
        raise UsageError(f"{path()}: theme cannot be {theme!r}.", f"Use one of: {', '.join(THEMES)}.")
    ascii_only = read.get("ascii", wants_ascii(sys.stderr))
    return Preferences(theme, _keys(read.get("keys", {}))), Glyphs(bool(ascii_only))


def _parsed(text: str) -> Any:
    import yaml  # only where there is something to read: the first picture waits for this module

    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise UsageError(f"{path()} is not YAML.", "Correct it, or take it away.") from error


def _keys(read: Any) -> Mapping[str, str]:
    if not isinstance(read, dict) or not all(isinstance(key, str) for key in read.values()):
        raise UsageError(f"{path()}: keys is no table of 'action: key'.", "For example 'deploy.follow: f5'.")
    _known(read, KEY_IDS)
    return dict(read)


def _known(read: Mapping[str, Any], allowed: Collection[str]) -> None:
    for key in read:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, 1)
            words = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(allowed)}."
            raise UsageError(f"{path()}: there is no '{key}'.", words)

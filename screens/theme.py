"""The one theme, and how a status looks: always a glyph and a word, never a colour alone."""

from __future__ import annotations

import locale
import sys
from dataclasses import dataclass

from textual.theme import Theme

DARK = Theme(
    name="drucloud",
    primary="#4cb0e6",
    secondary="#8fa3bf",
    accent="#f0b35a",
    success="#7fcf8f",
    warning="#f0c063",
    error="#f2777a",
    foreground="#d5dfec",
    background="#0e151f",
    surface="#141d2a",
    panel="#1c2838",
    dark=True,
    variables={
        "muted": "#9aaabd",
        "faint": "#7c8ca1",
        "footer-background": "#141d2a",
        "footer-key-foreground": "#4cb0e6",
        "input-selection-background": "#4cb0e6 35%",
        "block-cursor-background": "#24486a",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#1c2838",
        "button-color-foreground": "#0e151f",
        "button-focus-text-style": "bold reverse",
    },
)
"""Ink blue, one bright blue for what is active, amber for what is the user's turn; text keeps 4.5:1 as in daylight."""

LIGHT = Theme(
    name="drucloud-light",
    primary="#0b5f96",
    secondary="#44546a",
    accent="#8a4b00",
    success="#1d6b33",
    warning="#7a5200",
    error="#a8232a",
    foreground="#1a2431",
    background="#fbfcfe",
    surface="#eef2f7",
    panel="#dde5ee",
    dark=False,
    variables={
        "muted": "#4d5c6f",
        "faint": "#5a687a",
        "footer-background": "#eef2f7",
        "footer-key-foreground": "#0b5f96",
        "input-selection-background": "#0b5f96 25%",
        "block-cursor-background": "#b9d6ec",
        "block-cursor-foreground": "#0d1620",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#dde5ee",
        "button-color-foreground": "#fbfcfe",
        "button-focus-text-style": "bold reverse",
    },
)
"""The same in daylight. Every colour of text keeps 4.5:1 on background and surface (WCAG 2.2, 1.4.3)."""

THEME_NAMES = {"dark": DARK.name, "light": LIGHT.name, "terminal": "ansi-dark"}
"""Textual's theme for each choice; the last one uses the terminal's own 16 colours."""

ROLES = ("ok", "running", "waiting", "failed", "skipped", "warn", "muted", "strong", "plain")
"""What a piece of a row means; a widget turns it into a style (component class ``row--ROLE``)."""


@dataclass(frozen=True)
class Look:
    """How one status is shown."""

    glyph: str
    ascii: str
    role: str


_LOOKS = {
    "waiting": Look("○", ".", "waiting"),
    "running": Look("●", ">", "running"),
    "done": Look("✓", "+", "ok"),
    "ok": Look("✓", "+", "ok"),
    "changed": Look("✓", "+", "ok"),
    "failed": Look("✗", "x", "failed"),
    "fail": Look("✗", "x", "failed"),
    "skipped": Look("–", "-", "skipped"),
    "stopped": Look("■", "#", "warn"),
    "warn": Look("!", "!", "warn"),
    "unknown": Look("?", "?", "warn"),
    "create": Look("+", "+", "ok"),
    "change": Look("~", "~", "warn"),
    "replace": Look("±", "%", "warn"),
    "keep": Look("=", "=", "muted"),
    "verify": Look("?", "?", "running"),
    "retain": Look("=", "=", "warn"),
    "delete": Look("-", "-", "failed"),
}


@dataclass(frozen=True)
class Glyphs:
    """The marks of this terminal: Unicode where it can show them, else ASCII."""

    ascii_only: bool = False

    def mark(self, status: str) -> str:
        """One character for a status, an action or a finding."""
        look = _LOOKS.get(status, _LOOKS["unknown"])
        return look.ascii if self.ascii_only else look.glyph

    def role(self, status: str) -> str:
        """The role that colours it."""
        return _LOOKS.get(status, _LOOKS["unknown"]).role

    def pick(self, glyph: str, plain: str) -> str:
        """``glyph``, or ``plain`` on a terminal that cannot show it."""
        return plain if self.ascii_only else glyph

    @property
    def critical(self) -> str:
        """Stands at the steps that decide when a run is over."""
        return self.pick("◆", "*")

    def chosen(self, yes: bool) -> str:
        """The mark of a chosen and of an unchosen answer."""
        return self.pick("●", "(*)") if yes else self.pick("○", "( )")


def terminal_glyphs() -> Glyphs:
    """What this terminal can show, by the encoding of the stream the TUI draws on (stderr) and of the locale."""
    encoding = (getattr(sys.__stderr__, "encoding", None) or locale.getpreferredencoding(False)).lower()
    return Glyphs(ascii_only="utf" not in encoding)


def duration(seconds: float) -> str:
    """``0:07``, ``12:40`` or ``1:02:03``."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"

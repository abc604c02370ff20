"""Glyphs and words for what happens to a step; a glyph never stands without its word."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

WORDS: dict[str, tuple[str, str, str]] = {
    # state: (glyph, ASCII glyph, word)
    "created": ("+", "+", "created"),
    "changed": ("~", "~", "changed"),
    "replaced": ("±", "%", "replaced"),
    "kept": ("=", "=", "unchanged"),
    "deleted": ("−", "-", "deleted"),
    "retained": ("◆", "*", "kept"),
    "passed": ("✓", "v", "ok"),
    "ok": ("✓", "v", "ok"),
    "failed": ("✗", "x", "FAILED"),
    "fail": ("✗", "x", "FAILED"),
    "warn": ("!", "!", "warning"),
    "unknown": ("?", "?", "unknown"),
    "skipped": ("○", "o", "skipped"),
    "running": ("…", ">", "started"),
    "waiting": ("·", ".", "waiting"),
    "create": ("+", "+", "create"),
    "change": ("~", "~", "change"),
    "replace": ("±", "%", "replace"),
    "keep": ("=", "=", "keep"),
    "delete": ("−", "-", "delete"),
    "retain": ("◆", "*", "keep"),
    "verify": ("✓", "v", "verify"),
}
"""Statuses, outcomes and plan actions; Unicode glyph, its ASCII stand-in, and the word."""


def wants_ascii(stream: TextIO, environ: Mapping[str, str] | None = None) -> bool:
    """Whether ``stream`` should get ASCII only: another encoding, a C locale, the Linux console, a screen reader."""
    environ = os.environ if environ is None else environ
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    locale = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    return encoding != "utf8" or locale in ("C", "POSIX") or environ.get("TERM") in ("dumb", "linux")


def glyph_and_word(state: str, ascii_only: bool) -> str:
    """``+ created`` for ``created``."""
    unicode_glyph, ascii_glyph, word = WORDS.get(state, ("·", ".", state))
    return f"{ascii_glyph if ascii_only else unicode_glyph} {word}"


def duration(seconds: float) -> str:
    """``12 s``, ``3 min 05 s``, ``1 h 02 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def dollars(amount: float) -> str:
    """An amount in US dollars, ``$12.34``."""
    return f"${amount:,.2f}"

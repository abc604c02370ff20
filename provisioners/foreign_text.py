"""Text from outside (AWS, SSH, a repository), made safe to show.

Textual and Rich pass escapes in foreign text on to the terminal: titles, clipboard writes (OSC 52), C1 controls,
hyperlinks, bidirectional overrides. So every such text goes through :func:`clean` once, where it enters as an event.
"""

from __future__ import annotations

import re

# Whole escape sequences first (CSI, OSC … BEL/ST, other two-byte escapes), then every lone control that is left.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[PX^_][^\x1b\x9c]*(?:\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def clean(text: str, limit: int = 2000) -> str:
    """``text`` without terminal controls and bidirectional overrides, at most ``limit`` characters.

    Tab and newline stay. What is cut is marked with an ellipsis.
    """
    text = _CONTROLS.sub("", _ESCAPES.sub("", text))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clean_line(text: str, limit: int = 400) -> str:
    """:func:`clean`, and on one line: white space is folded to single blanks."""
    return clean(" ".join(clean(text, limit * 4).split()), limit)

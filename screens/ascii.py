"""What Textual draws by itself (cut text, scroll bars, borders), on a terminal that shows ASCII only.

Our own marks come from :class:`screens.theme.Glyphs`, which knows their meaning; other people's text stays as it is.
"""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_INSTEAD = {
    "…": "~",
    "─━═▔▁▂▃▄▀": "-",
    "│┃║▏▎▍▌▋▊▉▐▕": "|",
    "┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛╔╗╚╝": "+",
    "▅▆▇█": " ",  # of a scroll bar, which is drawn by its background
    "▶": ">",
    "▼": "v",
    "•": "*",
}
TABLE = {ord(glyph): plain for glyphs, plain in _INSTEAD.items() for glyph in glyphs}


class AsciiFilter(LineFilter):
    """Each of those glyphs as one ASCII character."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments with plain text."""
        return [
            segment
            if segment.text.isascii()
            else Segment(segment.text.translate(TABLE), segment.style, segment.control)
            for segment in segments
        ]

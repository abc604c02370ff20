"""A tree of rows that costs nothing for rows nobody sees.

Textual's ``Tree`` re-measures labels when nodes are added and keeps a label per node; a deploy touches hundreds of rows
a second. Here a row is a key and its children. What it says is asked of a ``draw`` function only when its line is on
the screen, so that thousands of events cost as much as a screenful, and times stay aligned at the right edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from screens.theme import ROLES, Glyphs

Span = tuple[str, str]
"""Text and its role (:data:`screens.theme.ROLES`)."""


@dataclass(frozen=True)
class Line:
    """What a row says: left part (cut when too long) and right part (kept whole)."""

    left: tuple[Span, ...]
    right: tuple[Span, ...] = ()

    @property
    def words(self) -> str:
        """All of it in lower case, for a search."""
        return "".join(text for text, _ in (*self.left, *self.right)).lower()


@dataclass
class Row:
    """One row. ``key`` is unique in its tree."""

    key: str
    children: list[Row] = field(default_factory=list)
    expanded: bool = False
    depth: int = 0
    parent: Row | None = None


class RowTree(ScrollView, can_focus=True):
    """Rows under rows, with a cursor. ``draw(key)`` says what a row shows."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"row--{role}" for role in ROLES} | {"row--cursor"}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(-1)", "First", show=False),
        Binding("end", "edge(1)", "Last", show=False),
        Binding("right,l", "open", "Open", show=False),
        Binding("left,h", "close", "Close", show=False),
        Binding("space", "fold", "Open/close", show=False),
    ]

    class Moved(Message):
        """The cursor stands on another row. ``by_user`` is false when the program moved it."""

        def __init__(self, key: str, by_user: bool) -> None:
            super().__init__()
            self.key = key
            self.by_user = by_user

    def __init__(self, draw: Callable[[str], Line], glyphs: Glyphs, id: str | None = None) -> None:
        super().__init__(id=id)
        self._draw = draw
        self._glyphs = glyphs
        self._roots: list[Row] = []
        self._rows: dict[str, Row] = {}
        self._visible: list[Row] = []
        self._line_of: dict[str, int] = {}
        self.cursor = 0
        self._only: set[str] | None = None

    # -- content -------------------------------------------------------------------------------------------------

    def set_rows(self, roots: Iterable[Row]) -> None:
        """Take a whole new tree; the cursor goes to its first row."""
        self._roots = list(roots)
        self._rows = {}
        for root in self._roots:
            self._adopt(root, None, 0)
        self.cursor = 0
        self._arrange()

    def _adopt(self, row: Row, parent: Row | None, depth: int) -> None:
        row.parent, row.depth = parent, depth
        self._rows[row.key] = row
        for child in row.children:
            self._adopt(child, row, depth + 1)

    def _arrange(self) -> None:
        self._visible = list(_shown(self._roots, self._only))
        self._line_of = {row.key: line for line, row in enumerate(self._visible)}
        self.cursor = max(0, min(self.cursor, len(self._visible) - 1))
        size = Size(0, len(self._visible))
        if size != self.virtual_size:
            # Assigning it would lay the whole screen out anew, ten times a second while rows open and close.
            self.set_reactive(RowTree.virtual_size, size)
            self._scroll_update(size)
        self.refresh()

    def all_keys(self) -> list[str]:
        """Keys of all rows, shown or not."""
        return list(self._rows)

    def show_only(self, keys: set[str] | None) -> None:
        """Show only these rows and what they stand under; ``None``: all. The cursor stays on its row if it can."""
        before = self.selected
        self._only = None if keys is None else {above.key for key in keys for above in self._line_up(key)}
        self._arrange()
        self.cursor = self._line_of.get(before, 0)
        self.call_after_refresh(self._keep_in_view)

    def put_first(self, keys: set[str]) -> None:
        """Move these rows, and what they stand under, before their neighbours; otherwise the order stays."""
        before = self.selected
        first = {above.key for key in keys for above in self._line_up(key)}
        self._roots.sort(key=lambda row: row.key not in first)
        for row in self._rows.values():
            row.children.sort(key=lambda child: child.key not in first)
        self._arrange()
        self.cursor = self._line_of.get(before, 0)

    def _line_up(self, key: str) -> Iterator[Row]:
        row = self._rows.get(key)
        while row is not None:
            yield row
            row = row.parent

    def touch(self, keys: Iterable[str]) -> None:
        """Redraw the rows of these keys, where they are on the screen."""
        top = int(self.scroll_offset.y)
        lines = [line for key in keys if (line := self._line_of.get(key)) is not None]
        for line in lines:
            if top <= line < top + self.size.height:
                self.refresh_line(line - top)

    def open_rows(self) -> dict[str, bool]:
        """By key, whether each row that has children is open."""
        return {row.key: row.expanded for row in self._rows.values() if row.children}

    def shown_keys(self) -> list[str]:
        """Keys of the rows that are on the screen now."""
        top = int(self.scroll_offset.y)
        return [row.key for row in self._visible[top : top + self.size.height]]

    @property
    def selected(self) -> str:
        """Key of the cursor's row, empty in an empty tree."""
        return self._visible[self.cursor].key if self._visible else ""

    def unfold(self, key: str, expanded: bool = True) -> None:
        """Open or close a row; its cursor row stays the cursor row where it can."""
        row = self._rows.get(key)
        if row is None or not row.children or row.expanded == expanded:
            return
        before = self.selected
        row.expanded = expanded
        self._arrange()
        self.cursor = self._line_of.get(before, self._line_of.get(key, 0))

    def go_to(self, key: str, by_user: bool = False) -> None:
        """Put the cursor on a row, opening its parents, and scroll to it."""
        row = self._rows.get(key)
        if row is None:
            return
        parent = row.parent
        while parent is not None:
            self.unfold(parent.key)
            parent = parent.parent
        self._stand_on(self._line_of[key], by_user)

    def _stand_on(self, line: int, by_user: bool) -> None:
        line = max(0, min(line, len(self._visible) - 1))
        if not self._visible or line == self.cursor:
            return
        self.touch([self.selected])
        self.cursor = line
        self.touch([self.selected])
        # After the refresh: rows that were opened just now do not count for the scroll range before.
        self.call_after_refresh(self._keep_in_view)
        self.post_message(self.Moved(self.selected, by_user))

    def _keep_in_view(self) -> None:
        self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, x_axis=False, force=True)

    # -- keys and mouse ------------------------------------------------------------------------------------------

    def action_move(self, lines: int) -> None:
        """Move the cursor by rows."""
        self._stand_on(self.cursor + lines, by_user=True)

    def action_page(self, pages: int) -> None:
        """Move the cursor by screenfuls."""
        self._stand_on(self.cursor + pages * max(1, self.size.height - 1), by_user=True)

    def action_edge(self, way: int) -> None:
        """Move the cursor to the first or last row."""
        self._stand_on(0 if way < 0 else len(self._visible) - 1, by_user=True)

    def action_open(self) -> None:
        """Open the row, or go to its first child when it is open."""
        row = self._rows.get(self.selected)
        if row is not None and row.children and row.expanded:
            self.action_move(1)
        else:
            self.unfold(self.selected)

    def action_close(self) -> None:
        """Close the row, or go to its parent when it is closed."""
        row = self._rows.get(self.selected)
        if row is None:
            return
        if row.children and row.expanded:
            self.unfold(row.key, False)
        elif row.parent is not None:
            self.go_to(row.parent.key, by_user=True)

    def action_fold(self) -> None:
        """Open or close the row."""
        row = self._rows.get(self.selected)
        if row is not None:
            self.unfold(row.key, not row.expanded)

    def on_click(self, event: events.Click) -> None:
        """Choose a row; a second click on it opens or closes it."""
        line = int(event.y + self.scroll_offset.y)
        if line >= len(self._visible):
            return
        if line == self.cursor:
            self.action_fold()
        self._stand_on(line, by_user=True)

    def on_resize(self) -> None:
        """The cursor's row stays in sight, however small the tree has become."""
        self.call_after_refresh(self._keep_in_view)

    # -- drawing -------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self.scrollable_content_region.width
        line = int(y + self.scroll_offset.y)
        if line >= len(self._visible):
            return Strip.blank(width, self.rich_style)
        row = self._visible[line]
        base = self.rich_style
        if line == self.cursor:
            base += self.get_component_rich_style("row--cursor", partial=True)
        text = self._compose_text(row, line == self.cursor, width)
        if line == self.cursor and self.has_focus:
            # The cursor's own colours alone: no role's is made for its background, least of all the terminal's own 16.
            text = Text(text.plain, Style(bold=True), end="")
        segments = [Segment(part.text, base + (part.style or Style())) for part in text.render(self.app.console)]
        return Strip(segments).adjust_cell_length(width, base)

    def _compose_text(self, row: Row, at_cursor: bool, width: int) -> Text:
        line = self._draw(row.key)
        pointer = self._glyphs.pick("›", ">") if at_cursor else " "
        arrow = " "
        if row.children:
            arrow = self._glyphs.pick("▾", "v") if row.expanded else self._glyphs.pick("▸", ">")
        prefix = f"{pointer}{'  ' * row.depth}{arrow} "
        right = self._spans(line.right)
        left = self._spans(((prefix, "muted"), *line.left))
        room = max(8, width - right.cell_len - (2 if line.right else 1))
        left.truncate(room, overflow="ellipsis", pad=True)
        left.append("  " if line.right else " ")
        left.append_text(right)
        left.end = ""
        return left

    def _spans(self, spans: Iterable[Span]) -> Text:
        text = Text(end="", no_wrap=True)
        for piece, role in spans:
            text.append(piece, self.get_component_rich_style(f"row--{role}", partial=True))
        return text


def _shown(rows: Iterable[Row], only: set[str] | None) -> Iterator[Row]:
    for row in rows:
        if only is not None and row.key not in only:
            continue
        yield row
        if row.expanded or only is not None:
            yield from _shown(row.children, only)

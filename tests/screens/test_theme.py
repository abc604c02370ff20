"""The looks: contrast of every colour of text, and a cursor that can be read in every theme."""

import re
from itertools import product

import pytest
from textual.color import Color
from textual.theme import Theme

from provisioners.target import DeploymentId
from screens.app import WatchStart
from screens.preferences import Preferences, ThemeChoice
from screens.theme import DARK, LIGHT
from screens.widgets.row_tree import RowTree
from tests.journals import load
from tests.screens.memory_services import MemoryServices
from tests.screens.pages import running

ENOUGH = 4.5
"""WCAG 2.2, 1.4.3."""

DEPLOYMENT = DeploymentId("sandbox", "123456789012", "us-east-1", "starter")


def luminance(name: str) -> float:
    """WCAG's relative luminance."""
    parts = [part / 255 for part in Color.parse(name).rgb]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_every_colour_of_text_can_be_read(theme: Theme) -> None:
    texts = [theme.primary, theme.secondary, theme.accent, theme.success, theme.warning, theme.error, theme.foreground]
    texts += [theme.variables["muted"], theme.variables["faint"]]
    for text, ground in product(texts, (theme.background, theme.surface)):
        assert contrast(str(text), str(ground)) >= ENOUGH, (text, ground)
    cursor = theme.variables["block-cursor-foreground"], theme.variables["block-cursor-background"]
    assert contrast(*cursor) >= ENOUGH
    assert contrast(str(theme.foreground), str(theme.panel)) >= ENOUGH


@pytest.mark.parametrize("theme", ["dark", "light", "terminal"])
async def test_the_row_of_the_cursor_has_the_cursors_colours_alone(theme: ThemeChoice) -> None:
    """A role's colour over the cursor's background was white on white among a terminal's 16."""
    services = MemoryServices(journal=load("starter")[:100])
    async with running((80, 24), services, WatchStart(DEPLOYMENT), preferences=Preferences(theme=theme)) as pages:
        tree = pages.app.screen.query_one(RowTree)
        await pages.until(lambda: len(tree.shown_keys()) > 5, "rows")
        tree.focus()
        await pages.press("home")
        await pages.until(lambda: tree.cursor == 0)
        segments = list(tree.render_line(0))
        assert len({(part.style.color, part.style.bgcolor) for part in segments if part.style}) == 1
        first = segments[0].style
        assert first is not None and first.color != first.bgcolor
        assert re.search(r"\w", "".join(part.text for part in segments))

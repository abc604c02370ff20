"""The ways through the wizard: which pages, in which order."""

from __future__ import annotations

from profiles.pages import PAGES

Route = tuple[tuple[str, str], ...]
"""Steps: id and title, in order."""

BEYOND = (("deploy", "Deploy"), ("health", "Health"))
"""Steps that are screens of their own."""

EVERY_STEP: Route = (
    ("welcome", "Welcome"),
    *((page.name, page.title) for page in PAGES),
    ("review", "Review"),
    *BEYOND,
)
"""The long way with every page there may be: what can be shown before the questions are loaded."""

EXPRESS: Route = (("welcome", "Welcome"), ("name", "Name"), ("domain", "Domain"), ("review", "Review"))
"""The express path: four pages."""


def long_way() -> Route:
    """Welcome to health, by way of every page that has an ordinary question."""
    from screens.answers import on_screen

    asked = {page.name for page in PAGES if on_screen(page.name)}
    pages = {page.name for page in PAGES}
    return tuple(step for step in EVERY_STEP if step[0] not in pages or step[0] in asked)

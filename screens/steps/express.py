"""The express path: a preset, a name, a domain, the review; everything else keeps the preset's answer."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.widgets import Static

from profiles.questions import Question, by_key
from screens.steps.base import Step, paragraph
from screens.steps.site import SiteStep


class NameStep(Step):
    """What the deployment is called."""

    name_of_step = "name"
    heading = "What is it called?"

    def compose(self) -> ComposeResult:
        """One row."""
        yield paragraph("Every resource and every command names it. All other answers are the preset's.")
        yield from self.rows_for(self.questions())

    def questions(self) -> Sequence[Question]:
        """The name."""
        return (by_key()["name"],)


class DomainStep(SiteStep):
    """Where it answers; going on tests access to the code as on the long path."""

    name_of_step = "domain"
    heading = "Which domain?"

    def compose(self) -> ComposeResult:
        """One row, and the deploy key."""
        yield from self.rows_for(self.questions())
        yield Static("", id="site-key", markup=False)
        yield Static("", id="site-access", markup=False)

    def questions(self) -> Sequence[Question]:
        """The domain."""
        return (by_key()["site.domain"],)

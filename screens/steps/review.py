"""The last page before anything happens: what will be created, what it costs, and the question."""

from __future__ import annotations

import asyncio

from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Static

from screens.background import from_thread, in_background
from screens.services import Review
from screens.session import Session
from screens.steps.base import Say, Step
from screens.widgets.review_pane import ReviewPane


class ReviewStep(Step):
    """Prepared anew each time it is entered: the answers may have changed."""

    name_of_step = "review"
    heading = "Review"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.review: Review | None = None

    def compose(self) -> ComposeResult:
        """Empty until the plan is there."""
        yield Static("", id="review-waiting")

    async def prepare(self, say: Say) -> None:
        """Make the plan and show it. Errors are raised: the wizard shows them."""
        profile = self.session.answers.profile()
        await self.query(ReviewPane).remove()
        self.review = None
        say("running", "Waiting for the target")
        place = await asyncio.shield(self.session.start_opening(profile))
        profile = profile.model_copy(update={"target": place.target})

        told = from_thread(lambda text: say("running", text))
        say("running", "Making the plan")
        self.review = await in_background(lambda: self.session.services.prepare(profile, told))
        await self.mount(ReviewPane(self.review, self.session.glyphs))
        say("", "")

    def first_field(self) -> Widget | None:
        """The proposed answer."""
        panes = self.query(ReviewPane)
        return panes.first().proposal() if panes else None

    async def forward(self, say: Say) -> bool:
        """The buttons decide, not Next."""
        return False

"""The first page: what to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rich.text import Text
from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from screens.opening import WELCOME
from screens.services import Draft, KnownDeployment
from screens.session import Session
from screens.steps.base import Say, Step, paragraph


@dataclass(frozen=True)
class Beginning:
    """One line of the list: a new deployment from a profile, the draft, or a deployment that is there."""

    kind: Literal["draft", "profile", "express", "watch", "health"]
    label: str
    note: str
    profile: str = ""
    deployment: KnownDeployment | None = None


def beginnings(session: Session, draft: Draft | None) -> list[Beginning]:
    """Everything one can begin with, the likeliest first."""
    around = session.surroundings
    found = [Beginning("draft", "Go on where you left off", f"at {draft.step}")] if draft else []
    found += [Beginning("profile", f"New deployment: {name}", does, name) for name, does in around.presets.items()]
    found += [Beginning("express", f"Express: {name}", "name, domain, review", name) for name in around.presets]
    found += [Beginning("profile", f"New deployment: {name}", "saved profile", name) for name in around.saved_profiles]
    for known in around.deployments:
        if known.gone:
            continue
        where = f"{known.id.target}, {known.id.region}"
        if known.phase == "ok" and not known.running:
            found.append(Beginning("health", f"Health of {known.id.name}", where, deployment=known))
        else:
            word = "running" if known.running else known.phase
            found.append(Beginning("watch", f"Deployment {known.id.name}: {word}", where, deployment=known))
    return found


class WelcomeStep(Step):
    """Says what this is and offers the beginnings."""

    name_of_step = "welcome"
    heading = "A fast Drupal in your own AWS account"

    class Chosen(Message):
        """A beginning was chosen."""

        def __init__(self, beginning: Beginning) -> None:
            super().__init__()
            self.beginning = beginning

    class LookedAt(Message):
        """The cursor stands on a beginning."""

        def __init__(self, beginning: Beginning) -> None:
            super().__init__()
            self.beginning = beginning

    def __init__(self, session: Session, draft: Draft | None) -> None:
        super().__init__(session)
        self._beginnings = beginnings(session, draft)

    def compose(self) -> ComposeResult:
        """Words and list."""
        yield paragraph(WELCOME)
        options = [Option(self._text(item)) for item in self._beginnings]
        yield OptionList(*options, id="beginnings", compact=True, markup=False)

    def _text(self, item: Beginning) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{item.label:<26}")
        text.append(f"  {item.note}", "dim")
        return text

    def first_field(self) -> Widget | None:
        """The list."""
        options = self.query_one(OptionList)
        if options.highlighted is None:
            options.highlighted = 0
        return options

    def chosen(self) -> Beginning:
        """The line the cursor is on."""
        return self._beginnings[self.query_one(OptionList).highlighted or 0]

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """The cursor moved."""
        event.stop()
        self.post_message(self.LookedAt(self._beginnings[event.option_index]))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click on a line."""
        event.stop()
        self.post_message(self.Chosen(self._beginnings[event.option_index]))

    async def forward(self, say: Say) -> bool:
        """The Next button does what Enter on the list does."""
        self.post_message(self.Chosen(self.chosen()))
        return False

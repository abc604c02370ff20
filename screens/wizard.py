"""The wizard: one screen, its steps in a switcher, composed when first entered.

Forward validates, backward never does and is never blocked; whatever runs for a forward step is dropped when the user
goes back. Answers are kept as typed and autosaved.
"""

from __future__ import annotations

from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Button, ContentSwitcher, Input, Static
from textual.worker import Worker, WorkerState

from profiles.errors import DrucloudError
from profiles.pages import PAGES, Page
from screens import keeping
from screens.answers import Answers
from screens.autosave import Autosave
from screens.background import in_background, start
from screens.dialogs import AskToLeave
from screens.route import BEYOND, EXPRESS, long_way
from screens.services import Draft, Review
from screens.session import Session
from screens.steps.base import Step
from screens.steps.express import DomainStep, NameStep
from screens.steps.page import QuestionPage
from screens.steps.review import ReviewStep
from screens.steps.site import SiteStep
from screens.steps.sizing import SizingStep
from screens.steps.target import TargetStep
from screens.steps.welcome import Beginning, WelcomeStep
from screens.widgets.masthead import Masthead, StepList
from screens.widgets.price import PriceLine
from screens.widgets.question import QuestionRow, help_text, words_of
from screens.widgets.review_pane import ReviewPane

if TYPE_CHECKING:
    from screens.app import DrucloudApp

_OWN: dict[str, type[Step]] = {
    step.name_of_step: step for step in (TargetStep, SiteStep, SizingStep, ReviewStep, NameStep, DomainStep)
}
"""Pages that do more than ask their questions."""

_ASKING: dict[str, Page] = {page.name: page for page in PAGES if page.name not in _OWN}

KEYS = (
    ("wizard.next", "Enter", "next"),
    ("wizard.back", "Esc", "back"),
    ("", "Tab", "field"),
    ("help", "?", "help"),
    ("wizard.all", "F3", "more"),
    ("", "Alt+1..9", "steps"),
    ("", "Ctrl+C", "leave"),
)
"""The last line: an id by which the key may be another one, the usual key, and what it does."""

_REST = 0.15
"""Seconds without another answer before the price is counted."""

ELSEWHERE = tuple(name for name, _ in BEYOND)


def _page(name: str, session: Session) -> Step:
    """A new page."""
    return _OWN[name](session) if name in _OWN else QuestionPage(session, _ASKING[name])


class WizardScreen(Screen[None]):
    """Welcome to review."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["wizard.tcss", "review.tcss"]
    AUTO_FOCUS = ""  # each page says what gets the focus; until the first is there, Enter must not press "Back"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "forward", "Next", id="wizard.next"),
        Binding("alt+right", "forward", "Next", show=False),
        Binding("escape,alt+left", "back", "Back", key_display="esc", id="wizard.back"),
        Binding("tab", "app.focus_next", "Next field"),
        *(Binding(f"alt+{number}", f"jump_to({number})", show=False) for number in range(1, 10)),
        Binding("f3", "all_questions", "All questions", id="wizard.all"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.autosave = Autosave(session.services)
        self.current = "welcome"
        self._busy = True
        self.steps = long_way()

    @property
    def order(self) -> tuple[str, ...]:
        """The pages of this screen, in order."""
        return tuple(name for name, _ in self.steps if name not in ELSEWHERE)

    @property
    def program(self) -> DrucloudApp:
        """The app, by its own type."""
        return cast("DrucloudApp", self.app)

    # -- page ----------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Masthead, steps, the current page with its help, the line that says what goes on, buttons."""
        yield Masthead("new deployment")
        with Horizontal(id="body"):
            yield StepList("welcome", self.session.glyphs, self.steps)
            with Vertical(id="page"):
                yield Static("", id="heading", markup=False)
                yield PriceLine()
                yield ContentSwitcher(id="pages")
                yield Static("", id="said", markup=False)
                with Horizontal(id="move"):
                    yield Button("Back", id="back", compact=True)
                    yield Button("Next", id="next", compact=True)
            yield Static("", id="help", markup=False)
        own = self.program.preferences.keys
        yield Static("  ".join(f"{own.get(name, key)} {does}" for name, key, does in KEYS), id="keys", markup=False)

    def on_mount(self) -> None:
        """Look around, then show the first page."""
        start(self, self._begin, group="move")
        self.set_interval(0.5, self._show_place)
        self.set_interval(0.5, self.autosave.write)

    async def _begin(self) -> None:
        draft = await self.session.look_around()
        page = WelcomeStep(self.session, draft)
        await self.query_one("#pages", ContentSwitcher).add_content(page, id=page.id, set_current=True)
        self._draft = draft
        self._entered(page)
        self._busy = False

    def _show_place(self) -> None:
        """Account and region as soon as they are known; the target's progress while it is being opened."""
        self.query_one(Masthead).show_place(self.session.place)
        if self.session.place is None and self.session.progress and (self._busy or not self._said_words):
            self.query_one("#said", Static).update(
                Text(f"{self.session.glyphs.mark('running')} Sandbox: {self.session.progress}", no_wrap=True)
            )

    _said_words = ""
    _draft: Draft | None = None

    def say(self, status: str, words: str) -> None:
        """The line above the buttons."""
        self._said_words = words if status != "running" else ""
        mark = f"{self.session.glyphs.mark(status)} " if status else ""
        line = self.query_one("#said", Static)
        line.update(Text(f"{mark}{words}"))
        line.set_class(status == "failed", "-failed")

    async def go(self, name: str) -> None:
        """Show a step, composing it if it was not there yet."""
        pages = self.query_one("#pages", ContentSwitcher)
        if not pages.query(f"#step-{name}"):
            page = _page(name, self.session)
            await pages.add_content(page, id=page.id)
        pages.current = f"step-{name}"
        self.current = name
        self.query_one(StepList).show_steps(self.steps, name)
        page = self.page
        self.say("", "")
        self.query_one("#help", Static).update("")
        page.entered()
        self._entered(page)
        self._save_draft()
        if isinstance(page, ReviewStep):
            await page.prepare(self.say)
            self._entered(page)

    def _entered(self, page: Step) -> None:
        number = self.order.index(self.current) + 1
        heading = Text(f"Step {number} of {len(self.steps)}", "dim")
        heading.append(f"  {page.heading}", "not dim bold")
        self.query_one("#heading", Static).update(heading)
        self.query_one("#back", Button).disabled = self.current == "welcome"
        forward = self.query_one("#next", Button)
        last = self.order[number:] == ("review",)
        forward.label = "Review" if last else "Next"
        forward.refresh(layout=True)
        self.set_class(isinstance(page, ReviewStep), "-reviewing")
        (page.first_field() or forward).focus()

    @property
    def page(self) -> Step:
        """The step shown."""
        return self.query_one(f"#step-{self.current}", Step)

    # -- moving --------------------------------------------------------------------------------------------------

    def action_forward(self) -> None:
        """Enter: check this page, then the next one. While something runs it waits for that."""
        if self._busy or isinstance(self.page, ReviewStep):
            return
        wrong = self.page.check()
        if wrong is not None:
            self.say("", "")
            wrong.field.focus()
            return
        start(self, self._forward, group="move", only=True)

    async def _forward(self) -> None:
        self._busy = True
        try:
            if await self.page.forward(self.say):
                await self.go(self.order[self.order.index(self.current) + 1])
        except DrucloudError as problem:
            self.say("failed", str(problem))
        finally:
            self._busy = False

    def action_back(self) -> None:
        """Never blocked, never validates; what was under way for this page is dropped."""
        if self.current == "welcome":
            return
        self._move(self.order[self.order.index(self.current) - 1])

    def _move(self, name: str) -> None:
        start(self, partial(self._moving, name), group="move", only=True)

    async def _moving(self, name: str) -> None:
        self._busy = False
        try:
            await self.go(name)
        except DrucloudError as problem:
            self.say("failed", str(problem))

    def on_step_list_chosen(self, event: StepList.Chosen) -> None:
        """A step that was completed can be gone back to at any time."""
        self.jump(event.step)

    def completed(self) -> list[tuple[str, str]]:
        """The steps one can jump back to: id and title."""
        return list(self.steps[: self.order.index(self.current)])

    def jump(self, step: str) -> None:
        """To a completed step; any other is ignored."""
        if any(step == name for name, _ in self.completed()):
            self._move(step)

    def action_jump_to(self, number: int) -> None:
        """Alt and the step's number."""
        self.jump(self.steps[min(number, len(self.steps)) - 1][0])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field."""
        self.action_forward()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Back and Next."""
        if event.button.id == "back":
            self.action_back()
        elif event.button.id == "next":
            self.action_forward()

    def on_welcome_step_chosen(self, event: WelcomeStep.Chosen) -> None:
        """Begin with a profile, the draft, or go to a deployment that is there."""
        if not self._busy:
            work = partial(self._begin_with, event.beginning)
            start(self, work, group="move", only=True)

    async def _begin_with(self, beginning: Beginning) -> None:
        if beginning.deployment is not None:
            self.program.open_deployment(beginning.deployment)
            return
        first, self.steps = ("name", EXPRESS) if beginning.kind == "express" else ("target", long_way())
        try:
            if beginning.kind == "draft" and self._draft is not None:
                self.session.answers = Answers(given=self._draft.answers)
                self.steps = EXPRESS if self._draft.step in ("name", "domain") else long_way()
                first = self._draft.step if self._draft.step in self.order[1:] else first
            else:
                name = beginning.profile
                base = await in_background(lambda: self.session.services.load_profile(name))
                self.session.answers.replace_base(base)
            await self._go_afresh(first)
            self._price_soon("", compare=False)
        except DrucloudError as problem:
            self.say("failed", str(problem))

    async def _go_afresh(self, name: str) -> None:
        """To a step, with every page composed anew from the answers."""
        pages = self.query_one("#pages", ContentSwitcher)
        pages.current = None  # or a new page of the same name would stay hidden
        await pages.remove_children([page for page in self.query(Step) if page.name_of_step != "welcome"])
        await self.go(name)

    def _drop_other_pages(self) -> None:
        for page in self.query(Step):
            if page.name_of_step not in ("welcome", self.current):
                page.remove()

    def action_all_questions(self) -> None:
        """Show the advanced questions too, or no longer."""
        self.session.advanced = not self.session.advanced
        if self.current in ELSEWHERE or self.current in ("welcome", "review"):
            return
        start(self, partial(self._go_afresh, self.current), group="move", only=True)

    # -- answers -------------------------------------------------------------------------------------------------

    def on_question_row_answered(self, event: QuestionRow.Answered) -> None:
        """Keep the answer; a sentence about the old one is no longer true."""
        if event.question.key == "aws.region" and event.value != self.session.answers.value("aws.region"):
            self._drop_other_pages()  # they offer the classes and prices of the region
        if self.session.answers.give(event.question.key, event.value):
            self.page.row(event.question).show_error("")
            self.page.answered(event.question)
            self._save_draft()
            self._price_soon(f"{event.question.ask.label}: {words_of(event.value)}")

    def _price_soon(self, why: str, *, compare: bool = True) -> None:
        """Count the total anew once the answers rest."""
        profile, services = self.session.answers.profile_so_far(), self.session.services
        self.query_one(PriceLine).count(lambda: services.estimate(profile), why, compare=compare, rest=_REST)

    def on_welcome_step_looked_at(self, event: WelcomeStep.LookedAt) -> None:
        """On the first page the price is that of the profile under the cursor."""
        if self.current != "welcome":
            return
        line, services, name = self.query_one(PriceLine), self.session.services, event.beginning.profile
        if name:
            line.count(lambda: services.estimate(services.load_profile(name)))
        else:
            line.clear_price()

    def on_question_row_attended(self, event: QuestionRow.Attended) -> None:
        """Help for the question under the cursor, in the panel or line that is there for it."""
        self.query_one("#help", Static).update(help_text(event.question))

    def on_question_row_left(self, event: QuestionRow.Left) -> None:
        """Say what is wrong with an answer as soon as the user is done with it."""
        event.row.show_error(self.session.answers.error(event.row.question))

    def _save_draft(self) -> None:
        """The answers have changed."""
        if self.current != "welcome":
            self.autosave.keep(Draft(self.session.answers.all(), self.current))

    def on_unmount(self) -> None:
        """What was typed just before leaving is kept too."""
        self.autosave.write_now()

    # -- review and leaving --------------------------------------------------------------------------------------

    def on_review_pane_decided(self, event: ReviewPane.Decided) -> None:
        """Launch, save, or go back."""
        if event.answer == "no":
            self.action_back()
        elif not self._busy and event.answer == "launch":
            start(self, partial(self._launch, event.review), group="move", only=True)
        elif not self._busy:
            keep = keeping.export if event.answer == "export" else keeping.save_profile
            work = partial(keep, self.app, self.session.services, event.review, self.say)
            start(self, work, group="move", only=True)

    async def _launch(self, review: Review) -> None:
        self._busy = True
        self.say("running", "Starting the engine")
        try:
            services, profile = self.session.services, review.profile
            # First the profile: 'drucloud replay NAME' must work whatever becomes of the deploy.
            path = await in_background(lambda: services.save_profile(profile, profile.name))
            self.program.saved_profile = str(path)
            deployment = await in_background(lambda: services.launch(review))
            await self.autosave.drop()
        except DrucloudError as problem:
            self.say("failed", str(problem))
        else:
            self.notify(f"The profile was saved as {path}.", markup=False)
            self.program.follow_run(deployment, review.place)
        finally:
            self._busy = False

    def interrupt(self) -> None:
        """Ctrl+C: ask; again: leave at once (the dialog hands it on to the app)."""
        self.app.push_screen(AskToLeave(), self._left)

    def _left(self, leave: bool | None) -> None:
        if leave:
            self.program.leave(4, ["Nothing was created. Your answers are kept: run 'drucloud' to go on."])

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker that failed in a way nobody foresaw ends the program, redacted."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.program.fail(event.worker.error)

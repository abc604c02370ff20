"""Where it goes: the user's AWS account or the sandbox."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from profiles.questions import Choice, Question
from screens.steps.base import Say, Step, paragraph
from screens.widgets.question import QuestionRow

_LABELS = {"sandbox": "Local sandbox", "aws": "Your AWS account"}


class TargetStep(Step):
    """Target, region and AWS profile, with what was found here."""

    name_of_step = "target"
    heading = "Where should it go?"

    def compose(self) -> ComposeResult:
        """The target question first, whatever its place in the profile."""
        rows = list(self.question_rows("target"))
        rows.sort(key=lambda row: not (isinstance(row, QuestionRow) and row.question.key == "target"))
        yield paragraph("The sandbox is a whole AWS of its own on this machine: no account needed, and no cost.")
        yield from rows
        yield Static("", id="target-found", markup=False)

    def initial(self, question: Question) -> object:
        """``auto`` is shown as what it comes to here."""
        return self.session.target_name() if question.key == "target" else super().initial(question)

    def choices_of(self, question: Question) -> Sequence[Choice]:
        """The two targets in words; the AWS profiles that were found."""
        if question.key == "target":
            return tuple(Choice(value, label) for value, label in _LABELS.items())
        if question.key == "aws.profile" and (logins := self.session.surroundings.aws_logins):
            usual = next((login.how for login in logins if not login.name), "as the AWS command line does")
            named = (Choice(login.name, login.name, login.how) for login in logins if login.name)
            return (Choice("", "the usual chain", usual), *named)
        return super().choices_of(question)

    def questions(self) -> Sequence[Question]:
        """In the sandbox there is no AWS profile to choose."""
        sandbox = self.session.target_name() == "sandbox"
        shown = [item for item in self.session.on_page("target") if not (sandbox and item.key == "aws.profile")]
        return sorted(shown, key=lambda item: item.key != "target")

    def entered(self) -> None:
        """Show what was found."""
        self.refresh_found()

    def on_question_row_answered(self, event: QuestionRow.Answered) -> None:
        """Another target: other questions, another note. The wizard takes the answer itself."""
        if event.question.key == "target":
            self.call_after_refresh(self.refresh_found)

    def refresh_found(self) -> None:
        """Say what was found on this machine and what it means for the target chosen."""
        applies = {question.key for question in self.questions()}
        for row in self.query(QuestionRow):
            row.display = row.question.key in applies
        self.query_one("#target-found", Static).update(self._found())

    def _found(self) -> Text:
        around, glyphs = self.session.surroundings, self.session.glyphs
        text = Text()
        if self.session.target_name() == "aws":
            if around.credentials:
                text.append(f"{glyphs.mark('ok')} AWS credentials found: {around.credentials_from}.\n")
                text.append("They are tried when you go on; nothing is created before you say yes.")
            else:
                text.append(f"{glyphs.mark('warn')} No AWS credentials were found here.\n")
                text.append("Run 'aws configure' or set AWS_PROFILE first, or choose the sandbox.")
            return text
        if not around.credentials:
            text.append(f"{glyphs.mark('ok')} No AWS credentials were found, so the sandbox is chosen.\n")
        text.append(f"{glyphs.mark('ok')} It runs here as ")
        text.append("real machines" if around.sandbox_mode == "machines" else "a rehearsal", "bold")
        text.append(f": {around.sandbox_reason}.")
        if around.sandbox_mode == "rehearsal":
            text.append("\nA rehearsal installs no software: it checks everything up to that point.")
        return text

    async def forward(self, say: Say) -> bool:
        """Credentials are proven now; the sandbox starts while the next questions are answered."""
        profile = self.session.answers.profile_so_far()
        opening = self.session.start_opening(profile)
        if self.session.target_name() == "aws":
            say("running", "Trying the AWS credentials")
            await opening
        return True

"""Short questions over a page: each a modal screen that gives one answer."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from health.fixes import Fix
from profiles.model import NAME_PATTERN
from provisioners.foreign_text import clean_line
from provisioners.person import SignIn, named
from screens.over import Over
from screens.services import GitAccess

if TYPE_CHECKING:
    from screens.app import DrucloudApp

T = TypeVar("T")


class Dialog(Over[T], Generic[T]):
    """Words and a few buttons. Arrow keys move between the buttons; Escape gives ``escape``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Close"),
        Binding("left,up", "app.focus_previous", "Previous", show=False),
        Binding("right,down", "app.focus_next", "Next", show=False),
    ]

    def __init__(self, title: str, words: Text, answers: Sequence[tuple[str, T]], escape: T, chosen: int = 0) -> None:
        """:param answers: the buttons: words and what each gives; ``chosen`` has the focus."""
        super().__init__()
        self._question = title
        self._words = words
        self._answers = answers
        self._on_escape = escape
        self._chosen = chosen

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(id="dialog"):
            yield Static(Text(self._question, "bold"), id="dialog-title")
            yield Static(self._words, id="dialog-words")
            with Horizontal(id="dialog-buttons"):
                for index, (label, _) in enumerate(self._answers):
                    yield Button(Text(label), id=f"answer-{index}", compact=True)

    def on_mount(self) -> None:
        """The proposed answer gets the focus."""
        self.query_one(f"#answer-{self._chosen}", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Give the button's answer."""
        index = int((event.button.id or "answer-0").rpartition("-")[2])
        self.dismiss(self._answers[index][1])

    def action_give_up(self) -> None:
        """Escape."""
        self.dismiss(self._on_escape)

    def interrupt(self) -> None:
        """Ctrl+C closes what lies over the page; on the page it means what the page says."""
        self.action_give_up()


class ConfirmHostKey(Dialog[bool]):
    """A Git server nobody knows yet: trust it or not. The proposal is no."""

    def __init__(self, access: GitAccess) -> None:
        words = Text(f"{access.host} showed a host key that is not known here:\n\n")
        words.append(f"  {access.fingerprint}\n\n", "bold")
        words.append("Compare it with what the server's owner publishes. If it is right, it is kept in the profile.")
        answers = (("No, go back", False), ("Yes, trust this key", True))
        super().__init__("Unknown Git server", words, answers, escape=False)


class ConfirmFix(Dialog[bool]):
    """A fix on a machine: the command is shown before anything is run. The proposal is no."""

    def __init__(self, fix: Fix) -> None:
        words = Text(f"{clean_line(fix.why)} On the {clean_line(fix.subject)} this is run:\n\n")
        words.append(f"  {clean_line(fix.command)}\n\n", "bold")
        words.append("Then everything is examined again.")
        super().__init__("Mend it?", words, (("No, leave it", False), ("Yes, run it", True)), escape=False)


class AskToLeave(Dialog[bool]):
    """Ctrl+C in the wizard."""

    def __init__(self) -> None:
        words = Text("Nothing was created. Your answers are kept for the next time.\nCtrl+C again leaves at once.")
        super().__init__("Leave drucloud?", words, (("Stay", False), ("Leave", True)), escape=False)

    def interrupt(self) -> None:
        """Ctrl+C again."""
        cast("DrucloudApp", self.app).leave(130)


class AskLine(Over[str]):
    """One line of text over a page; empty when the user closed it instead."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "Close")]

    def __init__(self, title: str, words: str, proposal: str = "", *, longest: int = 31, allowed: str = "") -> None:
        """:param allowed: a regular expression that what is typed must match all the while; empty: anything."""
        super().__init__()
        self._question = title
        self._words = words
        self._field = Input(proposal, compact=True, max_length=longest, restrict=allowed or None)

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(id="dialog"):
            yield Static(Text(self._question, "bold"), id="dialog-title")
            yield self._field
            yield Static(Text(self._words), id="dialog-words")

    def wrong(self, typed: str) -> str:
        """What is wrong with what was typed; empty when it can be taken."""
        return "" if typed else self._words

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it, or say why not."""
        if sentence := self.wrong(event.value):
            self.query_one("#dialog-words", Static).update(Text(sentence))
        else:
            self.dismiss(event.value)

    def action_give_up(self) -> None:
        """Escape."""
        self.dismiss("")

    def interrupt(self) -> None:
        """Ctrl+C, as in :class:`Dialog`."""
        self.action_give_up()


class AskProfileName(AskLine):
    """Under which name to save the profile."""

    def __init__(self, name: str) -> None:
        super().__init__("Save the profile as", "Enter saves, Escape closes.", name, allowed=r"[a-z0-9-]*")

    def wrong(self, typed: str) -> str:
        """A name must be one."""
        if re.fullmatch(NAME_PATTERN, typed):
            return ""
        return "A name is 2 to 31 lower case letters, digits and '-', and begins with a letter."


class AskCode(AskLine):
    """The code of an MFA device. :param prompt: names the device."""

    def __init__(self, prompt: str) -> None:
        words = f"{clean_line(prompt).rstrip(': ')}.\nEnter signs in, Escape does not."
        super().__init__("MFA code", words, longest=8, allowed=r"[0-9]*")


class ShowSignIn(Over[None]):
    """Where to sign in to AWS, until that is done or the user gives up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Give up"),
        Binding("f2", "copy", "Copy the address"),
    ]

    def __init__(self, waiting: SignIn) -> None:
        super().__init__()
        self._waiting = waiting
        self.given_up = threading.Event()
        self._over = False

    def compose(self) -> ComposeResult:
        """Address and code stand alone on their lines: they are copied, and compared."""
        words = Text("Open this address in a browser on any machine:\n\n")
        words.append(self._waiting.url, "bold")
        words.append("\n\nConfirm only if it shows the code ")
        words.append(self._waiting.code, "bold")
        words.append(f".\nWaiting up to {self._waiting.minutes} minutes; this closes by itself.")
        with Vertical(id="dialog"):
            yield Static(Text(f"Sign in to AWS as {named(self._waiting.profile)}", "bold"), id="dialog-title")
            yield Static(words, id="dialog-words")
            with Horizontal(id="dialog-buttons"):
                yield Button("Copy the address (F2)", id="copy", compact=True)
                yield Button("Give up (Esc)", id="give-up", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Copy, or give up."""
        self.action_copy() if event.button.id == "copy" else self.action_give_up()

    def action_copy(self) -> None:
        """Put the address into the terminal's clipboard (OSC 52): no browser is opened, for there may be none here."""
        self.app.copy_to_clipboard(self._waiting.url)
        self.notify("The address is in the clipboard.", markup=False)

    def action_give_up(self) -> None:
        """Nobody signs in."""
        self.given_up.set()
        self.dismiss()

    def interrupt(self) -> None:
        """Ctrl+C, as in :class:`Dialog`."""
        self.action_give_up()

    def take_away(self) -> None:
        """The waiting is over; what lies over this (help) is closed first, by the user."""
        self._over = True
        self._close_if_over()

    def on_screen_resume(self) -> None:
        """On top again."""
        self._close_if_over()

    def _close_if_over(self) -> None:
        if self._over and not self.given_up.is_set():
            self.dismiss()


class ConfirmByName(AskLine):
    """What is gone is gone: the name must be typed."""

    def __init__(self, doing: str, name: str) -> None:
        super().__init__(doing, f"Type {name} and press Enter. Escape leaves everything as it is.")
        self._wanted = name

    def wrong(self, typed: str) -> str:
        """Only the name will do."""
        return "" if typed == self._wanted else f"That is not '{self._wanted}'. Escape leaves everything as it is."

"""What lies over a page for a while: dialogs, lists, help."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

T = TypeVar("T")


class Over(ModalScreen[T], Generic[T]):
    """Goes away once.

    Textual's ``dismiss`` takes away whatever is on top: a second key that was already on its way to a dialog (Enter
    pressed twice) would take the page below with it.
    """

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Close with ``result``, unless that was done already or something lies over this."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()

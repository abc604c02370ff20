"""The draft of the answers, written often enough that neither a crash nor a closed window loses one."""

from __future__ import annotations

from screens.background import in_background
from screens.services import Draft, Services


class Autosave:
    """Holds the newest draft until it is written; a newer one takes its place."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unsaved: Draft | None = None

    def keep(self, draft: Draft) -> None:
        """Have this draft written with the next :meth:`write`."""
        self._unsaved = draft

    async def write(self) -> None:
        """Write what is not yet written; called twice a second."""
        draft, self._unsaved = self._unsaved, None
        if draft is not None:
            await in_background(lambda: self._services.save_draft(draft))

    def write_now(self) -> None:
        """The same without a loop to go on with: the program is leaving."""
        if self._unsaved is not None:
            self._services.save_draft(self._unsaved)

    async def drop(self) -> None:
        """The answers became a deployment: there is no draft any more."""
        self._unsaved = None
        await in_background(self._services.drop_draft)

"""What the wizard's steps share: the answers, what surrounds them, and the target once it is open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from profiles.model import Profile
from profiles.pages import PageName
from profiles.questions import Question
from screens.answers import Answers, on_screen
from screens.background import in_background
from screens.services import Draft, Place, Services, Surroundings
from screens.theme import Glyphs

Told = Callable[[str], None]


class Session:
    """One pass through the wizard."""

    def __init__(self, services: Services, glyphs: Glyphs) -> None:
        self.services = services
        self.glyphs = glyphs
        self.surroundings = Surroundings(False, "", (), "rehearsal", "")
        self.answers = Answers()
        self.advanced = False
        """Whether the pages show the advanced questions too."""
        self.by_hand: set[str] = set()
        """Keys of sizes the user chose: another traffic leaves them as they are."""
        self.proposed: set[str] = set()
        """Keys answered by the traffic last stated: another traffic proposes them anew."""
        self.place: Place | None = None
        self.progress = ""
        """The newest line from a target that is being opened."""
        self._opening: asyncio.Task[Place] | None = None
        self._opening_key: tuple[str, ...] = ()

    async def look_around(self) -> Draft | None:
        """Find out what is on this machine; gives the unfinished draft, if any."""
        self.surroundings = await in_background(self.services.surroundings)
        return await in_background(self.services.load_draft)

    def on_page(self, name: PageName) -> list[Question]:
        """The questions that stand on a page."""
        return on_screen(name, advanced=self.advanced)

    def target_name(self) -> str:
        """``aws`` or ``sandbox``; ``auto`` is what the credentials found say."""
        answer = str(self.answers.value("target"))
        if answer != "auto":
            return answer
        return "aws" if self.surroundings.credentials else "sandbox"

    def start_opening(self, profile: Profile) -> asyncio.Task[Place]:
        """Begin to open the profile's target, or give the attempt under way for the same one."""
        key = (profile.target, profile.aws.region, profile.aws.profile, profile.aws.expected_account)
        task = self._opening
        if task is not None and key == self._opening_key and not _failed(task):
            return task
        self.place, self.progress = None, ""
        self._opening_key = key
        self._opening = asyncio.create_task(self._open(profile))
        # A failure is shown by whoever awaits the task; asked for here so that nobody asking is not an error too.
        self._opening.add_done_callback(_failed)
        return self._opening

    async def _open(self, profile: Profile) -> Place:
        def told(text: str) -> None:
            self.progress = text

        place = await in_background(lambda: self.services.open_target(profile, told))
        self.place = place
        return place


def _failed(task: asyncio.Task[Place]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)

"""The site: its name, domain and repository, and whether its code can be read."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from profiles.catalogue import DrupalRelease, drupal_releases
from profiles.errors import ReachError
from profiles.questions import Question
from screens.background import in_background, start
from screens.dialogs import ConfirmHostKey
from screens.services import DeployKey, GitAccess, Place
from screens.steps.base import Say, Step
from screens.widgets.question import QuestionRow

if TYPE_CHECKING:
    from screens.app import DrucloudApp

_CODE = ("name", "site.repository", "site.branch", "site.git_host_key")
"""Answers the access test depends on."""


def drupal_text(releases: Sequence[DrupalRelease], today: datetime.date) -> Text:
    """Which Drupal gets security fixes, and for how long; the version deployed is the one in the code."""
    spans = []
    for release in releases:
        days = (datetime.date.fromisoformat(release.end_of_life) - today).days if release.end_of_life else 0
        left = f" ({f'in {days} days' if days >= 0 else 'over'})" if release.end_of_life else ""
        spans.append(f"Drupal {release.major} is supported until {release.end_of_life or release.until}{left}")
    dated = min(release.as_of for release in releases)
    return Text(f"{', '.join(spans)}; your code decides which it is. As of {dated}.")


class SiteStep(Step):
    """Asks, shows the deploy key and where to paste it, and tests access before going on."""

    name_of_step = "site"
    heading = "Which site?"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "copy_key", "Copy the deploy key")]
    _public_key = ""

    def compose(self) -> ComposeResult:
        """The rows and the key."""
        yield from self.question_rows("site")
        yield Static(drupal_text(drupal_releases(), self._today()), id="site-drupal")
        yield Static("", id="site-key", markup=False)
        yield Static("", id="site-access", markup=False)

    def _today(self) -> datetime.date:
        return datetime.datetime.fromtimestamp(cast("DrucloudApp", self.app).clock(), datetime.UTC).date()

    def questions(self) -> Sequence[Question]:
        """All of them."""
        return self.session.on_page("site")

    def entered(self) -> None:
        """The key can be shown as soon as the target is open."""
        if self.check_quietly():
            start(self, self._show_key, only=True, group="key")

    def check_quietly(self) -> bool:
        """Whether every answer here can be taken, without saying so."""
        return not any(self.session.answers.error(question) for question in self.questions())

    async def _show_key(self) -> DeployKey | None:
        """Make the key if need be and show it; a target that cannot be opened is told when going forward."""
        profile = self.session.answers.profile_so_far()
        opening = self.session.start_opening(profile)
        if not opening.done():
            self._say_key("running", "The deploy key is made as soon as the target is open.")
        try:
            place = await asyncio.shield(opening)
        except ReachError:
            self._say_key("waiting", "The deploy key is made when the target is open.")
            return None
        return await self._key_at(place)

    async def _key_at(self, place: Place) -> DeployKey:
        profile = self.session.answers.profile_so_far()
        name, repository = place.deployment(profile.name), profile.site.repository
        key = await in_background(lambda: self.session.services.deploy_key(name, repository))
        glyphs = self.session.glyphs
        text = Text("Deploy key  ", "bold")
        # Without its comment it is one line of 80 columns; what is copied has the comment too.
        text.append(" ".join(key.public.split()[:2]), "not bold")
        text.append("\n")
        self._public_key = key.public
        if key.registered:
            text.append(f"{glyphs.mark('ok')} Registered for you: the sandbox's own Git server knows it.")
        else:
            text.append(f"{glyphs.mark('warn')} {key.paste_at} F2 copies it.")
        self.query_one("#site-key", Static).update(text)
        return key

    def action_copy_key(self) -> None:
        """Put the deploy key into the terminal's clipboard (OSC 52)."""
        if self._public_key:
            self.app.copy_to_clipboard(self._public_key)
            self.notify("The deploy key is in the clipboard.", markup=False)

    def _say_key(self, status: str, words: str) -> None:
        self.query_one("#site-key", Static).update(Text(f"{self.session.glyphs.mark(status)} {words}"))

    def _say_access(self, access: GitAccess | None) -> None:
        text = Text()
        if access is not None:
            mark = self.session.glyphs.mark("ok" if access.status == "ok" else "failed")
            text.append(f"{mark} {access.what} {access.do}".rstrip())
        line = self.query_one("#site-access", Static)
        line.update(text)
        if access is not None:
            self.call_after_refresh(line.scroll_visible, animate=False)  # below the last question

    def on_question_row_answered(self, event: QuestionRow.Answered) -> None:
        """Another repository has not been tested yet."""
        if event.question.key in _CODE:
            self._say_access(None)

    async def forward(self, say: Say) -> bool:
        """Wait for the target, then read the repository with the key; an unknown server is asked about."""
        profile = self.session.answers.profile_so_far()
        opening = self.session.start_opening(profile)
        say("running", "Waiting for the target")
        place = await asyncio.shield(opening)
        await self._key_at(place)
        say("running", "Reading the repository with the deploy key")
        access = await self._test(place)
        if access.status == "unknown_host_key":
            if not await self.app.push_screen_wait(ConfirmHostKey(access)):
                self._say_access(GitAccess("failed", f"The host key of {access.host} was not confirmed."))
                return False
            self.session.answers.give("site.git_host_key", access.host_key)
            access = await self._test(place)
        self._say_access(access)
        return access.status == "ok"

    async def _test(self, place: Place) -> GitAccess:
        profile = self.session.answers.profile_so_far()
        return await in_background(lambda: self.session.services.test_git(place.deployment(profile.name), profile))

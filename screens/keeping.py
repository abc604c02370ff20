"""What a review can be kept as: a saved profile, or files that work without drucloud. Both front doors offer it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual.app import App

from profiles.errors import DrucloudError
from screens.background import in_background
from screens.dialogs import AskLine, AskProfileName
from screens.services import Review, Services

Say = Callable[[str, str], None]


async def save_profile(app: App[None], services: Services, review: Review, say: Say) -> None:
    """Ask for a name and save the profile; a worker's business, for it waits for the answer."""
    name = await app.push_screen_wait(AskProfileName(review.profile.name))
    if name:
        await _keep(lambda: services.save_profile(review.profile, name), say)


async def export(app: App[None], services: Services, review: Review, say: Say) -> None:
    """Ask for a folder and write the profile into it as a CloudFormation template with all that it needs."""
    words = "The CloudFormation template, the machines' bundles and a script that deploys them are written there."
    proposal = f"{review.profile.name}-cloudformation"
    folder = await app.push_screen_wait(AskLine("Export into the folder", words, proposal, longest=500))
    if folder:
        say("running", "Writing the files")
        await _keep(lambda: services.export(review.profile, Path(folder).expanduser()), say)


async def _keep(write: Callable[[], Path], say: Say) -> None:
    try:
        path = await in_background(write)
    except DrucloudError as problem:
        say("failed", str(problem))
    except OSError as problem:
        say("failed", f"{problem.filename} cannot be written: {problem.strerror}. Choose another place.")
    else:
        say("ok", f"Saved as {path}")

"""The one question before anything is changed, and the profile's name typed before anything is destroyed."""

from __future__ import annotations

from drucloud_tui.ask import asker
from drucloud_tui.display import Terminal
from profiles.errors import CancelledError, UsageError
from screens.services import Review


def confirm(review: Review, yes: bool, terminal: Terminal) -> None:
    """Return when ``review`` may be carried out; :class:`CancelledError` when the user says no.

    Enter means yes in the sandbox and no on AWS. Destroying needs the deployment's name. ``yes`` skips the question,
    never a failed preflight.
    """
    if failed := [notice for notice in review.notices if notice.status == "fail"]:
        raise UsageError(failed[0].what, failed[0].do)
    if yes:
        return
    ask = asker(terminal, "Say --yes to go ahead without being asked.")
    name = review.profile.name
    if review.verb == "destroy":
        typed = ask.text(f"Type '{name}' to destroy it", "Anything else leaves it as it is.", "", lambda text: "")
        if typed != name:
            raise CancelledError(f"'{name}' was left as it is.")
    elif not ask.confirm("Go ahead?", default=review.place.target == "sandbox"):
        raise CancelledError("Nothing was changed.")

"""What ``replay``, ``plan``, ``resume``, ``destroy`` and ``attach`` do, in whichever display."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from drucloud_tui import review_text
from drucloud_tui.ask import asker
from drucloud_tui.confirm import confirm
from drucloud_tui.display import Display, Terminal, decide
from drucloud_tui.exit_codes import ExitCode
from drucloud_tui.follow import View, follow
from drucloud_tui.jsonl import JsonView
from drucloud_tui.plain import PlainView
from drucloud_tui.services import LiveServices
from drucloud_tui.summary import lines, summarise
from profiles import store
from profiles.errors import UsageError
from profiles.model import Profile
from provisioners.engine import events as ev
from provisioners.engine.deployment import find
from provisioners.engine.state import DeployState, fold
from provisioners.target import DeploymentId, TargetName
from screens.services import Progress, Review, Services

if TYPE_CHECKING:
    from drucloud_tui.site_code import Confirm


def say(text: str) -> None:
    """One line of narration."""
    print(text, file=sys.stderr, flush=True)


def load_profile(name: str, target: str | None, settings: Sequence[str]) -> Profile:
    """The profile called ``name`` with ``--target`` and ``--set`` applied."""
    answers: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise UsageError(f"--set {setting} has no value.", "Write --set KEY=VALUE.")
        answers[key.strip()] = value
    if target is not None:
        answers["target"] = target
    profile = store.load(store.resolve(name))
    return store.apply(profile, answers) if answers else profile


def choose_display(display: str | None, yes: bool) -> Display:
    """The display of a command that asks before it changes anything; refuses at once where it could not ask."""
    terminal = Terminal.here()
    shown = decide(display, terminal)
    if not yes and not terminal.can_ask:
        raise UsageError(
            "There is no terminal to ask for your consent in.", "Say --yes to go ahead without being asked."
        )
    return shown


def replay(
    name: str,
    target: str | None,
    settings: Sequence[str],
    display: str | None,
    yes: bool,
    services: LiveServices,
) -> int:
    """Deploy a profile."""
    profile = load_profile(name, target, settings)
    shown = choose_display(display, yes)
    if shown == "tui":
        from drucloud_tui import full_screen

        return full_screen.review(services, lambda progress: prepare(services, profile, None, progress), yes, name)
    return deploy(services, profile, shown, yes, name)


def prepare(services: LiveServices, profile: Profile, confirmed: Confirm | None, progress: Progress) -> Review:
    """The review of ``profile``, once its code can be fetched."""
    from drucloud_tui.site_code import secure

    place = services.open_target(profile, progress)
    return services.prepare(secure(services, place.deployment(profile.name), profile, confirmed), progress)


def deploy(services: LiveServices, profile: Profile, shown: Display, yes: bool, name: str) -> int:
    """Deploy ``profile`` in the plain or JSON display.

    :param name: how the profile is named on a command line.
    """
    terminal = Terminal.here()
    confirmed = asker(terminal, "").confirm if terminal.can_ask else None
    return carry_out(services, prepare(services, profile, confirmed, say), shown, yes, name)


def plan(name: str, target: str | None, settings: Sequence[str], services: LiveServices, as_json: bool) -> int:
    """Print what a replay would do."""
    review = services.prepare(load_profile(name, target, settings), say)
    if as_json:
        print(json.dumps({**review.plan, **review_text.as_json(review)}, indent=1))
    else:
        review_text.show(review, sys.stdout)
    return ExitCode.OK


def resume(name: str, target: TargetName | None, display: str | None, yes: bool) -> int:
    """Go on where a deployment ended."""
    deployment = find(name, target)
    shown = choose_display(display, yes)
    services = LiveServices(deployment.state().mode or "auto")
    if shown == "tui":
        from drucloud_tui import full_screen

        return full_screen.review(services, lambda progress: services.prepare_resume(deployment.id, progress), yes, "")
    return carry_out(services, services.prepare_resume(deployment.id, say), shown, yes, "")


def destroy(name: str, target: TargetName | None, display: str | None, yes: bool) -> int:
    """Take a deployment down."""
    deployment = find(name, target)
    shown = choose_display(display, yes)
    services = LiveServices()
    if shown == "tui":
        from drucloud_tui import full_screen

        return full_screen.review(services, lambda progress: services.prepare_destroy(deployment.id, progress), yes, "")
    return carry_out(services, services.prepare_destroy(deployment.id, say), shown, yes, "")


def attach(name: str, target: TargetName | None, display: str | None) -> int:
    """Show the newest run of a deployment and follow it while it is on."""
    shown = decide(display, Terminal.here())
    deployment = find(name, target).id
    services = LiveServices()
    if shown == "tui":
        from drucloud_tui import full_screen

        return full_screen.attach(services, deployment)
    events = services.poll(deployment, 0).events
    starts = [index for index, item in enumerate(events) if isinstance(item.event, ev.RunStarted)]
    if not starts:
        raise UsageError(f"'{name}' was never started.", f"Start it with 'drucloud replay {name}'.")
    return _follow(services, deployment, shown, fold(events[: starts[-1]]), "")


def carry_out(services: LiveServices, review: Review, shown: Display, yes: bool, profile: str) -> int:
    """Show ``review``, ask, launch it and follow it to its end; the exit code."""
    review_text.show(review, sys.stderr)
    confirm(review, yes, Terminal.here())
    before = fold(services.poll(review.deployment, 0).events)
    services.launch(review)
    return _follow(services, review.deployment, shown, before, profile)


def _follow(services: LiveServices, deployment: DeploymentId, shown: Display, before: DeployState, profile: str) -> int:
    view: View = JsonView(sys.stdout, sys.stderr, before) if shown == "json" else PlainView(sys.stderr, before)
    asked_to_stop = follow(services, deployment, view)
    out = sys.stderr if shown == "json" else sys.stdout
    return finish(services, deployment, view.state, asked_to_stop, profile, out)


def finish(
    services: Services,
    deployment: DeploymentId,
    state: DeployState,
    asked_to_stop: bool,
    profile: str,
    out: TextIO,
) -> int:
    """Print the summary of the newest run and give the exit code it deserves."""
    summary = summarise(state, services.site_url(deployment), profile or deployment.name, services.log_path(deployment))
    for line in lines(summary):
        print(line, file=out)
    if state.phase == "ok":
        return ExitCode.OK
    return ExitCode.INTERRUPTED if state.phase == "stopped" and asked_to_stop else ExitCode.FAILED

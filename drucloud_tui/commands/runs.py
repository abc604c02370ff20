"""Commands that plan, start or follow a run of the engine."""

from __future__ import annotations

import click

from drucloud_tui import options
from drucloud_tui.options import examples
from provisioners.target import TargetName


@click.command(
    epilog=examples(
        "drucloud replay starter --target sandbox",
        "drucloud replay mysite.yaml --set web.instance_class=t4g.medium",
        "drucloud replay mysite.yaml --display plain --yes",
        "drucloud replay mysite.yaml --display json --yes > events.jsonl",
    )
)
@options.profile_argument
@options.settings
@options.display
@options.yes
@options.sandbox
@options.planning
@options.engine
def replay(
    profile: str,
    target: str | None,
    settings: tuple[str, ...],
    display: str | None,
    yes: bool,
    sandbox_mode: str,
    refresh: bool,
    allow_replace: bool,
    engine: str | None,
) -> int:
    """Deploy PROFILE without the wizard.

    PROFILE is a YAML file, a saved profile's name or a preset's. Run again, it changes only what differs.
    """
    from drucloud_tui import deploys
    from drucloud_tui.services import LiveServices

    services = LiveServices(sandbox_mode, refresh, allow_replace)
    return deploys.replay(profile, target, options.with_engine(settings, engine), display, yes, services)


@click.command(
    epilog=examples(
        "drucloud plan starter",
        "drucloud plan mysite.yaml --set database.multi_az=true",
        "drucloud plan mysite.yaml --json",
    )
)
@options.profile_argument
@options.settings
@options.sandbox
@options.planning
@options.engine
@click.option("--json", "as_json", is_flag=True, help="The plan as JSON.")
def plan(
    profile: str,
    target: str | None,
    settings: tuple[str, ...],
    sandbox_mode: str,
    refresh: bool,
    allow_replace: bool,
    engine: str | None,
    as_json: bool,
) -> int:
    """Say what a replay of PROFILE would do.

    With the monthly cost. Nothing is changed.
    """
    from drucloud_tui import deploys
    from drucloud_tui.services import LiveServices

    services = LiveServices(sandbox_mode, refresh, allow_replace)
    return deploys.plan(profile, target, options.with_engine(settings, engine), services, as_json)


@click.command(epilog=examples("drucloud resume starter", "drucloud resume starter --display plain --yes"))
@options.deployment
@options.display
@options.yes
def resume(name: str, target: TargetName | None, display: str | None, yes: bool) -> int:
    """Go on with deployment NAME where it ended.

    Whatever ended it: nothing is made twice.
    """
    from drucloud_tui import deploys

    return deploys.resume(name, target, display, yes)


@click.command(epilog=examples("drucloud destroy starter", "drucloud destroy starter --yes"))
@options.deployment
@options.display
@options.yes
def destroy(name: str, target: TargetName | None, display: str | None, yes: bool) -> int:
    """Take deployment NAME down.

    What the profile says to keep (a final database snapshot, the file bucket) is kept and named.
    """
    from drucloud_tui import deploys

    return deploys.destroy(name, target, display, yes)


@click.command(epilog=examples("drucloud attach starter", "drucloud attach starter --display json"))
@options.deployment
@options.display
def attach(name: str, target: TargetName | None, display: str | None) -> int:
    """Show the run of deployment NAME.

    The one that is on, which is followed to its end; or the last one.
    """
    from drucloud_tui import deploys

    return deploys.attach(name, target, display)


COMMANDS = (replay, plan, resume, destroy, attach)

"""``drucloud export``: a profile as files that need no drucloud."""

from __future__ import annotations

from pathlib import Path

import click

from drucloud_tui import options
from drucloud_tui.options import examples

_folder = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))


@click.group(epilog=examples("drucloud export cloudformation mysite/ mysite.yaml", "drucloud export chef chef/"))
def export() -> None:
    """Write a profile as files that work without drucloud."""


@export.command(
    epilog=examples(
        "drucloud export cloudformation mysite/ mysite.yaml",
        "drucloud export cloudformation out/ standard --set site.repository=git@github.com:acme/site.git",
    )
)
@_folder
@options.profile_argument
@options.settings
def cloudformation(folder: Path, profile: str, target: str | None, settings: tuple[str, ...]) -> int:
    """Write PROFILE into FOLDER as a CloudFormation template.

    With the machines' bundles, a script that uploads and deploys, and a README. Asks nobody and changes nothing else.
    """
    from drucloud_tui.deploys import load_profile
    from provisioners.aws.cloudformation_export import export as write

    for path in write(load_profile(profile, target, settings), folder):
        click.echo(path)
    return 0


@export.command(epilog=examples("drucloud export chef chef/", "drucloud export chef chef/ mysite.yaml"))
@_folder
@click.argument("profile", default="drucloud", shell_complete=options.complete_profiles)
@options.settings
def chef(folder: Path, profile: str, target: str | None, settings: tuple[str, ...]) -> int:
    """Write the machines' roles of PROFILE (the preset 'drucloud' if none is named) into FOLDER as a Chef cookbook.

    With its Policyfile, for teams that run a Chef or Cinc server; nothing is created in any account.
    """
    from drucloud_tui.deploys import load_profile
    from provisioners.nodes import chef_export

    written = chef_export.write(load_profile(profile, target, settings), folder)
    click.echo(f"{written} files in {folder}")
    return 0


COMMANDS = (export,)

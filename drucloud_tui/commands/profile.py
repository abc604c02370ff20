"""``drucloud profile``: saved profiles, presets, and the reference of their keys."""

from __future__ import annotations

import json

import click

from drucloud_tui import options
from drucloud_tui.options import examples


@click.group(
    epilog=examples(
        "drucloud profile list",
        "drucloud profile show starter",
        "drucloud profile check mysite.yaml",
        "drucloud profile schema > profile.schema.json",
    )
)
def profile() -> None:
    """Profiles: list, show, check, and the reference of every key."""


@profile.command("list", epilog=examples("drucloud profile list"))
def list_() -> int:
    """Saved profiles and presets, one a line."""
    from profiles import store

    for name in store.saved():
        click.echo(f"{name:<24} saved   {store.resolve(name)}")
    for name in store.presets():
        click.echo(f"{name:<24} preset  {store.about(name)}")
    return 0


@profile.command(epilog=examples("drucloud profile show starter", "drucloud profile show starter > mysite.yaml"))
@options.profile_argument
def show(profile: str) -> int:
    """The whole profile with every default, commented, as YAML."""
    from profiles import store

    click.echo(store.dumps(store.load(store.resolve(profile))), nl=False)
    return 0


@profile.command(epilog=examples("drucloud profile check mysite.yaml"))
@options.profile_argument
def check(profile: str) -> int:
    """Say whether a profile is valid; exits 2 and names file, line and key when not."""
    from profiles import store

    path = store.resolve(profile)
    found = store.load(path)
    click.echo(f"{path}: valid, deployment '{found.name}', target {found.target}")
    return 0


@profile.command(epilog=examples("drucloud profile schema > profile.schema.json"))
def schema() -> int:
    """The JSON Schema of profiles, for editors."""
    from profiles.reference import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
    return 0


@profile.command(epilog=examples("drucloud profile docs"))
def docs() -> int:
    """The reference of every key as Markdown."""
    from profiles.reference import markdown

    click.echo(markdown(), nl=False)
    return 0

"""Options that several commands share, and what the shell completes for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from drucloud_tui.display import DISPLAYS

F = TypeVar("F", bound=Callable[..., Any])


def examples(*commands: str) -> str:
    """The end of a command's help: example command lines, one a line (the backspace keeps click from joining them)."""
    return "\b\nExamples:\n" + "\n".join(f"  {command}" for command in commands)


def display(command: F) -> F:
    """``--display``."""
    return click.option(
        "--display",
        type=click.Choice(DISPLAYS),
        default=None,
        help="How progress is shown; 'auto' draws where the terminal can, else prints plain lines. "
        "DRUCLOUD_DISPLAY sets a default.",
    )(command)


def yes(command: F) -> F:
    """``--yes``."""
    return click.option("--yes", "-y", is_flag=True, help="Go ahead without asking; needed without a terminal.")(
        command
    )


def sandbox(command: F) -> F:
    """``--sandbox``."""
    return click.option(
        "--sandbox",
        "sandbox_mode",
        type=click.Choice(("auto", "machines", "rehearsal")),
        default="auto",
        show_default=True,
        help="Real local machines (Linux, root), or a rehearsal that installs nothing.",
    )(command)


def settings(command: F) -> F:
    """``--target`` and ``--set``: answers that go before the profile's."""
    command = click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change one answer of the profile, e.g. --set web.instance_class=t4g.medium. Repeatable.",
    )(command)
    return click.option(
        "--target",
        type=click.Choice(("auto", "aws", "sandbox")),
        default=None,
        help="Where to; 'auto' is AWS when credentials are found, else the sandbox.",
    )(command)


def engine(command: F) -> F:
    """``--engine``: a short form of one answer."""
    return click.option(
        "--engine",
        type=click.Choice(("direct", "cloudformation")),
        default=None,
        help="Who makes the resources; the same as --set aws.engine=... A deployment stays with its engine.",
    )(command)


def with_engine(settings: tuple[str, ...], engine: str | None) -> tuple[str, ...]:
    """``--set`` with what ``--engine`` says."""
    return (*settings, f"aws.engine={engine}") if engine else settings


def complete_profiles(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Saved profiles and presets, then files."""
    from profiles import store

    names = [name for name in (*store.saved(), *store.presets()) if name.startswith(incomplete)]
    return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]


def complete_deployments(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Deployments that have a journal here."""
    from provisioners.engine.deployment import all_deployments

    names = {deployment.id.name for deployment in all_deployments()}
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


def deployment(command: F) -> F:
    """``NAME`` and ``--target``: which deployment is meant."""
    command = click.option(
        "--target", type=click.Choice(("aws", "sandbox")), default=None, help="Which one, where both have that name."
    )(command)
    return click.argument("name", shell_complete=complete_deployments)(command)


def planning(command: F) -> F:
    """``--refresh`` and ``--allow-replace``: how far a plan may go."""
    command = click.option(
        "--refresh", is_flag=True, help="Take newer answers of the account (AMI, engine versions) than pinned."
    )(command)
    return click.option(
        "--allow-replace", is_flag=True, help="Allow a change that deletes a resource with its data and makes it again."
    )(command)


profile_argument = click.argument("profile", shell_complete=complete_profiles)

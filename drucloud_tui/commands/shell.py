"""``drucloud completion``: completion scripts for shells."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from drucloud_tui.options import examples
from profiles.errors import FailedError


@click.command(
    epilog=examples(
        "drucloud completion bash > ~/.local/share/bash-completion/completions/drucloud",
        'drucloud completion zsh > "${fpath[1]}/_drucloud"',
        "drucloud completion fish > ~/.config/fish/completions/drucloud.fish",
    )
)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print the completion script for SHELL."""
    kind = get_completion_class(shell)
    if kind is None:
        raise FailedError(f"This version of click has no completion for {shell}.")
    click.echo(kind(context.find_root().command, {}, "drucloud", "_DRUCLOUD_COMPLETE").source())
    return 0


COMMANDS = (completion,)

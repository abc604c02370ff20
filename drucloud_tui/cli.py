"""The command line: the group, its help, and the top of the program.

Nothing heavy is imported here: ``drucloud --help`` and ``--version`` load neither Textual nor boto3.
"""

from __future__ import annotations

import logging
import os
import sys

import click

from drucloud_tui import failures, options, signals
from drucloud_tui.commands import account, examine, export, money, profile, runs, sandbox, shell
from drucloud_tui.exit_codes import ExitCode, table
from drucloud_tui.version import version_line

_HELP = """Build a fast Drupal stack in your own AWS account, or in the sandbox on this machine.

Without a command it opens the wizard: a few screens of questions, a review with the monthly cost, then the deploy,
live. No AWS account is needed to try it.

\b
Examples:
  drucloud                                     the wizard
  drucloud plan starter                        what would be created, and what it costs
  drucloud replay starter --target sandbox     deploy a profile without the wizard
  drucloud health starter                      is the site well?
  drucloud destroy starter                     take everything down
"""

_EPILOG = f"""\b
Exit codes:
{table()}

\b
Data goes to standard output, everything else to standard error.
Environment: DRUCLOUD_DISPLAY, DRUCLOUD_STATE, DRUCLOUD_CONFIG, DRUCLOUD_CACHE, NO_COLOR, ACCESSIBLE.
"""


def _version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if not value or context.resilient_parsing:
        return
    click.echo(version_line())
    context.exit()


@click.group(
    invoke_without_command=True,
    help=_HELP,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Say the version.")
@options.display
@options.sandbox
@click.pass_context
def cli(context: click.Context, display: str | None, sandbox_mode: str) -> None:
    """The wizard, when no command is given."""
    if context.invoked_subcommand is None:
        from drucloud_tui.wizard import wizard

        context.exit(wizard(display, sandbox_mode))


for command in (
    *runs.COMMANDS,
    *examine.COMMANDS,
    *export.COMMANDS,
    *account.COMMANDS,
    *money.COMMANDS,
    sandbox.sandbox,
    profile.profile,
    *shell.COMMANDS,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line and exit with its code."""
    _stand_in_for_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # Text from AWS or a repository may hold characters that the terminal's encoding lacks.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    # What libraries log (paramiko: whole tracebacks) is not for the terminal; what matters comes as an error.
    logging.getLogger().addHandler(logging.NullHandler())
    signals.install()
    sys.exit(run())


def _stand_in_for_closed_streams() -> None:
    """``drucloud >&-``: Python has no such stream then, and the next file opened would get its number."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))


def run(arguments: list[str] | None = None) -> int:
    """Run with ``arguments`` (default: those of the process) and return the exit code; every error is handled."""
    try:
        code = cli.main(arguments, prog_name="drucloud", standalone_mode=False)
    except (Exception, KeyboardInterrupt, signals.SignalledError) as error:
        return failures.handle(error)
    return code if isinstance(code, int) else ExitCode.OK

"""Commands for what stands: a deployment's health, its caches, this machine. They change no resource."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from drucloud_tui import options
from drucloud_tui.options import examples
from provisioners.target import TargetName


@click.command(
    epilog=examples(
        "drucloud health starter",
        "drucloud health starter --once",
        "drucloud health starter --watch --interval 60",
        "drucloud health starter --nagios",
        "drucloud health starter --since 7d",
        "drucloud health starter --urls sitemap",
        "drucloud health starter --load --path /",
    )
)
@options.deployment
@options.display
@click.option("--once", is_flag=True, help="One examination as a table on standard output.")
@click.option("--json", "as_json", is_flag=True, help="As JSON on standard output; with --watch one object a line.")
@click.option("--watch", is_flag=True, help="Examine again and again; one line each time, and one for each change.")
@click.option(
    "--interval", type=click.FloatRange(min=5), default=30.0, show_default=True, help="Seconds between examinations."
)
@click.option("--rounds", type=click.IntRange(min=0), default=0, help="With --watch: stop after so many; 0 goes on.")
@click.option("--nagios", is_flag=True, help="One line with a monitoring plugin's own exit codes (0, 1, 2, 3).")
@click.option(
    "--prometheus",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE",
    help="Also write FILE for Prometheus' textfile collector.",
)
@click.option(
    "--notify", default="", metavar="TOPIC_ARN", help="Tell an SNS topic when the status or its causes change."
)
@click.option(
    "--urls",
    default="",
    metavar="FILE|sitemap",
    help="Cache-hit check: ask for each page twice, at a bounded rate, and say which layer answered.",
)
@click.option(
    "--limit", type=click.IntRange(1, 50_000), default=1000, show_default=True, help="Pages of --urls at most."
)
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 200),
    default=20.0,
    show_default=True,
    help="Requests a second of --urls at most.",
)
@click.option("--fix", is_flag=True, help="Mend what is safe to mend by itself: shows the command and asks first.")
@click.option("--load", is_flag=True, help="Load the site for a moment, from its own admin server; asks first.")
@click.option("--path", default="/", show_default=True, help="The page of --load.")
@click.option(
    "--seconds", type=click.IntRange(1, 30), default=10, show_default=True, help="Length of each of its loads."
)
@options.yes
@click.option("--since", default="", metavar="SPAN", help="What the history says: availability and changes, e.g. 7d.")
def health(name: str, target: TargetName | None, **how: Any) -> int:
    """Examine deployment NAME.

    Its site, caches, database, machines and services, and whether the account still holds what was built.

    Exits 0 when nothing failed, 1 when something did. 'unknown' is no failure.
    """
    from drucloud_tui import health_command

    return health_command.health(name, target, health_command.How(**how))


@click.command(epilog=examples("drucloud warm starter", "drucloud warm starter --json"))
@options.deployment
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON.")
def warm(name: str, target: TargetName | None, as_json: bool) -> int:
    """Warm the caches of deployment NAME now.

    The pages of its sitemap, from every web server and then from the CDN; what is still fresh is not asked for again.
    """
    from drucloud_tui import warm_command

    return warm_command.warm(name, target, as_json)


@click.command(epilog=examples("drucloud doctor", "drucloud doctor --json"))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def doctor(as_json: bool) -> int:
    """Look at this machine.

    Python, packages, terminal, sandbox, credentials, folders, disk.

    Exits 0 when drucloud can work here, 1 when something prevents it.
    """
    from drucloud_tui import doctor as examination

    return examination.doctor(as_json)


COMMANDS = (health, warm, doctor)

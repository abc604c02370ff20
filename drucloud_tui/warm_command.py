"""What ``warm`` does: runs the pre-warmer of a deployment and prints its summary."""

from __future__ import annotations

import json
import sys

import click

from drucloud_tui.exit_codes import ExitCode
from drucloud_tui.services import LiveServices
from provisioners.engine.deployment import find
from provisioners.nodes.warm import warm as run
from provisioners.target import TargetName


def warm(name: str, target: TargetName | None, as_json: bool) -> int:
    """Warm the caches; a line for each of them, or the summary as JSON."""
    deployment = find(name, target)
    services = LiveServices()
    place = services.target(services.profile_of(deployment.id))
    summary = run(place, deployment.folder, deployment.state(), lambda line: click.echo(line, file=sys.stderr))
    if as_json:
        print(json.dumps(summary, indent=1, sort_keys=True))
        return ExitCode.OK
    print(f"{summary['pages']} pages, {summary['seconds']} s")
    for cache, counts in summary["places"].items():
        print(f"{cache}: " + ", ".join(f"{number} {what}" for what, number in sorted(counts.items())))
    return ExitCode.OK

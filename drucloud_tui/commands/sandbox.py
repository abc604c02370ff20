"""``drucloud sandbox``: the local AWS API and machines, which outlive the command that started them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from drucloud_tui import options
from drucloud_tui.options import examples

if TYPE_CHECKING:
    from provisioners.sandbox.client import Sandbox


@click.group(epilog=examples("drucloud sandbox start", "drucloud sandbox status", "drucloud sandbox stop"))
def sandbox() -> None:
    """The sandbox on this machine: start, look, stop."""


@sandbox.command(epilog=examples("drucloud sandbox status", "drucloud sandbox status --json"))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(as_json: bool) -> int:
    """Say whether it runs, how, and what exists in it."""
    from provisioners.sandbox import client

    running = client.running()
    facts = {"running": False} if running is None else {"running": True, **running.status(), **_resources(running)}
    if as_json:
        click.echo(json.dumps(facts, indent=1, default=str))
        return 0
    if running is None:
        click.echo("The sandbox does not run; 'drucloud replay starter --target sandbox' starts it.")
        return 0
    for name, value in facts.items():
        click.echo(f"{name.replace('_', ' '):<16} {json.dumps(value) if isinstance(value, dict | list) else value}")
    return 0


def _resources(running: Sandbox) -> dict[str, list[str]]:
    return {"resources": [f"{kind} {name}" for kind, names in running.census().items() for name in names]}


@sandbox.command(epilog=examples("drucloud sandbox start", "drucloud sandbox start --port 5005 --sandbox rehearsal"))
@options.sandbox
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of its AWS API on loopback; 0: any free.")
def start(sandbox_mode: str, port: int) -> int:
    """Start it, if it does not run.

    A deploy to the sandbox does that by itself. It goes on until it is stopped.
    """
    from provisioners.sandbox import client

    running = client.ensure(sandbox_mode, progress=lambda text: click.echo(text, err=True), port=port)
    click.echo(f"The sandbox runs in mode {running.mode} ({running.reason}).", err=True)
    click.echo(running.endpoint)
    return 0


@sandbox.command(epilog=examples("sudo drucloud sandbox setup", "drucloud sandbox setup --check"))
@click.option("--check", is_flag=True, help="Only name what is missing.")
def setup(check: bool) -> int:
    """Install the system packages that real machines need.

    One announced apt transaction, as root on Debian or Ubuntu; elsewhere it says what to install.
    """
    from provisioners.sandbox import setup as system

    if not system.missing():
        click.echo("Every system package that the sandbox needs is there.", err=True)
    return system.main(["--check" if check else "--install"])


@sandbox.command(epilog=examples("drucloud sandbox stop"))
def stop() -> int:
    """Stop it: every machine and resource in it is gone afterwards, and so is what stands in it."""
    from provisioners.sandbox import client

    if client.running() is None:
        click.echo("The sandbox does not run.", err=True)
        return 0
    client.stop()
    click.echo("The sandbox is stopped; nothing of it is left.", err=True)
    return 0

"""Commands about sizes and prices; they look, and change nothing that runs."""

from __future__ import annotations

from typing import Any

import click

from drucloud_tui.options import complete_profiles, examples


@click.command(
    epilog=examples(
        "drucloud size 300000",
        "drucloud size 1000000 --logged-in 20% --region eu-central-1",
        "drucloud size 300000 --assume peak_over_average=20",
        "drucloud size 300000 --profile mysite.yaml --json",
    )
)
@click.argument("visits")
@click.option("--logged-in", default="5%", show_default=True, metavar="SHARE", help="Visits by logged-in users.")
@click.option("--profile", default="starter", show_default=True, shell_complete=complete_profiles, help="What to size.")
@click.option("--region", default="", metavar="REGION", help="Where; default: the profile's region.")
@click.option("--assume", multiple=True, metavar="NAME=NUMBER", help="Another number for an assumption. Repeatable.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def size(**wish: Any) -> int:
    """Say which classes and counts carry VISITS a month.

    With the reasons, the assumptions and the monthly price. 'drucloud replay PROFILE --set traffic.visits=VISITS' takes
    them; whatever is set beside it stays as set.
    """
    from drucloud_tui import size_command

    return size_command.size(size_command.Wish(**wish))


@click.group(epilog=examples("drucloud prices refresh --region eu-central-1", "drucloud prices show"))
def prices() -> None:
    """AWS's prices: how old the ones here are, and newer ones."""


@prices.command(epilog=examples("drucloud prices refresh", "drucloud prices refresh --region eu-central-1"))
@click.option("--region", default="us-east-1", show_default=True, metavar="REGION", help="Whose prices.")
@click.option("--aws-profile", default="", metavar="NAME", help="Profile of your AWS configuration to ask with.")
def refresh(region: str, aws_profile: str) -> int:
    """Read the newest prices of a region from AWS's price list.

    Needs credentials that may call pricing:GetProducts. Without network nothing changes: the dated prices hold on.
    """
    from drucloud_tui import prices_command

    return prices_command.refresh(region, aws_profile)


@prices.command(epilog=examples("drucloud prices show", "drucloud prices show --region eu-central-1"))
@click.option("--region", default="us-east-1", show_default=True, metavar="REGION", help="Whose prices.")
def show(region: str) -> int:
    """Say from which day the prices of a region are."""
    from drucloud_tui import prices_command

    return prices_command.show(region)


COMMANDS = (size, prices)

"""Commands for whoever guards the AWS account: the deployer's policy, templates to take away."""

from __future__ import annotations

import json

import click

from drucloud_tui import options
from drucloud_tui.options import examples


@click.command(
    "iam-policy",
    epilog=examples(
        "drucloud iam-policy starter",
        "drucloud iam-policy mysite.yaml --account 111122223333 > deployer.json",
        "drucloud iam-policy drucloud --split policies",
    ),
)
@options.profile_argument
@options.settings
@click.option("--account", default="", metavar="ID", help="Your account's id; else aws.expected_account, else any.")
@click.option(
    "--split",
    type=click.Path(file_okay=False),
    default=None,
    metavar="DIR",
    help="Write files below IAM's limit of 6,144 characters into DIR, one managed policy each.",
)
def iam_policy(profile: str, target: str | None, settings: tuple[str, ...], account: str, split: str | None) -> int:
    """Print the smallest IAM policy that can deploy PROFILE.

    And replay, change and destroy it, and look at its health. Asks nobody and changes nothing.
    """
    from drucloud_tui import account_command
    from drucloud_tui.deploys import load_profile

    made = account_command.policy_of(load_profile(profile, target, settings), account)
    if split is not None:
        for path in account_command.write_parts(made, split):
            click.echo(path)
        return 0
    click.echo(json.dumps(made, indent=1))
    return 0


COMMANDS = (iam_policy,)

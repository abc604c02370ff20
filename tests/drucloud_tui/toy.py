"""A real engine with steps that only wait: what the front end does while a run goes on, without AWS or machines.

As a program it is the engine process (``toy.py FOLDER``) or, without a folder, a plain view on a new run of it
(``toy.py --view``).
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from drucloud_tui import failures, signals
from drucloud_tui.deploys import finish
from drucloud_tui.follow import follow
from drucloud_tui.plain import PlainView
from drucloud_tui.services import LiveServices
from profiles.model import Profile
from profiles.store import dumps
from provisioners.blueprint.graph import Blueprint
from provisioners.engine import launcher
from provisioners.engine.deployment import Deployment
from provisioners.engine.kinds import StepResult
from provisioners.engine.plan import plan
from provisioners.engine.process import serve
from provisioners.engine.request import Request
from provisioners.engine.state import DeployState
from provisioners.target import DeploymentId, DirectDialer, Target

ID = DeploymentId("sandbox", "123456789012", "us-east-1", "toy")
SECONDS = float(os.environ.get("TOY_SECONDS", "0.1"))


class Wait:
    """Takes a while and changes nothing that matters."""

    type = "Drucloud::Node"
    expected_seconds = 1.0

    def children(self, properties):
        return ()

    async def run(self, context):
        await asyncio.sleep(SECONDS)
        return StepResult(changed=True, summary="waited")

    async def undo(self, context):
        pass


STEPS = {"Drucloud::Node": Wait()}


def _step(label, *after):
    body = {"Type": "Drucloud::Node", "Properties": {}, "Metadata": {"Drucloud": {"Tier": "web", "Label": label}}}
    return {**body, "DependsOn": list(after)} if after else body


TEMPLATE = {"Resources": {"One": _step("first wait"), "Two": _step("second wait", "One")}}


def open_target(request=None):
    return Target("sandbox", ID.account, ID.region, None, DirectDialer(), "machines")


def launch():
    """Start the engine on a new run."""
    profile = Profile(name="toy", target="sandbox")
    blueprint = Blueprint(TEMPLATE)
    deployment = Deployment(ID)
    made = plan(ID, blueprint, deployment.state(), {}, {}, STEPS, lookups={}, prices={})
    request = Request("create", ID, "machines", dumps(profile), TEMPLATE, made)
    launcher.start(deployment, request, (sys.executable, __file__))


def view():
    """Launch, follow in the plain display, and print the summary."""
    services = LiveServices()
    launch()
    shown = PlainView(sys.stderr, DeployState())
    asked = follow(services, ID, shown)
    return finish(services, ID, shown.state, asked, "toy", sys.stdout)


def main():
    if sys.argv[1] != "--view":
        return serve(Path(sys.argv[1]), {}, STEPS, open_target)
    signals.install()
    try:
        return view()
    except BaseException as error:
        return failures.handle(error)


if __name__ == "__main__":
    sys.exit(main())

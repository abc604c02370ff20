"""One deployment in a fake cloud: blueprint, review, run, kill, resume."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from provisioners.blueprint.graph import Blueprint
from provisioners.engine import events as ev
from provisioners.engine.journal import Journal
from provisioners.engine.operations import observe_standing
from provisioners.engine.pace import Pace
from provisioners.engine.plan import Plan, plan, plan_destroy
from provisioners.engine.request import Request
from provisioners.engine.run import run
from provisioners.engine.state import DeployState, fold
from provisioners.engine.stop import Stop
from provisioners.target import DeploymentId, Target
from tests.provisioners.engine.cloud import KINDS, Cloud, Mortal, Step

ID = DeploymentId("sandbox", "123456789012", "us-east-1", "starter")
FAST = Pace(poll=0.002, gather=0.001, visible=0.01, in_use=5.0, patience=5.0, first_pause=0.001, longest_pause=0.01)


def resource(type_name: str, tier: str, **properties: Any) -> dict[str, Any]:
    policy = {"DeletionPolicy": properties.pop("policy")} if "policy" in properties else {}
    body = {"Type": type_name, "Properties": properties, "Metadata": {"Drucloud": {"Tier": tier, "Label": ""}}}
    return {**body, **policy}


def template(**resources: dict[str, Any]) -> dict[str, Any]:
    for name, body in resources.items():
        body["Metadata"]["Drucloud"]["Label"] = name.lower()
    return {"Resources": resources}


def starter(size: int = 1, zone: str = "a") -> dict[str, Any]:
    """Something of each class of recovery, and a step."""
    return template(
        Net=resource("AWS::Fake::Net", "network", Range="10"),
        Gate=resource("AWS::Fake::Net", "network"),
        Door=resource("AWS::Fake::Link", "network", From={"Ref": "Gate"}, To={"Ref": "Net"}),
        Base=resource("AWS::Fake::Base", "database", Net={"Ref": "Net"}, Size=size),
        Web=resource("AWS::Fake::Machine", "web", Net={"Ref": "Net"}, Zone=zone, Size=size),
        Node=resource("Drucloud::Node", "web", Machine={"Ref": "Web"}, Name={"Fn::GetAtt": ["Base", "Name"]}),
    )


class KillableJournal(Journal):
    """Dies before or after its n-th commit."""

    mortal = Mortal()
    kill_at = 0
    kill_after = False
    commits = 0

    @classmethod
    def open(cls, path: Path) -> Self:
        """Without waiting for the disk: what is killed here is a process, never the machine."""
        journal = super().open(path)
        journal._connection.execute("PRAGMA synchronous=OFF")
        return journal

    def append(self, *events: ev.Event) -> None:
        self.mortal.breathe()
        self.commits += 1
        here = self.commits == self.kill_at
        if here and not self.kill_after:
            self.mortal.kill()
        super().append(*events)
        if here:
            self.mortal.kill()

    def append_soon(self, event: ev.Event) -> None:
        if not self.mortal.dead:
            super().append_soon(event)


class Lab:
    """A deployment whose engine runs in this process."""

    def __init__(self, folder: Path, cloud: Cloud | None = None, pace: Pace = FAST) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.cloud = cloud or Cloud()
        self.pace = pace
        self.node = Step("Drucloud::Node")
        self.steps: dict[str, Any] = {"Drucloud::Node": self.node}
        self.stop = Stop()

    @property
    def target(self) -> Target:
        return Target("sandbox", ID.account, ID.region, self.cloud, None, "rehearsal")  # type: ignore[arg-type]

    def events(self) -> list[ev.Stamped]:
        with Journal.open(self.folder / "journal.db") as journal:
            return journal.read()

    def state(self) -> DeployState:
        return fold(self.events())

    def plan(self, wanted: Mapping[str, Any]) -> Plan:
        state = self.state()
        observed = observe_standing(state, self.target, KINDS)
        return plan(ID, Blueprint(wanted), state, observed, KINDS, self.steps, lookups={"image": "ami-1"})

    def request(self, wanted: Mapping[str, Any] | None) -> Request:
        if wanted is None:
            return Request("destroy", ID, "rehearsal", "name: starter\n", {}, plan_destroy(ID, self.state()))
        return Request("create", ID, "rehearsal", "name: starter\n", wanted, self.plan(wanted))

    def create(self, wanted: Mapping[str, Any] | None = None, **kill: Any) -> ev.RunOutcome:
        return self.run(self.request(wanted or starter()), **kill)

    def destroy(self, **kill: Any) -> ev.RunOutcome:
        return self.run(self.request(None), **kill)

    def run(self, request: Request, *, kill_at: int = 0, kill_after: bool = False) -> ev.RunOutcome:
        """One process: alive until it is killed, here or by the cloud."""
        mortal = self.cloud.mortal = Mortal()
        self.stop = Stop()
        journal = KillableJournal.open(self.folder / "journal.db")
        journal.mortal, journal.kill_at, journal.kill_after = mortal, kill_at, kill_after
        try:
            return asyncio.run(
                run(
                    request, self.target, KINDS, self.steps,
                    journal=journal, folder=self.folder, stop=self.stop, pace=self.pace,
                )
            )  # fmt: skip
        finally:
            if mortal.dead:
                self.cloud.mortal = Mortal()
            journal.commits = -(10**9)
            journal.mortal = Mortal()
            journal.close()

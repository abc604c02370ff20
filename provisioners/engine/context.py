"""What all parts of one run share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provisioners.engine import events as ev
from provisioners.engine.calls import Calls, Tell
from provisioners.engine.journal import Journal
from provisioners.engine.kinds import Observed, Part, ResourceKind, StepKind, Wanted
from provisioners.engine.plan import PlanLine
from provisioners.engine.resolve import Resolver
from provisioners.engine.state import DeployState, StepState
from provisioners.engine.stop import Stop
from provisioners.engine.watch import Watch
from provisioners.foreign_text import clean_line
from provisioners.target import DeploymentId, Target


@dataclass
class RunContext:
    """One run: its place, its hands, and what it knows so far.

    :param before: the state as the run found it.
    :param observed: by logical id, what AWS said at the start about what the journal gives an identity.
    :param attributes: by logical id, of what stands by now; filled as the run goes on.
    :param step_calls: threads for the blocking parts of our steps, so that they never keep AWS waiting.
    :param incarnation: differs after each complete destroy, so that no token is ever used twice.
    """

    deployment: DeploymentId
    run: str
    incarnation: str
    target: Target
    kinds: Mapping[str, ResourceKind]
    steps: Mapping[str, StepKind]
    journal: Journal
    folder: Path
    before: DeployState
    observed: Mapping[str, Observed]
    calls: Calls
    step_calls: Calls
    attributes: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.watch = Watch(self.target.aws, self.kinds, self.calls)
        self.resolver = Resolver(self.deployment, self.attributes)
        self._parts: dict[str, dict[str, Part]] = {}

    @property
    def stop(self) -> Stop:
        """The wish to stop."""
        return self.calls.stop

    async def store(self, *events: ev.Event) -> None:
        """Journal ``events``; on disk on return."""
        await self.calls.once(self.journal.append, *events)

    def tell(self, step: str) -> Tell:
        """A function that shows one line as what ``step`` is doing; foreign text is cleaned. Thread-safe."""
        return lambda text: self.journal.append_soon(ev.StepProgress(step, clean_line(text)))

    def show_parts(self, step: str, seen: Observed) -> None:
        """Tell the states of what stands inside ``step``, as far as they are new."""
        shown = self._parts.setdefault(step, {})
        for name, part in seen.parts.items():
            if shown.get(name) != part:
                shown[name] = part
                self.journal.append_soon(ev.ChildChanged(step, name, part.status, clean_line(part.text)))
                self.journal.append_soon(ev.LogLine(step, clean_line(f"{name}: {part.text}")))

    def new_token(self, logical_id: str) -> str:
        """Token of a new intent to create: the run's id tells it from earlier things of the same logical id."""
        return self.deployment.token(self.incarnation, logical_id, "create", self.run)

    def wanted(self, line: PlanLine | StepState, properties: Mapping[str, Any], token: str) -> Wanted:
        """``line`` as its kind takes it."""
        tags = {
            "drucloud:deployment": self.deployment.name,
            "drucloud:resource": line.id,
            "drucloud:intent": token,
            "Name": f"{self.deployment.name}-{line.id}",
        }
        return Wanted(self.deployment, line.id, line.type, properties, token, tags)

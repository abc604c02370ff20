"""A deployment's journal, read and folded in a thread: the event loop is left to draw.

Folding is pure (:func:`provisioners.engine.state.fold`): a state may be handed from thread to thread. What a new run's
plan costs, putting thousands of steps in order, is paid here too.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioners.engine.state import DeployState, fold
from provisioners.target import DeploymentId
from screens.critical_path import CriticalPath
from screens.progress import rows_of, tiers_of
from screens.services import Services
from screens.tally import Tallies
from screens.widgets.row_tree import Row


@dataclass(frozen=True)
class NewRun:
    """A run began: its plan has every row there will be."""

    rows: list[Row]
    tallies: Tallies
    path: CriticalPath


@dataclass(frozen=True)
class News:
    """What one look at the journal found.

    :param anything: whether there were events; that a run is over changes no step.
    :param began: the run that began since the look before.
    """

    anything: bool
    state: DeployState
    changed: frozenset[str]
    engine_running: bool
    began: NewRun | None = None


class LiveJournal:
    """One deployment's; used by one thread at a time."""

    def __init__(self, services: Services, deployment: DeploymentId) -> None:
        self._services = services
        self._deployment = deployment
        self._state = DeployState()
        self._run = ""
        self._read = 0

    def look(self) -> News:
        """Read and fold what is new."""
        batch = self._services.poll(self._deployment, self._read)
        if not batch.events:
            return News(False, self._state, frozenset(), batch.engine_running)
        self._read = batch.events[-1].number
        self._state = fold(batch.events, into=self._state)
        began = None
        if self._state.run != self._run:
            self._run = self._state.run
            began = _began(self._state)
        return News(True, self._state, self._state.dirty, batch.engine_running, began)


def _began(state: DeployState) -> NewRun:
    lines = state.plan.get("lines", [])
    tallies = Tallies({tier: [line["id"] for line in members] for tier, members in tiers_of(lines).items()})
    tallies.count(state.steps.values())
    return NewRun(rows_of(lines, expanded=False), tallies, CriticalPath(lines))

"""Where a run deserves to be looked at: what failed first, else what began last."""

from __future__ import annotations

from collections.abc import Iterable

from provisioners.engine.state import DeployState, StepState


class Attention:
    """Keeps account of what runs and of what failed, by the steps that changed."""

    def __init__(self) -> None:
        self.at_work: set[str] = set()
        self.failed: set[str] = set()

    def note(self, state: DeployState, changed: Iterable[str]) -> bool:
        """Look at what changed; whether the failed ones are others now."""
        before = len(self.failed)
        for name in changed:
            status = state.steps[name].status
            for kept, wanted in ((self.at_work, "running"), (self.failed, "failed")):
                kept.add(name) if status == wanted else kept.discard(name)
        return len(self.failed) != before

    def wanted(self, state: DeployState) -> tuple[StepState, str] | None:
        """The step to stand on, and the part of it (empty: none)."""
        failed = min((state.steps[name] for name in self.failed), key=_began, default=None)
        step = failed or max((state.steps[name] for name in self.at_work), key=_began, default=None)
        if step is None:
            return None
        return step, next((part.id for part in step.children.values() if part.status in ("failed", "running")), "")


def _began(step: StepState) -> float:
    return step.started_at

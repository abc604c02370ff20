"""A deployment under observation: examined again and again, each round kept in its history."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from health.check import Found
from health.diagnosis import Diagnosis, diagnose
from health.fixes import Fix, apply
from health.history import Change, History
from health.live import open_examination
from health.report import Finding
from health.scene import Scene
from provisioners.engine.deployment import Deployment
from provisioners.target import Target


@dataclass(frozen=True)
class Round:
    """One round: what was found, what changed since the one before, and what causes what is not ok."""

    at: float
    seconds: float
    findings: Sequence[Finding]
    changes: Sequence[Change]
    diagnoses: Sequence[Diagnosis]


class Watch:
    """Looks at one deployment; a context manager. One thread at a time."""

    def __init__(self, deployment: Deployment, target: Target) -> None:
        """Raises ``UsageError`` when the deployment does not stand."""
        self.name = deployment.id.name
        self.target = target
        self._examination = open_examination(deployment, target)
        self.history = History(deployment.folder)

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close SSH connections, entrance and history."""
        self._examination.close()
        self.history.close()

    @property
    def scene(self) -> Scene:
        """What is examined, for whoever asks it something else over the same connections."""
        return self._examination.scene

    def fix(self, fix: Fix) -> None:
        """Run a fix that the user has said yes to; raises ``DrucloudError``."""
        apply(self.scene, fix)

    def round(self, found: Found = lambda finding: None) -> Round:
        """Look at everything now."""
        began = time.monotonic()
        seen = self._examination.round(found)
        seconds = time.monotonic() - began
        findings, changes = self.history.record(seen, seconds)
        return Round(time.time(), seconds, findings, changes, diagnose(findings))

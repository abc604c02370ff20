"""``Drucloud::Check`` for the engine: the examination as the last step of a deploy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from health.check import examine
from health.report import Finding
from profiles.errors import FailedError
from provisioners.engine.kinds import Child, StepContext, StepKind, StepResult

ATTEMPTS = 3
"""A site may need a moment after its first deploy; a check is believed to fail after this many looks."""


class Check:
    """Proves that the site, its caches and its database work; fails when one does not."""

    type = "Drucloud::Check"
    expected_seconds = 10.0

    def children(self, properties: Mapping[str, Any]) -> Sequence[Child]:
        """None: what is found is shown on the health page."""
        return ()

    async def run(self, context: StepContext) -> StepResult:
        """Look until nothing fails, at most :data:`ATTEMPTS` times; raises ``FailedError`` naming the first failure."""
        findings: list[Finding] = []
        for attempt in range(1, ATTEMPTS + 1):
            context.progress("looking" if attempt == 1 else f"looking again ({attempt} of {ATTEMPTS})")
            findings = await context.in_thread(
                examine, context.properties, context.target, context.folder, lambda finding: None
            )
            if not any(finding.status == "fail" for finding in findings):
                break
        for finding in findings:
            context.finding(finding.to_json())
        return _result(findings)

    async def undo(self, context: StepContext) -> None:
        """Nothing outlives the machines."""


def _result(findings: Sequence[Finding]) -> StepResult:
    failed = [finding for finding in findings if finding.status == "fail"]
    if failed:
        first = failed[0]
        raise FailedError(f"{len(failed)} check(s) failed; {first.name}: {first.why}", first.remedy)
    counts = {status: sum(finding.status == status for finding in findings) for status in ("ok", "warn", "unknown")}
    summary = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    return StepResult(changed=False, summary=summary)


STEPS: dict[str, StepKind] = {Check.type: Check()}
"""The step kinds of this package."""

"""What stays in the scrollback after a run: the site's URL, counts, time, cost, and the next three commands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drucloud_tui.review_text import monthly
from drucloud_tui.words import dollars, duration
from provisioners.engine.state import DeployState, StepState

_WORDS = {
    "created": "created",
    "changed": "changed",
    "replaced": "replaced",
    "kept": "unchanged",
    "passed": "checked",
    "deleted": "deleted",
    "retained": "kept",
}
_CHANGES = ("created", "changed", "replaced", "deleted")


@dataclass(frozen=True)
class Summary:
    """The end of one run, ready to be printed.

    :param monthly_usd: what stands now, as of the plan's prices.
    :param failed: the first step that failed; ``None`` when none did.
    :param standing: how many AWS resources stand.
    :param kept: what a destroy left, and why.
    :param error: what ended the run, where it was no step.
    """

    name: str
    verb: str
    phase: str
    mode: str
    seconds: float
    counts: Counter[str]
    monthly_usd: float
    site_url: str
    profile: str
    log: Path
    failed: StepState | None
    standing: int
    kept: tuple[str, ...]
    error: str

    @property
    def changes(self) -> int:
        """How many steps changed anything."""
        return sum(self.counts[word] for word in _CHANGES)


def summarise(state: DeployState, site_url: str, profile: str, log: Path) -> Summary:
    """The summary of the newest run in ``state``.

    :param profile: how the profile is named on a command line (a path or a saved profile's name).
    """
    planned = [state.steps[line["id"]] for line in state.plan["lines"] if line["id"] in state.steps]
    return Summary(
        name=state.name,
        verb=state.verb,
        phase=state.phase,
        mode=state.mode,
        seconds=state.seconds,
        counts=Counter(_WORDS[step.outcome] for step in planned if step.status == "done" and step.outcome in _WORDS),
        monthly_usd=monthly(state.plan),
        site_url=site_url,
        profile=profile,
        log=log,
        failed=next((step for step in planned if step.status == "failed"), None),
        standing=len(state.standing()),
        kept=tuple(state.summary.get("kept", ())),
        error=str(state.summary.get("error", "")),
    )


def lines(summary: Summary) -> Iterator[str]:
    """The summary as text lines."""
    yield ""
    yield _headline(summary)
    if summary.mode == "rehearsal":
        yield "This was a REHEARSAL: no software was installed anywhere."
    if summary.site_url and summary.phase == "ok" and summary.verb != "destroy":
        yield f"Site:     {summary.site_url}"
    parts = [f"{count} {word}" for word, count in sorted(summary.counts.items())]
    yield f"Steps:    {', '.join(parts) or 'none'}, in {duration(summary.seconds)}"
    if summary.failed:
        yield f"Failed:   {summary.failed.label}: {summary.failed.error}"
        if summary.failed.advice:
            yield f"          {summary.failed.advice}"
    if summary.error:
        yield f"Failed:   {summary.error}"
    yield from _what_stands(summary)
    yield f"Log:      {summary.log}"
    yield "Next:"
    yield from (f"  {command:<{_WIDTH}}  {why}" for command, why in _next(summary))


_WIDTH = 34


def _headline(summary: Summary) -> str:
    name = f"'{summary.name}'"
    if summary.phase == "stopped":
        return f"{name} was stopped at a safe point."
    if summary.phase == "failed":
        return f"{name} is not finished: a step failed."
    if summary.verb == "destroy":
        return f"{name} is gone."
    if not summary.changes:
        return f"{name} stands as it should: nothing changed."
    return f"{name} was rehearsed." if summary.mode == "rehearsal" else f"{name} stands."


def _what_stands(summary: Summary) -> Iterator[str]:
    for what in summary.kept:
        yield f"Kept:     {what}; it may go on costing money"
    if summary.verb == "destroy" and summary.phase == "ok":
        return
    cost = f"{dollars(summary.monthly_usd)} a month"
    if summary.mode != "aws":
        yield f"Cost:     nothing here; on AWS about {cost}"
    elif summary.phase == "ok":
        yield f"Cost:     about {cost}"
    else:
        yield f"Cost:     {summary.standing} resources stand and cost money; all of them would be about {cost}"
    yield f"Profile:  {summary.profile}"


def _next(summary: Summary) -> list[tuple[str, str]]:
    destroy = (f"drucloud destroy {summary.name}", "take everything down")
    replay = (f"drucloud replay {summary.profile}", "apply the profile again after changing it")
    if summary.phase != "ok":
        resume = (f"drucloud resume {summary.name}", "go on where it ended; nothing is made twice")
        return [resume, (f"drucloud attach {summary.name}", "see again what happened"), destroy]
    if summary.verb == "destroy":
        return [replay, ("drucloud sandbox stop", "stop the sandbox, if one runs"), ("drucloud", "open the wizard")]
    return [(f"drucloud health {summary.name}", "the health dashboard"), replay, destroy]

"""What is said beside and after the live tree: one row in full, and how the run ended."""

from __future__ import annotations

from rich.text import Text

from provisioners.engine.state import ChildState, DeployState, StepState
from screens.theme import Glyphs, duration

_CAUSES, _TAIL = 1, 2
"""How many failures, and how many log lines of the first, are told at the end; the rest is beside the tree."""


def _costing(state: DeployState) -> str:
    """What the resources that exist cost, by the plan's prices."""
    standing = state.standing()
    usd = sum(line.get("monthly_usd") or 0.0 for line in state.plan.get("lines", ()) if line["id"] in standing)
    price = f"about ${usd:,.2f} a month"
    return f" and cost {price}" if state.mode == "aws" else f" and cost nothing here (on AWS {price})"


def details_text(
    step: StepState | None, part: ChildState | None, state: DeployState, glyphs: Glyphs, *, critical: bool = False
) -> Text:
    """A step in full: what it is, its identity, what it says now, and why it failed; and its chosen part.

    :param critical: whether it decides when the run is over.
    """
    if step is None:
        return Text(f"{state.name}: choose a row for its details.", "dim")
    text = Text()
    text.append(f"{step.label}  ", "bold")
    text.append(step.type, "dim")
    if critical:
        text.append(f"  {glyphs.critical} decides when all is done")
    if step.identity:
        text.append(f"\n{step.identity}")
    if step.status == "failed":
        text.append(f"\n{glyphs.mark('failed')} {step.error}", "bold")
        if step.advice:
            text.append(f"\n{step.advice}")
    elif step.progress and part is None:
        text.append(f"\n{step.progress}")
    if part is not None:
        text.append(f"\n{glyphs.mark(part.status)} {part.label}: {part.text or part.status}")
    return text


def ending_text(state: DeployState, glyphs: Glyphs) -> Text:
    """How the run ended: what failed and what to do, or where the site is."""
    failed = [step for step in state.steps.values() if step.status == "failed"]
    if state.phase == "ok":
        done = "Everything is deleted" if state.verb == "destroy" else "Everything stands"
        return Text(f"{glyphs.mark('ok')} {done} after {duration(state.seconds)}.", "bold")
    exist = f"{len(state.standing())} resources exist{_costing(state)}."
    if failed:
        text = Text()
        for step in failed[:_CAUSES]:
            text.append(f"{glyphs.mark('failed')} failed: {step.label}: {step.error} {step.advice}\n", "bold")
        for line in failed[0].log[-_TAIL:]:
            text.append(f"  {line}\n", "dim")
        text.append(f"{len(failed)} failed, {exist} ")
        text.append(f"drucloud resume {state.name}", "underline")
        return text.append(" goes on from here.")
    word = "Stopped" if state.phase == "stopped" else "The engine is gone"
    text = Text(f"{glyphs.mark('stopped')} {word}: {exist} ", "bold")
    return text.append(f"drucloud resume {state.name} goes on from here.", "not bold")

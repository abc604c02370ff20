"""What a plan does to those who use the site, in words; for every front end, so nothing of Textual here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def interruptions(plan: Mapping[str, Any]) -> list[str]:
    """What the change does to those who use the site, said once more right before the question."""
    lines = [line for line in plan["lines"] if line.get("interrupts")]
    told = [f"Interrupts {line['label']}: {line['interrupts']}." for line in lines]
    if replaced := [line["label"] for line in plan["lines"] if line["action"] == "replace" and line.get("destructive")]:
        told.append(f"Deletes with their data and makes again (needs --allow-replace): {', '.join(replaced)}.")
    return told

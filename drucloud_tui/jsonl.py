"""The JSON display: one object a line on standard output, exactly what the journal holds.

Each has ``number`` (from 1, without gaps, over all runs of the deployment), ``at`` (Unix seconds), ``kind``,
``version`` and the fields of that event (:mod:`provisioners.engine.events`). Narration and errors go to standard error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TextIO

from provisioners.engine import events as ev
from provisioners.engine.state import DeployState, fold


def dump(item: ev.Stamped) -> str:
    """One journal entry as a line of JSON, ASCII only, without the newline."""
    return json.dumps({"number": item.number, "at": item.at, **ev.to_json(item.event)}, separators=(",", ":"))


def load(lines: Iterable[str]) -> Iterator[ev.Stamped]:
    """The reverse of :func:`dump`, for every line that is not empty."""
    for line in lines:
        if line.strip():
            data = json.loads(line)
            number, at = data.pop("number"), data.pop("at")
            yield ev.Stamped(number, at, ev.from_json(data))


class JsonView:
    """Prints each event of a run as one line of JSON."""

    def __init__(self, out: TextIO, narration: TextIO, state: DeployState | None = None) -> None:
        self.out = out
        self.narration = narration
        self.state = state or DeployState()

    def feed(self, events: Iterable[ev.Stamped]) -> None:
        """Print ``events`` and fold them."""
        batch = list(events)
        for item in batch:
            print(dump(item), file=self.out)
        self.out.flush()
        self.state = fold(batch, self.state)

    def tick(self, now: float) -> None:
        """Nothing: a reader of JSON wants no heartbeat."""

    def note(self, text: str) -> None:
        """A line of the program's own, on standard error."""
        print(text, file=self.narration, flush=True)

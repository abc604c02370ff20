"""Recorded journals, and how they are recorded: ``python -m tests.journals DEPLOYMENT_FOLDER NAME``.

What belongs to the machine of the recording (paths, process ids) is taken out; times are moved to a fixed beginning.
"""

import json
from pathlib import Path

from provisioners.engine.events import Stamped, from_json, to_json
from provisioners.engine.journal import Journal

HERE = Path(__file__).parent
BEGIN = 1_790_000_000.0
"""When every recording begins (Unix seconds)."""


def load(name: str) -> list[Stamped]:
    """The recorded journal called ``name``."""
    found = []
    for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        values = json.loads(line)
        found.append(Stamped(values.pop("number"), values.pop("at"), from_json(values)))
    return found


def record(folder: Path, name: str) -> int:
    """Write the newest run in a deployment's folder as a recording; gives the number of events."""
    stamped = Journal.open_to_read(folder / "journal.db").read()
    first = max(index for index, item in enumerate(stamped) if type(item.event).__name__ == "RunStarted")
    kept = stamped[first:]
    moved = BEGIN - kept[0].at
    with (HERE / f"{name}.jsonl").open("w", encoding="utf-8") as out:
        for number, item in enumerate(kept, start=1):
            event = {**to_json(item.event)}
            event.update({key: value for key, value in (("pid", 1), ("program", "drucloud")) if key in event})
            line = {"number": number, "at": round(item.at + moved, 3), **event}
            print(json.dumps(line, ensure_ascii=False, separators=(",", ":")), file=out)
    return len(kept)

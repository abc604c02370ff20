"""Apply a bundle to a machine: program and bundle go over one channel, one event a step comes back.

The remote command line is short and fixed; everything else travels on standard input. Whoever can run a command as
root and feed it (the sandbox, from outside a machine) uses :func:`command`, :func:`payload` and :func:`read` itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profiles.errors import FailedError, ReachError
from provisioners.foreign_text import clean, clean_line

if TYPE_CHECKING:
    from provisioners.nodes.bundle import Bundle
    from provisioners.nodes.ssh import Connection

BOOT = """
import gc, marshal, os, sys
gc.disable()
source = sys.stdin.buffer.read(int(sys.argv.pop(1)))
kept, version = "/var/lib/drucloud/program", sys.version
try:
    with open(kept, "rb") as file:
        known = marshal.load(file)
except (OSError, EOFError, ValueError, TypeError):
    known = ()
if known[:2] == (version, source):
    code = known[2]
else:
    code = compile(source, "converge", "exec")
    if len(sys.argv) == 1 and os.geteuid() == 0:
        fresh = kept + "." + str(os.getpid())
        try:
            os.makedirs(os.path.dirname(kept), 0o700, exist_ok=True)
            with open(fresh, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                marshal.dump((version, source, code), file)
                os.fsync(file.fileno())
            os.replace(fresh, kept)
        except OSError:
            if os.path.exists(fresh):
                os.unlink(fresh)
exec(code)
"""
"""Reads the program's length from its first argument and the program from standard input; the bundle follows it.

Compiling the program takes longer than all it looks at when nothing is to be done, and collecting garbage a quarter of
a run that ends within a second. So the compiled program is kept in root's own folder, beside its whole source, and used
again only by the same Python for the very same source; a full disk keeps nothing, nor do a check and a rehearsal.
"""

OnEvent = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Applied:
    """What a converge did.

    :param steps: status by step id: ok, changed, skipped (in a check: would be changed), unknown.
    """

    steps: Mapping[str, str]

    @property
    def changed(self) -> bool:
        """Whether a step changed something."""
        return "changed" in self.steps.values()

    @property
    def would_change(self) -> bool:
        """Whether, in a check, a step would change something."""
        return "skipped" in self.steps.values()

    @property
    def summary(self) -> str:
        """``31 steps, 4 changed``."""
        count = Counter(self.steps.values())
        if self.would_change:
            return f"{len(self.steps)} steps, {count['skipped']} would change (nothing was done)"
        return f"{len(self.steps)} steps, {count['changed'] or 'none'} changed"


def program() -> bytes:
    """The converge program as it is streamed."""
    return (Path(__file__).parent / "converge.py").read_bytes()


def command(check: bool = False) -> list[str]:
    """What to run on the node as root."""
    return ["python3", "-I", "-S", "-c", BOOT, str(len(program())), *(["--check"] if check else [])]


def payload(bundle: Bundle) -> bytes:
    """What to feed it."""
    return program() + bundle.to_bytes()


def apply(
    connection: Connection, bundle: Bundle, check: bool = False, on_event: OnEvent = lambda event: None
) -> Applied:
    """Converge the machine behind ``connection``.

    Raises ``FailedError`` when a step failed (nothing after it was begun) and ``ReachError`` when the connection
    dropped; the same call later repeats it safely, since the program waits for one that is still running.
    """
    with connection.start(["sudo", "-n", *command(check)], payload(bundle)) as running:
        return read(running.lines(), connection.name, on_event, lambda: running.err.decode("utf-8", "replace"))


def read(lines: Iterable[str], name: str, on_event: OnEvent, err: Callable[[], str] = lambda: "") -> Applied:
    """The program's output as what it did; events are handed on with their texts cleaned."""
    steps: dict[str, str] = {}
    failed: dict[str, Any] = {}
    note = ""
    for line in lines:
        event = _event(line)
        if event.get("alive"):
            continue
        if event.get("done"):
            return _outcome(steps, failed, note, name)
        on_event(event)
        note = event.get("note", note)
        if "step" in event and event["status"] != "running":
            steps[event["step"]] = event["status"]
            failed = event if event["status"] == "failed" else failed
    if said := clean_line(err()):
        raise FailedError(f"The converge program did not run on {name}: {said}")
    raise ReachError(
        f"The connection to {name} was lost while it was being configured.",
        "Run `drucloud resume`: the machine finishes what it began and the rest is done then.",
    )


def _outcome(steps: Mapping[str, str], failed: Mapping[str, Any], note: str, name: str) -> Applied:
    if failed:
        raise FailedError(
            f"{name}: step {failed['step']} failed: {clean_line(failed['text'])}",
            "The whole output is in the step's log; the last good configuration is still in use.",
        )
    if not steps:
        raise FailedError(f"{name}: nothing was applied: {note}")
    return Applied(steps)


def _event(line: str) -> dict[str, Any]:
    """One line of the program as an event; anything else becomes a note."""
    try:
        event = json.loads(line)
    except ValueError:
        return {"note": clean(line)}
    if not isinstance(event, dict):
        return {"note": clean(line)}
    return {key: clean(value) if isinstance(value, str) else value for key, value in event.items()}

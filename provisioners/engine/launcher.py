"""Starts the engine process, detached from the terminal, and hears from it whether it has begun.

The request goes to its standard input, so that no two launches can mix theirs up. Its first line of standard output
is the answer: ``{"begun": true}``, or what went wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from profiles.errors import DrucloudError, FailedError, ReachError, UsageError
from provisioners.engine.deployment import Deployment
from provisioners.engine.request import Request

_ERRORS: dict[str, type[DrucloudError]] = {
    kind.__name__: kind for kind in (UsageError, ReachError, FailedError, DrucloudError)
}


def start(deployment: Deployment, request: Request, program: Sequence[str]) -> None:
    """Start ``program`` on ``request``; returns once the run is in the journal, raises what the engine says."""
    log = os.open(deployment.log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    try:
        process = subprocess.Popen(
            [*program, str(deployment.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            text=True,
        )
    except OSError as error:
        raise FailedError(f"The engine could not be started: {error}.") from error
    finally:
        os.close(log)
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 (both are pipes)
    threading.Thread(target=process.wait, daemon=True).start()  # reaps it, should it end before this process
    with process.stdout:
        try:
            with process.stdin:
                process.stdin.write(request.to_text())
        except BrokenPipeError:
            pass  # it is gone already: the missing answer says so below
        answer = process.stdout.readline()
    _judge(answer, deployment.log_path)


def refusal(error: DrucloudError) -> dict[str, Any]:
    """``error`` as the engine's answer."""
    kind = next(name for name, known in _ERRORS.items() if isinstance(error, known))
    return {"begun": False, "kind": kind, "what": error.what, "do": error.do}


def _judge(answer: str, log: Path) -> None:
    try:
        told = json.loads(answer)
    except ValueError:
        raise FailedError("The engine ended before it had begun.", f"Its log: {log}") from None
    if not told["begun"]:
        raise _ERRORS[told["kind"]](told["what"], told["do"])

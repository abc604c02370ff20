"""The body of the detached engine process.

It outlives the view that started it: closed terminals stop nothing. Views follow its journal and talk to it through
its control socket; a signal asks it to stop at the next safe point. Killed outright, it leaves a journal that the next
run goes on from.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from profiles.errors import DrucloudError, FailedError
from provisioners.engine import control
from provisioners.engine import events as ev
from provisioners.engine.journal import Journal
from provisioners.engine.kinds import ResourceKind, StepKind
from provisioners.engine.launcher import refusal
from provisioners.engine.lock import DeploymentLock
from provisioners.engine.redaction import RedactingFormatter
from provisioners.engine.request import Request
from provisioners.engine.run import run
from provisioners.engine.stop import Stop
from provisioners.target import Target

OpenTarget = Callable[[Request], Target]

_log = logging.getLogger(__name__)


def serve(
    folder: Path, kinds: Mapping[str, ResourceKind], steps: Mapping[str, StepKind], open_target: OpenTarget
) -> int:
    """Run the request that standard input holds for the deployment in ``folder``; the process's exit code.

    The first line of standard output tells the launcher that the run has begun, or why not.

    :param open_target: opens the target that the request was reviewed for.
    """
    os.umask(0o077)
    _log_to(folder / "engine.log")
    answer = _Answer(sys.stdout)
    try:
        request = Request.from_text(sys.stdin.read())
        lock = DeploymentLock.acquire(folder / "lock", request.deployment.name)
        try:
            target = open_target(request)
            outcome = asyncio.run(_serve(folder, request, target, kinds, steps, answer))
        finally:
            lock.release()
    except DrucloudError as error:
        _log.warning("refused: %s", error)
        answer.refuse(error)
        return 1
    except Exception as error:
        _log.exception("the engine ended by an error inside drucloud")
        answer.refuse(FailedError(f"An error inside drucloud: {type(error).__name__}.", "The engine's log has more."))
        return 1
    return 0 if outcome == "ok" else 1


async def _serve(
    folder: Path,
    request: Request,
    target: Target,
    kinds: Mapping[str, ResourceKind],
    steps: Mapping[str, StepKind],
    answer: _Answer,
) -> ev.RunOutcome:
    stop = Stop()
    with Journal.open(folder / "journal.db") as journal:
        handle = _listener(journal, stop)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, handle, "stop")
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        server = await control.listen(folder, handle)
        try:
            return await run(
                request,
                target,
                kinds,
                steps,
                journal=journal,
                folder=folder,
                stop=stop,
                begun=answer.begun,
                program=" ".join(sys.argv),
                pid=os.getpid(),
            )
        finally:
            server.close()
            control.socket_path(folder).unlink(missing_ok=True)


def _listener(journal: Journal, stop: Stop) -> Callable[[control.Command], str]:
    def handle(command: control.Command) -> str:
        wish = "" if command == "continue" else command
        if stop.how == "rollback" and wish != "rollback":
            return "It is rolling back; that is not broken off."
        if wish == stop.how:
            return "" if wish else "It has not been asked to stop."
        journal.append(ev.StopRequested(command))
        stop.ask(wish)
        return ""

    return handle


class _Answer:
    """The one line that the launcher waits for."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream

    def begun(self) -> None:
        self._say({"begun": True})

    def refuse(self, error: DrucloudError) -> None:
        self._say(refusal(error))

    def _say(self, answer: Mapping[str, object]) -> None:
        if self._stream is None:
            return  # it was told that the run has begun; the rest is in the journal
        try:
            print(json.dumps(answer), file=self._stream, flush=True)
        except BrokenPipeError:
            _log.warning("the launcher was gone before the run began")
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._stream.fileno())
        os.close(nothing)
        self._stream = None


def _log_to(path: Path) -> None:
    """Everything that is logged, and every error that nobody caught, goes to ``path`` (0600), redacted."""
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    handler = logging.StreamHandler(os.fdopen(descriptor, "a", encoding="utf-8"))
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    sys.excepthook = lambda kind, error, trace: _log.critical("not caught", exc_info=(kind, error, trace))
    threading.excepthook = lambda args: _log.critical("not caught in a thread", exc_info=args.exc_value)

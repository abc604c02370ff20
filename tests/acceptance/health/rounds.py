"""The rounds of ``health --watch --json``: those that the dashboard draws."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

from tests.acceptance.operator import Operator

INTERVAL = 5.0


class Rounds:
    """The rounds as the watching program prints them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.printed: list[str] = []
        self._process = process
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.printed.append(line)
            self._lines.put(line)

    def next(self, after: float) -> dict[str, Any]:
        """The first round that began after that moment (Unix seconds)."""
        while True:
            seen: dict[str, Any] = json.loads(self._lines.get(timeout=120))
            if seen["at"] - seen["seconds"] > after:
                return seen


@contextlib.contextmanager
def watching(operator: Operator) -> Iterator[Rounds]:
    """Somebody watches the deployment ``starter``."""
    process = operator.start("health", "starter", "--watch", "--json", "--interval", str(INTERVAL))
    try:
        yield Rounds(process)
    finally:
        process.terminate()
        process.communicate(timeout=60)


def causes(seen: dict[str, Any]) -> dict[str, str]:
    """Name and sentence of each cause in a round."""
    findings = {f"{item['name']}|{item['subject']}": item for item in seen["findings"]}
    return {one["cause"].partition("|")[0]: findings[one["cause"]]["why"] for one in seen["causes"]}

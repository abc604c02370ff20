"""API calls in a bounded thread pool, sent again where that is safe."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from provisioners.aws.errors import Meaning, Operation, classify, worth_retrying
from provisioners.engine.pace import Pace
from provisioners.engine.stop import Stop

T = TypeVar("T")
Tell = Callable[[str], None]
"""Takes one line on why there is a wait."""

_WHY: Mapping[Meaning, str] = {
    "unreachable": "AWS cannot be reached; trying again",
    "throttled": "AWS asks for patience; trying again",
    "unknown": "no answer; trying again",
    "not yet": "something it needs is still settling; trying again",
    "gone": "waiting until AWS sees what it refers to",
    "in use": "still in use; trying again",
}


class Tries:
    """The pauses between the tries of one call, and when to give up; each meaning has its own time."""

    def __init__(self, pace: Pace, stop: Stop, operation: Operation, tell: Tell) -> None:
        self._pace = pace
        self._stop = stop
        self._operation = operation
        self._tell = tell
        self._pause = pace.first_pause
        self._since: dict[Meaning, float] = {}

    async def again(self, error: Exception) -> None:
        """Pause and return if the call may be sent again after ``error``, else raise ``error``."""
        why = classify(error)
        longest = {"gone": self._pace.visible, "in use": self._pace.in_use}.get(why, self._pace.patience)
        now = time.monotonic()
        if not worth_retrying(error, self._operation) or now - self._since.setdefault(why, now) > longest:
            raise error
        self._tell(_WHY[why])
        await self._stop.sleep(self._pause)
        self._pause = min(self._pause * 2, self._pace.longest_pause)


class Calls:
    """The engine's way to AWS."""

    def __init__(self, pool: ThreadPoolExecutor, pace: Pace, stop: Stop) -> None:
        self.pool = pool
        self.pace = pace
        self.stop = stop

    async def once(self, call: Callable[..., T], *args: object) -> T:
        """``call`` in the pool, once. It ends even when the waiting task is cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, call, *args)

    async def safely(self, operation: Operation, tell: Tell, call: Callable[..., T], *args: object) -> T:
        """``call`` in the pool, sent again for as long as that can help; only for calls that may be made twice."""
        tries = self.tries(operation, tell)
        while True:
            try:
                return await self.once(call, *args)
            except Exception as error:
                await tries.again(error)

    def tries(self, operation: Operation, tell: Tell) -> Tries:
        """The pauses for a call that the caller sends itself."""
        return Tries(self.pace, self.stop, operation, tell)

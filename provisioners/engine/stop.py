"""A wish to stop, felt by everything that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

T = TypeVar("T")

How = Literal["", "stop", "rollback"]


class StoppedError(Exception):
    """A wait ended because a stop was asked for; everything done so far is in the journal."""


class Stop:
    """Asked for by a view or a signal; lives in the event loop's thread (reading :attr:`how` is safe anywhere)."""

    def __init__(self) -> None:
        self.how: How = ""
        self._waits: set[asyncio.Future[None]] = set()
        self._watchers: list[Callable[[], None]] = []

    def ask(self, how: How) -> None:
        """Stop (and roll back), or with ``""`` go on after all."""
        self.how = how
        if how:
            for wait in self._waits:
                if not wait.done():
                    wait.set_result(None)
        for watcher in self._watchers:
            watcher()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call ``watcher`` whenever the wish changes."""
        self._watchers.append(watcher)

    async def sleep(self, seconds: float) -> None:
        """Like ``asyncio.sleep``; raises :class:`StoppedError` as soon as a stop is asked for."""
        await self.unless(asyncio.sleep(seconds))

    async def unless(self, awaitable: Awaitable[T]) -> T:
        """What ``awaitable`` gives; it is cancelled and :class:`StoppedError` raised when a stop is asked for first."""
        work = asyncio.ensure_future(awaitable)
        if self.how:
            work.cancel()
            raise StoppedError
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waits.add(asked)
        try:
            either: list[asyncio.Future[Any]] = [work, asked]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise StoppedError
            return work.result()
        finally:
            self._waits.discard(asked)
            work.cancel()

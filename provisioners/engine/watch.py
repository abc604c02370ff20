"""Waiting for states: one Describe call a type serves all who wait for a resource of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from provisioners.aws.session import Aws
from provisioners.engine.calls import Calls, Tell
from provisioners.engine.kinds import Observed, ResourceKind

Enough = Callable[[Observed], bool]
"""Whether what is seen is what was waited for; may raise to end the wait with an error."""


@dataclass
class _Waiter:
    identity: str
    enough: Enough
    tell: Tell
    seen: asyncio.Future[Observed]


class Watch:
    """All waits of one run."""

    def __init__(self, aws: Aws, kinds: Mapping[str, ResourceKind], calls: Calls) -> None:
        self._aws = aws
        self._kinds = kinds
        self._calls = calls
        self._by_type: dict[str, _TypeWatch] = {}

    async def until(self, type_name: str, identity: str, enough: Enough, tell: Tell) -> Observed:
        """Wait until ``enough`` holds for ``identity``; a stop ends the wait with ``StoppedError``.

        :param tell: given AWS's word for a pending state.
        """
        watch = self._by_type.get(type_name)
        if watch is None:
            watch = self._by_type[type_name] = _TypeWatch(self._aws, self._kinds[type_name], self._calls)
        return await self._calls.stop.unless(watch.join(identity, enough, tell))


class _TypeWatch:
    """The waiters for one type. A newcomer is looked for at once (and everyone with it), then at the type's pace."""

    def __init__(self, aws: Aws, kind: ResourceKind, calls: Calls) -> None:
        self._aws = aws
        self._kind = kind
        self._calls = calls
        self._pause = kind.poll_seconds * calls.pace.poll
        self._waiters: list[_Waiter] = []
        self._joined = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def join(self, identity: str, enough: Enough, tell: Tell) -> Observed:
        waiter = _Waiter(identity, enough, tell, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._joined.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_again_and_again())
        return await waiter.seen

    async def _look_again_and_again(self) -> None:
        while self._waiters:
            await asyncio.sleep(self._calls.pace.gather)
            self._joined.clear()
            await self._look()
            if self._waiters:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._joined.wait(), self._pause)

    async def _look(self) -> None:
        waiters = [waiter for waiter in self._waiters if not waiter.seen.done()]
        try:
            seen = await self._observe(waiters) if waiters else {}
            for waiter in waiters:
                _judge(waiter, seen.get(waiter.identity, Observed("absent")))
        except BaseException as error:
            for waiter in waiters:
                if not waiter.seen.done():
                    waiter.seen.set_exception(error)
        self._waiters = [waiter for waiter in self._waiters if not waiter.seen.done()]

    async def _observe(self, waiters: list[_Waiter]) -> Mapping[str, Observed]:
        identities = sorted({waiter.identity for waiter in waiters})
        return await self._calls.safely(
            "observe", lambda text: _tell_all(waiters, text), self._kind.observe, self._aws, identities
        )


def _tell_all(waiters: list[_Waiter], text: str) -> None:
    for waiter in waiters:
        waiter.tell(text)


def _judge(waiter: _Waiter, seen: Observed) -> None:
    if waiter.seen.done():  # its wait was ended by a stop while the call was under way
        return
    try:
        if waiter.enough(seen):
            waiter.seen.set_result(seen)
        elif seen.detail:
            waiter.tell(seen.detail)
    except Exception as error:
        waiter.seen.set_exception(error)

"""Runs a graph of work: whatever has all it needs starts at once, and a failure costs only what needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from graphlib import TopologicalSorter
from typing import Literal

from provisioners.engine.stop import Stop

Ending = Literal["done", "failed", "interrupted"]

Work = Callable[[str], Awaitable[Ending]]
Skip = Callable[[str, str], Awaitable[None]]
"""Told of a node that is not begun and the one it lacks; the empty string means that a stop was asked for."""


async def run_graph(
    requires: Mapping[str, Collection[str]],
    work: Work,
    skip: Skip,
    stop: Stop,
    seconds: Mapping[str, float] | None = None,
) -> None:
    """Do ``work`` for every node after all it requires; raises only what is no ``Exception`` or a bug of ``work``.

    While a stop is asked for nothing begins. If it is taken back before everything under way has ended, the work goes
    on, interrupted nodes first.

    :param seconds: how long nodes usually take. Of those that can begin together, the one with the longest way to the
        end begins first: they all start at once, yet their calls leave through one pool.
    """
    await _GraphRun(requires, work, skip, stop, _ways_to_the_end(requires, seconds or {})).run()


def _ways_to_the_end(requires: Mapping[str, Collection[str]], seconds: Mapping[str, float]) -> dict[str, float]:
    """By node, the usual time from its begin to the end of the longest chain of nodes that need it."""
    way = {node: seconds.get(node, 0.0) for node in requires}
    for node in reversed(list(TopologicalSorter(requires).static_order())):
        for needed in requires[node]:
            way[needed] = max(way[needed], seconds.get(needed, 0.0) + way[node])
    return way


class _GraphRun:
    def __init__(
        self,
        requires: Mapping[str, Collection[str]],
        work: Work,
        skip: Skip,
        stop: Stop,
        urgency: Mapping[str, float],
    ) -> None:
        self.requires = requires
        self.urgency = urgency
        self.work = work
        self.skip = skip
        self.stop = stop
        self.sorter: TopologicalSorter[str] = TopologicalSorter(requires)
        self.lacking: dict[str, str] = {}
        """Nodes that failed or were skipped, and the failed one behind it."""
        self.running: dict[str, asyncio.Task[Ending]] = {}
        self.ended: asyncio.Queue[str | None] = asyncio.Queue()
        self.held: list[str] = []

    async def run(self) -> None:
        self.sorter.prepare()
        self.stop.watch(lambda: self.ended.put_nowait(None))
        try:
            while self.sorter.is_active():
                self.held += sorted(self.sorter.get_ready(), key=lambda node: -self.urgency[node])
                if self.held and not self.stop.how:
                    await self._begin()
                    continue
                if not self.running:
                    await self._leave()
                    return
                self._take(await self.ended.get())
        finally:
            for task in self.running.values():
                task.cancel()

    async def _begin(self) -> None:
        """Start what is held, or skip it when something that it requires did not come about."""
        held, self.held = self.held, []
        for node in held:
            cause = next((self.lacking[name] for name in self.requires[node] if name in self.lacking), None)
            if cause is None:
                task = asyncio.ensure_future(self.work(node))
                self.running[node] = task
                task.add_done_callback(lambda _, node=node: self.ended.put_nowait(node))  # type: ignore[misc]
            else:
                self.lacking[node] = cause
                await self.skip(node, cause)
                self.sorter.done(node)

    def _take(self, node: str | None) -> None:
        if node is None:  # the wish to stop has changed
            return
        ending = self.running.pop(node).result()
        if ending == "interrupted":
            self.held.insert(0, node)
            return
        if ending == "failed":
            self.lacking[node] = node
        self.sorter.done(node)

    async def _leave(self) -> None:
        """Say of everything that is left that it was not begun."""
        while self.sorter.is_active():
            held, self.held = [*self.held, *self.sorter.get_ready()], []
            for node in held:
                await self.skip(node, "")
                self.sorter.done(node)

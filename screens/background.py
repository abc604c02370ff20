"""Blocking calls off the event loop, in threads that never hold up leaving.

Textual's thread workers and ``asyncio.to_thread`` both make the program wait for their thread at exit (measured: the
whole length of the call). The screens only watch: nothing is lost when a thread of theirs dies with the process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from textual.dom import DOMNode

T = TypeVar("T")


async def in_background(call: Callable[[], T]) -> T:
    """Run ``call`` in a daemon thread and await its result; cancelling only stops the waiting."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = call()
        except BaseException as problem:
            error = problem
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name="drucloud-screen", daemon=True).start()
    return await answer


def from_thread(tell: Callable[[str], None]) -> Callable[[str], None]:
    """``tell`` as a function any thread may call: it runs on this event loop, and is dropped once the loop is gone."""
    loop = asyncio.get_running_loop()

    def soon(text: str) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, text)

    return soon


def start(node: DOMNode, work: Callable[[], Awaitable[object]], *, group: str = "default", only: bool = False) -> None:
    """Run an asynchronous function as a worker of ``node``; its failure is the worker's, not the app's.

    The function itself is handed on, not its coroutine: a worker that is replaced before it began would leave a
    coroutine that nobody ever awaits.

    :param only: whether it takes the place of what runs in its group.
    """
    node.run_worker(cast(Any, work), group=group, exclusive=only, exit_on_error=False)

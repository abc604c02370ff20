"""The scheduler alone: order, parallelism, failure, stop and going on after all."""

import asyncio
import time

import pytest

from provisioners.engine.schedule import run_graph
from provisioners.engine.stop import Stop, StoppedError


class Recorder:
    def __init__(self, failing=(), stop=None):
        self.order, self.skipped, self.failing, self.stop = [], {}, set(failing), stop or Stop()

    async def work(self, node):
        self.order.append(node)
        await asyncio.sleep(0)
        return "failed" if node in self.failing else "done"

    async def skip(self, node, cause):
        self.skipped[node] = cause

    async def run(self, graph):
        await run_graph(graph, self.work, self.skip, self.stop)


async def test_everything_ready_starts_at_once_and_requirements_come_first():
    seen = Recorder()
    await seen.run({"c": {"a", "b"}, "a": set(), "b": set(), "d": {"c"}})
    assert sorted(seen.order[:2]) == ["a", "b"]
    assert seen.order[2:] == ["c", "d"]


async def test_the_longest_way_to_the_end_begins_first():
    seen = Recorder()
    graph = {"short": set(), "a": set(), "b": {"a"}, "c": {"b"}, "long": set()}
    await run_graph(graph, seen.work, seen.skip, seen.stop, {"short": 5, "a": 1, "b": 1, "c": 60, "long": 30})
    assert seen.order[:3] == ["a", "long", "short"]


async def test_a_failure_names_itself_to_all_that_need_it():
    seen = Recorder(failing={"a"})
    await seen.run({"a": set(), "b": {"a"}, "c": {"b"}, "x": set()})
    assert seen.skipped == {"b": "a", "c": "a"}
    assert "x" in seen.order


async def test_nothing_begins_after_a_stop():
    seen = Recorder()
    seen.stop.ask("stop")
    await seen.run({"a": set(), "b": {"a"}})
    assert seen.order == []
    assert seen.skipped == {"a": "", "b": ""}


async def test_a_stop_taken_back_starts_the_interrupted_again():
    stop, ends = Stop(), []
    holding = asyncio.Event()

    async def work(node):
        ends.append(node)
        if node == "long":
            await holding.wait()
            return "done"
        if ends.count("wait") == 1:
            try:
                await stop.sleep(60)
            except StoppedError:
                return "interrupted"
        return "done"

    async def skip(node, cause):
        raise AssertionError(node)

    task = asyncio.create_task(run_graph({"long": set(), "wait": set(), "after": {"wait"}}, work, skip, stop))
    await asyncio.sleep(0.01)
    stop.ask("stop")
    await asyncio.sleep(0.01)
    assert "after" not in ends
    stop.ask("")
    await asyncio.sleep(0.01)
    assert ends.count("wait") == 2 and "after" in ends
    holding.set()
    await task


async def test_what_is_no_exception_ends_the_graph():
    class Killed(BaseException):
        pass

    async def work(node):
        raise Killed

    with pytest.raises(Killed):
        await run_graph({"a": set()}, work, Recorder().skip, Stop())


async def test_the_time_per_node_does_not_grow_with_the_graph():
    async def seconds(size):
        graph = {str(number): {str(number - 1)} if number % 10 else set() for number in range(size)}
        began = time.process_time()
        await Recorder().run(graph)
        return (time.process_time() - began) / size

    # the least of three: what a busy machine or a garbage collection adds is not the schedule's
    small, large = [min([await seconds(size) for _ in range(3)]) for size in (1000, 16000)]
    assert large < 6 * small  # quadratic would be 16

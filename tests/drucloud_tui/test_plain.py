"""The plain display and the summary, from recorded journals, held against golden frames."""

import io
import re
from pathlib import Path

import pytest

from drucloud_tui.jsonl import JsonView, dump, load
from drucloud_tui.plain import HEARTBEAT_SECONDS, PlainView
from drucloud_tui.summary import lines, summarise
from provisioners.engine import events as ev
from provisioners.engine.state import fold
from tests.drucloud_tui.golden import assert_frame, journal

JOURNALS = ("built-then-unchanged", "failed", "stopped", "rehearsal", "destroyed")


def shown(name, ascii_only=False):
    """What the plain display prints of a journal, heartbeats at every whole second included, and the summary."""
    out = io.StringIO()
    view = PlainView(out, ascii_only=ascii_only)
    before = None
    for item in journal(name):
        if before is not None:
            for second in range(int(before) + 1, int(item.at) + 1):
                view.tick(float(second))
        view.feed([item])
        before = item.at
        if isinstance(item.event, ev.RunFinished):
            summary = summarise(view.state, "http://127.0.0.1:8080/", "starter", Path("/state/engine.log"))
            out.write("\n".join(lines(summary)) + "\n")
    return out.getvalue()


@pytest.mark.parametrize("name", JOURNALS)
def test_golden_frames(name):
    assert_frame(f"{name}.plain", shown(name))


def test_second_run_says_that_nothing_changed():
    first, second = shown("built-then-unchanged").split("\n'starter' stands", 1)
    assert "nothing changed" not in first
    assert "'starter' stands as it should: nothing changed." in second


@pytest.mark.parametrize("name", JOURNALS)
def test_lines_are_only_appended(name):
    text = shown(name)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)


@pytest.mark.parametrize("name", JOURNALS)
def test_ascii_fallback(name):
    before_summary = [line for line in shown(name, ascii_only=True).splitlines() if re.match(r"\d\d:", line)]
    assert before_summary
    assert all(line.isascii() for line in before_summary)


def test_silence_is_broken_by_a_heartbeat_and_by_nothing_else():
    events = journal("stopped")
    out = io.StringIO()
    view = PlainView(out, ascii_only=False)
    view.feed(events[:-8])
    out.truncate(0)
    last = view.state.updated_at
    view.tick(last + HEARTBEAT_SECONDS - 1)
    assert out.getvalue() == ""
    view.tick(last + HEARTBEAT_SECONDS + 30)
    assert "still working: MariaDB db.t4g.micro" in out.getvalue()
    assert "backing-up" in out.getvalue()


def test_rehearsal_is_said_at_the_start_and_at_the_end():
    text = shown("rehearsal")
    assert text.count("REHEARSAL") == 2


def test_batches_and_single_events_print_the_same():
    events = journal("built-then-unchanged")
    one, many = io.StringIO(), io.StringIO()
    single, batched = PlainView(one, ascii_only=False), PlainView(many, ascii_only=False)
    for item in events:
        single.feed([item])
    batched.feed(events)
    assert one.getvalue() == many.getvalue()


@pytest.mark.parametrize("name", JOURNALS)
def test_json_display_is_the_journal(name):
    events = journal(name)
    out, narration = io.StringIO(), io.StringIO()
    view = JsonView(out, narration)
    view.feed(events[:5])
    view.feed(events[5:])
    assert list(load(out.getvalue().splitlines())) == events
    assert out.getvalue().isascii()
    assert narration.getvalue() == ""
    assert view.state.phase == fold(events).phase


def test_json_line_has_number_time_kind_and_version():
    line = dump(ev.Stamped(7, 12.5, ev.StepStarted("Vpc")))
    assert line == '{"number":7,"at":12.5,"kind":"StepStarted","version":1,"step":"Vpc"}'

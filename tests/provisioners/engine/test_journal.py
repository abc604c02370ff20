"""The journal: order, batches, durability settings, readers, and a disk that fails."""

import os
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from profiles.errors import FailedError
from provisioners.engine import events as ev
from provisioners.engine.journal import Journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deployment" / "journal.db"


def test_events_come_back_as_they_were_numbered_without_gaps(path):
    stored = [
        ev.IntentStored("Web", "create", "t" * 32, {"Size": 1, "Nested": {"list": [1, None, True, "ä"]}}),
        ev.IdentityStored("Web", "i-1"),
        ev.RunFinished("ok", {"counts": {"created": 1}}, 1.5),
    ]
    with Journal.open(path) as journal:
        for event in stored:
            journal.append(event)
    with Journal.open_to_read(path) as journal:
        read = journal.read()
    assert [item.event for item in read] == stored
    assert [item.number for item in read] == [1, 2, 3]
    with Journal.open_to_read(path) as journal:
        assert [item.number for item in journal.read(after=2)] == [3]


def test_it_is_private_whatever_the_umask(path):
    before = os.umask(0)
    try:
        with Journal.open(path) as journal:
            journal.append(ev.StepStarted("Web"))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_commits_are_synced_to_disk(path):
    with Journal.open(path) as journal:
        assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_may_wait_is_stored_within_a_moment_and_never_overtaken(path):
    with Journal.open(path) as journal, Journal.open_to_read(path) as reader:
        journal.append_soon(ev.StepProgress("Web", "first"))
        assert reader.read() == []
        journal.append(ev.IdentityStored("Web", "i-1"))
        assert [item.event for item in reader.read()] == [
            ev.StepProgress("Web", "first"),
            ev.IdentityStored("Web", "i-1"),
        ]
        journal.append_soon(ev.StepProgress("Web", "second"))
        end = time.monotonic() + 10
        while len(reader.read()) < 3:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_closing_stores_what_waits(path):
    with Journal.open(path) as journal:
        journal.append_soon(ev.LogLine("Web", "last words"))
    with Journal.open_to_read(path) as journal:
        assert len(journal.read()) == 1


def test_many_threads_write_one_order(path):
    def write(name):
        for number in range(50):
            journal.append_soon(ev.LogLine(name, str(number)))

    with Journal.open(path) as journal:
        threads = [threading.Thread(target=write, args=(str(number),)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        journal.flush()
        read = journal.read()
    assert [item.number for item in read] == list(range(1, 401))
    for name in map(str, range(8)):
        assert [item.event.text for item in read if item.event.step == name] == [str(number) for number in range(50)]


def test_a_journal_that_cannot_be_written_says_so_each_time(path):
    with Journal.open(path) as journal:
        journal.append(ev.StepStarted("Web"))
        journal._connection.execute("PRAGMA query_only=ON")
        for _ in range(2):
            with pytest.raises(FailedError, match="journal cannot be written"):
                journal.append(ev.StepStarted("Web"))
        journal._waiting.clear()
        journal._broken = None


def test_what_is_no_journal_is_refused(path):
    path.parent.mkdir()
    path.write_text("not a database, and long enough to be taken for a header" * 20)
    with pytest.raises(FailedError, match="cannot be opened"):
        Journal.open(path)
    with pytest.raises(FileNotFoundError):
        Journal.open_to_read(path.with_name("none.db"))


def test_threads_that_wait_for_the_disk_share_its_next_commit(path):
    threads, each, commits = 8, 25, []
    with Journal.open(path) as journal:
        journal._connection.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)
        with journal._lock:  # the disk is busy until all of them wait
            pool = ThreadPoolExecutor(threads)
            futures = [pool.submit(journal.append, ev.StepStarted(f"s{number}")) for number in range(threads)]
            while journal._queued < threads:
                time.sleep(0.001)
        for future in futures:
            future.result()
        assert len(commits) == 1
        list(pool.map(lambda number: journal.append(ev.StepStarted(f"t{number}")), range(threads * each)))
        pool.shutdown()
        assert len(journal.read()) == threads * (each + 1)

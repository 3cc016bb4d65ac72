"""The log store: order, bounds, deletion, and what is left after a restart."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from stategate.runtime.logs import LOCKED, LogStore
from stategate.runtime.store.sqlite import CannotOpen
from stategate.services.ports import LogEvent, World
from stategate.testing.clock import FakeClock

WORLD, OTHER = World("111122223333", "us-east-1"), World("111122223333", "eu-west-1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LogStore]:
    store = LogStore(tmp_path / "logs.db", FakeClock())
    yield store
    store.close()


def events(*times: int) -> list[LogEvent]:
    return [LogEvent(time, f"at {time}") for time in times]


def test_what_was_appended_can_be_read_at_once_and_in_order(store: LogStore) -> None:
    store.append(WORLD, "g", "s", events(3, 1))
    store.append(WORLD, "g", "t", events(2))
    store.append(OTHER, "g", "s", events(9))
    read = store.read(WORLD, "g")
    assert [(event.stream, event.timestamp, event.message) for event in read] == [
        ("s", 1, "at 1"),
        ("t", 2, "at 2"),
        ("s", 3, "at 3"),
    ]
    assert {event.ingested for event in read} == {1_700_000_000_000}
    assert [event.timestamp for event in store.read(WORLD, "g", streams=["s"], reverse=True)] == [3, 1]
    assert [event.timestamp for event in store.read(WORLD, "g", start=2, end=3)] == [2]


def test_pages_lose_nothing_among_equal_times(store: LogStore) -> None:
    store.append(WORLD, "g", "s", [LogEvent(5, str(number)) for number in range(10)])
    for reverse in (False, True):
        seen: list[str] = []
        after = None
        while page := store.read(WORLD, "g", after=after, limit=3, reverse=reverse):
            seen += [event.message for event in page]
            after = (page[-1].timestamp, page[-1].id)
        assert seen == sorted(map(str, range(10)), reverse=reverse)


def test_ids_are_in_order_as_text(store: LogStore) -> None:
    store.append(WORLD, "g", "s", events(*range(100, 0, -9)))
    ids = [event.id for event in store.read(WORLD, "g")]
    assert ids == sorted(ids)
    assert {len(id_) for id_ in ids} == {56}


def test_deleting_and_expiring(store: LogStore) -> None:
    store.append(WORLD, "g", "s", events(1, 2, 3))
    store.append(WORLD, "g", "t", events(4))
    assert store.stored_bytes(WORLD, "g") == 4 * (4 + 26)
    store.expire(WORLD, "g", 3)
    assert [event.timestamp for event in store.read(WORLD, "g")] == [3, 4]
    store.delete(WORLD, "g", "s")
    assert [event.stream for event in store.read(WORLD, "g")] == ["t"]
    store.append(WORLD, "g", "s", events(5))
    assert [event.timestamp for event in store.read(WORLD, "g")] == [4, 5]
    store.delete(WORLD, "g")
    assert store.read(WORLD, "g") == []


def test_events_are_there_after_a_restart(tmp_path: Path) -> None:
    first = LogStore(tmp_path / "logs.db", FakeClock())
    first.append(WORLD, "g", "s", events(1))
    first.close()
    second = LogStore(tmp_path / "logs.db", FakeClock())
    second.append(WORLD, "g", "s", events(2))
    assert [event.timestamp for event in second.read(WORLD, "g")] == [1, 2]
    second.close()


def test_many_threads(store: LogStore) -> None:
    def append(stream: str) -> None:
        for number in range(200):
            store.append(WORLD, "g", stream, events(number))

    threads = [threading.Thread(target=append, args=(f"s{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.read(WORLD, "g")) == 800
    assert [event.timestamp for event in store.read(WORLD, "g", streams=["s2"])] == list(range(200))


def test_what_is_too_much_is_dropped_and_said(tmp_path: Path) -> None:
    store = LogStore(tmp_path / "logs.db", FakeClock(), max_queued=1000)
    store.append(WORLD, "g", "s", [LogEvent(1, "x" * 2000)])
    store.append(WORLD, "g", "s", [LogEvent(2, "small")])
    messages = [event.message for event in store.read(WORLD, "g")]
    store.close()
    assert sorted(messages) == ["Stategate dropped 1 log events: too many at a time.", "small"]


def test_an_event_that_cannot_be_written_does_not_stop_the_others(store: LogStore) -> None:
    store.append(WORLD, "g", "s", [LogEvent(1, "\ud800")])
    assert store.read(WORLD, "g") == []
    store.append(WORLD, "g", "s", events(2))
    assert [event.timestamp for event in store.read(WORLD, "g")] == [2]


def test_what_a_locked_file_refused_is_written_once_it_can_be(tmp_path: Path, store: LogStore) -> None:
    store.append(WORLD, "g", "s", events(1, 2))
    assert len(store.read(WORLD, "g")) == 2
    other = apsw.Connection(str(tmp_path / "logs.db"))
    other.execute("BEGIN IMMEDIATE")
    store.delete(WORLD, "g")
    store.append(WORLD, "g", "t", events(3))
    began = time.monotonic()
    assert [event.timestamp for event in store.read(WORLD, "g")] == [1, 2]
    assert time.monotonic() - began < 9, "who reads waits in the event loop"
    other.execute("ROLLBACK")
    assert [event.timestamp for event in store.read(WORLD, "g")] == [3]


def test_what_a_full_disk_refused_is_written_in_order_once_there_is_room(store: LogStore) -> None:
    store.append(WORLD, "g", "s", events(1))
    assert len(store.read(WORLD, "g")) == 1
    [(pages,)] = store._writing.execute("PRAGMA page_count").fetchall()
    store._writing.execute(f"PRAGMA max_page_count = {int(str(pages)) + 1}").fetchall()
    with store._lock:  # so that they share a turn
        store.append(WORLD, "g", "s", [LogEvent(2, "\ud800")])
        store.append(WORLD, "g", "s", [LogEvent(2, "x" * 100_000)])
        store.append(WORLD, "g", "s", [LogEvent(2, "small")])
    assert [event.timestamp for event in store.read(WORLD, "g")] == [1]
    store._writing.execute("PRAGMA max_page_count = 1000000").fetchall()
    assert [len(event.message) for event in store.read(WORLD, "g")] == [4, 100_000, 5]


def test_at_the_start_and_the_end_a_locked_file_is_waited_for(tmp_path: Path, store: LogStore) -> None:
    other = apsw.Connection(str(tmp_path / "logs.db"))

    def lock() -> None:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(4 * LOCKED / 1000, other.execute, ("ROLLBACK",)).start()

    last = LogStore(tmp_path / "logs.db", FakeClock())
    lock()
    last.append(WORLD, "g", "s", events(1))
    last.close()
    assert [event.timestamp for event in store.read(WORLD, "g")] == [1]
    other.execute("PRAGMA user_version = 0")
    lock()
    LogStore(tmp_path / "logs.db", FakeClock()).close()


def test_an_event_that_cannot_be_written_takes_no_others_with_it(store: LogStore) -> None:
    with store._lock:  # so that they share a turn
        store.append(WORLD, "g", "s", events(1))
        store.append(WORLD, "g", "s", [LogEvent(1, "\ud800")])
        store.append(WORLD, "g", "s", events(2))
    assert [event.timestamp for event in store.read(WORLD, "g")] == [1, 2]


def test_a_file_of_a_newer_version_is_refused_and_one_without_number_taken_over(tmp_path: Path) -> None:
    LogStore(tmp_path / "logs.db", FakeClock()).close()
    connection = apsw.Connection(str(tmp_path / "logs.db"))
    connection.execute("PRAGMA user_version = 0").fetchall()
    LogStore(tmp_path / "logs.db", FakeClock()).close()
    connection.execute("PRAGMA user_version = 99").fetchall()
    connection.close()
    with pytest.raises(CannotOpen, match=r"logs\.db cannot be opened: .* schema version 99, .* newer Stategate"):
        LogStore(tmp_path / "logs.db", FakeClock())


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs.db").write_bytes(b"this is not a database" * 1000)
    with pytest.raises(CannotOpen, match=r"logs\.db cannot be opened: file is not a database"):
        LogStore(tmp_path / "logs.db", FakeClock())

"""The store on disk: records, group commit, the fence, and what it refuses."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from runtime.store.storeworld import run
from stategate.runtime.engine.futures import settler
from stategate.runtime.store import writer
from stategate.runtime.store.schema import MIGRATIONS
from stategate.runtime.store.sqlite import FILE, CannotOpen, SqliteStore, Unreadable
from stategate.runtime.store.writer import Batch, Conflict, Statement, StoreFailed
from stategate.services.ports import World

WORLD = World("000000000000", "us-east-1")


class Thing(msgspec.Struct, frozen=True):
    name: str
    size: int = 0


def commit(store: SqliteStore, writes: Sequence[Statement], guard: Statement | None = None) -> asyncio.Future[None]:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    store.writer.submit(Batch(writes, settler(done), guard))
    return done


def test_records_are_seen_at_once_and_kept(tmp_path: Path) -> None:
    async def write(store: SqliteStore) -> None:
        things = store.records(WORLD, "test.thing", Thing)
        for name in ("b", "a/2", "a/1", "c"):
            things.put(name, Thing(name))
        things.put("b", Thing("b", 2))
        things.delete("c")
        things.delete("never")
        assert things.get("b") == Thing("b", 2)
        await store.durable()

    async def read(store: SqliteStore) -> None:
        assert store.worlds("test.thing") == [WORLD]
        things = store.records(WORLD, "test.thing", Thing)
        assert [key for key, _ in things.items()] == ["a/1", "a/2", "b"]
        assert list(things.items("a/")) == [("a/1", Thing("a/1")), ("a/2", Thing("a/2"))]
        assert things.get("b") == Thing("b", 2)
        assert things.get("c") is None
        for key, _ in things.items():  # noqa: PERF102  not a dictionary
            things.delete(key)
        assert store.worlds("test.thing") == []

    run(tmp_path, write)
    run(tmp_path, read)


def test_many_wait_at_the_same_time(tmp_path: Path) -> None:
    async def body(store: SqliteStore) -> None:
        things = store.records(WORLD, "test.thing", Thing)

        async def work(number: int) -> None:
            for turn in range(20):
                things.put(f"{number}", Thing("x", turn))
                await asyncio.sleep(0.0001 * (number % 7))
                await store.durable()

        async with asyncio.timeout(60):
            await asyncio.gather(*(work(number) for number in range(50)))

    async def read(store: SqliteStore) -> None:
        things = store.records(WORLD, "test.thing", Thing)
        assert [thing.size for _, thing in things.items()] == [19] * 50

    run(tmp_path, body)
    run(tmp_path, read)


def test_worlds_are_apart(tmp_path: Path) -> None:
    async def body(store: SqliteStore) -> None:
        other = World("000000000000", "eu-west-1")
        store.records(WORLD, "test.thing", Thing).put("a", Thing("here"))
        assert store.records(other, "test.thing", Thing).get("a") is None
        assert store.worlds("test.thing") == [WORLD]

    run(tmp_path, body)


def test_items_may_be_written_while_they_are_read(tmp_path: Path) -> None:
    async def body(store: SqliteStore) -> None:
        things = store.records(WORLD, "test.thing", Thing)
        for name in "abcd":
            things.put(name, Thing(name))
        seen = []
        for key, _ in things.items():  # noqa: PERF102  not a dictionary
            seen.append(key)
            things.delete("c")
            things.put("z" + key, Thing("new"))
        assert seen == ["a", "b", "d"]

    run(tmp_path, body)


def test_what_is_queued_shares_a_commit(tmp_path: Path) -> None:
    async def body(store: SqliteStore) -> None:
        before = store.writer.commits
        sql = "INSERT INTO inbox (arn, event_id, event) VALUES (?, 'e', x'00')"
        await asyncio.gather(*(commit(store, [(sql, (f"arn{n}",))]) for n in range(500)))
        assert store.writer.commits - before < 100

    run(tmp_path, body)


def test_large_batches_share_no_commit_and_are_written_beside_the_loop(tmp_path: Path) -> None:
    async def body(store: SqliteStore) -> None:
        before, beside = store.writer.commits, list[bool]()
        finish = store.writer._finish

        def noting(job: Any) -> Any:
            beside.append(job.results is None)
            return finish(job)

        store.writer._finish = noting  # type: ignore[method-assign]
        sql = "INSERT INTO history (arn, first, events) VALUES (?, 1, x'')"
        futures: list[asyncio.Future[None]] = []
        for name, size in (("a", writer.LARGE), ("b", writer.LARGE), ("c", 1)):
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            futures.append(done)
            store.writer.submit(Batch([(sql, (name,))], settler(done), size=size))
        await asyncio.gather(*futures)
        assert store.writer.commits - before == 3
        assert beside == [True, True, False]

    run(tmp_path, body)


def test_records_can_be_read_for_the_first_time_in_a_thread(tmp_path: Path) -> None:
    async def write(store: SqliteStore) -> None:
        store.records(WORLD, "test.thing", Thing).put("a", Thing("a"))

    async def read(store: SqliteStore) -> None:
        def found() -> list[Any]:
            return [store.records(WORLD, "test.thing", Thing) for _ in range(3)]

        tables = await asyncio.gather(*(asyncio.to_thread(found) for _ in range(4)))
        for _ in range(200):  # the loop reads meanwhile
            store.executions.get("arn")
        assert {id(table) for part in tables for table in part} == {id(store.records(WORLD, "test.thing", Thing))}
        assert tables[0][0].get("a") == Thing("a")

    run(tmp_path, write)
    run(tmp_path, read)


def test_a_lost_guard_drops_its_own_batch_only(tmp_path: Path) -> None:
    async def body(store: SqliteStore) -> None:
        guard = ("INSERT OR IGNORE INTO inbox (arn, event_id, event) VALUES (?, 'e', x'00')", ("arn",))
        mark = "INSERT INTO definition (hash, text) VALUES (?, '')"
        results = await asyncio.gather(
            *(commit(store, [(mark, (bytes([n]),))], guard) for n in range(3)), return_exceptions=True
        )
        assert [type(result) for result in results] == [type(None), Conflict, Conflict]
        reader = apsw.Connection(str(tmp_path / FILE))
        assert reader.execute("SELECT hash FROM definition").fetchall() == [(b"\0",)]
        reader.close()

    run(tmp_path, body)


def test_a_bad_batch_fails_alone_and_leaves_nothing(tmp_path: Path) -> None:
    async def body(store: SqliteStore) -> None:
        good = "INSERT INTO definition (hash, text) VALUES (?, '')"
        bad = "INSERT INTO definition (hash, text) VALUES (?, NULL)"
        results = await asyncio.gather(
            commit(store, [(good, (b"1",))]),
            commit(store, [(good, (b"2",)), (bad, (b"3",))]),
            commit(store, [(good, (b"4",))]),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [type(None), StoreFailed, type(None)]
        reader = apsw.Connection(str(tmp_path / FILE))
        assert reader.execute("SELECT hash FROM definition ORDER BY 1").fetchall() == [(b"1",), (b"4",)]
        reader.close()

    run(tmp_path, body)


def test_a_full_disk_fails_what_waits_and_is_tried_again(tmp_path: Path) -> None:
    async def body(store: SqliteStore) -> None:
        things = store.records(WORLD, "test.thing", Thing)
        pages = store._connection.execute("PRAGMA page_count").fetchall()[0][0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
        things.put("big", Thing("x" * 1_000_000))
        with pytest.raises(StoreFailed, match="full"):
            await store.durable()
        store._connection.execute("PRAGMA max_page_count = 1000000").fetchall()
        await store.durable()

    async def read(store: SqliteStore) -> None:
        assert store.records(WORLD, "test.thing", Thing).get("big") == Thing("x" * 1_000_000)

    run(tmp_path, body)
    run(tmp_path, read)


def test_a_data_directory_has_one_owner(tmp_path: Path) -> None:
    async def body(store: SqliteStore) -> None:
        with pytest.raises(CannotOpen, match="in use by another process"):
            SqliteStore(tmp_path)

    run(tmp_path, body)
    run(tmp_path, lambda store: asyncio.sleep(0))


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    run(tmp_path, lambda store: asyncio.sleep(0))
    connection = apsw.Connection(str(tmp_path / FILE))
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}").fetchall()
    connection.close()
    with pytest.raises(CannotOpen, match="a newer Stategate wrote it"):
        run(tmp_path, lambda store: asyncio.sleep(0))


def test_what_executions_were_started_with_is_found_in_older_files(tmp_path: Path) -> None:
    new = {"machine_version_arn": "m:1", "machine_alias_arn": "m:live", "input": "{}"}
    connection = apsw.Connection(str(tmp_path / FILE))
    for script in MIGRATIONS[:3]:
        connection.execute(script).fetchall()
    connection.execute(
        "INSERT INTO execution (arn, machine, status, started, version, definition, new, map_run) VALUES"
        " ('e', 'm', 'RUNNING', 1.0, 1, x'', ?1, NULL), ('child', 'm/l', 'RUNNING', 1.0, 1, x'', ?1, 'run')",
        (msgspec.msgpack.encode(new),),
    ).fetchall()
    connection.execute("PRAGMA user_version = 3").fetchall()
    connection.close()
    run(tmp_path, lambda store: asyncio.sleep(0))
    connection = apsw.Connection(str(tmp_path / FILE))
    rows = connection.execute("SELECT arn, machine_version, machine_alias FROM execution ORDER BY arn").fetchall()
    connection.close()
    assert rows == [("child", None, None), ("e", "m:1", "m:live")]


@pytest.mark.parametrize("by", ["machine", "machine_version", "machine_alias", "map_run"])
@pytest.mark.parametrize("after", [None, (1.0, "e")])
def test_a_page_of_executions_is_read_from_an_index(tmp_path: Path, by: Any, after: tuple[float, str] | None) -> None:
    async def body(store: SqliteStore) -> None:
        asked: list[tuple[str, Any]] = []

        def trace(cursor: Any, sql: str, bindings: Any) -> bool:
            asked.append((sql, bindings))
            return True

        store._reader.exec_trace = trace
        store.executions.page("x", by=by, status=None, after=after, limit=10)
        store.executions.page("x", by=by, status="FAILED", after=after, limit=10)
        store._reader.exec_trace = None
        for sql, bindings in asked:
            plan = store._reader.execute(f"EXPLAIN QUERY PLAN {sql}", bindings).fetchall()
            assert [str(row[3]).partition(" USING INDEX ")[0] for row in plan] == ["SEARCH execution"], plan

    run(tmp_path, body)


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is not a database" * 1000)
    with pytest.raises(CannotOpen, match="not a database"):
        run(tmp_path, lambda store: asyncio.sleep(0))


def test_a_record_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    async def body(store: SqliteStore) -> None:
        world = (WORLD.account, WORLD.region)
        await commit(store, [("INSERT INTO record VALUES (?, ?, 'test.thing', 'a/1', x'c1')", world)])
        with pytest.raises(Unreadable, match=r"test\.thing 'a/1' in World\(account='000000000000'"):
            store.records(WORLD, "test.thing", Thing)

    run(tmp_path, body)


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(CannotOpen, match="cannot be used"):
        run(tmp_path / "data", lambda store: asyncio.sleep(0))


def test_another_process_that_writes_holds_up_no_requests(tmp_path: Path) -> None:
    """The event loop goes on, and what was to be written is written when the file is free again."""

    async def body(store: SqliteStore) -> None:
        other = apsw.Connection(str(tmp_path / FILE))
        other.execute("BEGIN IMMEDIATE")
        store.records(WORLD, "test.thing", Thing).put("a", Thing("x"))
        waiting = asyncio.ensure_future(store.durable())
        await asyncio.sleep(0.3)
        assert not waiting.done()
        other.execute("ROLLBACK")
        await waiting

    run(tmp_path, body)


def test_a_file_that_stays_locked_fails_all_that_wait_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "LOCKED", 200)

    async def body(store: SqliteStore) -> None:
        other = apsw.Connection(str(tmp_path / FILE))
        other.execute("BEGIN IMMEDIATE")
        statement = ("INSERT INTO definition (hash, text) VALUES (?, '')", (b"x",))
        waiting = [commit(store, [statement]) for _ in range(200)]
        begun = time.monotonic()
        failures = await asyncio.gather(*waiting, return_exceptions=True)
        other.execute("ROLLBACK")
        assert time.monotonic() - begun < 20
        assert {str(failure) for failure in failures} == {"another process has locked the database"}

    run(tmp_path, body)

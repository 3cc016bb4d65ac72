"""Who gets a worker when: warm ones first, more on demand, limits, retirement."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.functions.poolworld import HELD, Gate, PoolWorld, ends, run, until
from stategate.runtime.functions import pool
from stategate.services.ports import Throttled

PID = "import os\ndef handler(e, c): return os.getpid()"
SLEEP = "import os, time\ndef handler(e, c):\n    time.sleep(e)\n    return os.getpid()"


@pytest.fixture
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return Gate(tmp_path_factory.mktemp("gate"))


def test_callers_in_sequence_share_one_worker(tmp_path: Path) -> None:
    async def test(world: PoolWorld) -> None:
        code = await world.function(PID)
        assert len({(await world.invoke(code)).payload for _ in range(20)}) == 1

    run(tmp_path, test)


def test_callers_at_a_time_get_workers_of_their_own(tmp_path: Path, gate: Gate) -> None:
    async def test(world: PoolWorld) -> None:
        code = await world.function(HELD)
        calls = [asyncio.ensure_future(world.invoke(code, gate.payload)) for _ in range(4)]
        await gate.reached(workers=4)
        gate.open()
        assert len({(await call).payload for call in calls}) == 4

    run(tmp_path, test)


def test_at_the_limit_callers_wait(tmp_path: Path) -> None:
    async def test(world: PoolWorld) -> None:
        code = await world.function(SLEEP)
        results = await asyncio.gather(*(world.invoke(code, b"0.1") for _ in range(6)))
        assert len({result.payload for result in results}) <= 2

    run(tmp_path, test, limit=2)


def test_at_the_limit_an_idle_worker_makes_room_for_another_function(tmp_path: Path) -> None:
    async def test(world: PoolWorld) -> None:
        for _ in range(3):
            assert (await world.invoke(await world.function(PID))).error is None

    run(tmp_path, test, limit=1)


def test_a_busy_function_does_not_starve_another(tmp_path: Path) -> None:
    async def test(world: PoolWorld) -> None:
        busy, other = await world.function(SLEEP), await world.function(PID)
        over = False

        async def again_and_again() -> None:
            while not over:
                await world.invoke(busy, b"0.02")

        crowd = [asyncio.ensure_future(again_and_again()) for _ in range(4)]
        await asyncio.sleep(0.2)
        result = await asyncio.wait_for(world.invoke(other), 60)
        assert result.error is None
        over = True
        await asyncio.gather(*crowd)

    run(tmp_path, test, limit=1)


@pytest.mark.parametrize("end", ["time.sleep(60)", "os._exit(1)"])
def test_at_the_limit_the_end_of_a_worker_makes_room_for_another_function(tmp_path: Path, end: str) -> None:
    async def test(world: PoolWorld) -> None:
        source = f"import os, time\ndef handler(e, c):\n    time.sleep(0.3)\n    {end}"
        ending = asyncio.ensure_future(world.invoke(await world.function(source, timeout=1)))
        other = asyncio.ensure_future(world.invoke(await world.function(PID)))
        assert (await ending).error == "Unhandled"
        assert (await asyncio.wait_for(other, 60)).error is None

    run(tmp_path, test, limit=1)


def test_reserved_concurrency_throttles(tmp_path: Path) -> None:
    async def test(world: PoolWorld) -> None:
        code = await world.function(SLEEP, concurrency=1)
        first = asyncio.ensure_future(world.invoke(code, b"0.3"))
        await asyncio.sleep(0)
        with pytest.raises(Throttled):
            await world.invoke(code, b"0")
        assert (await first).error is None
        assert (await world.invoke(code, b"0")).error is None
        with pytest.raises(Throttled):
            await world.invoke(replace(code, concurrency=0), b"0")

    run(tmp_path, test)


def test_a_change_means_a_new_worker_but_not_of_the_concurrency(tmp_path: Path) -> None:
    async def test(world: PoolWorld) -> None:
        code = await world.function(PID)
        first = (await world.invoke(code)).payload
        assert (await world.invoke(replace(code, concurrency=5))).payload == first
        changed = replace(code, environment={"A": "1"}, revision="2")
        second = (await world.invoke(changed)).payload
        assert second != first
        world.pool.retire(code.arn)
        assert (await world.invoke(changed)).payload not in (first, second)

    run(tmp_path, test)


def test_retiring_lets_a_call_end(tmp_path: Path, gate: Gate) -> None:
    async def test(world: PoolWorld) -> None:
        code = await world.function(HELD)
        call = asyncio.ensure_future(world.invoke(code, gate.payload))
        await gate.reached()
        world.pool.retire(code.arn)
        gate.open()
        first = await call
        assert first.error is None
        assert (await world.invoke(code, gate.payload)).payload != first.payload

    run(tmp_path, test)


def test_a_worker_that_starts_while_its_function_is_retired_ends(tmp_path: Path) -> None:
    async def test(world: PoolWorld) -> None:
        file = tmp_path / "pid"
        source = f"import os, time\nopen({str(file)!r}, 'w').write(str(os.getpid()))\ntime.sleep(0.3)\n"
        code = await world.function(source + "def handler(e, c): return 1")
        call = asyncio.ensure_future(world.invoke(code))
        await until(lambda: file.exists() and file.read_text())
        call.cancel()
        await asyncio.wait([call])
        world.pool.retire(code.arn)
        assert await asyncio.to_thread(ends, int(file.read_text()))

    run(tmp_path, test)


def test_an_invocation_that_has_begun_goes_on_when_its_caller_goes_away(tmp_path: Path, gate: Gate) -> None:
    async def test(world: PoolWorld) -> None:
        code = await world.function(HELD, concurrency=1)
        call = asyncio.ensure_future(world.invoke(code, gate.payload))
        await gate.reached()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        with pytest.raises(Throttled):
            await world.invoke(code, gate.payload)
        gate.open()
        await until(lambda: any(message.startswith("REPORT ") for message in world.messages))
        assert not any("Status: " in message for message in world.messages)
        assert (await world.invoke(code, gate.payload)).error is None

    run(tmp_path, test)


def test_a_caller_who_stops_waiting_is_forgotten(tmp_path: Path) -> None:
    async def test(world: PoolWorld) -> None:
        code = await world.function(SLEEP, concurrency=2)
        first = asyncio.ensure_future(world.invoke(code, b"0.3"))
        await asyncio.sleep(0.15)
        second = asyncio.ensure_future(world.invoke(code, b"0"))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        third = asyncio.ensure_future(world.invoke(code, b"0"))
        assert [(await call).error for call in (first, third)] == [None, None]

    run(tmp_path, test, limit=1)


def test_what_the_credentials_raise_reaches_the_caller(tmp_path: Path) -> None:
    class NoRoleError(Exception):
        pass

    def refuse(code: object) -> dict[str, str]:
        raise NoRoleError

    async def test(world: PoolWorld) -> None:
        code = await world.function(PID, concurrency=1)
        for _ in range(2):
            with pytest.raises(NoRoleError):
                await world.invoke(code)

    run(tmp_path, test, credentials=refuse)


def test_a_worker_whose_credentials_will_expire_is_replaced(tmp_path: Path) -> None:
    async def test(world: PoolWorld) -> None:
        code = await world.function(PID, timeout=1)
        first = (await world.invoke(code)).payload
        assert (await world.invoke(code)).payload == first
        for worker in world.pool._workers:
            worker.born -= 3600 - 61
        assert (await world.invoke(code)).payload != first

    run(tmp_path, test, credentials_seconds=3600)


def test_every_failed_start_answers_one_caller(tmp_path: Path) -> None:
    async def test(world: PoolWorld) -> None:
        code = await world.function("raise RuntimeError('at start')")
        results = await asyncio.gather(*(world.invoke(code) for _ in range(5)))
        assert {json.loads(result.payload)["errorMessage"] for result in results} == {"at start"}

    run(tmp_path, test)


def test_slow_starts_do_not_hold_those_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SLOW", 0.1)

    async def test(world: PoolWorld) -> None:
        slow = [
            await world.function("import time\ntime.sleep(600)\ndef handler(e, c): pass")
            for _ in range(max(2, os.cpu_count() or 2))
        ]
        calls = [asyncio.ensure_future(world.invoke(code)) for code in slow]
        result = await asyncio.wait_for(world.invoke(await world.function(PID)), 60)
        assert result.error is None
        assert not any(call.done() for call in calls)
        await world.pool.close()
        await asyncio.wait(calls)

    run(tmp_path, test)


def test_closing_is_no_failure_of_the_function(tmp_path: Path, gate: Gate) -> None:
    async def test(world: PoolWorld) -> None:
        code = await world.function(HELD)
        running = asyncio.ensure_future(world.invoke(code, gate.payload))
        await gate.reached()
        await world.pool.close()
        with pytest.raises(asyncio.CancelledError):
            await running
        with pytest.raises(Throttled):
            await world.invoke(code, b"0")

    run(tmp_path, test)


def test_a_package_stays_while_a_worker_runs_it(tmp_path: Path, gate: Gate) -> None:
    async def test(world: PoolWorld) -> None:
        code = await world.function(HELD)
        await world.function(PID)
        call = asyncio.create_task(world.invoke(code, gate.payload))
        await gate.reached()
        world.pool.keep_packages([])
        await gone(tmp_path, left=1)
        world.pool.retire(code.arn)
        gate.open()
        assert (await call).error is None
        await gone(tmp_path, left=0)

    run(tmp_path, test)


async def gone(place: Path, left: int) -> None:
    """Only so many packages are left, and nothing else."""
    await until(lambda: len(names(place)) <= left)
    assert len(names(place)) == left


def names(place: Path) -> list[str]:
    return [path.name for path in place.iterdir()]


def test_a_package_that_comes_again_while_it_is_not_wanted(tmp_path: Path) -> None:
    async def test(world: PoolWorld) -> None:
        code = await world.function(SLEEP)
        call = asyncio.create_task(world.invoke(code, b"0.3"))
        await asyncio.sleep(0.15)
        world.pool.keep_packages([])
        again = await world.function(SLEEP)
        world.pool.retire(code.arn)
        assert (await call).error is None
        await asyncio.sleep(0.1)
        assert (await world.invoke(again, b"0")).error is None

    run(tmp_path, test)


def test_what_a_killed_server_left_half_done_goes(tmp_path: Path) -> None:
    for name in (".new-abc", ".old-abc"):
        (tmp_path / name / "code").mkdir(parents=True)

    async def test(world: PoolWorld) -> None:
        assert names(tmp_path) == []

    run(tmp_path, test)

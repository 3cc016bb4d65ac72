"""Steps that take long: the event loop goes on, and so does everything that waits for them."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from runtime.engine.scripts import scripts
from runtime.engine.test_engine import Rig
from stategate.asl.effects import Continue, Finish
from stategate.asl.events import Started, TimerFired
from stategate.asl.run import RunIdentity
from stategate.runtime.engine import EngineClosed
from stategate.runtime.engine.beside import THREADS, Made, Threads
from stategate.runtime.engine.language import Programs, identity, light, light_but_for_jsonata, states_language
from stategate.runtime.engine.live import Outcome
from stategate.services.ports import NewExecution, World


@pytest.fixture(autouse=True)
def _switch_interval() -> Iterator[None]:
    """That of the process, which `Threads` changes."""
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


async def told(threads: Threads, work: Made[Any]) -> Made[Any]:
    """What `later` is told; the work must not be done before."""
    future: asyncio.Future[Made[Any]] = asyncio.get_running_loop().create_future()
    assert threads.do(work, future.set_result, light=False) is None
    return await future


def test_short_work_is_done_at_once() -> None:
    async def body() -> None:
        made = Threads().do(threading.get_ident, _never, light=False)
        assert made is not None
        assert made() != threading.get_ident()
        made = Threads().do(threading.get_ident, _never, light=True)
        assert made is not None
        assert made() == threading.get_ident()

    asyncio.run(body())


def test_of_long_work_one_is_told_later() -> None:
    async def body() -> None:
        threads, gate = Threads(), threading.Event()
        waiting = asyncio.ensure_future(told(threads, gate.wait))
        await asyncio.sleep(0)
        gate.set()
        assert (await waiting)() is True

        def fails() -> None:
            raise ValueError("no")

        made = threads.do(fails, _never, light=False)
        assert made is not None
        with pytest.raises(ValueError, match="no"):
            made()

    asyncio.run(body())


def test_no_more_runs_at_once_than_there_are_threads() -> None:
    async def body() -> None:
        threads, gate = Threads(), threading.Event()
        long = [asyncio.ensure_future(told(threads, gate.wait)) for _ in range(THREADS)]
        await asyncio.sleep(0)
        short = asyncio.ensure_future(told(threads, lambda: 1))
        await asyncio.sleep(0)
        assert not short.done()
        gate.set()
        await asyncio.gather(*long)
        assert (await short)() == 1

    asyncio.run(body())


def _never(made: Made[Any]) -> None:
    raise AssertionError("told later")


class Gated(Rig):
    """Its steps are made in threads, and those of executions with a `{%` wait for `gate`."""

    def start(self) -> None:
        super().start()
        self.gate = threading.Event()
        language = scripts()

        def step(program: Any, run: Any, *rest: Any) -> Any:
            if "{%" in program:
                assert self.gate.wait(60)
            return language.step(program, run, *rest)

        self.engine._programs._step = step
        self.engine._beside = Threads()

    def slow(self, name: str, *script: Any) -> NewExecution:
        return self.new(name, *script, "{%")


def gated(data_dir: Path, body: Callable[[Gated], Any]) -> None:
    async def main() -> None:
        rig = Gated(data_dir)
        try:
            await body(rig)
        finally:
            rig.gate.set()
            await rig.engine.close()
            await rig.store.close()

    asyncio.run(main())


def test_others_go_on_meanwhile(tmp_path: Path) -> None:
    async def body(rig: Gated) -> None:
        slow, quick = rig.slow("slow", "pass"), rig.new("quick", "pass")
        starting = asyncio.ensure_future(rig.engine.start(slow))
        await rig.engine.start(quick)
        assert (rig.status(quick), rig.status(slow)) == ("SUCCEEDED", None)
        stopping = asyncio.ensure_future(rig.engine.stop(slow.arn, None, None))  # it is not there yet
        assert await stopping is None
        rig.gate.set()
        await starting
        assert rig.status(slow) == "SUCCEEDED"

    gated(tmp_path, body)


def test_what_comes_meanwhile_is_taken_up_afterwards(tmp_path: Path) -> None:
    async def body(rig: Gated) -> None:
        rig.gate.set()
        slow = rig.slow("slow", "task", ["wait", 3600])
        await rig.engine.start(slow)
        rig.gate.clear()
        rig.runner.gate = None
        await rig.until(lambda: rig.engine._stepping)  # the task's result
        stopping = asyncio.ensure_future(rig.engine.stop(slow.arn, "E", "c"))
        await asyncio.sleep(0.01)
        assert rig.status(slow) == "RUNNING"
        rig.gate.set()
        stopped = await stopping
        assert stopped is not None
        assert (stopped.status, stopped.error) == ("ABORTED", "E")
        assert rig.types(slow)[-3:] == ["TaskSucceeded", "Entered", "ExecutionAborted"]

    gated(tmp_path, body)


def test_a_step_under_way_at_the_end_is_made_again(tmp_path: Path) -> None:
    async def body(rig: Gated) -> None:
        rig.gate.set()
        slow = rig.slow("slow", "task", "pass")
        await rig.engine.start(slow)
        rig.gate.clear()
        await rig.until(lambda: rig.engine._stepping)
        starting = asyncio.ensure_future(rig.engine.start(rig.slow("new")))
        await asyncio.sleep(0)
        gate = rig.gate
        await rig.restart()
        with pytest.raises(EngineClosed):
            await starting
        gate.set()
        rig.gate.set()
        await rig.ended(slow)
        assert rig.status(slow) == "SUCCEEDED"
        assert len(rig.runner.calls) == 2

    gated(tmp_path, body)


def test_a_start_under_way_is_stopped_with_the_others(tmp_path: Path) -> None:
    async def body(rig: Gated) -> None:
        slow = rig.slow("slow", ["wait", 3600])
        starting = asyncio.ensure_future(rig.engine.start(slow))
        await asyncio.sleep(0)
        stopping = asyncio.ensure_future(rig.engine.stop_all(slow.machine_arn))
        await asyncio.sleep(0.01)
        rig.gate.set()
        assert await stopping == 1
        await starting
        assert rig.status(slow) == "ABORTED"

    gated(tmp_path, body)


def test_a_step_that_ends_during_the_last_commits_is_not_committed(tmp_path: Path) -> None:
    async def body(rig: Gated) -> None:
        slow, threads = rig.slow("slow", "pass"), rig.engine._beside
        assert isinstance(threads, Threads)
        starting = asyncio.ensure_future(rig.engine.start(slow))
        await rig.until(lambda: rig.engine._stepping)
        rig.engine._committing += 1
        leaving = asyncio.ensure_future(rig.engine._leave(EngineClosed()))
        await rig.until(lambda: rig.engine._quiet)
        rig.gate.set()
        with pytest.raises(EngineClosed):
            await starting
        await rig.until(lambda: threads._unfinished == 0)
        rig.engine._committed(rig.engine._live[slow.arn], Outcome(), EngineClosed())
        await leaving
        assert rig.engine._committing == 0
        assert rig.status(slow) is None

    gated(tmp_path, body)


def test_a_step_that_needs_little_jsonata_is_made_in_the_event_loop(tmp_path: Path) -> None:
    async def body(rig: Gated) -> None:
        rig.engine._language = states_language()
        rig.engine._programs = Programs(rig.engine._language)
        threads = set[int]()
        step = rig.engine._programs._step

        def noted(*arguments: Any) -> Any:
            threads.add(threading.get_ident())
            return step(*arguments)

        rig.engine._programs._step = noted

        async def output_of(name: str, expression: str) -> str | None:
            threads.clear()
            state = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": f"{{% {expression} %}}", "End": True}
            definition = json.dumps({"StartAt": "P", "States": {"P": state}})
            new = replace(rig.new(name), definition=definition)
            await rig.engine.start(new)
            ended = await rig.ended(new)
            assert rig.types(new)[0] == "ExecutionStarted"
            assert len(rig.types(new)) == 4
            return ended.output

        here = {threading.get_ident()}
        fresh = f"$states.input.n + 1 /* {uuid4()} */"  # no other test has compiled it
        assert await output_of("first", fresh) == "2"
        assert threads - here  # it had to be compiled
        assert await output_of("second", fresh) == "2"
        assert threads == here
        assert await output_of("third", "$sum($map([1..5000], function($i) {$i}))") == "12502500"
        assert await output_of("fourth", "$sum($map([1..5000], function($i) {$i}))") == "12502500"
        assert threads - here

    gated(tmp_path, body)


def test_after_an_attempt_that_costs_too_much_a_run_is_as_it_was() -> None:
    states = {
        "W": {"Type": "Wait", "Seconds": 9, "Assign": {"x": "{% $states.input.n %}"}, "Next": "P"},
        "P": {"Type": "Pass", "Output": "{% $sum($map([1..5000], function($i) {$i})) + $x %}", "End": True},
    }
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "W", "States": states})
    new = NewExecution("arn", "n", World("0", "r"), "m", "m", definition, "r", "STANDARD", '{"n": 1}', 0.0)
    language = states_language()
    programs, run = Programs(language), language.new(identity(new))
    programs.step(new, run, Started(), 0.0, 1)
    run.committed()
    before = run.header(), [run.frame(frame_id) for frame_id in run.frame_ids()]
    again, step = programs.attempt(new, run, TimerFired("wait:2"), 9.0, 2)
    assert step is None
    assert (again.header(), [again.frame(frame_id) for frame_id in again.frame_ids()]) == before
    assert not again.changed and not again.removed
    effects = programs.step(new, again, TimerFired("wait:2"), 9.0, 2).effects
    assert effects == [Finish("SUCCEEDED", "12502501")]


def test_a_step_ends_when_it_has_taken_long_enough() -> None:
    language = states_language(slice=0.0)
    states = '{"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}'
    program = language.compile(f'{{"StartAt": "A", "States": {states}}}', "STANDARD")
    run = language.new(RunIdentity("arn", "n", "m", "m", "r", "{}", 0.0))
    step = language.step(program, run, Started(), 0.0, 1)
    assert [type(effect) for effect in step.effects] == [Continue]
    assert [event.type for event in step.events] == ["ExecutionStarted"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"InputPath": "$.a.b[0]", "Resource": "arn:aws:states:::lambda:invoke"}', True),
        ('{"Output": "{% $states.input %}"}', False),
        ('{"InputPath": "$..a"}', False),
        ('{"InputPath": "$.a[?(@.b)]"}', False),
        ('{"InputPath": "$.a[*]"}', False),
        ('{"StringMatches": "a*"}', False),
        ('{"Parameters": {"a.$": "States.UUID()"}}', False),
        ('{"ErrorEquals": ["States.ALL"]}', True),
        (f'{{"Comment": "{"x" * 20_000}"}}', False),
    ],
)
def test_what_is_light(text: str, expected: bool) -> None:
    new = NewExecution("arn", "n", World("0", "r"), "m", "m", text, "r", "STANDARD", "{}", 0.0)
    assert light(new) is expected
    assert light(replace(new, input="x" * 20_000)) is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"Output": "{% $states.input.a[0] * 2 %}"}', True),
        ('{"Output": "{% $a & \\"..%}\\" %}", "InputPath": "$.a"}', True),
        ('{"Output": "{% $a %}", "InputPath": "$..a"}', False),
        ('{"Comment": "{% x", "InputPath": "$..a", "Other": "%}"}', False),
        (f'{{"Comment": "{"x" * 20_000}"}}', False),
    ],
)
def test_what_is_light_but_for_jsonata(text: str, expected: bool) -> None:
    new = NewExecution("arn", "n", World("0", "r"), "m", "m", text, "r", "STANDARD", "{}", 0.0)
    assert light_but_for_jsonata(new) is expected
    assert light_but_for_jsonata(replace(new, input="x" * 20_000)) is False


def test_a_stored_definition_that_gives_a_field_twice_is_read() -> None:
    twice = '{"StartAt": "S", "States": {"S": {"Type": "Fail"}, "S": {"Type": "Succeed"}}}'
    new = NewExecution("arn", "n", World("0", "r"), "m", "m", twice, "r", "STANDARD", "{}", 0.0)
    assert Programs(states_language()).get(new).flows[0].start == "S"

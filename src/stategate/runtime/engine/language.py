"""The machine as the engine sees it: four functions, and the programs that are compiled already."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from stategate.asl import machine, program, run
from stategate.asl.events import Event
from stategate.asl.run import RunIdentity
from stategate.asl.turn import Refusal
from stategate.lang import jsonata
from stategate.services.ports import NewExecution

PROGRAMS = 512
"""How many compiled programs are kept."""

LIGHT = 16_384
"""Characters of a definition that is compiled, and of an input that is evaluated, in no time."""

ALLOWANCE = 2_000
"""Steps that JSONata may take where others wait for it: about 1 ms."""

FEW = 16
"""Frames of a run that are remembered while a step is attempted."""

_EXPRESSION = re.compile(r'"\{%(?:[^"\\]|\\.)*%\}"')
_COSTLY = re.compile(r"\{%|\.\.|\?\(|\*|States\.\w+\(")
"""JSONata; paths that descend, filter or take everything; patterns of StringMatches; intrinsic functions."""


@dataclass(frozen=True, slots=True)
class Language:
    """What `asl` offers. `compile(definition, type)` gives a program for `step(program, run, event, now, seed)`."""

    compile: Callable[[str, str], Any]
    new: Callable[[RunIdentity], Any]
    load: Callable[[RunIdentity, bytes, Mapping[int, bytes]], Any]
    step: Callable[[Any, Any, Event, float, int], machine.Step]


def states_language(refusal: Refusal | None = None, slice: float | None = None) -> Language:
    """`refusal(resource, arguments)`: why a task can't be begun. After `slice` seconds a step begins no further state;
    None: it takes its time."""

    def step(program: Any, run: Any, event: Event, now: float, seed: int) -> machine.Step:
        if slice is None:
            return machine.step(program, run, event, now, seed, refusal)
        end = time.perf_counter() + slice
        return machine.step(program, run, event, now, seed, refusal, lambda: time.perf_counter() >= end)

    return Language(
        compile=lambda definition, type_: program.compile(definition, type=type_, stored=True),
        new=run.Run.new,
        load=run.Run.load,
        step=step,
    )


class Programs:
    """Compiled once, shared by all executions of the same definition; the least used are forgotten. For any thread."""

    def __init__(self, language: Language) -> None:
        self._load, self._step = language.load, language.step
        self._compiled = lru_cache(PROGRAMS)(language.compile)

    def get(self, new: NewExecution) -> Any:
        """Raises what the compiler raises."""
        return self._compiled(new.definition, new.type)

    def step(self, new: NewExecution, run: Any, event: Event, now: float, seed: int) -> machine.Step:
        return self._step(self.get(new), run, event, now, seed)

    def attempt(
        self, new: NewExecution, run: Any, event: Event, now: float, seed: int
    ) -> tuple[Any, Callable[[], machine.Step] | None]:
        """The run, of which everything must have been committed, and what gives the step, or raises what it raised;
        None: JSONata needs more than its allowance, and the run is as it was."""
        if run.size > FEW:
            return run, None
        header, frames = run.header(), {frame_id: run.frame(frame_id) for frame_id in run.frame_ids()}
        made: Future[machine.Step] = Future()
        try:
            with jsonata.within(ALLOWANCE):
                made.set_result(self.step(new, run, event, now, seed))
        except jsonata.TooCostly:
            return self._load(identity(new), header, frames), None
        except Exception as error:  # noqa: BLE001 - whoever asks for the step is told
            made.set_exception(error)
        return run, made.result


def light(new: NewExecution) -> bool:
    """Whether its steps surely take little time: definition and input are short, and paths lead straight to single
    values."""
    return len(new.input) < LIGHT and _light(new.definition)


def light_but_for_jsonata(new: NewExecution) -> bool:
    return len(new.input) < LIGHT and _light_but_for_jsonata(new.definition)


@lru_cache(PROGRAMS)
def _light(definition: str) -> bool:
    return len(definition) < LIGHT and _COSTLY.search(definition) is None


@lru_cache(PROGRAMS)
def _light_but_for_jsonata(definition: str) -> bool:
    return len(definition) < LIGHT and _COSTLY.search(_EXPRESSION.sub("", definition)) is None


def identity(new: NewExecution) -> RunIdentity:
    return RunIdentity(
        execution_arn=new.arn,
        execution_name=new.name,
        machine_arn=new.machine_arn,
        machine_name=new.machine_name,
        role_arn=new.role_arn,
        input=new.input,
        started=new.started,
        express=new.type == "EXPRESS",
        version_arn=new.machine_version_arn,
        alias_arn=new.machine_alias_arn,
    )

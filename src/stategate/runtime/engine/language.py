"""The machine as the engine sees it: four functions, and the programs that are compiled already."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stategate.asl import machine, program, run
from stategate.asl.events import Event
from stategate.asl.run import RunIdentity
from stategate.asl.turn import Refusal
from stategate.services.ports import NewExecution

PROGRAMS = 512
"""How many compiled programs are kept."""


@dataclass(frozen=True, slots=True)
class Language:
    """What `asl` offers. `compile(definition, type)` gives a program for `step(program, run, event, now, seed)`."""

    compile: Callable[[str, str], Any]
    new: Callable[[RunIdentity], Any]
    load: Callable[[RunIdentity, bytes, Mapping[int, bytes]], Any]
    step: Callable[[Any, Any, Event, float, int], machine.Step]


def states_language(refusal: Refusal | None = None) -> Language:
    """`refusal(resource, arguments)`: why a task can't be begun."""

    def step(program: Any, run: Any, event: Event, now: float, seed: int) -> machine.Step:
        return machine.step(program, run, event, now, seed, refusal)

    return Language(
        compile=lambda definition, type_: program.compile(definition, type=type_),
        new=run.Run.new,
        load=run.Run.load,
        step=step,
    )


class Programs:
    """Compiled once, shared by all executions of the same definition; the least used are forgotten."""

    def __init__(self, language: Language) -> None:
        self._compile = language.compile
        self._programs: OrderedDict[tuple[str, str], Any] = OrderedDict()

    def get(self, new: NewExecution) -> Any:
        """Raises what the compiler raises."""
        key = (new.definition, new.type)
        found = self._programs.get(key)
        if found is None:
            found = self._programs[key] = self._compile(new.definition, new.type)
            if len(self._programs) > PROGRAMS:
                self._programs.popitem(last=False)
        else:
            self._programs.move_to_end(key)
        return found


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

"""The machine: what an event does to a run."""

from dataclasses import dataclass, field

from stategate.asl.effects import Effect
from stategate.asl.events import Event
from stategate.asl.history import HistoryEvent
from stategate.asl.program import Program
from stategate.asl.run import Run


class IllegalEvent(Exception):
    """An event that can't be: a command that was never issued, a second start, an event before the start."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step asks for, and what it adds to the history."""

    effects: list[Effect] = field(default_factory=list)
    events: list[HistoryEvent] = field(default_factory=list)


def step(program: Program, run: Run, event: Event, now: float, seed: int) -> Step:
    """Bring `event` to `run`, which is updated in place. `now` in epoch seconds; `seed` feeds jitter and States.UUID.

    A workflow's failure is a value (an effect `Finish`); only an event that can't be raises (`IllegalEvent`).
    An event for a run that has ended changes nothing.
    """
    raise NotImplementedError

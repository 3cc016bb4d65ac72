"""Frames: the parts of a run that are stored on their own. Each kind has a version in its tag; an old one is read for
as long as executions may be that old.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from stategate.asl.value import Value

Phase = Literal["enter", "work", "task", "wait", "retry", "children", "maprun"]
"""Where a sequence is in its state: to be entered; to start work (again); waiting for a task, for time, for the time
of the next attempt; waiting for branches or iterations; for a map run."""


class Sequence(msgspec.Struct, array_like=True, tag="sequence/1"):
    """One sequence of states: the top level, a branch or an iteration.

    `waits_for` is the history id that names what it waits for: the Scheduled event of a task, the Entered event of a
    Wait, the event that failed before a retry. `last` is the last event here: the next one follows it. `variables` is
    the frame of the variables assigned here, if any. `submitted`: the call of a task has been answered, and the task
    goes on elsewhere; `child` is the execution that a `.sync` task then waits for; `heartbeat` the seconds that may
    pass without a sign of life (0: any). `map_run` is the ARN of the map run that a Map state started last.
    """

    flow: int
    state: str
    input: Value
    last: int
    parent: int = -1
    index: int = 0
    phase: Phase = "enter"
    entered: int = 0
    entered_at: float = 0.0
    waits_for: int = 0
    children: int = -1
    attempts: dict[int, int] = {}
    retries: int = 0
    timed: bool = False
    beating: bool = False
    variables: int = -1
    token: str | None = None
    submitted: bool = False
    child: str | None = None
    map_run: str | None = None
    heartbeat: float = 0.0


class Group(msgspec.Struct, array_like=True, tag="group/1"):
    """The children of a Parallel or Map state: child `i` is frame `first + i`. `items` is the frame of a Map's items;
    `active` the indexes that run, `started` and `done` how many."""

    parent: int
    opened: int
    first: int
    length: int
    limit: int
    items: int = -1
    started: int = 0
    done: int = 0
    active: list[int] = []


class Items(msgspec.Struct, array_like=True, tag="items/1"):
    """What a Map iterates over, and its effective input. Written once."""

    input: Value
    items: list[Value]


class Output(msgspec.Struct, array_like=True, tag="output/1"):
    """What a branch or iteration that has ended gave; its parent still runs."""

    value: Value


class Variables(msgspec.Struct, array_like=True, tag="variables/1"):
    """The variables of one sequence; what is nested in it sees them."""

    values: dict[str, Value]


Frame = Sequence | Group | Items | Output | Variables


class Header(msgspec.Struct, array_like=True, tag="run/1"):
    """`events` is the id of the last history event, `frames` that of the next frame; `ready` the sequences that can go
    on without any event; `redrives` how often the execution was redriven, and when last."""

    status: str = "RUNNING"
    events: int = 0
    frames: int = 0
    ready: list[int] = []
    redrives: int = 0
    redriven: float = 0.0


def _to_text(value: Any) -> str:
    if isinstance(value, Value):
        return value.text
    raise NotImplementedError(f"frames can't hold {type(value).__name__}")


def _from_text(type_: type, value: Any) -> Any:
    if type_ is Value:
        return Value(value)
    raise NotImplementedError(f"frames can't hold {type_.__name__}")


_encoder = msgspec.msgpack.Encoder(enc_hook=_to_text)
_frames: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame, dec_hook=_from_text)
_headers = msgspec.msgpack.Decoder(Header)


def encode(frame: Frame | Header) -> bytes:
    return _encoder.encode(frame)


def decode(data: bytes) -> Frame:
    return _frames.decode(data)


def decode_header(data: bytes) -> Header:
    return _headers.decode(data)

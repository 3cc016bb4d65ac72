"""A run: where an execution is. Plain, versioned data: a small header and a tree of frames, each stored on its own.

`Run.changed` and `Run.removed` collect the ids of the frames that steps touched; the engine writes those, and only
those, then calls `committed()`. The header changes with every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Many
from copy import copy
from dataclasses import dataclass

from stategate.asl import frames as stored
from stategate.asl.frames import Frame, Group, Header, Items, Output, Sequence, Variables
from stategate.asl.value import Value

ROOT = 0


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """What never changes. `input` is JSON text; `started` in epoch seconds; the ARNs of the version and the alias, if
    they were started with."""

    execution_arn: str
    execution_name: str
    machine_arn: str
    machine_name: str
    role_arn: str
    input: str
    started: float
    express: bool = False
    version_arn: str | None = None
    alias_arn: str | None = None


class Run:
    """Where an execution is. `changed` and `removed` are the frames touched since `committed()`; they share no id."""

    __slots__ = ("_frames", "_header", "_kept", "changed", "identity", "input", "removed", "waiting")

    def __init__(self, identity: RunIdentity, header: Header, frames: dict[int, Frame]) -> None:
        self.identity = identity
        self.input = Value(identity.input)
        self.changed: set[int] = set()
        self.removed: set[int] = set()
        self._header = header
        self._frames = frames
        self._kept: tuple[dict[int, Frame], set[int], set[int]] | None = None
        self.waiting: dict[int, int] = {
            frame.waits_for: frame_id
            for frame_id, frame in frames.items()
            if isinstance(frame, Sequence) and frame.waits_for
        }

    @classmethod
    def new(cls, identity: RunIdentity) -> Run:
        return cls(identity, Header(), {})

    @classmethod
    def load(cls, identity: RunIdentity, header: bytes, frames: Mapping[int, bytes]) -> Run:
        """Raises msgspec.DecodeError for what this version can't read."""
        decoded = {frame_id: stored.decode(data) for frame_id, data in frames.items()}
        return cls(identity, stored.decode_header(header), decoded)

    @property
    def status(self) -> str:
        """RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""
        return self._header.status

    @property
    def started(self) -> bool:
        return self._header.events > 0

    @property
    def last_event(self) -> int:
        """The id of the last history event, 0 before the first."""
        return self._header.events

    def header(self) -> bytes:
        return stored.encode(self._header)

    def frame(self, frame_id: int) -> bytes:
        """Raises KeyError for a frame that isn't (any more)."""
        return stored.encode(self._frames[frame_id])

    def committed(self) -> None:
        """What was changed is on disk."""
        self.changed.clear()
        self.removed.clear()

    # What follows is for the machine.

    def next_event(self) -> int:
        self._header.events += 1
        return self._header.events

    def end(self, status: str) -> None:
        """Of what did not succeed stay the frames that a redrive needs: those that `keep` found, or what is there."""
        self._header.status = status
        self._header.ready = []
        if status == "SUCCEEDED" or self.identity.express:
            for frame_id in list(self._frames):
                self.remove(frame_id)
            return
        self.keep()
        assert self._kept is not None
        self._frames, self.changed, self.removed = self._kept
        self._kept = None
        self.waiting.clear()

    # For redrives.

    def keep(self) -> None:
        """Remembers the frames as they are: the failure that begins now will end the execution. What it
        leads to further out does not count again."""
        if self._kept is not None:
            return
        frames = {frame_id: _copy(frame) for frame_id, frame in self._frames.items()}
        self._kept = (frames, set(self.changed), set(self.removed))

    def forget_kept(self) -> None:
        self._kept = None

    @property
    def redrivable(self) -> bool:
        """Whether it has ended, and kept what a redrive needs."""
        return self.status not in ("RUNNING", "SUCCEEDED") and ROOT in self._frames

    @property
    def redrives(self) -> int:
        return self._header.redrives

    @property
    def redriven(self) -> float:
        """When it was redriven last; epoch seconds."""
        return self._header.redriven

    def begin_again(self, now: float) -> int:
        """Returns how often it has been redriven, this time included."""
        self._header.status = "RUNNING"
        self._header.redrives += 1
        self._header.redriven = now
        return self._header.redrives

    @property
    def size(self) -> int:
        """The number of its frames."""
        return len(self._frames)

    def frame_ids(self) -> Many[int]:
        return sorted(self._frames)

    @property
    def ready(self) -> list[int]:
        return self._header.ready

    @ready.setter
    def ready(self, frame_ids: list[int]) -> None:
        self._header.ready = frame_ids

    def reserve(self, count: int = 1) -> int:
        """The first of `count` new frame ids."""
        first = self._header.frames
        self._header.frames += count
        return first

    def put(self, frame_id: int, frame: Frame) -> None:
        self._frames[frame_id] = frame
        self.touch(frame_id)

    def touch(self, frame_id: int) -> None:
        self.changed.add(frame_id)
        self.removed.discard(frame_id)

    def remove(self, frame_id: int) -> None:
        frame = self._frames.pop(frame_id, None)
        if frame is None:
            return
        if isinstance(frame, Sequence):
            self.resume(frame)
            self.remove(frame.variables)
        self.changed.discard(frame_id)
        self.removed.add(frame_id)

    def replace(self, frame_id: int, output: Output) -> None:
        """The sequence has ended; what it gave takes its place."""
        self.remove(frame_id)
        self.put(frame_id, output)

    def variables(self, sequence: Sequence) -> dict[str, Value]:
        """The sequence's own."""
        if sequence.variables < 0:
            return {}
        frame = self._frames[sequence.variables]
        assert isinstance(frame, Variables)
        return frame.values

    def assign(self, sequence: Sequence, values: dict[str, Value]) -> None:
        if sequence.variables < 0:
            sequence.variables = self.reserve()
        self.put(sequence.variables, Variables(values))

    def wait(self, frame_id: int, sequence: Sequence, event_id: int) -> None:
        """The sequence waits for what this event names."""
        sequence.waits_for = event_id
        self.waiting[event_id] = frame_id

    def resume(self, sequence: Sequence) -> None:
        self.waiting.pop(sequence.waits_for, None)
        sequence.waits_for = 0

    def sequence(self, frame_id: int) -> Sequence:
        frame = self._frames[frame_id]
        assert isinstance(frame, Sequence)
        return frame

    def sequence_or_none(self, frame_id: int) -> Sequence | None:
        frame = self._frames.get(frame_id)
        return frame if isinstance(frame, Sequence) else None

    def group(self, frame_id: int) -> Group:
        frame = self._frames[frame_id]
        assert isinstance(frame, Group)
        return frame

    def items(self, frame_id: int) -> Items:
        frame = self._frames[frame_id]
        assert isinstance(frame, Items)
        return frame

    def output(self, frame_id: int) -> Output:
        frame = self._frames[frame_id]
        assert isinstance(frame, Output)
        return frame


def _copy(frame: Frame) -> Frame:
    """What is changed in place is not shared."""
    made = copy(frame)
    if isinstance(made, Group):
        made.active = list(made.active)
    return made

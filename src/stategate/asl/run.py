"""A run: where an execution is. Plain, versioned data: a small header and a tree of frames, each stored on its own.

`Run.changed` and `Run.removed` collect the ids of the frames that steps touched; the engine writes those, and only
those, then calls `committed()`. The header changes with every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """What never changes. `input` is JSON text; `started` in epoch seconds."""

    execution_arn: str
    execution_name: str
    machine_arn: str
    machine_name: str
    role_arn: str
    input: str
    started: float
    express: bool = False


class Run:
    """Where an execution is. `status`: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED."""

    identity: RunIdentity
    status: str
    changed: set[int]
    removed: set[int]

    @classmethod
    def new(cls, identity: RunIdentity) -> Run:
        raise NotImplementedError

    @classmethod
    def load(cls, identity: RunIdentity, header: bytes, frames: Mapping[int, bytes]) -> Run:
        raise NotImplementedError

    def header(self) -> bytes:
        raise NotImplementedError

    def frame(self, frame_id: int) -> bytes:
        """Raises KeyError for a frame that isn't (any more)."""
        raise NotImplementedError

    def committed(self) -> None:
        """What was changed is on disk."""
        raise NotImplementedError

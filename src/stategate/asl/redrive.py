"""Redriving an execution: it goes on where it failed, timed out or was stopped.

What has succeeded stays: finished branches of a Parallel, finished iterations of an inline Map, finished children of
a map run. What had not finished starts the state it was in again, with that state's input and fresh retries (the
developer guide's "Redrive behavior of individual states"). For this an execution that ends without success keeps its
frames, as they were when the failure began that nothing handled.
"""

from __future__ import annotations

from stategate.asl.distributed import redrive_map_run
from stategate.asl.effects import StartTimer
from stategate.asl.frames import Sequence
from stategate.asl.program import Fail
from stategate.asl.turn import EXECUTION_TIMER, Turn


def redrive(turn: Turn) -> None:
    """Of a Standard execution that has ended with its frames kept (`Run.redrivable`); others are left as they are."""
    run = turn.run
    if not run.redrivable:
        return
    count = run.begin_again(turn.now)
    event = turn.emit(run.last_event, "ExecutionRedriven", {"redriveCount": count})
    if turn.program.timeout is not None:
        turn.effects.append(StartTimer(EXECUTION_TIMER, turn.now + turn.program.timeout))
    for frame_id in run.frame_ids():
        sequence = run.sequence_or_none(frame_id)
        if sequence is not None:
            _restart(turn, frame_id, sequence, event)


def _restart(turn: Turn, frame_id: int, sequence: Sequence, event: int) -> None:
    turn.run.touch(frame_id)
    turn.run.resume(sequence)
    sequence.attempts = {}
    sequence.retries = 0
    sequence.timed = sequence.beating = False
    sequence.token = None
    sequence.submitted = False
    sequence.child = None
    if sequence.phase == "children" and sequence.children >= 0:
        return
    sequence.last = event
    if sequence.phase == "maprun":
        redrive_map_run(turn, frame_id, sequence)
        return
    if sequence.phase != "enter":
        sequence.phase = "enter" if isinstance(turn.state(sequence), Fail) else "work"
    turn.queue.append(frame_id)

"""The life of a task: scheduled, started or offered, submitted, and how it ends."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, assert_never

from stategate.asl.effects import OfferActivity, ScheduleTask, StartTimer, WatchExecution
from stategate.asl.events import ActivityStarted, ExecutionEnded, TaskFailed, TaskHeartbeat, TaskSubmitted
from stategate.asl.failures import RUNTIME, reason, runtime_failure
from stategate.asl.frames import Sequence
from stategate.asl.nesting import Failure, conclude, fail, too_large
from stategate.asl.program import Task
from stategate.asl.turn import PAYLOAD_LIMIT, UNTRUNCATED, Turn
from stategate.asl.value import Value
from stategate.lang.jsontext import JSONSyntaxError

TASK_FAILED = "States.TaskFailed"
TOKEN_HEAD = bytes.fromhex("0000002a00000002")
TOKEN_SECRET = 32
"""Bytes of a token between its head and the execution's ARN."""

_PREFIXES = {"lambda": "LambdaFunction", "activity": "Activity", "integration": "Task"}


# --- scheduling -----------------------------------------------------------------------------------------------------


def prepare(turn: Turn, sequence: Sequence, state: Task) -> None:
    """Before the state's fields are evaluated: they may name the token, which is another one for each attempt."""
    if state.resource.waits_for_token:
        sequence.token = _new_token(turn, sequence)


def _new_token(turn: Turn, sequence: Sequence) -> str:
    """Base64 of a head, something that nobody can guess (the seed is random and kept to the server), and the ARN of the
    execution, which tells a token of the past from one that never was."""
    arn = turn.run.identity.execution_arn
    drawn = hashlib.sha256(f"{turn.seed} {arn} {sequence.entered} {sequence.last}".encode()).digest()
    return base64.b64encode(TOKEN_HEAD + drawn[:TOKEN_SECRET] + arn.encode()).decode()


def token_execution(token: str) -> str | None:
    """The ARN of the execution that made this token; None if it can't be a token."""
    try:
        raw = base64.b64decode(token, validate=True)
        if not raw.startswith(TOKEN_HEAD):
            return None
        return raw[len(TOKEN_HEAD) + TOKEN_SECRET :].decode() or None
    except ValueError:
        return None


def schedule(
    turn: Turn,
    frame_id: int,
    sequence: Sequence,
    state: Task,
    arguments: Value,
    timeout: float | None,
    heartbeat: float | None,
    credentials: str | None,
) -> None:
    """Calls the task with these arguments. `timeout` and `heartbeat` in seconds; `credentials` a role's ARN."""
    resource = state.resource
    refusal = turn.refusal(resource, arguments)
    if refusal is not None:
        raise runtime_failure(refusal)
    command = _record_scheduled(turn, sequence, state, arguments, timeout, heartbeat, credentials)
    sequence.last = command
    sequence.phase = "task"
    sequence.heartbeat = float(heartbeat or 0)
    turn.run.wait(frame_id, sequence, command)
    if resource.kind == "activity":
        token = _new_token(turn, sequence)
        turn.effects.append(OfferActivity(command, resource.text, token, arguments.text))
    else:
        record_started(turn, sequence, state)
        turn.effects.append(
            ScheduleTask(
                command, resource.text, state.name, arguments.text, timeout, heartbeat, credentials, sequence.token
            )
        )
    if timeout is not None:
        sequence.timed = True
        turn.effects.append(StartTimer(f"timeout:{command}", turn.now + timeout))
    if resource.kind != "activity" and not resource.goes_on:
        await_heartbeat(turn, sequence)


def _record_scheduled(
    turn: Turn,
    sequence: Sequence,
    state: Task,
    arguments: Value,
    timeout: float | None,
    heartbeat: float | None,
    credentials: str | None,
) -> int:
    resource = state.resource
    details: dict[str, Any]
    match resource.kind:
        case "lambda" | "activity":
            details = {"resource": resource.text, "input": arguments.text, "inputDetails": UNTRUNCATED}
        case "integration":
            region = turn.run.identity.execution_arn.split(":")[3]
            details = {**_named(state), "region": region, "parameters": arguments.text}
        case _ as kind:
            assert_never(kind)
    if credentials is not None:
        details["taskCredentials"] = {"roleArn": credentials}
    if timeout is not None:
        details["timeoutInSeconds"] = int(timeout)
    if heartbeat is not None and resource.kind != "lambda":
        details["heartbeatInSeconds"] = int(heartbeat)
    return turn.emit(sequence.last, f"{_PREFIXES[resource.kind]}Scheduled", details)


def record_started(turn: Turn, sequence: Sequence, state: Task) -> None:
    """The task is about to be called (again)."""
    if state.resource.kind == "lambda":
        sequence.last = turn.emit(sequence.last, "LambdaFunctionStarted")
    else:
        sequence.last = turn.emit(sequence.last, "TaskStarted", _named(state))


def _named(state: Task) -> dict[str, Any]:
    action = state.resource.action + (f".{state.resource.pattern}" if state.resource.pattern else "")
    return {"resourceType": state.resource.service, "resource": action}


# --- what happens to it -----------------------------------------------------------------------------------------------


def expects(
    sequence: Sequence, state: Task, event: TaskSubmitted | ActivityStarted | TaskHeartbeat | ExecutionEnded
) -> bool:
    """Whether the event means something now: it may have come before, or be none for this kind of task."""
    match event:
        case TaskSubmitted():
            return state.resource.goes_on and not sequence.submitted
        case ActivityStarted():
            return state.resource.kind == "activity" and not sequence.submitted
        case TaskHeartbeat():
            return sequence.beating
        case ExecutionEnded():
            return sequence.child is not None
        case _:
            assert_never(event)


def submitted(turn: Turn, frame_id: int, sequence: Sequence, state: Task, event: TaskSubmitted) -> None:
    """The call has been answered, the task goes on elsewhere. The heartbeat's time begins now."""
    failure = unacceptable(state, Value(event.output))
    if failure is not None:
        settle(turn, sequence)
        record_ended(turn, sequence, state, "Failed", reason(failure.error, failure.cause))
        fail(turn, frame_id, sequence, failure)
        return
    sequence.submitted = True
    details = {**_named(state), "output": event.output, "outputDetails": UNTRUNCATED}
    sequence.last = turn.emit(sequence.last, "TaskSubmitted", details)
    if event.execution_arn is not None:
        sequence.child = event.execution_arn
        turn.effects.append(WatchExecution(sequence.waits_for, event.execution_arn))
    if state.resource.waits_for_token:
        await_heartbeat(turn, sequence)


def taken(turn: Turn, sequence: Sequence, event: ActivityStarted) -> None:
    """A worker has the task. The heartbeat's time begins now."""
    sequence.submitted = True
    details = {} if event.worker is None else {"workerName": event.worker}
    sequence.last = turn.emit(sequence.last, "ActivityStarted", details)
    await_heartbeat(turn, sequence)


def await_heartbeat(turn: Turn, sequence: Sequence) -> None:
    """The heartbeat's time begins, or begins anew."""
    if sequence.heartbeat:
        sequence.beating = True
        turn.effects.append(StartTimer(f"heartbeat:{sequence.waits_for}", turn.now + sequence.heartbeat))


# --- how it ends ------------------------------------------------------------------------------------------------------


def settle(turn: Turn, sequence: Sequence) -> None:
    """The task has come to its end: nothing of it is pending any more."""
    turn.cancel_timers(sequence)
    turn.run.resume(sequence)
    sequence.submitted = False
    sequence.child = None


def succeeded(turn: Turn, frame_id: int, sequence: Sequence, state: Task, result: Value) -> None:
    failure = unacceptable(state, result)
    settle(turn, sequence)
    if failure is not None:
        record_ended(turn, sequence, state, "Failed", reason(failure.error, failure.cause))
        fail(turn, frame_id, sequence, failure)
        return
    record_ended(turn, sequence, state, "Succeeded", {"output": result.text, "outputDetails": UNTRUNCATED})
    conclude(turn, frame_id, sequence, state, result)


def unacceptable(state: Task, result: Value) -> Failure | None:
    """Why this can't be the result of a task, if it can't."""
    if result.over(PAYLOAD_LIMIT):
        resource = state.resource
        return too_large(resource.service if resource.kind == "integration" else resource.text, reported=True)
    try:
        result.check()
    except JSONSyntaxError as error:
        return Failure(RUNTIME, f"The output of the task is not valid JSON: {error}", reported=True)
    return None


def failed(turn: Turn, frame_id: int, sequence: Sequence, state: Task, event: TaskFailed) -> None:
    settle(turn, sequence)
    record_ended(turn, sequence, state, "Failed", reason(event.error, event.cause))
    fail(turn, frame_id, sequence, Failure(event.error, event.cause, reported=True))


def child_ended(turn: Turn, frame_id: int, sequence: Sequence, state: Task, event: ExecutionEnded) -> None:
    """The result is what the execution looks like; `.sync:2` has its Input and Output as JSON, not as texts."""
    if event.status != "SUCCEEDED":
        failed(turn, frame_id, sequence, state, TaskFailed(event.command, TASK_FAILED, event.description))
        return
    result = Value(event.description)
    if state.resource.pattern == "sync:2":
        described = {**result.json}
        for member in ("Input", "Output"):
            if member in described:
                described[member] = Value(described[member]).json
        result = Value.of(described)
    succeeded(turn, frame_id, sequence, state, result)


def record_ended(turn: Turn, sequence: Sequence, state: Task, how: str, details: dict[str, Any]) -> None:
    """`how`: Succeeded, Failed or TimedOut."""
    kind = state.resource.kind
    named = _named(state) if kind == "integration" else {}
    sequence.last = turn.emit(sequence.last, f"{_PREFIXES[kind]}{how}", {**named, **details})

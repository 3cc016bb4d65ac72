"""What callers and logs see of an invocation's end, in Lambda's words."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import orjson

from stategate.runtime.functions import protocol
from stategate.runtime.functions.worker import Ending, Outcome
from stategate.services.ports import FunctionCode, Invocation


@dataclass(frozen=True, slots=True)
class Ended:
    """`lines` are the last lines of the invocation's log."""

    payload: bytes
    error: str | None
    lines: tuple[str, ...]


def start_line(code: FunctionCode, invocation: Invocation) -> str:
    return f"START RequestId: {invocation.request_id} Version: {code.version}\n"


def ended(
    code: FunctionCode, invocation: Invocation, outcome: Outcome, init_ms: float | None, limit: float, now: float
) -> Ended:
    """`init_ms` if this was the worker's first invocation; `limit` the seconds that it had; `now` epoch seconds."""
    request_id = invocation.request_id
    answer = outcome.answer
    match outcome.ending:
        case None:
            assert answer is not None
            failed = answer.kind != protocol.RESULT
            report = _report(code, invocation, outcome, init_ms, limit, "")
            return Ended(answer.payload, "Unhandled" if failed else None, (_end(request_id), report))
        case Ending.TIMED_OUT:
            text = f"Task timed out after {limit:.2f} seconds"
            payload = _error("Sandbox.Timedout", f"RequestId: {request_id} Error: {text}")
            report = _report(code, invocation, outcome, init_ms, limit, "Status: timeout")
            return Ended(payload, "Unhandled", (f"{_stamp(now)} {request_id} {text}\n\n", _end(request_id), report))
        case Ending.EXITED:
            return _broken("Runtime.ExitError", code, invocation, outcome, init_ms, limit)
        case Ending.NOT_STARTED:
            return _broken("Runtime.InvalidEntrypoint", code, invocation, outcome, init_ms, limit)


def _broken(
    error_type: str, code: FunctionCode, invocation: Invocation, outcome: Outcome, init_ms: float | None, limit: float
) -> Ended:
    text = f"RequestId: {invocation.request_id} Error: {outcome.exit}"
    report = _report(code, invocation, outcome, init_ms, limit, f"Status: error\tError Type: {error_type}")
    lines = (f"{text}\n{error_type}\n", _end(invocation.request_id), report)
    return Ended(_error(error_type, text), "Unhandled", lines)


def _error(error_type: str, message: str) -> bytes:
    return orjson.dumps({"errorType": error_type, "errorMessage": message})


def _end(request_id: str) -> str:
    return f"END RequestId: {request_id}\n"


def _report(
    code: FunctionCode, invocation: Invocation, outcome: Outcome, init_ms: float | None, limit: float, status: str
) -> str:
    ms = min(outcome.seconds, limit) * 1000
    used = min(math.ceil(outcome.memory_kb / 1024), code.memory)
    init = "" if init_ms is None else f"Init Duration: {init_ms:.2f} ms\t"
    return (
        f"REPORT RequestId: {invocation.request_id}\tDuration: {ms:.2f} ms\tBilled Duration: {math.ceil(ms)} ms\t"
        f"Memory Size: {code.memory} MB\tMax Memory Used: {used} MB\t{init}{status}\n"
    )


def _stamp(now: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"

"""Map runs: list, describe, update; and the child executions of one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from stategate.services.call import Call, Input, Output
from stategate.services.errors import validation_error
from stategate.services.ports import Execution, MapRun, MapRunCounts
from stategate.services.states import names, paging, redrive
from stategate.services.states.errors import execution_does_not_exist, resource_not_found

PENDING_REDRIVE = "PENDING_REDRIVE"

SCAN = 500
"""Executions read at a time where a list is filtered."""


def list_map_runs(call: Call, input: Input) -> Output:
    """Newest first."""
    arn = names.check_execution_arn(call.world, input["executionArn"])
    if call.ports.executions.get(arn) is None:
        raise execution_does_not_exist(arn)
    page, token = paging.page(
        call,
        input,
        ["ListMapRuns", arn],
        lambda last: call.ports.executions.map_runs(
            arn, after=None if last is None else (float(last[0]), str(last[1])), limit=paging.page_size(input) + 1
        ),
        lambda run: [run.started, run.arn],
    )
    return {"mapRuns": [_item(run) for run in page], "nextToken": token}


async def describe_map_run(call: Call, input: Input) -> Output:
    run = existing(call, input["mapRunArn"])
    items, executions = await _not_redrivable(call, run)
    answer: Output = {
        "mapRunArn": run.arn,
        "executionArn": run.execution_arn,
        "status": run.status,
        "startDate": run.started,
        "maxConcurrency": run.concurrency,
        "toleratedFailurePercentage": run.tolerated_percentage or 0.0,
        "toleratedFailureCount": run.tolerated_count or 0,
        "itemCounts": _counts(run, run.items, items),
        "executionCounts": _counts(run, run.executions, executions),
        "redriveCount": run.redrives,
    }
    optional = {"stopDate": run.stopped, "redriveDate": run.redriven}
    return answer | {member: value for member, value in optional.items() if value is not None}


async def update_map_run(call: Call, input: Input) -> Output:
    """Only a map run that runs can be changed; the new limits hold at once."""
    run = existing(call, input["mapRunArn"])
    limits = ("maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage")
    if all(input.get(limit) is None for limit in limits):
        raise validation_error(f"At least one of {', '.join(limits)} must be specified.")
    if run.status != "RUNNING":
        raise validation_error(f"Map Run is {run.status} and cannot be updated.")
    await call.ports.executions.update_map_run(run.arn, *(input.get(limit) for limit in limits))
    return {}


def existing(call: Call, arn: str) -> MapRun:
    """Raises `InvalidArn`, `ResourceNotFound`."""
    names.check_map_run_arn(call.world, arn)
    run = call.ports.executions.map_run(arn)
    if run is None:
        raise resource_not_found(arn)
    return run


def children(call: Call, input: Input) -> tuple[list[Execution], str | None]:
    """A page of the executions that a map run started, newest first, and the next token."""
    run = existing(call, input["mapRunArn"])
    status, redriven = input.get("statusFilter"), input.get("redriveFilter")
    return paging.page(
        call,
        input,
        ["ListExecutions", run.arn, status, redriven],
        lambda last: _matching(call, run, status, redriven, last, paging.page_size(input) + 1),
        lambda execution: [execution.new.started, execution.new.arn],
    )


def shown(call: Call, execution: Execution) -> Execution:
    """A child that a redriven map run will run again is PENDING_REDRIVE until then."""
    new = execution.new
    if new.map_run_arn is None or execution.status in ("RUNNING", "SUCCEEDED"):
        return execution
    if not call.ports.executions.awaits_redrive(new.map_run_arn, new.map_index):
        return execution
    return replace(execution, status=PENDING_REDRIVE)


def _matching(
    call: Call, run: MapRun, status: str | None, redriven: str | None, last: list[Any] | None, wanted: int
) -> Iterator[Execution]:
    redriving = run.executions.pending_redrive > 0
    if status == PENDING_REDRIVE and not redriving:
        return
    kept = None if status == PENDING_REDRIVE else status
    after = None if last is None else (float(last[0]), str(last[1]))
    size = max(wanted, SCAN) if redriven is not None or (redriving and status is not None) else wanted
    for found in _children(call, run, kept, after, size):
        execution = shown(call, found) if redriving else found
        if status is not None and execution.status != status:
            continue
        if redriven is None or (redriven == "REDRIVEN") == (execution.redrive_count > 0):
            yield execution


def _children(
    call: Call, run: MapRun, status: str | None, after: tuple[float, str] | None, size: int
) -> Iterator[Execution]:
    """All that are kept, read `size` at a time."""
    while True:
        batch = call.ports.executions.children(run.arn, status=status, after=after, limit=size)
        yield from batch
        if len(batch) < size:
            return
        after = (batch[-1].new.started, batch[-1].new.arn)


def _item(run: MapRun) -> Output:
    item: Output = {
        "executionArn": run.execution_arn,
        "mapRunArn": run.arn,
        "stateMachineArn": _machine_arn(run),
        "startDate": run.started,
    }
    return item if run.stopped is None else {**item, "stopDate": run.stopped}


def _machine_arn(run: MapRun) -> str:
    """Of the children: `...:stateMachine:Name/Label`."""
    prefix, _, rest = run.arn.partition(":mapRun:")
    return f"{prefix}:stateMachine:{rest.rpartition(':')[0]}"


def _counts(run: MapRun, counts: MapRunCounts, not_redrivable: int) -> Output:
    ended = counts.succeeded + counts.failed + counts.timed_out + counts.aborted
    return {
        "pending": counts.pending,
        "running": counts.running,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "timedOut": counts.timed_out,
        "aborted": counts.aborted,
        "total": counts.pending + counts.pending_redrive + counts.running + ended,
        "resultsWritten": 0 if run.status == "RUNNING" else ended,
        "failuresNotRedrivable": not_redrivable,
        "pendingRedrive": counts.pending_redrive,
    }


async def _not_redrivable(call: Call, run: MapRun) -> tuple[int, int]:
    """Items and children that ended without success and that no redrive of the map run will run again: none of Express
    ones, which are started anew. Other requests get their turn meanwhile: there may be many children."""
    if run.type == "EXPRESS":
        return 0, 0
    found = []
    for status in _unsuccessful(run.executions):
        for number, execution in enumerate(_children(call, run, status, None, SCAN), 1):
            if redrive.refusal(call.ports, execution, call.now) is not None:
                found.append(execution.new.map_items or 1)
            if number % SCAN == 0:
                await asyncio.sleep(0)
    return sum(found), len(found)


def _unsuccessful(counts: MapRunCounts) -> list[str]:
    """The statuses that there are."""
    numbers = {"FAILED": counts.failed, "TIMED_OUT": counts.timed_out, "ABORTED": counts.aborted}
    return [status for status, number in numbers.items() if number]

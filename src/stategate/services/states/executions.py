"""Executions: start, run, describe, list, stop, history."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from stategate.services.call import Call, Input, Output
from stategate.services.errors import validation_error
from stategate.services.ports import Execution, ExecutionExists, NewExecution
from stategate.services.ports.executions import ListedBy
from stategate.services.states import configuration, definitions, mapruns, names, paging, records, redrive, versions
from stategate.services.states.errors import (
    execution_already_exists,
    execution_does_not_exist,
    invalid_input,
    invalid_token,
    machine_deleting,
    type_not_supported,
)
from stategate.services.states.history import show_event
from stategate.services.states.payloads import check_payload

PAGE = 4 * 1024 * 1024
"""Bytes of a page of a history: `maxResults` is an upper bound, the actual number may be lower."""


async def start_execution(call: Call, input: Input) -> Output:
    """Answers once the execution is on disk. With the name and the input of an execution that is still running, the
    answer is that execution's (Standard)."""
    new = _new_execution(call, input)
    try:
        execution = await call.ports.executions.start(new)
    except ExecutionExists as exists:
        execution = exists.existing
        again = new.parent is not None and execution.new.parent == new.parent
        if again:
            return {"executionArn": execution.new.arn, "startDate": execution.new.started}
        if execution.status != "RUNNING" or execution.new.input != new.input:
            raise execution_already_exists(new.arn) from None
    return {"executionArn": execution.new.arn, "startDate": execution.new.started}


async def start_sync_execution(call: Call, input: Input) -> Output:
    """Runs an Express execution to its end. A failed one is an answer, not an error."""
    new = _new_execution(call, input, only="EXPRESS")
    execution = await call.ports.executions.run(new)
    stopped = execution.stopped if execution.stopped is not None else new.started
    answer: Output = {
        "executionArn": new.arn,
        "stateMachineArn": new.machine_arn,
        "name": new.name,
        "startDate": new.started,
        "stopDate": stopped,
        "status": execution.status,
        "outputDetails": {"included": input.get("includedData") != "METADATA_ONLY"},
        "billingDetails": {
            "billedMemoryUsedInMB": 64,
            "billedDurationInMilliseconds": billed(stopped - new.started),
        },
    }
    if new.trace_header is not None:
        answer["traceHeader"] = new.trace_header
    return {**answer, **_data(execution, input.get("includedData")), **_failure(execution)}


def billed(seconds: float) -> int:
    """Milliseconds, rounded up to a hundred."""
    return max(100, math.ceil(round(seconds * 1000) / 100) * 100)


def _new_execution(call: Call, input: Input, only: str | None = None) -> NewExecution:
    arn = input["stateMachineArn"]
    found = versions.resolve(call, arn, draw=True)
    machine, settings = found.machine, found.settings
    if only is not None and machine.type != only:
        raise type_not_supported()
    if machine.deleting:
        raise machine_deleting(arn)
    text = _check_input(input.get("input"))
    name = input.get("name")
    if name is None:
        name = call.ports.entropy.uuid()
    else:
        names.check_name(name)
    world = call.world
    resource = f"execution:{machine.name}:{name}"
    if machine.type == "EXPRESS":
        resource = f"express:{machine.name}:{name}:{call.ports.entropy.uuid()}"
    return NewExecution(
        arn=names.arn_of(world, resource),
        name=name,
        world=world,
        machine_arn=names.machine_arn(world, machine.name),
        machine_name=machine.name,
        definition=settings.definition,
        role_arn=settings.role_arn,
        type=machine.type,
        input=text,
        started=call.now,
        logging=configuration.destination(settings.logging),
        machine_version_arn=records.version_arn(world, machine.name, found.version.number) if found.version else None,
        machine_alias_arn=records.alias_arn(world, machine.name, found.alias.name) if found.alias else None,
        machine_updated=machine.updated if found.version is None else found.version.created,
        revision_id=machine.revision if found.version is None else found.version.revision,
        trace_header=input.get("traceHeader"),
        parent=call.parent,
        encryption=settings.encryption,
    )


def _check_input(text: str | None) -> str:
    """The input, verbatim: any JSON value. Raises `InvalidExecutionInput`."""
    if text is None:
        return "{}"
    if not text.strip():
        raise invalid_input("Invalid execution input.")
    check_payload("input", text, invalid_input)
    return text


# --- describing -------------------------------------------------------------------------------------------------


def describe_execution(call: Call, input: Input) -> Output:
    arn = names.check_described_arn(call.world, input["executionArn"])
    execution = mapruns.shown(call, _existing(call, arn))
    trace = execution.new.trace_header
    return {
        **_summary(execution),
        **redrive.status(call.ports, execution, call.now),
        **({} if trace is None else {"traceHeader": trace}),
        **_data(execution, input.get("includedData")),
        **_failure(execution),
    }


async def describe_state_machine_for_execution(call: Call, input: Input) -> Output:
    """The state machine as the execution found it."""
    execution = _existing(call, names.check_execution_arn(call.world, input["executionArn"]))
    new = execution.new
    logging: Output = {
        "level": new.logging.level,
        "includeExecutionData": new.logging.include_execution_data,
    }
    if new.logging.log_group_arn is not None:
        logging["destinations"] = [{"cloudWatchLogsLogGroup": {"logGroupArn": f"{new.logging.log_group_arn}:*"}}]
    answer: Output = {
        "stateMachineArn": new.machine_arn,
        "name": new.machine_name,
        "definition": new.definition,
        "roleArn": new.role_arn,
        "updateDate": new.machine_updated,
        "loggingConfiguration": logging,
        "tracingConfiguration": {"enabled": False},
    }
    if new.encryption is not None:
        answer["encryptionConfiguration"] = {"type": new.encryption}
    if new.map_run_arn is not None:
        answer["mapRunArn"] = new.map_run_arn
        answer["label"] = new.machine_arn.rpartition("/")[2]
    if new.revision_id is not None:
        answer["revisionId"] = new.revision_id
    if input.get("includedData") == "METADATA_ONLY":
        answer["definition"] = "{}"
    elif references := await definitions.references(new.definition):
        answer["variableReferences"] = references
    return answer


def _existing(call: Call, arn: str) -> Execution:
    execution = call.ports.executions.get(arn)
    if execution is None:
        raise execution_does_not_exist(arn)
    return execution


def _summary(execution: Execution) -> Output:
    """What a description and a list have in common."""
    new = execution.new
    given = {
        "executionArn": new.arn,
        "stateMachineArn": new.machine_arn,
        "name": new.name,
        "status": execution.status,
        "startDate": new.started,
        "stopDate": execution.stopped,
        "mapRunArn": new.map_run_arn,
        "stateMachineVersionArn": new.machine_version_arn,
        "stateMachineAliasArn": new.machine_alias_arn,
        "redriveCount": execution.redrive_count,
        "redriveDate": execution.redriven,
    }
    return {member: value for member, value in given.items() if value is not None}


def _data(execution: Execution, included: str | None) -> Output:
    shown = included != "METADATA_ONLY"
    answer: Output = {"inputDetails": {"included": shown}}
    if shown:
        answer["input"] = execution.new.input
    if execution.output is not None:
        answer["outputDetails"] = {"included": shown}
        if shown:
            answer["output"] = execution.output
    return answer


def _failure(execution: Execution) -> Output:
    given = {"error": execution.error, "cause": execution.cause}
    return {member: value for member, value in given.items() if value is not None}


# --- listing ----------------------------------------------------------------------------------------------------


def list_executions(call: Call, input: Input) -> Output:
    """Newest first. Of a version's or an alias's ARN, those that were started with it."""
    arn = input.get("stateMachineArn")
    if (arn is None) == (input.get("mapRunArn") is None):
        raise validation_error("Must specify either stateMachineArn or mapRunArn, and not both.")
    if arn is None:
        page, token = mapruns.children(call, input)
        return {"executions": [_item(execution) for execution in page], "nextToken": token}
    found = versions.resolve(call, arn)
    if found.machine.type == "EXPRESS":
        raise type_not_supported()
    status = input.get("statusFilter")
    if input.get("redriveFilter") is not None:
        raise validation_error("redriveFilter can only be specified with mapRunArn.")
    if status == mapruns.PENDING_REDRIVE:
        raise validation_error("statusFilter PENDING_REDRIVE can only be specified with mapRunArn.")
    page, token = paging.page(
        call,
        input,
        ["ListExecutions", arn, status],
        lambda last: _executions(call, found, status, last, paging.page_size(input) + 1),
        lambda execution: [execution.new.started, execution.new.arn],
    )
    return {"executions": [_item(execution) for execution in page], "nextToken": token}


def _executions(
    call: Call, found: versions.Resolved, status: str | None, last: list[Any] | None, limit: int
) -> Iterator[Execution]:
    """Executions of an earlier state machine of the same name are not the machine's."""
    world, name = call.world, found.machine.name
    by: ListedBy = "machine"
    arn = names.machine_arn(world, name)
    if found.alias is not None:
        by, arn = "machine_alias", records.alias_arn(world, name, found.alias.name)
    elif found.version is not None:
        by, arn = "machine_version", records.version_arn(world, name, found.version.number)
    after = None if last is None else (float(last[0]), str(last[1]))
    listed = call.ports.executions.list(arn, by=by, status=status, after=after, limit=limit)
    return takewhile(lambda execution: execution.new.started >= found.machine.created, listed)


def _item(execution: Execution) -> Output:
    items = execution.new.map_items
    return _summary(execution) | ({} if items is None else {"itemCount": items})


# --- stopping and history ---------------------------------------------------------------------------------------


async def stop_execution(call: Call, input: Input) -> Output:
    """An execution that has ended is left as it is."""
    arn = names.check_execution_arn(call.world, input["executionArn"])
    execution = await call.ports.executions.stop(arn, input.get("error"), input.get("cause"))
    if execution is None:
        raise execution_does_not_exist(arn)
    return {"stopDate": execution.stopped}


def get_execution_history(call: Call, input: Input) -> Output:
    arn = _existing(call, names.check_execution_arn(call.world, input["executionArn"])).new.arn
    reverse, data = bool(input.get("reverseOrder")), input.get("includeExecutionData") is not False
    question, token = ["GetExecutionHistory", arn, reverse], input.get("nextToken")
    after = None if token is None else paging.decode(call, question, token)
    if after is not None and not isinstance(after, int):
        raise invalid_token()
    size = paging.page_size(input)
    executions = call.ports.executions
    events = executions.history(arn, after=after, limit=size, reverse=reverse, size=PAGE)
    answer: Output = {"events": [show_event(event, data=data) for event in events]}
    if events and events[-1].id != (1 if reverse else executions.last_event(arn)):
        answer["nextToken"] = paging.encode(call, question, events[-1].id)
    return answer

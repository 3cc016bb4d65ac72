"""Tasks that are operations of hosted services: executions, and everything under `aws-sdk`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.states.taskworld import ACCOUNT, OTHER, PREFIX, TaskWorld, simulate, task
from stategate.asl.effects import ScheduleTask
from stategate.services.ports import TaskAccepted, TaskFailure
from stategate.services.states.tasks import run_task

START = "arn:aws:states:::states:startExecution"
SDK = "arn:aws:states:::aws-sdk"
REQUEST = r"Request ID: [0-9a-f-]{36}\) \(SDK Attempt Count: 1\)"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "why"}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}


def output(execution: Any) -> dict[str, Any]:
    assert execution.status == "SUCCEEDED", execution
    found: dict[str, Any] = json.loads(execution.output)
    return found


def test_start_execution(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        role = await world.role("r", "states:StartExecution", "events:*")
        target = await world.machine(PASS, role, "target")
        given = {"StateMachineArn": target, "Name": "n", "Input": {"a": 1}}
        result = output(await world.run(task(START, given), role))
        assert list(result) == ["ExecutionArn", "SdkHttpMetadata", "SdkResponseMetadata", "StartDate"]
        assert result["ExecutionArn"] == f"{PREFIX}:execution:target:n"
        headers = result["SdkHttpMetadata"]["HttpHeaders"]
        assert list(headers) == ["connection", "Content-Length", "Content-Type", "Date", "x-amzn-RequestId"]
        assert headers["x-amzn-RequestId"] == result["SdkResponseMetadata"]["RequestId"]
        child = await world.ended(result["ExecutionArn"])
        assert (child.output, round(child.new.started * 1000)) == ('{"a":1}', result["StartDate"])

    simulate(tmp_path, body)


@pytest.mark.parametrize(("input", "text"), [(None, "{}"), ('"text"', '"text"'), ([1, {"b": None}], '[1,{"b":null}]')])
def test_the_input_of_a_started_execution(tmp_path: Path, input: Any, text: str) -> None:
    async def body(world: TaskWorld) -> None:
        role = await world.role("r", "states:StartExecution", "events:*")
        target = await world.machine(PASS, role, "target")
        result = output(await world.run(task(START, {"StateMachineArn": target, "Input": input}), role))
        assert (await world.ended(result["ExecutionArn"])).new.input == text

    simulate(tmp_path, body)


def test_sync_shows_the_execution(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        role = await world.role("r", "states:StartExecution", "events:*")
        target = await world.machine(PASS, role, "target")
        given = {"StateMachineArn": target, "Input": {"a": 1}}
        result = output(await world.run(task(f"{START}.sync", given), role, name="one"))
        assert list(result) == [
            "ExecutionArn", "Input", "InputDetails", "Name", "Output", "OutputDetails", "RedriveCount", "RedriveStatus",
            "RedriveStatusReason", "StartDate", "StateMachineArn", "Status", "StopDate",
        ]  # fmt: skip
        assert (result["Input"], result["Output"]) == ('{"a":1}', '{"a":1}')
        result = output(await world.run(task(f"{START}.sync:2", given), role, name="two"))
        assert (result["Input"], result["Output"]) == ({"a": 1}, {"a": 1})

    simulate(tmp_path, body)


def test_a_started_execution_that_fails(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        role = await world.role("r", "states:StartExecution", "events:*")
        target = await world.machine(FAIL, role, "target")
        ended = await world.run(task(f"{START}.sync", {"StateMachineArn": target, "Name": "n"}), role)
        assert ended.error == "States.TaskFailed"
        cause = json.loads(ended.cause or "")
        assert list(cause) == [
            "Cause", "Error", "ExecutionArn", "Input", "InputDetails", "Name", "StartDate", "StateMachineArn", "Status",
            "StopDate",
        ]  # fmt: skip
        assert (cause["Cause"], cause["Error"], cause["Input"], cause["Status"]) == ("why", "E", "{}", "FAILED")

    simulate(tmp_path, body)


def test_a_task_that_is_called_again_finds_its_execution(tmp_path: Path) -> None:
    """Also if that has ended meanwhile; another task with the same name does not."""

    async def body(world: TaskWorld) -> None:
        role = await world.role("r", "states:StartExecution", "events:*")
        target = await world.machine(PASS, role, "target")
        parent = await world.start(await world.machine(WAIT, role))
        execution = world.engine.get(parent)
        assert execution is not None
        for name in (None, "n"):
            given = json.dumps({"StateMachineArn": target, **({"Name": name} if name else {})})
            calls = [ScheduleTask(command, f"{START}.sync", "T", given) for command in (7, 7, 8)]
            first, again, other = [await run_task(world.ports, execution.new, c, world.dispatcher) for c in calls]
            assert isinstance(first, TaskAccepted)
            assert isinstance(again, TaskAccepted)
            assert first.execution_arn == again.execution_arn
            if name is None:
                assert isinstance(other, TaskAccepted)
                assert other.execution_arn != first.execution_arn
            else:
                assert isinstance(other, TaskFailure)
                assert other.error == "StepFunctions.ExecutionAlreadyExistsException"

    simulate(tmp_path, body)


def test_executions_that_cannot_be_started(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        role = await world.role("r", "states:StartExecution", "events:*")
        none = f"{PREFIX}:stateMachine:none"
        ended = await world.run(task(START, {"StateMachineArn": none}), role, name="a")
        assert ended.error == "StepFunctions.StateMachineDoesNotExistException"
        assert re.fullmatch(
            rf"State Machine Does Not Exist: '{none}' \(Service: AWSStepFunctions; Status Code: 400;"
            r" Error Code: StateMachineDoesNotExist; Request ID: [0-9a-f-]{36}; Proxy: null\)",
            ended.cause or "",
        )
        powerless = await world.role("powerless")
        target = await world.machine(PASS, role, "target")
        ended = await world.run(task(START, {"StateMachineArn": target}), powerless, name="b")
        assert ended.error == "StepFunctions.AWSStepFunctionsException"
        assert "is not authorized to perform: states:StartExecution on resource" in (ended.cause or "")
        express = await world.machine(PASS, role, "express", type="EXPRESS")
        ended = await world.run(task(f"{START}.sync", {"StateMachineArn": express}), role, name="c")
        assert ended.error == "StepFunctions.StateMachineTypeNotSupportedException"

    simulate(tmp_path, body)


def test_credentials_of_another_account(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        role = await world.role("r", "sts:AssumeRole", "events:*")
        trusted = await world.role("trusted", "states:*", account=OTHER, trusts={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
        target = await world.machine(PASS, await world.role("t", account=OTHER), "target")
        assert target.split(":")[4] == OTHER
        given = {"StateMachineArn": target, "Input": {"a": 1}}
        definition = task(f"{START}.sync:2", given, Credentials={"RoleArn": trusted})
        result = output(await world.run(definition, role, name="a"))
        assert (result["Output"], result["StateMachineArn"]) == ({"a": 1}, target)
        stranger = await world.role("stranger", "states:*", account=OTHER)
        definition = task(START, given, Credentials={"RoleArn": stranger})
        ended = await world.run(definition, role, name="b")
        assert (ended.error, ended.cause) == (
            "States.TaskFailed",
            f"The role {role} is not authorized to assume the task state's role, {stranger}.",
        )

    simulate(tmp_path, body)


def test_a_role_that_may_not_have_rules_made_can_not_wait_for_executions(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        rule = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
        role = await world.role("r", "states:*", "events:PutRule", "events:DescribeRule", resource=rule)
        inner = task(f"{START}.sync:2", {"StateMachineArn": "x"})
        branches = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [inner], "End": True}}}
        refused = ("AccessDeniedException", f"'{role}' is not authorized to create managed-rule.")
        for definition in (inner, branches):
            given = {"name": "m", "definition": json.dumps(definition), "roleArn": role}
            assert await world.error("CreateStateMachine", **given) == refused
        able = await world.role("able", "events:Put*", "events:DescribeRule", resource=rule)
        machine = await world.machine(branches, able)
        assert await world.error("UpdateStateMachine", stateMachineArn=machine, roleArn=role) == refused
        await world.machine(task(START, {"StateMachineArn": "x"}), role, name="does-not-wait")

    simulate(tmp_path, body)


# --- aws-sdk ----------------------------------------------------------------------------------------------------------


def test_members_and_dates_of_the_sdk(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        role = await world.role("r", "states:*", "iam:*")
        target = await world.machine(PASS, role, "target")
        given = {"StateMachineArn": target, "Input": {"key": "value"}, "Name": "n"}
        result = output(await world.run(task(f"{SDK}:sfn:startExecution", given), role, name="a"))
        assert list(result) == ["ExecutionArn", "StartDate"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", result["StartDate"])
        assert (await world.ended(result["ExecutionArn"])).new.input == '{"key":"value"}'
        result = output(
            await world.run(task(f"{SDK}:sfn:describeStateMachine", {"StateMachineArn": target}), role, name="b")
        )
        assert result["LoggingConfiguration"] == {"Level": "OFF", "IncludeExecutionData": False}
        tags = [{"Key": "k", "Value": "v"}]
        await world.run(task(f"{SDK}:sfn:tagResource", {"ResourceArn": target, "Tags": tags}), role, name="c")
        assert (await world("ListTagsForResource", resourceArn=target))["tags"] == [{"key": "k", "value": "v"}]
        result = output(await world.run(task(f"{SDK}:iam:getRole", {"RoleName": "r"}), role, name="d"))
        assert (result["Role"]["RoleName"], result["Role"]["Arn"]) == ("r", role)

    simulate(tmp_path, body)


def test_errors_of_the_sdk(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        role = await world.role("r", "states:*", "iam:GetUser")
        cases = [
            ("sfn:sendTaskSuccess", {"TaskToken": "x", "Output": "1"}, "Sfn.InvalidTokenException",
             rf"Invalid Token: 'Invalid token' \(Service: Sfn, Status Code: 400, {REQUEST}"),
            ("iam:getUser", {"UserName": "u"}, "Iam.NoSuchEntityException",
             rf"The user with name u cannot be found. \(Service: Iam, Status Code: 404, {REQUEST}"),
            ("iam:getRole", {"RoleName": "r"}, "Iam.IamException",
             r"User: .* is not authorized to perform: iam:GetRole .*"),
            ("sfn:describeExecution", {"ExecutionArn": "x", "IncludedData": 1}, "Sfn.ValidationException", ".*"),
        ]  # fmt: skip
        for number, (api, given, error, cause) in enumerate(cases):
            ended = await world.run(task(f"{SDK}:{api}", given), role, name=f"m{number}")
            assert ended.error == error, ended
            assert re.fullmatch(cause, ended.cause or ""), ended

    simulate(tmp_path, body)


def test_a_worker_that_is_a_state_machine(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        role = await world.role("r", "states:*")
        activity = (await world("CreateActivity", name="a"))["activityArn"]
        boss = await world.start(await world.machine(task(activity), role, "boss"), {"n": 1})
        worker = {
            "StartAt": "Take",
            "States": {
                "Take": {
                    "Type": "Task",
                    "Resource": f"{SDK}:sfn:getActivityTask",
                    "Parameters": {"ActivityArn": activity, "WorkerName": "w"},
                    "Next": "Answer",
                },
                "Answer": {
                    "Type": "Task",
                    "Resource": f"{SDK}:sfn:sendTaskSuccess",
                    "Parameters": {"Output.$": "$.Input", "TaskToken.$": "$.TaskToken"},
                    "End": True,
                },
            },
        }
        assert output(await world.run(worker, role, name="worker")) == {}
        assert (await world.ended(boss)).output == '{"n": 1}'

    simulate(tmp_path, body)


@pytest.mark.parametrize(
    "resource",
    [
        f"{SDK}:sfn:StartExecution",
        f"{SDK}:sfn:paint",
        f"{SDK}:iam:lISTRoles",
        f"{SDK}:sfn:startExecution.sync",
        f"{SDK}:iam:startExecution.waitForTaskToken",
        "arn:aws:states:::lambda:invoke.sync",
        "arn:aws:states:::states:stopExecution",
    ],
)
def test_actions_that_are_none(tmp_path: Path, resource: str) -> None:
    async def body(world: TaskWorld) -> None:
        role = await world.role("r")
        inner = task(resource)
        branches = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [inner], "End": True}}}
        message = (
            f"The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the"
            " resource is not available in this region."
        )
        for definition, place in ((inner, "/States/T"), (branches, "/States/P/Branches[0]/States/T")):
            code, text = await world.error(
                "CreateStateMachine", name="m", definition=json.dumps(definition), roleArn=role
            )
            assert code == "InvalidDefinition"
            assert f"'SCHEMA_VALIDATION_FAILED: {message} at {place}/Resource'" in text
            found = await world("ValidateStateMachineDefinition", definition=json.dumps(definition))
            assert [(d["message"], d["location"]) for d in found["diagnostics"]] == [(message, f"{place}/Resource")]

    simulate(tmp_path, body)

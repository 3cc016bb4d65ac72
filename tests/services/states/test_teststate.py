"""TestState: what it answers, what it shows, and what it refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from pathlib import Path
from typing import Any

import pytest

from services.lambda_.functionworld import ACCOUNT, WORLD, FunctionWorld, allow, function_world
from stategate.iam.principal import Principal, root
from stategate.services import states
from stategate.services.call import Call
from stategate.services.errors import AwsError

ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
INVOKE = "arn:aws:states:::lambda:invoke"
INLINE: Mapping[str, Any] = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}


async def call(
    world: FunctionWorld, state: Mapping[str, Any] | str, principal: Principal | None = None, **given: Any
) -> Any:
    definition = state if isinstance(state, str) else json.dumps(state)
    by = Call(world.ports, WORLD, principal or root(ACCOUNT), "request", world.ports.clock.now())
    answer = states.OPERATIONS["TestState"](by, {"definition": definition, **given})
    return await answer if isawaitable(answer) else answer


def run(directory: Path, test: Callable[[FunctionWorld], Awaitable[None]]) -> None:
    async def main() -> None:
        async with function_world(directory) as world:
            await world.role("r", "lambda:InvokeFunction", service="states.amazonaws.com")
            await test(world)

    asyncio.run(main())


def answer(directory: Path, state: Mapping[str, Any] | str, **given: Any) -> Any:
    found: list[Any] = []

    async def test(world: FunctionWorld) -> None:
        found.append(await call(world, state, **given))

    run(directory, test)
    return found[0]


def refusal(directory: Path, state: Mapping[str, Any] | str, **given: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as caught:
        answer(directory, state, **given)
    return caught.value.code, caught.value.message


def data(answered: Any) -> dict[str, Any]:
    """InspectionData, its JSON texts parsed."""
    return {
        name: json.loads(value) if isinstance(value, str) else value
        for name, value in answered["inspectionData"].items()
    }


def result(value: Any, **more: Any) -> dict[str, Any]:
    return {"mock": {"result": json.dumps(value), **more}}


def failure(error: str = "Boom", cause: str = "why") -> dict[str, Any]:
    return {"mock": {"errorOutput": {"error": error, "cause": cause}}}


# --- data, stage by stage -----------------------------------------------------------------------------------------


def test_every_stage_of_a_task_shows(tmp_path: Path) -> None:
    state = {
        "Type": "Task",
        "Resource": INVOKE,
        "InputPath": "$.a",
        "Parameters": {"FunctionName": "f", "Payload.$": "$.b"},
        "ResultSelector": {"got.$": "$.Payload"},
        "ResultPath": "$.r",
        "OutputPath": "$.r.got",
        "Next": "Elsewhere",
    }
    answered = answer(
        tmp_path, state, input='{"a": {"b": 1}}', inspectionLevel="DEBUG", **result({"Payload": 7, "StatusCode": 200})
    )
    assert (answered["status"], answered["output"], answered["nextState"]) == ("SUCCEEDED", "7", "Elsewhere")
    assert data(answered) == {
        "input": {"a": {"b": 1}},
        "afterInputPath": {"b": 1},
        "afterParameters": {"FunctionName": "f", "Payload": 1},
        "result": {"Payload": 7, "StatusCode": 200},
        "afterResultSelector": {"got": 7},
        "afterResultPath": {"a": {"b": 1}, "r": {"got": 7}},
    }


def test_the_stages_end_where_one_fails(tmp_path: Path) -> None:
    state = {"Type": "Pass", "InputPath": "$.a", "Parameters": {"x.$": "$.missing"}, "End": True}
    answered = answer(tmp_path, state, input='{"a": {"b": 1}}', inspectionLevel="DEBUG")
    assert (answered["status"], answered["error"]) == ("FAILED", "States.Runtime")
    assert answered["cause"].startswith("An error occurred while executing the state 'StateName' (entered at the event")
    assert data(answered) == {"input": {"a": {"b": 1}}, "afterInputPath": {"b": 1}}
    assert "output" not in answered


def test_info_shows_no_data(tmp_path: Path) -> None:
    assert answer(tmp_path, {"Type": "Succeed"}, input="[1, 2]") == {"status": "SUCCEEDED", "output": "[1, 2]"}


def test_jsonata(tmp_path: Path) -> None:
    state = {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": INVOKE,
        "Arguments": {"FunctionName": "f", "Payload": "{% $states.input.n * $factor %}"},
        "Output": "{% $states.result.Payload %}",
        "Assign": {"seen": "{% $states.result.Payload %}"},
        "End": True,
    }
    answered = answer(
        tmp_path, state, input='{"n": 2}', variables='{"factor": 3}', inspectionLevel="TRACE", **result({"Payload": 5})
    )
    assert (answered["status"], answered["output"]) == ("SUCCEEDED", "5")
    assert data(answered) == {
        "input": {"n": 2},
        "afterArguments": {"FunctionName": "f", "Payload": 6},
        "result": {"Payload": 5},
        "variables": {"factor": 3, "seen": 5},
    }


def test_a_choice_leads_to_its_next_state(tmp_path: Path) -> None:
    state = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.n", "NumericGreaterThan": 1, "Next": "Big", "Assign": {"v.$": "$.n"}}],
        "Default": "Small",
    }
    assert answer(tmp_path, state, input='{"n": 2}')["nextState"] == "Big"
    assert answer(tmp_path, state, input='{"n": 1}')["nextState"] == "Small"
    shown = data(answer(tmp_path, state, input='{"n": 2}', inspectionLevel="DEBUG"))
    assert shown == {"input": {"n": 2}, "afterInputPath": {"n": 2}, "variables": {"v": 2}}


def test_a_wait_takes_its_time(tmp_path: Path) -> None:
    state = {"Type": "Wait", "SecondsPath": "$.s", "OutputPath": "$.s", "Next": "N"}
    answered = answer(tmp_path, state, input='{"s": 1}')
    assert answered == {"status": "SUCCEEDED", "output": "1", "nextState": "N"}


# --- machines -----------------------------------------------------------------------------------------------------


def test_a_state_of_a_machine_wherever_it_stands(tmp_path: Path) -> None:
    inner = {
        "StartAt": "In",
        "States": {"In": {"Type": "Pass", "Result": 1, "Next": "Out"}, "Out": {"Type": "Succeed"}},
    }
    machine = {
        "StartAt": "M",
        "States": {
            "M": {"Type": "Map", "ItemProcessor": inner, "Next": "T"},
            "T": {"Type": "Task", "Resource": "arn:aws:states:::kinesis:putRecord", "End": True},
        },
    }
    assert answer(tmp_path, machine, stateName="In") == {"status": "SUCCEEDED", "output": "1", "nextState": "Out"}
    code, message = refusal(tmp_path, machine, stateName="Nowhere")
    assert (code, message) == ("ValidationException", "State not found in definition")
    code, message = refusal(tmp_path, machine, stateName="T", roleArn=ROLE)
    assert code == "InvalidDefinition"
    assert "kinesis:putRecord" in message


def test_an_invalid_state_is_refused_with_its_place(tmp_path: Path) -> None:
    code, message = refusal(tmp_path, {"Type": "Wait", "End": True})
    assert code == "InvalidDefinition"
    assert "at /States/StateName" in message
    assert refusal(tmp_path, "{")[0] == "InvalidDefinition"
    assert refusal(tmp_path, "[1]")[0] == "InvalidDefinition"
    assert "Duplicate field 'Type'" in refusal(tmp_path, '{"Type": "Fail", "Type": "Succeed"}')[1]


# --- failures -----------------------------------------------------------------------------------------------------

RETRIED: Mapping[str, Any] = {
    "Type": "Task",
    "Resource": INVOKE,
    "Parameters": {"FunctionName": "f"},
    "Retry": [
        {"ErrorEquals": ["Other"]},
        {"ErrorEquals": ["Boom"], "IntervalSeconds": 3, "BackoffRate": 2.0, "MaxAttempts": 3, "MaxDelaySeconds": 10},
    ],
    "Catch": [
        {"ErrorEquals": ["Rare"], "Next": "A"},
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "B"},
    ],
    "End": True,
}


@pytest.mark.parametrize(("count", "seconds"), [(0, 3), (1, 6), (2, 10)])
def test_a_retry_says_when(tmp_path: Path, count: int, seconds: int) -> None:
    answered = answer(
        tmp_path, RETRIED, inspectionLevel="DEBUG", stateConfiguration={"retrierRetryCount": count}, **failure()
    )
    assert (answered["status"], answered["error"], answered["cause"]) == ("RETRIABLE", "Boom", "why")
    assert data(answered)["errorDetails"] == {"retryIndex": 1, "retryBackoffIntervalSeconds": seconds}
    assert "nextState" not in answered


def test_after_the_retries_comes_the_catch(tmp_path: Path) -> None:
    answered = answer(
        tmp_path, RETRIED, inspectionLevel="DEBUG", stateConfiguration={"retrierRetryCount": 3}, **failure()
    )
    assert (answered["status"], answered["nextState"]) == ("CAUGHT_ERROR", "B")
    assert json.loads(answered["output"]) == {"e": {"Error": "Boom", "Cause": "why"}}
    assert data(answered)["errorDetails"] == {"retryIndex": 1, "catchIndex": 1}


def test_a_failure_that_nobody_catches(tmp_path: Path) -> None:
    state = {**RETRIED, "Catch": [], "Retry": []}
    answered = answer(tmp_path, state, inspectionLevel="DEBUG", **failure("States.Timeout", "late"))
    assert (answered["status"], answered["error"], answered["cause"]) == ("FAILED", "States.Timeout", "late")
    assert "errorDetails" not in answered["inspectionData"]


# --- Map and Parallel ---------------------------------------------------------------------------------------------


def test_a_map_shows_what_its_iterations_get(tmp_path: Path) -> None:
    state = {
        "Type": "Map",
        "ItemsPath": "$.xs",
        "MaxConcurrency": 2,
        "ItemSelector": {"i.$": "$$.Map.Item.Index", "x.$": "$$.Map.Item.Value", "k.$": "$.k"},
        "ItemProcessor": INLINE,
        "ResultPath": "$.r",
        "End": True,
    }
    answered = answer(tmp_path, state, input='{"xs": ["a", "b"], "k": 1}', inspectionLevel="DEBUG", **result([8, 9]))
    assert json.loads(answered["output"]) == {"xs": ["a", "b"], "k": 1, "r": [8, 9]}
    shown = answered["inspectionData"]
    assert shown["afterItemsPath"] == '["a", "b"]'
    assert shown["afterItemSelector"] == '[{"x":"a","i":0,"k":1}, {"x":"b","i":1,"k":1}]'
    assert shown["maxConcurrency"] == 2
    assert "result" not in shown


@pytest.mark.parametrize(
    ("tolerated", "failed", "status"),
    [
        ({}, 3, "SUCCEEDED"),
        ({"ToleratedFailureCount": 1}, 1, "SUCCEEDED"),
        ({"ToleratedFailureCount": 1}, 2, "FAILED"),
        ({"ToleratedFailurePercentage": 50}, 1, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 50}, 2, "FAILED"),
    ],
)
def test_so_many_iterations_may_fail(tmp_path: Path, tolerated: dict[str, Any], failed: int, status: str) -> None:
    processor = {**INLINE, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}}
    state = {"Type": "Map", "ItemProcessor": processor, **tolerated, "End": True}
    configuration = {"mapIterationFailureCount": failed}
    answered = answer(tmp_path, state, input="[1,2,3]", stateConfiguration=configuration, **result([1, 2, 3]))
    assert answered["status"] == status
    if status == "FAILED":
        assert answered["error"] == "States.ExceedToleratedFailureThreshold"


def test_a_map_that_can_not_begin(tmp_path: Path) -> None:
    state = {"Type": "Map", "ItemsPath": "$.no", "ItemProcessor": INLINE, "End": True}
    answered = answer(tmp_path, state, inspectionLevel="DEBUG", **result([1]))
    assert (answered["status"], answered["error"]) == ("FAILED", "States.Runtime")
    assert "afterItemsPath" not in answered["inspectionData"]


# --- mocks --------------------------------------------------------------------------------------------------------

TASK: Mapping[str, Any] = {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "f"}, "End": True}
MAP: Mapping[str, Any] = {"Type": "Map", "ItemProcessor": INLINE, "End": True}
PARALLEL: Mapping[str, Any] = {"Type": "Parallel", "Branches": [INLINE], "End": True}


@pytest.mark.parametrize(
    ("state", "given", "message"),
    [
        (TASK, {}, "RoleArn must be specified when testing a Task state"),
        (TASK, {"mock": {"result": "{"}}, "Mocked result must be valid JSON"),
        (TASK, {"mock": {}}, "A test mock should have only one of the following fields: [result, errorOutput]."),
        (TASK, result([1]), "Mocked result must be a JSON object."),
        (
            TASK,
            {**result({}), "revealSecrets": True},
            "TestState does not support RevealSecrets when a mock is specified.",
        ),
        (TASK, {"context": "{}", "roleArn": ROLE}, "TestState does not support Context when a mock is not specified."),
        (PARALLEL, result({}), "Mocked result must be an array."),
        (MAP, result(1), "Mocked result must be an array."),
        (
            MAP,
            {**result([1]), "stateConfiguration": {"mapIterationFailureCount": 2}},
            "Map iteration failure count must be less than or equal to the number of Map iterations",
        ),
        (
            MAP,
            {**result([1]), "stateConfiguration": {"mapItemReaderData": "[1]"}},
            "TestState supports MapItemReaderData for Map states with an ItemReader only.",
        ),
        ({"Type": "Pass", "End": True}, result({}), "State type 'Pass' is not supported when a mock is specified"),
        ({"Type": "Pass", "End": True}, {"variables": "[]"}, "Variables must be a valid JSON object"),
        (
            {**TASK, "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken"},
            {"roleArn": ROLE},
            "TestState does not support the integration pattern '.waitForTaskToken' when a mock is not specified.",
        ),
    ],
)
def test_refused(tmp_path: Path, state: Mapping[str, Any], given: dict[str, Any], message: str) -> None:
    assert refusal(tmp_path, state, **given) == ("ValidationException", message)


def test_an_action_that_the_service_does_not_have(tmp_path: Path) -> None:
    state = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:noSuchAction", "Parameters": {}, "End": True}
    code, message = refusal(tmp_path, state, roleArn=ROLE)
    assert code == "InvalidDefinition"
    assert "SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::aws-sdk:sfn:noSuchAction" in message
    assert message.endswith("at /States/StateName/Resource'")


def test_a_map_without_a_mock_is_no_definition(tmp_path: Path) -> None:
    assert refusal(tmp_path, MAP)[0] == refusal(tmp_path, PARALLEL)[0] == "InvalidDefinition"


@pytest.mark.parametrize("text", ["{", "", '{"a": }'])
def test_an_input_that_is_no_json(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, {"Type": "Succeed"}, input=text)[0] == "InvalidExecutionInput"


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        ({"Execution": {"Id": 1}}, "Execution.Id must be a string"),
        ({"State": {"RetryCount": "1"}}, "State.RetryCount must be a number"),
        ({"Execution": {"x": 1}}, "Field 'x' is not allowed"),
        ({"Task": []}, "Task must be an object"),
        ({"Map": {}}, "'Map' field is not supported when mocking a Context object"),
    ],
)
def test_a_bad_context(tmp_path: Path, context: Any, reason: str) -> None:
    code, message = refusal(tmp_path, TASK, context=json.dumps(context), **result({}))
    assert (code, message) == ("ValidationException", f"Invalid Context object provided: {reason}")


def test_the_context_has_its_members_in_the_order_recorded(tmp_path: Path) -> None:
    answered = answer(tmp_path, {**TASK, "ResultSelector": {"e.$": "$$.Execution"}}, roleArn=ROLE, **result({}))
    assert list(json.loads(answered["output"])["e"]) == ["Id", "Input", "Name", "RoleArn", "StartTime"]


def test_the_given_context_is_the_whole_context(tmp_path: Path) -> None:
    state = {**TASK, "ResultSelector": {"c.$": "$$"}}
    context = {"Execution": {"Id": "e"}}
    answered = answer(tmp_path, state, context=json.dumps(context), **result({}))
    assert json.loads(answered["output"]) == {"c": context}


# --- real calls ---------------------------------------------------------------------------------------------------


def test_a_task_is_called_as_its_role(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function("def handler(event, context):\n    return {'n': event['n'] + 1}\n")
        state = {"Type": "Task", "Resource": FUNCTION, "End": True}
        answered = await call(world, state, roleArn=ROLE, input='{"n": 1}', inspectionLevel="DEBUG")
        assert (answered["status"], json.loads(answered["output"])) == ("SUCCEEDED", {"n": 2})
        assert data(answered)["result"] == {"n": 2}
        weak = await world.role("weak", service="states.amazonaws.com")
        denied = await call(world, state, roleArn=weak, input='{"n": 1}')
        assert (denied["status"], denied["error"]) == ("FAILED", "Lambda.AWSLambdaException")

    run(tmp_path, test)


def test_a_mock_stands_for_an_activity(tmp_path: Path) -> None:
    state = {"Type": "Task", "Resource": f"arn:aws:states:us-east-1:{ACCOUNT}:activity:none", "End": True}
    answered = answer(tmp_path, state, **result({"a": 1}))
    assert (answered["status"], json.loads(answered["output"])) == ("SUCCEEDED", {"a": 1})


def test_a_task_runs_out_of_time(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function("import time\ndef handler(event, context):\n    time.sleep(60)\n", Timeout=60)
        state = {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 1, "End": True}
        answered = await call(
            world, {**state, "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "C"}]}, roleArn=ROLE
        )
        assert (answered["status"], answered["error"], answered["nextState"]) == ("CAUGHT_ERROR", "States.Timeout", "C")

    run(tmp_path, test)


def test_the_caller_must_be_allowed_to_pass_the_role(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world("CreateUser", "iam", UserName="u")
        await world("PutUserPolicy", "iam", UserName="u", PolicyName="p", PolicyDocument=allow("states:TestState"))
        user = Principal("user", f"arn:aws:iam::{ACCOUNT}:user/u", ACCOUNT)
        with pytest.raises(AwsError) as caught:
            await call(world, {"Type": "Succeed"}, user, roleArn=ROLE)
        assert caught.value.code == "AccessDeniedException"
        assert "iam:PassRole" in caught.value.message

    run(tmp_path, test)

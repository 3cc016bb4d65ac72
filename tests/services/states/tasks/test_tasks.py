"""Task effects: what becomes of a function's answer, and of Lambda's refusals."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from services.lambda_.functionworld import ACCOUNT, FunctionWorld, new_execution, run, trust
from stategate.asl.effects import ScheduleTask
from stategate.services.ports import TaskFailure, TaskOutcome, TaskSuccess
from stategate.services.states.tasks import run_task, supported

ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
INVOKE = "arn:aws:states:::lambda:invoke"
RAISE = "def handler(e, c):\n    raise Exception('Some exception was raised.')\n"


async def perform(
    world: FunctionWorld, resource: str, input: str, *, allowed: bool = True, credentials: str | None = None
) -> TaskOutcome:
    name = "allowed" if allowed else "denied"
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    if not any(role["Arn"] == arn for role in (await world("ListRoles", "iam"))["Roles"]):
        await world.role(
            name, *(["lambda:InvokeFunction", "sts:AssumeRole"] if allowed else []), service="states.amazonaws.com"
        )
    task = ScheduleTask(1, resource, "State", input, credentials=credentials)
    return await run_task(world.ports, new_execution(arn), task)


@pytest.mark.parametrize(
    ("source", "input", "output"),
    [
        ("def handler(e, c): return e", '{"a":[1,2.0,"é"]}', '{"a":[1,2.0,"é"]}'),
        ("def handler(e, c): return e", "0.0", "0.0"),
        ("def handler(e, c): return e", "123456789012345678901234567890", "123456789012345678901234567890"),
        ("def handler(e, c): pass", "{}", "null"),
        ("def handler(e, c): return b'\"HelloWorld!\"'", "{}", '"HelloWorld!"'),
    ],
)
def test_a_function_by_its_arn(tmp_path: Path, source: str, input: str, output: str) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function(source)
        assert await perform(world, ARN, input) == TaskSuccess(output)

    run(tmp_path, test)


def test_lambda_invoke(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function()
        outcome = await perform(world, INVOKE, '{"FunctionName":"f","Payload":null}')
        assert isinstance(outcome, TaskSuccess)
        result = json.loads(outcome.output)
        assert list(result) == [
            "ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode",
        ]  # fmt: skip
        assert (result["ExecutedVersion"], result["Payload"], result["StatusCode"]) == ("$LATEST", {}, 200)
        metadata = result["SdkHttpMetadata"]
        assert list(metadata["AllHttpHeaders"]) == [
            "X-Amz-Executed-Version", "x-amzn-Remapped-Content-Length", "Connection", "x-amzn-RequestId",
            "Content-Length", "Date", "X-Amzn-Trace-Id", "Content-Type",
        ]  # fmt: skip
        assert list(metadata["HttpHeaders"]) == [
            "Connection", "Content-Length", "Content-Type", "Date", "X-Amz-Executed-Version",
            "x-amzn-Remapped-Content-Length", "x-amzn-RequestId", "X-Amzn-Trace-Id",
        ]  # fmt: skip
        assert metadata["AllHttpHeaders"]["Content-Length"] == ["2"]
        assert metadata["HttpHeaders"]["x-amzn-RequestId"] == result["SdkResponseMetadata"]["RequestId"]
        assert metadata["HttpStatusCode"] == 200
        by_arn = await perform(world, INVOKE, json.dumps({"FunctionName": ARN, "Payload": "x", "Qualifier": "$LATEST"}))
        assert isinstance(by_arn, TaskSuccess)
        assert json.loads(by_arn.output)["Payload"] == "x"
        logged = await perform(world, INVOKE, '{"FunctionName":"f","LogType":"Tail"}')
        assert isinstance(logged, TaskSuccess)
        result = json.loads(logged.output)
        assert list(result)[:3] == ["ExecutedVersion", "LogResult", "Payload"]
        assert result["SdkHttpMetadata"]["HttpHeaders"]["X-Amz-Log-Result"] == result["LogResult"]

    run(tmp_path, test)


def test_the_trace_id_that_is_shown_is_the_functions(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function("import os\ndef handler(e, c): return os.environ['_X_AMZN_TRACE_ID']")
        outcome = await perform(world, INVOKE, '{"FunctionName":"f"}')
        assert isinstance(outcome, TaskSuccess)
        result = json.loads(outcome.output)
        assert result["SdkHttpMetadata"]["HttpHeaders"]["X-Amzn-Trace-Id"] == result["Payload"]

    run(tmp_path, test)


@pytest.mark.parametrize(("resource", "comma", "colon"), [(ARN, ", ", ": "), (INVOKE, ",", ":")])
def test_a_function_that_fails(tmp_path: Path, resource: str, comma: str, colon: str) -> None:
    """With the function's ARN as the Resource the cause is what the function's runtime wrote."""

    async def test(world: FunctionWorld) -> None:
        await world.function(RAISE)
        outcome = await perform(world, resource, '{"FunctionName":"f"}')
        assert isinstance(outcome, TaskFailure)
        assert outcome.error == "Exception"
        cause = json.loads(outcome.cause)
        assert list(cause) == ["errorMessage", "errorType", "requestId", "stackTrace"]
        assert cause["errorMessage"] == "Some exception was raised."
        assert cause["stackTrace"] == [
            "  File \"/var/task/handler.py\", line 2, in handler\n    raise Exception('Some exception was raised.')\n"
        ]
        assert outcome.cause == json.dumps(cause, separators=(comma, colon))

    run(tmp_path, test)


def test_a_response_that_is_no_json(tmp_path: Path) -> None:
    """One that is larger than any result may be is left to the machine, which refuses it for its size."""

    async def test(world: FunctionWorld) -> None:
        await world.function("def handler(e, c): return b'a' * e['size']")
        outcome = await perform(world, ARN, '{"size":3}')
        assert isinstance(outcome, TaskFailure)
        assert outcome.error == "Lambda.Unknown"
        outcome = await perform(world, ARN, '{"size":263168}')
        assert outcome == TaskSuccess('"' + "a" * 263_168 + '"')

    run(tmp_path, test)


def test_a_timeout_and_an_exit(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function("import time\ndef handler(e, c): time.sleep(9)", name="slow", Timeout=1)
        await world.function("import os\ndef handler(e, c): os._exit(1)", name="exit")
        outcome = await perform(world, INVOKE, '{"FunctionName":"slow"}')
        assert isinstance(outcome, TaskFailure)
        assert outcome.error == "Sandbox.Timedout"
        assert outcome.cause.endswith('Error: Task timed out after 1.00 seconds"}')
        outcome = await perform(world, INVOKE, '{"FunctionName":"exit"}')
        assert isinstance(outcome, TaskFailure)
        assert outcome.error == "Runtime.ExitError"

    run(tmp_path, test)


@pytest.mark.parametrize(("resource", "name"), [(ARN, "f"), (INVOKE, "none")])
def test_a_function_that_is_not_there(tmp_path: Path, resource: str, name: str) -> None:
    async def test(world: FunctionWorld) -> None:
        outcome = await perform(world, resource, '{"FunctionName":"none"}')
        assert isinstance(outcome, TaskFailure)
        assert outcome.error == "Lambda.ResourceNotFoundException"
        arn = re.escape(f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}:$LATEST")
        assert re.fullmatch(
            rf"Function not found: {arn} \(Service: AWSLambda; Status Code: 404; Error Code:"
            r" ResourceNotFoundException; Request ID: [0-9a-f-]{36}; Proxy: null\)",
            outcome.cause,
        )

    run(tmp_path, test)


@pytest.mark.parametrize("given", [{"FunctionName": "a b"}, {"FunctionName": "f", "Qualifier": "a b"}])
def test_arguments_that_invoke_refuses(tmp_path: Path, given: dict[str, str]) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function()
        outcome = await perform(world, INVOKE, json.dumps(given))
        assert isinstance(outcome, TaskFailure)
        assert outcome.error == "Lambda.AWSLambdaException"
        assert outcome.cause.startswith("1 validation error detected: Value 'a b' at '")
        assert "; Error Code: ValidationException; " in outcome.cause

    run(tmp_path, test)


@pytest.mark.parametrize("context", ["abc", "aGVsbG8=", "WzFd"])
def test_a_client_context_that_is_none(tmp_path: Path, context: str) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function()
        outcome = await perform(world, INVOKE, json.dumps({"FunctionName": "f", "ClientContext": context}))
        assert isinstance(outcome, TaskFailure)
        assert outcome.error == "Lambda.InvalidRequestContentException"
        assert outcome.cause.startswith(
            "Client context must be a valid Base64-encoded JSON object. (Service: AWSLambda;"
        )

    run(tmp_path, test)


def test_a_role_that_may_not(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function()
        outcome = await perform(world, ARN, "{}", allowed=False)
        assert isinstance(outcome, TaskFailure)
        assert outcome.error == "Lambda.AWSLambdaException"
        assert re.fullmatch(
            rf"User: arn:aws:sts::{ACCOUNT}:assumed-role/denied/[0-9a-f]{{32}} is not authorized to perform:"
            rf" lambda:InvokeFunction on resource: {ARN} because no identity-based policy allows the"
            r" lambda:InvokeFunction action \(Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException;"
            r" Request ID: [0-9a-f-]{36}; Proxy: null\)",
            outcome.cause,
        )

    run(tmp_path, test)


def test_credentials(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function()
        other = await world.role("other", "lambda:InvokeFunction", service="ec2.amazonaws.com")
        outcome = await perform(world, ARN, "1", credentials=other)
        assert outcome == TaskFailure(
            "States.TaskFailed",
            f"The role arn:aws:iam::{ACCOUNT}:role/allowed is not authorized to assume the task state's role, {other}.",
        )
        document = trust("states.amazonaws.com").replace(
            '"Service": "states.amazonaws.com"', f'"AWS": "arn:aws:iam::{ACCOUNT}:role/allowed"'
        )
        await world("UpdateAssumeRolePolicy", "iam", RoleName="other", PolicyDocument=document)
        assert await perform(world, ARN, "1", credentials=other) == TaskSuccess("1")

    run(tmp_path, test)


def test_an_asynchronous_invocation_does_not_wait(tmp_path: Path) -> None:
    file, go = tmp_path / "out", tmp_path / "go"

    async def test(world: FunctionWorld) -> None:
        await world.function(
            f"import os, time\ndef handler(e, c):\n    while not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
            f"    open({str(file)!r}, 'w').write('x')"
        )
        outcome = await perform(world, INVOKE, '{"FunctionName":"f","InvocationType":"Event"}')
        assert isinstance(outcome, TaskSuccess)
        assert json.loads(outcome.output)["StatusCode"] == 202
        assert not file.exists()
        go.touch()
        async with asyncio.timeout(60):
            while not file.exists():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    run(tmp_path, test)


@pytest.mark.parametrize(
    ("resource", "known"),
    [
        (ARN, True),
        (f"{ARN}:live", True),
        (INVOKE, True),
        ("arn:aws:states:::lambda:invoke.waitForTaskToken", True),
        ("arn:aws:states:::states:startExecution.sync:2", True),
        ("arn:aws:states:::aws-sdk:sfn:startExecution", True),
        ("arn:aws:states:::aws-sdk:sfn:startExecution.waitForTaskToken", True),
        ("arn:aws:states:::aws-sdk:dynamodb:putItem", False),
        ("arn:aws:states:::dynamodb:putItem", False),
        ("arn:aws:states:us-east-1:111122223333:activity:a", False),
    ],
)
def test_what_is_supported(resource: str, known: bool) -> None:
    assert supported(resource) is known


def test_all_that_definitions_may_name_can_be_performed() -> None:
    from stategate.asl import resources

    named = [*resources.INTEGRATIONS, *((f"aws-sdk:{service}", "anyAction") for service in resources.SDK_SERVICES)]
    for service, action in named:
        for pattern in resources.patterns(service, action):
            assert supported(f"arn:aws:states:::{service}:{action}" + (f".{pattern}" if pattern else ""))

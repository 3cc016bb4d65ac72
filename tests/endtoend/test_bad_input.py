"""What goes wrong in functions and definitions: AWS's error each time, and nothing else is disturbed."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

HANDLERS = """
import os, sys, time

def raises(event, context):
    raise LookupError("no such thing")

def exits(event, context):
    sys.stdout.flush()
    os._exit(3)

def hangs(event, context):
    while True:
        pass

def floods(event, context):
    line = "x" * 1023
    for _ in range(1024 * 1024):
        print(line)
    return "printed a gigabyte"

def large(event, context):
    return "x" * 300_000

def echo(event, context):
    return event
"""


class World:
    def __init__(self, aws: Callable[..., Any]) -> None:
        self.iam, self.functions, self.states = aws("iam"), aws("lambda"), aws("stepfunctions")
        self.role = {service: self.create_role(service) for service in ("lambda", "states")}
        policy = "arn:aws:iam::aws:policy/service-role/"
        self.iam.attach_role_policy(RoleName="states", PolicyArn=policy + "AWSLambdaRole")
        self.iam.attach_role_policy(RoleName="lambda", PolicyArn=policy + "AWSLambdaBasicExecutionRole")

    def create_role(self, service: str) -> str:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": statement})
        return str(self.iam.create_role(RoleName=service, AssumeRolePolicyDocument=document)["Role"]["Arn"])

    def function(self, handler: str, timeout: int = 3) -> str:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("main.py", HANDLERS)
        created = self.functions.create_function(
            FunctionName=handler,
            Runtime="python3.12",
            Role=self.role["lambda"],
            Handler=f"main.{handler}",
            Timeout=timeout,
            Code={"ZipFile": buffer.getvalue()},
        )
        self.functions.get_waiter("function_active_v2").wait(FunctionName=handler)
        return str(created["FunctionArn"])

    def run(self, definition: dict[str, Any], given: Any = None) -> dict[str, Any]:
        name = f"m{time.monotonic_ns()}"
        machine = self.states.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=self.role["states"]
        )
        started = self.states.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(given or {}))
        deadline = time.monotonic() + 280
        while True:
            described: dict[str, Any] = self.states.describe_execution(executionArn=started["executionArn"])
            if described["status"] != "RUNNING":
                return described
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def task(self, function: str, **fields: Any) -> dict[str, Any]:
        return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": function, "End": True, **fields}}}


@pytest.fixture
def world(aws: Callable[..., Any]) -> World:
    return World(aws)


@pytest.mark.parametrize(
    ("handler", "error", "cause"),
    [
        ("raises", "LookupError", '"errorMessage": "no such thing"'),
        ("exits", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("hangs", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        ("large", "States.DataLimitExceeded", "returned a result with a size exceeding the maximum number of bytes"),
    ],
)
def test_a_function_that_goes_wrong(world: World, handler: str, error: str, cause: str) -> None:
    function = world.function(handler, timeout=1 if handler == "hangs" else 60)
    described = world.run(world.task(function))
    assert (described["status"], described["error"]) == ("FAILED", error)
    assert cause in described["cause"]


def test_a_gigabyte_of_output_does_not_stop_it(world: World, server: Any) -> None:
    described = world.run(world.task(world.function("floods", timeout=280)))
    assert (described["status"], described.get("output")) == ("SUCCEEDED", '"printed a gigabyte"')
    assert server.healthy()


def test_a_hanging_function_holds_nobody_up(world: World) -> None:
    hanging, echo = world.function("hangs", timeout=15), world.function("echo")
    world.run(world.task(echo))
    machine = world.states.create_state_machine(
        name="hang", definition=json.dumps(world.task(hanging)), roleArn=world.role["states"]
    )
    slow = world.states.start_execution(stateMachineArn=machine["stateMachineArn"])
    assert world.run(world.task(echo), {"a": 1})["output"] == '{"a":1}'
    assert world.states.describe_execution(executionArn=slow["executionArn"])["status"] == "RUNNING"
    stopped = world.states.stop_execution(executionArn=slow["executionArn"], error="Enough", cause="of it")
    assert stopped["stopDate"]
    assert world.states.describe_execution(executionArn=slow["executionArn"])["status"] == "ABORTED"


def test_an_unknown_function(world: World) -> None:
    function = world.function("echo").replace("function:echo", "function:none")
    described = world.run(world.task(function))
    assert described["error"] == "Lambda.ResourceNotFoundException"
    assert "Function not found" in described["cause"]


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("{", "INVALID_JSON_DESCRIPTION"),
        ('{"StartAt": "A"}', "These fields are required: [States]"),
        ('{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"}}}', "Missing 'Next' target: B"),
        ('{"StartAt":"A","States":{"A":{"Type":"Dance","End":true}}}', "should have one of these values"),
        ('{"StartAt":"A","States":{"A":{"Type":"Pass","End":true,"Foo":1}}}', "Foo"),
    ],
)
def test_a_bad_definition(world: World, definition: str, message: str) -> None:
    with pytest.raises(ClientError) as error:
        world.states.create_state_machine(name="bad", definition=definition, roleArn=world.role["states"])
    assert error.value.response["Error"]["Code"] == "InvalidDefinition"
    assert message in str(error.value)


def test_input_over_the_limit(world: World) -> None:
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    machine = world.states.create_state_machine(name="m", definition=definition, roleArn=world.role["states"])
    with pytest.raises(ClientError) as error:
        world.states.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps("x" * 262_144))
    assert error.value.response["Error"]["Code"] in ("ValidationException", "InvalidExecutionInput")


def test_a_bad_package(world: World) -> None:
    with pytest.raises(ClientError) as error:
        world.functions.create_function(
            FunctionName="f",
            Runtime="python3.12",
            Role=world.role["lambda"],
            Handler="main.f",
            Code={"ZipFile": b"no zip"},
        )
    assert "Could not unzip uploaded file" in str(error.value)

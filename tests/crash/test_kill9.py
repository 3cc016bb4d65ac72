"""Kills a real server with `kill -9` again and again: every acknowledged execution finishes, exactly once."""

import collections
import contextlib
import io
import json
import random
import sqlite3
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stategate.testing.process import ServerProcess

EXECUTIONS = 200
KILLS = 10
SEED = 20

HANDLER = """
import os, sqlite3

def handler(event, context):
    with sqlite3.connect(os.environ["CALLS"], timeout=30) as calls:
        calls.execute("INSERT INTO call (execution, step) VALUES (?, ?)", (event["execution"], event["step"]))
    return {"number": event["number"] + 1}
"""


def task(step: str, function: str, **after: Any) -> dict[str, Any]:
    parameters = {"execution.$": "$$.Execution.Name", "step": step, "number.$": "$.number"}
    return {"Type": "Task", "Resource": function, "Parameters": parameters, **after}


def definition(function: str) -> str:
    """First a task, then two branches: one waits and calls, one calls, waits and calls again; then one more task."""
    first = {
        "StartAt": "Wait1",
        "States": {
            "Wait1": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "B"},
            "B": task("B", function, End=True),
        },
    }
    second = {
        "StartAt": "C",
        "States": {
            "C": task("C", function, ResultPath="$.c", Next="Wait2"),
            "Wait2": {"Type": "Wait", "Seconds": 1, "Next": "D"},
            "D": task("D", function, End=True),
        },
    }
    states = {
        "A": task("A", function, ResultPath="$.a", Next="Both"),
        "Both": {"Type": "Parallel", "Branches": [first, second], "ResultPath": "$.both", "Next": "Sum"},
        "Sum": {
            "Type": "Pass",
            "Parameters": {"number.$": "States.MathAdd($.both[0].number, $.both[1].number)"},
            "Next": "E",
        },
        "E": task("E", function, End=True),
    }
    return json.dumps({"StartAt": "A", "States": states})


def package(code: str = HANDLER) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("main.py", code)
    return buffer.getvalue()


@pytest.fixture
def crashing(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", "--log-level", "warning") as server:
        yield server


@contextlib.contextmanager
def connect(server: ServerProcess, service: str) -> Iterator[Any]:
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=60, read_timeout=60, max_pool_connections=20)
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    with contextlib.closing(session.client(service, endpoint_url=server.url, config=config)) as client:
        yield client


def create(server: ServerProcess, calls: Path) -> str:
    """The function and the state machine; returns the state machine's ARN."""
    roles = {}
    with (
        connect(server, "iam") as iam,
        connect(server, "lambda") as functions,
        connect(server, "stepfunctions") as states,
    ):
        for service in ("lambda", "states"):
            principal = {"Service": f"{service}.amazonaws.com"}
            statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
            trust = json.dumps({"Version": "2012-10-17", "Statement": statement})
            roles[service] = iam.create_role(RoleName=service, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.attach_role_policy(RoleName="states", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaRole")
        function = functions.create_function(
            FunctionName="count",
            Runtime="python3.12",
            Role=roles["lambda"],
            Handler="main.handler",
            Timeout=60,
            Code={"ZipFile": package()},
            Environment={"Variables": {"CALLS": str(calls)}},
        )["FunctionArn"]
        functions.get_waiter("function_active_v2").wait(FunctionName="count")
        machine = states.create_state_machine(name="crash", definition=definition(function), roleArn=roles["states"])
        return str(machine["stateMachineArn"])


def start_all(server: ServerProcess, machine: str, acknowledged: dict[str, int], chance: random.Random) -> None:
    with connect(server, "stepfunctions") as states:
        for number in range(EXECUTIONS):
            body = json.dumps({"number": number, "seconds": chance.randrange(4)})
            time.sleep(chance.uniform(0, 0.1))
            try:
                states.start_execution(stateMachineArn=machine, name=f"e{number}", input=body)
            except (BotoCoreError, ClientError):
                await_health(server)
                continue  # not acknowledged: it may or may not exist
            acknowledged[f"e{number}"] = number


def await_health(server: ServerProcess) -> None:
    """Slow machines need their time to start it."""
    deadline = time.monotonic() + 120
    while not server.healthy() and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.crash
@pytest.mark.timeout(400)
def test_every_acknowledged_execution_finishes_exactly_once(crashing: ServerProcess, tmp_path: Path) -> None:
    calls = tmp_path / "calls.db"
    with contextlib.closing(sqlite3.connect(calls)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE call (execution TEXT, step TEXT)")
    machine = create(crashing, calls)
    chance = random.Random(SEED)
    acknowledged: dict[str, int] = {}
    starter = threading.Thread(target=start_all, args=(crashing, machine, acknowledged, random.Random(SEED + 1)))
    starter.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.3, 1.5))
        crashing.kill()
        crashing.start()
    starter.join()
    assert len(acknowledged) > EXECUTIONS / 4, "the server was hardly ever up"

    with connect(crashing, "stepfunctions") as states:
        listed = all_ended(states, machine)
        names = collections.Counter(execution["name"] for execution in listed)
        assert set(acknowledged) <= set(names)
        assert max(names.values()) == 1
        with contextlib.closing(sqlite3.connect(calls)) as database:
            called = collections.Counter(database.execute("SELECT execution, step FROM call").fetchall())
        for execution in listed:
            check(states, execution, int(execution["name"][1:]), called)


def all_ended(states: Any, machine: str) -> list[dict[str, Any]]:
    """All executions, once none is running."""
    deadline = time.monotonic() + 250
    while True:
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine)
        listed = [execution for page in pages for execution in page["executions"]]
        if all(execution["status"] != "RUNNING" for execution in listed):
            return listed
        assert time.monotonic() < deadline, "executions that do not end"
        time.sleep(0.5)


def check(states: Any, execution: dict[str, Any], number: int, called: collections.Counter[Any]) -> None:
    name, arn = execution["name"], execution["executionArn"]
    described = states.describe_execution(executionArn=arn)
    assert described["status"] == "SUCCEEDED", (name, described.get("cause"))
    assert json.loads(described["output"]) == {"number": 2 * number + 3}
    pages = states.get_paginator("get_execution_history").paginate(executionArn=arn)
    events = [event for page in pages for event in page["events"]]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1)), name
    assert all(event["previousEventId"] < event["id"] for event in events)
    types = collections.Counter(event["type"] for event in events)
    assert types["ExecutionStarted"] == types["ExecutionSucceeded"] == 1
    assert types["LambdaFunctionScheduled"] == types["LambdaFunctionSucceeded"] == 5
    exits = [event["stateExitedEventDetails"]["name"] for event in events if "stateExitedEventDetails" in event]
    assert collections.Counter(exits) == dict.fromkeys(["A", "B", "C", "D", "E", "Both", "Sum", "Wait1", "Wait2"], 1)
    # A task in flight when the server dies is called again, and the history says so with one more …Started.
    made = [called[name, step] for step in "ABCDE"]
    assert min(made) >= 1
    assert sum(made) <= types["LambdaFunctionStarted"]

"""Kills a real server with `kill -9` while everything that outlives a request is under way: activities, callbacks,
child executions, map runs, redrives, asynchronous Express executions and invocations, and POSTs to an API. What was
acknowledged comes to its end."""

import collections
import contextlib
import json
import random
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from crash.test_kill9 import await_health, connect, package
from stategate.testing.process import ServerProcess

ROUNDS = 30
KILLS = 6
SEED = 5
HANDLER = """
import os, sqlite3

def handler(event, context):
    with sqlite3.connect(os.environ["CALLS"], timeout=30) as calls:
        row = (event["execution"], event["step"], event.get("token"))
        calls.execute("INSERT INTO call (execution, step, token) VALUES (?, ?, ?)", row)
    if event["step"] == "later" and not os.path.exists(os.environ["CALLS"] + ".mended"):
        raise RuntimeError("not yet")
    return event["step"]
"""
AGAIN = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 50}]


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


class Account:
    """Roles, a function, state machines and an API in one account; `calls` is what the function was called for."""

    def __init__(self, server: ServerProcess, calls: Path) -> None:
        self.server, self.calls = server, calls
        with contextlib.closing(sqlite3.connect(calls)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE call (execution TEXT, step TEXT, token TEXT)")
        roles = {service: self.role(service) for service in ("lambda", "states", "apigateway")}
        with connect(server, "lambda") as functions, connect(server, "stepfunctions") as states:
            self.function = functions.create_function(
                FunctionName="note",
                Runtime="python3.12",
                Role=roles["lambda"],
                Handler="main.handler",
                Timeout=60,
                Code={"ZipFile": package(HANDLER)},
                Environment={"Variables": {"CALLS": str(calls)}},
            )["FunctionArn"]
            functions.get_waiter("function_active_v2").wait(FunctionName="note")
            self.activity = states.create_activity(name="a")["activityArn"]

            def machine(name: str, definition: dict[str, Any], type_: str = "STANDARD") -> str:
                text = json.dumps(definition)
                made = states.create_state_machine(name=name, definition=text, roleArn=roles["states"], type=type_)
                return str(made["stateMachineArn"])

            self.child = machine("child", one("W", {"Type": "Wait", "Seconds": 1}))
            self.everything = machine("everything", one("Both", {"Type": "Parallel", "Branches": self.branches()}))
            self.later = machine("later", one("L", self.note("later")))
            self.express = machine("express", one("X", self.note("express")), "EXPRESS")
        self.url = f"{server.url}/_aws/execute-api/{self.api(roles['apigateway'])}/v1/start"

    def role(self, service: str) -> str:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        trust = json.dumps({"Version": "2012-10-17", "Statement": statement})
        allowed = json.dumps(
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
        )
        with connect(self.server, "iam") as iam:
            arn = iam.create_role(RoleName=service, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
            iam.put_role_policy(RoleName=service, PolicyName="all", PolicyDocument=allowed)
        return str(arn)

    def note(self, step: str, **fields: Any) -> dict[str, Any]:
        parameters = {"execution.$": "$$.Execution.Name", "step": step}
        return {"Type": "Task", "Resource": self.function, "Parameters": parameters, **fields}

    def branches(self) -> list[dict[str, Any]]:
        payload = {"execution.$": "$$.Execution.Name", "step": "token", "token.$": "$$.Task.Token"}
        items = {"StartAt": "N", "States": {"N": self.note("item", End=True)}}
        return [
            one("A", {"Type": "Task", "Resource": self.activity, "TimeoutSeconds": 4, "Retry": AGAIN}),
            one(
                "T",
                {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                    "Parameters": {"FunctionName": self.function, "Payload": payload},
                    "TimeoutSeconds": 20,
                    "Retry": AGAIN,
                },
            ),
            one(
                "S",
                {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::states:startExecution.sync:2",
                    "Parameters": {"StateMachineArn": self.child, "Input": {}},
                },
            ),
            one(
                "M",
                {
                    "Type": "Map",
                    "ItemsPath": "$.items",
                    "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **items},
                },
            ),
        ]

    def api(self, role: str) -> str:
        template = f"""{{"stateMachineArn": "{self.everything}", "name": "$input.params('name')",
            "input": "$util.escapeJavaScript($input.body)"}}"""
        integration = {
            "type": "aws",
            "httpMethod": "POST",
            "uri": "arn:aws:apigateway:us-east-1:states:action/StartExecution",
            "credentials": role,
            "requestTemplates": {"application/json": template},
            "responses": {"default": {"statusCode": "200"}, "[45].*": {"statusCode": "500"}},
        }
        method = {"responses": {"200": {}, "500": {}}, "x-amazon-apigateway-integration": integration}
        document = {"swagger": "2.0", "info": {"title": "t", "version": "1"}, "paths": {"/start": {"post": method}}}
        with connect(self.server, "apigateway") as apis:
            api = str(apis.import_rest_api(body=json.dumps(document).encode())["id"])
            apis.create_deployment(restApiId=api, stageName="v1")
        return api

    def noted(self, step: str) -> collections.Counter[str]:
        with contextlib.closing(sqlite3.connect(self.calls)) as database:
            rows = database.execute("SELECT execution FROM call WHERE step = ?", (step,)).fetchall()
        return collections.Counter(execution for (execution,) in rows)


def one(name: str, state: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": name, "States": {name: {**state, "End": True}}}


class Outside:
    """The worker of the activity, and who answers the tokens: until `over`."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(work,)) for work in (self.work, self.answer)]
        self.answered: set[str] = set()
        for thread in self.threads:
            thread.start()

    def run(self, work: Callable[[Any], None]) -> None:
        with connect(self.account.server, "stepfunctions") as states:
            while not self.over.is_set():
                with contextlib.suppress(BotoCoreError, ClientError):
                    work(states)
                self.over.wait(0.05)

    def work(self, states: Any) -> None:
        task = states.get_activity_task(activityArn=self.account.activity, workerName="w")
        if task.get("taskToken"):
            states.send_task_success(taskToken=task["taskToken"], output='"worked"')

    def answer(self, states: Any) -> None:
        with contextlib.closing(sqlite3.connect(self.account.calls)) as database:
            rows = database.execute("SELECT token FROM call WHERE token IS NOT NULL").fetchall()
        for (token,) in rows:
            if token in self.answered:
                continue
            try:
                states.send_task_success(taskToken=token, output='"answered"')
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken"):
                    continue
            self.answered.add(token)


def acknowledged(request: Callable[[], object]) -> bool:
    try:
        request()
    except (BotoCoreError, ClientError, urllib.error.URLError, OSError):
        return False
    return True


def start_all(account: Account, kept: dict[str, list[str]], chance: random.Random) -> None:
    """`kept` gets the names of what was acknowledged."""
    items = json.dumps({"items": [1, 2, 3]})
    with connect(account.server, "stepfunctions") as states, connect(account.server, "lambda") as functions:

        def note(kind: str, name: str, request: Callable[[], object]) -> None:
            time.sleep(chance.uniform(0, 0.1))
            if acknowledged(request):
                kept[kind].append(name)
            else:
                await_health(account.server)

        start, invoke = states.start_execution, functions.invoke
        for number in range(ROUNDS):
            e, p, x, a, r = (f"{kind}{number}" for kind in "epxar")
            note("e", e, partial(start, stateMachineArn=account.everything, name=e, input=items))
            note("p", p, partial(post, f"{account.url}?name={p}", items))
            note("x", x, partial(start, stateMachineArn=account.express, name=x))
            event = json.dumps({"execution": a, "step": "async"})
            note("a", a, partial(invoke, FunctionName="note", InvocationType="Event", Payload=event))
            note("r", r, partial(start, stateMachineArn=account.later, name=r))


def post(url: str, body: str) -> None:
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert "executionArn" in json.load(answer)


def redrive_all(account: Account, names: list[str], kept: list[str]) -> None:
    with connect(account.server, "stepfunctions") as states:
        for name in names:
            arn = account.later.replace(":stateMachine:", ":execution:") + f":{name}"
            if acknowledged(partial(states.redrive_execution, executionArn=arn)):
                kept.append(name)


@pytest.mark.crash
@pytest.mark.timeout(400)
def test_everything_that_was_acknowledged_comes_to_its_end(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    kept: dict[str, list[str]] = {kind: [] for kind in "epxar"}
    redriven: list[str] = []
    with ServerProcess(tmp_path / "data", "--log-level", "warning") as server:
        account = Account(server, tmp_path / "calls.db")
        outside = Outside(account)
        try:
            kill_during(server, chance, KILLS, lambda: start_all(account, kept, random.Random(SEED + 1)))
            wait_until(lambda: not running(account, account.later))
            Path(f"{account.calls}.mended").touch()
            kill_during(server, chance, 2, lambda: redrive_all(account, kept["r"], redriven))
            wait_until(lambda: not running(account, account.everything))
            wait_until(lambda: not running(account, account.later))
            wait_until(lambda: set(kept["x"]) <= set(account.noted("express")))
            wait_until(lambda: set(kept["a"]) <= set(account.noted("async")))
        finally:
            outside.over.set()
            server.stop()
            for thread in outside.threads:
                thread.join()
            server.start()
        assert all(len(names) > ROUNDS / 5 for names in kept.values()), kept
        check(account, kept, redriven)


def kill_during(server: ServerProcess, chance: random.Random, kills: int, work: Callable[[], None]) -> None:
    worker = threading.Thread(target=work)
    worker.start()
    for _ in range(kills):
        time.sleep(chance.uniform(0.3, 1.5))
        server.kill()
        server.start()
    worker.join()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 250
    while not condition():
        assert time.monotonic() < deadline, "it does not end"
        time.sleep(0.3)


def running(account: Account, machine: str) -> bool:
    with connect(account.server, "stepfunctions") as states:
        return bool(states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"])


def check(account: Account, kept: dict[str, list[str]], redriven: list[str]) -> None:
    with connect(account.server, "stepfunctions") as states:

        def described(machine: str, name: str) -> dict[str, Any]:
            arn = machine.replace(":stateMachine:", ":execution:") + f":{name}"
            return dict(states.describe_execution(executionArn=arn))

        for name in (*kept["e"], *kept["p"]):
            execution = described(account.everything, name)
            assert execution["status"] == "SUCCEEDED", (name, execution.get("cause"))
            worked, answered, _, items = json.loads(execution["output"])
            assert (worked, answered, items) == ("worked", "answered", ["item"] * 3)
        for name in redriven:
            execution = described(account.later, name)
            assert (execution["status"], execution["redriveCount"]) == ("SUCCEEDED", 1)

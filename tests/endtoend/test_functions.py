"""Functions of every family of runtimes in a real server, with boto3: beside each other, in a state machine."""

import base64
import contextlib
import io
import json
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from stategate.testing.process import ServerProcess

Client = Callable[..., Any]

NODE = "exports.handler = async (event) => { console.log('seen', event.n); return {n: event.n + 1, by: ['node']} }"
PYTHON = "def handler(event, context):\n    return {'n': event['n'] * 10, 'by': [*event['by'], 'python']}\n"
SHELL = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while headers="$(curl -sS -o /dev/null -D - "$api/next")"; do
  id="$(echo "$headers" | tr -d '\\r' | sed -n 's/^lambda-runtime-aws-request-id: //Ip')"
  curl -sS -o /dev/null "$api/$id/response" -d '{"by": "shell"}'
done
"""


def zipped(files: Mapping[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, source in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, source)
    return file.getvalue()


def role(aws: Client, name: str, service: str, *actions: str) -> str:
    def policy(statement: Mapping[str, Any]) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})

    iam = aws("iam")
    trust = policy({"Principal": {"Service": service}, "Action": "sts:AssumeRole"})
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(
        RoleName=name, PolicyName="p", PolicyDocument=policy({"Action": list(actions), "Resource": "*"})
    )
    return arn


def function(aws: Client, name: str, runtime: str, files: Mapping[str, str], handler: str = "index.handler") -> str:
    functions = aws("lambda")
    made = functions.create_function(
        FunctionName=name,
        Runtime=runtime,
        Handler=handler,
        Role=role(aws, f"{name}-role", "lambda.amazonaws.com", "logs:*"),
        Code={"ZipFile": zipped(files)},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    return str(made["FunctionArn"])


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no `node` on the PATH")
def test_nodejs_and_python_in_one_state_machine(aws: Client) -> None:
    first = function(aws, "first", "nodejs20.x", {"index.js": NODE})
    second = function(aws, "second", "python3.12", {"index.py": PYTHON})
    states = aws("stepfunctions")
    definition = {
        "StartAt": "First",
        "States": {
            "First": {"Type": "Task", "Resource": first, "Next": "Second"},
            "Second": {"Type": "Task", "Resource": second, "End": True},
        },
    }
    machine = states.create_state_machine(
        name="m",
        type="EXPRESS",
        definition=json.dumps(definition),
        roleArn=role(aws, "machine", "states.amazonaws.com", "lambda:InvokeFunction"),
    )["stateMachineArn"]
    ended = states.start_sync_execution(stateMachineArn=machine, input='{"n": 1}')
    assert json.loads(ended["output"]) == {"n": 20, "by": ["node", "python"]}
    answer = aws("lambda").invoke(FunctionName="first", Payload=b'{"n": 2}', LogType="Tail")
    assert answer["Payload"].read() == b'{"n":3,"by":["node"]}'
    assert "\tINFO\tseen 2\n" in base64.b64decode(answer["LogResult"]).decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no `curl` on the PATH")
def test_a_custom_runtime(aws: Client) -> None:
    function(aws, "shell", "provided.al2023", {"bootstrap": SHELL})
    answers = [aws("lambda").invoke(FunctionName="shell", Payload=b"1") for _ in range(2)]
    assert [answer["Payload"].read() for answer in answers] == [b'{"by": "shell"}'] * 2


def test_a_killed_server_leaves_no_package_behind(tmp_path: Path) -> None:
    """It dies between the deletion of a function and that of its package; the other function still runs."""
    server = ServerProcess(tmp_path)
    with server, clients(server) as aws:
        function(aws, "kept", "python3.12", {"index.py": PYTHON})
        function(aws, "gone", "python3.12", {"index.py": PYTHON + "\n"})
        aws("lambda").delete_function(FunctionName="gone")
        assert len(list((tmp_path / "functions").iterdir())) == 2
        server.kill()
        server.start()
        until = time.monotonic() + 60
        while len(list((tmp_path / "functions").iterdir())) > 1 and time.monotonic() < until:
            time.sleep(0.05)
        assert len(list((tmp_path / "functions").iterdir())) == 1
        answer = aws("lambda").invoke(FunctionName="kept", Payload=b'{"n": 1, "by": []}')
        assert json.load(answer["Payload"]) == {"n": 10, "by": ["python"]}


@contextlib.contextmanager
def clients(server: ServerProcess) -> Iterator[Client]:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    with contextlib.ExitStack() as made:
        yield lambda service: made.enter_context(
            contextlib.closing(
                session.client(service, endpoint_url=server.url, config=Config(inject_host_prefix=False))
            )
        )

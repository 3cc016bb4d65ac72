"""The cost of the path: requests/s and p50/p99 of the example's POST and of StartExecution, next to a bare uvicorn echo
in the same run. The ratio to the echo is the figure: it is the same on a fast machine and on a slow one.

    python bench/path.py [--seconds 5] [--connections 16]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import uvloop
from rich.console import Console
from rich.table import Table

from stategate.testing.process import ServerProcess

ECHO = """
async def app(scope, receive, send):
    body = (await receive()).get("body", b"")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
"""
HANDLER = "def handler(event, context):\n    return event\n"
TEMPLATE = """#set($id = $util.escapeJavaScript($input.params('id')).replaceAll("\\\\'", "'"))
#set($user = $util.escapeJavaScript($input.path('$').user_id).replaceAll("\\\\'", "'"))
#set($execution = "{""recipe_id"":""$id"",""user_id"":""$user""}")
{"input": "$util.escapeJavaScript($execution).replaceAll("\\\\'", "'")", "stateMachineArn": "MACHINE"}
"""


@dataclass(frozen=True)
class Measured:
    """`rate` in requests/s, the percentiles in milliseconds."""

    rate: float
    p50: float
    p99: float


async def load(url: str, requests: Callable[[int], bytes], seconds: float, connections: int) -> Measured:
    """Keeps `connections` keep-alive connections busy; every answer must be a 200."""
    parts = urllib.parse.urlsplit(url)
    took: list[float] = []
    number = 0
    end = time.perf_counter() + seconds + 0.5
    warm = time.perf_counter() + 0.5

    async def client() -> None:
        nonlocal number
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while (start := time.perf_counter()) < end:
            number += 1
            writer.write(requests(number))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            lower = head.lower()
            at = lower.find(b"content-length:")
            if at >= 0:
                body = await reader.readexactly(int(lower[at + 15 : lower.index(b"\r\n", at)]))
            else:  # chunked, as the echo answers
                body = await reader.readuntil(b"0\r\n\r\n")
            assert body
            if start > warm:
                took.append(time.perf_counter() - start)
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    took.sort()
    return Measured(len(took) / seconds, statistics.median(took) * 1e3, took[int(len(took) * 0.99)] * 1e3)


def request(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    parts = urllib.parse.urlsplit(url)
    lines = [f"POST {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *(f"{k}: {v}" for k, v in headers.items()), "", ""]).encode() + body


@contextlib.contextmanager
def echo() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "echo.py").write_text(ECHO)
        command = [sys.executable, "-m", "uvicorn", "echo:app", "--port", str(port), "--log-level", "error"]
        process = subprocess.Popen([*command, "--loop", "uvloop", "--http", "httptools"], cwd=directory)
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait()


class Deployed:
    """Two state machines, one that passes and one with the example's shape (a function, then three in parallel), and an
    API with a POST for each."""

    def __init__(self, server: ServerProcess) -> None:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
        self.client: Callable[[str], Any] = lambda service: session.client(service, endpoint_url=server.url)
        role = {service: self.role(service) for service in ("lambda", "states", "apigateway")}
        self.states = self.client("stepfunctions")
        function = self.function(role["lambda"])
        task = {"Type": "Task", "Resource": function}
        branch = {"StartAt": "I", "States": {"I": {**task, "End": True}}}
        branches = [json.loads(json.dumps(branch).replace('"I"', f'"I{n}"')) for n in range(3)]
        definitions = {
            "pass": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}},
            "four": {
                "StartAt": "U",
                "States": {
                    "U": {**task, "Next": "All"},
                    "All": {"Type": "Parallel", "Branches": branches, "End": True},
                },
            },
        }
        self.machines = {
            name: self.states.create_state_machine(name=name, definition=json.dumps(text), roleArn=role["states"])[
                "stateMachineArn"
            ]
            for name, text in definitions.items()
        }
        self.api = self.rest_api(role["apigateway"])
        self.url = f"{server.url}/_aws/execute-api/{self.api}/v1"

    def role(self, service: str) -> str:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        iam = self.client("iam")
        trust = json.dumps({"Version": "2012-10-17", "Statement": statement})
        arn: str = iam.create_role(RoleName=service, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        allow = {"Effect": "Allow", "Action": ["states:StartExecution", "lambda:InvokeFunction"], "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": allow})
        iam.put_role_policy(RoleName=service, PolicyName="p", PolicyDocument=document)
        return arn

    def function(self, role: str) -> str:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("main.py", HANDLER)
        created = self.client("lambda").create_function(
            FunctionName="echo",
            Runtime="python3.12",
            Role=role,
            Handler="main.handler",
            Code={"ZipFile": buffer.getvalue()},
        )
        self.client("lambda").get_waiter("function_active_v2").wait(FunctionName="echo")
        return str(created["FunctionArn"])

    def rest_api(self, role: str) -> str:
        apis = self.client("apigateway")
        api: str = apis.create_rest_api(name="bench")["id"]
        root = apis.get_resources(restApiId=api)["items"][0]["id"]
        recipes = apis.create_resource(restApiId=api, parentId=root, pathPart="recipes")["id"]
        recipe = apis.create_resource(restApiId=api, parentId=recipes, pathPart="{id}")["id"]
        for name, machine in self.machines.items():
            resource = apis.create_resource(restApiId=api, parentId=recipe, pathPart=name)["id"]
            method = {"restApiId": api, "resourceId": resource, "httpMethod": "POST"}
            apis.put_method(**method, authorizationType="NONE")
            apis.put_integration(
                **method,
                type="AWS",
                integrationHttpMethod="POST",
                uri="arn:aws:apigateway:us-east-1:states:action/StartExecution",
                credentials=role,
                requestTemplates={"application/json": TEMPLATE.replace("MACHINE", machine)},
            )
            for status, pattern in (("200", ""), ("500", r"[45]\d{2}")):
                apis.put_method_response(**method, statusCode=status)
                apis.put_integration_response(**method, statusCode=status, selectionPattern=pattern)
        apis.create_deployment(restApiId=api, stageName="v1")
        return api

    def drain(self, name: str) -> float:
        """Seconds until no execution of this machine runs."""
        start = time.perf_counter()
        while self.states.list_executions(stateMachineArn=self.machines[name], statusFilter="RUNNING", maxResults=1)[
            "executions"
        ]:
            time.sleep(0.1)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=16)
    arguments = parser.parse_args()

    def measure(url: str, body: str, headers: dict[str, str]) -> Measured:
        raw = request(url, body.encode(), headers)
        return uvloop.run(load(url, lambda number: raw, arguments.seconds, arguments.connections))

    table = Table("what", "requests/s", "p50 ms", "p99 ms", "of the echo", "then")
    body = json.dumps({"user_id": "u7"})
    plain = {"Content-Type": "application/json"}
    with echo() as url, ServerProcess(None, "--log-level", "warning") as server:
        deployed = Deployed(server)
        reference = measure(url, body, plain)
        table.add_row("bare uvicorn echo", *figures(reference, reference), "")
        for name, what in (("pass", "a Pass state"), ("four", "four functions, three in parallel")):
            result = measure(f"{deployed.url}/recipes/42/{name}", body, plain)
            table.add_row(f"POST -> StartExecution, {what}", *figures(result, reference), drained(deployed, name))
            start = json.dumps({"stateMachineArn": deployed.machines[name], "input": body})
            result = measure(server.url, start, signed(server.url, start))
            table.add_row(f"StartExecution, {what}", *figures(result, reference), drained(deployed, name))
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def figures(result: Measured, reference: Measured) -> tuple[str, str, str, str]:
    return f"{result.rate:,.0f}", f"{result.p50:.2f}", f"{result.p99:.2f}", f"{result.rate / reference.rate:.3f}"


def drained(deployed: Deployed, name: str) -> str:
    return f"all ended {deployed.drain(name):.1f} s later"


def signed(url: str, body: str) -> dict[str, str]:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AWSStepFunctions.StartExecution"}
    to_sign = AWSRequest("POST", url, headers, body)
    SigV4Auth(Credentials("test", "test"), "states", "us-east-1").add_auth(to_sign)
    return {name: value for name, value in to_sign.headers.items() if name.lower() != "content-length"}


if __name__ == "__main__":
    os.environ.pop("AWS_PROFILE", None)
    main()

"""What the benchmarks share: a reference server, a load generator, and an account with roles and a function."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
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
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from stategate.testing.process import ServerProcess

ECHO = """
async def app(scope, receive, send):
    body = (await receive()).get("body", b"")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
"""
HANDLER = "def handler(event, context):\n    return event\n"


@dataclass(frozen=True)
class Measured:
    """`rate` in requests/s, the percentiles in milliseconds."""

    count: int
    rate: float
    p50: float
    p99: float


async def load(
    url: str, requests: Callable[[int], bytes], seconds: float, connections: int, total: int | None = None
) -> Measured:
    """Keeps `connections` keep-alive connections busy, for so many seconds after half a second to warm up, or until
    `total` requests are answered; every answer must be a 200."""
    parts = urllib.parse.urlsplit(url)
    took: list[float] = []
    number = 0
    begun = time.perf_counter()
    warm = begun if total else begun + 0.5

    def more() -> bool:
        return number < total if total else time.perf_counter() < warm + seconds

    async def client() -> None:
        nonlocal number
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while more():
            start = time.perf_counter()
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
    elapsed = time.perf_counter() - warm
    return Measured(len(took), len(took) / elapsed, statistics.median(took) * 1e3, took[int(len(took) * 0.99)] * 1e3)


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


def figures(result: Measured, reference: Measured) -> tuple[str, str, str, str]:
    return f"{result.rate:,.0f}", f"{result.p50:.2f}", f"{result.p99:.2f}", f"{result.rate / reference.rate:.3f}"


def measure(url: str, body: str, headers: dict[str, str], seconds: float, connections: int) -> Measured:
    raw = request(url, body.encode(), headers)
    return uvloop.run(load(url, lambda number: raw, seconds, connections))


def signed(url: str, body: str) -> dict[str, str]:
    """The headers of a StartExecution with this body."""
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AWSStepFunctions.StartExecution"}
    to_sign = AWSRequest("POST", url, headers, body)
    SigV4Auth(Credentials("test", "test"), "states", "us-east-1").add_auth(to_sign)
    return {name: value for name, value in to_sign.headers.items() if name.lower() != "content-length"}


class Account:
    """Clients, roles that may do what is measured, and a function that gives back its event."""

    def __init__(self, server: ServerProcess) -> None:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
        config = Config(inject_host_prefix=False, read_timeout=600)
        self.client: Callable[[str], Any] = lambda service: session.client(
            service, endpoint_url=server.url, config=config
        )
        self.roles = {service: self.role(service) for service in ("lambda", "states", "apigateway")}
        self.states = self.client("stepfunctions")

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

    def function(self, code: str = HANDLER) -> str:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("main.py", code)
        created = self.client("lambda").create_function(
            FunctionName="echo",
            Runtime="python3.12",
            Role=self.roles["lambda"],
            Handler="main.handler",
            Code={"ZipFile": buffer.getvalue()},
        )
        self.client("lambda").get_waiter("function_active_v2").wait(FunctionName="echo")
        return str(created["FunctionArn"])

    def state_machine(self, name: str, definition: dict[str, Any], type_: str = "STANDARD") -> str:
        text = json.dumps(definition)
        made = self.states.create_state_machine(name=name, definition=text, roleArn=self.roles["states"], type=type_)
        return str(made["stateMachineArn"])

    def drain(self, machine: str) -> float:
        """Seconds until no execution of this machine runs."""
        start = time.perf_counter()
        while self.states.list_executions(stateMachineArn=machine, statusFilter="RUNNING", maxResults=1)["executions"]:
            time.sleep(0.1)
        return time.perf_counter() - start

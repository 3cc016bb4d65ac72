"""Recorded cases of APIs in front of services that are not hosted, and of distributed Maps over S3: the server is told
of moto's S3, and of an SQS and an EventBridge of the test's own, which the recorded calls of their operations go to as
well."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.parse import parse_qs

import botocore.config
import pytest

from asl.test_recorded import older_map_run, replay
from runtime.outbound.motoserver import KEYS, MotoServer
from stategate.testing.process import ServerProcess

pytestmark = pytest.mark.shared

CASES = {"s3": 8, "sqs": 4, "eventbridge": 1}
"""How many there are, by the name of the recorded test module."""

MAPS = 19
"""How many distributed Maps there are that need S3 alone."""

OTHERWISE = {
    "test_map_state_result_writer": "recorded with an input without its spaces, which all others have",
    "test_list_map_runs_and_describe_map_run": "recorded before redrive: DescribeMapRun has two further counts since",
}
"""Of these cases the recordings can't hold, with the reason."""

OWN = ["AcceptRanges", "ChecksumCRC32", "ChecksumCRC64NVME", "ChecksumType", "LastModified", "Metadata",
       "ServerSideEncryption"]  # fmt: skip
"""What S3 says of an object, apart from its bytes, their type and their hash: not what is tested here."""


class Queue(BaseHTTPRequestHandler):
    """One queue, which a new one replaces, in SQS's JSON and Query protocols, with JSON as the answer of both, which
    moto's has not; and an event bus that keeps nothing."""

    protocol_version = "HTTP/1.1"
    messages: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        operation = self.headers.get("X-Amz-Target", "").partition(".")[2]
        if operation:
            self._answer(self._perform(operation, json.loads(body)))
            return
        given = {name: values[0] for name, values in parse_qs(body).items()}
        message = self._send(given["MessageBody"])
        for prefix in ("MessageAttribute.1", "MessageAttributes.1"):
            if f"{prefix}.Name" in given:
                value = {part: given[f"{prefix}.Value.{part}"] for part in ("DataType", "StringValue")}
                message["MessageAttributes"] = {given[f"{prefix}.Name"]: value}
        result = {"ResponseMetadata": {"RequestId": str(uuid.uuid4())}, "SendMessageResult": message}
        self._answer({"SendMessageResponse": result})

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is written of it."""

    def _perform(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        match operation:
            case "CreateQueue":
                self.messages.clear()
                return {"QueueUrl": f"http://{self.headers['Host']}/0/{given['QueueName']}"}
            case "SendMessage":
                return self._send(given["MessageBody"])
            case "ReceiveMessage":
                return {"Messages": self.messages}
            case "PutEvents":
                return {"Entries": [{"EventId": str(uuid.uuid4())} for _ in given["Entries"]], "FailedEntryCount": 0}
            case _:
                return {}

    def _send(self, text: str) -> dict[str, Any]:
        digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        self.messages.append({"MessageId": str(uuid.uuid4()), "ReceiptHandle": "r", "MD5OfBody": digest, "Body": text})
        return self.messages[-1]

    def _answer(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def served(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def actors(moto: MotoServer) -> Iterator[dict[str, str]]:
    """Endpoints, by service."""
    with served(Queue) as queue:
        messages = f"http://127.0.0.1:{queue.server_port}"
        yield {"s3": moto.url, "sqs": messages, "events": messages}
        queue.shutdown()


@pytest.fixture(scope="module")
def endpoint(actors: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    elsewhere = ",".join(f"{service}={url}" for service, url in actors.items())
    keys = ("--s3-access-key", KEYS[0], "--s3-secret-key", KEYS[1])
    options = ("--log-level", "warning", "--aws-endpoints", elsewhere, "--s3-endpoint", actors["s3"], *keys)
    with ServerProcess(tmp_path_factory.mktemp("server"), *options) as server:
        yield server.url


def client_of(context: Any, service: str, url: str) -> Any:
    config = botocore.config.Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
    return context.sess.create_client(service, region_name="us-east-1", endpoint_url=url, config=config)


def differences(case: dict[str, Any], endpoint: str, actors: dict[str, str]) -> list[str]:
    module = replay()
    context = module["Ctx"](
        case, SimpleNamespace(endpoint=endpoint, isolate=True, style="host", host="localhost", cap=30)
    )
    for name, url in actors.items():
        context.clients[name, "us-east-1"] = client_of(context, name, url)
    for number, step in enumerate(case["steps"]):
        context.step(number, step)
    unify = module["Unify"](case["tokens"], context.acct())
    for check in case["checks"]:
        if "<host-id" not in json.dumps(check):  # The recorded test read these out of S3's own XML.
            same(module, unify, context, check)
    for client in context.clients.values():
        client.close()
    found: list[str] = unify.errs
    return found


LEFT_OPEN = pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
"""The corpus's own comparison leaves connections to be collected."""


@LEFT_OPEN
@pytest.mark.parametrize("service", CASES)
def test_the_cases_are_answered_as_by_aws(shared: Path, endpoint: str, actors: dict[str, str], service: str) -> None:
    recorded = shared / "corpus" / "aws" / "apigateway"
    cases = [json.loads(file.read_text()) for file in recorded.glob(f"apigateway_test_apigateway_{service}.py_*.json")]
    failures = {case["id"]: found for case in cases if (found := differences(case, endpoint, actors))}
    assert (failures, len(cases)) == ({}, CASES[service])


@LEFT_OPEN
def test_distributed_maps_run_as_on_aws(shared: Path, endpoint: str, actors: dict[str, str], moto: MotoServer) -> None:
    failures, count = {}, 0
    for file in sorted((shared / "corpus" / "aws" / "stepfunctions").glob("*.json")):
        case = json.loads(file.read_text())
        needed = {resource for resource in case["asl_resources"] if "states:::" in resource}
        if not needed or any(not resource.startswith("arn:aws:states:::s3:") for resource in needed):
            continue
        count += 1
        if any(name in case["id"] for name in OTHERWISE):
            continue
        if older_map_run(case):
            as_since(case)
        moto.empty()
        if found := differences(case, endpoint, actors):
            failures[case["id"]] = found
    assert (failures, count) == ({}, MAPS)


def as_since(case: dict[str, Any]) -> None:
    """MapStateExited follows the event before MapRunSucceeded since the autumn of 2024."""
    for check in case["checks"]:
        for event in check["expected"].get("events", ()):
            if event["type"] == "MapStateExited":
                event["previousEventId"] -= 1


def same(module: dict[str, Any], unify: Any, context: Any, check: dict[str, Any]) -> None:
    expected, actual = check["expected"], module["build"](context, check["expr"])
    if isinstance(expected, dict) and isinstance(actual, dict):
        expected, actual = (
            {key: value for key, value in each.items() if key not in OWN} for each in (expected, actual)
        )
    unify.eq({check["key"]: expected}, {check["key"]: actual})

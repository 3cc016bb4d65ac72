"""Recorded cases of APIs in front of services that are not hosted: the server is told of an S3, an SQS and an
EventBridge of the test's own, which the recorded calls of their operations go to as well."""

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
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.config
import pytest

from asl.test_recorded import replay
from stategate.testing.process import ServerProcess

pytestmark = pytest.mark.shared

CASES = {"s3": 8, "sqs": 4, "eventbridge": 1}
"""How many there are, by the name of the recorded test module."""

OWN = ["AcceptRanges", "ChecksumCRC32", "ChecksumCRC64NVME", "ChecksumType", "LastModified", "Metadata",
       "ServerSideEncryption"]  # fmt: skip
"""What S3 says of an object, apart from its bytes, their type and their hash: not what is tested here."""


class S3(BaseHTTPRequestHandler):
    """Buckets and objects, by path; nothing is checked."""

    protocol_version = "HTTP/1.1"
    objects: ClassVar[dict[str, tuple[bytes, str]]] = {}

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self._path()
        if path.count("/") > 1:
            self.objects[path] = body, self.headers.get("Content-Type") or "binary/octet-stream"
        self._answer(200, b"", Location=path, ETag=etag(body))

    def do_GET(self) -> None:
        found = self.objects.get(self._path())
        if found is None:
            text = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
            key = self._path().split("/", 2)[2]
            self._answer(404, f"{text}<Key>{key}</Key></Error>".encode(), Content_Type="application/xml")
        else:
            wanted = parse_qs(urlsplit(self.path).query).get("response-content-type", [found[1]])
            self._answer(200, found[0], Content_Type=wanted[0], ETag=etag(found[0]))

    def do_DELETE(self) -> None:
        self.objects.pop(self._path(), None)
        self._answer(204, b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is written of it."""

    def _path(self) -> str:
        return unquote(urlsplit(self.path).path)

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Queue(BaseHTTPRequestHandler):
    """One queue, which a new one replaces, in SQS's JSON and Query protocols; and an event bus that keeps nothing."""

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


def etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def served(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def actors() -> Iterator[dict[str, str]]:
    """Endpoints, by service."""
    with served(S3) as s3, served(Queue) as queue:
        objects, messages = (f"http://127.0.0.1:{each.server_port}" for each in (s3, queue))
        yield {"s3": objects, "sqs": messages, "events": messages}
        s3.shutdown()
        queue.shutdown()


@pytest.fixture(scope="module")
def endpoint(actors: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    elsewhere = ",".join(f"{service}={url}" for service, url in actors.items())
    options = ("--log-level", "warning", "--aws-endpoints", elsewhere)
    with ServerProcess(tmp_path_factory.mktemp("server"), *options) as server:
        yield server.url


def client_of(context: Any, service: str, url: str) -> Any:
    config = botocore.config.Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
    return context.sess.create_client(service, region_name="us-east-1", endpoint_url=url, config=config)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("service", CASES)
def test_the_cases_are_answered_as_by_aws(shared: Path, endpoint: str, actors: dict[str, str], service: str) -> None:
    module = replay()  # It leaves connections to be collected.
    arguments = SimpleNamespace(endpoint=endpoint, isolate=True, style="host", host="localhost", cap=30)
    recorded = shared / "corpus" / "aws" / "apigateway"
    failures, files = {}, sorted(recorded.glob(f"apigateway_test_apigateway_{service}.py_*.json"))
    for file in files:
        case = json.loads(file.read_text())
        context = module["Ctx"](case, arguments)
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
        if unify.errs:
            failures[case["id"]] = unify.errs
    assert (failures, len(files)) == ({}, CASES[service])


def same(module: dict[str, Any], unify: Any, context: Any, check: dict[str, Any]) -> None:
    expected, actual = check["expected"], module["build"](context, check["expr"])
    if isinstance(expected, dict) and isinstance(actual, dict):
        expected, actual = (
            {key: value for key, value in each.items() if key not in OWN} for each in (expected, actual)
        )
    unify.eq({check["key"]: expected}, {check["key"]: actual})

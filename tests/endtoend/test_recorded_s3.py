"""Recorded cases of APIs in front of S3: the server is told of an S3 of the test's own, which the recorded calls of
S3's operations go to as well."""

from __future__ import annotations

import hashlib
import json
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

FILES = "apigateway_test_apigateway_s3.py_*.json"
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


def etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


@pytest.fixture(scope="module")
def actor() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), S3) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def endpoint(actor: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    options = ("--log-level", "warning", "--aws-endpoints", f"s3={actor}")
    with ServerProcess(tmp_path_factory.mktemp("server"), *options) as server:
        yield server.url


def client_of_s3(context: Any, actor: str) -> Any:
    config = botocore.config.Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
    return context.sess.create_client("s3", region_name="us-east-1", endpoint_url=actor, config=config)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_cases_are_answered_as_by_aws(shared: Path, endpoint: str, actor: str) -> None:
    module = replay()  # It leaves connections to be collected.
    arguments = SimpleNamespace(endpoint=endpoint, isolate=True, style="host", host="localhost", cap=30)
    failures, files = {}, sorted((shared / "corpus" / "aws" / "apigateway").glob(FILES))
    for file in files:
        case = json.loads(file.read_text())
        context = module["Ctx"](case, arguments)
        context.clients["s3", "us-east-1"] = client_of_s3(context, actor)
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
    assert (failures, len(files)) == ({}, 8)


def same(module: dict[str, Any], unify: Any, context: Any, check: dict[str, Any]) -> None:
    expected, actual = check["expected"], module["build"](context, check["expr"])
    if isinstance(expected, dict) and isinstance(actual, dict):
        expected, actual = (
            {key: value for key, value in each.items() if key not in OWN} for each in (expected, actual)
        )
    unify.eq({check["key"]: expected}, {check["key"]: actual})

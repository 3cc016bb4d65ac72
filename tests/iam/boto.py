"""boto3 clients that talk to a dispatcher in process, without a server."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from stategate.services.dispatch import Dispatcher
from stategate.services.iam import OPERATIONS as IAM
from stategate.services.ports import Ports
from stategate.services.sts import OPERATIONS as STS
from stategate.wire.http import HttpRequest


class Raw:
    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **options: Any) -> Iterator[bytes]:
        yield self.body


def client(ports: Ports, service: str, key: str, secret: str = "x", token: str | None = None) -> Any:
    dispatcher = Dispatcher(ports, {"iam": IAM, "sts": STS})
    made = boto3.Session(key, secret, token, region_name="us-east-1").client(
        service, endpoint_url="http://127.0.0.1:4566", config=Config(retries={"total_max_attempts": 1})
    )

    def send(request: Any, **more: Any) -> AWSResponse:
        parts = urlsplit(request.url)
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        headers = [(name.lower(), _text(value)) for name, value in request.headers.items()]
        asked = HttpRequest(request.method, parts.path or "/", parts.query, [*headers, ("host", parts.netloc)], body)
        answer = asyncio.run(dispatcher.http(asked, "127.0.0.1"))
        answered: Mapping[str, str] = dict(answer.headers)
        return AWSResponse(request.url, answer.status, answered, Raw(answer.body))

    made.meta.events.register("before-send", send)
    return made


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def credentials(shown: Mapping[str, Any]) -> tuple[str, str, str]:
    return shown["AccessKeyId"], shown["SecretAccessKey"], shown["SessionToken"]

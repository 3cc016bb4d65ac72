"""The S3 of the tests: moto's server, in a process of its own, with one bucket."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import boto3
from botocore.config import Config

BUCKET = "items"
KEYS = ("AKIAEXAMPLE", "secret")
"""Any do, as moto checks no signature unless it is told to."""

_PROGRAM = """
import sys
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
"""It says which port it was given. Tests that are killed close the pipe that is its standard input."""

_DIRECTLY = build_opener(ProxyHandler({}))


class MotoServer:
    """Runs while it is entered. `client` is boto3's; `put`, `get` and `objects` are about the one bucket."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def __enter__(self) -> MotoServer:
        with contextlib.ExitStack() as undo:
            log = undo.enter_context(self._log.open("wb"))
            command = [sys.executable, "-c", _PROGRAM]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
            undo.callback(process.communicate)
            undo.callback(process.kill)
            assert process.stdout is not None
            port = int(process.stdout.readline() or 0)
            if not port:
                raise RuntimeError(f"moto's server did not start:\n{self._log.read_text()[-8000:]}")
            self.url = f"http://127.0.0.1:{port}"
            self.client = self.service("s3", *KEYS)
            undo.callback(self.client.close)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def tell(self, command: str, body: str = "") -> None:
        """A command of moto's own: `reset`, `reset-auth`."""
        request = Request(f"{self.url}/moto-api/{command}", body.encode(), {"Content-Type": "text/plain"})
        with _DIRECTLY.open(request, timeout=60) as answer:
            answer.read()

    def empty(self) -> None:
        """Leaves nothing in it but the bucket."""
        self.tell("reset")
        self.client.create_bucket(Bucket=BUCKET)

    def service(self, name: str, access_key: str, secret_key: str) -> Any:
        session = boto3.Session(aws_access_key_id=access_key, aws_secret_access_key=secret_key, region_name="us-east-1")
        return session.client(name, endpoint_url=self.url, config=Config(s3={"addressing_style": "path"}))

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        with self.client.get_object(Bucket=BUCKET, Key=key)["Body"] as body:
            return bytes(body.read())

    def objects(self) -> dict[str, bytes]:
        """By their keys, of the first 1,000."""
        found = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        return {each["Key"]: self.get(each["Key"]) for each in found}

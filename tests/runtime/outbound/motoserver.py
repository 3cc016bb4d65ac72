"""The S3 of the tests: moto's server, in a process of its own, with one bucket."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import boto3
from botocore.config import Config

from stategate.testing.process import free_port

BUCKET = "items"
KEYS = ("AKIAEXAMPLE", "secret")
"""Any do, as moto checks no signature unless it is told to."""

_PROGRAM = """
import os, sys, threading
from moto.server import main

def end_with_the_tests():
    sys.stdin.read()
    os._exit(1)

threading.Thread(target=end_with_the_tests, daemon=True).start()
main(sys.argv[1:])
"""
"""Tests that are killed close the pipe that is its standard input."""

_DIRECTLY = build_opener(ProxyHandler({}))


class MotoServer:
    """Runs while it is entered. `client` is boto3's; `put`, `get` and `objects` are about the one bucket."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = self.service("s3", *KEYS)
        self._log = log

    def __enter__(self) -> MotoServer:
        with self._log.open("wb") as log:
            command = [sys.executable, "-c", _PROGRAM, "--port", str(self.port)]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        try:
            self._wait(time.monotonic() + 120)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self.client.close()

    def _wait(self, deadline: float) -> None:
        while True:
            with contextlib.suppress(OSError):
                self.tell("reset")
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"moto's server does not answer:\n{self._log.read_text()[-8000:]}")
            time.sleep(0.05)

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

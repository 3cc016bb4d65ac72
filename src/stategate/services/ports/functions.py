"""Functions: what runs their code."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from stategate.services.ports.foundation import World


class RuntimeFamily(Enum):
    """What runs the handler: the server's own interpreter, Node.js, or the package's own `bootstrap`."""

    PYTHON = "python"
    NODEJS = "nodejs"
    PROVIDED = "provided"


RUNTIMES: Mapping[str, RuntimeFamily] = {
    **{f"python3.{minor}": RuntimeFamily.PYTHON for minor in range(9, 15)},
    **{f"nodejs{major}.x": RuntimeFamily.NODEJS for major in (16, 18, 20, 22, 24)},
    **{f"provided.{system}": RuntimeFamily.PROVIDED for system in ("al2", "al2023")},
}
"""The runtimes that a function may have, by their names."""


@dataclass(frozen=True, slots=True)
class FunctionCode:
    """Everything that a worker needs to run a function. A change of any field means new workers. `code_sha256` names
    the package in the package store; `environment` is the user's variables; `timeout` in seconds, `memory` in MB."""

    world: World
    name: str
    version: str
    arn: str
    role_arn: str
    runtime: str
    handler: str
    code_sha256: str
    revision: str
    timeout: float
    memory: int
    environment: Mapping[str, str]
    log_group: str
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    """`payload` is JSON; `invoked_arn` as the caller named it; `deadline` is set by the pool."""

    request_id: str
    payload: bytes
    invoked_arn: str
    client_context: str | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """`error` None or "Unhandled"; `log_tail` the last 4 KB of what was logged."""

    payload: bytes
    error: str | None
    log_tail: bytes


class Throttled(Exception):
    """No worker is free and none may be added."""


class Functions(Protocol):
    async def put_package(self, package: bytes) -> tuple[str, int]:
        """Unpacks and keeps a zip package; returns (base64 SHA-256, size in bytes). ValueError: AWS's message."""
        ...

    def package(self, code_sha256: str) -> bytes | None: ...

    def keep_packages(self, referenced: Collection[str]) -> None:
        """Deletes the packages that are not among these (by their SHA-256), each once no worker runs it any more. Not
        to be called between `put_package` and when the package is referred to."""
        ...

    async def invoke(self, code: FunctionCode, invocation: Invocation) -> InvocationResult:
        """Raises `Throttled`. A function's failure (error, exit, timeout, memory) is a result."""
        ...

    def retire(self, arn: str) -> None:
        """The function's workers end once idle: its code or configuration changed, or it was deleted."""
        ...

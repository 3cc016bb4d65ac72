"""A call of an operation: who calls, in which world, when; and what an operation looks like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from stategate.iam import Principal
from stategate.services.ports import Ports, World

Input = Mapping[str, Any]
"""An operation's input, by the model's member names, already checked against the model."""

Output = dict[str, Any]
"""An operation's output, by the model's member names; members that are None are left out on the wire."""


class Calls(Protocol):
    """Calls an operation as somebody: `services.dispatch.Dispatcher`."""

    async def call(self, call: Call, service: str, operation: str, input: Input) -> Output:
        """Values in and out, by the model's member names. Asks for the permission. Raises `AwsError`."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """`calls` is there for operations that call others; `parent` is the task (ARN and command) that starts an
    execution and finds it again if it is called once more."""

    ports: Ports
    world: World
    principal: Principal
    request_id: str
    now: float
    source_ip: str = "127.0.0.1"
    user_agent: str = ""
    calls: Calls | None = None
    parent: tuple[str, int] | None = None


Operation = Callable[[Call, Input], Output | Awaitable[Output]]
"""Synchronous where it can be: then its writes are one transaction. The dispatcher awaits `store.durable()` before it
answers."""

Operations = Mapping[str, Operation]
"""By AWS's name: {"CreateRole": create_role, ...}; each service package has one, named `OPERATIONS`."""

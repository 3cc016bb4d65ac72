"""A call of an operation: who calls, in which world, when; and what an operation looks like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stategate.iam import Principal
from stategate.services.ports import Ports, World

Input = Mapping[str, Any]
"""An operation's input, by the model's member names, already checked against the model."""

Output = dict[str, Any]
"""An operation's output, by the model's member names; members that are None are left out on the wire."""


@dataclass(frozen=True, slots=True)
class Call:
    ports: Ports
    world: World
    principal: Principal
    request_id: str
    now: float
    source_ip: str = "127.0.0.1"
    user_agent: str = ""


Operation = Callable[[Call, Input], Output | Awaitable[Output]]
"""Synchronous where it can be: then its writes are one transaction. The dispatcher awaits `store.durable()` before it
answers."""

Operations = Mapping[str, Operation]
"""By AWS's name: {"CreateRole": create_role, ...}; each service package has one, named `OPERATIONS`."""

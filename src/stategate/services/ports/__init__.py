"""What the operations need from the outside, as protocols. `runtime` implements them, `server.app` plugs them in.

Times are epoch seconds (float, ms precision on the wire); JSON texts are `str`; sizes are bytes of UTF-8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stategate.services.ports.executions import (
    ActivityTask,
    Execution,
    ExecutionExists,
    ExecutionObserver,
    Executions,
    LogDestination,
    MapRun,
    MapRunCounts,
    NewExecution,
    NotRedrivable,
    TaskOwner,
)
from stategate.services.ports.foundation import Clock, Entropy, Memo, Records, Store, World
from stategate.services.ports.functions import (
    RUNTIMES,
    FunctionCode,
    Functions,
    Invocation,
    InvocationResult,
    RuntimeFamily,
    Throttled,
)
from stategate.services.ports.items import (
    ChildResult,
    ItemsFailed,
    ListedObject,
    MapRunData,
    ObjectStore,
    ObjectStoreError,
)
from stategate.services.ports.logs import LogEvent, LogEvents, LogWriter, StoredLogEvent
from stategate.services.ports.outbound import Offline, Outbound, OutboundError, OutboundRequest, OutboundResponse
from stategate.services.ports.tasks import TaskAccepted, TaskFailure, TaskOutcome, TaskRunner, TaskSuccess

__all__ = [
    "RUNTIMES",
    "ActivityTask",
    "ChildResult",
    "Clock",
    "Entropy",
    "Execution",
    "ExecutionExists",
    "ExecutionObserver",
    "Executions",
    "FunctionCode",
    "Functions",
    "Invocation",
    "InvocationResult",
    "ItemsFailed",
    "ListedObject",
    "LogDestination",
    "LogEvent",
    "LogEvents",
    "LogWriter",
    "MapRun",
    "MapRunCounts",
    "MapRunData",
    "Memo",
    "NewExecution",
    "NotRedrivable",
    "ObjectStore",
    "ObjectStoreError",
    "Offline",
    "Outbound",
    "OutboundError",
    "OutboundRequest",
    "OutboundResponse",
    "Ports",
    "Records",
    "RuntimeFamily",
    "Store",
    "StoredLogEvent",
    "TaskAccepted",
    "TaskFailure",
    "TaskOutcome",
    "TaskOwner",
    "TaskRunner",
    "TaskSuccess",
    "Throttled",
    "World",
]


@dataclass(frozen=True, slots=True)
class Ports:
    """All of them; made once, in `server.app`."""

    clock: Clock
    entropy: Entropy
    store: Store
    executions: Executions
    functions: Functions
    log_events: LogEvents
    settings: Any
    secret: bytes  # signs session tokens and page tokens; 32 bytes, kept in the data directory
    outbound: Outbound = field(default_factory=Offline)
    memo: Memo = field(default_factory=Memo)

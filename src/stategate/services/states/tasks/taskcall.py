"""What a task kind gets to work with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from stategate.asl.effects import ScheduleTask
from stategate.iam import Principal
from stategate.lang.jsontext import JSON, loads
from stategate.services.call import Call, Calls, Output
from stategate.services.errors import AwsError
from stategate.services.ports import NewExecution, Ports, World


@dataclass(frozen=True, slots=True)
class TaskCall:
    """A task of an execution, to be called as `principal`. `calls` performs the operations of hosted services."""

    ports: Ports
    execution: NewExecution
    task: ScheduleTask
    principal: Principal
    calls: Calls | None = None

    @property
    def world(self) -> World:
        """The account of the principal (another one, with the state's Credentials), the region of the execution."""
        return World(self.principal.account, self.execution.world.region)

    def arguments(self) -> dict[str, JSON]:
        """What an integration is called with. States may have nested it deeper than a text from outside may be."""
        given: dict[str, JSON] = loads(self.task.input, max_depth=None)
        return given

    def request(self, *, parent: bool = False) -> Call:
        """A new request of the principal; with `parent`, an execution that it starts belongs to this task."""
        return Call(
            self.ports,
            self.world,
            self.principal,
            self.ports.entropy.uuid(),
            self.ports.clock.now(),
            user_agent="states.amazonaws.com",
            calls=self.calls,
            parent=(self.execution.arn, self.task.command) if parent else None,
        )

    async def perform(self, request: Call, service: str, operation: str, input: Mapping[str, Any]) -> Output:
        """Raises `AwsError`."""
        assert self.calls is not None, "tasks of this kind need somebody who calls operations"
        return await self.calls.call(request, service, operation, input)

    def own_name(self) -> str:
        """A name for what this task makes: in the form of a UUID, and the same when the task is called again."""
        digest = hashlib.sha256(f"{self.execution.arn} {self.task.command}".encode()).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


def sdk_cause(error: AwsError, service: str, request_id: str) -> str:
    """The cause of a task that an operation refused, as the first version of AWS's SDK words it."""
    return (
        f"{error.message} (Service: {service}; Status Code: {error.status}; Error Code: {error.code};"
        f" Request ID: {request_id}; Proxy: null)"
    )


def response_metadata(request_id: str, length: int, now: float) -> dict[str, Any]:
    """What the first version of AWS's SDK says of a response in JSON 1.0: the headers as they came, and sorted."""
    headers = {
        "x-amzn-RequestId": request_id,
        "connection": "keep-alive",
        "Content-Length": str(length),
        "Date": formatdate(now, usegmt=True),
        "Content-Type": "application/x-amz-json-1.0",
    }
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": {name: headers[name] for name in sorted(headers, key=str.lower)},
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
    }

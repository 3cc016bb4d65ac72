"""Execution logs and access logs, written to CloudWatch Logs when the account's role allows it."""

from __future__ import annotations

import hashlib

from stategate.gateway.accesslog import access_line
from stategate.gateway.context import request_time
from stategate.gateway.model import Stage
from stategate.gateway.stages import Received
from stategate.services import access
from stategate.services.apigateway import records
from stategate.services.apigateway.account import SERVICE
from stategate.services.apigateway.pipeline import Outcome
from stategate.services.errors import AwsError
from stategate.services.ports import LogEvent, LogWriter, Ports, World

_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")


class GatewayLogs:
    """Without a role in the account's settings, or if the role may not, nothing is written, as on AWS."""

    def __init__(self, ports: Ports, writer: LogWriter) -> None:
        self._ports = ports
        self._writer = writer

    def write(self, world: World, stage: Stage, received: Received, outcome: Outcome) -> None:
        api_id = received.around.api_id
        trace = received.trace
        if trace is not None and trace.lines:
            group = f"API-Gateway-Execution-Logs_{api_id}/{stage.name}{'/Canary' if received.around.canary else ''}"
            endpoint = outcome.extra.get("integration.requestId")
            if endpoint is not None:
                trace.info(f"AWS Integration Endpoint RequestId : {endpoint}")
            lines = [f"({received.request_id}) {line}" for line in trace.lines]
            self._put(world, group, stream_name(api_id, stage.name), lines)
        if stage.access_log_destination is not None and stage.access_log_format is not None:
            group = stage.access_log_destination.split(":log-group:", 1)[-1].split(":", 1)[0]
            extra = {
                "status": str(outcome.reply.status),
                "responseLength": str(len(outcome.reply.body)),
                "requestTime": request_time(received.time),
                **outcome.extra,
            }
            if stage.tracing_enabled:
                extra["xrayTraceId"] = received.trace_id.partition(";")[0].removeprefix("Root=")
            line = access_line(stage.access_log_format, outcome.context, extra)
            self._put(world, group, stream_name(api_id, f"{stage.name}/access"), [line])

    def _put(self, world: World, group: str, stream: str, lines: list[str]) -> None:
        if not self._allowed(world, group, stream):
            return
        now = int(self._ports.clock.now() * 1000)
        self._writer.write(world, group, stream, [LogEvent(now, line) for line in lines])

    def _allowed(self, world: World, group: str, stream: str) -> bool:
        account = records.accounts(self._ports, world).get("account")
        if account is None or account.cloudwatch_role_arn is None:
            return False
        resource = f"arn:aws:logs:{world.region}:{world.account}:log-group:{group}:log-stream:{stream}"
        try:
            session = access.assume_role(
                self._ports, world, account.cloudwatch_role_arn, SERVICE, "BackplaneAssumeRoleSession"
            )
            for action in _ACTIONS:
                access.authorize(self._ports, world, session, action, resource)
        except (access.RoleNotAssumable, AwsError):
            return False
        return True


def stream_name(api_id: str, part: str) -> str:
    """32 hexadecimal digits, as AWS names them."""
    return hashlib.md5(f"{api_id}/{part}".encode(), usedforsecurity=False).hexdigest()

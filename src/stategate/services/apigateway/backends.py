"""Performing an integration: the call of a service that is hosted here, or of a Lambda function.

In process, with the identity of the integration's role, through the same checks as the public endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Protocol, TypeVar
from urllib.parse import urlencode

from stategate.gateway.compression import answered
from stategate.gateway.failures import GatewayFailure, configuration_error
from stategate.gateway.responses import mock_result
from stategate.gateway.stages import (
    Authorized,
    FunctionRequest,
    HttpCall,
    IntegrationRequest,
    IntegrationResult,
    MockRequest,
    Routed,
    ServiceRequest,
)
from stategate.gateway.trace import Trace, headers_map, truncated
from stategate.iam import Principal
from stategate.iam.principal import service as service_principal
from stategate.lang import jsontext
from stategate.services import access
from stategate.services.apigateway import elsewhere
from stategate.services.apigateway.waiting import Waiting
from stategate.services.errors import AwsError
from stategate.services.lambda_.invoking import Invoked, invoke
from stategate.services.ports import OutboundError, OutboundRequest, Ports, World
from stategate.wire import timestamps
from stategate.wire.http import HttpRequest, HttpResponse

T = TypeVar("T")

SERVICE = "apigateway.amazonaws.com"
SESSION = "BackplaneAssumeRoleSession"
MAX_ANSWER = 10 * 1024 * 1024

_DATE = re.compile(rb'(?<!\\)"(\w*[dD]ate)":(-?\d+(?:\.\d+)?)(?=[,}\s])')


class Gateway(Protocol):
    """Of `services.dispatch.Dispatcher`, what integrations need."""

    async def as_principal(
        self, world: World, principal: Principal, service: str, request: HttpRequest, source_ip: str
    ) -> HttpResponse: ...


class Backends:
    """Performs integration requests. The result's flag says whether a Lambda function ended with an error."""

    def __init__(self, ports: Ports, dispatcher: Gateway) -> None:
        self._ports = ports
        self._dispatcher = dispatcher
        self._waiting = Waiting()

    def now(self) -> float:
        return self._ports.clock.now()

    async def perform(
        self, world: World, authorized: Authorized, request: IntegrationRequest
    ) -> tuple[IntegrationResult, bool]:
        routed = authorized.routed
        match request:
            case MockRequest():
                return mock_result(request), False
            case ServiceRequest():
                return await self._service(world, authorized, request), False
            case FunctionRequest():
                return await self._function(world, authorized, request)
            case HttpCall():
                return await self._http(routed, request), False

    async def _service(self, world: World, authorized: Authorized, request: ServiceRequest) -> IntegrationResult:
        routed = authorized.routed
        if request.credentials is None:
            raise configuration_error("Role ARN must be specified for AWS integrations")
        principal = self._assume(world, request.credentials, authorized)
        http = HttpRequest(
            request.method,
            request.path,
            urlencode(request.query),
            [(name.lower(), value) for name, value in request.headers],
            request.body,
        )
        target = World(world.account, request.region)
        started = self._ports.clock.now()
        if request.service not in elsewhere.HOSTED:
            answer = await elsewhere.send(self._ports, principal, request, MAX_ANSWER)
            result = IntegrationResult(answer.status, answer.headers, answer.body, str(answer.status))
            _log_result(routed.received.trace, result, self._ports.clock.now() - started)
            return result
        response = await self._within(
            request.timeout,
            self._dispatcher.as_principal(target, principal, request.service, http, routed.received.source_ip),
        )
        body = _DATE.sub(_java_date, response.body) if b'ate"' in response.body else response.body
        result = IntegrationResult(response.status, tuple(response.headers), body, str(response.status))
        _log_result(routed.received.trace, result, self._ports.clock.now() - started)
        return result

    async def _function(
        self, world: World, authorized: Authorized, request: FunctionRequest
    ) -> tuple[IntegrationResult, bool]:
        routed = authorized.routed
        principal = service_principal(SERVICE)
        if request.credentials is not None:
            principal = self._assume(world, request.credentials, authorized)
        received = routed.received
        started = self._ports.clock.now()
        work = invoke(
            self._ports,
            World(world.account, request.region),
            principal,
            request.function,
            request.payload,
            context={"aws:SourceArn": method_arn(world, routed), "aws:SourceAccount": world.account},
            trace_id=received.trace_id,
            invocation_type=request.invocation_type,
        )
        try:
            invoked = await self._within(request.timeout, work)
        except AwsError as error:
            raise _invocation_failure(received.trace, error) from error
        result = _result(invoked, received.trace_id, started)
        _log_result(received.trace, result, self._ports.clock.now() - started)
        return result, invoked.function_error is not None

    async def _http(self, routed: Routed, request: HttpCall) -> IntegrationResult:
        started = self._ports.clock.now()
        outbound = OutboundRequest(
            request.method,
            request.url,
            request.headers,
            request.body,
            request.timeout,
            MAX_ANSWER,
            request.verify,
        )
        try:
            answer = await self._ports.outbound.send(outbound)
        except OutboundError as error:
            raise elsewhere.unreachable(error) from error
        headers, body = answered(answer.headers, answer.body)
        result = IntegrationResult(answer.status, headers, body, str(answer.status))
        _log_result(routed.received.trace, result, self._ports.clock.now() - started)
        return result

    def _assume(self, world: World, role_arn: str, authorized: Authorized) -> Principal:
        if elsewhere.CALLER.fullmatch(role_arn) is not None:
            if not isinstance(authorized.caller, Principal):
                raise configuration_error("Caller credentials are only supported for IAM authentication")
            return authorized.caller
        context = {"aws:SourceArn": method_arn(world, authorized.routed)}
        try:
            return access.assume_role(self._ports, world, role_arn, SERVICE, SESSION, context)
        except access.RoleNotAssumable:
            raise configuration_error(
                f"API Gateway does not have permission to assume the provided role {role_arn}"
            ) from None

    async def _within(self, seconds: float, work: Awaitable[T]) -> T:
        try:
            return await self._waiting.within(seconds, work)
        except TimeoutError:
            raise GatewayFailure("INTEGRATION_TIMEOUT") from None


def method_arn(world: World, routed: Routed) -> str:
    """`aws:SourceArn` of what an API does: `arn:aws:execute-api:region:account:api/stage/VERB/path`."""
    received = routed.received
    around = received.around
    return (
        f"arn:aws:execute-api:{world.region}:{world.account}:{around.api_id}/{around.stage}/{received.method}"
        f"{routed.resource.path}"
    )


def _result(invoked: Invoked, trace_id: str, now: float) -> IntegrationResult:
    headers = (
        ("Date", timestamps.rfc822(now)),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(invoked.payload))),
        ("Connection", "keep-alive"),
        ("x-amzn-RequestId", invoked.request_id),
        ("x-amzn-Remapped-Content-Length", "0"),
        ("X-Amz-Executed-Version", invoked.executed_version or "$LATEST"),
        ("X-Amzn-Trace-Id", trace_id),
    )
    return IntegrationResult(invoked.status, headers, invoked.payload, _error_message(invoked))


def _error_message(invoked: Invoked) -> str:
    """What selection patterns are matched with: "" if the function succeeded."""
    if invoked.function_error is None:
        return ""
    try:
        payload = jsontext.loads(invoked.payload)
    except jsontext.JSONSyntaxError:
        return ""
    message = payload.get("errorMessage") if isinstance(payload, dict) else None
    return message if isinstance(message, str) else ""


def _invocation_failure(trace: Trace | None, error: AwsError) -> GatewayFailure:
    if error.code == "AccessDeniedException":
        return configuration_error("Invalid permissions on Lambda function")
    if error.code == "RequestEntityTooLargeException":
        return GatewayFailure("REQUEST_TOO_LARGE", line=f"Execution failed: {error.message}")
    if trace is not None:
        trace.error(f"Lambda invocation failed with status: {error.status}. {error.code}: {error.message}")
    return configuration_error("Rate Exceeded." if error.code == "TooManyRequestsException" else "")


def _log_result(trace: Trace | None, result: IntegrationResult, seconds: float) -> None:
    if trace is None:
        return
    latency = max(0, round(seconds * 1000))
    trace.info(f"Received response. Status: {result.status}, Integration latency: {latency} ms")
    if trace.data:
        trace.detail(truncated(f"Endpoint response headers: {headers_map(result.headers)}"))
        body = result.body.decode("utf-8", "replace")
        trace.detail(truncated(f"Endpoint response body before transformations: {body}"))


def _java_date(found: re.Match[bytes]) -> bytes:
    """Step Functions answers dates as Java prints a double: `1.486772644911E9`."""
    return b'"' + found[1] + b'":' + java_double(float(found[2])).encode()


def java_double(value: float) -> str:
    """`Double.toString`: scientific from ten millions on."""
    if not 1e7 <= abs(value) < 1e16:
        return repr(value)
    mantissa, _, exponent = f"{value:.16e}".partition("e")
    digits = repr(value).replace(".", "").replace("-", "").rstrip("0") or "0"
    sign = "-" if mantissa.startswith("-") else ""
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{int(exponent)}"

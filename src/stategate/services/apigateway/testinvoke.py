"""TestInvokeMethod: one call of the API as it stands, undeployed, with its execution log."""

from __future__ import annotations

from time import gmtime
from typing import cast
from urllib.parse import unquote

from stategate.gateway.deployment import NotDeployable, compile_method
from stategate.gateway.gatewayresponses import compile_gateway_responses
from stategate.gateway.model import Resource, RestApi
from stategate.gateway.routes import Routes
from stategate.gateway.stages import Received, Surroundings
from stategate.gateway.trace import Trace
from stategate.services.apigateway import pipeline, records
from stategate.services.apigateway.backends import Backends, Gateway
from stategate.services.apigateway.deployments import snapshot_of
from stategate.services.apigateway.errors import bad_request
from stategate.services.apigateway.execute import extended_id, trace_id
from stategate.services.call import Call, Input, Output
from stategate.wire.http import parse_query

STAGE = "test-invoke-stage"

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


async def test_invoke_method(call: Call, given: Input) -> Output:
    api_id, verb = given["restApiId"], given["httpMethod"]
    resource = records.get_resource(call, api_id, given["resourceId"])
    method = records.get_method(call, api_id, resource.id, verb)
    api = records.get_api(call, api_id)
    snapshot = snapshot_of(call, api)
    try:
        target = compile_method(resource, method, snapshot)
    except NotDeployable as error:
        raise bad_request(str(error)) from None
    received = test_request(call, given, resource, api)
    render = compile_gateway_responses(snapshot.gateway_responses)
    parameters = _parameters(resource, received.path)
    backends = Backends(call.ports, cast(Gateway, call.calls))
    outcome = await pipeline.run(call.world, backends, render, target, received, parameters)
    ended = call.ports.clock.now()
    reply = outcome.reply
    headers: dict[str, list[str]] = {}
    if outcome.traced:
        headers["X-Amzn-Trace-Id"] = [received.trace_id]
    for name, value in reply.headers:
        if not outcome.generated or name.lower() != "content-type":
            headers.setdefault(name, []).append(value)
    return {
        "status": reply.status,
        "body": reply.body.decode("utf-8", "replace"),
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "log": test_log(received, ended),
        "latency": max(0, round((ended - call.now) * 1000)),
    }


def test_request(call: Call, given: Input, resource: Resource, api: RestApi) -> Received:
    """The request that a test call describes: `httpMethod`, `pathWithQueryString`, headers, body, stage variables."""
    path, _, query = (given.get("pathWithQueryString") or resource.path).partition("?")
    path = path if path.startswith("/") else f"/{path}"
    headers = [(name, value) for name, value in (given.get("headers") or {}).items()]
    for name, values in (given.get("multiValueHeaders") or {}).items():
        headers.extend((name, value) for value in values)
    entropy = call.ports.entropy
    verb = given["httpMethod"]
    digits = (entropy.uuid() + entropy.uuid()).replace("-", "")
    return Received(
        around=Surroundings(
            account_id=call.world.account,
            region=call.world.region,
            api_id=given["restApiId"],
            stage=STAGE,
            deployment_id="",
            variables=dict(given.get("stageVariables") or {}),
            binary_media_types=api.binary_media_types,
        ),
        method="GET" if verb == "ANY" else verb,
        path=path,
        full_path=path,
        query=tuple(parse_query(query)),
        headers=tuple(headers),
        body=(given.get("body") or "").encode(),
        source_ip="test-invoke-source-ip",
        domain_name="testPrefix.testDomainName",
        protocol="HTTP/1.1",
        request_id=entropy.uuid(),
        extended_request_id=extended_id(digits[32:]),
        trace_id=trace_id(None, int(call.now), digits),
        time=int(call.now * 1000),
        trace=Trace("INFO", True),
        test=True,
    )


def _parameters(resource: Resource, path: str) -> dict[str, str]:
    """Out of the given path, if it fits the resource's; the template's own path gives `{id}` for `id` [recorded]."""
    routes: Routes[bool] = Routes()
    routes.add(resource.path, {"ANY": True})
    match = routes.find("ANY", path)
    return {} if match is None else {name: unquote(value) for name, value in match.parameters.items()}


def test_log(received: Received, now: float) -> str:
    stamp = _stamp(now)
    lines = [f"Execution log for request {received.request_id}"]
    trace = received.trace
    lines.extend(f"{stamp} : {line}" for line in (trace.lines if trace is not None else ()))
    return "\n".join(lines) + "\n"


def _stamp(now: float) -> str:
    """`Mon Nov 23 10:11:12 UTC 2026`"""
    t = gmtime(now)
    clock = f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"
    return f"{_DAYS[t.tm_wday]} {_MONTHS[t.tm_mon - 1]} {t.tm_mday:02} {clock} UTC {t.tm_year}"


OPERATIONS = {"TestInvokeMethod": test_invoke_method}

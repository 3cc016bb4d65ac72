"""What every request to an endpoint has: the headers that the gateway adds, and its lines in the execution log."""

from __future__ import annotations

from stategate.gateway.stages import Pairs, Received, Routed
from stategate.gateway.trace import Trace, headers_map, truncated
from stategate.gateway.uris import IntegrationUri


def sent_trace(received: Received) -> str:
    """X-Amzn-Trace-Id as endpoints and functions get it: the root alone, unless the client sent more."""
    given = received.header("x-amzn-trace-id")
    return received.trace_id if given and "Parent=" in given else received.trace_id.partition(";")[0]


def sent_headers(routed: Routed, headers: Pairs) -> Pairs:
    """The headers of a request to a service: those that were mapped, and the gateway's own."""
    api = routed.received.around.api_id
    own = (
        ("x-amzn-apigateway-api-id", api),
        ("Accept", "application/json"),
        ("User-Agent", f"AmazonAPIGateway_{api}"),
        ("X-Amzn-Trace-Id", sent_trace(routed.received)),
    )
    mapped = {name.lower() for name, _ in headers}
    return (*headers, *(pair for pair in own if pair[0].lower() not in mapped))


def log_invocation(routed: Routed, uri: IntegrationUri, mapped: Pairs, payload: bytes) -> None:
    """The lines of a function's invocation: that of an integration, or of an authorizer."""
    received = routed.received
    if received.trace is None:
        return
    headers = sent_headers(routed, (("x-amzn-lambda-integration-tag", received.request_id), *mapped))
    log_endpoint(received.trace, f"https://lambda.{uri.region}.amazonaws.com/{uri.rest}", headers, payload)


def log_endpoint(trace: Trace | None, address: str, headers: Pairs, body: bytes) -> None:
    if trace is None:
        return
    trace.info(f"Endpoint request URI: {address}")
    if trace.data:
        trace.detail(truncated(f"Endpoint request headers: {headers_map(headers)}"))
        text = body.decode("utf-8", "replace")
        trace.detail(truncated(f"Endpoint request body after transformations: {text}"))
    trace.info(f"Sending request to {address}")

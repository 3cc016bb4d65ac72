"""AWS integrations with services that are not hosted here: signed requests to the endpoints that the settings name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from stategate.gateway.failures import GatewayFailure, configuration_error
from stategate.gateway.stages import ServiceRequest
from stategate.iam import Principal
from stategate.services.access import session_credentials
from stategate.services.ports import OutboundError, OutboundRequest, OutboundResponse, Ports
from stategate.wire import sigv4
from stategate.wire.http import HttpRequest

HOSTED = frozenset(("apigateway", "iam", "lambda", "logs", "states", "sts"))
"""Services as integration URIs name them."""

CALLER = re.compile(r"arn:[a-z\-]+:iam::\*:user/\*")
"""Credentials of an integration that is called as whoever signed the request."""

_SESSION_SECONDS = 900.0


def endpoints(ports: Ports) -> Mapping[str, str]:
    """By service, as in the setting `aws_endpoints`."""
    found: Mapping[str, str] = getattr(ports.settings, "aws_endpoints", None) or {}
    return found


async def send(ports: Ports, principal: Principal, request: ServiceRequest, limit: int) -> OutboundResponse:
    """Signs with credentials of the integration's role, and sends."""
    endpoint = endpoints(ports).get(request.service)
    if endpoint is None:
        raise configuration_error(f"Stategate has no endpoint of the service {request.service}")
    now = ports.clock.now()
    credentials = session_credentials(ports, principal, _SESSION_SECONDS)
    query = urlencode(request.query)
    parts = urlsplit(endpoint)
    path = parts.path.rstrip("/") + request.path
    headers = {name.lower(): value for name, value in request.headers} | {
        "host": parts.netloc,
        "x-amz-date": sigv4.amz_date(now),
        "x-amz-security-token": credentials.session_token,
    }
    if request.service == "s3":
        headers["x-amz-content-sha256"] = hashlib.sha256(request.body).hexdigest()
    signed = HttpRequest(request.method, path, query, list(headers.items()), request.body)
    authorization = sigv4.sign(
        signed, credentials.access_key_id, credentials.secret_access_key, request.region, request.service, now
    )
    url = f"{parts.scheme}://{parts.netloc}{path}" + (f"?{query}" if query else "")
    del headers["host"]
    sent = (*headers.items(), ("authorization", authorization))
    try:
        return await ports.outbound.send(
            OutboundRequest(request.method, url, sent, request.body, request.timeout, limit)
        )
    except OutboundError as error:
        raise unreachable(error) from error


def unreachable(error: OutboundError) -> GatewayFailure:
    """What a client is told of an endpoint that gave no answer."""
    match error.kind:
        case "timeout":
            return GatewayFailure("INTEGRATION_TIMEOUT")
        case "address":
            return configuration_error("Invalid endpoint address")
        case "tls":
            return configuration_error(f"General SSLEngine problem: {error}")
        case "too_large":
            return configuration_error("Integration response is larger than 10 MB")
        case _:
            return GatewayFailure("INTEGRATION_FAILURE", "Network error communicating with endpoint")

"""Which AWS service a request is meant for."""

from __future__ import annotations

import re

from stategate.wire.http import HttpRequest, parse_query
from stategate.wire.sigv4 import scope_service

_TARGETS = {
    "AWSStepFunctions": "stepfunctions",
    "Logs_20140328": "logs",
}

_SCOPES = {
    "states": "stepfunctions",
    "lambda": "lambda",
    "apigateway": "apigateway",
    "logs": "logs",
    "iam": "iam",
    "sts": "sts",
}

_VERSIONS = {
    "2010-05-08": "iam",
    "2011-06-15": "sts",
}

_HOST = re.compile(r"(?:sync-)?(?P<name>states|lambda|apigateway|logs|iam|sts)\.(?:[a-z0-9-]+\.)*amazonaws\.com")

_APIGATEWAY = (
    "account",
    "apikeys",
    "clientcertificates",
    "domainnameaccessassociations",
    "domainnames",
    "rejectdomainnameaccessassociations",
    "restapis",
    "sdktypes",
    "usageplans",
    "vpclinks",
)

_LAMBDA = re.compile(r"20\d\d-\d\d-\d\d")


def identify(request: HttpRequest) -> str | None:
    """boto3's name of a service that Stategate hosts, or the name in the request of another one, or None.

    In this order: the prefix of X-Amz-Target, the service in the signature's credential scope, the host name, Action
    and Version of the query protocol, the path.
    """
    target = request.header("x-amz-target")
    if target is not None:
        prefix = target.partition(".")[0]
        known = _TARGETS.get(prefix)
        if known is not None:
            return known
    scope = scope_service(request)
    if scope is not None:
        # HTTP and WebSocket APIs are a service of their own, which signs under the same name.
        return (
            "apigatewayv2" if scope == "apigateway" and request.path.startswith("/v2/") else _SCOPES.get(scope, scope)
        )
    if target is not None:
        return target.partition(".")[0]
    return _by_host(request) or _by_action(request) or _by_path(request)


def _by_host(request: HttpRequest) -> str | None:
    host = (request.header("host") or "").lower().partition(":")[0]
    match = _HOST.fullmatch(host) if host.endswith(".amazonaws.com") else None
    return _SCOPES[match["name"]] if match else None


def _by_action(request: HttpRequest) -> str | None:
    found = dict(request.parameters)
    kind = request.header("content-type") or ""
    if request.method == "POST" and kind.startswith("application/x-www-form-urlencoded"):
        found |= dict(parse_query(request.body.decode("utf-8", "replace")))
    return _VERSIONS.get(found.get("Version", "")) if "Action" in found else None


def _by_path(request: HttpRequest) -> str | None:
    parts = request.path.split("/", 3)
    first = parts[1] if len(parts) > 1 else ""
    if first in _APIGATEWAY or (first == "tags" and len(parts) > 2 and "apigateway" in request.path):
        return "apigateway"
    return "lambda" if _LAMBDA.fullmatch(first) else None

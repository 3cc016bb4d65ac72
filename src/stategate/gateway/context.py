"""`$context`, as mapping templates, gateway responses, access logs and Lambda proxy events read it.

Keys and their order are recorded from a template that printed `$context.keySet()` and each of them: the maps in it
print nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from time import gmtime
from typing import Any

from stategate.gateway.model import Resource
from stategate.gateway.stages import Received
from stategate.lang.vtl import SilentMap

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

NO_IDENTITY: Mapping[str, str | None] = {
    "cognitoIdentityPoolId": None,
    "accountId": None,
    "cognitoIdentityId": None,
    "caller": None,
    "sourceIp": None,
    "principalOrgId": None,
    "accessKey": None,
    "cognitoAuthenticationType": None,
    "cognitoAuthenticationProvider": None,
    "userArn": None,
    "userAgent": None,
    "user": None,
}


def request_time(milliseconds: int) -> str:
    """`10/Oct/2026:13:55:36 +0000`"""
    return _second(milliseconds // 1000)


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    t = gmtime(seconds)
    return f"{t.tm_mday:02}/{_MONTHS[t.tm_mon - 1]}/{t.tm_year}:{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} +0000"


@lru_cache(maxsize=256)
def vpc_endpoint(host: str) -> str | None:
    """The VPC endpoint that a private API was called through, as the host names it: `{api}-{vpce}.execute-api…` or
    `vpce-….`; None for a public address."""
    name = host.partition(".")[0].lower()
    at = name.find("vpce-")
    return "-".join(name[at:].split("-")[:2]) if at >= 0 else None


def build_context(received: Received, resource: Resource | None) -> dict[str, Any]:
    """A fresh `$context`: it is mutable, templates set overrides in it. `resource` is None where routing failed."""
    around = received.around
    identity = SilentMap(NO_IDENTITY)
    identity["sourceIp"] = received.source_ip
    identity["userAgent"] = received.header("user-agent")
    endpoint = vpc_endpoint(received.domain_name)
    if endpoint is not None:
        identity["vpceId"] = endpoint
    if received.test:
        identity["apiKey"] = identity["apiKeyId"] = "test-invoke-api-key"
    context: dict[str, Any] = {
        "resourceId": resource.id if resource else None,
        "resourcePath": resource.path if resource else None,
        "httpMethod": received.method,
        "extendedRequestId": received.extended_request_id,
        "requestTime": request_time(received.time),
        "path": received.full_path,
        "accountId": around.account_id,
        "protocol": received.protocol,
        "requestOverride": SilentMap(header=SilentMap(), path=SilentMap(), querystring=SilentMap()),
        "stage": around.stage,
        "domainPrefix": received.domain_name.partition(".")[0] if received.custom_domain else around.api_id,
        "requestTimeEpoch": received.time,
        "requestId": received.request_id,
        "identity": identity,
        "domainName": received.domain_name,
        "deploymentId": around.deployment_id,
        "responseOverride": SilentMap(header=SilentMap()),
        "apiId": around.api_id,
    }
    if around.canary is not None:
        context["isCanaryRequest"] = "true" if around.canary else "false"
    return context

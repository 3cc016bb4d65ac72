"""HTTP and HTTP_PROXY integrations: the request that the endpoint gets, and what its answer becomes.

HTTP sends what is mapped and a few headers of the gateway's own; HTTP_PROXY sends the client's request with the mapped
values over its headers and after its query parameters. Both are recorded from AWS against an echoing endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

from stategate.gateway import uris
from stategate.gateway.bodies import response_body
from stategate.gateway.endpoints import log_endpoint, sent_trace
from stategate.gateway.failures import configuration_error
from stategate.gateway.headers import FORBIDDEN_HTTP_TARGETS, UNSENT, outgoing
from stategate.gateway.mapped import Mapped, check_sendable, mapped_of, override
from stategate.gateway.mappings import RequestMapping
from stategate.gateway.media import DEFAULT
from stategate.gateway.model import Integration
from stategate.gateway.stages import Authorized, HttpCall, IntegrationResult, Pairs, Reply, Routed

Build = Callable[[Authorized], HttpCall]

_URL = re.compile(r"https?://[^\s/?#\\]+([/?#].*)?\Z", re.IGNORECASE)
_NO_CONTENT_TYPE = frozenset(("GET", "HEAD", "OPTIONS"))
_NOT_FORWARDED = frozenset(("host", "content-encoding"))
_SAFE = "/+@:=,;!*'()$&%-._~"
_ADDRESS = "Invalid endpoint address"


def compile_http(
    integration: Integration, mappings: tuple[RequestMapping, ...], body: Callable[[Routed], bytes]
) -> Build:
    """The request stage of one method. Fails where the URL can't be used or a header must not be mapped."""
    uri, verb, seconds = integration.uri or "", integration.http_method or "ANY", integration.timeout / 1000
    proxy = integration.type == "HTTP_PROXY"
    wrong = next((m.name for m in mappings if m.place == "header" and m.name.lower() in FORBIDDEN_HTTP_TARGETS), None)

    def build(authorized: Authorized) -> HttpCall:
        routed = authorized.routed
        received = routed.received
        if wrong is not None:
            raise configuration_error(f"{wrong} header already present")
        if integration.connection_type == "VPC_LINK":
            raise configuration_error("There is no VPC link to send the request over")
        mapped = mapped_of(mappings, routed)
        payload = body(routed)
        if not proxy:
            override(routed.context, mapped)
        check_sendable(mapped, FORBIDDEN_HTTP_TARGETS)
        method = received.method if verb == "ANY" else verb
        url = _url(uris.with_variables(uri, received.around.variables), mapped, received.query if proxy else ())
        headers = _proxy_headers(routed, mapped) if proxy else _own_headers(routed, mapped)
        log_endpoint(received.trace, url, headers, payload)
        return HttpCall(
            method, url, headers, payload, seconds, proxy, verify=not integration.insecure_skip_verification
        )

    return build


def _url(uri: str, mapped: Mapped, query: Pairs) -> str:
    """Path parameters replaced; query: the URI's, the client's, the mapped ones; values of one name are joined."""
    values = {name: quote(value, safe=_SAFE) for name, value in mapped.path.items()}
    url = uris.with_parameters(uri, values)
    if _URL.match(url) is None or "{" in url:
        raise configuration_error(_ADDRESS)
    url, _, _ = url.partition("#")
    if not query and not mapped.query:
        return url
    base, _, own = url.partition("?")
    merged: dict[str, list[str]] = {}
    for part in own.split("&"):
        if part:
            name, _, value = part.partition("=")
            merged.setdefault(name, []).append(value)
    for name, value in (*query, *((name, value) for name, values in mapped.query.items() for value in values)):
        merged.setdefault(quote(name, safe=""), []).append(quote(value, safe=""))
    return base + "?" + "&".join(f"{name}={value}" for name, values in merged.items() for value in values)


def _own_headers(routed: Routed, mapped: Mapped) -> Pairs:
    received = routed.received
    api = received.around.api_id
    headers = {"Accept": DEFAULT, "User-Agent": f"AmazonAPIGateway_{api}"}
    if received.method not in _NO_CONTENT_TYPE:
        headers["Content-Type"] = received.header("content-type") or DEFAULT
    return _with_mapped(list(headers.items()), routed, mapped)


def _proxy_headers(routed: Routed, mapped: Mapped) -> Pairs:
    headers = [(name, value) for name, value in routed.received.headers if name.lower() not in _NOT_FORWARDED]
    return _with_mapped(headers, routed, mapped)


def _with_mapped(headers: list[tuple[str, str]], routed: Routed, mapped: Mapped) -> Pairs:
    received = routed.received
    added = (("X-Amzn-Apigateway-Api-Id", received.around.api_id), ("X-Amzn-Trace-Id", sent_trace(received)))
    replaced = {name.lower() for name in mapped.headers} | {name.lower() for name, _ in added}
    kept = [pair for pair in headers if pair[0].lower() not in replaced]
    sent = [(name, value) for name, value in mapped.headers.items() if name.lower() not in UNSENT]
    return (*kept, *sent, *added)


def proxied_reply(routed: Routed, result: IntegrationResult) -> Reply:
    """The answer of an HTTP_PROXY integration, as the client gets it: text, unless its type is a binary one."""
    headers = []
    for name, value in result.headers:
        sent = outgoing(name, proxy=True)
        if sent is not None and name.lower() != "via":
            headers.append((sent, value))
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", DEFAULT))
    accept, types = routed.received.header("accept"), routed.received.around.binary_media_types
    body, _ = response_body(None, accept, result.headers, result.body, types)
    return Reply(result.status, tuple(headers), body)

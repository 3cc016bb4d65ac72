"""Bodies on their way through: content handling first, then the mapping template.

The table of the developer guide ("Content type conversions in API Gateway"), with what recordings add: text is UTF-8,
and what is not becomes U+FFFD; a template works on text only.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from stategate.gateway import media
from stategate.gateway.failures import GatewayFailure, configuration_error
from stategate.gateway.model import Integration
from stategate.gateway.stages import Pairs, Routed
from stategate.gateway.templates import Renderer, compile_template

UNTRANSFORMABLE = "Unable to transform request"


def decode_base64(body: bytes) -> bytes:
    """CONVERT_TO_BINARY of a text; not Base64: 500."""
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise configuration_error("Unable to base64 decode the body") from None


def as_text(body: bytes) -> bytes:
    return body if body.isascii() else body.decode("utf-8", "replace").encode()


def request_stage(integration: Integration, binary_media_types: tuple[str, ...]) -> Callable[[Routed], bytes]:
    """The body that the integration gets; an HTTP proxy's has no template. Fails with UNSUPPORTED_MEDIA_TYPE where
    passthrough is refused."""
    proxy = integration.type == "HTTP_PROXY"
    given = {} if proxy else integration.request_templates or {}
    templates: dict[str, Renderer | None] = {
        media.media_type(key) if key != "$default" else key: compile_template(text) if text else None
        for key, text in given.items()
    }
    passthrough = "WHEN_NO_MATCH" if proxy else integration.passthrough_behavior
    handling = integration.content_handling

    def stage(routed: Routed) -> bytes:
        received = routed.received
        content_type = media.media_type(received.header("content-type"))
        try:
            _, template = media.request_template(templates, content_type, passthrough)
        except media.NoTemplate:
            raise GatewayFailure("UNSUPPORTED_MEDIA_TYPE") from None
        body: bytes = received.body
        binary = bool(binary_media_types) and media.is_binary(content_type, binary_media_types)
        if handling == "CONVERT_TO_BINARY" and not binary:
            body, binary = decode_base64(body), True
        elif handling == "CONVERT_TO_TEXT" and binary:
            body, binary = base64.b64encode(body), False
        if template is None:
            return body if binary else as_text(body)
        if binary:
            raise configuration_error(UNTRANSFORMABLE)
        return template(routed, body.decode("utf-8", "replace")).encode()

    return stage


def response_body(
    handling: str | None, accept: str | None, headers: Pairs, body: bytes, binary_media_types: tuple[str, ...]
) -> tuple[bytes, bool]:
    """The integration's answer, converted; whether it is binary now. `accept` is the client's header."""
    if not binary_media_types and handling != "CONVERT_TO_BINARY":
        return as_text(body), False
    content_type = next((value for name, value in headers if name.lower() == "content-type"), None)
    binary = media.is_binary(media.media_type(content_type), binary_media_types)
    match handling:
        case "CONVERT_TO_BINARY":
            to_binary = True
        case "CONVERT_TO_TEXT":
            to_binary = False
        case _:
            to_binary = media.accepts_binary(accept, binary_media_types)
    if to_binary:
        return (body if binary else decode_base64(body)), True
    return (base64.b64encode(body) if binary else as_text(body)), False


def rendered(template: Renderer, routed: Routed, body: bytes, binary: bool) -> bytes:
    """A response template's text."""
    if binary:
        raise configuration_error("Unable to transform response")
    return template(routed, body.decode("utf-8", "replace")).encode()

"""Content handling in both directions: the table of the developer guide, as recorded with S3 behind an API."""

from __future__ import annotations

import pytest

from gateway.requests import received, routed
from stategate.gateway.bodies import request_stage, response_body
from stategate.gateway.failures import GatewayFailure
from stategate.gateway.model import Integration

PNG = ("image/png",)
RAW, ENCODED = b"\x89PNG\xff", b"iVBORw=="
TEXT, BASE64 = b"text", b"dGV4dA=="
REPLACED = "\ufffdPNG\ufffd".encode()
FAILS = None
TO_BINARY, TO_TEXT = "CONVERT_TO_BINARY", "CONVERT_TO_TEXT"


def sent(handling: str | None, content_type: str, body: bytes, templates: dict[str, str | None] | None = None) -> bytes:
    integration = Integration("AWS", content_handling=handling, request_templates=templates)
    request = received(headers=(("Content-Type", content_type),), body=body)
    return request_stage(integration, PNG)(routed(request))


@pytest.mark.parametrize(
    ("handling", "content_type", "body", "expected"),
    [
        (None, "text/plain", TEXT, TEXT),
        (None, "text/plain", RAW, REPLACED),
        (None, "image/png", RAW, RAW),
        (None, "IMAGE/PNG; q=1", RAW, RAW),
        (TO_BINARY, "text/plain", BASE64, TEXT),
        (TO_BINARY, "text/plain", b"no base64!", FAILS),
        (TO_BINARY, "image/png", RAW, RAW),
        (TO_TEXT, "text/plain", TEXT, TEXT),
        (TO_TEXT, "image/png", b"text", BASE64),
    ],
)
def test_requests(handling: str | None, content_type: str, body: bytes, expected: bytes | None) -> None:
    if expected is None:
        with pytest.raises(GatewayFailure) as caught:
            sent(handling, content_type, body)
        assert caught.value.response_type == "API_CONFIGURATION_ERROR"
    else:
        assert sent(handling, content_type, body) == expected


def test_a_template_sees_binary_bodies_as_base64_or_not_at_all() -> None:
    templates: dict[str, str | None] = {"image/png": "<$input.body>"}
    assert sent(TO_TEXT, "image/png", TEXT, templates) == b"<dGV4dA==>"
    for handling in (None, TO_BINARY):
        with pytest.raises(GatewayFailure) as caught:
            sent(handling, "image/png", TEXT, templates)
        assert caught.value.log == "Unable to transform request"


@pytest.mark.parametrize(
    ("handling", "content_type", "accept", "body", "expected"),
    [
        (None, "text/plain", "text/plain", TEXT, TEXT),
        (None, "text/plain", "text/plain", RAW, REPLACED),
        (None, "text/plain", "image/png", BASE64, TEXT),
        (None, "text/plain", "image/png", b"no base64!", FAILS),
        (None, "image/png", "text/plain", TEXT, BASE64),
        (None, "image/png", "text/plain, image/png", TEXT, BASE64),
        (None, "image/png", "image/png, text/plain", RAW, RAW),
        (None, "image/png", None, TEXT, BASE64),
        (TO_BINARY, "text/plain", "text/plain", BASE64, TEXT),
        (TO_BINARY, "image/png", "text/plain", RAW, RAW),
        (TO_TEXT, "text/plain", "image/png", TEXT, TEXT),
        (TO_TEXT, "image/png", "image/png", TEXT, BASE64),
    ],
)
def test_answers(
    handling: str | None, content_type: str, accept: str | None, body: bytes, expected: bytes | None
) -> None:
    headers = (("content-type", content_type),)
    if expected is None:
        with pytest.raises(GatewayFailure):
            response_body(handling, accept, headers, body, PNG)
    else:
        assert response_body(handling, accept, headers, body, PNG)[0] == expected


def test_an_api_without_binary_types_answers_text() -> None:
    assert response_body(None, "image/png", (("Content-Type", "image/png"),), RAW, ()) == (REPLACED, False)
    assert response_body(None, "image/png", (("Content-Type", "text/plain"),), RAW, ("*/*",)) == (RAW, True)


def test_encoded_bytes_come_back_as_they_were() -> None:
    assert sent(TO_BINARY, "text/plain", ENCODED) == RAW[:4]

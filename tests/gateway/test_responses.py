"""The status code that a mock's rendered request names."""

from __future__ import annotations

import pytest

from stategate.gateway.failures import GatewayFailure
from stategate.gateway.responses import mock_result
from stategate.gateway.stages import MockRequest


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"statusCode": 200}', 200),
        ('{"statusCode": "404"}', 404),
        ("{statusCode: 200}", 200),
        ("{'statusCode': 201, }", 201),
        ('\n {"statusCode": 202}\n and more', 202),
        ('{"first": {"statusCode": 500}, "statusCode": 203}', 203),
        ('{"text": "statusCode: 500", "statusCode": 204}', 204),
        ('{"first": {"statusCode": 500}, "statusCode": 205, "long": "' + "x" * 100_000 + '"}', 205),
        ('[1] {"statusCode": 207}', 207),
        ('{"deep": ' + "[" * 5000 + "]" * 5000 + ', "statusCode": 206}', 206),
    ],
)
def test_the_status_of_a_mock(body: str, status: int) -> None:
    result = mock_result(MockRequest(body))
    assert (result.status, result.selector, result.body) == (status, str(status), b"")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        '{"inner": {"statusCode": 200}}',
        '{"statusCode": 2000}',
        '{"statusCode": true}',
        '{"statusCode": 200.5}',
        '{"statusCode": null}',
        '{"text": "statusCode: 200"}',
        '{"statusCode": ' + "2" * 5000 + "}",
    ],
)
def test_a_mock_without_a_status(body: str) -> None:
    with pytest.raises(GatewayFailure) as caught:
        mock_result(MockRequest(body))
    assert caught.value.log is not None and "Unable to parse statusCode" in caught.value.log

from __future__ import annotations

import pytest

from stategate.gateway import uris

FUNCTION = "arn:aws:lambda:us-east-1:111122223333:function:move"
INVOKE = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"


def test_parts() -> None:
    uri = uris.parse("arn:aws:apigateway:eu-west-1:states:action/StartExecution")
    assert (uri.region, uri.service, uri.kind, uri.rest, uri.function) == (
        "eu-west-1",
        "states",
        "action",
        "StartExecution",
        None,
    )
    assert uris.parse(INVOKE).function == FUNCTION
    sub = uris.parse("arn:aws:apigateway:us-east-1:bucket.s3:path/key")
    assert (sub.service, sub.subdomain) == ("s3", "bucket")


@pytest.mark.parametrize(
    ("uri", "proxy", "message"),
    [
        ("non-valid-arn", False, "Invalid ARN specified in the request"),
        ("http://example.com", False, "Invalid ARN specified in the request"),
        (None, False, "Invalid ARN specified in the request"),
        (
            "arn:aws:iam::0000000000:role/service-role/asdf",
            False,
            "AWS ARN for integration must contain path or action",
        ),
        (
            "arn:aws:apigateway:us-east-1:s3:path/b/k",
            True,
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
        ),
        (
            "arn:aws:apigateway:us-east-1:firehose:path/2015-03-31/functions/f/invocations",
            True,
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
        ),
        (
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/a b/invocations",
            True,
            "Invalid lambda function",
        ),
    ],
)
def test_refused(uri: str | None, proxy: bool, message: str) -> None:
    with pytest.raises(uris.InvalidUri) as caught:
        uris.check_aws(uri, proxy=proxy)
    assert str(caught.value) == message


def test_variables_and_parameters() -> None:
    assert uris.with_variables("a/${stageVariables.fn}:${stageVariables.none}", {"fn": "move"}) == "a/move:"
    assert uris.with_parameters("b/{key}/{other}", {"key": "k/1"}) == "b/k/1/{other}"
    assert uris.check_aws(INVOKE.replace("move", "${stageVariables.fn}"), proxy=True).function is not None

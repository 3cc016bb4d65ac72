"""Signature Version 4, against botocore's signer."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from stategate.wire import HttpRequest, sigv4

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOST = "localhost:4566"
URLS = [
    "/",
    "/?b=2&a=1&a=0&c",
    "/restapis/abc/resources?embed=methods&limit=5",
    "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af/invocations?Qualifier=%24LATEST",
    "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fabc?tagKeys=a%20b&tagKeys=%C3%BC%2B",
    "/a%20b/c~d/%C3%BC/",
    "/_aws/execute-api/abc/stage//double/slash?x=a%2Bb%3D",
    "/a/./b/../c",
]


def signed(url: str, method: str = "POST", body: bytes = b"{}", token: str | None = None) -> HttpRequest:
    request = AWSRequest(
        method=method, url=f"http://{HOST}{url}", data=body, headers={"X-Amz-Target": "A.B", "Pad": " a  b "}
    )
    credentials = Credentials("AKIDEXAMPLE", SECRET, token)
    botocore.auth.SigV4Auth(credentials, "states", "eu-west-1").add_auth(request)
    return received(request)


def received(request: AWSRequest) -> HttpRequest:
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    headers = [("host", HOST)]
    for name, value in prepared.headers.items():
        headers.append((name.lower(), value if isinstance(value, str) else value.decode()))
    body = prepared.body or b""
    return HttpRequest(
        prepared.method, parts.path, parts.query, headers, body if isinstance(body, bytes) else body.encode()
    )


def time_of(signature: sigv4.Signature) -> float:
    return datetime.strptime(signature.date + "+0000", "%Y%m%dT%H%M%SZ%z").timestamp()


@pytest.mark.parametrize("token", [None, "a-token"])
@pytest.mark.parametrize("url", URLS)
def test_a_header_signature_verifies(url: str, token: str | None) -> None:
    request = signed(url, token=token)
    signature = sigv4.parse(request)
    assert signature is not None
    assert (signature.access_key, signature.region, signature.service) == ("AKIDEXAMPLE", "eu-west-1", "states")
    assert signature.security_token == token
    sigv4.verify(request, signature, SECRET, time_of(signature))


@pytest.mark.parametrize("url", URLS)
def test_a_presigned_request_verifies(url: str) -> None:
    request = AWSRequest(method="GET", url=f"http://{HOST}{url}")
    botocore.auth.SigV4QueryAuth(
        Credentials("AKIDEXAMPLE", SECRET, "tok/en+"), "states", "eu-west-1", expires=60
    ).add_auth(request)
    http = received(request)
    signature = sigv4.parse(http)
    assert signature is not None
    assert signature.presigned and signature.security_token == "tok/en+"
    sigv4.verify(http, signature, SECRET, time_of(signature) + 59)
    with pytest.raises(sigv4.ExpiredSignature):
        sigv4.verify(http, signature, SECRET, time_of(signature) + 61)


def test_an_unsigned_payload_verifies() -> None:
    request = AWSRequest(method="PUT", url=f"https://{HOST}/x", data=b"body")
    request.context["payload_signing_enabled"] = False
    request.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    botocore.auth.S3SigV4Auth(Credentials("AKIDEXAMPLE", SECRET), "s3", "eu-west-1").add_auth(request)
    http = received(request)
    signature = sigv4.parse(http)
    assert signature is not None
    sigv4.verify(http, signature, SECRET, time_of(signature))


def test_our_own_signature_is_botocores() -> None:
    request = signed("/?b=2&a=1", body=b"x")
    signature = sigv4.parse(request)
    assert signature is not None
    made = sigv4.sign(
        request, "AKIDEXAMPLE", SECRET, "eu-west-1", "states", time_of(signature), signature.signed_headers
    )
    assert made == request.header("authorization")


@pytest.mark.parametrize("part", ["method", "path", "query", "body", "header", "secret"])
def test_any_change_is_a_mismatch(part: str) -> None:
    request = signed("/p?a=1")
    signature = sigv4.parse(request)
    assert signature is not None
    secret = SECRET
    match part:
        case "method":
            request.method = "PUT"
        case "path":
            request.path = "/q"
        case "query":
            request.query = "a=2"
        case "body":
            request.body = b"[]"
        case "header":
            request.headers = [(n, "C.D" if n == "x-amz-target" else v) for n, v in request.headers]
        case "secret":
            secret = "another"
    with pytest.raises(sigv4.SignatureMismatch, match="does not match"):
        sigv4.verify(request, signature, secret, time_of(signature))


def test_a_claimed_body_hash_proves_nothing() -> None:
    request = AWSRequest(method="PUT", url=f"http://{HOST}/x", data=b"body")
    botocore.auth.S3SigV4Auth(Credentials("AKIDEXAMPLE", SECRET), "s3", "eu-west-1").add_auth(request)
    http = received(request)
    http.body = b"other"
    signature = sigv4.parse(http)
    assert signature is not None
    with pytest.raises(sigv4.SignatureMismatch):
        sigv4.verify(http, signature, SECRET, time_of(signature))


def test_clock_skew() -> None:
    request = signed("/")
    signature = sigv4.parse(request)
    assert signature is not None
    sigv4.verify(request, signature, SECRET, time_of(signature) + 899)
    with pytest.raises(sigv4.ExpiredSignature, match=r"Signature expired: .* is now earlier than"):
        sigv4.verify(request, signature, SECRET, time_of(signature) + 901)
    with pytest.raises(sigv4.ExpiredSignature, match="Signature not yet current"):
        sigv4.verify(request, signature, SECRET, time_of(signature) - 901)


@pytest.mark.parametrize(
    "header",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request",
        "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=x",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/other, SignedHeaders=host, Signature=x",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=, Signature=x",
        "AWS4-HMAC-SHA256 " + " " * 50_000,
    ],
)
def test_malformed_headers_are_named(header: str) -> None:
    request = HttpRequest("POST", "/", "", [("authorization", header), ("x-amz-date", "20240101T000000Z")])
    with pytest.raises(sigv4.MalformedSignature):
        sigv4.parse(request)
    assert sigv4.scope_service(request) in (None, "d")


@pytest.mark.parametrize("date", ["yesterday", "20249901T000000Z", ""])
def test_a_malformed_date_is_named(date: str) -> None:
    text = "AWS4-HMAC-SHA256 Credential=a/20240101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x"
    request = HttpRequest("POST", "/", "", [("authorization", text), ("x-amz-date", date)])
    signature = sigv4.parse(request)
    assert signature is not None
    with pytest.raises(sigv4.MalformedSignature, match="ISO-8601"):
        sigv4.verify(request, signature, SECRET, 0.0)


def test_other_schemes_are_not_signatures() -> None:
    assert sigv4.parse(HttpRequest("GET", "/", "", [("authorization", "Basic abc")])) is None
    assert sigv4.parse(HttpRequest("GET", "/")) is None


def test_version_4a_is_refused_by_name() -> None:
    authorization = "AWS4-ECDSA-P256-SHA256 Credential=A/20240101/sts/aws4_request, SignedHeaders=host, Signature=0"
    with pytest.raises(sigv4.MalformedSignature, match="Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'"):
        sigv4.parse(HttpRequest("POST", "/", headers=[("authorization", authorization)]))

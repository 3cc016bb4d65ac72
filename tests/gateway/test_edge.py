"""The headers of CloudFront in front of edge-optimised APIs."""

from __future__ import annotations

import time

import pytest

from stategate.gateway import edge

WAY = edge.passage("11111111-2222-4333-8444-555555555555")
KINDS = ("Desktop", "Mobile", "SmartTV", "Tablet")


def kinds(agent: str) -> set[str]:
    headers = dict(edge.forwarded((("User-Agent", agent),), "10.0.0.9", WAY))
    return {kind for kind in KINDS if headers[f"CloudFront-Is-{kind}-Viewer"] == "true"}


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("", {"Desktop"}),
        ("python-requests/testing", {"Desktop"}),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", {"Desktop"}),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 Mobile/15E148 Safari/604", {"Mobile"}),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537 Chrome/126 Mobile Safari/537", {"Mobile"}),
        ("Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537 Chrome/126 Safari/537", {"Tablet"}),
        ("Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605 Mobile/15E148", {"Mobile", "Tablet"}),
        ("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537 TV Safari/537", {"SmartTV"}),
        ("Mozilla/5.0 (Linux; Android 9; AFTMM) AppleWebKit/537 Chrome/126 Mobile Safari/537", {"SmartTV"}),
    ],
)
def test_kinds_of_viewers(agent: str, expected: set[str]) -> None:
    assert kinds(agent) == expected


def test_a_request_passes() -> None:
    headers = edge.forwarded((("Host", "a.test"), ("User-Agent", "x")), "10.0.0.9", WAY)
    assert headers[:2] == (("Host", "a.test"), ("User-Agent", "x"))
    added = dict(headers[2:])
    assert added.pop("Via") == WAY.via
    assert added.pop("X-Amz-Cf-Id") == WAY.id
    assert added == {
        "CloudFront-Forwarded-Proto": "https",
        "CloudFront-Is-Desktop-Viewer": "true",
        "CloudFront-Is-Mobile-Viewer": "false",
        "CloudFront-Is-SmartTV-Viewer": "false",
        "CloudFront-Is-Tablet-Viewer": "false",
        "CloudFront-Viewer-ASN": "64512",
        "CloudFront-Viewer-Country": "ZZ",
        "X-Forwarded-For": "10.0.0.9",
    }


def test_a_viewer_cannot_speak_for_cloudfront_but_its_proxies_are_kept() -> None:
    given = (
        ("cloudfront-viewer-country", "CH"),
        ("X-Amz-Cf-Id", "mine"),
        ("Via", "1.1 proxy"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-For", "192.0.2.2"),
    )
    headers = edge.forwarded(given, "10.0.0.9", WAY)
    names = [name.lower() for name, _ in headers]
    assert len(names) == len(set(names))
    found = dict(headers)
    assert (found["CloudFront-Viewer-Country"], found["X-Amz-Cf-Id"]) == ("ZZ", WAY.id)
    assert found["Via"] == f"1.1 proxy, {WAY.via}"
    assert found["X-Forwarded-For"] == "192.0.2.1, 192.0.2.2, 10.0.0.9"


@pytest.mark.parametrize(("status", "cached"), [(200, "Miss"), (302, "Miss"), (403, "Error"), (502, "Error")])
def test_an_answer_passes(status: int, cached: str) -> None:
    headers = edge.answered(status, (("Content-Type", "text/plain"), ("Via", "1.1 backend")), WAY)
    assert headers == (
        ("Content-Type", "text/plain"),
        ("X-Cache", f"{cached} from cloudfront"),
        ("Via", f"1.1 backend, {WAY.via}"),
        ("X-Amz-Cf-Pop", "LOCAL1-P1"),
        ("X-Amz-Cf-Id", WAY.id),
    )


def test_a_passage_follows_from_the_request() -> None:
    assert edge.passage("a") == edge.passage("a") != edge.passage("b")
    assert len(WAY.id) == 56


def test_a_long_user_agent_takes_no_time() -> None:
    started = time.thread_time()
    kinds("Android " * 8000)
    assert time.thread_time() - started < 5

"""Headers on their way in."""

from __future__ import annotations

import pytest

from stategate.gateway.headers import arrived, incoming

TRACE = "Root=1-65000000-000000000000000000000000;Parent=0000000000000000;Sampled=0"


def test_what_the_front_adds() -> None:
    assert arrived((("X-Z", "1"), ("Accept", "*/*")), "10.0.0.9", "a.test:4566", TRACE) == (
        ("Accept", "*/*"),
        ("X-Amzn-Trace-Id", "Root=1-65000000-000000000000000000000000"),
        ("X-Forwarded-For", "10.0.0.9"),
        ("X-Forwarded-Port", "4566"),
        ("X-Forwarded-Proto", "http"),
        ("X-Z", "1"),
    )


def test_proxies_in_front_are_believed() -> None:
    given = (("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https"), ("x-forwarded-port", "8443"))
    headers = dict(arrived(incoming(given), "10.0.0.9", "a.test", TRACE))
    assert headers["X-Forwarded-For"] == "192.0.2.1, 10.0.0.9"
    assert (headers["X-Forwarded-Port"], headers["X-Forwarded-Proto"]) == ("443", "https")


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("Root=1-65000000-000000000000000000000000", "Root=1-65000000-000000000000000000000000"),
        (TRACE, TRACE),
    ],
)
def test_the_clients_trace(given: str, sent: str) -> None:
    headers = dict(arrived(incoming((("x-amzn-trace-id", given),)), "10.0.0.9", "a.test", TRACE))
    assert headers["X-Amzn-Trace-Id"] == sent


def test_several_values_of_a_name_keep_their_order() -> None:
    given = (("x-many", "2"), ("a", "0"), ("x-many", "1"))
    headers = arrived(incoming(given, ["X-Many", "A", "X-Many"]), "10.0.0.9", "a.test", TRACE)
    assert [value for name, value in headers if name == "X-Many"] == ["2", "1"]

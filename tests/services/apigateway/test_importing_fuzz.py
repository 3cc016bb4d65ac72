"""Documents that people really import, broken at random: an API or a BadRequestException with a reason, soon."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.apigateway.gatewayworld import GatewayWorld
from services.apigateway.test_importing import JUNK, broken, exported_again, places
from stategate.gateway.openapi.documents import InvalidDocument, dump_yaml, parse
from stategate.services.errors import AwsError

CASES = Path(__file__).resolve().parents[4] / "shared" / "corpus" / "aws" / "apigateway"
LONGEST = 20.0


def recorded() -> list[dict[str, Any]]:
    """The documents of the recorded cases, each once."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(CASES.glob("*.json")) if CASES.is_dir() else ():
        for step in json.loads(path.read_text())["steps"]:
            body = (step.get("params") or {}).get("body")
            if step.get("operation") in ("ImportRestApi", "PutRestApi") and isinstance(body, str):
                try:
                    document = parse(body.encode())
                except InvalidDocument:
                    continue
                found[json.dumps(document, sort_keys=True)] = document
    return list(found.values())


DOCUMENTS = recorded()
needs_documents = pytest.mark.skipif(not DOCUMENTS, reason="the recorded documents are not here")


def attempt(body: bytes, **given: Any) -> None:
    world = GatewayWorld()
    started = time.process_time()
    try:
        api = world("ImportRestApi", body=body, **given)["id"]
        exported_again(world, api)
    except AwsError as error:
        assert (error.code, error.status) in (("BadRequestException", 400), ("ValidationException", 400))
        assert error.message
        assert world("GetRestApis")["items"] == []
    assert time.process_time() - started < LONGEST


@needs_documents
@given(st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
def test_places_that_hold_something_else(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(DOCUMENTS))
    where = places(document)[1:]
    changes = data.draw(st.lists(st.tuples(st.sampled_from(where), JUNK, st.booleans()), min_size=1, max_size=3))
    mode = data.draw(st.sampled_from(("ignore", "prepend", "split")))
    attempt(json.dumps(broken(document, changes)).encode(), parameters={"basepath": mode})


@needs_documents
@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_texts_that_lost_or_gained_something(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(DOCUMENTS))
    body = data.draw(st.sampled_from((dump_yaml(document), json.dumps(document).encode())))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(body)))
        end = min(len(body), start + data.draw(st.integers(0, 40)))
        put = data.draw(
            st.sampled_from((b"", b"\n", b"  ", b"- ", b"&a ", b"*a", b"<<: *a", b"{", b"]", b": ", b"\xff"))
        )
        body = body[:start] + put + body[end:]
    attempt(body)


@needs_documents
def test_a_document_with_one_part_a_thousand_times() -> None:
    """Anchors make a small text large: what it stands for is counted."""
    parts = dump_yaml({"x": DOCUMENTS[0]}).decode().replace("x:", "x: &x", 1)
    many = "".join(f"y{n}: *x\n" for n in range(1000))
    attempt((parts + many + "openapi: 3.0.1\ninfo: {title: t}\npaths: {}\n").encode())

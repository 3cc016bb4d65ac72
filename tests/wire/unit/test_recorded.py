"""The calls that were recorded from AWS: none that AWS accepted is refused, and refusals read as AWS's."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.serialize import create_serializer

from stategate import wire
from stategate.wire import HttpRequest, WireError

pytestmark = pytest.mark.shared

SERVICES = ("iam", "sts", "lambda", "apigateway", "stepfunctions", "logs")
WITHOUT_ARNS = ("apigateway", "stepfunctions")
"""Their models have no patterns for what comes out of an earlier answer, so any text may stand for it."""

DETECTED = re.compile(r"\d+ validation errors? detected: [^\"]*")


def request_of(model: Any, params: dict[str, Any]) -> HttpRequest:
    serializer = create_serializer(model.service_model.metadata["protocol"], include_validation=False)
    made = serializer.serialize_to_request(params, model)
    body = made["body"]
    path, _, query = made["url_path"].partition("?")
    if isinstance(body, dict):
        body = urlencode(body)
    extra = made["query_string"]
    extra = urlencode(extra, doseq=True) if isinstance(extra, dict) else extra
    headers = [(name.lower(), value) for name, value in made["headers"].items()]
    query = "&".join(part for part in (query, extra) if part)
    return HttpRequest(made["method"], path, query, headers, body.encode() if isinstance(body, str) else body)


def texts_by_step(case: dict[str, Any]) -> dict[int, str]:
    """The texts of broken constraints that AWS answered with, by the number of the step."""
    found = {}
    for check in case.get("checks", ()):
        told = DETECTED.search(json.dumps(check.get("expected"), ensure_ascii=False).replace("\\\\", "\\"))
        if told is not None and "ref" in check["expr"]:
            found[check["expr"]["ref"]] = told[0]
    return found


def test_recorded_calls(shared: Path) -> None:
    session, seen = botocore.session.get_session(), Counter[str]()
    wrong = []
    for file in sorted((shared / "corpus" / "aws").glob("*/*.json")):
        case = json.loads(file.read_text())
        # A suffix of its own stands for what is filled in at run time.
        steps = json.loads(re.sub(r"\{\{uid:\d+\}\}", "abcd1234", json.dumps(case["steps"])))
        texts = texts_by_step(case)
        for number, step in enumerate(steps):
            service = step.get("service")
            if service not in SERVICES or (service not in WITHOUT_ARNS and "{{ref" in json.dumps(step)):
                continue
            model = session.get_service_model(service).operation_model(step["operation"])
            try:
                request = request_of(model, filled(step["params"]))
            except TypeError:
                # A blob stands in the case as a tagged value.
                continue
            told = refusal(service, step["operation"], request)
            recorded = texts.get(number)
            seen["accepted" if told is None else "refused"] += 1
            if told is not None and step.get("expect_error") is None:
                wrong.append((file.name, number, told))
            if recorded is not None and "<" not in recorded and told != recorded:
                wrong.append((file.name, number, f"{told} instead of {recorded}"))
    assert wrong == []
    assert seen["accepted"] > 5000 and seen["refused"] >= 25, seen


def filled(value: Any) -> Any:
    match value:
        case dict():
            return {key: filled(item) for key, item in value.items()}
        case list():
            return [filled(item) for item in value]
        case str():
            return re.sub(r"\{\{ref:[^}]*\}\}", "earlier", value)
        case _:
            return value


def refusal(service: str, name: str, request: HttpRequest) -> str | None:
    operation, labels = wire.load(service).operation(request)
    assert operation.name == name
    try:
        operation.check(operation.read(request, labels))
    except WireError as error:
        return error.message
    return None

"""What documentation parts cover."""

from __future__ import annotations

import time

import pytest

from stategate.services.apigateway.undocumented import undocumented

PARAMETER = {"type": "QUERY_PARAMETER", "path": "/pets/{id}", "method": "GET", "name": "size"}
METHOD = {"type": "METHOD", "path": "/pets/{id}", "method": "GET"}
RESPONSE = {"type": "RESPONSE", "path": "/pets/{id}", "method": "GET", "statusCode": "200"}


@pytest.mark.parametrize(
    ("item", "part", "covered"),
    [
        (PARAMETER, PARAMETER, True),
        (PARAMETER, {"type": "QUERY_PARAMETER", "path": "/pets", "name": "size"}, True),
        (PARAMETER, {"type": "QUERY_PARAMETER", "name": "size"}, True),
        (PARAMETER, {"type": "QUERY_PARAMETER", "path": "/pets", "method": "POST", "name": "size"}, False),
        (PARAMETER, {"type": "QUERY_PARAMETER", "path": "/pet", "name": "size"}, False),
        (PARAMETER, {"type": "QUERY_PARAMETER", "path": "/pets/{id}/x", "name": "size"}, False),
        (PARAMETER, {"type": "QUERY_PARAMETER", "name": "*"}, False),
        (PARAMETER, {"type": "PATH_PARAMETER", "name": "size"}, False),
        (METHOD, METHOD, True),
        (METHOD, {"type": "METHOD", "path": "/pets", "method": "GET"}, False),
        (METHOD, {"type": "METHOD", "path": "/pets/{id}", "method": "*"}, False),
        (RESPONSE, {"type": "RESPONSE", "statusCode": "200"}, True),
        (RESPONSE, {"type": "RESPONSE", "path": "/pets"}, True),
        (RESPONSE, {"type": "RESPONSE", "statusCode": "404"}, False),
        (METHOD | {"type": "REQUEST_BODY"}, METHOD | {"type": "REQUEST_BODY", "name": "pet"}, True),
        ({"type": "API"}, {"type": "API"}, True),
        ({"type": "MODEL", "name": "Pet"}, {"type": "MODEL", "name": "Dog"}, False),
    ],
)
def test_what_a_part_covers(item: dict[str, str], part: dict[str, str], covered: bool) -> None:
    assert undocumented([item], [part]) == ([] if covered else [item])


def test_as_many_parts_as_there_may_be_cost_little() -> None:
    items = [PARAMETER | {"path": f"/a/b/c{number}"} for number in range(5000)]
    parts = [PARAMETER | {"path": f"/x/{number}"} for number in range(5000)]
    started = time.process_time()
    assert undocumented(items, parts) == items
    assert time.process_time() - started < 2

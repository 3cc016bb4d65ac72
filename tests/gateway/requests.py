"""Values of the pipeline's stages, for tests."""

from __future__ import annotations

from typing import Any

from stategate.gateway.context import build_context
from stategate.gateway.model import Method, Resource
from stategate.gateway.stages import Received, Routed, Surroundings

AROUND = Surroundings("111122223333", "us-east-1", "abcdefghij", "prod", "dep123", {"colour": "blue"})


def received(**members: Any) -> Received:
    values: dict[str, Any] = {
        "around": AROUND,
        "method": "POST",
        "path": "/recipes/42/move",
        "full_path": "/prod/recipes/42/move",
        "query": (("a", "1"), ("a", "2"), ("b", "x y")),
        "headers": (("Content-Type", "application/json"), ("X-Many", "one"), ("X-Many", "two"), ("User-Agent", "test")),
        "body": b'{"user_id": "u7", "deep": {"n": [1, 2.5]}}',
        "source_ip": "10.0.0.9",
        "domain_name": "abcdefghij.execute-api.us-east-1.amazonaws.com",
        "protocol": "HTTP/1.1",
        "request_id": "11111111-2222-4333-8444-555555555555",
        "extended_request_id": "AbCdEfGhIjKl=",
        "trace_id": "Root=1-65000000-000000000000000000000000;Parent=0000000000000000;Sampled=0",
        "time": 1_700_000_000_123,
    }
    return Received(**(values | members))


def routed(request: Received | None = None, **members: Any) -> Routed:
    request = request or received()
    resource = members.pop("resource", Resource("res123", "/recipes/{id}/move"))
    method = members.pop("method", Method("POST"))
    parameters = members.pop("path_parameters", {"id": "4%202"})
    return Routed(request, resource, method, parameters, build_context(request, resource))

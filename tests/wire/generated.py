"""Requests for any operation, from botocore's models and serialisers, and the same requests with one thing wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import botocore.session
from botocore.exceptions import BotoCoreError
from botocore.serialize import create_serializer

from stategate.wire import HttpRequest

TEXTS = (
    *("", "a", "x" * 300, "中😀", "\ud800", "\x00", "\n", "<x>&", "%", "..", "/", "*", "$", "$.a", "{% 1 %}", "${a}"),
    *("null", "0", "-1", "1.5", "true", "2024-01-01", "{}", "[]", '{"a":1}', "arn:aws:iam::000000000000:role/r"),
)
INTEGERS = (0, 1, -1, 10, 100, 1000, 10001, 2**31, 2**53, 2**63, -(2**63) - 1, 10**30)
FLOATS = (0.0, 1.5, -1.0, 1e18, 1e300, -1e300)
JSON: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 1e308, 10**25, "", "a", "\x00"),
    *([], {}, [[]], [None], [1, "a"], {"": 1}, {"a": None}),
)
SUFFIXES = (".1", ".member", ".member.0", ".entry.1.key", ".-1", ".99999999999", ".")

_session = botocore.session.Session()


class Generator:
    """`known`: likely values by the name of a member or shape in lower case; the longest name that a member's ends with
    counts, so that `arn` serves every member whose name ends so. `key`: the access key id of who asks."""

    def __init__(self, random: Random, service: str, known: Mapping[str, list[str]], key: str = "000000000000") -> None:
        self._key = key
        self._random = random
        self._model = _session.get_service_model(service)
        self._known = known

    def request(self, operation: str, broken: bool) -> HttpRequest | None:
        """None where botocore can't write down what was made."""
        model = self._model.operation_model(operation)
        value = {} if model.input_shape is None else self._value(operation, model.input_shape, 0)
        try:
            serializer = create_serializer(self._model.metadata["protocol"], include_validation=False)
            made = serializer.serialize_to_request(value, model)
        except (BotoCoreError, ValueError, KeyError):  # KeyError: a label of the path is missing
            return None
        headers = {name.lower(): str(text) for name, text in made["headers"].items()}
        body, query, path = made["body"], _query(made["query_string"]), made["url_path"]
        if isinstance(body, dict):
            headers["content-type"] = "application/x-www-form-urlencoded"
            body = self._form([(name, str(text)) for name, text in body.items()], broken)
        body = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)
        if broken:
            body = self._broken_body(body)
            if self._random.random() < 0.15:
                path = self._broken_path(path)
        path, _, literal = path.partition("?")
        query = "&".join(part for part in (literal, query) if part)
        scope = f"{self._key}/20240101/us-east-1/{self._model.signing_name}/aws4_request"
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        headers["x-amz-date"] = "20240101T000000Z"
        return HttpRequest(made["method"], path or "/", query, list(headers.items()), body)

    def _value(self, name: str, shape: Any, depth: int) -> Any:
        random = self._random
        match shape.type_name:
            case "structure":
                chance = 0.4 / (1 + depth)
                return {
                    key: self._value(key, member, depth + 1)
                    for key, member in shape.members.items()
                    if random.random() < (0.97 if key in shape.required_members else chance)
                }
            case "list":
                return [self._value(name, shape.member, depth + 1) for _ in range(random.randrange(3))]
            case "map":
                size = random.randrange(3)
                return {self._text(name, shape.key): self._value(name, shape.value, depth + 1) for _ in range(size)}
            case "string":
                return self._text(name, shape)
            case "integer" | "long":
                least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 100)
                return random.randint(least, most) if random.random() < 0.6 else random.choice(INTEGERS)
            case "float" | "double":
                return random.choice(FLOATS)
            case "boolean":
                return random.random() < 0.5
            case "timestamp":
                return random.choice((0, 1700000000.123, 4102444800, -1))
            case _:
                return self._text(name, shape).encode("utf-8", "replace")

    def _text(self, name: str, shape: Any) -> str:
        random, lower = self._random, name.lower()
        likely = next((self._known[lower[at:]] for at in range(len(lower)) if lower[at:] in self._known), None)
        if likely and random.random() < 0.85:
            return random.choice(likely)
        enum = getattr(shape, "enum", None)
        if enum and random.random() < 0.85:
            return str(random.choice(enum))
        return "a" * max(1, shape.metadata.get("min", 1)) if random.random() < 0.4 else random.choice(TEXTS)

    def _form(self, pairs: list[tuple[str, str]], broken: bool) -> str:
        random = self._random
        if broken:
            at = random.randrange(len(pairs))
            name, value = pairs[at]
            pairs[at] = random.choice(((name, random.choice(TEXTS)), (name + random.choice(SUFFIXES), value)))
        return urlencode(pairs, errors="surrogatepass")

    def _broken_body(self, body: bytes) -> bytes:
        try:
            return json.dumps(self._broken(json.loads(body))).encode()
        except ValueError:
            return body

    def _broken(self, value: Any) -> Any:
        """As `value`, with one thing in it changed or gone."""
        random = self._random
        if isinstance(value, dict) and value and random.random() < 0.85:
            key = random.choice(list(value))
            if random.random() < 0.15:
                return {name: item for name, item in value.items() if name != key}
            return {**value, key: self._broken(value[key])}
        if isinstance(value, list) and value and random.random() < 0.8:
            at = random.randrange(len(value))
            return [*value[:at], self._broken(value[at]), *value[at + 1 :]]
        return random.choice((*JSON, *TEXTS))

    def _broken_path(self, path: str) -> str:
        parts = path.split("/")
        parts[self._random.randrange(1, len(parts))] = quote(self._random.choice(TEXTS), safe="", errors="replace")
        return "/".join(parts)


def _query(given: Any) -> str:
    if isinstance(given, str):
        return given
    pairs = [(name, text) for name, value in given.items() for text in (value if isinstance(value, list) else [value])]
    return urlencode(pairs, errors="replace")

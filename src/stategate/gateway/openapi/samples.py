"""A mapping template made from a model: what GetModelTemplate gives people to start from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stategate.gateway.openapi.reading import mapping

_ROOT = "#set($inputRoot = $input.path('$'))\n"
_TODO = "##TODO: Update this foreach loop to reference array from input json"
_LEAVES = {"string": '"foo"', "integer": "42", "number": "3.14", "boolean": "true", "null": "null"}
_MAX_DEPTH = 16
_MAX_PARTS = 2_000

Resolve = Callable[[str], Any]
"""The schema that a `$ref` names; None if there is none."""


def sample_template(schema: Any, resolve: Resolve) -> str:
    """`schema` is a JSON schema. Circles in it end where they meet themselves: `{ }`."""
    return _ROOT + _Sampler(resolve).of(mapping(schema), 0, "$inputRoot", ())


class _Sampler:
    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._left = _MAX_PARTS

    def of(self, schema: dict[str, Any], depth: int, at: str, met: tuple[str, ...]) -> str:
        """`at` is what stands for the value in a template; `met` the models that it is in."""
        self._left -= 1
        target = schema.get("$ref")
        if self._left < 0 or depth > _MAX_DEPTH or target in met:
            return "{ }"
        if isinstance(target, str):
            return self.of(mapping(self._resolve(target)), depth, at, (*met, target))
        kind = schema.get("type")
        if kind == "array":
            return self._array(mapping(schema.get("items")), depth, at, met)
        properties = mapping(schema.get("properties"))
        if properties:
            return self._object(properties, depth, at, met)
        return _LEAVES.get(kind, "{ }") if isinstance(kind, str) else "{ }"

    def _array(self, items: dict[str, Any], depth: int, at: str, met: tuple[str, ...]) -> str:
        pad = "  " * depth
        item = self.of(items, depth + 1, "$elem", met)
        lines = ("[", f"{pad}{_TODO}", f"{pad}#foreach($elem in {at})", f"{pad}  {item}#if($foreach.hasNext),#end")
        return "\n".join((*lines, f"{pad}#end", f"{pad}]"))

    def _object(self, properties: dict[str, Any], depth: int, at: str, met: tuple[str, ...]) -> str:
        pad = "  " * depth
        written = [
            f'{pad}  "{name}" : {self.of(mapping(item), depth + 1, f"{at}.{name}", met)}'
            for name, item in properties.items()
        ]
        return "{\n" + ",\n".join(written) + f"\n{pad}}}"

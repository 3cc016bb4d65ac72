"""The text of a document: JSON or YAML (1.1, as AWS's reader) into plain values whose keys are strings."""

from __future__ import annotations

import json
import math
from typing import Any

import yaml

from stategate.lang import jsontext

MAX_BYTES = 6 * 1024 * 1024
_MAX_DEPTH = 200
_MAX_NODES = 1_000_000
_MAX_NUMBER = 10**300
_MAX_DIGITS = 400
_MAX_MERGED = 50_000  # entries that merge keys (`<<`) copy, over the whole document
_MAX_MERGES = 50
_MAX_ENTRIES = 500_000  # of a YAML text, by its commas or lines: its parser takes six seconds a million

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BaseDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


_MAX_REASON = 300


class InvalidDocument(ValueError):
    """The text is neither JSON nor YAML, is no object, or is larger or deeper than any API is."""


class NoDefinition(InvalidDocument):
    """It can be read, but defines no API."""


class _Loader(_Base):  # type: ignore[misc]
    """Without dates: `version: 2024-01-01` is text to us. Merge keys and numbers cost no more than they are long."""

    _merged = 0

    def flatten_mapping(self, node: Any) -> None:
        merges = [value for key, value in node.value if key.tag == "tag:yaml.org,2002:merge"]
        if any(len(value.value) > _MAX_MERGES for value in merges if isinstance(value, yaml.SequenceNode)):
            raise InvalidDocument("The document merges too much.")
        super().flatten_mapping(node)
        if merges:
            self._merged += len(node.value)
            if self._merged > _MAX_MERGED:
                raise InvalidDocument("The document merges too much.")

    def construct_short(self, node: Any) -> Any:
        """A number. Those in base 60 (`1:30`) would take time in the square of their length."""
        if len(node.value) > _MAX_DIGITS:
            raise InvalidDocument("The document holds a number that is too long.")
        return self.construct_yaml_int(node) if node.tag.endswith(":int") else self.construct_yaml_float(node)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}
for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_short)


class _Dumper(_BaseDumper):  # type: ignore[misc]
    """Texts of several lines (templates, above all) as blocks that people can read; no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, data: str) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Dumper.add_representer(str, _Dumper.represent_text)


def parse(body: bytes) -> dict[str, Any]:
    """Raises `InvalidDocument`."""
    if len(body) > MAX_BYTES:
        raise InvalidDocument("The document is larger than 6 MB.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidDocument(str(error)) from None
    value = _Plain().of(_load(text), 0)
    if not isinstance(value, dict):
        raise NoDefinition("The document is not an object.")
    return value


def dump_json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False, separators=(",", " : ")).encode()


def dump_yaml(document: dict[str, Any]) -> bytes:
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text.encode()


def _load(text: str) -> Any:
    if text.lstrip()[:1] in ("{", "["):
        try:
            return jsontext.loads(text)
        except (jsontext.JSONSyntaxError, RecursionError):
            pass  # YAML's flow style, perhaps
    if max(text.count(","), text.count("\n")) > _MAX_ENTRIES:
        raise InvalidDocument("The document is too large.")
    if _too_deep(text):
        raise InvalidDocument("The document is nested too deeply.")
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        lines = str(error).replace('\n  in "<unicode string>",', " at").splitlines()
        reason = ": ".join(" ".join(line.split()) for line in lines)
        raise InvalidDocument(reason[:_MAX_REASON]) from None


def _too_deep(text: str) -> bool:
    """The parser below recurses in C, without a limit of its own: brackets and nested block lists are counted first."""
    depth = deepest = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    if deepest > _MAX_DEPTH * 4:
        return True
    return any(line.lstrip(" ").count("- ") > _MAX_DEPTH or line.count("? ") > _MAX_DEPTH for line in text.split("\n"))


class _Plain:
    """Copies a value with string keys. Aliases are copied too, so that what they blow up to is counted."""

    def __init__(self) -> None:
        self._left = _MAX_NODES

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > _MAX_DEPTH:
            raise InvalidDocument("The document is too large or nested too deeply.")
        match value:
            case dict():
                return {_key(key): self.of(item, depth + 1) for key, item in value.items()}
            case list() | tuple() | set():
                return [self.of(item, depth + 1) for item in value]
            case str():
                return _text(value)
            case bool() | None:
                return value
            case int() if abs(value) < _MAX_NUMBER:
                return value
            case float() if math.isfinite(value):
                return value
            case _:
                raise InvalidDocument("The document holds what is neither a text, a number nor a flag.")


def _text(text: str) -> str:
    """Halves of surrogate pairs are no text: they can't be written anywhere."""
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidDocument("The document holds half a surrogate pair.")
    return text


def _key(key: Any) -> str:
    match key:
        case str():
            return _text(key)
        case bool():
            return "true" if key else "false"
        case None:
            return "null"
        case int() | float():
            return str(key)
        case _:
            raise InvalidDocument("Keys must be text.")

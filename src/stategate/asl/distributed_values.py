"""Values in the fields of a Map state in DISTRIBUTED mode, in both modes: arguments, numbers, one word of several."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stategate.asl import numbers
from stategate.asl.fields import ByLanguage
from stategate.asl.jsonata import expression_in
from stategate.asl.paths import Selection
from stategate.asl.program import Number
from stategate.asl.reader import Node
from stategate.asl.templates import compile_template
from stategate.lang.jsontext import JSON

if TYPE_CHECKING:
    from stategate.asl.jsonata import Fields

ARGUMENTS = {
    "getObject": (("Bucket", "Key"), ("VersionId", "ExpectedBucketOwner")),
    "listObjectsV2": (("Bucket",), ("Prefix", "ExpectedBucketOwner")),
    "putObject": (("Bucket",), ("Prefix", "ExpectedBucketOwner")),
}
"""Of an action of S3: the arguments that are required, and the others."""

_RESOURCE = re.compile(r"arn:[a-z0-9-]+:states:[a-z0-9-]*:(?:\d{12})?:s3:(\w+)\Z")


def arguments(node: Node, action: str, fields: Fields | None) -> Selection | None:
    """Parameters, or Arguments in JSONata (`fields`), of an action of S3."""
    name = "Parameters" if fields is None else "Arguments"
    if fields is not None and expression_in(node.fields.get(name)) is not None:
        return fields.typed(node.fields[name], name, "object")
    given = node.node(name)
    if given is None:
        return None
    required, optional = ARGUMENTS[action]
    names = {key.removesuffix(".$") if fields is None else key: key for key in given.fields}
    for key, written in names.items():
        if key not in (*required, *optional):
            given.report(f"The field '{key}' is not supported by Step Functions", written)
    for key in required:
        if key not in names:
            given.report(f"The field '{key}' is required but was missing")
    return value(node, name, fields)


def allow(node: Node, names: ByLanguage, fields: Fields | None) -> None:
    node.allow_in("JSONPath" if fields is None else "JSONata", names)


def value(node: Node, name: str, fields: Fields | None) -> Selection:
    given: JSON = node.fields[name]
    if fields is not None:
        return fields.value(given, name)
    return compile_template(given, node.problems.report, node.at(name))


def action(node: Node, actions: tuple[str, ...]) -> str:
    """The action of S3 that Resource names."""
    resource = node.text("Resource")
    if resource is None:
        return actions[0]
    match = _RESOURCE.match(resource)
    if match is None or match[1] not in actions:
        allowed = ", ".join(f"arn:aws:states:::s3:{action}" for action in actions)
        node.report(f"The field 'Resource' should have one of these values: [{allowed}]", "Resource")
        return actions[0]
    return match[1]


def choice(node: Node, name: str, values: tuple[str, ...]) -> str | None:
    found = node.text(name)
    if found is None or found in values:
        return found
    node.report(f"The field '{name}' should have one of these values: [{', '.join(values)}]", name)
    return None


def amount(
    node: Node,
    name: str,
    fields: Fields | None,
    *,
    whole: bool = True,
    minimum: int = 0,
    maximum: int = numbers.MAX_SECONDS,
) -> Number | None:
    """A number: `name`, or `name` + "Path", or an expression in JSONata (`fields`)."""
    path = f"{name}Path"
    if fields is not None:
        return fields.number(node.fields[name], name, minimum, maximum, whole=whole) if name in node else None
    node.exclusive(name, path)
    if path in node:
        written = numbers.integer if whole else numbers.decimal
        return node.compiled(path, lambda text: written(text, path))
    found = node.integer(name, minimum, maximum) if whole else node.number(name, minimum, maximum)
    return None if found is None else numbers.constant(found)

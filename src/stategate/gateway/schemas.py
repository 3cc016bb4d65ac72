"""Models as JSON Schema, draft 4: compiled with a deployment, asked for each request body.

A model refers to another one of its API by `https://apigateway.amazonaws.com/restapis/<api>/models/<name>`; nothing
else is ever fetched. A failure is told in the words of the validator that AWS runs (java-json-schema), if it has any.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jsonschema_rs

from stategate.gateway.model import Model
from stategate.lang import jsontext

Check = Callable[[Any], str | None]
"""What is wrong with a JSON value, as `$context.error.validationErrorString` shows it; None: nothing."""

_REFERENCE = re.compile(r"https?://apigateway\.amazonaws\.com/restapis/[^/]+/models/([A-Za-z0-9]+)\Z")
_PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000, size_limit=1 << 20, dfa_size_limit=1 << 20)
_MOST_ERRORS = 20


class InvalidSchema(ValueError):
    """The text is no JSON Schema of draft 4, or refers to a model that does not exist."""


def compile_schema(text: str, models: Mapping[str, str]) -> Check:
    """`models` are the API's schemas by their model's name. Raises `InvalidSchema`."""

    def retrieve(uri: str) -> Any:
        found = _REFERENCE.match(uri)
        schema = models.get(found[1]) if found is not None else None
        if schema is None:
            raise ValueError(f"{uri} is no model of this API")
        return _document(schema)

    try:
        validator = jsonschema_rs.Draft4Validator(_document(text), retriever=retrieve, pattern_options=_PATTERNS)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, RecursionError) as error:
        raise InvalidSchema(str(error)) from None

    def check(value: Any) -> str | None:
        try:
            if validator.is_valid(value):
                return None
            return explain(validator.iter_errors(value))
        except (ValueError, RecursionError) as error:
            # Nested deeper than the validator goes.
            return f"[{error}]"

    return check


def schemas_of(models: Iterable[Model]) -> dict[str, str]:
    return {model.name: model.schema for model in models}


def _document(text: str) -> Any:
    try:
        document = jsontext.loads(text)
    except jsontext.JSONSyntaxError as error:
        raise InvalidSchema(str(error)) from None
    if not isinstance(document, dict):
        raise InvalidSchema("A schema is a JSON object")
    # Draft 4 whatever the schema says: the draft that AWS reads.
    return {key: value for key, value in document.items() if key != "$schema"}


def explain(errors: Iterable[jsonschema_rs.ValidationError]) -> str:
    """`[first, second]`; all properties that one object misses are one error."""
    messages: list[str] = []
    missing: dict[tuple[str | int, ...], list[str]] = {}
    for error in errors:
        if error.kind.name == "required":
            names = missing.setdefault(tuple(error.instance_path), [])
            if not names:
                messages.append("")
            names.append(error.kind.as_dict()["property"])
        else:
            messages.append(_message(error))
        if len(messages) >= _MOST_ERRORS:
            break
    texts = iter(
        f"object has missing required properties ({jsontext.dumps(sorted(names))})" for names in missing.values()
    )
    return "[" + ", ".join(message or next(texts) for message in messages) + "]"


def _message(error: jsonschema_rs.ValidationError) -> str:
    about: dict[str, Any] = error.kind.as_dict()
    value: Any = error.instance
    match error.kind.name:
        case "type":
            allowed = sorted({*about["types"], *(("integer",) if "number" in about["types"] else ())})
            shown = jsontext.dumps(allowed)
            return f"instance type ({_type(value)}) does not match any allowed primitive type (allowed: {shown})"
        case "enum":
            options = jsontext.dumps(about["options"])
            return f"instance value ({jsontext.dumps(value)}) not found in enum (possible values: {options})"
        case "minLength":
            size = f"(length: {len(value)}, required minimum: {about['limit']})"
            return f"string {jsontext.dumps(value)} is too short {size}"
        case "maxLength":
            size = f"(length: {len(value)}, maximum allowed: {about['limit']})"
            return f"string {jsontext.dumps(value)} is too long {size}"
        case "minimum":
            found = f"(minimum: {about['limit']}, found: {value})"
            return f"numeric instance is lower than the required minimum {found}"
        case "maximum":
            found = f"(maximum: {about['limit']}, found: {value})"
            return f"numeric instance is greater than the required maximum {found}"
        case "exclusiveMinimum":
            return f"numeric instance is not strictly greater than the required minimum {about['limit']}"
        case "exclusiveMaximum":
            return f"numeric instance is not strictly lower than the required maximum {about['limit']}"
        case "multipleOf":
            return f"remainder of division is not zero ({value} / {about['multiple_of']})"
        case "pattern" if "pattern" in about:
            return f'ECMA 262 regex "{about["pattern"]}" does not match input string {jsontext.dumps(value)}'
        case "additionalProperties":
            names = jsontext.dumps(about["unexpected"])
            return f"object instance has properties which are not allowed by the schema: {names}"
        case "minItems":
            size = f"must have at least {about['limit']} elements but instance has {len(value)} elements"
            return f"array is too short: {size}"
        case "maxItems":
            size = f"must have at most {about['limit']} elements but instance has {len(value)} elements"
            return f"array is too long: {size}"
        case "uniqueItems":
            return "array must not contain duplicate elements"
        case "anyOf":
            return f"instance failed to match at least one required schema among {len(about['context'])}"
        case "oneOf":
            branches = about["context"]
            matched = sum(1 for errors in branches if not errors)
            return f"instance failed to match exactly one schema (matched {matched} out of {len(branches)})"
        case "not":
            return "instance matched a schema which it should not have"
        case "minProperties":
            return f"object has too few properties (found {len(value)} but schema requires at least {about['limit']})"
        case "maxProperties":
            return f"object has too many properties (found {len(value)} but schema requires at most {about['limit']})"
        case "format" if about["format"] in _FORMATS:
            return f"string {jsontext.dumps(value)} {_FORMATS[about['format']]}"
        case _:
            return error.message


_FORMATS = {
    "date-time": "is invalid against requested date format(s) "
    "[yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,12}Z]",
    "email": "is not a valid email address",
    "ipv4": "is not a valid IPv4 address",
    "ipv6": "is not a valid IPv6 address",
    "uri": "is not a valid URI",
}


def _type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"

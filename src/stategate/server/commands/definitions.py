"""Definition files as people have them: JSON or YAML, with the placeholders that SAM and CloudFormation fill in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import yaml

from stategate.asl.problems import Problem
from stategate.gateway.openapi.documents import InvalidDocument, parse
from stategate.lang import jsontext
from stategate.server.commands.texts import Refused, name_of, parse_json, read_bytes, text_of

PSEUDO_PARAMETERS = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "000000000000",
    "AWS::URLSuffix": "amazonaws.com",
}
"""CloudFormation's own placeholders, and what stands in for them."""

STAND_IN = "1"
"""What an unknown placeholder stands for where a number is expected."""

NUMBERS = frozenset(
    ("Seconds", "TimeoutSeconds", "HeartbeatSeconds", "IntervalSeconds", "MaxDelaySeconds", "MaxAttempts",
     "BackoffRate", "MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage", "MaxItems",
     "MaxItemsPerBatch", "MaxInputBytesPerBatch")
)  # fmt: skip
"""Fields that hold a number: in YAML, where strings need no quotes, only the name tells."""

_YAML: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOM = b"\xef\xbb\xbf"
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9:._-]+)\}")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\$\{([A-Za-z0-9:._-]+)\}', re.DOTALL)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Definition:
    """`text` is JSON as CreateStateMachine would be given it; `warnings` say what had to be assumed."""

    source: str
    text: str
    warnings: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Reading:
    substitutions: Mapping[str, str]
    warnings: list[Problem] = field(default_factory=list)

    def warn(self, code: str, message: str, pointer: str = "") -> None:
        self.warnings.append(Problem(code, message, pointer, "WARNING"))

    def filled(self, text: str) -> str:
        """JSON with what placeholders stand for, as far as it is known. Outside of strings they are numbers."""
        return _TOKEN.sub(self._token, text) if "${" in text else text

    def filled_value(self, value: Any, field: str = "") -> Any:
        """The same of a value that has been parsed; `field` is the name under which it stands."""
        match value:
            case str():
                number = _PLACEHOLDER.fullmatch(value) if field in NUMBERS else None
                if number is not None:
                    return _scalar(self._number(number))
                return _PLACEHOLDER.sub(lambda match: self.substitutions.get(match[1], match[0]), value)
            case dict():
                return {self.filled_value(name): self.filled_value(item, name) for name, item in value.items()}
            case list():
                return [self.filled_value(item) for item in value]
            case _:
                return value

    def _token(self, match: re.Match[str]) -> str:
        return _PLACEHOLDER.sub(self._in_string, match[0]) if match[1] is None else self._number(match)

    def _number(self, match: re.Match[str]) -> str:
        value = self.substitutions.get(match[1])
        if value is None:
            self.warn("SUBSTITUTION", f"The placeholder {match[0]} is not known: {STAND_IN} stands for it")
        return STAND_IN if value is None else value

    def _in_string(self, match: re.Match[str]) -> str:
        value = self.substitutions.get(match[1])
        return match[0] if value is None else jsontext.dumps(value)[1:-1]

    def resources(self, flow: Any, pointer: str) -> None:
        """Puts stand-ins where a Resource still has placeholders; `flow` is changed in place."""
        for place, holder in _resources(flow, pointer):
            resource = holder["Resource"]
            if not isinstance(resource, str) or not _PLACEHOLDER.search(resource):
                continue
            holder["Resource"] = _stand_in(resource)
            message = f"{resource} has placeholders: what they stand for was not checked"
            self.warn("SUBSTITUTION", message, f"{place}/Resource")


def read_definition(path: Path, substitutions: Mapping[str, str]) -> Definition:
    """The definition in a file, or in standard input (`-`). Raises `Refused`."""
    reading = _Reading(substitutions)
    raw = read_bytes(path)
    if raw.startswith(_BOM):
        reading.warn("BYTE_ORDER_MARK", "The file begins with a byte order mark, which AWS does not take")
    text = text_of(raw, name_of(path))
    if not text.strip():
        raise Refused(f"{name_of(path)} is empty")
    if path.suffix in (".yaml", ".yml"):
        text = jsontext.dumps(reading.filled_value(_from_yaml(text, name_of(path))))
    else:
        text = reading.filled(text)
    try:
        document = jsontext.loads_unique(text)
    except jsontext.JSONSyntaxError:
        return Definition(name_of(path), text, tuple(reading.warnings))
    if isinstance(document, dict):
        if "Resources" in document and "States" not in document:
            raise Refused(
                f"{name_of(path)} is a CloudFormation or SAM template; what is needed is the definition of the state"
                " machine in it"
            )
        if "${" in text:
            reading.resources(document, "")
            text = jsontext.dumps(document)
    return Definition(name_of(path), text, tuple(reading.warnings))


def substitutions_of(given: tuple[str, ...]) -> dict[str, str]:
    """Of options `NAME=VALUE`. Raises `Refused`."""
    found = dict(PSEUDO_PARAMETERS)
    for option in given:
        name, equals, value = option.partition("=")
        if not equals or not _PLACEHOLDER.fullmatch(f"${{{name}}}"):
            raise Refused(f"--substitute {option}: expected NAME=VALUE")
        found[name] = value
    return found


def shown(problem: Problem, text: str) -> str:
    """A line about what is wrong with the definition, or several with the place in its text."""
    kind = click.style(problem.severity.lower(), fg="red" if problem.severity == "ERROR" else "yellow")
    if problem.code == "INVALID_JSON_DESCRIPTION":
        return f"{kind}: {_not_json(text)}"
    place = f" at {click.style(problem.location, bold=True)}" if problem.location.startswith("/") else ""
    return f"{kind}{place}: {problem.message} ({problem.code})"


def _not_json(text: str) -> str:
    """Where the text stops being JSON, instead of the whole text that AWS's message has."""
    try:
        parse_json(text, "the definition", jsontext.loads_unique)
    except Refused as error:
        return error.message
    raise AssertionError(text)


def _from_yaml(text: str, source: str) -> Any:
    try:
        document = parse(text.encode())
    except InvalidDocument as error:
        raise Refused(f"{source} is not YAML: {error}") from None
    try:
        composed = yaml.compose(text, Loader=_YAML)
    except yaml.YAMLError:  # JSON, with what only JSON has
        return parse_json(text, source, jsontext.loads_unique)
    for key in _named_twice(composed):
        raise Refused(f"{source}, line {key.start_mark.line + 1}: Duplicate field '{key.value}'")
    return document


def _named_twice(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Keys that their mapping has already, of which YAML's reader would forget the first."""
    seen, waiting = set[int](), [node]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue  # an alias
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            names = set[tuple[str, str]]()
            for key, value in node.value:
                waiting.append(value)
                if isinstance(key, yaml.ScalarNode) and not key.tag.endswith(":merge"):
                    if (key.tag, key.value) in names:
                        yield key
                    names.add((key.tag, key.value))


def _scalar(text: str) -> Any:
    """What stands in the place of a number; compiling it says what is wrong with it."""
    try:
        return jsontext.loads(text)
    except jsontext.JSONSyntaxError:
        return text


def _resources(flow: Any, pointer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, object) of everything with a Resource, in a flow that need not be valid."""
    states = flow.get("States") if isinstance(flow, dict) else None
    for name, state in states.items() if isinstance(states, dict) else ():
        if not isinstance(state, dict):
            continue
        place = f"{pointer}/States/{name}"
        for at, holder in ((place, state), *((f"{place}/{part}", state.get(part)) for part in _S3_FIELDS)):
            if isinstance(holder, dict) and "Resource" in holder:
                yield at, holder
        for part in _PROCESSORS:
            yield from _resources(state.get(part), f"{place}/{part}")
        branches = state.get("Branches")
        for index, branch in enumerate(branches if isinstance(branches, list) else ()):
            yield from _resources(branch, f"{place}/Branches[{index}]")


_MARK = "\0"
_FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:"
_ARN_PARTS = {1: "aws", 3: "us-east-1", 4: "000000000000"}
_S3_FIELDS = ("ItemReader", "ResultWriter")
_PROCESSORS = ("ItemProcessor", "Iterator")


def _stand_in(resource: str) -> str:
    """Of a Resource that is a placeholder as a whole, the ARN of a function; else the placeholders' names, or what an
    ARN has in their place."""
    parts = _PLACEHOLDER.sub(lambda match: f"{_MARK}{_NOT_IN_NAMES.sub('-', match[1])}", resource).split(":")
    if len(parts) == 1 and _PLACEHOLDER.fullmatch(resource):
        return _FUNCTION + parts[0].removeprefix(_MARK)
    for place, value in _ARN_PARTS.items():
        if place < len(parts) and _MARK in parts[place]:
            parts[place] = value
    return ":".join(parts).replace(_MARK, "")

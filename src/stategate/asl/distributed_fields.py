"""The fields of a Map state in DISTRIBUTED mode, compiled: ItemReader, ItemBatcher, ResultWriter, Label, tolerances."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stategate.asl import numbers
from stategate.asl.failures import runtime_failure
from stategate.asl.paths import PathNotFound, Selection, compile_path
from stategate.asl.reader import Node
from stategate.asl.scope import JSON, Scope
from stategate.asl.templates import compile_template
from stategate.lang import jsontext

if TYPE_CHECKING:
    from stategate.asl.compiler import Compiler
    from stategate.asl.jsonata import Fields

MAX_LABEL = 40
MAX_ITEMS = 100_000_000
MAX_BATCH_BYTES = 262_144
INPUT_TYPES = ("CSV", "JSON", "JSONL", "MANIFEST")
DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
DISTRIBUTED_FIELDS = frozenset(("ItemReader", "ItemBatcher", "ResultWriter", "Label"))
"""What an inline Map may not have."""
TRANSFORMATIONS = ("NONE", "COMPACT", "FLATTEN")

_NOT_IN_LABELS = re.compile(r"""[\s?*<>{}\[\]:;,\\|^~$#%&`"\x00-\x1f\x7f-\x9f]""")
_INTEGER = re.compile(r"[+-]?\d+\Z", re.ASCII)
_FLOAT = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?\Z", re.ASCII)
_RESOURCE = re.compile(r"arn:[a-z0-9-]+:states:[a-z0-9-]*:(?:\d{12})?:s3:(\w+)\Z")

Amount = Callable[[Scope], float]


@dataclass(frozen=True, slots=True)
class Reader:
    """An ItemReader. `action`: getObject or listObjectsV2; `arguments` give its Parameters; `pointer` is a JSON
    pointer into a JSON file."""

    action: str
    arguments: Selection
    input_type: str | None = None
    first_row: bool = True
    headers: tuple[str, ...] = ()
    delimiter: str = ","
    pointer: str | None = None
    max_items: Amount | None = None


@dataclass(frozen=True, slots=True)
class Batcher:
    """An ItemBatcher: at least one of the two limits is there."""

    max_items: Amount | None = None
    max_bytes: Amount | None = None
    input: Selection | None = None


@dataclass(frozen=True, slots=True)
class Writer:
    """A ResultWriter. Without `arguments` (Bucket, Prefix) it only shapes the output of the state."""

    arguments: Selection | None = None
    output_type: str | None = None
    transformation: str = "NONE"


@dataclass(frozen=True, slots=True)
class Distributed:
    """`label` as given or made; `definition` and `type` are those of the children's executions."""

    label: str
    definition: str
    type: str
    reader: Reader | None = None
    batcher: Batcher | None = None
    writer: Writer | None = None


def is_distributed(processor: Node | None) -> bool:
    config = None if processor is None else processor.fields.get("ProcessorConfig")
    return isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED"


def compile_distributed(
    compiler: Compiler, node: Node, processor: Node, name: str, fields: Fields | None
) -> Distributed:
    """`fields` compiles those of this state in JSONata mode."""
    config = processor.node("ProcessorConfig")
    assert config is not None
    type = config.text("ExecutionType")
    if "ExecutionType" not in config:
        config.report("The field 'ExecutionType' is required but was missing")
    elif type not in (None, "STANDARD", "EXPRESS"):
        config.report("The field 'ExecutionType' should have one of these values: [STANDARD, EXPRESS]", "ExecutionType")
    if compiler.express:
        node.report("Express state machine does not support a Map state in the mode DISTRIBUTED")
    definition = {key: value for key, value in processor.fields.items() if key != "ProcessorConfig"}
    if compiler.language != "JSONPath":
        definition = {"QueryLanguage": compiler.language, **definition}
    text = jsontext.dumps(definition)
    return Distributed(
        _label(node, name, text),
        text,
        type or "STANDARD",
        _reader(node, fields),
        _batcher(node, fields),
        _writer(node, fields),
    )


def _label(node: Node, name: str, definition: str) -> str:
    if "Label" not in node:
        return made_label(name, definition)
    label = node.text("Label")
    if label is None:
        return ""
    bad = _NOT_IN_LABELS.search(label)
    if not label:
        node.report("Label cannot be empty", "Label")
    elif len(label) > MAX_LABEL:
        node.report(f"Label cannot exceed {MAX_LABEL} characters", "Label")
    elif bad:
        node.report(f"Label contains invalid character: '{bad[0]}'", "Label")
    return label


def made_label(name: str, definition: str) -> str:
    """A UUID that is the same for as long as the state is the same."""
    digest = hashlib.sha256(f"{name}\0{definition}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


# --- the parts --------------------------------------------------------------------------------------------------


def _arguments(node: Node, fields: Fields | None) -> Selection | None:
    """Parameters, or Arguments in JSONata."""
    name, other = ("Parameters", "Arguments") if fields is None else ("Arguments", "Parameters")
    if other in node:
        node.report("Field is not supported", other)
    value = node.node(name)
    return None if value is None else _value(node, name, fields)


def _value(node: Node, name: str, fields: Fields | None) -> Selection:
    value: JSON = node.fields[name]
    if fields is not None:
        return fields.value(value, name)
    return compile_template(value, node.problems.report, node.at(name))


def _reader(node: Node, fields: Fields | None) -> Reader | None:
    reader = node.node("ItemReader")
    if reader is None:
        return None
    inside = None if fields is None else fields.inside("ItemReader", ())
    arguments = "Parameters" if fields is None else "Arguments"
    reader.allow(frozenset(("Resource", "Parameters", "Arguments", "ReaderConfig", "Comment")))
    reader.require("Resource", arguments)
    action = _action(reader, ("getObject", "listObjectsV2"))
    config = reader.node("ReaderConfig") or Node({}, reader.at("ReaderConfig"), reader.problems)
    config.allow(
        frozenset(
            ("InputType", "CSVHeaderLocation", "CSVHeaders", "CSVDelimiter", "MaxItems", "MaxItemsPath", "ItemsPointer",
             "Transformation", "ManifestType", "Comment")
        ),
        frozenset(("ManifestType",)),
    )  # fmt: skip
    input_type = _choice(config, "InputType", INPUT_TYPES)
    if input_type is None and action == "getObject":
        config.require("InputType")
    if config.fields.get("InputType") == "PARQUET":
        config.report("Stategate does not support the InputType PARQUET yet", "InputType")
    if config.fields.get("Transformation") not in (None, "NONE"):
        config.report("Stategate does not support the field 'Transformation' yet", "Transformation")
    location, headers = _headers(config, input_type)
    return Reader(
        action,
        _arguments(reader, inside) or (lambda scope: {}),
        input_type,
        location == "FIRST_ROW",
        headers,
        DELIMITERS[_choice(config, "CSVDelimiter", tuple(DELIMITERS)) or "COMMA"],
        config.text("ItemsPointer"),
        _amount(config, "MaxItems", None if inside is None else inside.inside("ReaderConfig", ())),
    )


def _headers(config: Node, input_type: str | None) -> tuple[str | None, tuple[str, ...]]:
    location = _choice(config, "CSVHeaderLocation", ("FIRST_ROW", "GIVEN"))
    if input_type == "CSV" and location is None and "CSVHeaderLocation" not in config:
        config.require("CSVHeaderLocation")
    headers = config.array("CSVHeaders") if "CSVHeaders" in config else []
    if any(not isinstance(header, str) for header in headers):
        config.report("Expected value of type String", "CSVHeaders")
    if location == "GIVEN" and "CSVHeaders" not in config:
        config.require("CSVHeaders")
    if location == "FIRST_ROW" and "CSVHeaders" in config:
        config.report("CSVHeaders can only be given with the CSVHeaderLocation GIVEN", "CSVHeaders")
    return location, tuple(str(header) for header in headers)


def _batcher(node: Node, fields: Fields | None) -> Batcher | None:
    batcher = node.node("ItemBatcher")
    if batcher is None:
        return None
    batcher.allow(
        frozenset(("BatchInput", "MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch",
                   "MaxInputBytesPerBatchPath", "Comment"))
    )  # fmt: skip
    inside = None if fields is None else fields.inside("ItemBatcher", ())
    items = _amount(batcher, "MaxItemsPerBatch", inside, 1)
    size = _amount(batcher, "MaxInputBytesPerBatch", inside, 1, MAX_BATCH_BYTES)
    if not any(f"Max{what}PerBatch{form}" in batcher for what in ("Items", "InputBytes") for form in ("", "Path")):
        batcher.report("One of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]")
    given = _value(batcher, "BatchInput", inside) if "BatchInput" in batcher else None
    return Batcher(items, size, given)


def _writer(node: Node, fields: Fields | None) -> Writer | None:
    writer = node.node("ResultWriter")
    if writer is None:
        return None
    writer.allow(frozenset(("Resource", "Parameters", "Arguments", "WriterConfig", "Comment")))
    config = writer.node("WriterConfig") or Node({}, writer.at("WriterConfig"), writer.problems)
    config.allow(frozenset(("OutputType", "Transformation", "Comment")))
    arguments = _arguments(writer, None if fields is None else fields.inside("ResultWriter", ()))
    if "Resource" in writer or "WriterConfig" not in writer:
        writer.require("Resource", "Parameters" if fields is None else "Arguments")
        _action(writer, ("putObject",))
    return Writer(
        arguments,
        _choice(config, "OutputType", ("JSON", "JSONL")),
        _choice(config, "Transformation", TRANSFORMATIONS) or "NONE",
    )


def _action(node: Node, actions: tuple[str, ...]) -> str:
    resource = node.text("Resource")
    if resource is None:
        return actions[0]
    match = _RESOURCE.match(resource)
    if match is None or match[1] not in actions:
        allowed = ", ".join(f"arn:aws:states:::s3:{action}" for action in actions)
        node.report(f"The field 'Resource' should have one of these values: [{allowed}]", "Resource")
        return actions[0]
    return match[1]


def _choice(node: Node, name: str, values: tuple[str, ...]) -> str | None:
    value = node.text(name)
    if value is None or value in values:
        return value
    node.report(f"The field '{name}' should have one of these values: [{', '.join(values)}]", name)
    return None


# --- numbers ----------------------------------------------------------------------------------------------------


def _amount(
    node: Node, name: str, fields: Fields | None, minimum: int = 0, maximum: int = numbers.MAX_SECONDS * 10
) -> Amount | None:
    """A whole number."""
    return amount(node, name, fields, whole=True, minimum=minimum, maximum=maximum)


def amount(
    node: Node, name: str, fields: Fields | None, *, whole: bool, minimum: int = 0, maximum: int = numbers.MAX_SECONDS
) -> Amount | None:
    """A number: `name`, or `name` + "Path", or an expression in JSONata (`fields`)."""
    path = f"{name}Path"
    if fields is not None:
        if path in node:
            node.report("Field is not supported", path)
        return fields.number(node.fields[name], name, minimum, maximum, whole=whole) if name in node else None
    node.exclusive(name, path)
    if path in node:
        return node.compiled(path, lambda text: _by_path(text, path, whole))
    value = node.integer(name, minimum, maximum) if whole else node.number(name, minimum, maximum)
    return None if value is None else numbers.constant(value)


def _by_path(path: str, field: str, whole: bool) -> Amount:
    query = compile_path(path)
    kind, pattern = ("integer", _INTEGER) if whole else ("float", _FLOAT)

    def number(scope: Scope) -> float:
        try:
            value = query(scope)
        except PathNotFound:
            raise runtime_failure(f"The {field} parameter does not reference an input value: {path}") from None
        if isinstance(value, str) and pattern.match(value):
            return int(value) if whole else float(value)
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            text = numbers.plain(value)
            raise runtime_failure(f'The {field} field refers to value "{text}" which is not a valid {kind}: {path}')
        return value

    return number


# --- what the compilers of both modes ask for -------------------------------------------------------------------


def distribution(
    compiler: Compiler, node: Node, processor: Node | None, name: str, fields: Fields | None = None
) -> dict[str, Any]:
    """The members of `program.Map` that have to do with this mode."""
    found: dict[str, Any] = {
        "tolerated_count": amount(node, "ToleratedFailureCount", fields, whole=True),
        "tolerated_percentage": amount(node, "ToleratedFailurePercentage", fields, whole=False, maximum=100),
    }
    if processor is not None and is_distributed(processor):
        return {**found, "distributed": compile_distributed(compiler, node, processor, name, fields)}
    for field in sorted(DISTRIBUTED_FIELDS & set(node.fields)):
        node.report("Field is only supported for a Map state in the mode DISTRIBUTED", field)
    return found

"""The fields of a Map state in DISTRIBUTED mode, compiled: ItemReader, ItemBatcher, ResultWriter, Label, tolerances."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stategate.asl.distributed_values import action, allow, amount, arguments, choice, value
from stategate.asl.item_readers import MAX_ITEMS, Reader, compile_reader
from stategate.asl.paths import Selection
from stategate.asl.program import Number
from stategate.asl.reader import Node
from stategate.lang import jsontext

if TYPE_CHECKING:
    from stategate.asl.compiler import Compiler
    from stategate.asl.jsonata import Fields

MAX_LABEL = 40
MAX_BATCH_BYTES = 262_144
DISTRIBUTED_FIELDS = frozenset(("ItemReader", "ItemBatcher", "ResultWriter", "Label"))
"""What an inline Map may not have."""
TRANSFORMATIONS = ("NONE", "COMPACT", "FLATTEN")

_BATCHER = ("BatchInput", "MaxItemsPerBatch", "MaxInputBytesPerBatch", "Comment")
_BATCHER_FIELDS = {
    "JSONPath": frozenset((*_BATCHER, "MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath")),
    "JSONata": frozenset(_BATCHER),
}
_WRITER = ("Resource", "WriterConfig", "Comment")
_WRITER_FIELDS = {"JSONPath": frozenset((*_WRITER, "Parameters")), "JSONata": frozenset((*_WRITER, "Arguments"))}
_NOT_IN_LABELS = re.compile(r"""[\s?*<>{}\[\]:;,\\|^~$#%&`"\x00-\x1f\x7f-\x9f]""")


@dataclass(frozen=True, slots=True)
class Batcher:
    """An ItemBatcher: at least one of the two limits is there."""

    max_items: Number | None = None
    max_bytes: Number | None = None
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
        _label(compiler, node, name, text),
        text,
        type or "STANDARD",
        compile_reader(node, fields),
        _batcher(node, fields),
        _writer(node, fields),
    )


def _label(compiler: Compiler, node: Node, name: str, definition: str) -> str:
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
    elif label in compiler.labels:
        node.report("Label must be unique within the state machine definition", "Label")
    compiler.labels.add(label)
    return label


def made_label(name: str, definition: str) -> str:
    """A UUID that is the same for as long as the state is the same."""
    digest = hashlib.sha256(f"{name}\0{definition}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


# --- the parts --------------------------------------------------------------------------------------------------


def _batcher(node: Node, fields: Fields | None) -> Batcher | None:
    batcher = node.node("ItemBatcher")
    if batcher is None:
        return None
    allow(batcher, _BATCHER_FIELDS, fields)
    inside = None if fields is None else fields.inside("ItemBatcher", ())
    items = amount(batcher, "MaxItemsPerBatch", inside, minimum=1, maximum=MAX_ITEMS)
    size = amount(batcher, "MaxInputBytesPerBatch", inside, minimum=1, maximum=MAX_BATCH_BYTES)
    if not any(f"Max{what}PerBatch{form}" in batcher for what in ("Items", "InputBytes") for form in ("", "Path")):
        batcher.report("One of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]")
    given = value(batcher, "BatchInput", inside) if "BatchInput" in batcher else None
    return Batcher(items, size, given)


def _writer(node: Node, fields: Fields | None) -> Writer | None:
    writer = node.node("ResultWriter")
    if writer is None:
        return None
    allow(writer, _WRITER_FIELDS, fields)
    config = writer.node("WriterConfig") or Node({}, writer.at("WriterConfig"), writer.problems)
    config.allow(frozenset(("OutputType", "Transformation", "Comment")))
    given = arguments(writer, "putObject", None if fields is None else fields.inside("ResultWriter", ()))
    if "WriterConfig" not in writer or {"Resource", "Parameters", "Arguments"} & writer.fields.keys():
        writer.require("Resource", "Parameters" if fields is None else "Arguments")
        action(writer, ("putObject",))
    return Writer(
        given,
        choice(config, "OutputType", ("JSON", "JSONL")),
        choice(config, "Transformation", TRANSFORMATIONS) or "NONE",
    )


# --- what the compilers of both modes ask for -------------------------------------------------------------------


def distribution(
    compiler: Compiler, node: Node, processor: Node | None, name: str, fields: Fields | None = None
) -> dict[str, Any]:
    """The members of `program.Map` that have to do with this mode."""
    found: dict[str, Any] = {
        "tolerated_count": amount(node, "ToleratedFailureCount", fields),
        "tolerated_percentage": amount(node, "ToleratedFailurePercentage", fields, whole=False, maximum=100),
    }
    if processor is not None and is_distributed(processor):
        return {**found, "distributed": compile_distributed(compiler, node, processor, name, fields)}
    for field in sorted(DISTRIBUTED_FIELDS & set(node.fields)):
        node.report("Field is only supported for a Map state in the mode DISTRIBUTED", field)
    return found

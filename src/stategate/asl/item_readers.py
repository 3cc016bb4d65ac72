"""ItemReaders, compiled: which objects of S3 a distributed Map reads, and what they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stategate.asl.distributed_values import action, allow, amount, arguments, choice
from stategate.asl.paths import Selection
from stategate.asl.program import Number
from stategate.asl.reader import Node

if TYPE_CHECKING:
    from stategate.asl.jsonata import Fields

MAX_ITEMS = 100_000_000
LARGEST = 999_999_999
"""MaxItems may be larger than MAX_ITEMS, which then counts [recorded]."""
INPUT_TYPES = ("CSV", "JSON", "JSONL", "MANIFEST", "PARQUET")
LISTED_TYPES = ("CSV", "JSON", "JSONL", "PARQUET")
"""What objects that are listed and then read may be."""
ATHENA_TYPES = ("CSV", "JSONL", "PARQUET")
"""What the files of an Athena manifest may be."""
DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}

_READER = ("Resource", "ReaderConfig", "Comment")
_READER_FIELDS = {"JSONPath": frozenset((*_READER, "Parameters")), "JSONata": frozenset((*_READER, "Arguments"))}
_CONFIG = ("InputType", "CSVHeaderLocation", "CSVHeaders", "CSVDelimiter", "MaxItems", "ItemsPointer", "Transformation",
           "ManifestType", "Comment")  # fmt: skip
_CONFIG_FIELDS = {"JSONPath": frozenset((*_CONFIG, "MaxItemsPath")), "JSONata": frozenset(_CONFIG)}


@dataclass(frozen=True, slots=True)
class Reader:
    """An ItemReader. `action`: getObject or listObjectsV2; `arguments` give its Parameters; `pointer` is a JSON
    pointer into a JSON file; `manifest`: the object is one, S3_INVENTORY or ATHENA_DATA; `flatten`: the items are those
    in the listed objects (Transformation LOAD_AND_FLATTEN)."""

    action: str
    arguments: Selection
    input_type: str | None = None
    first_row: bool = True
    headers: tuple[str, ...] = ()
    delimiter: str = ","
    pointer: str | None = None
    max_items: Number | None = None
    manifest: str | None = None
    flatten: bool = False


def compile_reader(node: Node, fields: Fields | None) -> Reader | None:
    """The ItemReader of a Map state; `fields` compiles those of a state in JSONata mode."""
    reader = node.node("ItemReader")
    if reader is None:
        return None
    inside = None if fields is None else fields.inside("ItemReader", ())
    allow(reader, _READER_FIELDS, fields)
    reader.require("Resource", "Parameters" if fields is None else "Arguments")
    called = action(reader, ("getObject", "listObjectsV2"))
    config = reader.node("ReaderConfig") or Node({}, reader.at("ReaderConfig"), reader.problems)
    allow(config, _CONFIG_FIELDS, fields)
    manifest, flatten = _manifest(config, called), _flatten(config, called)
    input_type = choice(config, "InputType", _types(manifest, flatten))
    if input_type is None and (flatten or (called == "getObject" and manifest != "S3_INVENTORY")):
        config.require("InputType")
    if input_type == "MANIFEST":
        manifest = "S3_INVENTORY"
    csv = input_type == "CSV" and manifest != "S3_INVENTORY"
    location, headers = _headers(config, csv)
    return Reader(
        called,
        arguments(reader, called, inside) or (lambda scope: {}),
        input_type,
        location == "FIRST_ROW",
        headers,
        DELIMITERS[choice(config, "CSVDelimiter", tuple(DELIMITERS)) or "COMMA"],
        _pointer(config, input_type),
        amount(config, "MaxItems", None if inside is None else inside.inside("ReaderConfig", ()), maximum=LARGEST),
        manifest,
        flatten,
    )


def _manifest(config: Node, called: str) -> str | None:
    manifest = choice(config, "ManifestType", ("ATHENA_DATA", "S3_INVENTORY"))
    if manifest is not None and called != "getObject":
        config.report("Field is only supported for the resource arn:aws:states:::s3:getObject", "ManifestType")
    return manifest


def _flatten(config: Node, called: str) -> bool:
    flatten = choice(config, "Transformation", ("NONE", "LOAD_AND_FLATTEN")) == "LOAD_AND_FLATTEN"
    if flatten and called != "listObjectsV2":
        config.report("Field is only supported for the resource arn:aws:states:::s3:listObjectsV2", "Transformation")
    return flatten


def _types(manifest: str | None, flatten: bool) -> tuple[str, ...]:
    if flatten:
        return LISTED_TYPES
    match manifest:
        case "ATHENA_DATA":
            return ATHENA_TYPES
        case "S3_INVENTORY":
            return ("CSV", "MANIFEST")
        case _:
            return INPUT_TYPES


def _pointer(config: Node, input_type: str | None) -> str | None:
    pointer = config.text("ItemsPointer")
    if pointer is None:
        return None
    if input_type not in (None, "JSON"):
        config.report("Field is only supported for the InputType JSON", "ItemsPointer")
    if pointer and not pointer.startswith("/"):
        config.report("A JSON Pointer must be empty or start with '/'", "ItemsPointer")
    return pointer


def _headers(config: Node, csv: bool) -> tuple[str | None, tuple[str, ...]]:
    location = choice(config, "CSVHeaderLocation", ("FIRST_ROW", "GIVEN"))
    if csv and location is None and "CSVHeaderLocation" not in config:
        config.require("CSVHeaderLocation")
    headers = config.array("CSVHeaders") if "CSVHeaders" in config else []
    if any(not isinstance(header, str) for header in headers):
        config.report("Expected value of type String", "CSVHeaders")
    if location == "GIVEN" and "CSVHeaders" not in config:
        config.require("CSVHeaders")
    if location == "FIRST_ROW" and "CSVHeaders" in config:
        config.report("CSVHeaders can only be given with the CSVHeaderLocation GIVEN", "CSVHeaders")
    return location, tuple(str(header) for header in headers)

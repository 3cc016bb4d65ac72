"""What ItemReaders make of files: CSV, JSON, JSON lines and manifests, as items. Rules as recorded, or as the
developer guide says."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from stategate.asl.javamap import hash_order
from stategate.asl.maprun import ItemSource
from stategate.lang import jsontext

csv.field_size_limit(16 * 1024 * 1024)


class Unreadable(Exception):
    """Why no items can be read, as a cause of States.ItemReaderFailed."""


def check_limit(source: ItemSource) -> int | None:
    """How many items at most; None: all. MaxItems 0 is no limit. Raises `Unreadable`."""
    if source.max_items is not None and source.max_items < 0:
        raise Unreadable("field MaxItems must be positive")
    return source.max_items or None


def csv_items(lines: Iterable[str], source: ItemSource) -> Iterator[dict[str, str]]:
    """Fields that are missing are empty, those beyond the headers are dropped. The columns come in the order of Java's
    hash tables [recorded]. Raises `Unreadable`."""
    rows = csv.reader(lines, delimiter=source.delimiter)
    try:
        headers = list(source.headers)
        if source.first_row:
            headers = next(rows, [])
        if len(set(headers)) < len(headers):
            raise Unreadable("CSV headers cannot contain duplicates.")
        order = hash_order(headers)
        for row in rows:
            if row:
                yield {headers[column]: row[column] if column < len(row) else "" for column in order}
    except csv.Error as error:
        raise Unreadable(f"The CSV file cannot be read: line {rows.line_num}: {error}") from None


def json_items(text: str, pointer: str | None) -> list[Any] | dict[str, Any]:
    """The array of a JSON file, or the array or object in it that the JSON pointer names. A file that is an object as a
    whole is not taken [recorded]. Raises `Unreadable`."""
    try:
        found = jsontext.loads(text)
    except jsontext.JSONSyntaxError as error:
        raise Unreadable(f"The JSON file cannot be read: {error}") from None
    for part in (pointer or "").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            raise Unreadable(f"The ItemsPointer '{pointer}' does not point to anything in the JSON file.")
    if not isinstance(found, list | dict if pointer else list):
        raise Unreadable("Attempting to map over non-iterable node.")
    return found


def jsonl_items(lines: Iterable[str]) -> Iterator[Any]:
    """Raises `Unreadable`."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield jsontext.loads(line)
        except jsontext.JSONSyntaxError as error:
            raise Unreadable(f"Line {number} of the JSON Lines file cannot be read: {error}") from None


def manifest_files(text: str) -> tuple[str, tuple[str, ...], list[str]]:
    """Of an S3 inventory's manifest.json: bucket, columns and keys of its files. Raises `Unreadable`."""
    try:
        manifest = jsontext.loads(text)
        bucket = str(manifest["destinationBucket"]).rpartition(":")[2]
        columns = tuple(name.strip() for name in str(manifest["fileSchema"]).split(","))
        keys = [str(file["key"]) for file in manifest["files"]]
        form = manifest["fileFormat"]
    except (jsontext.JSONSyntaxError, KeyError, TypeError) as error:
        raise Unreadable(f"The manifest is not that of an S3 inventory: {error}") from None
    if form != "CSV":
        raise Unreadable(f"S3 inventories are read in the format CSV, not {form}.")
    return bucket, columns, keys


def athena_files(text: str) -> list[tuple[str, str]]:
    """Of the manifest of an Athena query (a CSV file with an S3 URI in each line): bucket and key of its files. Raises
    `Unreadable`."""
    files = []
    for number, row in enumerate(csv.reader(text.splitlines()), start=1):
        if not row:
            continue
        scheme, _, place = row[0].strip().partition("://")
        bucket, _, key = place.partition("/")
        if scheme.lower() != "s3" or not bucket or not key:
            raise Unreadable(f"Line {number} of the Athena manifest is no URI of an S3 object: {row[0]}")
        files.append((bucket, key))
    return files

"""What a test of a Map state shows of its items: read, selected, batched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stategate.asl.distributed import ITEM_READER_FAILED, tolerances
from stategate.asl.distributed_fields import Batcher
from stategate.asl.distributed_items import Unreadable, csv_items, json_items, jsonl_items
from stategate.asl.failures import StateFailure
from stategate.asl.item_readers import Reader
from stategate.asl.maprun import ItemSource, items_of
from stategate.asl.program import Map
from stategate.asl.scope import Scope
from stategate.asl.turn import PAYLOAD_LIMIT, map_item
from stategate.asl.value import Value
from stategate.lang.jsontext import JSON, dumps

_LISTS = ("afterItemsPath", "afterItemsPointer", "afterItemSelector", "afterItemBatcher")


def enter_map(
    state: Map, scope: Scope, iteration: Callable[[JSON], Scope], read: str | None, seen: dict[str, Value]
) -> None:
    """Evaluates what the Map would evaluate before its first iteration, and leaves it in `seen`. `read` is the text
    that an ItemReader would read; `iteration` gives the scope of a `$$.Map.Item`. Raises StateFailure."""
    tolerances(state, scope)
    distributed = state.distributed
    reader = None if distributed is None else distributed.reader
    if reader is not None:
        items = None if read is None else _read(reader, scope, read)
        if items is not None and reader.pointer is not None:
            seen["afterItemsPointer"] = Value.of(items)
    else:
        items = seen["afterItemsPath"].json if "afterItemsPath" in seen else scope.input
    found = items_of(items)
    if found is None or (distributed is None and not isinstance(items, list)):
        return
    items = [item.input for item in found]
    if state.parameters is not None:
        shown = [map_item(n, item.value) if distributed is None else item.context(n) for n, item in enumerate(found)]
        items = [state.parameters(iteration(item)) for item in shown]
        seen["afterItemSelector"] = Value.of(items)
    if distributed is not None and distributed.batcher is not None:
        seen["afterItemBatcher"] = Value.of(_batches(distributed.batcher, scope, items))


def _read(reader: Reader, scope: Scope, text: str) -> JSON:
    source = ItemSource(reader.action, "{}", reader.input_type, reader.first_row, reader.headers, reader.delimiter)
    limit = None if reader.max_items is None else int(reader.max_items(scope))
    try:
        match reader.input_type:
            case "CSV":
                items: JSON = list(csv_items(text.splitlines(), source))
            case "JSONL":
                items = list(jsonl_items(text.splitlines()))
            case _:
                items = json_items(text, reader.pointer)
    except Unreadable as why:
        raise StateFailure(ITEM_READER_FAILED, str(why)) from None
    return items[:limit] if limit and isinstance(items, list) else items


def _batches(batcher: Batcher, scope: Scope, items: list[JSON]) -> list[JSON]:
    most = len(items) if batcher.max_items is None else int(batcher.max_items(scope))
    limit = PAYLOAD_LIMIT if batcher.max_bytes is None else int(batcher.max_bytes(scope))
    head = {} if batcher.input is None else {"BatchInput": batcher.input(scope)}
    frame = len(dumps({**head, "Items": []}).encode("utf-8", "surrogatepass"))
    batches: list[list[JSON]] = []
    left = 0
    for item in items:
        size = len(dumps(item).encode("utf-8", "surrogatepass")) + 1
        if not batches or len(batches[-1]) >= most or size > left:
            batches.append([])
            left = limit - frame
        batches[-1].append(item)
        left -= size
    return [{**head, "Items": batch} for batch in batches]


def map_data(state: Map, seen: Mapping[str, Value]) -> dict[str, Any]:
    """The members of InspectionData that only Map states have."""
    shown: dict[str, Any] = {"maxConcurrency": int(seen["maxConcurrency"].json) if "maxConcurrency" in seen else 0}
    if "toleratedFailureCount" in seen:
        shown["toleratedFailureCount"] = int(seen["toleratedFailureCount"].json)
    if "toleratedFailurePercentage" in seen:
        shown["toleratedFailurePercentage"] = float(seen["toleratedFailurePercentage"].json)
    for stage in _LISTS:
        if stage not in seen or (state.jsonata and stage == "afterItemsPath"):
            continue
        items = seen[stage].json
        if isinstance(items, list):
            # As Java prints a list of JSON nodes [recorded].
            shown[stage] = f"[{', '.join(dumps(item) for item in items)}]"
        else:
            shown[stage] = seen[stage].text
    return shown

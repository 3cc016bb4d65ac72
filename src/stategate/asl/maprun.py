"""What a Map state in DISTRIBUTED mode asks for: effects, and the event that answers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

STATE_DATA = "STATE_DATA"
"""`$$.Map.Item.Source` of items that are no S3 object's."""


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a map run, as `$$.Map.Item` shows it. `key`: the item is a member of an object, and this its name."""

    value: Any
    source: str = STATE_DATA
    key: str | None = None

    @property
    def input(self) -> Any:
        """What a child is given where the state has no ItemSelector."""
        return self.value if self.key is None else {"Key": self.key, "Value": self.value}

    def context(self, index: int) -> dict[str, Any]:
        named = {"Index": index, "Value": self.value, "Source": self.source}
        return named if self.key is None else {"Index": index, "Key": self.key, **named}


def items_of(value: Any, source: str = STATE_DATA) -> list[Item] | None:
    """Of an array or an object; None of anything else."""
    match value:
        case list():
            return [Item(each, source) for each in value]
        case dict():
            return [Item(each, source, key) for key, each in value.items()]
        case _:
            return None


@dataclass(frozen=True, slots=True)
class ItemSource:
    """An ItemReader with its arguments (Bucket, Key...; JSON text) evaluated. `action`: getObject or listObjectsV2;
    `max_items` as it was given, so that what reads can complain. `manifest`: the object only names those with the items
    (S3_INVENTORY, ATHENA_DATA); `flatten`: the items are those of the listed objects, not the objects."""

    action: str
    arguments: str
    input_type: str | None = None
    first_row: bool = True
    headers: tuple[str, ...] = ()
    delimiter: str = ","
    pointer: str | None = None
    max_items: int | None = None
    manifest: str | None = None
    flatten: bool = False


@dataclass(frozen=True, slots=True)
class Batching:
    """An ItemBatcher; `input` is the BatchInput as JSON text."""

    max_items: int | None = None
    max_bytes: int | None = None
    input: str | None = None


@dataclass(frozen=True, slots=True)
class ResultTarget:
    """A ResultWriter; `arguments` (Bucket, Prefix; JSON text) are None where the output of the state is only shaped."""

    arguments: str | None = None
    output_type: str | None = None
    transformation: str = "NONE"


@dataclass(frozen=True, slots=True)
class StartMapRun:
    """Run a child execution of `definition` for each item or batch; the answer is `MapRunEnded`.

    `map_run` is the map run's ARN. `items` is the JSON array or object, or None if `source` says where to read them.
    `input`, `context` and `variables` (JSON texts) are what the ItemSelector is evaluated against, if the state has
    one. `entered` is the id of the event with which the state was entered.
    """

    command: int
    map_run: str
    label: str
    state_name: str
    definition: str
    type: str
    concurrency: int = 0
    tolerated_count: int | None = None
    tolerated_percentage: float | None = None
    items: str | None = None
    source: ItemSource | None = None
    batching: Batching | None = None
    target: ResultTarget | None = None
    selects: bool = False
    input: str = "null"
    context: str = "null"
    variables: str = "{}"
    entered: int = 0


@dataclass(frozen=True, slots=True)
class RedriveMapRun:
    """Go on with a map run that has ended: its children that did not succeed run again. `command` is the new one."""

    command: int
    map_run: str


@dataclass(frozen=True, slots=True)
class StopMapRun:
    """Nobody waits for this map run any more: its children are stopped."""

    command: int


@dataclass(frozen=True, slots=True)
class MapRunEnded:
    """The map run that `command` started (again) has ended: its output (JSON text), or why it failed."""

    command: int
    output: str | None = None
    error: str | None = None
    cause: str | None = None

"""Items on their way to become the inputs of children: selected, batched, measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stategate.asl.failures import DATA_LIMIT_EXCEEDED, StateFailure
from stategate.asl.maprun import Batching, Item
from stategate.asl.turn import PAYLOAD_LIMIT
from stategate.asl.value import Value

Select = Callable[[int, Item], Value]
Input = tuple[int, str, int]
"""Index of the child, its input as JSON text, how many items are in it."""


class Batches:
    """Takes items in their order, and gives the inputs that are full. Raises StateFailure: an item can't be selected,
    or is too large."""

    def __init__(self, batching: Batching | None, select: Select | None) -> None:
        self._batching = batching
        self._select = select
        self.selects = select is not None
        self._items = 0
        self._children = 0
        self._batch: list[str] = []
        self._size = 0
        self._head = '{"Items":['
        if batching is not None and batching.input is not None:
            self._head = f'{{"BatchInput":{batching.input},"Items":['
        self._limit = (batching.max_bytes if batching is not None else None) or PAYLOAD_LIMIT
        self._most = batching.max_items if batching is not None else None

    def add(self, items: Sequence[Item]) -> list[Input]:
        inputs: list[Input] = []
        for item in items:
            value = Value.of(item.input) if self._select is None else self._select(self._items, item)
            self._items += 1
            if self._batching is None:
                inputs.append(self._single(value))
            else:
                inputs += self._batched(value.text)
        return inputs

    def rest(self) -> list[Input]:
        return [self._close()] if self._batch else []

    def _single(self, value: Value) -> Input:
        if value.over(PAYLOAD_LIMIT):
            raise _too_large(self._items - 1)
        self._children += 1
        return self._children - 1, value.text, 1

    def _batched(self, text: str) -> list[Input]:
        full: list[Input] = []
        size = len(text.encode("utf-8", "surrogatepass")) + 1
        frame = len(self._head.encode("utf-8", "surrogatepass")) + 2
        if size + frame > self._limit:
            raise _too_large(self._items - 1)
        if self._batch and self._size + size + frame > self._limit:
            full.append(self._close())
        self._batch.append(text)
        self._size += size
        if self._most is not None and len(self._batch) >= self._most:
            full.append(self._close())
        return full

    def _close(self) -> Input:
        text, items = f"{self._head}{','.join(self._batch)}]}}", len(self._batch)
        self._batch, self._size = [], 0
        self._children += 1
        return self._children - 1, text, items


def _too_large(index: int) -> StateFailure:
    cause = f"The input of the child execution for the item {index} exceeds the maximum number of bytes service limit."
    return StateFailure(DATA_LIMIT_EXCEEDED, cause)

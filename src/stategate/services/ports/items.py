"""Where the items of map runs come from and their results go: S3."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from stategate.asl.maprun import Item, ItemSource, ResultTarget
from stategate.services.ports.executions import Execution, NewExecution


class ItemsFailed(Exception):
    """The items of a map run could not be read, or its results not be written; `error` is States.ItemReaderFailed,
    States.ResultWriterFailed..."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(cause)
        self.error = error
        self.cause = cause


@dataclass(frozen=True, slots=True)
class ChildResult:
    """How a child of a map run ended. `input` and `output` are JSON texts."""

    execution_arn: str
    status: str
    input: str
    output: str | None
    error: str | None
    cause: str | None
    started: float | None
    stopped: float | None
    redrives: int = 0


class MapRunData(Protocol):
    """Where the items of map runs come from and their results go, with the permissions of the execution's role."""

    def authorize(self, execution: NewExecution) -> None:
        """May the role start the children? Raises `ItemsFailed`."""
        ...

    def redrivable(self, child: Execution) -> bool:
        """Whether a child that has ended may run again when its map run does."""
        ...

    def read(self, execution: NewExecution, source: ItemSource) -> AsyncIterator[Sequence[Item]]:
        """The items, some at a time. Raises `ItemsFailed`."""
        ...

    async def write(
        self, execution: NewExecution, map_run_arn: str, target: ResultTarget, results: AsyncIterator[ChildResult]
    ) -> str:
        """Writes the results; returns the output of the Map state as JSON text. Raises `ItemsFailed`."""
        ...


@dataclass(frozen=True, slots=True)
class ListedObject:
    """`modified` in epoch seconds; `etag` with its quotes."""

    key: str
    size: int
    etag: str
    modified: float
    storage_class: str


class ObjectStoreError(Exception):
    """S3 refused, or can't be reached. `code` as S3 names it: NoSuchKey, NoSuchBucket, AccessDenied..."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class ObjectStore(Protocol):
    """S3, on another server. `owner`: the account that the bucket must belong to, if it was given. Every method raises
    `ObjectStoreError`."""

    def read(
        self, region: str, bucket: str, key: str, version: str | None = None, owner: str | None = None
    ) -> AsyncIterator[bytes]:
        """The object, in pieces."""
        ...

    def objects(
        self, region: str, bucket: str, prefix: str, owner: str | None = None
    ) -> AsyncIterator[Sequence[ListedObject]]:
        """The objects whose key starts with `prefix`, a page at a time."""
        ...

    async def put(self, region: str, bucket: str, key: str, body: bytes, owner: str | None = None) -> None: ...

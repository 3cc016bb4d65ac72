"""Distributed Maps of `stategate run`: children one after the other, directories in the place of S3's buckets."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stategate.asl.distributed import EXCEEDED, EXCEEDED_CAUSE, exceeded, item_selector
from stategate.asl.effects import Finish
from stategate.asl.failures import StateFailure
from stategate.asl.maprun import Item, MapRunEnded, StartMapRun, items_of
from stategate.asl.program import Program
from stategate.asl.run import RunIdentity
from stategate.lang.jsontext import loads
from stategate.runtime.engine.batches import Batches, Input
from stategate.services.ports import (
    ChildResult,
    ItemsFailed,
    ListedObject,
    NewExecution,
    ObjectStoreError,
    Ports,
    World,
)
from stategate.services.states.items import MapRunItems

RunChild = Callable[[int, str], tuple[Finish, float, float]]
"""Runs the child of an index with its input to its end: how it ended, and when it started and stopped."""


class NoBuckets(Exception):
    """The Map reads or writes S3, and no directory stands for that."""


@dataclass(frozen=True, slots=True)
class Folders:
    """An `ObjectStore`: each directory in `root` is a bucket."""

    root: Path

    async def read(
        self, region: str, bucket: str, key: str, version: str | None = None, owner: str | None = None
    ) -> AsyncIterator[bytes]:
        if version is not None:
            raise ObjectStoreError("NoSuchVersion", "Directories in the place of buckets have no versions.", 404)
        yield self._content(self._place(bucket, key))

    async def objects(
        self, region: str, bucket: str, prefix: str, owner: str | None = None
    ) -> AsyncIterator[Sequence[ListedObject]]:
        yield [found for found in self._listed(self._bucket(bucket)) if found.key.startswith(prefix)]

    async def put(self, region: str, bucket: str, key: str, body: bytes, owner: str | None = None) -> None:
        self._write(self._place(bucket, key), body)

    def _bucket(self, bucket: str) -> Path:
        path = self.root / bucket
        if bucket in ("", ".", "..") or "/" in bucket or not path.is_dir():
            raise ObjectStoreError("NoSuchBucket", f"The specified bucket does not exist: {path}", 404)
        return path

    def _place(self, bucket: str, key: str) -> Path:
        folder = self._bucket(bucket)
        path = folder / key
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ObjectStoreError("InvalidArgument", f"The key leads out of its bucket: {key}", 400)
        return path

    @staticmethod
    def _content(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise ObjectStoreError("NoSuchKey", f"The specified key does not exist: {path}", 404) from None
        except OSError as error:
            raise ObjectStoreError("AccessDenied", f"{path}: {error.strerror}", 403) from None

    @staticmethod
    def _write(path: Path, body: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        except OSError as error:
            raise ObjectStoreError("AccessDenied", f"{path}: {error.strerror}", 403) from None

    @staticmethod
    def _listed(folder: Path) -> list[ListedObject]:
        found = []
        for path in folder.rglob("*"):
            if path.is_file():
                etag = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
                stat = path.stat()
                key = path.relative_to(folder).as_posix()
                found.append(ListedObject(key, stat.st_size, f'"{etag}"', stat.st_mtime, "STANDARD"))
        return sorted(found, key=lambda each: each.key.encode())


class _Items(MapRunItems):
    """Nobody is asked for permission here."""

    def allow(self, execution: NewExecution, action: str, resource: str, error: str) -> None:
        return None


def _no_ports() -> Ports:
    raise AssertionError("nothing but permissions needs them")


@dataclass(frozen=True, slots=True)
class LocalMapRun:
    """A map run of the execution `parent` of `program`; `buckets` is a directory with those of S3, or None."""

    program: Program
    parent: RunIdentity
    effect: StartMapRun
    seed: int
    buckets: Path | None

    def run(self, child: RunChild) -> MapRunEnded:
        """Raises `NoBuckets`."""
        effect = self.effect
        writes = effect.target is not None and effect.target.arguments is not None
        if self.buckets is None and (writes or effect.source is not None):
            raise NoBuckets(
                f"The Map state '{effect.state_name}' reads or writes S3. Give --s3 DIRECTORY, in which each directory"
                " stands for a bucket."
            )
        try:
            inputs = self._inputs()
            results, exceeded = self._children(inputs, child)
            if exceeded:
                if writes:
                    self._write(results)
                return MapRunEnded(effect.command, None, EXCEEDED, EXCEEDED_CAUSE)
            if effect.target is not None:
                return MapRunEnded(effect.command, self._write(results))
        except (ItemsFailed, StateFailure) as failure:
            return MapRunEnded(effect.command, None, failure.error, failure.cause)
        outputs = [result.output or "null" for result in results if result.status == "SUCCEEDED"]
        return MapRunEnded(effect.command, f"[{','.join(outputs)}]")

    def _inputs(self) -> list[Input]:
        effect = self.effect
        select = item_selector(self.program, effect, self.seed) if effect.selects else None
        batches = Batches(effect.batching, select)
        return batches.add(asyncio.run(self._items())) + batches.rest()

    async def _items(self) -> Sequence[Item]:
        source = self.effect.source
        if source is None:
            return items_of(loads(self.effect.items or "[]")) or []
        return [item async for items in self._data().read(self._execution(), source) for item in items]

    def _children(self, inputs: list[Input], child: RunChild) -> tuple[list[ChildResult], bool]:
        """The children that there were, and whether too many failed: then the others do not run."""
        total = sum(items for _, _, items in inputs)
        failed = 0
        results = []
        for index, input, items in inputs:
            arn = f"{self.parent.execution_arn.rpartition(':')[0]}/{self.effect.label}:{index}"
            if self._exceeded(failed, total):
                results.append(ChildResult(arn, "PENDING", input, None, None, None, None, None))
                continue
            finish, started, stopped = child(index, input)
            failed += 0 if finish.status == "SUCCEEDED" else items
            results.append(
                ChildResult(arn, finish.status, input, finish.output, finish.error, finish.cause, started, stopped)
            )
        return results, self._exceeded(failed, total)

    def _exceeded(self, failed: int, total: int) -> bool:
        return exceeded(failed, total, self.effect.tolerated_count, self.effect.tolerated_percentage)

    def _write(self, results: list[ChildResult]) -> str:
        target = self.effect.target
        assert target is not None

        async def each() -> AsyncIterator[ChildResult]:
            for result in results:
                yield result

        return asyncio.run(self._data().write(self._execution(), self.effect.map_run, target, each()))

    def _data(self) -> MapRunItems:
        return _Items(_no_ports, Folders(self.buckets or Path()))

    def _execution(self) -> NewExecution:
        parent = self.parent
        return NewExecution(
            parent.execution_arn, parent.execution_name, World("000000000000", "us-east-1"), parent.machine_arn,
            parent.machine_name, "", parent.role_arn, "STANDARD", parent.input, parent.started,
        )  # fmt: skip

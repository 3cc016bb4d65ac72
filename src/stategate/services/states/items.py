"""Items of map runs out of S3, and their results into it, with the permissions of the execution's role."""

from __future__ import annotations

import gzip
import io
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any, cast

from stategate.asl.distributed import ITEM_READER_FAILED, RESULT_WRITER_FAILED
from stategate.asl.distributed_items import (
    Unreadable,
    check_limit,
    csv_items,
    json_items,
    jsonl_items,
    manifest_files,
)
from stategate.asl.maprun import ItemSource, ResultTarget
from stategate.iam import Principal
from stategate.lang import jsontext
from stategate.services import access
from stategate.services.ports import (
    ChildResult,
    ItemsFailed,
    ListedObject,
    NewExecution,
    ObjectStore,
    ObjectStoreError,
    Ports,
    TaskFailure,
)
from stategate.services.states.results import Results
from stategate.services.states.tasks import roles

TOGETHER = 200
"""Items that are passed on at a time."""

IN_MEMORY = 8 * 1024 * 1024
"""Larger objects wait in a temporary file."""

LARGEST_JSON = 256 * 1024 * 1024
"""Bytes: a JSON file has to be read as a whole."""

PERMISSIONS_ERROR = "States.Permissions"


@dataclass(frozen=True, slots=True)
class MapRunItems:
    """A `MapRunData`. `ports` is a function, as it is made before they are."""

    ports: Callable[[], Ports]
    objects: ObjectStore

    def authorize(self, execution: NewExecution) -> None:
        """The role must be allowed states:StartExecution on the state machine, as on AWS."""
        machine = execution.machine_arn.partition("/")[0]
        self._allow(execution, "states:StartExecution", machine, PERMISSIONS_ERROR)

    async def read(self, execution: NewExecution, source: ItemSource) -> AsyncIterator[Sequence[Any]]:
        try:
            left = check_limit(source)
            async for items in self._read(execution, source):
                yield items if left is None else items[:left]
                if left is not None:
                    left -= len(items)
                    if left <= 0:
                        return
        except Unreadable as error:
            raise ItemsFailed(ITEM_READER_FAILED, str(error)) from None
        except UnicodeDecodeError as error:
            raise ItemsFailed(ITEM_READER_FAILED, f"The file is not UTF-8: {error}") from None
        except ObjectStoreError as error:
            raise ItemsFailed(ITEM_READER_FAILED, _said(error)) from None

    async def write(
        self, execution: NewExecution, map_run_arn: str, target: ResultTarget, results: AsyncIterator[ChildResult]
    ) -> str:
        made = Results(execution, target)
        if target.arguments is None:
            async for result in results:
                made.add(result)
            return made.text()
        arguments = _arguments(target.arguments, ("Bucket", "Prefix"), RESULT_WRITER_FAILED)
        bucket, prefix = arguments["Bucket"], arguments.get("Prefix", "").rstrip("/")
        folder = f"{prefix}/{map_run_arn.rpartition(':')[2]}".lstrip("/")
        self._allow(execution, "s3:PutObject", f"arn:aws:s3:::{bucket}/{folder}/manifest.json", RESULT_WRITER_FAILED)
        region = execution.world.region
        try:
            async for result in results:
                for name, body in made.take(result):
                    await self.objects.put(region, bucket, f"{folder}/{name}", body)
            for name, body in made.rest():
                await self.objects.put(region, bucket, f"{folder}/{name}", body)
            manifest = made.manifest(bucket, map_run_arn, folder)
            await self.objects.put(region, bucket, f"{folder}/manifest.json", jsontext.dumps(manifest).encode())
        except ObjectStoreError as error:
            raise ItemsFailed(RESULT_WRITER_FAILED, _said(error)) from None
        details = {"Bucket": bucket, "Key": f"{folder}/manifest.json"}
        return jsontext.dumps({"MapRunArn": map_run_arn, "ResultWriterDetails": details})

    # --- reading

    async def _read(self, execution: NewExecution, source: ItemSource) -> AsyncIterator[Sequence[Any]]:
        if source.action == "listObjectsV2":
            arguments = _arguments(source.arguments, ("Bucket", "Prefix"), ITEM_READER_FAILED)
            self._allow(execution, "s3:ListBucket", f"arn:aws:s3:::{arguments['Bucket']}", ITEM_READER_FAILED)
            listing = self.objects.objects(execution.world.region, arguments["Bucket"], arguments.get("Prefix", ""))
            async for page in listing:
                yield [_shown(found) for found in page]
            return
        arguments = _arguments(source.arguments, ("Bucket", "Key", "VersionId"), ITEM_READER_FAILED)
        if "Key" not in arguments:
            raise Unreadable("The argument 'Key' is required but was missing.")
        bucket, key = arguments["Bucket"], arguments["Key"]
        if source.input_type != "MANIFEST":
            async for items in self._file(execution, source, bucket, key, arguments.get("VersionId")):
                yield items
            return
        with spooled() as file:
            await self._fetch(execution, bucket, key, arguments.get("VersionId"), file)
            bucket, columns, keys = manifest_files(file.read().decode())
        inner = ItemSource("getObject", "", "CSV", first_row=False, headers=columns)
        for name in keys:
            async for items in self._file(execution, inner, bucket, name, None):
                yield items

    async def _file(
        self, execution: NewExecution, source: ItemSource, bucket: str, key: str, version: str | None
    ) -> AsyncIterator[Sequence[Any]]:
        with spooled() as file:
            size = await self._fetch(execution, bucket, key, version, file)
            found: Iterator[Any]
            if source.input_type == "JSON":
                if size > LARGEST_JSON:
                    raise Unreadable(f"Stategate does not read JSON files larger than {LARGEST_JSON} bytes.")
                found = iter(json_items(file.read().decode("utf-8-sig"), source.pointer))
            elif source.input_type == "JSONL":
                found = jsonl_items(_lines(file))
            else:
                found = csv_items(_lines(file), source)
            while items := list(islice(found, TOGETHER)):
                yield items

    async def _fetch(self, execution: NewExecution, bucket: str, key: str, version: str | None, file: IO[bytes]) -> int:
        self._allow(execution, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}", ITEM_READER_FAILED)
        size = 0
        async for piece in self.objects.read(execution.world.region, bucket, key, version):
            file.write(piece)
            size += len(piece)
        file.seek(0)
        return size

    def _allow(self, execution: NewExecution, action: str, resource: str, error: str) -> None:
        ports = self.ports()
        principal: Principal | TaskFailure = roles.assume(ports, execution, None)
        if isinstance(principal, TaskFailure):
            raise ItemsFailed(error, principal.cause)
        decision = access.decide(ports, execution.world, principal, action, resource)
        if not decision.allowed:
            raise ItemsFailed(error, access.denied(principal, action, resource, decision).message)


def _arguments(text: str, known: tuple[str, ...], error: str) -> dict[str, str]:
    given = jsontext.loads(text)
    if not isinstance(given, dict):
        raise ItemsFailed(error, "The arguments must be an object.")
    for name, value in given.items():
        if name not in known:
            raise ItemsFailed(error, f"The argument '{name}' is not supported.")
        if not isinstance(value, str):
            raise ItemsFailed(error, f"The argument '{name}' must be a string.")
    if not given.get("Bucket"):
        raise ItemsFailed(error, "The argument 'Bucket' is required but was missing.")
    return cast(dict[str, str], given)


def _shown(found: ListedObject) -> dict[str, Any]:
    return {
        "Etag": found.etag,
        "Key": found.key,
        "LastModified": int(found.modified),
        "Size": found.size,
        "StorageClass": found.storage_class,
    }


def _said(error: ObjectStoreError) -> str:
    if not error.status:
        return error.message
    return f"{error.message} (Service: S3, Status Code: {error.status}, Error Code: {error.code})"


@contextmanager
def spooled() -> Iterator[IO[bytes]]:
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        yield cast(IO[bytes], file)


def _lines(file: IO[bytes]) -> Iterable[str]:
    """Also of a compressed file."""
    magic = file.read(2)
    file.seek(0)
    raw = cast(IO[bytes], gzip.GzipFile(fileobj=file, mode="rb")) if magic == b"\x1f\x8b" else file
    return io.TextIOWrapper(cast(Any, raw), encoding="utf-8-sig", newline="")

"""Items of map runs out of S3, and their results into it, with the permissions of the execution's role."""

from __future__ import annotations

import gzip
import io
import tempfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any, cast

from stategate.asl.distributed import ITEM_READER_FAILED, RESULT_WRITER_FAILED
from stategate.asl.distributed_items import (
    Unreadable,
    athena_files,
    check_limit,
    csv_items,
    json_items,
    jsonl_items,
    manifest_files,
)
from stategate.asl.distributed_values import ARGUMENTS
from stategate.asl.maprun import Item, ItemSource, ResultTarget, items_of
from stategate.iam import Principal
from stategate.lang import jsontext
from stategate.services import access
from stategate.services.ports import (
    ChildResult,
    Execution,
    ItemsFailed,
    ListedObject,
    NewExecution,
    ObjectStore,
    ObjectStoreError,
    Ports,
    TaskFailure,
)
from stategate.services.states.parquet import parquet_items
from stategate.services.states.redrive import refusal
from stategate.services.states.results import Results
from stategate.services.states.tasks import roles

TOGETHER = 200
"""Items that are passed on at a time."""

IN_MEMORY = 8 * 1024 * 1024
"""Larger objects wait in a temporary file."""

LARGEST_WHOLE = 256 * 1024 * 1024
"""Bytes of a JSON file or a manifest, which have to be read as a whole."""

PERMISSIONS_ERROR = "States.Permissions"
OWNER = "ExpectedBucketOwner"


@dataclass(frozen=True, slots=True)
class Place:
    """An object of S3. `owner`: the account that the bucket must belong to."""

    bucket: str
    key: str
    version: str | None = None
    owner: str | None = None

    @property
    def uri(self) -> str:
        """As `$$.Map.Item.Source` shows it."""
        return f"S3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class MapRunItems:
    """A `MapRunData`. `ports` is a function, as it is made before they are."""

    ports: Callable[[], Ports]
    objects: ObjectStore

    def authorize(self, execution: NewExecution) -> None:
        """The role must be allowed states:StartExecution on the state machine, as on AWS."""
        machine = execution.machine_arn.partition("/")[0]
        self.allow(execution, "states:StartExecution", machine, PERMISSIONS_ERROR)

    def redrivable(self, child: Execution) -> bool:
        ports = self.ports()
        return refusal(ports, child, ports.clock.now()) is None

    async def read(self, execution: NewExecution, source: ItemSource) -> AsyncIterator[Sequence[Item]]:
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
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ItemsFailed(ITEM_READER_FAILED, f"The compressed file cannot be read: {error}") from None
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
        given = _arguments(target.arguments, "putObject", RESULT_WRITER_FAILED)
        bucket, prefix, owner = given["Bucket"], given.get("Prefix", "").rstrip("/"), given.get(OWNER)
        folder = f"{prefix}/{map_run_arn.rpartition(':')[2]}".lstrip("/")
        self.allow(execution, "s3:PutObject", f"arn:aws:s3:::{bucket}/{folder}/manifest.json", RESULT_WRITER_FAILED)
        region = execution.world.region
        try:
            async for result in results:
                for name, body in made.take(result):
                    await self.objects.put(region, bucket, f"{folder}/{name}", body, owner)
            for name, body in made.rest():
                await self.objects.put(region, bucket, f"{folder}/{name}", body, owner)
            manifest = made.manifest(bucket, map_run_arn, folder)
            body = jsontext.dumps(manifest).encode()
            await self.objects.put(region, bucket, f"{folder}/manifest.json", body, owner)
        except ObjectStoreError as error:
            raise ItemsFailed(RESULT_WRITER_FAILED, _said(error)) from None
        details = {"Bucket": bucket, "Key": f"{folder}/manifest.json"}
        return jsontext.dumps({"MapRunArn": map_run_arn, "ResultWriterDetails": details})

    # --- reading

    def _read(self, execution: NewExecution, source: ItemSource) -> AsyncIterator[Sequence[Item]]:
        given = _arguments(source.arguments, source.action, ITEM_READER_FAILED)
        if source.action == "listObjectsV2":
            return self._listed(execution, source, given)
        place = Place(given["Bucket"], given["Key"], given.get("VersionId"), given.get(OWNER))
        match source.manifest, source.input_type:
            case "ATHENA_DATA", _:
                return self._athena(execution, source, place)
            case (None, "MANIFEST") | ("S3_INVENTORY", _):
                return self._inventory(execution, place)
            case _:
                return self._object(execution, source, place)

    async def _listed(
        self, execution: NewExecution, source: ItemSource, given: dict[str, str]
    ) -> AsyncIterator[Sequence[Item]]:
        bucket, owner = given["Bucket"], given.get(OWNER)
        self.allow(execution, "s3:ListBucket", f"arn:aws:s3:::{bucket}", ITEM_READER_FAILED)
        async for page in self.objects.objects(execution.world.region, bucket, given.get("Prefix", ""), owner):
            if not source.flatten:
                yield [Item(_shown(found), f"S3://{bucket}") for found in page]
                continue
            for found in page:
                if found.key.endswith("/") and not found.size:
                    continue  # what consoles show as a folder
                async for items in self._object(execution, source, Place(bucket, found.key, owner=owner)):
                    yield items

    async def _athena(self, execution: NewExecution, source: ItemSource, place: Place) -> AsyncIterator[Sequence[Item]]:
        for bucket, key in athena_files(await self._text(execution, place)):
            async for items in self._object(execution, source, Place(bucket, key, owner=place.owner)):
                yield items

    async def _inventory(self, execution: NewExecution, place: Place) -> AsyncIterator[Sequence[Item]]:
        bucket, columns, keys = manifest_files(await self._text(execution, place))
        inner = ItemSource("getObject", "", "CSV", first_row=False, headers=columns)
        for key in keys:
            async for items in self._object(execution, inner, Place(bucket, key, owner=place.owner)):
                yield items

    async def _object(self, execution: NewExecution, source: ItemSource, place: Place) -> AsyncIterator[Sequence[Item]]:
        with spooled() as file:
            size = await self._fetch(execution, place, file)
            found = _items_in(file, size, source, place.uri)
            while items := list(islice(found, TOGETHER)):
                yield items

    async def _text(self, execution: NewExecution, place: Place) -> str:
        with spooled() as file:
            return _whole(file, await self._fetch(execution, place, file))

    async def _fetch(self, execution: NewExecution, place: Place, file: IO[bytes]) -> int:
        self.allow(execution, "s3:GetObject", f"arn:aws:s3:::{place.bucket}/{place.key}", ITEM_READER_FAILED)
        size = 0
        region = execution.world.region
        async for piece in self.objects.read(region, place.bucket, place.key, place.version, place.owner):
            file.write(piece)
            size += len(piece)
        file.seek(0)
        return size

    def allow(self, execution: NewExecution, action: str, resource: str, error: str) -> None:
        ports = self.ports()
        principal: Principal | TaskFailure = roles.assume(ports, execution, None)
        if isinstance(principal, TaskFailure):
            raise ItemsFailed(error, principal.cause)
        decision = access.decide(ports, execution.world, principal, action, resource)
        if not decision.allowed:
            raise ItemsFailed(error, access.denied(principal, action, resource, decision).message)


def _items_in(file: IO[bytes], size: int, source: ItemSource, uri: str) -> Iterator[Item]:
    """Raises `Unreadable`, UnicodeDecodeError."""
    match source.input_type:
        case "JSON":
            return iter(items_of(json_items(_whole(file, size), source.pointer), uri) or [])
        case "JSONL":
            values: Iterator[Any] = jsonl_items(_lines(file))
        case "PARQUET":
            values = parquet_items(file)
        case _:
            values = csv_items(_lines(file), source)
    return (Item(value, uri) for value in values)


def _whole(file: IO[bytes], size: int) -> str:
    """Raises `Unreadable`, UnicodeDecodeError."""
    if size > LARGEST_WHOLE:
        raise Unreadable(f"Stategate does not read JSON files and manifests larger than {LARGEST_WHOLE} bytes.")
    return file.read().decode("utf-8-sig")


def _arguments(text: str, action: str, error: str) -> dict[str, str]:
    """Of an action of S3, checked. Raises `ItemsFailed`."""
    given = jsontext.loads(text)
    required, optional = ARGUMENTS[action]
    if not isinstance(given, dict):
        raise ItemsFailed(error, "The arguments must be an object.")
    for name, value in given.items():
        if name not in (*required, *optional):
            raise ItemsFailed(error, f"The argument '{name}' is not supported.")
        if not isinstance(value, str):
            raise ItemsFailed(error, f"The argument '{name}' must be a string.")
    for name in required:
        if not given.get(name):
            raise ItemsFailed(error, f"The argument '{name}' is required but was missing.")
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

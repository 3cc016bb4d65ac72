"""A small S3: path style, ranges, listings in pages. It remembers what was asked."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from urllib.parse import parse_qs, quote_plus, unquote, urlsplit

PAGE = 2


class S3Server:
    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.buckets: set[str] = set()
        self.locked = False
        self.seen: list[tuple[str, str, dict[str, str]]] = []

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.seen.append((method, target, headers))
                status, more, answer = self._answer(method, target, headers, body)
                lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(answer)}", *more]
                writer.write("\r\n".join([*lines, "", ""]).encode() + answer)
                await writer.drain()
        writer.close()

    def _answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, Sequence[str], bytes]:
        parts = urlsplit(target)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        if self.locked:
            return 403, (), b""
        if bucket not in self.buckets:
            return 404, (), _error("NoSuchBucket", "The specified bucket does not exist")
        if method == "PUT":
            self.objects[bucket, key] = body
            return 200, (), b""
        if not key:
            return 200, (), self._listing(bucket, {k: v[0] for k, v in parse_qs(parts.query).items()})
        found = self.objects.get((bucket, key))
        if found is None:
            return 404, (), _error("NoSuchKey", "The specified key does not exist.")
        first, _, last = headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")
        if int(first) >= len(found):
            return 416, (), _error("InvalidRange", "The requested range is not satisfiable")
        piece = found[int(first) : int(last) + 1 if last else None]
        etag = f'"{hashlib.md5(found, usedforsecurity=False).hexdigest()}"'
        if headers.get("if-match", etag) != etag:
            return (
                412,
                (),
                _error("PreconditionFailed", "A precondition did not hold."),
            )
        place = f"Content-Range: bytes {first}-{int(first) + len(piece) - 1}/{len(found)}"
        return 206, (place, f"ETag: {etag}"), piece

    def _listing(self, bucket: str, query: dict[str, str]) -> bytes:
        keys = sorted(
            key
            for owner, key in self.objects
            if owner == bucket and key.startswith(query.get("prefix", "")) and key > query.get("continuation-token", "")
        )
        shown = "".join(
            f"<Contents><Key>{quote_plus(key)}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;e&quot;</ETag><Size>{len(self.objects[bucket, key])}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for key in keys[:PAGE]
        )
        more = f"<NextContinuationToken>{keys[PAGE - 1]}</NextContinuationToken>" if len(keys) > PAGE else ""
        space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
        encoding = f"<EncodingType>{query['encoding-type']}</EncodingType>"
        return f"<ListBucketResult {space}>{encoding}{shown}{more}</ListBucketResult>".encode()


def _error(code: str, message: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()

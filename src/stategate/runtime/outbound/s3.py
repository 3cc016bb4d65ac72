"""S3 on whatever server the setting `s3_endpoint` names (path style), signed if there are keys.

Objects are read in pieces (Range), so that a large one never is in memory as a whole.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote_plus, urlsplit
from xml.etree import ElementTree

from stategate.services.ports import (
    Clock,
    ListedObject,
    ObjectStoreError,
    Outbound,
    OutboundError,
    OutboundRequest,
    OutboundResponse,
)
from stategate.wire.http import HttpRequest
from stategate.wire.sigv4 import amz_date, sign

PIECE = 8 * 1024 * 1024
"""Bytes of an object that are asked for at a time."""

TIMEOUT = 60.0
PAUSES = (0.1, 0.5)
"""Seconds until what failed for now is tried again: three attempts, as with AWS's SDKs."""

_TRANSIENT = frozenset((429, 500, 502, 503, 504))
_UNSIGNED = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True, slots=True)
class S3:
    """An `ObjectStore`. Without an `endpoint` it refuses everything by name; without keys requests are not signed."""

    outbound: Outbound
    clock: Clock
    endpoint: str
    access_key: str = ""
    secret_key: str = ""

    async def read(
        self, region: str, bucket: str, key: str, version: str | None = None, owner: str | None = None
    ) -> AsyncIterator[bytes]:
        start = 0
        same: tuple[tuple[str, str], ...] = ()  # as the first piece: the object may be written anew meanwhile
        query = "" if version is None else f"versionId={quote(version, safe='')}"
        while True:
            headers = (("Range", f"bytes={start}-{start + PIECE - 1}"), *same, *_owned(owner))
            answer = await self._send(region, "GET", bucket, key, query, headers=headers)
            if answer.status == 416 and start == 0:
                return  # an empty object has no first byte
            self._check(answer)
            if answer.body:
                yield answer.body
            start += len(answer.body)
            same = tuple(("If-Match", value) for name, value in answer.headers if name.lower() == "etag")
            if answer.status != 206 or start >= _whole_size(answer, start):
                return

    async def objects(
        self, region: str, bucket: str, prefix: str, owner: str | None = None
    ) -> AsyncIterator[Sequence[ListedObject]]:
        token: str | None = None
        while True:
            members = {"encoding-type": "url", "list-type": "2", "prefix": prefix}
            if token is not None:
                members["continuation-token"] = token
            query = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(members.items()) if value)
            answer = await self._send(region, "GET", bucket, "", query, headers=_owned(owner))
            self._check(answer)
            found, token = _listed(answer.body)
            yield found
            if token is None:
                return

    async def put(self, region: str, bucket: str, key: str, body: bytes, owner: str | None = None) -> None:
        headers = (("Content-Type", "application/json"), *_owned(owner))
        self._check(await self._send(region, "PUT", bucket, key, "", body=body, headers=headers))

    async def _send(
        self,
        region: str,
        method: str,
        bucket: str,
        key: str,
        query: str,
        *,
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = (),
    ) -> OutboundResponse:
        if not self.endpoint:
            raise ObjectStoreError("NoEndpoint", "This server has no S3: its setting s3_endpoint is not set.", 0)
        path = f"/{quote(bucket, safe='')}" + (f"/{quote(key, safe='/')}" if key else "")
        url = f"{self.endpoint.rstrip('/')}{path}" + (f"?{query}" if query else "")
        sent = [*headers, *self._signed(region, method, url, body, headers)]
        request = OutboundRequest(method, url, sent, body, timeout=TIMEOUT, limit=PIECE + 1024 * 1024)
        try:
            return await self._answer(request)
        except OutboundError as error:
            raise ObjectStoreError("Unreachable", f"{self.endpoint}: {error}", 0) from error

    async def _answer(self, request: OutboundRequest) -> OutboundResponse:
        for pause in PAUSES:
            with contextlib.suppress(OutboundError):
                answer = await self.outbound.send(request)
                if answer.status not in _TRANSIENT:
                    return answer
            await asyncio.sleep(pause)
        return await self.outbound.send(request)

    def _signed(
        self, region: str, method: str, url: str, body: bytes, headers: Sequence[tuple[str, str]]
    ) -> list[tuple[str, str]]:
        """The headers that sign a request."""
        if not self.access_key:
            return []
        now = self.clock.now()
        parts = urlsplit(url)
        added = [
            ("x-amz-content-sha256", _UNSIGNED),
            ("x-amz-date", amz_date(now)),
        ]
        request = HttpRequest(method, parts.path, parts.query, [("host", parts.netloc), *added, *headers], body)
        authorization = sign(request, self.access_key, self.secret_key, region, "s3", now)
        return [*added, ("Authorization", authorization)]

    def _check(self, answer: OutboundResponse) -> None:
        if answer.status < 300:
            return
        code, message = f"Http{answer.status}", ""
        try:
            root = ElementTree.fromstring(answer.body)
        except ElementTree.ParseError:
            pass
        else:
            code = root.findtext("{*}Code") or root.findtext("Code") or code
            message = root.findtext("{*}Message") or root.findtext("Message") or ""
        message = message or f"S3 answered with the status {answer.status}"
        if answer.status == 403 and not self.access_key:
            message += " (the request was not signed: this server's setting s3_access_key is not set)"
        raise ObjectStoreError(code, message, answer.status)


def _owned(owner: str | None) -> tuple[tuple[str, str], ...]:
    return () if owner is None else (("x-amz-expected-bucket-owner", owner),)


def _whole_size(answer: OutboundResponse, default: int) -> int:
    """Of the object, from Content-Range: `bytes 0-9/1234`."""
    for name, value in answer.headers:
        if name.lower() == "content-range":
            size = value.rpartition("/")[2]
            return int(size) if size.isdecimal() else default
    return default


def _listed(body: bytes) -> tuple[list[ListedObject], str | None]:
    """The objects of a page, and the token of the next."""
    try:
        root = ElementTree.fromstring(body)
        if root.tag.rpartition("}")[2] != "ListBucketResult":
            raise ValueError(f"it is a {root.tag}")
        # Asked for, as XML can not hold every key.
        encoded = _text(root, "EncodingType") == "url"
        found = [_object(item, encoded) for item in root.iterfind("{*}Contents")]
        token = _text(root, "NextContinuationToken") or None
        if token is None and _text(root, "IsTruncated") == "true":
            raise ValueError("it ends without a NextContinuationToken")
    except (ElementTree.ParseError, ValueError) as error:
        raise ObjectStoreError("InvalidResponse", f"S3's list of objects cannot be read: {error}", 200) from None
    return found, token


def _object(item: ElementTree.Element, encoded: bool) -> ListedObject:
    """Raises ValueError."""
    key = _text(item, "Key")
    return ListedObject(
        key=unquote_plus(key) if encoded else key,
        size=int(_text(item, "Size") or 0),
        etag=_text(item, "ETag"),
        modified=_seconds(_text(item, "LastModified")),
        storage_class=_text(item, "StorageClass") or "STANDARD",
    )


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""


def _seconds(text: str) -> float:
    if not text:
        return 0.0
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return parsedate_to_datetime(text).timestamp()

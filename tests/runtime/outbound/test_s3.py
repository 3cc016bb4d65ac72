"""The S3 port against moto's server; and against servers whose answers are broken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from runtime.outbound.motoserver import BUCKET, KEYS, MotoServer
from runtime.outbound.test_http import Answer, fixed
from runtime.outbound.test_http import server as raw_server
from stategate.runtime.clock import SystemClock
from stategate.runtime.outbound import s3 as port
from stategate.runtime.outbound.http import HttpClient
from stategate.runtime.outbound.s3 import S3
from stategate.services.ports import ListedObject, ObjectStoreError

REGION = "us-east-1"
ODD = ["a b+c&=é.csv", "p/%2F%20x", "q?x=1#f", "r//s", "/lead", "./dot", "x/../y", "tab\t", "quote\"'<>", "trail/",
       "emoji😀", "~-_.!*()", "a;b:c@d$e,f", "back\\slash", "x|y^z`{}[]", "x" * 1024]  # fmt: skip


def simulate(url: str, body: Callable[[S3], Awaitable[None]], keys: tuple[str, str] = KEYS) -> None:
    async def main() -> None:
        client = HttpClient()
        try:
            await body(S3(client, SystemClock(), url, *keys))
        finally:
            await client.close()

    asyncio.run(main())


async def whole(store: S3, key: str, version: str | None = None, bucket: str = BUCKET) -> bytes:
    return b"".join([piece async for piece in store.read(REGION, bucket, key, version)])


async def listed(store: S3, prefix: str = "", bucket: str = BUCKET) -> list[ListedObject]:
    return [found async for page in store.objects(REGION, bucket, prefix) for found in page]


async def refused(call: Awaitable[object]) -> ObjectStoreError:
    with pytest.raises(ObjectStoreError) as caught:
        await call
    return caught.value


# --- moto


@pytest.mark.parametrize("size", [0, 1, 4, 5, 8, 9])
def test_reads_in_pieces(s3: MotoServer, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(port, "PIECE", 4)
    s3.put("k", bytes(range(size)))

    async def body(store: S3) -> None:
        pieces = [piece async for piece in store.read(REGION, BUCKET, "k")]
        assert [len(piece) for piece in pieces] == [4] * (size // 4) + [size % 4] * (size % 4 > 0)
        assert b"".join(pieces) == bytes(range(size))

    simulate(s3.url, body)


def test_a_large_object(s3: MotoServer) -> None:
    content = b"0123456789abcdef" * (port.PIECE // 16 * 2 + 1)

    async def body(store: S3) -> None:
        await store.put(REGION, BUCKET, "large", content)
        assert [len(piece) async for piece in store.read(REGION, BUCKET, "large")] == [port.PIECE, port.PIECE, 16]
        assert await whole(store, "large") == content == s3.get("large")

    simulate(s3.url, body)


def test_an_object_that_is_written_anew_meanwhile(s3: MotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "PIECE", 4)
    s3.put("k", b"aaaabbbb")

    async def body(store: S3) -> None:
        pieces = aiter(store.read(REGION, BUCKET, "k"))
        assert await anext(pieces) == b"aaaa"
        s3.put("k", b"ccccdddd")
        assert (await refused(anext(pieces))).code == "PreconditionFailed"

    simulate(s3.url, body)


def test_versions(s3: MotoServer) -> None:
    s3.client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    versions = [s3.client.put_object(Bucket=BUCKET, Key="k", Body=text)["VersionId"] for text in ("one", "two")]
    s3.client.delete_object(Bucket=BUCKET, Key="k")

    async def body(store: S3) -> None:
        assert [await whole(store, "k", version) for version in versions] == [b"one", b"two"]
        assert (await refused(whole(store, "k"))).code == "NoSuchKey"
        assert (await refused(whole(store, "k", "none"))).code == "NoSuchVersion"

    simulate(s3.url, body)


def test_keys_with_odd_characters(s3: MotoServer) -> None:
    async def body(store: S3) -> None:
        for key in ODD:
            await store.put(REGION, BUCKET, key, key.encode())
        assert s3.objects() == {key: key.encode() for key in ODD}
        assert sorted(found.key for found in await listed(store)) == sorted(ODD)
        assert [await whole(store, key) for key in ODD] == [key.encode() for key in ODD]

    simulate(s3.url, body)


def test_lists_as_other_clients_do(s3: MotoServer) -> None:
    for number in range(3):
        s3.put(f"p/{number}", b"x" * number)
    s3.put("q/4", b"")
    expected = [
        ListedObject(item["Key"], item["Size"], item["ETag"], item["LastModified"].timestamp(), item["StorageClass"])
        for item in s3.client.list_objects_v2(Bucket=BUCKET, Prefix="p/")["Contents"]
    ]

    async def body(store: S3) -> None:
        assert await listed(store, "p/") == expected
        assert len(expected) == 3
        assert await listed(store, "no such prefix") == []

    simulate(s3.url, body)


def test_lists_all_pages(s3: MotoServer) -> None:
    async def body(store: S3) -> None:
        names = [f"é+{number:04}" for number in range(1001)]
        for start in range(0, len(names), 50):
            await asyncio.gather(*(store.put(REGION, BUCKET, name, b"") for name in names[start : start + 50]))
        pages = [[found.key for found in page] async for page in store.objects(REGION, BUCKET, "é+")]
        assert pages == [names[:1000], names[1000:]]

    simulate(s3.url, body)


def test_what_is_not_there(s3: MotoServer) -> None:
    async def body(store: S3) -> None:
        for call, code in (
            (whole(store, "no"), "NoSuchKey"),
            (whole(store, "k", bucket="no-such"), "NoSuchBucket"),
            (listed(store, bucket="no-such"), "NoSuchBucket"),
            (store.put(REGION, "no-such", "k", b""), "NoSuchBucket"),
        ):
            error = await refused(call)
            assert (error.code, error.status) == (code, 404)

    simulate(s3.url, body)


def test_nothing_is_signed_without_keys(s3: MotoServer) -> None:
    s3.put("private", b"x")

    async def body(store: S3) -> None:
        error = await refused(whole(store, "private"))
        assert error.status == 403
        assert str(error).endswith(" (the request was not signed: this server's setting s3_access_key is not set)")
        s3.client.put_object_acl(Bucket=BUCKET, Key="private", ACL="public-read")
        assert await whole(store, "private") == b"x"

    simulate(s3.url, body, ("", ""))


@contextmanager
def user(s3: MotoServer, *actions: str) -> Iterator[tuple[str, str]]:
    """The keys of a user who may do this; meanwhile signatures and permissions are checked."""
    iam = s3.service("iam", *KEYS)
    policy = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}}
    iam.create_user(UserName="u")
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName="u")["AccessKey"]
    iam.close()
    s3.tell("reset-auth", "0")
    try:
        yield made["AccessKeyId"], made["SecretAccessKey"]
    finally:
        s3.tell("reset-auth", "inf")


def test_signatures(s3: MotoServer) -> None:
    async def body(store: S3) -> None:
        for key in ODD:
            await store.put(REGION, BUCKET, key, key.encode(), "123456789012")
            assert await whole(store, key) == key.encode()
        assert [found.key for found in await listed(store, "a b+")] == [ODD[0]]

    async def forged(store: S3) -> None:
        assert (await refused(whole(store, "k"))).code == "SignatureDoesNotMatch"

    with user(s3, "s3:*") as keys:
        simulate(s3.url, body, keys)
        simulate(s3.url, forged, (keys[0], "wrong"))


def test_access_denied(s3: MotoServer) -> None:
    async def body(store: S3) -> None:
        await store.put(REGION, BUCKET, "k", b"x")
        for call in (whole(store, "k"), listed(store)):
            error = await refused(call)
            assert (error.code, error.message, error.status) == ("AccessDenied", "Access Denied", 403)

    with user(s3, "s3:PutObject") as keys:
        simulate(s3.url, body, keys)


# --- others

LIST = b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</ListBucketResult>'


def peer(answer: Answer, body: Callable[[S3], Awaitable[None]]) -> None:
    async def main() -> None:
        client = HttpClient()
        try:
            async with raw_server(answer) as (url, _):
                await body(S3(client, SystemClock(), url, *KEYS))
        finally:
            await client.close()

    asyncio.run(main())


def answered(body: bytes, status: int = 200) -> Answer:
    return fixed(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))


def test_every_header_of_amazon_is_signed() -> None:
    heads: list[Mapping[str, str]] = []

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        lines = [line.partition(":") for line in head.decode().split("\r\n")[1:] if line]
        heads.append({name.lower(): value.strip() for name, _, value in lines})
        await answered(LIST % b"")(head, writer)

    async def body(store: S3) -> None:
        owner = "111122223333"
        await store.put(REGION, BUCKET, "k", b"", owner)
        assert [piece async for piece in store.read(REGION, BUCKET, "k", None, owner)]
        assert [page async for page in store.objects(REGION, BUCKET, "", owner)]
        for head in heads:
            amazon = sorted(name for name in head if name.startswith("x-amz-"))
            assert head["x-amz-expected-bucket-owner"] == owner
            assert f"SignedHeaders={';'.join(['host', *amazon])}," in head["authorization"]

    peer(answer, body)
    assert len(heads) == 3


@pytest.mark.parametrize(
    "text",
    [
        b"no XML",
        b"<html><body>A console</body></html>",
        LIST % b"<IsTruncated>true</IsTruncated>",
        LIST % b"<Contents><Key>k</Key><Size>many</Size></Contents>",
        LIST % b"<Contents><Key>k</Key><LastModified>today</LastModified></Contents>",
    ],
)
def test_lists_that_are_none(text: bytes) -> None:
    async def body(store: S3) -> None:
        error = await refused(listed(store))
        assert error.code == "InvalidResponse"
        assert error.message.startswith("S3's list of objects cannot be read: ")

    peer(answered(text), body)


async def silent(head: bytes, writer: asyncio.StreamWriter) -> None: ...


async def breaking(head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([answered(b"later", 503), breaking, answered(b"x")], None),
        ([answered(b"", 500), answered(b"", 404)], "Http404"),
        ([answered(b"later", 503)] * 3, "Http503"),
        ([breaking] * 3, "Unreachable"),
        ([silent] * 3, "Unreachable"),
    ],
)
def test_what_fails_for_now_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, answers: list[Answer], code: str | None
) -> None:
    monkeypatch.setattr(port, "PAUSES", (0.0, 0.0))
    if silent in answers:
        monkeypatch.setattr(port, "TIMEOUT", 0.2)
    left = iter(answers)

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        await next(left)(head, writer)

    async def body(store: S3) -> None:
        if code is None:
            assert await whole(store, "k") == b"x"
        else:
            assert (await refused(whole(store, "k"))).code == code
        assert next(left, None) is None

    peer(answer, body)


def test_a_server_without_ranges() -> None:
    async def body(store: S3) -> None:
        assert await whole(store, "k") == b"everything"

    peer(answered(b"everything"), body)


@pytest.mark.parametrize(("endpoint", "code"), [("", "NoEndpoint"), ("http://127.0.0.1:9", "Unreachable")])
def test_nowhere(endpoint: str, code: str) -> None:
    async def body(store: S3) -> None:
        assert (await refused(store.put(REGION, BUCKET, "k", b""))).code == code

    simulate(endpoint, body)

"""The S3 port against a small S3."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from runtime.outbound.s3server import S3Server
from stategate.runtime.outbound import s3
from stategate.runtime.outbound.http import HttpClient
from stategate.runtime.outbound.s3 import S3
from stategate.services.ports import ListedObject, ObjectStoreError
from stategate.testing.clock import FakeClock

REGION = "us-east-1"


def simulate(body: Callable[[S3, S3Server], Awaitable[None]], keys: tuple[str, str] = ("", "")) -> None:
    async def main() -> None:
        server, client = S3Server(), HttpClient()
        server.buckets.add("b")
        try:
            async with server.serving() as url:
                await body(S3(client, FakeClock(), url, *keys), server)
        finally:
            await client.close()

    asyncio.run(main())


async def whole(store: S3, key: str) -> bytes:
    return b"".join([piece async for piece in store.read(REGION, "b", key)])


def test_reads_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PIECE", 4)

    async def body(store: S3, server: S3Server) -> None:
        for size in (0, 1, 4, 5, 8, 9):
            server.objects["b", "a b/ü.csv"] = bytes(range(size))
            server.seen.clear()
            assert await whole(store, "a b/ü.csv") == bytes(range(size))
            assert len(server.seen) == max(1, -(-size // 4))

    simulate(body)


def test_lists_all_pages() -> None:
    async def body(store: S3, server: S3Server) -> None:
        for key in ("p/1", "p/2", "p/3", "q/4"):
            server.objects["b", key] = b"xy"
        found = [item async for page in store.objects(REGION, "b", "p/") for item in page]
        assert found == [ListedObject(f"p/{number}", 2, '"e"', 1704067200.0, "STANDARD") for number in (1, 2, 3)]

    simulate(body)


def test_keys_that_xml_can_not_hold() -> None:
    async def body(store: S3, server: S3Server) -> None:
        keys = ["p/a&b <c>", "p/\x01+é"]
        for key in keys:
            server.objects["b", key] = b""
        found = [item.key async for page in store.objects(REGION, "b", "p/") for item in page]
        assert sorted(found) == sorted(keys)

    simulate(body)


def test_an_object_that_is_written_anew_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PIECE", 4)

    async def body(store: S3, server: S3Server) -> None:
        server.objects["b", "k"] = b"aaaabbbb"
        pieces = store.read(REGION, "b", "k")
        assert await anext(aiter(pieces)) == b"aaaa"
        server.objects["b", "k"] = b"ccccdddd"
        with pytest.raises(ObjectStoreError) as caught:
            await anext(aiter(pieces))
        assert caught.value.code == "PreconditionFailed"

    simulate(body)


def test_the_owner_of_the_bucket_is_told() -> None:
    async def body(store: S3, server: S3Server) -> None:
        await store.put(REGION, "b", "k", b"x", "111122223333")
        assert b"".join([piece async for piece in store.read(REGION, "b", "k", None, "111122223333")]) == b"x"
        assert [page async for page in store.objects(REGION, "b", "", "111122223333")]
        assert {headers["x-amz-expected-bucket-owner"] for _, _, headers in server.seen} == {"111122223333"}

    simulate(body)


@pytest.mark.parametrize("keys", [("", ""), ("AKIA", "secret")])
def test_a_refusal_says_if_nothing_was_signed(keys: tuple[str, str]) -> None:
    async def body(store: S3, server: S3Server) -> None:
        server.locked = True
        with pytest.raises(ObjectStoreError) as caught:
            await whole(store, "k")
        assert ("s3_access_key is not set" in str(caught.value)) == (not keys[0])

    simulate(body, keys)


def test_puts() -> None:
    async def body(store: S3, server: S3Server) -> None:
        await store.put(REGION, "b", "r/x.json", b"[]")
        assert server.objects == {("b", "r/x.json"): b"[]"}
        assert "authorization" not in server.seen[0][2]

    simulate(body)


def test_signs_with_keys() -> None:
    async def body(store: S3, server: S3Server) -> None:
        server.objects["b", "a b"] = b"x"
        await whole(store, "a b")
        _, target, headers = server.seen[0]
        assert target == "/b/a%20b"
        assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIA/2023")
        assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date" in headers["authorization"]
        assert headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"

    simulate(body, ("AKIA", "secret"))


@pytest.mark.parametrize(("bucket", "key", "code"), [("b", "no", "NoSuchKey"), ("no", "k", "NoSuchBucket")])
def test_refusals(bucket: str, key: str, code: str) -> None:
    async def body(store: S3, server: S3Server) -> None:
        with pytest.raises(ObjectStoreError) as caught:
            [piece async for piece in store.read(REGION, bucket, key)]
        assert (caught.value.code, caught.value.status) == (code, 404)

    simulate(body)


def test_nowhere() -> None:
    async def main() -> None:
        client = HttpClient()
        try:
            for endpoint, code in (("", "NoEndpoint"), ("http://127.0.0.1:9", "Unreachable")):
                with pytest.raises(ObjectStoreError) as caught:
                    await S3(client, FakeClock(), endpoint).put(REGION, "b", "k", b"")
                assert caught.value.code == code
        finally:
            await client.close()

    asyncio.run(main())

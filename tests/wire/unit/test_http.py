import gzip
import zlib

import pytest

from stategate.wire import HttpRequest, WireError
from stategate.wire.http import UNCOMPRESSED_LIMIT, uncompressed


def request(body: bytes, encoding: str) -> HttpRequest:
    return HttpRequest("POST", "/", headers=[("content-encoding", encoding)], body=body)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP"])
def test_a_compressed_body_is_read(encoding: str) -> None:
    assert uncompressed(request(gzip.compress(b'{"a":1}'), encoding)).body == b'{"a":1}'


@pytest.mark.parametrize("encoding", ["", "identity", "amz-1.0", "utf-8", "aws-chunked"])
def test_other_encodings_say_nothing(encoding: str) -> None:
    sent = request(b"{}", encoding)
    assert uncompressed(sent) is sent


def test_no_body_is_none_to_uncompress() -> None:
    assert uncompressed(request(b"", "gzip")).body == b""


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", "SerializationException"),
        (zlib.compress(b"{}"), "SerializationException"),
        (gzip.compress(b"{}")[:-3], "SerializationException"),
        (gzip.compress(b"{}") + b"x", "SerializationException"),
        (gzip.compress(bytes(UNCOMPRESSED_LIMIT + 1)), "RequestTooLargeException"),
    ],
)
def test_what_can_not_be_uncompressed_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(WireError) as error:
        uncompressed(request(body, "gzip"))
    assert error.value.code == code


def test_as_much_as_may_come_plain_may_come_compressed() -> None:
    assert len(uncompressed(request(gzip.compress(bytes(UNCOMPRESSED_LIMIT)), "gzip")).body) == UNCOMPRESSED_LIMIT

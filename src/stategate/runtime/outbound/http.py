"""The HTTP client for HTTP integrations, key sets of token issuers and services on other servers.

aiohttp: asynchronous on the server's own event loop, C parser, connections kept per host, header names keep their
casing both ways. It adds nothing here: no redirects, no decompression, no cookies, no headers but Host and
Content-Length.
"""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
from typing import TYPE_CHECKING

from stategate.services.ports import OutboundError, OutboundRequest, OutboundResponse

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import ResolveResult

CONNECTIONS = 1000
PER_HOST = 200
IDLE_SECONDS = 15.0
"""Shorter than the idle time of common servers, so that a kept connection is rarely one that its server just closed."""

LARGEST_HEADER = 64 * 1024
LARGE_BODY = 1024 * 1024


class HttpClient:
    """An `Outbound`. Made anywhere, used in one event loop; `close` ends its connections."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: OutboundRequest) -> OutboundResponse:
        # Imported when it is first needed: a server without HTTP integrations starts without it.
        import aiohttp
        import yarl

        session = self._session
        if session is None:
            session = self._session = _session()
        try:
            url = yarl.URL(request.url, encoded=True)
            async with (
                asyncio.timeout(request.timeout),
                session.request(
                    request.method,
                    url,
                    headers=[(name, _written(value)) for name, value in request.headers],
                    data=_data(request.body),
                    allow_redirects=False,
                    ssl=request.verify,
                ) as response,
            ):
                body = await _read(response, request.limit)
                headers = tuple((_text(name), _text(value)) for name, value in response.raw_headers)
                return OutboundResponse(response.status, headers, body)
        except TimeoutError:
            raise OutboundError("timeout", f"No answer within {request.timeout:g} s") from None
        except (aiohttp.InvalidURL, aiohttp.ClientConnectorDNSError) as error:
            raise OutboundError("address", str(error)) from error
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise OutboundError("tls", str(error)) from error
        except (aiohttp.ClientConnectorError, ConnectionRefusedError) as error:
            raise OutboundError("connect", str(error)) from error
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise OutboundError("protocol", str(error) or type(error).__name__) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _session() -> aiohttp.ClientSession:
    import aiohttp

    class Resolver(aiohttp.ThreadedResolver):
        """Names under `.localhost` are this machine (RFC 6761), whatever the system's resolver knows of them."""

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            here = host.lower().rstrip(".").endswith(".localhost")
            return await super().resolve("localhost" if here else host, port, family)

    connector = aiohttp.TCPConnector(
        limit=CONNECTIONS, limit_per_host=PER_HOST, keepalive_timeout=IDLE_SECONDS, resolver=Resolver()
    )
    return aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        timeout=aiohttp.ClientTimeout(total=None),
        max_line_size=LARGEST_HEADER,
        max_field_size=LARGEST_HEADER,
        trust_env=False,
    )


def _data(body: bytes) -> bytes | io.BytesIO | None:
    """aiohttp sends a file in pieces, with pauses for the event loop."""
    return io.BytesIO(body) if len(body) > LARGE_BODY else body or None


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit:
            response.close()
            raise OutboundError("too_large", f"The answer is larger than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _written(value: str) -> str:
    """aiohttp writes UTF-8. Bytes of another request's header, read as Latin-1, go out as the bytes they were."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _text(value: bytes) -> str:
    return value.decode("latin-1")

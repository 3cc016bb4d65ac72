"""Packages go when no function and no version refers to them any more.

That is found by looking at all of them, which is also right after a crash between the deletion of a function and that
of its package: it is done after the server has started, and soon after what may have left a package behind.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from stategate.services.lambda_ import records
from stategate.services.ports import Ports

PAUSE = 1.0
"""Seconds; however many functions change within them, one look is enough."""

_uploads: Counter[int] = Counter()
"""How many packages are on their way into a function, by the identity of the functions' port."""

_coming: set[int] = set()
_running: set[asyncio.Task[None]] = set()
"""The event loop holds its tasks weakly."""

_log = structlog.get_logger(__name__)


@contextmanager
def uploading(ports: Ports) -> Iterator[None]:
    """In the block a package is put that something comes to refer to before it ends."""
    key = id(ports.functions)
    _uploads[key] += 1
    try:
        yield
    finally:
        _uploads[key] -= 1
        tidy_soon(ports)


async def tidy(ports: Ports) -> None:
    """Deletes the packages that nothing refers to; the end of an upload asks for it again."""
    before = _referenced(ports)
    # What no longer refers to a package must be gone from the disk before the package is.
    await ports.store.durable()
    if not _uploads[id(ports.functions)]:
        ports.functions.keep_packages(before | _referenced(ports))


def tidy_soon(ports: Ports) -> None:
    """Call it in the event loop; when the server starts, too."""
    if id(ports.functions) not in _coming:
        _coming.add(id(ports.functions))
        task = asyncio.get_running_loop().create_task(_tidy_after_pause(ports))
        _running.add(task)
        task.add_done_callback(_running.discard)


async def _tidy_after_pause(ports: Ports) -> None:
    try:
        await asyncio.sleep(PAUSE)
    finally:
        _coming.discard(id(ports.functions))
    try:
        await tidy(ports)
    except Exception:  # noqa: BLE001  nobody waits for it, and the next look finds the same packages
        _log.exception("packages not deleted")


def _referenced(ports: Ports) -> set[str]:
    store = ports.store
    found: set[str] = set()
    for world in store.worlds("lambda.function"):
        found |= {function.latest.code_sha256 for _, function in records.functions(ports, world).items()}
    for world in store.worlds("lambda.version"):
        found |= {version.code_sha256 for _, version in records.versions(ports, world).items()}
    return found

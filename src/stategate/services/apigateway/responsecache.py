"""The cache of a stage: what endpoints answered to GET, by cache namespace and cache key parameters.

AWS keeps the endpoint's answer, not the mapped one: mapping goes on as if the endpoint had answered. Kept in memory, as
a cache cluster is; it is empty after a restart.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from stategate.gateway.deployment import CompiledMethod
from stategate.gateway.failures import GatewayFailure
from stategate.gateway.model import MethodSetting, Stage
from stategate.gateway.stages import IntegrationResult, Reply, Routed

LARGEST = 1024 * 1024
"""An answer that is larger is not kept: AWS's limit."""

TOTAL = 64 * 1024 * 1024

Key = tuple[str | None, ...]

_UNAUTHORIZED = "User is not authorized to invalidate the cache"


@dataclass(frozen=True, slots=True)
class _Entry:
    result: IntegrationResult
    failed: bool
    at: float
    size: int


class ResponseCache:
    """For all stages; the entries that were not used for the longest time go first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._size = 0

    def get(self, key: Key, now: float, ttl: float, flushed: float) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.at < flushed or now >= entry.at + ttl:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: Key, result: IntegrationResult, failed: bool, now: float) -> None:
        size = len(result.body) + sum(len(name) + len(value) for name, value in result.headers) + 200
        self._drop(key)
        if len(result.body) > LARGEST:
            return
        self._entries[key] = _Entry(result, failed, now, size)
        self._size += size
        while self._size > TOTAL:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= entry.size


def caches(stage: Stage, setting: MethodSetting | None, target: CompiledMethod) -> bool:
    """Whether answers of this method are kept: GET ones, and others whose own settings say so."""
    if setting is None or not setting.caching_enabled or not stage.cache_cluster_enabled:
        return False
    if setting.cache_ttl_in_seconds <= 0:
        return False
    return target.method.http_method == "GET" or stage.method_settings.get("*/*") is not setting


class Slot:
    """The place of one request in the cache. `may_invalidate` is asked if the client wants a fresh answer."""

    def __init__(
        self,
        cache: ResponseCache,
        stage: Stage,
        setting: MethodSetting,
        target: CompiledMethod,
        routed: Routed,
        now: Callable[[], float],
        may_invalidate: Callable[[], bool],
    ) -> None:
        around = routed.received.around
        integration = target.method.integration
        namespace = (integration.cache_namespace if integration is not None else "") or target.resource.id
        values = (_text(source(routed)) for source in target.cache_key)
        self._key: Key = (around.api_id, around.stage, around.deployment_id, namespace, routed.received.method, *values)
        self._cache = cache
        self._flushed = stage.cache_flushed
        self._setting = setting
        self._control = routed.received.header("cache-control")
        self._now = now
        self._may_invalidate = may_invalidate
        self._warned = False

    def find(self) -> tuple[IntegrationResult, bool] | None:
        """What is kept. None: ask the endpoint, because nothing is or because the client says so. Fails with
        ACCESS_DENIED where a client that may not say so is refused."""
        setting = self._setting
        if _invalidates(self._control):
            if not setting.require_authorization_for_cache_control or self._may_invalidate():
                return None
            match setting.unauthorized_cache_control_header_strategy:
                case "FAIL_WITH_403":
                    raise GatewayFailure("ACCESS_DENIED", _UNAUTHORIZED)
                case "SUCCEED_WITH_RESPONSE_HEADER":
                    self._warned = True
                case _:
                    pass
        entry = self._cache.get(self._key, self._now(), setting.cache_ttl_in_seconds, self._flushed)
        return None if entry is None else (entry.result, entry.failed)

    def keep(self, result: IntegrationResult, failed: bool, reply: Reply) -> None:
        """What went well is kept."""
        if 200 <= reply.status < 300:
            self._cache.put(self._key, result, failed, self._now())

    def finish(self, reply: Reply) -> Reply:
        if not self._warned:
            return reply
        return Reply(reply.status, (*reply.headers, ("Warning", f"199 {_UNAUTHORIZED}")), reply.body)


def _invalidates(header: str | None) -> bool:
    """Only `max-age=0` does [developer guide, "Invalidate an API Gateway cache entry"]."""
    return "max-age=0" in {part.strip().lower().replace(" ", "") for part in (header or "").split(",")}


def _text(value: str | list[str] | None) -> str | None:
    return ",".join(value) if isinstance(value, list) else value

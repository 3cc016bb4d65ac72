"""Token buckets for the throttling settings of stages and methods."""

from __future__ import annotations

from stategate.gateway.model import MethodSetting


class Throttle:
    """`allow` takes a token; buckets are kept by key and forgotten when there are too many."""

    _MOST = 10_000

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, ...], tuple[float, float]] = {}

    def allow(self, key: tuple[str, ...], setting: MethodSetting, now: float) -> bool:
        """`throttlingRateLimit` tokens a second up to `throttlingBurstLimit`; -1 switches throttling off."""
        rate, burst = setting.throttling_rate_limit, setting.throttling_burst_limit
        if rate < 0 or burst < 0:
            return True
        tokens, at = self._buckets.get(key, (float(burst), now))
        tokens = min(float(burst), tokens + max(0.0, now - at) * rate)
        allowed = tokens >= 1.0
        if len(self._buckets) >= self._MOST and key not in self._buckets:
            self._buckets.clear()
        self._buckets[key] = (tokens - 1.0 if allowed else tokens, now)
        return allowed

"""Token buckets: for the throttling of accounts, stages, methods and usage plans."""

from __future__ import annotations

from collections import OrderedDict


class Throttle:
    """`allow` takes a token. The buckets that were not used for the longest time are forgotten when there are too many:
    by then they are full again."""

    _MOST = 10_000

    def __init__(self) -> None:
        self._buckets: OrderedDict[tuple[str, ...], tuple[float, float]] = OrderedDict()

    def allow(self, key: tuple[str, ...], rate: float | None, burst: float | None, now: float) -> bool:
        """`rate` tokens a second up to `burst`. None or a negative number is no limit of that kind; with a burst of 0
        nothing passes."""
        if (rate is None or rate < 0) and (burst is None or burst < 0):
            return True
        most = float(burst) if burst is not None and burst >= 0 else max(1.0, float(rate or 0))
        refill = float(rate) if rate is not None and rate >= 0 else most
        tokens, at = self._buckets.get(key, (most, now))
        tokens = min(most, tokens + max(0.0, now - at) * refill)
        allowed = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if allowed else tokens, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._MOST:
            self._buckets.popitem(last=False)
        return allowed

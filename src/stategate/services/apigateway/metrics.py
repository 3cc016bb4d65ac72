"""What API Gateway tells CloudWatch of requests: counters, which a page of the server shows to Prometheus.

The names are CloudWatch's; counted are an API's stages always, and a method of its own where `metrics/enabled` is set
[developer guide, REST API metrics and dimensions]. Kept in memory: as Prometheus expects, a restart begins at 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stategate.services.ports import World

PREFIX = "apigateway_"

COUNTERS = (
    ("count", "requests", "Requests."),
    ("4xx_error", "client_errors", "Answers with a status from 400 to 499."),
    ("5xx_error", "server_errors", "Answers with a status from 500 to 599."),
    ("cache_hit_count", "cache_hits", "Requests answered from the stage's cache."),
    ("cache_miss_count", "cache_misses", "Requests that the stage's cache could not answer, though caching is on."),
    ("latency_milliseconds", "latency", "Milliseconds from request to answer, all requests together."),
    ("integration_latency_milliseconds", "integration_latency", "Milliseconds that integrations took, all together."),
)
"""A counter's name, the member of `Counters`, and what it says."""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """What is counted: a stage of an API; with `method` and `resource`, a method of it."""

    world: World
    api_id: str
    api_name: str
    stage: str
    method: str = ""
    resource: str = ""


@dataclass(slots=True)
class Counters:
    """Of a stage, or of a method; latencies in milliseconds."""

    requests: int = 0
    client_errors: int = 0
    server_errors: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    latency: int = 0
    integration_latency: int = 0

    def count(self, status: int, latency: int, integration_latency: int, cache_hit: bool | None) -> None:
        """One request. `cache_hit` None: caching is off."""
        self.requests += 1
        self.client_errors += 400 <= status < 500
        self.server_errors += status >= 500
        self.cache_hits += cache_hit is True
        self.cache_misses += cache_hit is False
        self.latency += latency
        self.integration_latency += integration_latency


class GatewayMetrics:
    """The counters of all deployed APIs."""

    def __init__(self) -> None:
        self._counters: dict[Dimensions, Counters] = {}

    def of(self, dimensions: Dimensions) -> Counters:
        """New ones begin at 0."""
        return self._counters.setdefault(dimensions, Counters())

    def forget(self, api_id: str) -> None:
        """The API is gone."""
        for dimensions in [key for key in self._counters if key.api_id == api_id]:
            del self._counters[dimensions]

    def text(self) -> str:
        """Prometheus's text format, version 0.0.4."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        labelled = [(_labels(dimensions), counters) for dimensions, counters in self._counters.items()]
        for name, member, meaning in COUNTERS:
            yield f"# HELP {PREFIX}{name}_total {meaning}"
            yield f"# TYPE {PREFIX}{name}_total counter"
            for labels, counters in labelled:
                yield f"{PREFIX}{name}_total{{{labels}}} {getattr(counters, member)}"


def _labels(dimensions: Dimensions) -> str:
    world = dimensions.world
    labels = {
        "account": world.account,
        "region": world.region,
        "api_id": dimensions.api_id,
        "api_name": dimensions.api_name,
        "stage": dimensions.stage,
        "method": dimensions.method,
        "resource": dimensions.resource,
    }
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items() if value)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

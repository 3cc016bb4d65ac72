"""The data plane: a request to a deployed API, from its stage to the answer on the wire."""

from __future__ import annotations

import base64
import re
from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass, replace

from stategate.gateway import edge
from stategate.gateway.compression import compressed, received_body
from stategate.gateway.context import build_context
from stategate.gateway.deployment import CompiledDeployment, CompiledMethod, compile_deployment
from stategate.gateway.failures import GatewayFailure
from stategate.gateway.headers import arrived, incoming
from stategate.gateway.model import HTTP_METHODS, MethodSetting, RestApi, Stage
from stategate.gateway.stages import Authorized, Received, Reply, Routed, Surroundings
from stategate.gateway.trace import Trace
from stategate.services.apigateway import pipeline, records
from stategate.services.apigateway.backends import Backends, Gateway
from stategate.services.apigateway.domains import Mapped, mapped
from stategate.services.apigateway.guard import Guard
from stategate.services.apigateway.iamauth import caller_of
from stategate.services.apigateway.logs import GatewayLogs
from stategate.services.apigateway.metrics import Counters, Dimensions, GatewayMetrics
from stategate.services.apigateway.pipeline import Outcome
from stategate.services.apigateway.responsecache import ResponseCache, Slot, caches
from stategate.services.beside import beside
from stategate.services.ports import Entropy, LogWriter, Ports, World
from stategate.wire.http import HttpRequest, HttpResponse, parse_query

MAX_PAYLOAD = 10 * 1024 * 1024
MAX_HEAD = 10_240
"""Request line and header values together."""

NO_UUID = "UUID_REPLACED_INVALID_REQUEST_ID"
"""What access logs show as the request id where the client sent one that is none."""

VERBS = frozenset(HTTP_METHODS) - {"ANY"}
"""ANY stands for these; every other verb has no method."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_MOST_COMPILED = 1000


@dataclass(frozen=True, slots=True)
class _Live:
    """A stage as it is now; rebuilt when its record or its API's changes."""

    api: RestApi
    stage: Stage
    around: Surroundings
    deployment: CompiledDeployment
    dimensions: Dimensions
    counters: Counters
    canary: tuple[Surroundings, CompiledDeployment] | None = None


class ExecuteApi:
    """Serves the deployed REST APIs of all worlds. `server.http.ExecuteApi` is its protocol."""

    def __init__(self, ports: Ports, dispatcher: Gateway, log_writer: LogWriter) -> None:
        self._ports = ports
        self._backends = Backends(ports, dispatcher)
        self._logs = GatewayLogs(ports, log_writer)
        self._guard = Guard(ports)
        self._cache = ResponseCache()
        self.metrics = GatewayMetrics()
        self._worlds: dict[str, World] = {}
        self._live: dict[tuple[str, str], _Live] = {}
        self._compiled: OrderedDict[tuple[str, str], CompiledDeployment] = OrderedDict()

    async def by_domain(self, request: HttpRequest, source_ip: str) -> HttpResponse | None:
        """The answer to a request for a custom domain name; None if its host is none."""
        found = mapped(self._ports, request.header("host"), request.path)
        if found is None:
            return None
        if found.api_id is None:
            return _bare(self._ports, 403, "ForbiddenException", "Forbidden")
        return await self(request, found.api_id, found.stage, found.path, source_ip, domain=found)

    async def __call__(
        self,
        request: HttpRequest,
        api_id: str,
        stage: str | None,
        path: str,
        source_ip: str,
        *,
        domain: Mapped | None = None,
    ) -> HttpResponse:
        """Never raises for what a client or an API's author caused. `domain`: the custom domain name that was called;
        the API's own address may then be switched off."""
        found = self._find(api_id)
        if found is None:
            message = f"The API id '{api_id}' does not correspond to a deployed API Gateway API"
            return _bare(self._ports, 404, "NotFoundException", message)
        world, api = found
        live = (
            self._stage(world, api, stage)
            if stage and (domain is not None or not api.disable_execute_api_endpoint)
            else None
        )
        if live is not None:
            live = self._side(live)
        if live is None:
            return _bare(self._ports, 403, "ForbiddenException", "Forbidden")
        return await self._serve(world, live, request, path, source_ip, domain)

    def _side(self, live: _Live) -> _Live:
        """The stage, or for its share of the requests the stage's canary."""
        settings = live.stage.canary
        if settings is None or live.canary is None:
            return live
        if self._ports.entropy.random() * 100 >= settings.percent_traffic:
            return live
        return replace(live, around=live.canary[0], deployment=live.canary[1])

    async def _serve(
        self, world: World, live: _Live, request: HttpRequest, path: str, source_ip: str, domain: Mapped | None
    ) -> HttpResponse:
        ports = self._ports
        started = ports.clock.now()
        verb = (request.header("x-http-method-override") or request.method).upper()
        match = live.deployment.routes.find(verb, path) if verb in VERBS else None
        target, parameters = (None, {}) if match is None else (match.target(), match.parameters)
        setting: MethodSetting | None = None
        if target is not None and live.stage.method_settings:
            setting = live.stage.setting(target.resource.path, target.method.http_method)
        given = (request.header("x-amzn-requestid") or "").lower()
        request_id = given if _UUID.match(given) else self._ports.entropy.uuid()
        way = edge.passage(request_id) if _on_edge(live.api, domain) else None
        received = self._received(live, request, request_id, verb, path, source_ip, started, domain, way)
        if setting is not None and setting.logging_level in ("ERROR", "INFO"):
            received = replace(received, trace=Trace(setting.logging_level, setting.data_trace_enabled))
        outcome = await self._outcome(world, live, request, received, target, parameters, setting)
        if given and given != request_id:
            outcome.extra["requestId"] = NO_UUID
        if domain is not None:
            outcome.extra["customDomain.basePathMatched"] = domain.matched
        latency = max(0, round((ports.clock.now() - started) * 1000))
        self._log(world, live, received, outcome, latency)
        self._count(live, target, setting, outcome, latency)
        return _response(request, received, outcome, way)

    async def _outcome(
        self,
        world: World,
        live: _Live,
        request: HttpRequest,
        received: Received,
        target: CompiledMethod | None,
        parameters: dict[str, str],
        setting: MethodSetting | None,
    ) -> Outcome:
        deployment = live.deployment
        try:
            received = _admitted(request, received, deployment.minimum_compression_size)
            if target is None and request.header("authorization") is not None:
                # What no method answers is taken for signed: a token of another kind is no signature, and told so.
                caller_of(self._ports, request, live.around.region)
        except GatewayFailure as failure:
            context = build_context(received, None)
            return Outcome(deployment.failure(failure, received, None, context), context, generated=True)

        def authorize(target: CompiledMethod, routed: Routed, extra: dict[str, str]) -> Awaitable[Authorized]:
            return self._guard(world, live.api, live.stage, deployment, target, routed, request, extra)

        cached = None if target is None else self._cached(world, live, setting, target)
        outcome = await pipeline.run(
            world, self._backends, deployment.failure, target, received, parameters, authorize, cached
        )
        if len(outcome.reply.body) > MAX_PAYLOAD:
            too_large = GatewayFailure("API_CONFIGURATION_ERROR", log="Response body is larger than 10 MB")
            return Outcome(deployment.failure(too_large, received, None, outcome.context), outcome.context)
        if deployment.minimum_compression_size is not None:
            reply, accepted = outcome.reply, request.header("accept-encoding")
            smallest = deployment.minimum_compression_size
            outcome.reply = await beside(len(reply.body), lambda: compressed(reply, accepted, smallest), live.api.id)
        return outcome

    def _cached(
        self, world: World, live: _Live, setting: MethodSetting | None, target: CompiledMethod
    ) -> pipeline.Cached | None:
        if setting is None or not caches(live.stage, setting, target):
            return None
        if live.around.canary and live.stage.canary is not None and not live.stage.canary.use_stage_cache:
            return None

        def slot(target: CompiledMethod, authorized: Authorized) -> Slot:
            def may_invalidate() -> bool:
                return self._guard.may_invalidate(world, authorized, live.deployment)

            now = self._ports.clock.now
            return Slot(self._cache, live.stage, setting, target, authorized.routed, now, may_invalidate)

        return slot

    def _log(self, world: World, live: _Live, received: Received, outcome: Outcome, latency: int) -> None:
        stage = live.stage
        if received.trace is None and stage.access_log_destination is None:
            return
        outcome.extra["responseLatency"] = str(latency)
        self._logs.write(world, stage, received, outcome)

    def _count(
        self, live: _Live, target: CompiledMethod | None, setting: MethodSetting | None, outcome: Outcome, latency: int
    ) -> None:
        """For the stage, and for a method whose settings ask for metrics of its own."""
        status, integration_latency = outcome.reply.status, int(outcome.extra.get("integrationLatency", 0))
        live.counters.count(status, latency, integration_latency, outcome.cache_hit)
        if target is not None and setting is not None and setting.metrics_enabled:
            method, resource = target.method.http_method, target.resource.path
            counters = self.metrics.of(replace(live.dimensions, method=method, resource=resource))
            counters.count(status, latency, integration_latency, outcome.cache_hit)

    def _received(
        self,
        live: _Live,
        request: HttpRequest,
        request_id: str,
        verb: str,
        path: str,
        source_ip: str,
        started: float,
        domain: Mapped | None,
        way: edge.Passage | None,
    ) -> Received:
        entropy = self._ports.entropy
        one, other = _hex(entropy), _hex(entropy)
        trace = trace_id(request.header("x-amzn-trace-id"), int(started), one + other)
        host = request.header("host") or f"{live.api.id}.execute-api.{live.around.region}.amazonaws.com"
        headers, peer = incoming(tuple(request.headers), request.raw_names), source_ip
        if way is not None:
            headers, peer = edge.forwarded(headers, source_ip, way), edge.LOCATION
        return Received(
            around=live.around,
            method=verb,
            path=path,
            full_path=f"/{live.stage.name}{path}" if domain is None else f"{domain.base}{path}",
            query=tuple(_parameters(request)),
            headers=arrived(headers, peer, host, trace),
            body=request.body,
            source_ip=source_ip,
            domain_name=host,
            protocol="HTTP/1.1",
            request_id=request_id,
            extended_request_id=extended_id(other),
            trace_id=trace,
            time=int(started * 1000),
            custom_domain=domain is not None,
        )

    # --- finding ----------------------------------------------------------------------------------------------------

    def _find(self, api_id: str) -> tuple[World, RestApi] | None:
        known = self._worlds.get(api_id)
        if known is not None:
            api = records.apis(self._ports, known).get(api_id)
            if api is not None:
                return known, api
            self._forget(api_id)
        for world in self._ports.store.worlds("apigateway.restapi"):
            api = records.apis(self._ports, world).get(api_id)
            if api is not None:
                self._worlds[api_id] = world
                return world, api
        return None

    def _forget(self, api_id: str) -> None:
        """The API is gone: nothing of it needs to be kept."""
        del self._worlds[api_id]
        self.metrics.forget(api_id)
        for live in [key for key in self._live if key[0] == api_id]:
            del self._live[live]
        for compiled in [key for key in self._compiled if key[0] == api_id]:
            del self._compiled[compiled]

    def _stage(self, world: World, api: RestApi, name: str) -> _Live | None:
        stage = records.stages(self._ports, world).get(f"{api.id}/{name}")
        if stage is None:
            self._live.pop((api.id, name), None)
            return None
        live = self._live.get((api.id, name))
        if live is not None and live.stage is stage and live.api is api:
            return live
        deployment = self._deployment(world, api.id, stage.deployment_id)
        if deployment is None:
            return None
        around = Surroundings(
            account_id=world.account,
            region=world.region,
            api_id=api.id,
            stage=stage.name,
            deployment_id=stage.deployment_id,
            variables=stage.variables,
            binary_media_types=deployment.binary_media_types,
            canary=None if stage.canary is None else False,
        )
        dimensions = Dimensions(world, api.id, api.name, name)
        canary = self._canary(world, stage, around)
        live = self._live[(api.id, name)] = _Live(
            api, stage, around, deployment, dimensions, self.metrics.of(dimensions), canary
        )
        return live

    def _canary(
        self, world: World, stage: Stage, around: Surroundings
    ) -> tuple[Surroundings, CompiledDeployment] | None:
        canary = stage.canary
        deployment = self._deployment(world, around.api_id, canary.deployment_id) if canary is not None else None
        if canary is None or deployment is None:
            return None
        side = replace(
            around,
            deployment_id=canary.deployment_id,
            variables={**stage.variables, **canary.variable_overrides},
            binary_media_types=deployment.binary_media_types,
            canary=True,
        )
        return side, deployment

    def _deployment(self, world: World, api_id: str, deployment_id: str) -> CompiledDeployment | None:
        key = (api_id, deployment_id)
        compiled = self._compiled.get(key)
        if compiled is None:
            snapshot = records.snapshots(self._ports, world).get(f"{api_id}/{deployment_id}")
            if snapshot is None:
                return None
            compiled = self._compiled[key] = compile_deployment(snapshot)
            if len(self._compiled) > _MOST_COMPILED:
                self._compiled.popitem(last=False)
        else:
            self._compiled.move_to_end(key)
        return compiled


def _admitted(request: HttpRequest, received: Received, minimum_compression_size: int | None) -> Received:
    """Within the limits of AWS: 10 MB of body, 10,240 bytes of request line and header values; the body decompressed
    where the API has compression switched on. Fails with REQUEST_TOO_LARGE or BAD_REQUEST_BODY."""
    if request.too_large or len(request.body) > MAX_PAYLOAD:
        raise GatewayFailure("REQUEST_TOO_LARGE")
    line = len(request.method) + len(request.path) + len(request.query) + len("  HTTP/1.1")
    if line > MAX_HEAD:
        raise GatewayFailure("REQUEST_TOO_LARGE", "Request-URI Too Long", status=414)
    if line + sum(len(value) for _, value in request.headers) > MAX_HEAD:
        raise GatewayFailure("REQUEST_TOO_LARGE")
    if minimum_compression_size is None:
        return received
    headers, body = received_body(received.headers, received.body)
    return received if body is received.body else replace(received, headers=headers, body=body)


def _parameters(request: HttpRequest) -> list[tuple[str, str]]:
    """A `;` that is not encoded separates parameters as `&` does [developer guide, known issues]."""
    return parse_query(request.query.replace(";", "&")) if ";" in request.query else request.parameters


def _hex(entropy: Entropy) -> str:
    return entropy.uuid().replace("-", "")


def extended_id(digits: str) -> str:
    """`$context.extendedRequestId`: Base64 text that ends in `=`; of 32 hexadecimal digits."""
    return base64.b64encode(bytes.fromhex(digits[:22])).decode()


def trace_id(given: str | None, seconds: int, random: str) -> str:
    """X-Amzn-Trace-Id: a client's Root is kept; Parent and Sampled are kept if both came, else made."""
    root = f"1-{seconds:08x}-{random[:24]}"
    parts = dict(part.strip().partition("=")[::2] for part in (given or "").split(";") if "=" in part)
    root = parts.get("Root", root)
    parent = parts.get("Parent", random[32:48])
    sampled = parts.get("Sampled", "0")
    return f"Root={root};Parent={parent};Sampled={sampled}"


def _on_edge(api: RestApi, domain: Mapped | None) -> bool:
    """Whether CloudFront is in front: of an edge-optimised API, or of an edge-optimised domain name."""
    return "EDGE" in api.endpoint_types if domain is None else domain.edge


def _response(request: HttpRequest, received: Received, outcome: Outcome, way: edge.Passage | None) -> HttpResponse:
    reply: Reply = outcome.reply
    close = any(value.lower() == "close" for value in request.header_values("connection"))
    headers = [
        *reply.headers,
        ("Content-Length", str(len(reply.body))),
        ("Connection", "close" if close else "keep-alive"),
        ("x-amzn-RequestId", received.request_id),
        ("x-amz-apigw-id", received.extended_request_id),
    ]
    if outcome.traced and not any(name.lower() == "x-amzn-trace-id" for name, _ in reply.headers):
        headers.append(("X-Amzn-Trace-Id", received.trace_id))
    if way is not None:
        headers = list(edge.answered(reply.status, tuple(headers), way))
    return HttpResponse(reply.status, headers, reply.body)


def _bare(ports: Ports, status: int, error_type: str, message: str) -> HttpResponse:
    """An answer without an API: nothing to customise it."""
    body = b'{"message":"' + message.encode() + b'"}'
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("x-amzn-RequestId", ports.entropy.uuid()),
        ("x-amzn-ErrorType", error_type),
        ("x-amz-apigw-id", extended_id(_hex(ports.entropy))),
    ]
    return HttpResponse(status, headers, body)

"""API keys and usage plans at run time: may this key call, how often, and how often is left.

Counts are records: a quota survives a restart. A plan's change counts from the next request on, without a deployment.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from stategate.gateway.failures import GatewayFailure
from stategate.gateway.stages import Routed
from stategate.gateway.trace import Trace, hidden
from stategate.services.apigateway import records_keys
from stategate.services.apigateway.records_keys import ApiKey, Usage, UsagePlan
from stategate.services.apigateway.throttle import Throttle
from stategate.services.ports import Ports, World


class UsagePlans:
    def __init__(self, ports: Ports, throttle: Throttle) -> None:
        self._ports = ports
        self._throttle = throttle

    def admit(self, world: World, routed: Routed, value: str | None) -> None:
        """Takes one request of the plan of the key with this value. Fails with INVALID_API_KEY, THROTTLED or
        QUOTA_EXCEEDED. `$context.identity.apiKey` and `apiKeyId` are known from here on."""
        received = routed.received
        around, trace = received.around, received.trace
        shown, api_stage = hidden(value or ""), f"{around.api_id}/{around.stage}"
        if trace is not None:
            trace.info(
                f"Verifying Usage Plan for request: {received.request_id}. API Key: {shown} API Stage: {api_stage}"
            )
        key = records_keys.key_of_value(self._ports, world, value) if value else None
        if key is not None:
            identity = routed.context["identity"]
            identity["apiKey"], identity["apiKeyId"] = key.value, key.id
        plan = self._plan(world, routed, key, trace, shown, api_stage)
        if plan is not None and key is not None:
            now = self._ports.clock.now()
            self._check_rate(plan, key, routed, now)
            self._count(world, plan, key, now)
        if trace is not None:
            trace.info(f"Usage Plan check succeeded for API Key {shown} and API Stage {api_stage}")

    def _plan(
        self, world: World, routed: Routed, key: ApiKey | None, trace: Trace | None, shown: str, api_stage: str
    ) -> UsagePlan | None:
        """None: the key is bound to the stage itself, as keys were before usage plans."""
        why = "API Key was not found"
        if key is not None and not key.enabled:
            why = "API Key is not enabled"
        elif key is not None:
            around = routed.received.around
            plan = records_keys.plan_of(self._ports, world, key.id, around.api_id, around.stage)
            if plan is not None or api_stage in key.stage_keys:
                return plan
            why = f"API Key is not associated with a Usage Plan for API Stage {api_stage}"
        if trace is not None:
            verb = f"{routed.method.http_method} {routed.resource.path}"
            trace.error(f"API Key {shown} not authorized because method '{verb}' requires API Key and {why}")
        raise GatewayFailure("INVALID_API_KEY")

    def _check_rate(self, plan: UsagePlan, key: ApiKey, routed: Routed, now: float) -> None:
        around = routed.received.around
        staged = plan.stage(around.api_id, around.stage)
        name = f"{routed.resource.path}/{routed.method.http_method}"
        own = staged.throttle.get(name) if staged is not None else None
        limit, bucket = (own, (around.api_id, around.stage, name)) if own is not None else (plan.throttle, ())
        if limit is None:
            return
        if not self._throttle.allow(("plan", plan.id, key.id, *bucket), limit.rate_limit, limit.burst_limit, now):
            raise GatewayFailure("THROTTLED")

    def _count(self, world: World, plan: UsagePlan, key: ApiKey, now: float) -> None:
        day = datetime.fromtimestamp(now, UTC).date()
        if plan.quota is not None and records_keys.remaining(self._ports, world, plan, key.id, day) <= 0:
            raise GatewayFailure("QUOTA_EXCEEDED")
        table = records_keys.days_used(self._ports, world)
        name = f"{plan.id}/{key.id}/{day.isoformat()}"
        used = table.get(name)
        table.put(name, Usage(1) if used is None else replace(used, used=used.used + 1))


def log_no_key(routed: Routed) -> None:
    """The lines of a method that requires no key."""
    received = routed.received
    trace = received.trace
    if trace is None:
        return
    api_stage = f"{received.around.api_id}/{received.around.stage}"
    verb = f"{routed.method.http_method} {routed.resource.path}"
    trace.info(f"Verifying Usage Plan for request: {received.request_id}. API Key:  API Stage: {api_stage}")
    trace.info(
        f"API Key  authorized because method '{verb}' does not require API Key. "
        "Request will not contribute to throttle or quota limits"
    )
    trace.info(f"Usage Plan check succeeded for API Key  and API Stage {api_stage}")

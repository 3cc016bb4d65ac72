"""What stands between a routed request and its integration: Routed -> Authorized.

In AWS's order: the resource policy's denials, the method's authorization, both policies together, API key and usage
plan, then the throttling of plan, method, stage and account.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from stategate.gateway.authorizers import misconfigured
from stategate.gateway.context import vpc_endpoint
from stategate.gateway.deployment import CompiledDeployment, CompiledMethod
from stategate.gateway.failures import RESPONSE_TYPES, GatewayFailure
from stategate.gateway.model import RestApi, Stage
from stategate.gateway.stages import Authorized, Routed
from stategate.iam import Principal, says, says_to_anybody
from stategate.services import access
from stategate.services.apigateway.iamauth import caller_of
from stategate.services.apigateway.jwtauth import TokenAuthorizers
from stategate.services.apigateway.lambdaauth import LambdaAuthorizers
from stategate.services.apigateway.resourcepolicy import ACTION, INVALIDATE, expanded, masked
from stategate.services.apigateway.throttle import Throttle
from stategate.services.apigateway.usage import UsagePlans, log_no_key
from stategate.services.ports import Ports, World
from stategate.wire.http import HttpRequest

ACCOUNT_RATE, ACCOUNT_BURST = 10_000.0, 5_000
"""The account's limits in a region, as GetAccount shows them."""

LONGEST_ARN = 1600
"""Of a method that needs authorization, with the request's path."""

_DENIED = "User is not authorized to access this resource"
_EXPLICIT = " with an explicit deny"
_NOT_ALLOWED = "The client is not authorized to perform this operation."


class Guard:
    """One for all APIs: it keeps authorizers' answers, issuers' keys and token buckets."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._throttle = Throttle()
        self._functions = LambdaAuthorizers(ports)
        self._tokens = TokenAuthorizers(ports)
        self._plans = UsagePlans(ports, self._throttle)

    async def __call__(
        self,
        world: World,
        api: RestApi,
        stage: Stage,
        deployment: CompiledDeployment,
        target: CompiledMethod,
        routed: Routed,
        request: HttpRequest,
        extra: dict[str, str],
    ) -> Authorized:
        """Fails with the `GatewayFailure` that the caller gets. `extra`: what access logs are told of it."""
        trace = routed.received.trace
        if trace is not None:
            trace.info(f"Extended Request Id: {routed.received.extended_request_id}")
        method = target.method
        if method.authorization_type == "NONE" and deployment.policy is None and "PRIVATE" not in api.endpoint_types:
            authorized, usage_key = Authorized(routed), None
        else:
            check = _Check(self._ports, world, api, deployment, routed, request)
            if len(check.arn) > LONGEST_ARN:
                raise GatewayFailure("REQUEST_TOO_LARGE", "Request-URI Too Long", status=414)
            authorized, usage_key = await self._authorize(check, stage, target, extra)
        if method.api_key_required:
            header = routed.received.header("x-api-key")
            self._plans.admit(world, routed, usage_key if deployment.api_key_source == "AUTHORIZER" else header)
        elif trace is not None:
            log_no_key(routed)
        self._check_rates(world, stage, routed)
        return authorized

    def may_invalidate(self, world: World, authorized: Authorized, deployment: CompiledDeployment) -> bool:
        """Whether the caller may make the stage's cache forget: execute-api:InvalidateCache, of those who signed."""
        caller = authorized.caller
        if not isinstance(caller, Principal):
            return False
        received = authorized.routed.received
        around = received.around
        prefix = f"arn:aws:execute-api:{world.region}:{world.account}:{around.api_id}"
        arn = f"{prefix}/{around.stage}/{received.method}/{received.path.lstrip('/')}"
        policy = expanded(deployment.policy, prefix) if deployment.policy else None
        return access.decide(self._ports, world, caller, INVALIDATE, arn, None, policy).allowed

    async def _authorize(
        self, check: _Check, stage: Stage, target: CompiledMethod, extra: dict[str, str]
    ) -> tuple[Authorized, str | None]:
        match target.method.authorization_type:
            case "NONE":
                check.nobody()
                return Authorized(check.routed), None
            case "AWS_IAM":
                return check.signed(extra), None
            case "CUSTOM":
                return await self._custom(check, stage, target, extra)
            case "COGNITO_USER_POOLS":
                return await self._cognito(check, target, extra), None
            case _:
                raise misconfigured("Unknown authorization type")

    async def _custom(
        self, check: _Check, stage: Stage, target: CompiledMethod, extra: dict[str, str]
    ) -> tuple[Authorized, str | None]:
        if target.authorizer is None:
            raise misconfigured("Invalid authorizer")
        check.not_denied()
        routed = check.routed
        extra["authorizer.status"] = "500"
        try:
            verdict, kept = await self._functions.ask(
                check.world, target.authorizer, routed, check.arn, stage.authorizers_flushed
            )
            extra["authorizer.status"] = "200"
        except GatewayFailure as failure:
            if failure.response_type == "UNAUTHORIZED":
                extra["authorizer.status"] = "401"
            extra["authorizer.error"] = failure.log or failure.message or "Unauthorized"
            raise
        answer = verdict.answer
        latency = 0 if kept else verdict.latency
        extra["authorizer.latency"] = extra["authorizer.integrationLatency"] = str(latency)
        claims = {**answer.context, "principalId": answer.principal_id, "integrationLatency": latency}
        routed.context["authorizer"] = claims
        extra["authorizer.requestId"] = verdict.request_id
        extra["authorizer.integrationStatus"] = "200"
        with check.told(extra, "authorize"):
            check.combined(says((verdict.policy,), ACTION, check.arn, check.conditions()))
        return Authorized(routed, claims), answer.usage_key

    async def _cognito(self, check: _Check, target: CompiledMethod, extra: dict[str, str]) -> Authorized:
        if target.authorizer is None:
            raise misconfigured("Invalid authorizer")
        check.not_denied()
        with check.told(extra, "authenticate"):
            claims = {"claims": await self._tokens.claims(target.authorizer, check.routed)}
        check.routed.context["authorizer"] = claims
        with check.told(extra, "authorize"):
            if check.policy is not None or check.private:
                check.combined(None)
        return Authorized(check.routed, claims)

    def _check_rates(self, world: World, stage: Stage, routed: Routed) -> None:
        now = self._ports.clock.now()
        if stage.method_settings:
            path, verb = routed.resource.path, routed.method.http_method
            setting = stage.setting(path, verb)
            if setting is not None:
                key: tuple[str, ...] = ("stage", routed.received.around.api_id, stage.name)
                if stage.method_settings.get("*/*") is not setting:
                    key = (*key, path, verb)
                if not self._throttle.allow(key, setting.throttling_rate_limit, setting.throttling_burst_limit, now):
                    raise GatewayFailure("THROTTLED")
        if not self._throttle.allow(("account", world.account, world.region), ACCOUNT_RATE, ACCOUNT_BURST, now):
            raise GatewayFailure("THROTTLED")


class _Check:
    """The policies as they are for one request. `arn` is what the caller wants to invoke."""

    def __init__(
        self,
        ports: Ports,
        world: World,
        api: RestApi,
        deployment: CompiledDeployment,
        routed: Routed,
        request: HttpRequest,
    ) -> None:
        received = routed.received
        around = received.around
        self.world = world
        self.routed = routed
        self.private = "PRIVATE" in api.endpoint_types
        prefix = f"arn:aws:execute-api:{world.region}:{world.account}:{around.api_id}"
        self.arn = f"{prefix}/{around.stage}/{received.method}/{received.path.lstrip('/')}"
        self.policy = expanded(deployment.policy, prefix) if deployment.policy else None
        self._ports = ports
        self._request = request
        self._conditions: dict[str, str] | None = None

    def conditions(self) -> dict[str, str]:
        """Condition keys in lower case."""
        if self._conditions is None:
            received, now = self.routed.received, self._ports.clock.now()
            values = {
                "aws:sourceip": received.source_ip,
                "aws:useragent": received.header("user-agent"),
                "aws:referer": received.header("referer"),
                "aws:sourcevpce": vpc_endpoint(received.domain_name),
                "aws:currenttime": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "aws:epochtime": str(int(now)),
                "aws:requestedregion": self.world.region,
                # AWS's front always ends TLS: policies that refuse plain HTTP must not refuse everything here.
                "aws:securetransport": "true",
                "aws:resourceaccount": self.world.account,
                "aws:principaltype": "Anonymous",
            }
            self._conditions = {name: value for name, value in values.items() if value is not None}
        return self._conditions

    def _resource_policy_says(self) -> bool | None:
        """To a caller without an identity."""
        if self.policy is None:
            return None
        return says_to_anybody(self.policy, ACTION, self.arn, self.conditions())

    def nobody(self) -> None:
        """No authorization: the resource policy must allow."""
        said = self._resource_policy_says()
        if said is not True and (self.policy is not None or self.private):
            raise self._not_authorized("anonymous", explicit=said is False)

    def not_denied(self) -> None:
        """An explicit denial of the resource policy counts before anybody is asked."""
        if self._resource_policy_says() is False:
            raise self._not_authorized("anonymous", explicit=True)

    def combined(self, said: bool | None) -> None:
        """An authorizer's policy and the resource policy: a denial of either wins, else one of both must allow."""
        if said is False:
            raise GatewayFailure("ACCESS_DENIED", _DENIED + _EXPLICIT, line=_NOT_ALLOWED)
        own = self._resource_policy_says()
        if self.private and own is not True:
            raise self._not_authorized("anonymous", explicit=own is False)
        if said is not True and own is not True:
            raise GatewayFailure("ACCESS_DENIED", _DENIED, line=_NOT_ALLOWED)

    def signed(self, extra: dict[str, str]) -> Authorized:
        """AWS_IAM: the signer's policies and the resource policy."""
        with self.told(extra, "authenticate"):
            principal, key = caller_of(self._ports, self._request, self.world.region)
        _identify(self.routed, principal, key)
        with self.told(extra, "authorize"):
            self._permitted(principal)
        return Authorized(self.routed, caller=principal)

    @contextmanager
    def told(self, extra: dict[str, str], step: str) -> Iterator[None]:
        """Tells the access log how a step went: authenticate or authorize."""
        started, status = self._ports.clock.now(), 200
        try:
            yield
        except GatewayFailure as failure:
            status = failure.status or RESPONSE_TYPES[failure.response_type].status or 500
            extra[f"{step}.error"] = failure.log or failure.message or "-"
            raise
        finally:
            extra[f"{step}.status"] = str(status)
            extra[f"{step}.latency"] = str(max(0, round((self._ports.clock.now() - started) * 1000)))

    def _permitted(self, principal: Principal) -> None:
        if self.private and self.policy is None:
            raise self._not_authorized(principal.arn, explicit=False)
        given = {name: value for name, value in self.conditions().items() if name != "aws:principaltype"}
        try:
            decision = access.decide(self._ports, self.world, principal, ACTION, self.arn, given, self.policy)
        except ValueError:
            # A resource policy that can't be read.
            raise self._not_authorized(principal.arn, explicit=True) from None
        if not decision.allowed:
            raise self._not_authorized(principal.arn, explicit=decision.explicit)

    def _not_authorized(self, who: str, *, explicit: bool) -> GatewayFailure:
        text = f"User: {who} is not authorized to perform: {ACTION} on resource: {masked(self.arn)}"
        return GatewayFailure("ACCESS_DENIED", text + (_EXPLICIT if explicit else ""))


def _identify(routed: Routed, principal: Principal, access_key: str) -> None:
    identity = routed.context["identity"]
    identity["accessKey"] = access_key
    identity["accountId"] = principal.account
    identity["caller"] = identity["user"] = principal.user_id or principal.account
    identity["userArn"] = principal.arn

"""Lambda authorizers at run time: the function is asked, its answer kept by identity, its policy evaluated per request.

AWS keeps the *policy*: one that names a method too narrowly denies another method of the same caller until it expires.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from stategate.gateway import authorizers as pure
from stategate.gateway import uris
from stategate.gateway.authorizers import Answer, CompiledAuthorizer, misconfigured
from stategate.gateway.endpoints import log_invocation
from stategate.gateway.failures import GatewayFailure
from stategate.gateway.stages import Routed
from stategate.gateway.trace import hidden, truncated
from stategate.iam import Kind, MalformedPolicy, Policy, parse_policy
from stategate.iam.principal import service as service_principal
from stategate.lang import jsontext
from stategate.services import access
from stategate.services.apigateway.waiting import Waiting
from stategate.services.errors import AwsError
from stategate.services.lambda_.invoking import Invoked, invoke
from stategate.services.ports import Ports, World

SERVICE = "apigateway.amazonaws.com"
SESSION = "BackplaneAssumeRoleSession"
SECONDS = 29.0
"""How long a function may take, as an integration may."""

_MOST = 10_000

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer with its policy parsed. `at` and `expires` in epoch seconds; `latency` in milliseconds."""

    answer: Answer
    policy: Policy
    at: float
    expires: float
    latency: int
    request_id: str


class LambdaAuthorizers:
    """Answers are kept by API, stage, deployment, authorizer and identity; the least recently used go first."""

    def __init__(self, ports: Ports, seconds: float = SECONDS) -> None:
        self._ports = ports
        self._seconds = seconds
        self._waiting = Waiting()
        self._kept: OrderedDict[Key, Verdict] = OrderedDict()

    async def ask(
        self, world: World, compiled: CompiledAuthorizer, routed: Routed, method_arn: str, flushed: float
    ) -> tuple[Verdict, bool]:
        """The verdict, and whether it was kept. `flushed`: what was kept before is unknown. Fails with UNAUTHORIZED,
        AUTHORIZER_CONFIGURATION_ERROR or AUTHORIZER_FAILURE."""
        values = pure.identity(compiled, routed)
        around = routed.received.around
        key = (around.api_id, around.stage, around.deployment_id, compiled.authorizer.id, *values)
        now = self._ports.clock.now()
        kept = self._kept.get(key) if compiled.ttl > 0 else None
        if kept is not None and kept.at >= flushed and now < kept.expires:
            self._kept.move_to_end(key)
            return kept, True
        verdict = await self._call(world, compiled, routed, method_arn, values)
        if compiled.ttl > 0:
            self._kept[key] = verdict
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return verdict, False

    async def _call(
        self, world: World, compiled: CompiledAuthorizer, routed: Routed, method_arn: str, values: tuple[str, ...]
    ) -> Verdict:
        trace = routed.received.trace
        token = compiled.authorizer.type == "TOKEN"
        event = pure.token_event(values[0], method_arn) if token else pure.request_event(routed, method_arn)
        if trace is not None:
            trace.info(f"Starting authorizer: {compiled.authorizer.id} for request: {routed.received.request_id}")
            trace.info(f"Incoming identity: {','.join(hidden(value) for value in values)}")
        started = self._ports.clock.now()
        invoked = await self._invoke(world, compiled, routed, event)
        ended = self._ports.clock.now()
        latency = max(0, round((ended - started) * 1000))
        if trace is not None:
            trace.info(
                f"Authorizer result body before parsing: {truncated(invoked.payload.decode('utf-8', 'replace'))}"
            )
        answer = _answer(invoked)
        try:
            policy = parse_policy(answer.policy, Kind.IDENTITY)
        except MalformedPolicy as error:
            raise misconfigured(f"Invalid policy document: {error}") from None
        if trace is not None:
            trace.info(f"Using valid authorizer policy for principal: {hidden(answer.principal_id)}")
            trace.info(f"Successfully completed authorizer execution for request: {routed.received.request_id}")
        return Verdict(answer, policy, started, ended + compiled.ttl, latency, invoked.request_id)

    async def _invoke(self, world: World, compiled: CompiledAuthorizer, routed: Routed, event: bytes) -> Invoked:
        authorizer, received = compiled.authorizer, routed.received
        around = received.around
        try:
            uri = uris.parse(uris.with_variables(authorizer.authorizer_uri or "", around.variables).replace(" ", ""))
        except uris.InvalidUri as error:
            raise misconfigured(str(error)) from None
        if uri.function is None:
            raise misconfigured("Invalid authorizer URI")
        source = f"arn:aws:execute-api:{world.region}:{world.account}:{around.api_id}/authorizers/{authorizer.id}"
        log_invocation(routed, uri, (("X-Amz-Source-Arn", source),), event)
        context = {"aws:SourceArn": source, "aws:SourceAccount": world.account}
        principal = service_principal(SERVICE)
        if authorizer.authorizer_credentials:
            role = authorizer.authorizer_credentials
            try:
                principal = access.assume_role(self._ports, world, role, SERVICE, SESSION, {"aws:SourceArn": source})
            except access.RoleNotAssumable:
                raise misconfigured(
                    f"API Gateway does not have permission to assume the provided role {role}"
                ) from None
        target = World(world.account, uri.region)
        try:
            work = invoke(
                self._ports, target, principal, uri.function, event, context=context, trace_id=received.trace_id
            )
            return await self._waiting.within(self._seconds, work)
        except TimeoutError:
            raise GatewayFailure("AUTHORIZER_FAILURE", log="The authorizer function took too long") from None
        except AwsError as error:
            if error.code == "TooManyRequestsException":
                raise GatewayFailure("AUTHORIZER_FAILURE", log="The authorizer function was throttled") from error
            raise misconfigured(f"Invalid permissions on Lambda function: {error.message}") from error


def _answer(invoked: Invoked) -> Answer:
    if invoked.function_error is None:
        return pure.read_answer(invoked.payload)
    try:
        value = jsontext.loads(invoked.payload)
    except jsontext.JSONSyntaxError:
        value = None
    message = value.get("errorMessage") if isinstance(value, dict) else None
    if message == "Unauthorized":
        raise GatewayFailure("UNAUTHORIZED")
    raise misconfigured(f"Lambda execution failed with status 200 due to customer function error: {message}")

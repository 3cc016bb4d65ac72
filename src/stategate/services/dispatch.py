"""From a request to an operation and back: who calls, in which world, may they, and what is answered.

The three ways in share one core: `http` (the public endpoint), `as_principal` (the same request, the identity known),
`call` (values in, values out). None of them can skip the model's checks or the permission.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from inspect import isawaitable
from typing import NoReturn

import structlog

from stategate.iam import Principal
from stategate.iam.principal import root
from stategate.services.access import account_of, authorize, principal_of, secret_of
from stategate.services.call import Call, Input, Operations, Output
from stategate.services.errors import AwsError, not_built
from stategate.services.iam.credentials import invalid_token
from stategate.services.permissions import PREFIXES, conditions, required
from stategate.services.ports import Ports, World
from stategate.wire import HttpRequest, HttpResponse, Operation, Service, WireError, identify, load, sigv4
from stategate.wire.http import uncompressed
from stategate.wire.jsonbody import dumps
from stategate.wire.query import write_error as xml_error

DEFAULT_REGION = "us-east-1"
GLOBAL_REGION = "aws-global"
ALIASES = {"states": "stepfunctions"}

_REGION = re.compile(r"[a-z0-9-]{1,40}")
_log = structlog.get_logger("stategate.dispatch")


class Dispatcher:
    """`services` by boto3's names of the services, as `stepfunctions`."""

    def __init__(self, ports: Ports, services: Mapping[str, Operations]) -> None:
        self._ports = ports
        self._operations = {ALIASES.get(name, name): operations for name, operations in services.items()}
        self._services = {name: load(name) for name in self._operations}
        for name, operations in self._operations.items():
            unknown = set(operations) - set(self._services[name].operations)
            if unknown:
                raise ValueError(f"{name} has no operation {', '.join(sorted(unknown))}")

    @property
    def services(self) -> list[str]:
        return sorted(self._services)

    async def http(self, request: HttpRequest, source_ip: str) -> HttpResponse:
        """Answers whatever comes; never raises but for cancellation."""
        request_id = self._ports.entropy.uuid()
        name = identify(request)
        service = self._services.get(name) if name is not None else None
        if service is None:
            return _not_hosted(request, name, request_id)
        try:
            region, principal = self._authenticate(request, service)
            world = World(principal.account, region)
            return await self._answer(world, principal, service, request, source_ip, request_id)
        except AwsError as error:
            return _write_error(service, error, request_id, request)
        except Exception as error:  # noqa: BLE001 - one request's bug must not end the server
            return self._internal_error(service, error, request_id)

    async def as_principal(
        self, world: World, principal: Principal, service: str, request: HttpRequest, source_ip: str
    ) -> HttpResponse:
        """As `http`, for a caller inside the server whose identity is known; the request needs no signature."""
        request_id = self._ports.entropy.uuid()
        compiled = self._services.get(ALIASES.get(service, service))
        if compiled is None:
            return _not_hosted(request, service, request_id)
        try:
            return await self._answer(world, principal, compiled, request, source_ip, request_id)
        except AwsError as error:
            return _write_error(compiled, error, request_id, request)
        except Exception as error:  # noqa: BLE001 - one request's bug must not end the server
            return self._internal_error(compiled, error, request_id)

    async def call(self, call: Call, service: str, operation: str, input: Input) -> Output:
        """Values in and out, by the model's member names. Raises `AwsError`. `call.request_id` is the answer's."""
        compiled = self._services.get(ALIASES.get(service, service))
        if compiled is None:
            raise AwsError("NotImplementedException", _unhosted(service), status=501, sender=False)
        known = compiled.operations.get(operation)
        if known is None:
            raise AwsError("UnknownOperationException", f"{service} has no operation {operation}", status=404)
        try:
            return await self._perform(_in_world_of(compiled, replace(call, calls=self)), compiled, known, input)
        except WireError as error:
            raise AwsError(error.code, error.message, status=error.status) from error

    # --- the core ---------------------------------------------------------------------------------------------

    async def _answer(
        self,
        world: World,
        principal: Principal,
        service: Service,
        request: HttpRequest,
        source_ip: str,
        request_id: str,
    ) -> HttpResponse:
        ports = self._ports
        try:
            request = uncompressed(request)
            operation, labels = service.operation(request)
            if operation.name not in self._operations[service.name]:
                raise not_built(service.name, operation.name)
            input = operation.read(request, labels)
            now, agent = ports.clock.now(), request.header("user-agent") or ""
            call = _in_world_of(service, Call(ports, world, principal, request_id, now, source_ip, agent, self))
            output = await self._perform(call, service, operation, input)
        except WireError as error:
            raise AwsError(error.code, error.message, status=error.status) from error
        return operation.answer(request, output, request_id)

    async def _perform(self, call: Call, service: Service, operation: Operation, input: Input) -> Output:
        handler = self._operations[service.name].get(operation.name)
        if handler is None:
            raise not_built(service.name, operation.name)
        operation.check(input)
        self._authorize(call, service, operation, input)
        result = handler(call, input)
        output = await result if isawaitable(result) else result
        # Also for what only read: it may have seen what is not on disk yet.
        await call.ports.store.durable()
        return output

    def _authorize(self, call: Call, service: Service, operation: Operation, input: Input) -> None:
        principal = call.principal
        if principal.kind == "root" and principal.account == call.world.account:
            return
        needed = required(service.name, operation.name, input, call.world, call.ports, principal.arn)
        if needed is not None:
            context = {
                "aws:SourceIp": call.source_ip,
                "aws:UserAgent": call.user_agent or None,
                **conditions(service.name, operation.name, input),
            }
            authorize(call.ports, call.world, principal, needed[0], needed[1], context)

    # --- who calls --------------------------------------------------------------------------------------------

    def _authenticate(self, request: HttpRequest, service: Service) -> tuple[str, Principal]:
        """The region of the credential scope, and the principal."""
        strict = self._ports.settings.auth == "strict"
        try:
            signature = sigv4.parse(request)
        except sigv4.MalformedSignature as error:
            _refuse(service, "IncompleteSignature", str(error), error)
        if signature is None:
            if strict:
                _refuse(service, "MissingAuthenticationToken", "Missing Authentication Token")
            return DEFAULT_REGION, root(account_of(""))
        if _REGION.fullmatch(signature.region) is None:
            _refuse(service, "InvalidSignature", "Credential should be scoped to a valid region.")
        if strict:
            self._verify(request, service, signature)
        key, token = signature.access_key, signature.security_token
        return signature.region, principal_of(self._ports, account_of(key), key, token, service.protocol)

    def _verify(self, request: HttpRequest, service: Service, signature: sigv4.Signature) -> None:
        secret = secret_of(self._ports, signature.access_key, signature.security_token)
        if secret is None:
            raise invalid_token(service.protocol)
        expected = PREFIXES[service.name]
        if signature.service != expected:
            message = f"Credential should be scoped to correct service: '{expected}'."
            _refuse(service, "InvalidSignature", message)
        try:
            sigv4.verify(request, signature, secret, self._ports.clock.now())
        except sigv4.MalformedSignature as error:
            _refuse(service, "IncompleteSignature", str(error), error)
        except sigv4.SignatureError as error:
            _refuse(service, "InvalidSignature", str(error), error)

    # --- failures ---------------------------------------------------------------------------------------------

    def _internal_error(self, service: Service, error: Exception, request_id: str) -> HttpResponse:
        _log.error("request failed", service=service.name, request_id=request_id, exc_info=error)
        code = "ServiceException" if service.name == "lambda" else "InternalFailure"
        message = f"An internal error occurred; the server's log has it under request id {request_id}."
        return _write_error(service, AwsError(code, message, status=500, sender=False), request_id)


def _in_world_of(service: Service, call: Call) -> Call:
    """IAM has one region."""
    if service.name != "iam" or call.world.region == GLOBAL_REGION:
        return call
    world = World(call.world.account, GLOBAL_REGION)
    return replace(call, world=world)


def _write_error(
    service: Service, error: AwsError, request_id: str, request: HttpRequest | None = None
) -> HttpResponse:
    return service.write_error(
        error.code,
        error.message,
        status=error.status,
        members=error.members,
        sender=error.sender,
        request_id=request_id,
        request=request,
    )


def _refuse(service: Service, kind: str, message: str, cause: Exception | None = None) -> NoReturn:
    """Credentials that are missing or wrong: the query protocol has names of its own, JSON services answer with 400."""
    if service.protocol == "query":
        code = {"InvalidSignature": "SignatureDoesNotMatch"}.get(kind, kind)
        raise AwsError(code, message, status=403) from cause
    raise AwsError(f"{kind}Exception", message, status=403 if service.protocol == "rest-json" else 400) from cause


def _unhosted(name: str) -> str:
    return f"Stategate does not host the service {name}."


def _not_hosted(request: HttpRequest, name: str | None, request_id: str) -> HttpResponse:
    """In the error shape that a client of that service most likely reads."""
    if name is None:
        code, message, status = "UnknownOperationException", "The request names no AWS operation.", 404
    else:
        code, message, status = "NotImplementedException", _unhosted(name), 501
    kind = request.header("content-type") or ""
    headers = [("x-amzn-RequestId", request_id), ("x-amzn-ErrorType", code)]
    if name == "s3" or kind.startswith("application/x-www-form-urlencoded"):
        body = xml_error("https://stategate/", code, message, False, request_id)
        if name == "s3":
            body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        return HttpResponse(status, [*headers, ("Content-Type", "text/xml")], body)
    body = dumps({"__type": code, "message": message})
    return HttpResponse(status, [*headers, ("Content-Type", "application/json")], body)

"""TestInvokeAuthorizer: one call of an authorizer as it stands, with what it decided and its log."""

from __future__ import annotations

from typing import Any

from stategate.gateway.authorizers import compile_authorizer
from stategate.gateway.context import build_context
from stategate.gateway.failures import GatewayFailure
from stategate.gateway.model import Authorizer, Method, Resource
from stategate.gateway.stages import Routed
from stategate.services.apigateway import records, shapes
from stategate.services.apigateway.authorizers import get_authorizer_record
from stategate.services.apigateway.jwtauth import TokenAuthorizers
from stategate.services.apigateway.lambdaauth import LambdaAuthorizers
from stategate.services.apigateway.testinvoke import test_log, test_request
from stategate.services.call import Call, Input, Output

STAGE = "ESTestInvoke-stage"
_STATUS = {"UNAUTHORIZED": 401, "ACCESS_DENIED": 403}


async def test_invoke_authorizer(call: Call, given: Input) -> Output:
    """`clientStatus` 200, 401 (no or wrong identity) or 500 (the function or its answer is broken)."""
    api = records.get_api(call, given["restApiId"])
    authorizer = get_authorizer_record(call, given)
    resource = Resource(api.root_resource_id, "/")
    received = test_request(call, {**given, "httpMethod": "GET"}, resource, api)
    method = Method("GET", authorization_type="CUSTOM", authorizer_id=authorizer.id)
    context = {**build_context(received, resource), **(given.get("additionalContext") or {})}
    routed = Routed(received, resource, method, {}, context)
    status, decided = 200, {}
    try:
        decided = await _decided(call, api.id, authorizer, routed)
    except GatewayFailure as failure:
        status = _STATUS.get(failure.response_type, 500)
        if received.trace is not None:
            received.trace.error(f"Execution failed due to configuration error: {failure.log or failure.message}")
    ended = call.ports.clock.now()
    return {
        "clientStatus": status,
        "log": test_log(received, ended),
        "latency": max(0, round((ended - call.now) * 1000)),
        **decided,
    }


async def _decided(call: Call, api_id: str, authorizer: Authorizer, routed: Routed) -> dict[str, Any]:
    compiled = compile_authorizer(authorizer)
    if authorizer.type == "COGNITO_USER_POOLS":
        return {"claims": await TokenAuthorizers(call.ports).claims(compiled, routed)}
    arn = f"arn:aws:execute-api:{call.world.region}:{call.world.account}:{api_id}/{STAGE}/GET/"
    verdict, _ = await LambdaAuthorizers(call.ports).ask(call.world, compiled, routed, arn, 0.0)
    return shapes.present(principalId=verdict.answer.principal_id, policy=verdict.answer.policy, authorization={})


OPERATIONS = {"TestInvokeAuthorizer": test_invoke_authorizer}

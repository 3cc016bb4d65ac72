"""An API that is exported and imported is the same API: generated ones, by calls, in both formats."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.apigateway.gatewayworld import ACCOUNT, GatewayWorld

FUNCTION = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:111122223333:function:f"
    "/invocations"
)
POOL = f"arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/us-east-1_a"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*"}],
    },
    separators=(",", ":"),
)
PATHS = ("/", "/a", "/a/{id}", "/a/{id}/x", "/a/b.c", "/b", "/{rest+}", "/b/c:d")
VERBS = ("GET", "POST", "DELETE", "ANY")
TYPES = ("application/json", "application/xml", "text/plain; charset=utf-8", "$default")
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
TEMPLATE = st.one_of(
    TEXT.map(lambda text: text.replace("#", "").replace("$", "")), st.just('{\n  "a": $input.json("$")\n}')
)

AUTHORIZERS: dict[str, dict[str, Any]] = {
    "api_key": {"type": "TOKEN", "authorizerUri": FUNCTION, "identitySource": "method.request.header.X-Token"},
    "sigv4": {
        "type": "REQUEST",
        "authorizerUri": FUNCTION,
        "identitySource": "method.request.header.A, context.stage",
        "authorizerResultTtlInSeconds": 0,
    },
    "pool": {"type": "COGNITO_USER_POOLS", "providerARNs": [POOL], "identitySource": "method.request.header.Auth"},
    "token": {
        "type": "TOKEN",
        "authorizerUri": FUNCTION,
        "identityValidationExpression": "^Bearer .*$",
        "authorizerResultTtlInSeconds": 3600,
    },
}
MODELS = {
    "Pet": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    "Pets": {"type": "array", "items": {"$ref": "https://apigateway.amazonaws.com/restapis/{api}/models/Pet"}},
    "Tree": {"type": "object", "properties": {"child": {"$ref": "{self}"}}, "allOf": [{"type": "object"}]},
}


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def method_responses(draw: st.DrawFn, types: tuple[str, ...]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for code in draw(st.sets(st.sampled_from(("200", "201", "404", "500")), min_size=1)):
        headers = draw(st.sets(st.sampled_from(("X-A", "Location"))))
        models = draw(st.dictionaries(st.sampled_from(types), st.sampled_from(sorted(MODELS)), max_size=2))
        given[code] = {
            "responseParameters": {f"method.response.header.{name}": False for name in headers},
            "responseModels": models,
        }
    return given


@st.composite
def integrations(draw: st.DrawFn, responses: dict[str, Any], types: tuple[str, ...]) -> dict[str, Any]:
    kind = draw(st.sampled_from(("MOCK", "HTTP", "HTTP_PROXY", "AWS", "AWS_PROXY")))
    given: dict[str, Any] = {
        "type": kind,
        "requestTemplates": draw(st.dictionaries(st.sampled_from(types), TEMPLATE, max_size=2)),
        "requestParameters": draw(
            st.dictionaries(
                st.sampled_from(("integration.request.header.X", "integration.request.querystring.y")),
                st.sampled_from(("'text'", "context.requestId", "method.request.querystring.q", "stageVariables.v")),
            )
        ),
        "passthroughBehavior": draw(st.sampled_from(("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"))),
        "contentHandling": draw(maybe(st.sampled_from(("CONVERT_TO_TEXT", "CONVERT_TO_BINARY")))),
        "timeoutInMillis": draw(maybe(st.integers(50, 29000))),
        "cacheNamespace": draw(maybe(st.sampled_from(("one", "two")))),
        "cacheKeyParameters": draw(st.sampled_from(([], ["method.request.querystring.q"]))),
    }
    if kind != "MOCK":
        given["integrationHttpMethod"] = "POST"
        given["uri"] = FUNCTION if kind.startswith("AWS") else "https://example.com/{x}"
    if kind.startswith("HTTP"):
        given["tlsConfig"] = draw(maybe(st.just({"insecureSkipVerification": True})))
    answers = {}
    patterns = iter(draw(st.permutations(("", "4\\d{2}", "default", ".*Error.*"))))
    for code, declared in responses.items():
        answers[code] = {
            "selectionPattern": next(patterns),
            "responseTemplates": draw(st.dictionaries(st.sampled_from(types), maybe(TEMPLATE), max_size=2)),
            "responseParameters": dict.fromkeys(declared["responseParameters"], "'x'"),
            "contentHandling": draw(maybe(st.just("CONVERT_TO_TEXT"))),
        }
    # A second one that has no pattern never answers; it is there nevertheless.
    for code in draw(st.sets(st.sampled_from(sorted(answers)))):
        answers[code]["selectionPattern"] = ""
    return {name: value for name, value in given.items() if value is not None} | {"responses": answers}


@st.composite
def methods(draw: st.DrawFn, path: str, types: tuple[str, ...]) -> dict[str, Any]:
    parameters = {f"method.request.path.{name}": True for name in ("id", "rest") if f"{{{name}" in path}
    parameters["method.request.querystring.q"] = draw(st.booleans())
    if draw(st.booleans()):
        parameters["method.request.header.X-H"] = draw(st.booleans())
    answers = draw(method_responses(types))
    return {
        "requestParameters": parameters,
        "requestModels": draw(st.dictionaries(st.sampled_from(types), st.sampled_from(sorted(MODELS)), max_size=2)),
        "access": draw(st.sampled_from(("NONE", "AWS_IAM", *sorted(AUTHORIZERS)))),
        "apiKeyRequired": draw(st.booleans()),
        "operationName": draw(maybe(TEXT)),
        "validator": draw(maybe(st.sampled_from(("body", "both")))),
        "responses": answers,
        "integration": draw(integrations(answers, types)),
    }


@st.composite
def apis(draw: st.DrawFn, types: tuple[str, ...]) -> dict[str, Any]:
    paths = draw(st.sets(st.sampled_from(PATHS)))
    given = {
        path: {verb: draw(methods(path, types)) for verb in draw(st.sets(st.sampled_from(VERBS), max_size=2))}
        for path in sorted(paths)
    }
    if not any(given.values()):
        given["/"] = {"GET": draw(methods("/", types))}
    return {
        "settings": {
            "name": draw(TEXT),
            "description": draw(maybe(TEXT)),
            "version": draw(TEXT),
            "binaryMediaTypes": draw(st.sampled_from(([], ["image/png", "*/*"]))),
            "minimumCompressionSize": draw(maybe(st.integers(0, 10485760))),
            "apiKeySource": draw(st.sampled_from(("HEADER", "AUTHORIZER"))),
            "disableExecuteApiEndpoint": draw(st.booleans()),
            "policy": draw(maybe(st.just(POLICY))),
        },
        "gateway responses": draw(
            st.dictionaries(
                st.sampled_from(("DEFAULT_4XX", "UNAUTHORIZED", "THROTTLED")),
                st.fixed_dictionaries(
                    {
                        "statusCode": st.sampled_from(("418", "500")),
                        "responseTemplates": st.dictionaries(st.sampled_from(types), TEXT, min_size=1),
                    }
                ),
            )
        ),
        "paths": given,
    }


def built(world: GatewayWorld, wanted: dict[str, Any]) -> str:
    members = {name: value for name, value in wanted["settings"].items() if value is not None}
    made = world("CreateRestApi", **members)
    api = made["id"]
    for name in ("Empty", "Error"):
        world("DeleteModel", restApiId=api, modelName=name)
    for name, schema in MODELS.items():
        own = f"https://apigateway.amazonaws.com/restapis/{api}/models/{name}"
        written = json.dumps(schema).replace("{api}", api).replace("{self}", own)
        world("CreateModel", restApiId=api, name=name, contentType="application/json", schema=written)
    ids = {name: world("CreateAuthorizer", restApiId=api, name=name, **given) for name, given in AUTHORIZERS.items()}
    validators = {}
    for name, flags in {"body": {"validateRequestBody": True}, "both": {"validateRequestParameters": True}}.items():
        # One of them has no name, the other the name of a third.
        world("CreateRequestValidator", restApiId=api, name="both")
        shown = name if name == "both" else ""
        validators[name] = world("CreateRequestValidator", restApiId=api, name=shown, **flags)["id"]
    for kind, members in wanted["gateway responses"].items():
        world("PutGatewayResponse", restApiId=api, responseType=kind, **members)
    resources = {"/": made["rootResourceId"]}
    for path, verbs in wanted["paths"].items():
        resource = grown(world, api, resources, path)
        for verb, method in verbs.items():
            put(world, {"restApiId": api, "resourceId": resource, "httpMethod": verb}, method, ids, validators)
    world.deploy(api)
    return str(api)


def grown(world: GatewayWorld, api: str, known: dict[str, str], path: str) -> str:
    at = ""
    for part in path.split("/")[1:] if path != "/" else ():
        parent, at = at or "/", f"{at}/{part}"
        if at not in known:
            made = world("CreateResource", restApiId=api, parentId=known[parent], pathPart=part)
            known[at] = made["id"]
    return known[at or "/"]


def put(
    world: GatewayWorld,
    where: dict[str, str],
    method: dict[str, Any],
    authorizers: dict[str, dict[str, Any]],
    validators: dict[str, str],
) -> None:
    access = method["access"]
    members: dict[str, Any] = {"authorizationType": access}
    if access in authorizers:
        pool = authorizers[access]["type"] == "COGNITO_USER_POOLS"
        members = {
            "authorizationType": "COGNITO_USER_POOLS" if pool else "CUSTOM",
            "authorizerId": authorizers[access]["id"],
            "authorizationScopes": ["email", "x/y"] if pool else [],
        }
    for name in ("requestParameters", "requestModels", "apiKeyRequired", "operationName"):
        if method[name] is not None:
            members[name] = method[name]
    if method["validator"] is not None:
        members["requestValidatorId"] = validators[method["validator"]]
    world("PutMethod", **where, **members)
    for code, response in method["responses"].items():
        world("PutMethodResponse", **where, statusCode=code, **response)
    integration = dict(method["integration"])
    responses = integration.pop("responses")
    world("PutIntegration", **where, **integration)
    for code, response in responses.items():
        given = {name: value for name, value in response.items() if value is not None}
        world("PutIntegrationResponse", **where, statusCode=code, **given)


def described(world: GatewayWorld, api: str) -> dict[str, Any]:
    """The API without its ids; what is empty is left out."""
    authorizers = {item.pop("id"): item for item in world("GetAuthorizers", restApiId=api)["items"]}
    validators = {item.pop("id"): item for item in world("GetRequestValidators", restApiId=api)["items"]}
    paths: dict[str, Any] = {}
    for item in world("GetResources", restApiId=api, embed=["methods"], limit=500)["items"]:
        methods = json.loads(json.dumps(item.get("resourceMethods") or {}))
        for method in methods.values():
            if "authorizerId" in method:
                method["authorizerId"] = authorizers[method["authorizerId"]]
            if "requestValidatorId" in method:
                # Names may differ: in a document they are unique.
                found = validators[method["requestValidatorId"]]
                method["requestValidatorId"] = {name: value for name, value in found.items() if name != "name"}
            integration = method["methodIntegration"]
            if integration["cacheNamespace"] == item["id"]:
                del integration["cacheNamespace"]
        paths[item["path"]] = methods
    about = world("GetRestApi", restApiId=api)
    for name in ("id", "rootResourceId", "createdDate"):
        del about[name]
    models = {item["name"]: json.loads(item["schema"]) for item in world("GetModels", restApiId=api)["items"]}
    return {
        "settings": filled(about),
        "paths": {path: filled(methods) for path, methods in paths.items()},
        "models": json.loads(json.dumps(models).replace(api, "")),
        "authorizers": sorted(json.dumps(item, sort_keys=True) for item in authorizers.values()),
        "gateway responses": filled(world("GetGatewayResponses", restApiId=api)["items"]),
    }


def filled(value: Any) -> Any:
    """Without empty members, and without the brackets of patterns that need them in a document."""
    if isinstance(value, dict):
        copied = {name: filled(item) for name, item in value.items()}
        if copied.get("selectionPattern") == "(default)":
            copied["selectionPattern"] = "default"
        return {name: item for name, item in copied.items() if item not in ({}, [], "")}
    return [filled(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("kind", "accepts", "types"),
    [
        ("oas30", "application/json", TYPES),
        ("oas30", "application/yaml", TYPES),
        # Swagger has one list of types for all models of a method.
        ("swagger", "application/json", TYPES[:1]),
        ("swagger", "application/yaml", TYPES[:1]),
    ],
)
def test_what_is_exported_and_imported_is_the_same(kind: str, accepts: str, types: tuple[str, ...]) -> None:
    @given(apis(types))
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def run(wanted: dict[str, Any]) -> None:
        world = GatewayWorld()
        api = built(world, wanted)
        export = world(
            "GetExport",
            restApiId=api,
            stageName="prod",
            exportType=kind,
            accepts=accepts,
            parameters={"extensions": "apigateway"},
        )
        again = world("ImportRestApi", body=export["body"], failOnWarnings=True)["id"]
        before, after = described(world, api), described(world, again)
        for part, value in before.items():
            assert after[part] == value, part

    run()

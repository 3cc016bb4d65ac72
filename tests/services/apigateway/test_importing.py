"""ImportRestApi and PutRestApi: what documents become, what is refused, and documents that nobody would write."""

from __future__ import annotations

import asyncio
import copy
import json
import threading
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.apigateway.gatewayworld import ACCOUNT, WORLD, GatewayWorld
from stategate.iam.principal import root
from stategate.services.call import Call
from stategate.services.errors import AwsError

FUNCTION = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:111122223333:function:f"
    "/invocations"
)
MOCK = {
    "type": "mock",
    "requestTemplates": {"application/json": '{"statusCode": 200}'},
    "responses": {"default": {"statusCode": "200"}},
}


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def document(**members: Any) -> dict[str, Any]:
    base = {"openapi": "3.0.1", "info": {"title": "t", "version": "1"}, "paths": {}}
    return base | members


def operation(**members: Any) -> dict[str, Any]:
    return {"responses": {"200": {"description": "ok"}}, "x-amazon-apigateway-integration": MOCK} | members


def imported(world: GatewayWorld, content: dict[str, Any], **given: Any) -> dict[str, Any]:
    return world("ImportRestApi", body=json.dumps(content).encode(), **given)


def refused(world: GatewayWorld, content: Any, **given: Any) -> str:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(AwsError) as caught:
        world("ImportRestApi", body=body, **given)
    assert (caught.value.code, caught.value.status) == ("BadRequestException", 400)
    assert world("GetRestApis")["items"] == []
    return caught.value.message


def paths(world: GatewayWorld, api: str) -> dict[str, list[str]]:
    items = world("GetResources", restApiId=api)["items"]
    return {item["path"]: sorted(item.get("resourceMethods") or {}) for item in items}


def method(world: GatewayWorld, api: str, path: str, verb: str = "GET") -> dict[str, Any]:
    items = world("GetResources", restApiId=api)["items"]
    resource = next(item["id"] for item in items if item["path"] == path)
    return world("GetMethod", restApiId=api, resourceId=resource, httpMethod=verb)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"{}",
        b'{"openapi": "3.1.0", "info": {}, "paths": {}}',
        b'{"swagger": "1.2", "info": {}, "paths": {}}',
        b'{"openapi": "3.0.1", "info": {"title": "t"}}',
        b'{"openapi": "3.0.1", "info": {"title": "t"}, "paths": []}',
    ],
)
def test_what_is_no_openapi(world: GatewayWorld, body: bytes) -> None:
    assert refused(world, body) == "Invalid OpenAPI input."


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"openapi": "3.0.1", "info": {"title": "t"}, "paths": {}', "line 1"),
        (b"openapi: 3.0.1\ninfo:\n  title: t\n title: u\n", "line 4, column 2"),
        (b'{"openapi": "\xff"}', "can't decode byte 0xff in position 13"),
    ],
)
def test_what_can_not_be_read_is_told_with_its_place(world: GatewayWorld, body: bytes, reason: str) -> None:
    message = refused(world, body)
    assert message.startswith("Invalid OpenAPI input. ") and reason in message


def test_everything_that_a_document_can_set(world: GatewayWorld) -> None:
    made = imported(
        world,
        document(
            **{
                "info": {"title": "All", "description": "of it", "version": 2},
                "x-amazon-apigateway-binary-media-types": ["image/png"],
                "x-amazon-apigateway-api-key-source": "AUTHORIZER",
                "x-amazon-apigateway-request-validators": {"all": {"validateRequestBody": True}},
                "x-amazon-apigateway-request-validator": "all",
                "x-amazon-apigateway-gateway-responses": {"DEFAULT_4XX": {"statusCode": 418}},
                "x-amazon-apigateway-documentation": {
                    "version": "1",
                    "documentationParts": [{"location": {"type": "API"}, "properties": {"description": "d"}}],
                },
                "servers": [{"x-amazon-apigateway-endpoint-configuration": {"disableExecuteApiEndpoint": True}}],
                "paths": {"/a/{b}": {"x-amazon-apigateway-any-method": operation(operationId="Do")}},
            }
        ),
        parameters={"endpointConfigurationTypes": "REGIONAL"},
    )
    api = made["id"]
    assert made["name"] == "All" and made["description"] == "of it" and made["version"] == "2"
    assert made["binaryMediaTypes"] == ["image/png"] and made["apiKeySource"] == "AUTHORIZER"
    assert made["disableExecuteApiEndpoint"] is True and made["endpointConfiguration"]["types"] == ["REGIONAL"]
    assert "tags" not in made and "warnings" not in made
    validators = world("GetRequestValidators", restApiId=api)["items"]
    assert [item["name"] for item in validators] == ["all"]
    shown = method(world, api, "/a/{b}", "ANY")
    assert shown["requestValidatorId"] == validators[0]["id"] and shown["operationName"] == "Do"
    assert shown["requestParameters"] == {"method.request.path.b": True}
    assert world("GetGatewayResponse", restApiId=api, responseType="DEFAULT_4XX")["statusCode"] == "418"
    assert len(world("GetDocumentationParts", restApiId=api)["items"]) == 1
    assert world("GetDocumentationVersion", restApiId=api, documentationVersion="1")["version"] == "1"
    assert world("GetModels", restApiId=api)["items"] == []


def test_bodies_become_models(world: GatewayWorld) -> None:
    pet = {"type": "object", "properties": {"owner": {"$ref": "#/components/schemas/Owner"}}}
    inline = {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}
    api = imported(
        world,
        document(
            components={"schemas": {"Pet": pet, "Owner": {"type": "object"}}},
            paths={
                "/pets": {
                    "post": operation(
                        requestBody={
                            "content": {
                                "application/json": {"schema": {"$ref": "#/components/schemas/Pet"}},
                                "text/json": {"schema": inline},
                            }
                        }
                    )
                }
            },
        ),
    )["id"]
    models = method(world, api, "/pets", "POST")["requestModels"]
    assert models["application/json"] == "Pet"
    generated = world("GetModel", restApiId=api, modelName=models["text/json"])
    assert generated["name"].startswith("MODEL")
    url = f"https://apigateway.amazonaws.com/restapis/{api}/models/"
    assert json.loads(generated["schema"])["items"] == {"$ref": f"{url}Pet"}
    schema = json.loads(world("GetModel", restApiId=api, modelName="Pet")["schema"])
    assert schema["properties"]["owner"] == {"$ref": f"{url}Owner"}


SCHEMES: dict[str, Any] = {
    "key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
    "iam": {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"},
    "token": {
        "type": "apiKey",
        "name": "X-Token",
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {"type": "token", "authorizerUri": FUNCTION},
    },
    "pool": {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authorizer": {
            "type": "cognito_user_pools",
            "providerARNs": [f"arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/us-east-1_a"],
        },
    },
    "basic": {"type": "http", "scheme": "basic"},
}


@pytest.mark.parametrize(
    ("security", "default", "wanted"),
    [
        (None, None, ("NONE", False, None)),
        ([{"key": []}], None, ("NONE", True, None)),
        ([{"iam": []}], None, ("AWS_IAM", False, None)),
        ([{"token": []}, {"key": []}], None, ("CUSTOM", True, None)),
        ([{"pool": ["email"]}], None, ("COGNITO_USER_POOLS", False, ["email"])),
        (None, [{"pool": ["email"]}], ("COGNITO_USER_POOLS", False, ["email"])),
        ([], [{"pool": ["email"]}], ("NONE", False, None)),
    ],
)
def test_security(world: GatewayWorld, security: Any, default: Any, wanted: tuple[Any, ...]) -> None:
    given = operation() if security is None else operation(security=security)
    content = document(components={"securitySchemes": SCHEMES}, paths={"/": {"get": given}})
    if default is not None:
        content["security"] = default
    shown = method(world, imported(world, content, failOnWarnings=True)["id"], "/")
    assert (shown["authorizationType"], shown["apiKeyRequired"], shown.get("authorizationScopes")) == wanted


def test_empty_credentials_are_none(world: GatewayWorld) -> None:
    authorizer = {"type": "token", "authorizerUri": FUNCTION, "authorizerCredentials": ""}
    scheme = {"type": "apiKey", "name": "A", "in": "header", "x-amazon-apigateway-authorizer": authorizer}
    paths = {"/": {"get": {"x-amazon-apigateway-integration": MOCK | {"credentials": ""}}}}
    api = imported(world, document(components={"securitySchemes": {"token": scheme}}, paths=paths))["id"]
    assert "authorizerCredentials" not in world("GetAuthorizers", restApiId=api)["items"][0]
    assert "credentials" not in method(world, api, "/")["methodIntegration"]


def test_a_scheme_that_protects_nothing_is_a_warning(world: GatewayWorld) -> None:
    content = document(
        components={"securitySchemes": SCHEMES}, paths={"/": {"get": operation(security=[{"basic": []}])}}
    )
    assert "'basic'" in refused(world, content, failOnWarnings=True)
    assert len(imported(world, content)["warnings"]) == 1


@pytest.mark.parametrize(
    ("paths_", "message"),
    [
        (
            {"/a": {"get": operation(**{"x-amazon-apigateway-integration": MOCK | {"type": "http"}})}},
            "Errors found during import:\n\tUnable to put integration on 'GET' for resource at path '/a': "
            "Enumeration value for HttpMethod must be non-empty",
        ),
        (
            {"/{a}": {}, "/{b}": {}},
            "Errors found during import:\n\tUnable to create resource at path '/{b}': A sibling ({a}) of this resource "
            "already has a variable path part -- only one is allowed",
        ),
        (
            {"/a": {"get": operation(**{"x-amazon-apigateway-request-validator": "none"})}},
            "Errors found during import:\n\tUnable to put method 'GET' on resource at path '/a': "
            "Invalid Request Validator identifier specified",
        ),
        (
            {
                "/a": {
                    "post": operation(
                        requestBody={"content": {"application/json": {"schema": {"$ref": "#/components/schemas/No"}}}}
                    )
                }
            },
            "Errors found during import:\n\tUnable to put method 'POST' on resource at path '/a': "
            "Invalid model identifier specified: No",
        ),
    ],
)
def test_errors_say_where(world: GatewayWorld, paths_: dict[str, Any], message: str) -> None:
    assert refused(world, document(paths=paths_)) == message


@pytest.mark.parametrize(
    ("mode", "base", "wanted"),
    [("ignore", "/a/b", "/x"), ("prepend", "/a/b/", "/a/b/x"), ("split", "/a/b", "/b/x"), ("split", "/a", "/x")],
)
def test_base_paths(world: GatewayWorld, mode: str, base: str, wanted: str) -> None:
    swagger = {"swagger": "2.0", "info": {"title": "t"}, "basePath": base, "paths": {"/x": {"get": operation()}}}
    openapi = document(servers=[{"url": f"https://x.test{base}"}], paths={"/x": {"get": operation()}})
    for content in (swagger, openapi):
        api = imported(world, content, parameters={"basepath": mode})["id"]
        assert wanted in paths(world, api)


def test_merging_keeps_and_overwriting_forgets(world: GatewayWorld) -> None:
    first = document(
        components={"schemas": {"A": {"type": "object"}}},
        paths={"/a": {"get": operation()}, "/b": {"get": operation()}},
    )
    api = imported(world, first)["id"]
    ids = {item["path"]: item["id"] for item in world("GetResources", restApiId=api)["items"]}
    second = document(info={"title": "new", "version": "2"}, paths={"/b": {"post": operation()}, "/c": {}})
    put = world("PutRestApi", restApiId=api, mode="merge", body=json.dumps(second).encode())
    assert put["name"] == "new" and put["tags"] == {}
    assert paths(world, api) == {"/": [], "/a": ["GET"], "/b": ["GET", "POST"], "/c": []}
    world("PutRestApi", restApiId=api, mode="overwrite", body=json.dumps(second).encode())
    assert paths(world, api) == {"/": [], "/b": ["POST"], "/c": []}
    assert world("GetModels", restApiId=api)["items"] == []
    after = {item["path"]: item["id"] for item in world("GetResources", restApiId=api)["items"]}
    assert after["/"] == ids["/"] and after["/b"] == ids["/b"]


def test_a_document_with_an_error_changes_nothing(world: GatewayWorld) -> None:
    api = imported(world, document(paths={"/a": {"get": operation()}}))["id"]
    wrong = document(paths={"/b": {"get": operation(**{"x-amazon-apigateway-integration": {"type": "none"}})}})
    with pytest.raises(AwsError):
        world("PutRestApi", restApiId=api, mode="overwrite", body=json.dumps(wrong).encode())
    assert paths(world, api) == {"/": [], "/a": ["GET"]}


RICH = document(
    **{
        "components": {
            "schemas": {
                "Pet": {"type": "object"},
                "Pets": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}},
            },
            "securitySchemes": SCHEMES,
            "parameters": {"p": {"name": "p", "in": "query"}},
        },
        "security": [{"key": []}],
        "servers": [{"url": "https://x/{basePath}", "variables": {"basePath": {"default": "v1"}}}],
        "x-amazon-apigateway-request-validators": {"v": {"validateRequestBody": True}},
        "x-amazon-apigateway-gateway-responses": {"DEFAULT_5XX": {"responseTemplates": {"application/json": "{}"}}},
        "x-amazon-apigateway-policy": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*"}],
        },
        "paths": {
            "/pets/{id}": {
                "parameters": [{"$ref": "#/components/parameters/p"}],
                "get": operation(
                    security=[{"token": []}],
                    requestBody={"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pets"}}}},
                    responses={"200": {"headers": {"X": {}}, "content": {"a/b": {"schema": {"type": "string"}}}}},
                ),
                "x-amazon-apigateway-any-method": operation(),
            }
        },
    }
)
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, 0, -1, 2**70, 1.5, "", "x", "{", "\ud800", "$ref", "#/components/schemas/Pet", [], [[]], {}),
        {"$ref": "#/paths"},
        {"$ref": "#/components/parameters/p"},
        {"": ""},
        {"a": {"b": 1}},
    ]
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, item in entries for place in places(item, (*at, key)))]


def swagger() -> dict[str, Any]:
    """The rich document in the older format."""
    world = GatewayWorld()
    api = imported(world, RICH)["id"]
    world.deploy(api)
    given = {"exportType": "swagger", "parameters": {"extensions": "apigateway"}}
    written: dict[str, Any] = json.loads(world("GetExport", restApiId=api, stageName="prod", **given)["body"])
    return written | {"consumes": ["a/b"], "produces": ["a/b"]}


@pytest.mark.parametrize("base", [RICH, swagger()], ids=["openapi", "swagger"])
def test_broken_documents_are_never_the_servers_fault(base: dict[str, Any]) -> None:
    changes = st.tuples(st.sampled_from(places(base)[1:]), JUNK, st.booleans())

    @given(st.lists(changes, min_size=1, max_size=4))
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def run(changes: list[tuple[tuple[Any, ...], Any, bool]]) -> None:
        world = GatewayWorld()
        try:
            api = imported(world, broken(base, changes), parameters={"basepath": "prepend"})["id"]
        except AwsError as error:
            assert error.status == 400
            assert world("GetRestApis")["items"] == []
            return
        exported_again(world, api)

    run()


def broken(base: dict[str, Any], changes: list[tuple[tuple[Any, ...], Any, bool]]) -> dict[str, Any]:
    """A copy in which places hold junk, or have junk for a name."""
    document = copy.deepcopy(base)
    for place, junk, rename in changes:
        at: Any = document
        for key in place[:-1]:
            at = at[key] if isinstance(at, dict) and key in at else None
        if not isinstance(at, dict) or place[-1] not in at:
            continue
        if rename:
            at[str(junk)] = at.pop(place[-1])
        else:
            at[place[-1]] = junk
    return document


def exported_again(world: GatewayWorld, api: str) -> None:
    """What was imported can be deployed or is refused, exported, and imported once more."""
    try:
        world.deploy(api)
    except AwsError as error:
        assert error.status == 400
        return
    for kind in ("oas30", "swagger"):
        export = world(
            "GetExport", restApiId=api, stageName="prod", exportType=kind, parameters={"extensions": "apigateway"}
        )
        again = world("ImportRestApi", body=export["body"])["id"]
        assert paths_with_methods(world, again) == paths_with_methods(world, api)


def paths_with_methods(world: GatewayWorld, api: str) -> dict[str, list[str]]:
    return {path: verbs for path, verbs in paths(world, api).items() if verbs}


def test_a_large_document_is_imported_quickly(world: GatewayWorld) -> None:
    many = {f"/a{n}/{{id}}": {"get": operation(), "post": operation()} for n in range(400)}
    started = time.process_time()
    api = imported(world, document(paths=many))["id"]
    assert time.process_time() - started < 10
    items = world("GetResources", restApiId=api, limit=500)
    assert len(items["items"]) == 500 and "position" in items


def test_a_large_yaml_document_leaves_the_event_loop_free(world: GatewayWorld) -> None:
    lines = ["openapi: 3.0.1", "info: {title: t, version: '1'}", "paths:"]
    lines += [f"  /a{n}:\n    get:\n      operationId: o{n}\n      responses: {{'200': {{}}}}" for n in range(3000)]
    call = Call(world.ports, WORLD, root(ACCOUNT), "r", world.clock.now())
    turns = 0

    async def run() -> dict[str, Any]:
        nonlocal turns
        given = {"body": "\n".join(lines).encode()}
        working = asyncio.ensure_future(world.dispatcher.call(call, "apigateway", "ImportRestApi", given))
        while not working.done():
            turns += 1
            await asyncio.sleep(0.001)
        return await working

    made = asyncio.run(run())
    assert "/a2999" in paths_of_all(world, made["id"]) and turns > 3


def paths_of_all(world: GatewayWorld, api: str) -> set[str]:
    found: set[str] = set()
    position = None
    while True:
        given: dict[str, Any] = {"position": position} if position else {}
        page = world("GetResources", restApiId=api, limit=500, **given)
        found |= {item["path"] for item in page["items"]}
        position = page.get("position")
        if position is None:
            return found


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"paths": {"/a": "x"}}, "Unable to create resource at path '/a': Expected an object, found x"),
        ({"paths": {"/a": {"get": []}}}, "Unable to put method 'GET' on resource at path '/a': Expected an object"),
        (
            {"paths": {"/a": {"get": operation(parameters=[{"$ref": "#/components/parameters/none"}])}}},
            "Unable to put method 'GET' on resource at path '/a': Invalid reference specified: "
            "#/components/parameters/none",
        ),
        ({"paths": {"/a": {"$ref": "other.yaml#/a"}}}, "Invalid reference specified: other.yaml#/a"),
        ({"paths": {"/a": {"get": {"responses": {"200": 5}}}}}, "method response on '200'"),
        (
            {"paths": {"/a": {"get": operation(**{"x-amazon-apigateway-integration": "mock"})}}},
            "Unable to put integration on 'GET' for resource at path '/a': Expected an object, found mock",
        ),
        (
            {
                "paths": {
                    "/a": {"get": operation(**{"x-amazon-apigateway-integration": MOCK | {"timeoutInMillis": "x"}})}
                }
            },
            "Unexpected value of 'timeoutInMillis': x",
        ),
        (
            {"paths": {"/a": {"get": operation(**{"x-amazon-apigateway-integration": MOCK | {"credentials": ["x"]}})}}},
            "Unexpected value of 'credentials'",
        ),
        ({"paths": {"/a": {"get": operation(security={"token": []})}}}, "Expected a list of security requirements"),
        ({"paths": {"/a": {"get": operation(security=["token"])}}}, "Expected a security requirement, found token"),
        ({"security": "token", "paths": {"/a": {"get": operation()}}}, "Expected a list of security requirements"),
        (
            {"paths": {"/a": {"get": operation(**{"x-amazon-apigateway-auth": "AWS_IAM"})}}},
            "Unexpected value of 'x-amazon-apigateway-auth': AWS_IAM",
        ),
        (
            {"components": {"securitySchemes": {"token": {"x-amazon-apigateway-authorizer": "x"}}}},
            "Unable to create authorizer 'token': Invalid authorizer type specified",
        ),
        ({"x-amazon-apigateway-policy": "none"}, "Unable to update the resource policy"),
        ({"x-amazon-apigateway-policy": []}, "Unable to update the resource policy"),
        ({"x-amazon-apigateway-binary-media-types": "image/png"}, "'x-amazon-apigateway-binary-media-types'"),
        ({"x-amazon-apigateway-api-key-source": ["HEADER"]}, "'x-amazon-apigateway-api-key-source'"),
        ({"x-amazon-apigateway-gateway-responses": []}, "'x-amazon-apigateway-gateway-responses'"),
        (
            {"x-amazon-apigateway-gateway-responses": {"THROTTLED": {"responseTemplates": {"a/b": {}}}}},
            "Unable to put gateway response 'THROTTLED': Expected a text as 'a/b' of 'responseTemplates'",
        ),
    ],
)
def test_what_has_another_form_is_an_error(world: GatewayWorld, members: dict[str, Any], where: str) -> None:
    assert where in refused(world, document(**members))


def test_a_policy_may_be_a_text(world: GatewayWorld) -> None:
    policy = json.dumps(RICH["x-amazon-apigateway-policy"])
    made = imported(world, document(**{"x-amazon-apigateway-policy": policy}))
    assert json.loads(made["policy"].replace('\\"', '"')) == RICH["x-amazon-apigateway-policy"]


def test_null_is_nothing(world: GatewayWorld) -> None:
    integration = MOCK | {
        "uri": None,
        "requestTemplates": {"application/json": None, "a/b": "x"},
        "responses": {"default": {"statusCode": 200, "responseTemplates": {"application/json": None}}},
    }
    given = operation(**{"x-amazon-apigateway-integration": integration}, security=None, parameters=None)
    api = imported(world, document(paths={"/a": {"get": given}, "/b": None}), failOnWarnings=True)["id"]
    shown = method(world, api, "/a")["methodIntegration"]
    assert shown["requestTemplates"] == {"application/json": None, "a/b": "x"}
    assert shown["integrationResponses"]["200"]["responseTemplates"] == {"application/json": None}
    assert paths(world, api) == {"/": [], "/a": ["GET"], "/b": []}


def test_extensions_that_mean_nothing_here_are_warnings(world: GatewayWorld) -> None:
    given = operation(**{"x-amazon-apigateway-cors": {}, "x-other": 1})
    content = document(paths={"/a": {"get": given, "x-amazon-apigateway-some-method": {}, "summary": "s"}})
    assert len(imported(world, content)["warnings"]) == 2


def test_a_model_that_no_request_can_be_checked_against_is_a_warning(world: GatewayWorld) -> None:
    schemas = {"A": {"type": "none"}, "B": {"$ref": "#/components/schemas/C"}, "D": {"type": "object"}}
    warnings = imported(world, document(components={"schemas": schemas}))["warnings"]
    assert [warning.split("'")[1] for warning in warnings] == ["A", "B"]


@pytest.mark.parametrize("given", [{"basePath": "split"}, {"ignore": "models"}, {"basepath": "x"}])
def test_parameters_of_an_import(world: GatewayWorld, given: dict[str, str]) -> None:
    assert next(iter(given)) in refused(world, document(), parameters=given)


def test_documentation_is_replaced_by_an_overwriting_document_that_has_some(world: GatewayWorld) -> None:
    def documented(*names: str) -> dict[str, Any]:
        parts = [{"location": {"type": "MODEL", "name": name}, "properties": {"description": name}} for name in names]
        return document(**{"x-amazon-apigateway-documentation": {"documentationParts": parts}})

    def known() -> dict[str, str]:
        items = world("GetDocumentationParts", restApiId=api)["items"]
        return {item["location"]["name"]: item["id"] for item in items}

    def put(mode: str, content: dict[str, Any], **given: Any) -> None:
        world("PutRestApi", restApiId=api, mode=mode, body=json.dumps(content).encode(), **given)

    api = imported(world, documented("a", "b"))["id"]
    before = known()
    put("merge", documented("c"))
    assert sorted(known()) == ["a", "b", "c"]
    put("overwrite", document())
    assert sorted(known()) == ["a", "b", "c"]
    put("overwrite", documented("d"), parameters={"ignore": "documentation"})
    assert sorted(known()) == ["a", "b", "c"]
    put("overwrite", documented("b", "d"))
    assert sorted(known()) == ["b", "d"] and known()["b"] == before["b"]


def test_a_scheme_without_a_name_reads_the_authorization_header(world: GatewayWorld) -> None:
    pool = SCHEMES["pool"]["x-amazon-apigateway-authorizer"]
    schemes = {"pool": {"type": "oauth2", "flows": {}, "x-amazon-apigateway-authorizer": pool}}
    content = document(
        components={"securitySchemes": schemes}, paths={"/": {"get": operation(security=[{"pool": []}])}}
    )
    api = imported(world, content)["id"]
    assert method(world, api, "/")["authorizationType"] == "COGNITO_USER_POOLS"
    source = world("GetAuthorizers", restApiId=api)["items"][0]["identitySource"]
    assert source == "method.request.header.Authorization"


def test_what_changes_while_a_large_document_is_taken_in_counts(world: GatewayWorld) -> None:
    many = {f"/a{n}": {"get": operation()} for n in range(20)}
    api = imported(world, document(paths=many))["id"]
    root_id = next(item["id"] for item in world("GetResources", restApiId=api)["items"] if item["path"] == "/")
    call = Call(world.ports, WORLD, root(ACCOUNT), "r", world.clock.now())
    changes = 0

    async def run() -> None:
        nonlocal changes
        body = json.dumps(document(paths={path: {"post": operation()} for path in many})).encode()
        given = {"restApiId": api, "mode": "overwrite", "body": body}
        working = asyncio.ensure_future(world.dispatcher.call(call, "apigateway", "PutRestApi", given))
        await asyncio.sleep(0)
        while not working.done():
            changes += 1
            part = {"restApiId": api, "parentId": root_id, "pathPart": f"b{changes}"}
            await world.dispatcher.call(call, "apigateway", "CreateResource", part)
            await asyncio.sleep(0)
        await working

    asyncio.run(run())
    assert changes >= 2
    assert paths(world, api) == {"/": []} | {path: ["POST"] for path in many}


def test_ids_of_large_documents_are_drawn_in_the_event_loop(
    world: GatewayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    entropy, threads = world.ports.entropy, set()
    letters = entropy.letters

    def drawn(count: int, alphabet: str) -> str:
        threads.add(threading.get_ident())
        return letters(count, alphabet)

    monkeypatch.setattr(entropy, "letters", drawn)
    imported(world, document(paths={f"/a{n}": {"get": operation()} for n in range(100)}))
    assert threads == {threading.get_ident()}

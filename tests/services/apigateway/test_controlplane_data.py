"""Authorizers, domain names, VPC links, client certificates, tags, cache flushes, clones, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography import x509

from services.apigateway.gatewayworld import ACCOUNT, GatewayWorld
from stategate.services.errors import AwsError
from stategate.services.ports import InvocationResult

FUNCTION = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:111122223333:function:f"
    "/invocations"
)
POOL = f"arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/us-east-1_a"
CERTIFICATE = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/c"
BALANCER = f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:loadbalancer/net/n/1"


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def refused(world: GatewayWorld, operation: str, **given: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as caught:
        world(operation, **given)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    "members",
    [
        {"type": "TOKEN"},
        {"type": "TOKEN", "authorizerUri": "arn:aws:lambda:us-east-1:1:function:f"},
        {"type": "TOKEN", "authorizerUri": FUNCTION, "identitySource": "method.request.querystring.q"},
        {"type": "TOKEN", "authorizerUri": FUNCTION, "authorizerResultTtlInSeconds": 3601},
        {"type": "TOKEN", "authorizerUri": FUNCTION, "authorizerResultTtlInSeconds": -1},
        {"type": "REQUEST", "authorizerUri": FUNCTION},
        {"type": "REQUEST", "authorizerUri": FUNCTION, "identitySource": "header.x"},
        {"type": "COGNITO_USER_POOLS"},
        {"type": "COGNITO_USER_POOLS", "providerARNs": ["arn:aws:sns:us-east-1:1:t"]},
        {"type": "COGNITO_USER_POOLS", "providerARNs": [POOL], "identityValidationExpression": "("},
        {"type": "TOKEN", "authorizerUri": FUNCTION, "identityValidationExpression": "[a-"},
    ],
)
def test_authorizers_that_are_refused(world: GatewayWorld, members: dict[str, Any]) -> None:
    api, _ = world.api()
    assert refused(world, "CreateAuthorizer", restApiId=api, name="a", **members)[0] == "BadRequestException"
    assert world("GetAuthorizers", restApiId=api)["items"] == []


def test_the_life_of_an_authorizer(world: GatewayWorld) -> None:
    api, ids = world.api()
    made = world(
        "CreateAuthorizer", restApiId=api, name="a", type="REQUEST", authorizerUri=FUNCTION,
        identitySource="method.request.header.A, context.stage,stageVariables.v",
    )  # fmt: skip
    assert made["authType"] == "custom" and "authorizerResultTtlInSeconds" not in made
    duplicate = refused(world, "CreateAuthorizer", restApiId=api, name="a", type="TOKEN", authorizerUri=FUNCTION)
    assert duplicate == (
        "BadRequestException",
        "Authorizer name must be unique. Authorizer a already exists in this RestApi.",
    )
    one = {"restApiId": api, "authorizerId": made["id"]}
    changes = [("/name", "b"), ("/authorizerResultTtlInSeconds", "0"), ("/identitySource", "")]
    operations = [{"op": "replace", "path": path, "value": value} for path, value in changes]
    changed = world("UpdateAuthorizer", **one, patchOperations=operations)
    assert changed["name"] == "b" and changed["authorizerResultTtlInSeconds"] == 0 and "identitySource" not in changed
    where = {"restApiId": api, "resourceId": ids["/"], "httpMethod": "GET"}
    world("PutMethod", **where, authorizationType="CUSTOM", authorizerId=made["id"])
    assert refused(world, "DeleteAuthorizer", **one)[0] == "ConflictException"
    patch = {"op": "replace", "path": "/authorizationType", "value": "NONE"}
    assert "authorizerId" not in world("UpdateMethod", **where, patchOperations=[patch])
    world("DeleteAuthorizer", **one)
    assert refused(world, "GetAuthorizer", **one) == ("NotFoundException", "Invalid Authorizer identifier specified")


def test_the_kind_of_authorizer_has_to_fit(world: GatewayWorld) -> None:
    api, ids = world.api()
    given = {"restApiId": api, "name": "p", "type": "COGNITO_USER_POOLS", "providerARNs": [POOL]}
    pool = world("CreateAuthorizer", **given)["id"]
    where = {"restApiId": api, "resourceId": ids["/"], "httpMethod": "GET"}
    assert refused(world, "PutMethod", **where, authorizationType="CUSTOM", authorizerId=pool)[1].startswith(
        "Invalid aut"
    )
    made = world(
        "PutMethod", **where, authorizationType="COGNITO_USER_POOLS", authorizerId=pool, authorizationScopes=["a"]
    )
    assert made["authorizationScopes"] == ["a"]
    patch = [{"op": "add", "path": "/authorizationScopes", "value": "b"}]
    assert world("UpdateMethod", **where, patchOperations=patch)["authorizationScopes"] == ["a", "b"]
    patch = [{"op": "remove", "path": "/authorizationScopes", "value": "a"}]
    assert world("UpdateMethod", **where, patchOperations=patch)["authorizationScopes"] == ["b"]


def test_domain_names_and_their_mappings(world: GatewayWorld) -> None:
    api, ids = world.api()
    world.mock(api, ids["/"], "GET", "x")
    world.deploy(api)
    for members in ({"domainName": "x"}, {"domainName": "a.test"}, {"domainName": "a.test", "certificateArn": "c"}):
        assert refused(world, "CreateDomainName", **members)[0] == "BadRequestException"
    regional = {"endpointConfiguration": {"types": ["REGIONAL"]}, "regionalCertificateArn": CERTIFICATE}
    made = world("CreateDomainName", domainName="a.example.test", **regional)
    assert made["regionalDomainName"].endswith(".execute-api.us-east-1.amazonaws.com")
    assert refused(world, "CreateDomainName", domainName="a.example.test", **regional)[0] == "BadRequestException"
    mutual = {"mutualTlsAuthentication": {"truststoreUri": "s3://b/k"}}
    assert "mutualTlsAuthentication" in refused(world, "CreateDomainName", domainName="b.test", **regional, **mutual)[1]
    name = {"domainName": "a.example.test"}
    assert world("CreateBasePathMapping", **name, restApiId=api)["basePath"] == "(none)"
    assert refused(world, "CreateBasePathMapping", **name, restApiId=api)[0] == "ConflictException"
    assert refused(world, "CreateBasePathMapping", **name, restApiId="none")[0] == "BadRequestException"
    assert refused(world, "CreateBasePathMapping", **name, restApiId=api, basePath="a", stage="no")[0] == (
        "BadRequestException"
    )
    world("CreateBasePathMapping", **name, restApiId=api, basePath="v1", stage="prod")
    patch = [{"op": "replace", "path": "/basePath", "value": "v2"}]
    world("UpdateBasePathMapping", **name, basePath="v1", patchOperations=patch)
    assert [item["basePath"] for item in world("GetBasePathMappings", **name)["items"]] == ["(none)", "v2"]
    mapped = refused(world, "DeleteRestApi", restApiId=api)
    assert mapped[1] == "Please remove all base path mappings related to the API in your account, then try again."
    assert refused(world, "DeleteStage", restApiId=api, stageName="prod")[0] == "BadRequestException"
    world("DeleteDomainName", **name)
    world("DeleteStage", restApiId=api, stageName="prod")
    assert refused(world, "GetBasePathMappings", **name)[0] == "NotFoundException"


def test_vpc_links_are_data_that_no_request_goes_through(world: GatewayWorld) -> None:
    api, ids = world.api()
    link = world("CreateVpcLink", name="l", targetArns=[BALANCER])
    assert link["status"] == "AVAILABLE"
    where = {"restApiId": api, "resourceId": ids["/"], "httpMethod": "GET"}
    world("PutMethod", **where, authorizationType="NONE")
    given = {"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "http://x.test", "connectionType": "VPC_LINK"}
    assert refused(world, "PutIntegration", **where, **given)[0] == "BadRequestException"
    assert refused(world, "PutIntegration", **where, **given, connectionId="none")[0] == "NotFoundException"
    world("PutIntegration", **where, **given, connectionId=link["id"])
    assert refused(world, "DeleteVpcLink", vpcLinkId=link["id"])[0] == "BadRequestException"
    assert "VPC link" in refused(world, "CreateDeployment", restApiId=api)[1]
    world("DeleteMethod", **where)
    world("DeleteVpcLink", vpcLinkId=link["id"])
    assert world("GetVpcLinks")["items"] == []


def test_client_certificates(world: GatewayWorld) -> None:
    made = world("GenerateClientCertificate", description="d")
    certificate = x509.load_pem_x509_certificate(made["pemEncodedCertificate"].encode())
    assert certificate.not_valid_after_utc.timestamp() == made["expirationDate"]
    one = {"clientCertificateId": made["clientCertificateId"]}
    patch = [{"op": "replace", "path": "/description", "value": "e"}]
    assert world("UpdateClientCertificate", **one, patchOperations=patch)["description"] == "e"
    api, ids = world.api()
    world.mock(api, ids["/"], "GET", "x")
    world.deploy(api)
    stage = {"restApiId": api, "stageName": "prod"}
    patch = [{"op": "replace", "path": "/clientCertificateId", "value": made["clientCertificateId"]}]
    assert world("UpdateStage", **stage, patchOperations=patch)["clientCertificateId"] == made["clientCertificateId"]
    assert refused(world, "DeleteClientCertificate", **one)[0] == "BadRequestException"
    world("DeleteStage", **stage)
    world("DeleteClientCertificate", **one)
    assert refused(world, "GetClientCertificate", **one)[0] == "NotFoundException"


def test_everything_can_be_tagged(world: GatewayWorld) -> None:
    api, ids = world.api()
    world.mock(api, ids["/"], "GET", "x")
    world.deploy(api)
    world("CreateDomainName", domainName="a.example.test", certificateArn=CERTIFICATE)
    things = [
        f"restapis/{api}",
        f"restapis/{api}/stages/prod",
        f"apikeys/{world('CreateApiKey')['id']}",
        f"usageplans/{world('CreateUsagePlan', name='p')['id']}",
        "domainnames/a.example.test",
        f"vpclinks/{world('CreateVpcLink', name='l', targetArns=[BALANCER])['id']}",
        f"clientcertificates/{world('GenerateClientCertificate')['clientCertificateId']}",
    ]
    for thing in things:
        arn = f"arn:aws:apigateway:us-east-1::/{thing}"
        world("TagResource", resourceArn=arn, tags={"a": "1", "b": "2"})
        world("UntagResource", resourceArn=arn, tagKeys=["a"])
        assert world("GetTags", resourceArn=arn)["tags"] == {"b": "2"}, thing
    for wrong in ("apikeys/none", "restapis/none", "restapis/x/stages/y"):
        assert (
            refused(world, "GetTags", resourceArn=f"arn:aws:apigateway:us-east-1::/{wrong}")[0] == "NotFoundException"
        )
    for wrong in ("arn:aws:s3:::b", "arn:aws:apigateway:us-east-1::/apikeys/x/stages/y"):
        assert refused(world, "GetTags", resourceArn=wrong)[0] == "BadRequestException"


def test_flushing_needs_a_stage(world: GatewayWorld) -> None:
    api, ids = world.api()
    world.mock(api, ids["/"], "GET", "x")
    world.deploy(api)
    for operation in ("FlushStageCache", "FlushStageAuthorizersCache"):
        assert world(operation, restApiId=api, stageName="prod") == {}
        assert refused(world, operation, restApiId=api, stageName="none")[0] == "NotFoundException"


def test_sdks_are_refused_by_name(world: GatewayWorld) -> None:
    code, message = refused(world, "GetSdk", restApiId="a", stageName="b", sdkType="java")
    assert code == "BadRequestException" and "GetSdk" in message


def test_a_clone_is_the_same_api_under_other_ids(world: GatewayWorld) -> None:
    api, ids = world.api("/a/{b}", binaryMediaTypes=["image/png"])
    authorizer = world("CreateAuthorizer", restApiId=api, name="t", type="TOKEN", authorizerUri=FUNCTION)["id"]
    where = {"restApiId": api, "resourceId": ids["/a/{b}"], "httpMethod": "GET"}
    world("PutMethod", **where, authorizationType="CUSTOM", authorizerId=authorizer)
    world("PutIntegration", **where, type="MOCK")
    reference = f"https://apigateway.amazonaws.com/restapis/{api}/models/Empty"
    world(
        "CreateModel", restApiId=api, name="M", contentType="application/json", schema=json.dumps({"$ref": reference})
    )
    clone = world("CreateRestApi", name="clone", cloneFrom=api)
    assert clone["binaryMediaTypes"] == ["image/png"]
    items = {item["path"]: item for item in world("GetResources", restApiId=clone["id"], embed=["methods"])["items"]}
    assert set(items) == {"/", "/a", "/a/{b}"} and items["/"]["id"] == clone["rootResourceId"]
    method = items["/a/{b}"]["resourceMethods"]["GET"]
    copied = world("GetAuthorizers", restApiId=clone["id"])["items"][0]
    assert method["authorizerId"] == copied["id"] != authorizer
    assert method["methodIntegration"]["cacheNamespace"] == items["/a/{b}"]["id"] != ids["/a/{b}"]
    schema = json.loads(world("GetModel", restApiId=clone["id"], modelName="M")["schema"])
    assert schema["$ref"] == reference.replace(api, clone["id"])
    world("DeleteRestApi", restApiId=api)
    assert world("GetAuthorizer", restApiId=clone["id"], authorizerId=copied["id"])["name"] == "t"
    assert refused(world, "CreateRestApi", name="x", cloneFrom="none")[0] == "NotFoundException"


def test_model_templates_and_documentation_imports(world: GatewayWorld) -> None:
    api, _ = world.api()
    assert json.loads(world("GetModelTemplate", restApiId=api, modelName="Error")["value"].partition("\n")[2]) == {
        "message": "foo"
    }
    parts = [{"location": {"type": "API"}, "properties": {"description": "d"}}]
    body = json.dumps({"swagger": "2.0", "x-amazon-apigateway-documentation": {"documentationParts": parts}}).encode()
    made = world("ImportDocumentationParts", restApiId=api, body=body)
    assert set(made) == {"ids"}
    assert world("ImportDocumentationParts", restApiId=api, body=body, mode="overwrite") == made
    for unknown in (b"[", b"{}", body.replace(b"swagger", b"asyncapi")):
        assert refused(world, "ImportDocumentationParts", restApiId=api, body=unknown, mode="overwrite")[1] == (
            "Unable to build importer with provided input."
        )
    assert len(world("GetDocumentationParts", restApiId=api)["items"]) == 1


def test_documentation_parts_are_listed_by_location(world: GatewayWorld) -> None:
    api, _ = world.api()
    locations = [
        {"type": "RESPONSE", "path": "/", "method": "GET", "statusCode": "200"},
        {"type": "METHOD", "path": "/b", "method": "GET"},
        {"type": "METHOD", "path": "/a", "method": "POST"},
        {"type": "METHOD", "path": "/a", "method": "GET"},
        {"type": "API"},
    ]
    for location in locations:
        world("CreateDocumentationPart", restApiId=api, location=location, properties="{}")
    items = world("GetDocumentationParts", restApiId=api)["items"]
    assert [item["location"] for item in items] == locations[::-1]
    twice = refused(world, "CreateDocumentationPart", restApiId=api, location={"type": "API"}, properties="")
    assert twice[1] == "Documentation part properties must be non-empty"


def test_what_is_undocumented(world: GatewayWorld) -> None:
    api, ids = world.api("/pets/{id}")
    parameters = {
        "method.request.path.id": True,
        "method.request.querystring.q": False,
        "method.request.header.h": True,
    }
    responses = {"200": {"responseParameters": {"method.response.header.r": False}}}
    world.method(
        api, ids["/pets/{id}"], "GET", {"type": "MOCK"}, {"200": {}}, responses,
        requestParameters=parameters, requestModels={"application/json": "Empty"},
    )  # fmt: skip

    def left(**wanted: Any) -> list[dict[str, str]]:
        given = {"restApiId": api, "locationStatus": "UNDOCUMENTED", **wanted}
        found: list[dict[str, str]] = []
        position = None
        while found == [] or position is not None:
            page = world("GetDocumentationParts", **given, limit=2, **({"position": position} if position else {}))
            found += [item["location"] for item in page["items"]]
            position = page.get("position")
        assert all(set(item) == {"location"} for item in page["items"])
        return found

    where = {"path": "/pets/{id}", "method": "GET"}
    everything = [
        {"type": "API"},
        {"type": "METHOD", **where},
        {"type": "MODEL", "name": "Empty"},
        {"type": "MODEL", "name": "Error"},
        {"type": "PATH_PARAMETER", **where, "name": "id"},
        {"type": "QUERY_PARAMETER", **where, "name": "q"},
        {"type": "REQUEST_BODY", **where},
        {"type": "REQUEST_HEADER", **where, "name": "h"},
        {"type": "RESOURCE", "path": "/"},
        {"type": "RESOURCE", "path": "/pets"},
        {"type": "RESOURCE", "path": "/pets/{id}"},
        {"type": "RESPONSE", **where, "statusCode": "200"},
        {"type": "RESPONSE_HEADER", **where, "statusCode": "200", "name": "r"},
    ]
    assert left() == everything
    assert left(type="RESOURCE", path="/") == [{"type": "RESOURCE", "path": "/"}]
    documented = [
        ({"type": "METHOD", "path": "/pets/{id}"}, None),
        ({"type": "RESOURCE"}, {"type": "RESOURCE", "path": "/"}),
        ({"type": "PATH_PARAMETER", "path": "/pets", "name": "id"}, everything[4]),
        ({"type": "QUERY_PARAMETER", "name": "other"}, None),
        ({"type": "RESPONSE", "path": "/pe"}, None),
        ({"type": "RESPONSE", "path": "/pets/{id}", "method": "GET"}, everything[11]),
        ({"type": "RESPONSE_HEADER", "method": "POST", "name": "r"}, None),
        ({"type": "REQUEST_BODY", **where}, everything[6]),
    ]
    for location, covered in documented:
        world("CreateDocumentationPart", restApiId=api, location=location, properties="{}")
        everything = [item for item in everything if item != covered]
        assert left() == everything


def test_an_authorizer_is_tested(world: GatewayWorld) -> None:
    api, _ = world.api()
    role = world.role("lambda", trusted="lambda.amazonaws.com")
    code = {"ZipFile": b"x"}
    world("CreateFunction", "lambda", FunctionName="f", Runtime="python3.12", Role=role, Handler="f.f", Code=code)
    world(
        "AddPermission", "lambda", FunctionName="f", StatementId="s", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )  # fmt: skip
    made = world("CreateAuthorizer", restApiId=api, name="a", type="TOKEN", authorizerUri=FUNCTION)["id"]
    one = {"restApiId": api, "authorizerId": made}
    assert world("TestInvokeAuthorizer", **one)["clientStatus"] == 401
    given = {**one, "headers": {"Authorization": "t"}}
    assert world("TestInvokeAuthorizer", **given)["clientStatus"] == 500
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    answer = json.dumps({"principalId": "p", "policyDocument": policy}).encode()
    world.functions.result = InvocationResult(answer, None, b"")
    tested = world("TestInvokeAuthorizer", **given)
    assert (tested["clientStatus"], tested["principalId"], json.loads(tested["policy"])) == (200, "p", policy)
    assert tested["log"].startswith("Execution log for request ")
    event = json.loads(world.functions.payloads[-1])
    assert event["authorizationToken"] == "t"
    assert event["methodArn"] == f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{api}/ESTestInvoke-stage/GET/"
    assert refused(world, "TestInvokeAuthorizer", restApiId=api, authorizerId="none")[0] == "NotFoundException"

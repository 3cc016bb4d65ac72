"""Patch operations that nobody would send: every update answers, or refuses with an error of AWS's, and changes nothing
that it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.apigateway.gatewayworld import ACCOUNT, GatewayWorld
from stategate.services.errors import AwsError

FUNCTION = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:111122223333:function:f"
    "/invocations"
)
PATHS = (
    *("", "/", "//", "/x", "x", "/name", "/description", "/version", "/type", "/schema", "/properties", "/enabled"),
    *("/apiKeySource", "/minimumCompressionSize", "/disableExecuteApiEndpoint", "/policy", "/binaryMediaTypes"),
    *("/binaryMediaTypes/a~1b", "/endpointConfiguration/types/EDGE", "/endpointConfiguration/ipAddressType"),
    *("/endpointConfiguration/vpcEndpointIds", "/pathPart", "/parentId", "/authorizationType", "/authorizerId"),
    *("/apiKeyRequired", "/operationName", "/requestValidatorId", "/authorizationScopes", "/authorizationScopes/a"),
    *("/requestParameters", "/requestParameters/method.request.querystring.q", "/requestModels/application~1json"),
    *("/requestParameters/integration.request.header.X", "/requestTemplates/a~1b", "/requestTemplates"),
    *("/responseParameters/method.response.header.X", "/responseParameters/gatewayresponse.header.X"),
    *("/responseModels/a~1b", "/responseTemplates/a~1b", "/selectionPattern", "/contentHandling", "/statusCode"),
    *("/uri", "/httpMethod", "/credentials", "/timeoutInMillis", "/passthroughBehavior", "/cacheNamespace"),
    *("/cacheKeyParameters", "/cacheKeyParameters/method.request.path.a", "/connectionType", "/connectionId"),
    *("/tlsConfig/insecureSkipVerification", "/validateRequestBody", "/validateRequestParameters", "/providerARNs"),
    *("/authType", "/authorizerUri", "/authorizerCredentials", "/authorizerResultTtlInSeconds", "/identitySource"),
    *("/identityValidationExpression", "/deploymentId", "/cacheClusterEnabled", "/cacheClusterSize"),
    *("/clientCertificateId", "/documentationVersion", "/tracingEnabled", "/variables/a", "/variables"),
    *("/accessLogSettings", "/accessLogSettings/format", "/accessLogSettings/destinationArn", "/canarySettings"),
    *("/canarySettings/percentTraffic", "/canarySettings/deploymentId", "/canarySettings/useStageCache"),
    *("/canarySettings/stageVariableOverrides/a", "/*/*", "/~1a/GET", "/*/*/logging/loglevel"),
    *("/*/*/logging/dataTrace", "/*/*/throttling/burstLimit", "/~1a/GET/throttling/rateLimit"),
    *("/*/*/caching/ttlInSeconds", "/*/*/caching/enabled", "/*/*/caching/unauthorizedCacheControlHeaderStrategy"),
    *("/customerId", "/labels", "/stages", "/productCode", "/throttle", "/throttle/rateLimit", "/throttle/burstLimit"),
    *("/quota", "/quota/limit", "/quota/offset", "/quota/period", "/apiStages", "/apiStages/a:b/throttle/a/GET"),
    *("/remaining", "/certificateArn", "/securityPolicy", "/mutualTlsAuthentication/truststoreUri", "/basePath"),
    *("/restapiId", "/stage", "/cloudwatchRoleArn", "/features", "/features/x"),
)
TEXTS = (
    *("", "x", "true", "false", "0", "-1", "1.5", "NaN", "inf", "1e400", "9" * 30, "\u0663", "{", "{}", "[]", "null"),
    *("NONE", "CUSTOM", "AWS_IAM", "HTTP", "EDGE", "PRIVATE", "INFO", "DAY", "MONTH", "a:b", "method.request.header.X"),
    *("'x'", "[a-", "(a+)+$", "#if(", "$input.body", f"arn:aws:iam::{ACCOUNT}:role/none", FUNCTION, "a" * 2000),
)
PATCHES = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["replace", "replace", "add", "remove", "move", "copy", "test"]),
        "path": st.sampled_from(PATHS) | st.text(alphabet="/~01ax*", max_size=8),
    },
    optional={"value": st.sampled_from(TEXTS), "from": st.sampled_from(["/x", "/canarySettings/deploymentId", ""])},
)


def populated() -> tuple[GatewayWorld, list[tuple[str, str, dict[str, Any]]]]:
    """A world with one of everything; what updates and what reads each, with the input that names it."""
    world = GatewayWorld()
    api, ids = world.api("/a")
    at = {"restApiId": api}
    world.method(api, ids["/a"], "GET", {"type": "MOCK"}, {"200": {}})
    deployment = world.deploy(api)
    method = at | {"resourceId": ids["/a"], "httpMethod": "GET"}
    authorizer = world("CreateAuthorizer", **at, name="t", type="TOKEN", authorizerUri=FUNCTION)["id"]
    validator = world("CreateRequestValidator", **at, name="v")["id"]
    part = world("CreateDocumentationPart", **at, location={"type": "API"}, properties="{}")["id"]
    world("CreateDocumentationVersion", **at, documentationVersion="1")
    key = world("CreateApiKey", name="k")["id"]
    plan = world("CreateUsagePlan", name="p", quota={"limit": 1, "period": "DAY"})["id"]
    world("CreateUsagePlanKey", usagePlanId=plan, keyId=key, keyType="API_KEY")
    arn = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/c"
    world("CreateDomainName", domainName="a.example.test", certificateArn=arn)
    world("CreateBasePathMapping", domainName="a.example.test", restApiId=api, basePath="b")
    target = f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:loadbalancer/net/n/1"
    link = world("CreateVpcLink", name="l", targetArns=[target])["id"]
    code = {"statusCode": "200"}
    return world, [
        ("RestApi", "RestApi", at),
        ("Resource", "Resource", at | {"resourceId": ids["/a"]}),
        ("Method", "Method", method),
        ("MethodResponse", "MethodResponse", method | code),
        ("Integration", "Integration", method),
        ("IntegrationResponse", "IntegrationResponse", method | code),
        ("Model", "Model", at | {"modelName": "Empty"}),
        ("RequestValidator", "RequestValidator", at | {"requestValidatorId": validator}),
        ("Authorizer", "Authorizer", at | {"authorizerId": authorizer}),
        ("GatewayResponse", "GatewayResponse", at | {"responseType": "DEFAULT_4XX"}),
        ("Deployment", "Deployment", at | {"deploymentId": deployment}),
        ("Stage", "Stage", at | {"stageName": "prod"}),
        ("DocumentationPart", "DocumentationPart", at | {"documentationPartId": part}),
        ("DocumentationVersion", "DocumentationVersion", at | {"documentationVersion": "1"}),
        ("ApiKey", "ApiKey", {"apiKey": key}),
        ("UsagePlan", "UsagePlan", {"usagePlanId": plan}),
        ("Usage", "UsagePlanKey", {"usagePlanId": plan, "keyId": key}),
        ("DomainName", "DomainName", {"domainName": "a.example.test"}),
        ("BasePathMapping", "BasePathMapping", {"domainName": "a.example.test", "basePath": "b"}),
        ("VpcLink", "VpcLink", {"vpcLinkId": link}),
        ("Account", "Account", {}),
    ]


@pytest.mark.parametrize("index", range(21))
def test_updates(index: int) -> None:
    @given(st.lists(PATCHES, min_size=1, max_size=3))
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def run(patches: list[dict[str, Any]]) -> None:
        world, things = populated()
        updated, read, one = things[index]
        before = world(f"Get{read}", **one)
        try:
            world(f"Update{updated}", **one, patchOperations=patches)
        except AwsError as error:
            assert error.status in (400, 404, 409, 403)
            assert world(f"Get{read}", **one) == before

    run()

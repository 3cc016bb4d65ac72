"""AWS_IAM, resource policies, API keys with usage plans, throttling."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.apigateway.gatewayworld import ACCOUNT, GatewayWorld
from stategate.services.errors import AwsError
from stategate.wire import sigv4
from stategate.wire.http import HttpRequest, HttpResponse


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def deployed(world: GatewayWorld, authorization: str = "NONE", key: bool = False, **members: Any) -> str:
    api, ids = world.api("/a", **members)
    template = "$context.identity.userArn $context.identity.apiKeyId"
    world.mock(api, ids["/a"], "GET", template)
    patches = [
        {"op": "replace", "path": "/authorizationType", "value": authorization},
        {"op": "replace", "path": "/apiKeyRequired", "value": "true" if key else "false"},
    ]
    world("UpdateMethod", restApiId=api, resourceId=ids["/a"], httpMethod="GET", patchOperations=patches)
    world.deploy(api)
    return api


def statement(effect: str, resource: str = "execute-api:/*", principal: Any = "*", **condition: Any) -> dict[str, Any]:
    made = {"Effect": effect, "Principal": principal, "Action": "execute-api:Invoke", "Resource": resource}
    return {**made, "Condition": condition} if condition else made


def resource_policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def user(world: GatewayWorld, name: str, allow: str | None) -> tuple[str, str]:
    world("CreateUser", "iam", UserName=name)
    if allow is not None:
        allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": allow}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        world("PutUserPolicy", "iam", UserName=name, PolicyName="p", PolicyDocument=document)
    key = world("CreateAccessKey", "iam", UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def signed(
    world: GatewayWorld, api: str, key: str, secret: str, service: str = "execute-api", region: str = "us-east-1"
) -> HttpResponse:
    now = world.clock.now()
    date = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    request = HttpRequest("GET", "/prod/a", "x=1", [("host", "api.test"), ("x-amz-date", date)])
    authorization = sigv4.sign(request, key, secret, region, service, now)
    request.headers.append(("authorization", authorization))
    return asyncio.run(world.execute(request, api, "prod", "/a", "10.0.0.9"))


class TestIam:
    def test_an_unsigned_request(self, world: GatewayWorld) -> None:
        answer = world.request(deployed(world, "AWS_IAM"), path="/a")
        assert (answer.status, json.loads(answer.body)) == (403, {"message": "Missing Authentication Token"})

    def test_a_user_who_may(self, world: GatewayWorld) -> None:
        api = deployed(world, "AWS_IAM")
        key, secret = user(world, "ann", f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{api}/prod/GET/a")
        answer = signed(world, api, key, secret)
        assert (answer.status, answer.body.split()[0]) == (200, f"arn:aws:iam::{ACCOUNT}:user/ann".encode())

    def test_a_user_who_may_not(self, world: GatewayWorld) -> None:
        api = deployed(world, "AWS_IAM")
        key, secret = user(world, "bob", f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{api}/prod/POST/*")
        answer = signed(world, api, key, secret)
        assert answer.status == 403
        assert json.loads(answer.body) == {
            "Message": f"User: arn:aws:iam::{ACCOUNT}:user/bob is not authorized to perform: execute-api:Invoke on "
            f"resource: arn:aws:execute-api:us-east-1:********{ACCOUNT[-4:]}:{api}/prod/GET/a"
        }
        assert answer.header("x-amzn-errortype") == "AccessDeniedException"

    def test_a_wrong_secret(self, world: GatewayWorld) -> None:
        api = deployed(world, "AWS_IAM")
        key, _ = user(world, "ann", "*")
        answer = signed(world, api, key, "wrong")
        assert (answer.status, answer.header("x-amzn-errortype")) == (403, "InvalidSignatureException")
        lines = json.loads(answer.body)["message"].split("\n")
        assert lines[:4] == [sigv4.MISMATCH, "", "The Canonical String for this request should have been", "'GET"]
        assert lines[4:8] == ["/prod/a", "x=1", "host:api.test", "x-amz-date:20231114T221320Z"]
        assert lines[-7:-4] == ["", "The String-to-Sign should have been", "'AWS4-HMAC-SHA256"]
        assert lines[-4:-2] == ["20231114T221320Z", "20231114/us-east-1/execute-api/aws4_request"]

    @pytest.mark.parametrize(("service", "region"), [("states", "us-east-1"), ("execute-api", "eu-west-1")])
    def test_a_signature_for_something_else(self, world: GatewayWorld, service: str, region: str) -> None:
        api = deployed(world, "AWS_IAM")
        key, secret = user(world, "ann", "*")
        assert signed(world, api, key, secret, service, region).status == 403

    def test_an_authorization_header_of_another_kind(self, world: GatewayWorld) -> None:
        answer = world.request(deployed(world, "AWS_IAM"), path="/a", headers={"Authorization": "Bearer x"})
        assert (answer.status, answer.header("x-amzn-errortype")) == (403, "IncompleteSignatureException")

    def test_the_resource_policy_may_allow_alone_and_deny_always(self, world: GatewayWorld) -> None:
        arn = f"arn:aws:iam::{ACCOUNT}:user/ann"
        key, secret = user(world, "ann", None)
        allowing = deployed(world, "AWS_IAM", policy=resource_policy(statement("Allow", principal={"AWS": arn})))
        assert signed(world, allowing, key, secret).status == 200
        key, secret = user(world, "bob", "*")
        assert signed(world, allowing, key, secret).status == 200
        denying = deployed(world, "AWS_IAM", policy=resource_policy(statement("Deny")))
        answer = signed(world, denying, key, secret)
        assert answer.status == 403
        assert json.loads(answer.body)["Message"].endswith("/prod/GET/a with an explicit deny")


class TestResourcePolicies:
    def call(self, world: GatewayWorld, **members: Any) -> HttpResponse:
        return world.request(deployed(world, **members), path="/a")

    def test_none_is_open(self, world: GatewayWorld) -> None:
        assert self.call(world).status == 200

    def test_it_must_allow(self, world: GatewayWorld) -> None:
        assert self.call(world, policy=resource_policy(statement("Allow", "execute-api:/prod/GET/*"))).status == 200
        answer = self.call(world, policy=resource_policy(statement("Allow", "execute-api:/prod/POST/*")))
        assert answer.status == 403
        message = json.loads(answer.body)["Message"]
        assert message.startswith("User: anonymous is not authorized to perform: execute-api:Invoke on resource: arn:")
        assert message.endswith("/prod/GET/a")

    def test_addresses(self, world: GatewayWorld) -> None:
        outside = statement("Deny", NotIpAddress={"aws:SourceIp": "10.0.0.0/8"})
        assert self.call(world, policy=resource_policy(statement("Allow"), outside)).status == 200
        outside = statement("Deny", NotIpAddress={"aws:SourceIp": "192.168.0.0/16"})
        answer = self.call(world, policy=resource_policy(statement("Allow"), outside))
        assert json.loads(answer.body)["Message"].endswith(" with an explicit deny")

    def test_policies_that_ask_for_tls(self, world: GatewayWorld) -> None:
        policy = resource_policy(statement("Allow"), statement("Deny", Bool={"aws:SecureTransport": "false"}))
        assert self.call(world, policy=policy).status == 200

    def test_a_private_api_needs_one(self, world: GatewayWorld) -> None:
        private = {"types": ["PRIVATE"]}
        with pytest.raises(AwsError, match="Private REST API doesn't have a resource policy attached to it"):
            deployed(world, endpointConfiguration=private)
        api = deployed(world)
        patch = {"op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "PRIVATE"}
        world("UpdateRestApi", restApiId=api, patchOperations=[patch])
        assert world.request(api, path="/a").status == 403
        policy = resource_policy(statement("Allow"))
        assert self.call(world, endpointConfiguration=private, policy=policy).status == 200

    def test_a_private_api_by_its_endpoint(self, world: GatewayWorld) -> None:
        policy = resource_policy(statement("Allow", StringEquals={"aws:SourceVpce": "vpce-0abc"}))
        api = deployed(world, endpointConfiguration={"types": ["PRIVATE"]}, policy=policy)
        assert world.request(api, path="/a").status == 403
        for host, status in ((f"{api}-vpce-0abc.execute-api.x", 200), (f"{api}-vpce-0abd.execute-api.x", 403)):
            request = HttpRequest("GET", "/prod/a", "", [("host", host)])
            assert asyncio.run(world.execute(request, api, "prod", "/a", "10.0.0.9")).status == status

    def test_the_context_names_the_endpoint(self, world: GatewayWorld) -> None:
        policy = resource_policy(statement("Allow"))
        api, ids = world.api("/a", endpointConfiguration={"types": ["PRIVATE"]}, policy=policy)
        world.mock(api, ids["/a"], "GET", "<$!context.identity.vpceId>")
        world.deploy(api)
        for host, body in ((f"{api}-VPCE-0abc-xyz.execute-api.x", b"<vpce-0abc>"), ("localhost", b"<>")):
            request = HttpRequest("GET", "/prod/a", "", [("host", host)])
            assert asyncio.run(world.execute(request, api, "prod", "/a", "10.0.0.9")).body == body


class TestKeys:
    def plan(self, world: GatewayWorld, api: str, **members: Any) -> str:
        """A usage plan of the stage with a key in it; returns the key's value."""
        stages = [{"apiId": api, "stage": "prod", **members.pop("stage", {})}]
        plan = world("CreateUsagePlan", name="plan", apiStages=stages, **members)["id"]
        key = world("CreateApiKey", name="key", enabled=True)
        world("CreateUsagePlanKey", usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
        self.key, self.id = key, plan
        value: str = key["value"]
        return value

    def call(self, world: GatewayWorld, api: str, value: str | None) -> HttpResponse:
        return world.request(api, path="/a", headers={} if value is None else {"X-API-Key": value})

    def test_a_key_of_a_plan_is_needed(self, world: GatewayWorld) -> None:
        api = deployed(world, key=True)
        value = self.plan(world, api)
        loose = world("CreateApiKey", name="loose", enabled=True)["value"]
        for wrong in (None, "nonsense", loose):
            answer = self.call(world, api, wrong)
            assert (answer.status, json.loads(answer.body)) == (403, {"message": "Forbidden"})
            assert answer.header("x-amzn-errortype") == "ForbiddenException"
        answer = self.call(world, api, value)
        assert (answer.status, answer.body.split()[-1].decode()) == (200, self.key["id"])
        patch = [{"op": "replace", "path": "/enabled", "value": "false"}]
        world("UpdateApiKey", apiKey=self.key["id"], patchOperations=patch)
        assert self.call(world, api, value).status == 403

    def test_the_rate_of_a_plan(self, world: GatewayWorld) -> None:
        api = deployed(world, key=True)
        value = self.plan(world, api, throttle={"rateLimit": 1.0, "burstLimit": 2})
        assert [self.call(world, api, value).status for _ in range(4)] == [200, 200, 429, 429]
        world.clock.advance(1.1)
        answers = [self.call(world, api, value) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 429]
        assert json.loads(answers[1].body) == {"message": "Too Many Requests"}

    def test_the_rate_of_a_plan_for_one_method(self, world: GatewayWorld) -> None:
        api = deployed(world, key=True)
        own = {"throttle": {"/a/GET": {"rateLimit": 1.0, "burstLimit": 1}}}
        value = self.plan(world, api, stage=own, throttle={"rateLimit": 100.0, "burstLimit": 100})
        assert [self.call(world, api, value).status for _ in range(2)] == [200, 429]

    def test_the_quota_survives_a_restart(self, world: GatewayWorld) -> None:
        api = deployed(world, key=True)
        value = self.plan(world, api, quota={"limit": 3, "period": "DAY"})
        assert [self.call(world, api, value).status for _ in range(2)] == [200, 200]
        from stategate.services.apigateway.execute import ExecuteApi

        world.execute = ExecuteApi(world.ports, world.backend, world.lines)
        answers = [self.call(world, api, value) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 429]
        assert json.loads(answers[1].body) == {"message": "Limit Exceeded"}
        assert answers[1].header("x-amzn-errortype") == "LimitExceededException"
        day = datetime.fromtimestamp(world.clock.now(), UTC).date().isoformat()
        usage = world("GetUsage", usagePlanId=self.id, startDate=day, endDate=day)["items"]
        assert usage == {self.key["id"]: [[3, 0]]}
        world.clock.advance(86400)
        assert self.call(world, api, value).status == 200

    def test_a_method_without_the_requirement_needs_none(self, world: GatewayWorld) -> None:
        assert self.call(world, deployed(world), None).status == 200


def test_the_rate_of_a_stage(world: GatewayWorld) -> None:
    api = deployed(world)
    patches = [
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "1"},
        {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "2"},
    ]
    world("UpdateStage", restApiId=api, stageName="prod", patchOperations=patches)
    assert [world.request(api, path="/a").status for _ in range(3)] == [200, 200, 429]
    world.clock.advance(5)
    assert [world.request(api, path="/a").status for _ in range(3)] == [200, 200, 429]

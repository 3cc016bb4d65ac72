"""The dispatcher, asked by boto3: each request that the client would send goes to it instead."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from services.memorystore import MemoryStore
from stategate.iam import Principal
from stategate.iam.principal import root
from stategate.services import iam
from stategate.services.call import Call, Input, Output
from stategate.services.dispatch import Dispatcher
from stategate.services.errors import AwsError
from stategate.services.iam.credentials import session_credentials
from stategate.services.ports import Ports, World
from stategate.wire import HttpRequest, HttpResponse

ACCOUNT = "123456789012"
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:m"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


class Clock:
    def now(self) -> float:
        return time.time()


class Entropy:
    def __init__(self) -> None:
        self.count = 0

    def uuid(self) -> str:
        self.count += 1
        return f"00000000-0000-4000-8000-{self.count:012d}"

    def random(self) -> float:
        return 0.5

    def letters(self, count: int, alphabet: str) -> str:
        self.count += 1
        return (alphabet[self.count % len(alphabet)] * count)[:count]


class CountingStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.flushes = 0

    async def durable(self) -> None:
        self.flushes += 1


def ports_of(auth: str = "open") -> Ports:
    settings = SimpleNamespace(auth=auth, root_access_key="AKIAROOTROOTROOTROOT", root_secret_key="root-secret")
    unused: Any = None
    return Ports(Clock(), Entropy(), CountingStore(), unused, unused, unused, settings, b"s" * 32)


class Stage:
    """A dispatcher with a few operations that tell what they were called with."""

    def __init__(self, auth: str = "open") -> None:
        self.ports = ports_of(auth)
        self.calls: list[tuple[Call, Input]] = []
        self.sent: list[tuple[HttpRequest, HttpResponse]] = []
        self.dispatcher = Dispatcher(
            self.ports,
            {
                "iam": iam.OPERATIONS,
                "states": {
                    "StartExecution": self._start,
                    "ListStateMachines": self._broken,
                    "StopExecution": self._wrong,
                },
                "lambda": {"Invoke": self._invoke, "ListFunctions": self._refuse},
                "logs": {"CreateLogGroup": self._nothing},
                "apigateway": {"GetRestApis": self._apis},
            },
        )

    async def _start(self, call: Call, input: Input) -> Output:
        self.calls.append((call, input))
        await asyncio.sleep(0)
        return {"executionArn": "arn:x", "startDate": call.now}

    def _broken(self, call: Call, input: Input) -> Output:
        raise ZeroDivisionError("a bug")

    def _wrong(self, call: Call, input: Input) -> Output:
        return {"stopdate": 1}

    def _invoke(self, call: Call, input: Input) -> Output:
        self.calls.append((call, input))
        return {"StatusCode": 202, "Payload": b"\xff" + input.get("Payload", b""), "FunctionError": None}

    def _refuse(self, call: Call, input: Input) -> Output:
        raise AwsError(
            "TooManyRequestsException", "Rate Exceeded.", status=429, members={"Reason": "CallerRateLimitExceeded"}
        )

    def _nothing(self, call: Call, input: Input) -> Output:
        return {}

    def _apis(self, call: Call, input: Input) -> Output:
        self.calls.append((call, input))
        return {"items": []}

    def client(
        self, service: str, key: str = ACCOUNT, secret: str = "x", token: str | None = None, region: str = "us-east-1"
    ) -> Any:
        client = boto3.client(
            service,
            region_name=region,
            endpoint_url="http://localhost:4566",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"max_attempts": 0}, inject_host_prefix=False),
        )
        client.meta.events.register("before-send", self._send)
        return client

    def _send(self, request: Any, **_: Any) -> AWSResponse:
        parts = urlsplit(request.url)
        headers = [("host", parts.netloc)]
        for name, value in request.headers.items():
            headers.append((name.lower(), value if isinstance(value, str) else value.decode()))
        body = request.body or b""
        http = HttpRequest(
            request.method, parts.path, parts.query, headers, body if isinstance(body, bytes) else body.encode()
        )
        answer = asyncio.run(self.dispatcher.http(http, "203.0.113.9"))
        self.sent.append((http, answer))
        raw = SimpleNamespace(stream=lambda **_: iter([answer.body]), read=lambda *_: answer.body)
        return AWSResponse(request.url, answer.status, Headers(answer.headers), raw)


class Headers(dict[str, str]):
    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__((name.lower(), value) for name, value in pairs)

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())


def refused(call: Any, **params: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response: dict[str, Any] = caught.value.response
    return response


def test_a_call_arrives_with_world_principal_and_caller() -> None:
    world = Stage()
    answer = world.client("stepfunctions", region="eu-west-3").start_execution(stateMachineArn=MACHINE, input="{}")
    call, input = world.calls[0]
    assert call.world == World(ACCOUNT, "eu-west-3")
    assert call.principal == root(ACCOUNT)
    assert call.source_ip == "203.0.113.9"
    assert "Boto3" in call.user_agent
    assert input == {"stateMachineArn": MACHINE, "input": "{}"}
    assert answer["ResponseMetadata"]["RequestId"] == call.request_id
    assert abs(answer["startDate"].timestamp() - call.now) < 0.001
    assert world.ports.store.flushes == 1  # type: ignore[attr-defined]


def test_what_current_clients_send_is_json() -> None:
    world = Stage()
    world.client("stepfunctions").start_execution(stateMachineArn=MACHINE)
    world.client("logs").create_log_group(logGroupName="g")
    kinds = [request.header("content-type") for request, _ in world.sent]
    assert kinds == ["application/x-amz-json-1.0", "application/x-amz-json-1.1"]


def test_other_keys_belong_to_the_default_account() -> None:
    world = Stage()
    world.client("stepfunctions", key="test").start_execution(stateMachineArn=MACHINE)
    assert world.calls[0][0].world.account == "000000000000"


def test_iam_has_one_region() -> None:
    world = Stage()
    world.client("iam", region="eu-west-1").create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    assert world.client("iam", region="us-east-1").get_role(RoleName="r")["Role"]["RoleName"] == "r"


def test_payloads_and_status_codes() -> None:
    answer = Stage().client("lambda").invoke(FunctionName="f", Payload=b'{"a":1}', InvocationType="Event")
    assert answer["StatusCode"] == answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["Payload"].read() == b'\xff{"a":1}'
    assert "FunctionError" not in answer


def test_errors_have_their_members() -> None:
    error = refused(Stage().client("lambda").list_functions)
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert error["Error"] == {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}
    assert (error["Type"], error["Reason"]) == ("User", "CallerRateLimitExceeded")


@pytest.mark.parametrize(
    ("service", "method", "params"),
    [
        ("stepfunctions", "list_activities", {}),
        ("lambda", "get_account_settings", {}),
        ("apigateway", "get_account", {}),
        ("logs", "describe_log_groups", {}),
        ("iam", "list_groups", {}),
    ],
)
def test_what_is_not_built_is_named(service: str, method: str, params: dict[str, Any]) -> None:
    world = Stage()
    client = world.client(service)
    error = refused(getattr(client, method), **params)
    operation = client.meta.method_to_api_mapping[method]
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert error["Error"]["Code"] == "NotImplementedException"
    assert error["Error"]["Message"] == f"Stategate does not support the operation {operation} of {service} yet."


@pytest.mark.parametrize(
    ("service", "method", "params"),
    [
        ("sqs", "list_queues", {}),
        ("dynamodb", "list_tables", {}),
        ("s3", "list_buckets", {}),
        ("sns", "list_topics", {}),
    ],
)
def test_services_that_are_not_hosted_are_named(service: str, method: str, params: dict[str, Any]) -> None:
    error = refused(getattr(Stage().client(service), method), **params)
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert error["Error"]["Code"] == "NotImplementedException"
    assert error["Error"]["Message"].startswith("Stategate does not host the service ")


@pytest.mark.parametrize(
    ("method", "params"), [("list_state_machines", {}), ("stop_execution", {"executionArn": "arn:x"})]
)
def test_a_bug_is_an_internal_failure_and_the_server_goes_on(method: str, params: dict[str, Any]) -> None:
    world = Stage()
    error = refused(getattr(world.client("stepfunctions"), method), **params)
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert error["Error"]["Code"] == "InternalFailure"
    assert error["ResponseMetadata"]["RequestId"] in error["Error"]["Message"]
    world.client("stepfunctions").start_execution(stateMachineArn=MACHINE)


def test_constraints_are_checked_before_the_operation() -> None:
    world = Stage()
    error = refused(world.client("stepfunctions").start_execution, stateMachineArn=MACHINE, name="n" * 81)
    assert error["Error"]["Code"] == "ValidationException"
    assert world.calls == []


def with_role(world: Stage, *actions: str) -> Any:
    """A client that acts as a role which may do `actions`."""
    made = world.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    world.client("iam").put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=policy)
    return made


def session(world: Stage, role: Any) -> tuple[Principal, Any]:
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s"
    principal = Principal("role", arn, ACCOUNT, f"{role['RoleId']}:s", role["Arn"])
    return principal, session_credentials(world.ports, principal, 900)


def test_a_sessions_credentials_act_as_its_role() -> None:
    world = Stage()
    principal, credentials = session(world, with_role(world, "states:StartExecution"))
    keys = (credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    world.client("stepfunctions", *keys).start_execution(stateMachineArn=MACHINE)
    assert world.calls[0][0].principal == principal
    error = refused(world.client("apigateway", *keys).get_rest_apis)
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert error["Error"]["Code"] == "AccessDeniedException"
    assert f"User: {principal.arn} is not authorized to perform: apigateway:GET" in error["Error"]["Message"]


def test_inside_callers_are_authorized_too() -> None:
    world = Stage()
    principal, _ = session(world, with_role(world, "states:StartExecution"))
    here = World(ACCOUNT, "us-east-1")

    def ask(operation: str) -> HttpResponse:
        request = HttpRequest(
            "POST",
            "/",
            "",
            [("x-amz-target", f"AWSStepFunctions.{operation}")],
            b'{"stateMachineArn":"%s"}' % MACHINE.encode(),
        )
        return asyncio.run(world.dispatcher.as_principal(here, principal, "states", request, "10.0.0.1"))

    assert ask("StartExecution").status == 200
    denied = ask("ListStateMachines")
    assert denied.status == 400
    assert json.loads(denied.body)["__type"].endswith("AccessDeniedException")


def call_of(world: Stage, principal: Principal) -> Call:
    return Call(world.ports, World(ACCOUNT, "us-east-1"), principal, "rid", 1.0)


def test_values_in_values_out() -> None:
    world = Stage()
    output = asyncio.run(
        world.dispatcher.call(call_of(world, root(ACCOUNT)), "states", "StartExecution", {"stateMachineArn": MACHINE})
    )
    assert output == {"executionArn": "arn:x", "startDate": 1.0}


@pytest.mark.parametrize(
    ("service", "operation", "input", "code"),
    [
        ("states", "StartExecution", {}, "ValidationException"),
        ("states", "StartExecution", {"stateMachineArn": 1}, "SerializationException"),
        ("states", "Fly", {}, "UnknownOperationException"),
        ("states", "ListActivities", {}, "NotImplementedException"),
        ("sqs", "SendMessage", {}, "NotImplementedException"),
        ("logs", "CreateLogGroup", {"logGroupName": "g"}, "AccessDeniedException"),
    ],
)
def test_calls_are_checked(service: str, operation: str, input: dict[str, Any], code: str) -> None:
    world = Stage()
    principal, _ = session(world, with_role(world, "states:*"))
    with pytest.raises(AwsError) as caught:
        asyncio.run(world.dispatcher.call(call_of(world, principal), service, operation, input))
    assert caught.value.code == code


def test_an_operation_that_no_model_has_is_a_bug() -> None:
    with pytest.raises(ValueError, match="logs has no operation Fly"):
        Dispatcher(ports_of(), {"logs": {"Fly": lambda call, input: {}}})


# --- strict -----------------------------------------------------------------------------------------------------

ROOT_KEY = ("AKIAROOTROOTROOTROOT", "root-secret")


def test_strict_mode_takes_the_roots_key() -> None:
    world = Stage("strict")
    world.client("stepfunctions", *ROOT_KEY).start_execution(stateMachineArn=MACHINE)
    assert world.calls[0][0].principal.kind == "root"
    world.client("apigateway", *ROOT_KEY).get_rest_apis(limit=5, position="a b/c")
    assert world.calls[1][1] == {"limit": 5, "position": "a b/c"}


@pytest.mark.parametrize(
    ("service", "method", "params", "wrong_key", "wrong_secret", "status"),
    [
        ("stepfunctions", "start_execution", {"stateMachineArn": MACHINE},
         "UnrecognizedClientException", "InvalidSignatureException", 400),
        ("iam", "list_roles", {}, "InvalidClientTokenId", "SignatureDoesNotMatch", 403),
        ("apigateway", "get_rest_apis", {}, "UnrecognizedClientException", "InvalidSignatureException", 403),
    ],
)  # fmt: skip
def test_strict_mode_refuses_others(
    service: str, method: str, params: dict[str, Any], wrong_key: str, wrong_secret: str, status: int
) -> None:
    world = Stage("strict")
    error = refused(getattr(world.client(service, "AKIAOTHEROTHEROTHER0"), method), **params)
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (wrong_key, status)
    error = refused(getattr(world.client(service, ROOT_KEY[0], "other"), method), **params)
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (wrong_secret, status)
    assert error["Error"]["Message"].startswith("The request signature we calculated does not match")
    assert world.calls == []


def test_strict_mode_needs_a_signature() -> None:
    world = Stage("strict")
    answer = asyncio.run(world.dispatcher.http(HttpRequest("GET", "/restapis"), "127.0.0.1"))
    assert (answer.status, answer.header("x-amzn-errortype")) == (403, "MissingAuthenticationTokenException")


@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from(["x-amz-target", "authorization", "host", "x-amz-date"]),
            st.sampled_from(
                [
                    "AWSStepFunctions.StartExecution",
                    "AWS4-HMAC-SHA256 Credential=a/20240101/../states/aws4_request, SignedHeaders=h, Signature=s",
                    "AWS4-HMAC-SHA256 Credential=a/20240101/us-east-1/iam/aws4_request, SignedHeaders=h, Signature=s",
                    "20240101T000000Z",
                    "iam.amazonaws.com",
                ]
            )
            | st.text(st.characters(max_codepoint=255), max_size=20),
        ),
        max_size=4,
    ),
    path=st.sampled_from(["/", "", "/restapis", "/2015-03-31/functions/f/invocations", "/%ff"]),
    body=st.binary(max_size=40) | st.sampled_from([b"{}", b"Action=ListRoles", b'{"stateMachineArn":"a"}']),
    auth=st.sampled_from(["open", "strict"]),
)
def test_any_request_gets_an_answer(headers: list[tuple[str, str]], path: str, body: bytes, auth: str) -> None:
    world = Stage(auth)
    answer = asyncio.run(world.dispatcher.http(HttpRequest("POST", path, "", headers, body), "127.0.0.1"))
    assert answer.status != 500
    assert answer.header("x-amzn-requestid")

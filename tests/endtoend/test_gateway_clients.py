"""Deployed APIs on a real server, with a real function: slow backends, clients that go away, edge and function URLs."""

import http.client
import io
import json
import select
import socket
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

HANDLER = """
import json, time

def handler(event, context):
    time.sleep(float((event.get("queryStringParameters") or {}).get("sleep", 0)))
    return {"statusCode": 200, "body": json.dumps(event)}
"""


class Api:
    """ANY /{proxy+} is a function's, GET /mock a mock; `proxied` sends to the function's URL."""

    def __init__(self, aws: Callable[..., Any], port: int, kind: str = "REGIONAL", timeout: int = 29_000) -> None:
        self.port = port
        self.gateway, functions, iam = aws("apigateway"), aws("lambda"), aws("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com", "apigateway.amazonaws.com"]}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]})
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("main.py", HANDLER)
        members = {"Runtime": "python3.12", "Handler": "main.handler", "Timeout": 30, "Role": role}
        made = functions.create_function(FunctionName="f", Code={"ZipFile": package.getvalue()}, **members)
        functions.get_waiter("function_active_v2").wait(FunctionName="f")
        url = functions.create_function_url_config(FunctionName="f", AuthType="NONE")["FunctionUrl"]
        functions.add_permission(
            FunctionName="f",
            StatementId="url",
            Action="lambda:InvokeFunctionUrl",
            Principal="*",
            FunctionUrlAuthType="NONE",
        )
        created = self.gateway.create_rest_api(name="t", endpointConfiguration={"types": [kind]})
        self.id, root = created["id"], created["rootResourceId"]
        uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{made['FunctionArn']}/invocations"
        self.put(root, "{proxy+}", type="AWS_PROXY", uri=uri, credentials=role, timeoutInMillis=timeout)
        self.put(root, "url", type="HTTP_PROXY", uri=url)
        self.put(root, "mock", type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
        self.gateway.create_deployment(restApiId=self.id, stageName="p")

    def put(self, parent: str, part: str, **integration: Any) -> None:
        resource = self.gateway.create_resource(restApiId=self.id, parentId=parent, pathPart=part)["id"]
        where = {"restApiId": self.id, "resourceId": resource, "httpMethod": "ANY"}
        self.gateway.put_method(**where, authorizationType="NONE")
        self.gateway.put_method_response(**where, statusCode="200")
        self.gateway.put_integration(**where, integrationHttpMethod="POST", **integration)
        if integration["type"] == "MOCK":
            self.gateway.put_integration_response(**where, statusCode="200")

    @property
    def host(self) -> str:
        return f"{self.id}.execute-api.localhost:{self.port}"

    def get(self, path: str) -> tuple[int, dict[str, str], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", f"/p{path}", headers={"Host": self.host, "User-Agent": "Mozilla/5.0 (iPad)"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(body or b"null")


@pytest.fixture
def api(aws: Callable[..., Any], server: Any) -> Api:
    return Api(aws, server.port)


def test_a_slow_function_is_not_waited_for_and_holds_nobody_up(aws: Callable[..., Any], server: Any) -> None:
    api = Api(aws, server.port, timeout=4000)
    with socket.create_connection(("127.0.0.1", api.port), timeout=60) as slow:
        started = time.monotonic()
        slow.sendall(f"GET /p/a?sleep=25 HTTP/1.1\r\nHost: {api.host}\r\n\r\n".encode())
        assert api.get("/mock")[0] == 200
        assert select.select([slow], [], [], 0)[0] == []
        answer = slow.recv(65536)
        assert answer.startswith(b"HTTP/1.1 504 ")
        assert answer.endswith(b'{"message": "Endpoint request timed out"}')
        assert 3.9 < time.monotonic() - started < 25


def test_clients_that_go_away(api: Api, server: Any) -> None:
    for _ in range(5):
        gone = socket.create_connection(("127.0.0.1", api.port), timeout=60)
        gone.sendall(f"GET /p/a?sleep=0.3 HTTP/1.1\r\nHost: {api.host}\r\n\r\n".encode())
        gone.close()
    assert api.get("/a")[0] == 200
    time.sleep(0.5)
    assert server.healthy()


def test_the_metrics_page(api: Api) -> None:
    assert api.get("/mock")[0] == 200
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=60)
    connection.request("GET", "/_stategate/metrics")
    answer = connection.getresponse()
    lines = answer.read().decode().splitlines()
    connection.close()
    assert answer.getheader("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    counts = [line for line in lines if line.startswith("apigateway_count_total{") and f'api_id="{api.id}"' in line]
    assert [line.rpartition(" ")[2] for line in counts] == ["1"]


def test_the_function_behind_an_edge_optimised_api(aws: Callable[..., Any], server: Any) -> None:
    status, headers, event = Api(aws, server.port, "EDGE").get("/a")
    assert (status, headers["x-cache"]) == (200, "Miss from cloudfront")
    assert event["headers"]["CloudFront-Is-Tablet-Viewer"] == "true"
    assert event["headers"]["X-Forwarded-For"] == "127.0.0.1, 127.0.0.1"
    assert headers["x-amz-cf-id"] == event["headers"]["X-Amz-Cf-Id"]


def test_a_function_url_behind_a_proxy(api: Api) -> None:
    status, headers, event = api.get("/url")
    assert status == 200
    assert headers["x-amzn-remapped-x-amzn-requestid"] == event["requestContext"]["requestId"]
    assert headers["x-amzn-requestid"] != headers["x-amzn-remapped-x-amzn-requestid"]
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1, 127.0.0.1"
    assert event["headers"]["x-amzn-tls-version"] == "TLSv1.3"

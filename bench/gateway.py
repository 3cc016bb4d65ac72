"""The cost of the gateway: requests/s and p50/p99 of MOCK and AWS_PROXY methods next to a bare uvicorn echo in the same
run, the time of a rendered mapping template, and of a look-up among 10 and among 1,000 resources.

    python bench/gateway.py [--seconds 5] [--connections 16]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from harness import Account, echo, figures, measure
from path import TEMPLATE
from rich.console import Console
from rich.table import Table

from stategate.gateway.context import build_context
from stategate.gateway.model import Method, Resource
from stategate.gateway.routes import Routes
from stategate.gateway.stages import Received, Routed, Surroundings
from stategate.gateway.templates import compile_template
from stategate.testing.process import ServerProcess

BODY = json.dumps({"user_id": "u7"})
MOCK = '{"id": "$input.params(\'id\')", "stage": "$context.stage"}'


class Deployed(Account):
    """An API with a MOCK and an AWS_PROXY method."""

    def __init__(self, server: ServerProcess) -> None:
        super().__init__(server)
        apis = self.client("apigateway")
        self.api: str = apis.create_rest_api(name="bench")["id"]
        root = apis.get_resources(restApiId=self.api)["items"][0]["id"]
        self.mock(apis, root)
        self.proxy(apis, root)
        apis.create_deployment(restApiId=self.api, stageName="v1")
        self.url = f"{server.url}/_aws/execute-api/{self.api}/v1"

    def method(self, apis: Any, root: str, part: str) -> dict[str, str]:
        parent = apis.create_resource(restApiId=self.api, parentId=root, pathPart=part)["id"]
        resource = apis.create_resource(restApiId=self.api, parentId=parent, pathPart="{id}")["id"]
        where = {"restApiId": self.api, "resourceId": resource, "httpMethod": "POST"}
        apis.put_method(**where, authorizationType="NONE")
        return where

    def mock(self, apis: Any, root: str) -> None:
        where = self.method(apis, root, "mock")
        apis.put_integration(**where, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
        apis.put_method_response(**where, statusCode="200")
        apis.put_integration_response(**where, statusCode="200", responseTemplates={"application/json": MOCK})

    def proxy(self, apis: Any, root: str) -> None:
        where = self.method(apis, root, "proxy")
        apis.put_integration(
            **where,
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            credentials=self.roles["apigateway"],
            uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{self.answering()}/invocations",
        )

    def answering(self) -> str:
        """A function that answers as a proxy integration must."""
        return self.function("def handler(event, context):\n    return {'statusCode': 200, 'body': event['body']}\n")


def microseconds(work: Callable[[], object], seconds: float = 1.0) -> float:
    """The time of one call: the best of several rounds, which is least disturbed by others."""
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(200):
            work()
        best = min(best, (time.perf_counter() - start) / 200)
    return best * 1e6


LOOP = """#set($items = $input.path('$.items'))
[#foreach($item in $items){"id": "$item.id", "n": $item.n}#if($foreach.hasNext),#end#end]
"""
ITEMS = json.dumps({"items": [{"id": f"i{number}", "n": number} for number in range(100)]})


def rendered(template: str = TEMPLATE, body: str = BODY) -> float:
    """Microseconds of a template: that of the example has two paths, escapes and replacements."""
    around = Surroundings("111122223333", "us-east-1", "abc", "v1", "dep", {})
    received = Received(
        around=around,
        method="POST",
        path="/recipes/42/pass",
        full_path="/v1/recipes/42/pass",
        query=(),
        headers=(("Content-Type", "application/json"), ("Host", "localhost"), ("User-Agent", "bench")),
        body=body.encode(),
        source_ip="127.0.0.1",
        domain_name="localhost",
        protocol="HTTP/1.1",
        request_id="r",
        extended_request_id="e=",
        trace_id="Root=1",
        time=1_700_000_000_000,
    )
    resource = Resource("r", "/recipes/{id}/pass")
    routed = Routed(received, resource, Method("POST"), {"id": "42"}, build_context(received, resource))
    render = compile_template(template)
    return microseconds(lambda: render(routed, body))


def looked_up(resources: int) -> float:
    routes: Routes[int] = Routes()
    for number in range(resources):
        routes.add(f"/things{number}/{{id}}/parts", {"GET": number})
    path = f"/things{resources - 1}/42/parts"
    return microseconds(lambda: routes.find("GET", path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=16)
    arguments = parser.parse_args()
    effort = (arguments.seconds, arguments.connections)
    table = Table("what", "requests/s", "p50 ms", "p99 ms", "of the echo")
    plain = {"Content-Type": "application/json"}
    with echo() as url, ServerProcess(None, "--log-level", "warning") as server:
        deployed = Deployed(server)
        reference = measure(url, BODY, plain, *effort)
        table.add_row("bare uvicorn echo", *figures(reference, reference))
        for name in ("mock", "proxy"):
            result = measure(f"{deployed.url}/{name}/42", BODY, plain, *effort)
            table.add_row({"mock": "MOCK", "proxy": "AWS_PROXY"}[name], *figures(result, reference))
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    console.print(
        f"a rendered mapping template: {rendered():.1f} µs, a loop over 100 items: {rendered(LOOP, ITEMS):.0f} µs"
    )
    console.print(f"a look-up among 10 resources: {looked_up(10):.2f} µs, among 1,000: {looked_up(1000):.2f} µs")


if __name__ == "__main__":
    main()

"""The cost of the path: requests/s and p50/p99 of the example's POST and of StartExecution, next to a bare uvicorn echo
in the same run. The ratio to the echo is the figure: it is the same on a fast machine and on a slow one.

    python bench/path.py [--seconds 5] [--connections 16]
"""

from __future__ import annotations

import argparse
import json
import sys

from harness import Account, echo, figures, measure, signed
from rich.console import Console
from rich.table import Table

from stategate.testing.process import ServerProcess

TEMPLATE = """#set($id = $util.escapeJavaScript($input.params('id')).replaceAll("\\\\'", "'"))
#set($user = $util.escapeJavaScript($input.path('$').user_id).replaceAll("\\\\'", "'"))
#set($execution = "{""recipe_id"":""$id"",""user_id"":""$user""}")
{"input": "$util.escapeJavaScript($execution).replaceAll("\\\\'", "'")", "stateMachineArn": "MACHINE"}
"""


class Deployed(Account):
    """Two state machines, one that passes and one with the example's shape (a function, then three in parallel), and an
    API with a POST for each."""

    def __init__(self, server: ServerProcess) -> None:
        super().__init__(server)
        task = {"Type": "Task", "Resource": self.function()}
        branches = [{"StartAt": f"I{n}", "States": {f"I{n}": {**task, "End": True}}} for n in range(3)]
        self.machines = {
            "pass": self.state_machine("pass", {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}),
            "four": self.state_machine(
                "four",
                {
                    "StartAt": "U",
                    "States": {
                        "U": {**task, "Next": "All"},
                        "All": {"Type": "Parallel", "Branches": branches, "End": True},
                    },
                },
            ),
        }
        self.api = self.rest_api(self.roles["apigateway"])
        self.url = f"{server.url}/_aws/execute-api/{self.api}/v1"

    def rest_api(self, role: str) -> str:
        apis = self.client("apigateway")
        api: str = apis.create_rest_api(name="bench")["id"]
        root = apis.get_resources(restApiId=api)["items"][0]["id"]
        recipes = apis.create_resource(restApiId=api, parentId=root, pathPart="recipes")["id"]
        recipe = apis.create_resource(restApiId=api, parentId=recipes, pathPart="{id}")["id"]
        for name, machine in self.machines.items():
            resource = apis.create_resource(restApiId=api, parentId=recipe, pathPart=name)["id"]
            method = {"restApiId": api, "resourceId": resource, "httpMethod": "POST"}
            apis.put_method(**method, authorizationType="NONE")
            apis.put_integration(
                **method,
                type="AWS",
                integrationHttpMethod="POST",
                uri="arn:aws:apigateway:us-east-1:states:action/StartExecution",
                credentials=role,
                requestTemplates={"application/json": TEMPLATE.replace("MACHINE", machine)},
            )
            for status, pattern in (("200", ""), ("500", r"[45]\d{2}")):
                apis.put_method_response(**method, statusCode=status)
                apis.put_integration_response(**method, statusCode=status, selectionPattern=pattern)
        apis.create_deployment(restApiId=api, stageName="v1")
        return api


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=16)
    arguments = parser.parse_args()
    effort = (arguments.seconds, arguments.connections)
    table = Table("what", "requests/s", "p50 ms", "p99 ms", "of the echo", "then")
    body = json.dumps({"user_id": "u7"})
    plain = {"Content-Type": "application/json"}
    with echo() as url, ServerProcess(None, "--log-level", "warning") as server:
        deployed = Deployed(server)
        reference = measure(url, body, plain, *effort)
        table.add_row("bare uvicorn echo", *figures(reference, reference), "")
        for name, what in (("pass", "a Pass state"), ("four", "four functions, three in parallel")):
            machine = deployed.machines[name]
            result = measure(f"{deployed.url}/recipes/42/{name}", body, plain, *effort)
            ended = f"all ended {deployed.drain(machine):.1f} s later"
            table.add_row(f"POST -> StartExecution, {what}", *figures(result, reference), ended)
            start = json.dumps({"stateMachineArn": machine, "input": body})
            result = measure(server.url, start, signed(server.url, start), *effort)
            ended = f"all ended {deployed.drain(machine):.1f} s later"
            table.add_row(f"StartExecution, {what}", *figures(result, reference), ended)
    Console(width=None if sys.stdout.isatty() else 140).print(table)


if __name__ == "__main__":
    main()

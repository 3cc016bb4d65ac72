"""The example, deployed with boto3 to a real server, as a user would."""

import contextlib
import http.client
import json
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.console import Console

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "recipes"


class Recipes:
    """The deployed example and the means to look at it."""

    def __init__(self, deployment: Any, client: Callable[..., Any], demo: Any) -> None:
        self.deployment, self.client, self.demo = deployment, client, demo
        self.states = client("stepfunctions")

    def post(self, recipe: str, body: str | bytes, content_type: str | None = "application/json") -> tuple[int, Any]:
        parts = urllib.parse.urlsplit(self.deployment.invoke_url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        headers = {"Content-Type": content_type} if content_type else {}
        connection.request("POST", f"{parts.path}/recipes/{recipe}/move", body, headers)
        with contextlib.closing(connection):
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def move(self, recipe: str, body: Any) -> dict[str, Any]:
        """Starts the execution and returns it, ended, as DescribeExecution shows it."""
        status, answer = self.post(recipe, json.dumps(body))
        assert status == 200, answer
        return self.ended(answer["executionArn"])

    def ended(self, arn: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while True:
            described: dict[str, Any] = self.states.describe_execution(executionArn=arn)
            if described["status"] != "RUNNING":
                return described
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture
def recipes(
    aws: Callable[..., Any], account: str, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Recipes]:
    for path in (EXAMPLE, EXAMPLE / "functions"):
        monkeypatch.syspath_prepend(str(path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("SEARCH_URL", raising=False)
    import demo
    import deploy

    variables = deploy.settings_from({}, tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    demo.seed()
    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="test", region_name="us-east-1")
    deployment = deploy.deploy(server.url, variables, session, say=lambda line: None)
    yield Recipes(deployment, aws, demo)
    for name in ("demo", "deploy", "database", "index_recipe", "search", "owners"):
        sys.modules.pop(name, None)


def test_a_recipe_moves(recipes: Recipes) -> None:
    import database
    import search

    described = recipes.move("42", {"user_id": "u7"})
    assert described["status"] == "SUCCEEDED", described
    assert json.loads(described["input"]) == {"recipe_id": "42", "user_id": "u7"}
    assert json.loads(described["output"])["indexed"] == [
        {"index": "recipes", "id": "42"},
        {"index": "owners", "id": "u3"},
        {"index": "owners", "id": "u7"},
    ]
    with database.transaction() as db:
        assert db.one("SELECT owner_id, moves FROM recipe WHERE id = '42'") == {"owner_id": "u7", "moves": 1}
    with search.connect() as index:
        assert index.search("recipes", "plum")[0]["owner"] == "Grace Hopper"
        assert index.get("owners", "u7") == {"id": "u7", "name": "Grace Hopper", "recipes": ["Plum cake", "Rye bread"]}
        assert index.get("owners", "u3") == {"id": "u3", "name": "Ada Lovelace", "recipes": ["Lentil soup with lemon"]}


def test_the_history_is_in_order(recipes: Recipes) -> None:
    described = recipes.move("42", {"user_id": "u7"})
    events = recipes.states.get_execution_history(executionArn=described["executionArn"])["events"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    types = [event["type"] for event in events]
    assert types[:7] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
        "TaskStateExited",
        "ParallelStateEntered",
    ]
    assert types[-3:] == ["ParallelStateSucceeded", "ParallelStateExited", "ExecutionSucceeded"]
    assert types.count("LambdaFunctionSucceeded") == 4


def test_the_request_is_logged(recipes: Recipes) -> None:
    recipes.move("43", {"user_id": "u7"})
    logs = recipes.client("logs")
    group = f"API-Gateway-Execution-Logs_{recipes.deployment.api_id}/v1"
    deadline = time.monotonic() + 60
    messages: list[str] = []
    while not any("Method completed with status: 200" in message for message in messages):
        assert time.monotonic() < deadline, messages
        messages = [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
    assert any("Endpoint request body after transformations: " in message for message in messages)
    access = logs.filter_log_events(logGroupName=recipes.deployment.access_log_group)["events"]
    assert '"POST /recipes/{id}/move" 200' in access[-1]["message"]


def test_what_a_client_sends_can_not_break_out_of_the_template(recipes: Recipes) -> None:
    hostile = """O'Neill said "no", \\ {"stateMachineArn": "arn:x"} $util #set($x = 1)\n\t</script> é ☃"""
    described = recipes.move("42", {"user_id": hostile})
    assert json.loads(described["input"]) == {"recipe_id": "42", "user_id": hostile}
    assert described["status"] == "FAILED"
    assert described["error"] == "InvalidMove"


def test_an_unknown_recipe_fails_with_the_functions_error(recipes: Recipes) -> None:
    described = recipes.move("404", {"user_id": "u7"})
    assert (described["status"], described["error"]) == ("FAILED", "RecipeNotFound")
    assert json.loads(described["cause"])["errorMessage"] == "There is no recipe '404'."


def test_the_role_may_not_start_other_machines(recipes: Recipes) -> None:
    """Taking the permission away makes the request fail as on AWS, and starts nothing."""
    recipes.client("iam").delete_role_policy(RoleName="recipes-api", PolicyName="inline")
    status, answer = recipes.post("42", '{"user_id": "u7"}')
    assert status == 400
    account = recipes.deployment.state_machine_arn.split(":")[4]
    assert answer["Message"] == (
        f"User: arn:aws:sts::{account}:assumed-role/recipes-api/BackplaneAssumeRoleSession is not authorized"
        f" to perform: states:StartExecution on resource: {recipes.deployment.state_machine_arn}"
        " because no identity-based policy allows the states:StartExecution action"
    )
    assert not recipes.states.list_executions(stateMachineArn=recipes.deployment.state_machine_arn)["executions"]


def test_a_role_that_can_not_be_assumed(recipes: Recipes) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    recipes.client("iam").update_assume_role_policy(RoleName="recipes-api", PolicyDocument=document)
    assert recipes.post("42", '{"user_id": "u7"}') == (500, {"message": "Internal server error"})


def test_the_machines_role_lacks_the_function(recipes: Recipes) -> None:
    recipes.client("iam").delete_role_policy(RoleName="recipes-machine", PolicyName="inline")
    described = recipes.move("42", {"user_id": "u7"})
    assert described["status"] == "FAILED"
    assert "is not authorized to perform: lambda:InvokeFunction on resource" in described["cause"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ('{"user_id": ', "application/json", 400),
        ("user_id=u7", "application/x-www-form-urlencoded", 415),
        ("u7", "text/plain", 415),
    ],
)
def test_bad_requests(recipes: Recipes, body: str, content_type: str, status: int) -> None:
    assert recipes.post("42", body, content_type)[0] == status
    assert recipes.move("42", {"user_id": "u7"})["status"] == "SUCCEEDED"


def test_deploying_again_changes_nothing_but_works(recipes: Recipes, server: Any, account: str, tmp_path: Path) -> None:
    import deploy

    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="test", region_name="us-east-1")
    again = deploy.deploy(server.url, deploy.settings_from({}, tmp_path), session, say=lambda line: None)
    assert again == recipes.deployment
    assert recipes.move("42", {"user_id": "u7"})["status"] == "SUCCEEDED"


def test_the_demo_tells_how_to_start_its_own_server_again_only(recipes: Recipes, server: Any, tmp_path: Path) -> None:
    with recipes.demo.server(server.url, tmp_path, Console(quiet=True)) as command:
        assert command == ""
    assert "Start it again" not in recipes.demo.go_on(recipes.deployment, "arn", command)
    text = recipes.demo.go_on(recipes.deployment, "arn", "stategate serve --port 4600 --data-dir d")
    assert "Start it again with\n\n    .venv/bin/stategate serve --port 4600 --data-dir d\n\n" in text

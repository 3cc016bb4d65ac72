"""The demo: deploys the example to a server, sends the request, and shows all that happens.

    python demo.py [--endpoint http://127.0.0.1:4566] [--data-dir .stategate]

A Stategate that listens at the endpoint is used; otherwise one is started, and stopped at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import deploy
from rich.console import Console, Group
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from stategate.testing.process import ServerProcess

sys.path.insert(0, str(Path(__file__).resolve().parent / "functions"))
import database
import index_recipe
import owners
import search

RECIPE = "42"
OWNERS = {"u3": "Ada Lovelace", "u7": "Grace Hopper"}
RECIPES = {
    RECIPE: ("Plum cake", "u3"),
    "43": ("Lentil soup with lemon", "u3"),
    "44": ("Rye bread", "u7"),
}
COLOURS = {"SUCCEEDED": "green", "FAILED": "red", "TIMED_OUT": "red", "ABORTED": "red", "RUNNING": "yellow"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", default="http://127.0.0.1:4566")
    parser.add_argument("--data-dir", type=Path, default=Path(".stategate"))
    arguments = parser.parse_args()
    if not arguments.endpoint.startswith(("http://", "https://")):
        parser.error(f"--endpoint must be a URL such as http://{arguments.endpoint}")
    # A proxy that the environment names does not lead to this machine.
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    os.environ["no_proxy"] = ",".join(filter(None, (known, "127.0.0.1", "localhost")))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 118)
    files = arguments.data_dir / "recipes"
    try:
        arguments.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.mkdir(exist_ok=True)
    except OSError as error:
        parser.error(f"--data-dir {arguments.data_dir} cannot be used: {error.strerror}")
    variables = deploy.settings_from(dict(os.environ), files)
    os.environ.update(variables)
    with server(arguments.endpoint, arguments.data_dir, console) as command:
        return show(console, arguments.endpoint, variables, command)


def show(console: Console, endpoint: str, variables: dict[str, str], command: str) -> int:
    """`command` starts the server again; empty if it goes on without the demo."""
    session = deploy.local_session()
    console.print(Rule("1  Deploy with boto3", align="left"))
    deployed = deploy.deploy(endpoint, variables, session, say=console.print)

    console.print(Rule("2  Before", align="left"))
    seed()
    console.print(stored())

    console.print(Rule("3  The request", align="left"))
    status, body = post(console, f"{deployed.invoke_url}/recipes/{RECIPE}/move", {"user_id": next_owner()})
    if status != 200:
        return 1
    execution = json.loads(body)["executionArn"]

    console.print(Rule("4  The execution, live", align="left"))
    states = session.client("stepfunctions", endpoint_url=endpoint)
    outcome = follow(console, states, execution)
    console.print()

    console.print(Rule("5  Its history", align="left"))
    console.print(history(states, execution))

    console.print(Rule("6  After", align="left"))
    console.print(stored())

    console.print(Rule("7  The request's execution log, and its line in the access log", align="left"))
    logs = session.client("logs", endpoint_url=endpoint)
    for group in (f"API-Gateway-Execution-Logs_{deployed.api_id}/{deploy.STAGE}", deployed.access_log_group):
        for line in last_request(logs, group):
            console.print(Text(line.rstrip(), style="dim"), soft_wrap=True)

    console.print(Rule("8  How to go on", align="left"))
    console.print(go_on(deployed, execution, command), soft_wrap=True)
    return 0 if outcome == "SUCCEEDED" else 1


@contextlib.contextmanager
def server(endpoint: str, data_dir: Path, console: Console) -> Iterator[str]:
    """The server at `endpoint`: the one that is there (gives ""), or one that lives as long as the demo (gives the
    command that starts it)."""
    if healthy(endpoint):
        console.print(f"Using the server at {endpoint}.")
        yield ""
        return
    process = ServerProcess(data_dir, port=urllib.parse.urlsplit(endpoint).port)
    command = f"stategate serve --port {process.port} --data-dir {data_dir}"
    console.print(f"$ {command}")
    try:
        process.start()
    except RuntimeError as error:
        raise SystemExit(
            f"{error}\nWith --endpoint http://127.0.0.1:<another port> the demo uses another port."
        ) from None
    try:
        yield command
    finally:
        if process.running:
            process.stop()


def healthy(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/_stategate/health", timeout=2) as answer:
            return bool(json.load(answer)["status"] == "ok")
    except (OSError, ValueError, KeyError):
        return False


def seed() -> None:
    """Owners and recipes, where they are not there yet, and their search documents."""
    database.create()
    with database.transaction() as db:
        for owner in OWNERS.items():
            db.run("INSERT INTO owner (id, name) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", *owner)
        for recipe_id, (title, owner_id) in RECIPES.items():
            db.run(
                "INSERT INTO recipe (id, title, owner_id) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
                *(recipe_id, title, owner_id),
            )
    with search.connect() as index:
        missing = [recipe_id for recipe_id in RECIPES if index.get("recipes", recipe_id) is None]
    for recipe_id in missing:
        index_recipe.handler({"recipe_id": recipe_id}, None)
    for owner_id in OWNERS:
        owners.index_owner(owner_id)


def next_owner() -> str:
    with database.transaction() as db:
        recipe = db.one("SELECT owner_id FROM recipe WHERE id = ?", RECIPE)
    assert recipe is not None
    return next(owner for owner in OWNERS if owner != recipe["owner_id"])


def stored() -> Group:
    rows = Table(title="recipe (database)", title_justify="left")
    with database.transaction() as db:
        found = db.run("SELECT id, title, owner_id, moves FROM recipe ORDER BY id")
    for name in found[0]:
        rows.add_column(name)
    for row in found:
        rows.add_row(*(str(value) for value in row.values()), style="bold" if row["id"] == RECIPE else "")
    documents = Table("index", "id", "document", title="search index", title_justify="left")
    with search.connect() as index:
        for name, ids in (("recipes", [RECIPE]), ("owners", [*OWNERS])):
            for document_id in ids:
                documents.add_row(name, document_id, json.dumps(index.get(name, document_id)))
    return Group(rows, documents)


def post(console: Console, url: str, body: dict[str, str]) -> tuple[int, str]:
    """POSTs JSON and prints what `curl -v` would."""
    parts = urllib.parse.urlsplit(url)
    headers = {"Host": parts.netloc, "Content-Type": "application/json", "Accept": "*/*"}
    data = json.dumps(body)
    console.print(f"$ curl -v {url} -H 'Content-Type: application/json' -d '{data}'", soft_wrap=True)
    console.print(f"> POST {parts.path} HTTP/1.1", *(f"> {k}: {v}" for k, v in headers.items()), ">", sep="\n")
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.request("POST", parts.path, data, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    style = "green" if answer.status == 200 else "red"
    console.print(f"< HTTP/1.1 {answer.status} {answer.reason}", style=style)
    console.print(*(f"< {name}: {value}" for name, value in answer.getheaders()), "<", text, sep="\n", soft_wrap=True)
    return answer.status, text


def follow(console: Console, states: Any, execution: str) -> str:
    """Shows the states of the execution until it has ended; returns its status."""
    with Live(console=console, refresh_per_second=20) as live:
        while True:
            described = states.describe_execution(executionArn=execution)
            live.update(progress(described, events_of(states, execution)))
            if described["status"] != "RUNNING":
                return str(described["status"])
            time.sleep(0.02)


def progress(described: dict[str, Any], events: list[dict[str, Any]]) -> Table:
    entered: dict[str, Any] = {}
    exited: dict[str, Any] = {}
    for event in events:
        if details := event.get("stateEnteredEventDetails"):
            entered[details["name"]] = event["timestamp"]
        if details := event.get("stateExitedEventDetails"):
            exited[details["name"]] = event["timestamp"]
    status = described["status"]
    table = Table("state", "status", "ms", title=Text(status, COLOURS[status]), title_justify="left", width=44)
    for name, start in entered.items():
        end = exited.get(name)
        took = f"{(end - start).total_seconds() * 1000:.0f}" if end else ""
        table.add_row(name, "[green]done[/]" if end else "[yellow]running[/]", took)
    return table


def events_of(states: Any, execution: str) -> list[dict[str, Any]]:
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution)
    return [event for page in pages for event in page["events"]]


def history(states: Any, execution: str) -> Table:
    table = Table("id", "prev", "+ms", "type", "what")
    events = events_of(states, execution)
    for event in events:
        details: dict[str, Any] = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
        said = {k: v for k, v in details.items() if k not in ("inputDetails", "outputDetails", "roleArn")}
        what = " ".join(f"{k}={v}" for k, v in said.items())
        since = (event["timestamp"] - events[0]["timestamp"]).total_seconds() * 1000
        table.add_row(
            str(event["id"]),
            str(event["previousEventId"]),
            f"{since:.0f}",
            event["type"],
            Text(what[:140], overflow="ellipsis", no_wrap=True),
        )
    return table


def last_request(logs: Any, group: str) -> list[str]:
    """The lines of the newest request in a log group (its id is in each line), as soon as they are there."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        events = logs.filter_log_events(logGroupName=group)["events"]
        if events:
            request_id = events[-1]["message"].strip("(").split(")")[0].split(" ")[0]
            return [event["message"] for event in events if request_id in event["message"]]
        time.sleep(0.1)
    return [f"(nothing was logged to {group})"]


def go_on(deployed: deploy.Deployment, execution: str, command: str) -> str:
    endpoint = deployed.invoke_url.partition("/_aws")[0]
    again = f"Start it again with\n\n    .venv/bin/{command}\n\nand, in another terminal," if command else "It runs:"
    return f"""The server keeps all of this on disk. {again}

    export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION=us-east-1
    export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DISABLE_HOST_PREFIX_INJECTION=true
    . .venv/bin/activate
    curl -i {deployed.invoke_url}/recipes/43/move -H 'Content-Type: application/json' -d '{{"user_id": "u7"}}'
    aws stepfunctions list-executions --state-machine-arn {deployed.state_machine_arn}
    aws stepfunctions get-execution-history --execution-arn {execution}
    aws logs filter-log-events --log-group-name /aws/lambda/UpdateRecipe

examples/recipes/deploy.py shows how all of it was made."""


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

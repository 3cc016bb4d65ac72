"""`stategate routes`: what a running server's API answers to, in the order in which routes win."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import click
from rich import box
from rich.console import Console
from rich.table import Table

from stategate.server.commands.texts import CONTEXT
from stategate.wire.http import HttpRequest
from stategate.wire.sigv4 import sign

PATIENCE = 10
"""Seconds that the server has for an answer."""


@dataclass(frozen=True, slots=True)
class Api:
    """The control plane of a server, called as the AWS clients call it: credentials from the environment."""

    endpoint: str
    region: str

    def get(self, path: str, query: str = "") -> Any:
        """Raises `click.ClickException`."""
        host = urlsplit(self.endpoint).netloc
        now = time.time()
        headers = [("host", host), ("x-amz-date", time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now)))]
        token = os.environ.get("AWS_SESSION_TOKEN")
        if token:
            headers.append(("x-amz-security-token", token))
        request = HttpRequest("GET", path, query, headers)
        key, secret = os.environ.get("AWS_ACCESS_KEY_ID", "test"), os.environ.get("AWS_SECRET_ACCESS_KEY", "test")
        names = [name for name, _ in headers]
        headers.append(("authorization", sign(request, key, secret, self.region, "apigateway", now, names)))
        url = self.endpoint + path + (f"?{query}" if query else "")
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers)), timeout=PATIENCE) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise click.ClickException(_message(error)) from None
        except (OSError, ValueError) as error:
            raise click.ClickException(f"{self.endpoint} does not answer: {error}") from None


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}"


@click.command(context_settings=CONTEXT)
@click.argument("api_id", metavar="API_ID")
@click.option("--stage", default=None, metavar="NAME", help="Only this stage; the default is every stage.")
@click.option(
    "--endpoint",
    default=None,
    metavar="URL",
    help="The server.  [default: AWS_ENDPOINT_URL, else http://127.0.0.1:4566]",
)
@click.option("--region", default=None, help="The API's region.  [default: AWS_DEFAULT_REGION, else us-east-1]")
def routes(api_id: str, stage: str | None, endpoint: str | None, region: str | None) -> None:
    """Show the routes of the API with the id API_ID, as they are deployed to its stages.

    Routes stand in the order in which they win: a literal segment beats {param}, which beats {proxy+}; a method beats
    ANY. Integrations are those of the API now: one that changed since the deployment is served in its old form.

    \b
    Example:
      stategate routes a1b2c3d4e5 --stage prod
    """
    api = Api(
        (endpoint or os.environ.get("AWS_ENDPOINT_URL") or "http://127.0.0.1:4566").rstrip("/"),
        region or os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION") or "us-east-1",
    )
    root = f"/restapis/{quote(api_id, safe='')}"
    stages = [each for each in api.get(f"{root}/stages")["item"] if stage in (None, each["stageName"])]
    if not stages:
        raise click.ClickException(f"The API {api_id} has no stage" + (f" {stage}" if stage else ""))
    targets = _targets(api, root)
    for each in stages:
        deployment = api.get(f"{root}/deployments/{each['deploymentId']}", "embed=apisummary")
        base = f"{api.endpoint}/_aws/execute-api/{api_id}/{each['stageName']}"
        _print(each["stageName"], base, deployment.get("apiSummary") or {}, targets)


def _targets(api: Api, root: str) -> dict[tuple[str, str], str]:
    """(path, method) -> what is called."""
    found: dict[tuple[str, str], str] = {}
    position = ""
    while True:
        page = api.get(f"{root}/resources", f"embed=methods&limit=500{position}")
        items = (page.get("_embedded") or {}).get("item") or page.get("item") or []
        for resource in items if isinstance(items, list) else [items]:
            for method, given in (resource.get("resourceMethods") or {}).items():
                found[resource["path"], method] = _target(given.get("methodIntegration") or {})
        if not page.get("position"):
            return found
        position = f"&position={quote(page['position'], safe='')}"


def _target(integration: Mapping[str, Any]) -> str:
    uri = str(integration.get("uri") or "")
    action = uri.rpartition(":path/2015-03-31/functions/")[2].removesuffix("/invocations")
    if ":apigateway:" in action:
        action = action.partition(":apigateway:")[2].partition(":")[2].replace(":action/", ":")
    return f"{integration.get('type', '')} {action}".strip()


def _print(stage: str, base: str, summary: Mapping[str, Mapping[str, Mapping[str, Any]]], targets: Any) -> None:
    table = Table(title=f"{stage}   {base}", title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for column in ("Method", "Path", "Authorization", "API key", "Integration"):
        table.add_column(column, overflow="fold")
    for path in sorted(summary, key=specificity):
        for method in sorted(summary[path], key=lambda name: (name == "ANY", name)):
            given = summary[path][method]
            table.add_row(
                method,
                path,
                str(given.get("authorizationType", "NONE")),
                "required" if given.get("apiKeyRequired") else "",
                targets.get((path, method), ""),
            )
    Console(width=None if Console().is_terminal else 160, highlight=False).print(table)


def specificity(path: str) -> list[tuple[int, str]]:
    """Sorts paths as routes win, segment by segment."""
    parts = [part for part in path.split("/") if part]
    return [(2 if part.endswith("+}") else 1 if part.startswith("{") else 0, part) for part in parts]

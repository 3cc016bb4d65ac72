"""`stategate routes`: what an API answers to, a server's or a document's, in the order in which routes win."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stategate.gateway.model import Integration
from stategate.gateway.openapi.documents import InvalidDocument, parse
from stategate.gateway.openapi.importer import read_definition
from stategate.server.commands.texts import CONTEXT, Refused, on_one_line
from stategate.wire.http import HttpRequest
from stategate.wire.sigv4 import amz_date, sign

PATIENCE = 10
"""Seconds that the server has for an answer."""


@dataclass(frozen=True, slots=True)
class Route:
    path: str
    method: str
    authorization: str
    api_key: bool
    target: str


@dataclass(frozen=True, slots=True)
class Api:
    """The control plane of a server, called as the AWS clients call it: credentials from the environment."""

    endpoint: str
    region: str

    def get(self, path: str, query: str = "") -> Any:
        """Raises `click.ClickException`."""
        host = urlsplit(self.endpoint).netloc
        now = time.time()
        headers = [("host", host), ("x-amz-date", amz_date(now))]
        token = os.environ.get("AWS_SESSION_TOKEN")
        if token:
            headers.append(("x-amz-security-token", token))
        request = HttpRequest("GET", path, query, headers)
        key, secret = os.environ.get("AWS_ACCESS_KEY_ID", "test"), os.environ.get("AWS_SECRET_ACCESS_KEY", "test")
        headers.append(("authorization", sign(request, key, secret, self.region, "apigateway", now)))
        url = self.endpoint + path + (f"?{query}" if query else "")
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers)), timeout=PATIENCE) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise click.ClickException(_message(error)) from None
        except urllib.error.URLError as error:
            why = getattr(error.reason, "strerror", None) or error.reason
            raise click.ClickException(
                f"{self.endpoint} does not answer: {why}. Is `stategate serve` running?"
            ) from None
        except (OSError, ValueError) as error:
            raise click.ClickException(f"{self.endpoint} does not answer: {error}") from None


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.url}: HTTP {error.code}"


@click.command(context_settings=CONTEXT, short_help="Show the routes of an API, or of an OpenAPI document.")
@click.argument("api", metavar="API")
@click.option("--stage", default=None, metavar="NAME", help="Only this stage; the default is every stage.")
@click.option(
    "--endpoint",
    default=None,
    metavar="URL",
    help="The server.  [default: AWS_ENDPOINT_URL, else http://127.0.0.1:4566]",
)
@click.option("--region", default=None, help="The API's region.  [default: AWS_DEFAULT_REGION, else us-east-1]")
def routes(api: str, stage: str | None, endpoint: str | None, region: str | None) -> None:
    """Show the routes of an API: of a running server, or of an OpenAPI document.

    API is the id of an API, whose routes are shown as they are deployed to its stages; or a file that ImportRestApi
    would take (JSON or YAML), read without a server.

    Routes stand in the order in which they win: a literal segment beats {param}, which beats {proxy+}; a method beats
    ANY. Integrations of a running API are those it has now: one that changed since the deployment is served in its old
    form. The exit status is 1 where there is no such API or stage, or the document has errors.

    \b
    Examples:
      stategate routes a1b2c3d4e5 --stage prod
      stategate routes openapi.yaml
    """
    file = Path(api)
    if file.is_file() or file.suffix.lower() in (".json", ".yaml", ".yml"):
        if stage or endpoint or region:
            raise click.UsageError("--stage, --endpoint and --region are for the API of a server, not for a document.")
        _of_document(file)
        return
    url = (endpoint or os.environ.get("AWS_ENDPOINT_URL") or "http://127.0.0.1:4566").rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise Refused(
            f"{'--endpoint' if endpoint else 'AWS_ENDPOINT_URL'} must be a URL such as http://{url}, not {url}"
        )
    region = region or os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION") or "us-east-1"
    _of_server(Api(url, region), api, stage)


def _of_server(server: Api, api_id: str, stage: str | None) -> None:
    root = f"/restapis/{quote(api_id, safe='')}"
    stages = [each for each in server.get(f"{root}/stages")["item"] if stage in (None, each["stageName"])]
    if not stages:
        raise click.ClickException(f"The API {api_id} has no stage" + (f" {stage}" if stage else ""))
    targets = _targets(server, root)
    for each in stages:
        deployment = server.get(f"{root}/deployments/{each['deploymentId']}", "embed=apisummary")
        title = f"{each['stageName']}   {server.endpoint}/_aws/execute-api/{api_id}/{each['stageName']}"
        summary = deployment.get("apiSummary") or {}
        _print(
            title,
            [
                Route(
                    path,
                    method,
                    str(given.get("authorizationType", "NONE")),
                    bool(given.get("apiKeyRequired")),
                    targets.get((path, method), ""),
                )
                for path, methods in summary.items()
                for method, given in methods.items()
            ],
        )


def _of_document(file: Path) -> None:
    try:
        document = parse(file.read_bytes())
        definition = read_definition(document, model_url="https://apigateway.amazonaws.com/restapis/api/models/")
    except InvalidDocument as error:
        raise click.ClickException(f"{file}: {error}") from None
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}") from None
    _print(
        on_one_line(definition.name or file.name),
        [
            Route(
                each.path,
                each.method.http_method,
                each.method.authorization_type,
                each.method.api_key_required,
                _called(each.method.integration),
            )
            for each in definition.methods
        ],
    )
    for warning in definition.warnings:
        click.echo(f"{file}: warning: {on_one_line(warning)}", err=True)
    if definition.errors:
        raise click.ClickException("\n".join(f"{file}: {on_one_line(str(problem))}" for problem in definition.errors))


def _targets(api: Api, root: str) -> dict[tuple[str, str], str]:
    """(path, method) -> what is called."""
    found: dict[tuple[str, str], str] = {}
    position = ""
    while True:
        page = api.get(f"{root}/resources", f"embed=methods&limit=500{position}")
        items = (page.get("_embedded") or {}).get("item") or page.get("item") or []
        for resource in items if isinstance(items, list) else [items]:
            for method, given in (resource.get("resourceMethods") or {}).items():
                integration = given.get("methodIntegration") or {}
                found[resource["path"], method] = target(integration.get("type", ""), integration.get("uri") or "")
        if not page.get("position"):
            return found
        position = f"&position={quote(page['position'], safe='')}"


def _called(integration: Integration | None) -> str:
    return "" if integration is None else target(integration.type, integration.uri or "")


def target(kind: str, uri: str) -> str:
    """What an integration calls, short: `AWS states:StartExecution`, `AWS_PROXY arn:...:function:f`."""
    action = uri.rpartition(":path/2015-03-31/functions/")[2].removesuffix("/invocations")
    if ":apigateway:" in action:
        action = action.partition(":apigateway:")[2].partition(":")[2].replace(":action/", ":")
    return f"{kind} {action}".strip()


def _print(title: str, found: list[Route]) -> None:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for column in ("Method", "Path", "Authorization", "API key", "Integration"):
        table.add_column(column, overflow="fold")
    for route in sorted(found, key=lambda each: (specificity(each.path), each.method == "ANY", each.method)):
        key = "required" if route.api_key else ""
        table.add_row(
            *(escape(on_one_line(cell)) for cell in (route.method, route.path, route.authorization)),
            key,
            escape(on_one_line(route.target)),
        )
    Console(width=None if Console().is_terminal else 160, highlight=False).print(table)


def specificity(path: str) -> list[tuple[int, str]]:
    """Sorts paths as routes win, segment by segment."""
    parts = [part for part in path.split("/") if part]
    return [(2 if part.endswith("+}") else 1 if part.startswith("{") else 0, part) for part in parts]

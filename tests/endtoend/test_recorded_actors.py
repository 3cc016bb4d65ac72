"""Recorded cases with a second actor: an HTTP server in the test's process, an API that the execution calls itself. The
corpus's own replay.py plays and compares them; it leaves them out otherwise, as it has no such actor."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

pytestmark = pytest.mark.shared

RECORDED_ACTOR = "http://localhost:45189"
"""Where the recorded steps expect the HTTP server."""
RECORDED_ENDPOINT = "http://localhost:14566"
"""Where the recorded inputs expect the API."""

STATES = "test_apigetway_task_service.py::TestTaskApiGateway::test_invoke_"
REMAPPING = "TestApiGatewayHeaderRemapping::test_apigateway_header_remapping_"

LENGTHS: dict[str, list[str]] = {
    f"{STATES}base": [],
    f"{STATES}error": [],
    f"{STATES}with_body_post[]": [],
    f"{STATES}with_body_post[None]": [],
    f"{STATES}with_body_post[HelloWorld]": [],
    f"{STATES}with_body_post[request_body3]": [],
    f"{STATES}with_headers[custom_header1]": [],
    f"{STATES}with_headers[custom_header2]": [],
    f"{STATES}with_query_parameters": [],
    "TestApiGatewayCommon::test_input_path_template_formatting": [],
    "test_put_integration_responses": [],
    "test_import_and_validate_rest_api[swagger-mock-cors.json]": [],
    f"{REMAPPING}http[HTTP]": ["462", "648", "2739"],
    f"{REMAPPING}http[HTTP_PROXY]": ["790", "1188"],
    f"{REMAPPING}aws[AWS]": ["839"],
    f"{REMAPPING}aws[AWS_PROXY]": ["2336", "2320"],
}
"""The cases, by the end of their ids, with the recorded values of Content-Length that follow from the names of AWS's
hosts and from CloudFront's headers: any other will do."""


class Echo(BaseHTTPRequestHandler):
    """Answers with the request, as httpbin does: without the headers that proxies add."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = None
        hidden = ("connection", "via", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto")
        headers = {name.title(): value for name, value in self.headers.items() if name.lower() not in hidden}
        body = json.dumps({"data": text, "headers": headers, "json": parsed}).encode()
        self.send_response_only(200)
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "keep-alive")
        self.send_header("Server", "gunicorn/19.9.0")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Credentials", "true")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is written of it."""


@pytest.fixture(scope="module")
def actor() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def outcomes(
    shared: Path, server: Any, actor: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What replay.py says of each case, by the end of its id."""
    recorded, here = shared / "corpus" / "aws", tmp_path_factory.mktemp("corpus")
    entries: list[dict[str, Any]] = []
    for entry in json.loads((recorded / "index.json").read_text()):
        ending = next((each for each in LENGTHS if entry["id"].endswith(each)), None)
        if ending is not None:
            text = (recorded / entry["file"]).read_text()
            (here / f"{len(entries)}.json").write_text(json.dumps(adapted(text, server.url, actor, LENGTHS[ending])))
            entries.append({**entry, "file": f"{len(entries)}.json"})
    (here / "index.json").write_text(json.dumps(entries))
    command = [sys.executable, str(shared / "corpus" / "replay.py"), server.url, "--corpus", str(here)]
    subprocess.run([*command, "--all", "--isolate", "--jobs", "2", "--out", str(here / "out.json")], check=True)
    played = json.loads((here / "out.json").read_text())["tests"]
    return {next(each for each in LENGTHS if test["id"].endswith(each)): test for test in played}


def adapted(text: str, endpoint: str, actor: str, lengths: list[str]) -> dict[str, Any]:
    """The case with this server and this actor in place of the recorded ones."""
    case: dict[str, Any] = json.loads(text.replace(RECORDED_ACTOR, actor).replace(RECORDED_ENDPOINT, endpoint))
    case["tokens"]["whole"] += lengths
    if "function:aws-serverless-shopping-cart" in text:
        # The document names a function of an account of its own, whoever imports it.
        case["steps"] = json.loads(json.dumps(case["steps"]).replace("{{account}}", "000000000000"))
    return case


@pytest.mark.parametrize("case", LENGTHS)
def test_the_case_is_answered_as_by_aws(outcomes: dict[str, dict[str, Any]], case: str) -> None:
    outcome = outcomes[case]
    assert (outcome["outcome"], outcome.get("unexpected")) == ("passed", None), outcome

"""Custom runtimes: a package's own `bootstrap` gets its invocations over HTTP."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runtime.functions.poolworld import PoolWorld, run
from stategate.services.ports import InvocationResult

SHELL = """#!/bin/sh
set -eu
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
. "$LAMBDA_TASK_ROOT/$(echo "$_HANDLER" | cut -d. -f1).sh"
while true; do
  headers="$(mktemp)"
  event="$(curl -sS -LD "$headers" "$api/invocation/next")"
  id="$(grep -Fi Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '[:space:]' | cut -d: -f2)"
  response="$($(echo "$_HANDLER" | cut -d. -f2) "$event")"
  curl -sS -o /dev/null "$api/invocation/$id/response" -d "$response"
done
"""

PYTHON = f"""#!{sys.executable}
import http.client, json, os, sys
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def ask(method, path, body=None, headers={{}}):
    connection.request(method, "/2018-06-01/runtime/" + path, body, headers)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()
def next_one():
    _, headers, event = ask("GET", "invocation/next")
    return headers["Lambda-Runtime-Aws-Request-Id"], headers, event
def respond(id, value):
    return ask("POST", f"invocation/{{id}}/response", json.dumps(value))
"""


def package(body: str) -> dict[str, str]:
    return {"bootstrap": PYTHON + body}


def once(
    directory: Path, files: Mapping[str, str], payload: bytes = b"{}", **changes: Any
) -> tuple[InvocationResult, list[str]]:
    settings = {"runtime": "provided.al2023", "handler": "function.handler", **changes}

    async def test(world: PoolWorld) -> tuple[InvocationResult, list[str]]:
        code = await world.function(files, **settings)
        return await world.invoke(code, payload, request_id="rid"), world.messages

    return run(directory, test)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no `curl` on the PATH")
def test_a_function_in_shell(tmp_path: Path) -> None:
    files = {"bootstrap": SHELL, "function.sh": "handler() { echo 'logged' >&2; echo \"[$1, 2]\"; }\n"}

    async def test(world: PoolWorld) -> list[bytes]:
        code = await world.function(files, runtime="provided.al2023", handler="function.handler")
        return [(await world.invoke(code, payload)).payload for payload in (b"1", b'{"a": "\xc3\xa9"}')]

    assert run(tmp_path, test) == [b"[1, 2]", b'[{"a": "\xc3\xa9"}, 2]']


def test_what_the_runtime_is_told(tmp_path: Path) -> None:
    body = (
        "while True:\n    id, headers, event = next_one()\n"
        "    respond(id, [headers, json.loads(event), dict(os.environ)])\n"
    )

    async def test(world: PoolWorld) -> None:
        code = await world.function(package(body), runtime="provided.al2", handler="any", memory=512)
        invoked = {"request_id": "rid", "trace_id": "Root=1", "client_context": '{"custom": {"k": "\u00e9"}}'}
        result = await world.invoke(code, b'"event"', **invoked)
        headers, event, variables = json.loads(result.payload)
        assert event == "event"
        assert headers["Content-Type"] == "application/json"
        assert headers["Lambda-Runtime-Aws-Request-Id"] == "rid"
        assert headers["Lambda-Runtime-Invoked-Function-Arn"] == code.arn
        assert headers["Lambda-Runtime-Trace-Id"] == "Root=1"
        assert json.loads(headers["Lambda-Runtime-Client-Context"]) == {"custom": {"k": "\u00e9"}}
        assert len(headers["Lambda-Runtime-Deadline-Ms"]) == 13
        assert variables["_HANDLER"] == "any"
        assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
        assert variables["AWS_LAMBDA_RUNTIME_API"].startswith("127.0.0.1:")
        assert "AWS_EXECUTION_ENV" not in variables
        lean, _, _ = json.loads((await world.invoke(code)).payload)
        assert not {"Lambda-Runtime-Trace-Id", "Lambda-Runtime-Client-Context"} & lean.keys()

    run(tmp_path, test)


def test_an_error_and_going_on(tmp_path: Path) -> None:
    body = (
        "count = 0\nwhile True:\n    id, _, event = next_one()\n    count += 1\n    print('call', count, flush=True)\n"
        "    if count == 1:\n        error = {'errorType': 'Custom', 'errorMessage': 'no', 'stackTrace': []}\n"
        "        ask('POST', f'invocation/{id}/error', json.dumps(error))\n"
        "    elif count == 2:\n"
        "        ask('POST', f'invocation/{id}/error', b'', {'Lambda-Runtime-Function-Error-Type': 'Function.Bad'})\n"
        "    else:\n        respond(id, count)\n"
    )

    async def test(world: PoolWorld) -> None:
        code = await world.function(package(body), runtime="provided.al2023")
        results = [await world.invoke(code) for _ in range(3)]
        assert [result.error for result in results] == ["Unhandled", "Unhandled", None]
        assert [json.loads(result.payload) for result in results] == [
            {"errorType": "Custom", "errorMessage": "no", "stackTrace": []},
            {"errorType": "Function.Bad", "errorMessage": ""},
            3,
        ]
        assert [message for message in world.messages if message.startswith("call")] == [
            "call 1\n",
            "call 2\n",
            "call 3\n",
        ]

    run(tmp_path, test)


def test_a_streamed_response(tmp_path: Path) -> None:
    body = (
        "import socket\nhost, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')\n"
        "for trailer in '', 'Lambda-Runtime-Function-Error-Type: Broken\\r\\n':\n"
        "    id, _, _ = next_one()\n    raw = socket.create_connection((host, int(port)))\n"
        "    head = f'POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\\r\\nHost: x\\r\\n'\n"
        "    head += 'Lambda-Runtime-Function-Response-Mode: streaming\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n'\n"
        "    raw.sendall((head + '4\\r\\n[1, \\r\\n2\\r\\n2]\\r\\n0\\r\\n' + trailer + '\\r\\n').encode())\n"
        "    assert b'202 Accepted' in raw.recv(1000)\nnext_one()\n"
    )

    async def test(world: PoolWorld) -> None:
        code = await world.function(package(body), runtime="provided.al2023")
        assert (await world.invoke(code)).payload == b"[1, 2]"
        broken = await world.invoke(code)
        assert (broken.error, json.loads(broken.payload)["errorType"]) == ("Unhandled", "Broken")

    run(tmp_path, test)


def test_an_error_at_init(tmp_path: Path) -> None:
    body = "print(ask('POST', 'init/error', json.dumps({'errorType': 'Config', 'errorMessage': 'none'}))); sys.exit(1)"
    result, _ = once(tmp_path, package(body))
    assert result.error == "Unhandled"
    assert json.loads(result.payload) == {"errorType": "Config", "errorMessage": "none"}


def test_requests_that_are_refused(tmp_path: Path) -> None:
    body = (
        "seen = [ask('GET', 'invocation/nowhere')[0], ask('GET', '../elsewhere')[0]]\n"
        "id, _, _ = next_one()\n"
        "for method, path in ('GET', 'invocation/next'), ('POST', 'invocation/other/error'), ('POST', 'init/error'):\n"
        "    status, _, answer = ask(method, path)\n    seen.append([status, json.loads(answer)['errorType']])\n"
        'assert respond(id, seen)[::2] == (202, b\'{"status":"OK"}\\n\')\nnext_one()\n'
    )
    result, _ = once(tmp_path, package(body))
    assert json.loads(result.payload) == [
        404,
        404,
        [403, "InvalidStateTransition"],
        [400, "InvalidRequestID"],
        [403, "InvalidStateTransition"],
    ]


def test_large_payloads(tmp_path: Path) -> None:
    body = (
        "id, _, event = next_one()\nrespond(id, json.loads(event))\n"
        "id, _, event = next_one()\nstatus, _, _ = respond(id, 'x' * 7_000_000)\n"
        "id, _, event = next_one()\nrespond(id, status)\nnext_one()\n"
    )

    async def test(world: PoolWorld) -> None:
        code = await world.function(package(body), runtime="provided.al2023")
        large = b'"' + b"x" * 6_000_000 + b'"'
        assert (await world.invoke(code, large)).payload == large
        refused = await world.invoke(code)
        assert (refused.error, json.loads(refused.payload)["errorType"]) == (
            "Unhandled",
            "Function.ResponseSizeTooLarge",
        )
        assert (await world.invoke(code)).payload == b"413"

    run(tmp_path, test)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no `curl` on the PATH")
def test_a_client_that_asks_before_it_sends(tmp_path: Path) -> None:
    """curl announces a large body with `Expect: 100-continue`."""
    script = (
        "#!/bin/sh\napi=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation\n"
        'curl -sS "$api/next" -o /tmp/$$.json\n'
        'curl -sS -H "Expect: 100-continue" "$api/rid/response" --data-binary @/tmp/$$.json\n'
        'rm /tmp/$$.json\ncurl -sS "$api/next"\n'
    )
    payload = b'"' + b"x" * 2_000_000 + b'"'
    result, _ = once(tmp_path, {"bootstrap": script}, payload)
    assert result.payload == payload


@pytest.mark.parametrize("header", ["Connection: close", "Connection: Upgrade, HTTP2-Settings\\r\\nUpgrade: h2c"])
def test_a_client_that_asks_for_another_connection(tmp_path: Path, header: str) -> None:
    """It reads until the connection closes; and what Java's client offers."""
    body = (
        "import socket\nhost, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')\n"
        "id, _, _ = next_one()\nrespond(id, 0)\nraw = socket.create_connection((host, int(port)))\n"
        "raw.sendall(b'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n"
        f"{header}\\r\\n\\r\\n')\n"
        "seen = b''\nwhile not seen.endswith(b'\"event\"') and (data := raw.recv(9999)): seen += data\n"
        f"if 'close' in {header!r}: seen += raw.recv(1)\n"
        "id = seen.split(b'Request-Id: ')[1].split(b'\\r')[0].decode()\n"
        "respond(id, seen.split(b'\\r')[0].decode())\nnext_one()\n"
    )

    async def test(world: PoolWorld) -> None:
        code = await world.function(package(body), runtime="provided.al2023")
        await world.invoke(code)
        # The runtime asks before there is something to do.
        await asyncio.sleep(0.2)
        assert (await world.invoke(code, b'"event"')).payload == b'"HTTP/1.1 200 OK"'

    run(tmp_path, test)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"other": "x"}, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
        ({"bootstrap": "no program"}, "fork/exec /var/task/bootstrap: exec format error"),
        ({"bootstrap": "#!/no/such/interpreter\n"}, "fork/exec /var/task/bootstrap: no such file or directory"),
    ],
)
def test_a_bootstrap_that_cannot_run(tmp_path: Path, files: Mapping[str, str], message: str) -> None:
    result, messages = once(tmp_path, files)
    text = f"RequestId: rid Error: {message}"
    assert json.loads(result.payload) == {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": text}
    assert f"{text}\nRuntime.InvalidEntrypoint\n" in messages


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("next_one(); sys.exit(0)", "Runtime exited without providing a reason"),
        ("next_one(); os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
    ],
)
def test_a_runtime_that_ends(tmp_path: Path, body: str, message: str) -> None:
    result, _ = once(tmp_path, package(body))
    assert json.loads(result.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: rid Error: {message}",
    }


def test_a_runtime_that_ends_after_each_answer(tmp_path: Path) -> None:
    """What it had no time to ask for is done by another."""
    body = "id, _, event = next_one()\nrespond(id, [os.getpid(), json.loads(event)])\nimport time; time.sleep(0.05)\n"

    async def test(world: PoolWorld) -> None:
        code = await world.function(package(body), runtime="provided.al2023")
        results = [await world.invoke(code, str(at).encode()) for at in range(3)]
        values = [json.loads(result.payload) for result in results]
        assert [event for _, event in values] == [0, 1, 2]
        assert len({pid for pid, _ in values}) == 3

    run(tmp_path, test)


def test_a_timeout(tmp_path: Path) -> None:
    result, _ = once(tmp_path, package("import time; next_one(); time.sleep(60)"), timeout=1)
    assert json.loads(result.payload)["errorType"] == "Sandbox.Timedout"


def test_what_is_no_http(tmp_path: Path) -> None:
    body = (
        "import socket\nhost, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')\n"
        "rude = socket.create_connection((host, int(port)))\nrude.sendall(b'\\x16\\x03garbage\\r\\n\\r\\n')\n"
        "first = rude.recv(100).split(b'\\r')[0].decode()\nid, _, _ = next_one()\nrespond(id, first)\nnext_one()\n"
    )
    assert once(tmp_path, package(body))[0].payload == b'"HTTP/1.1 400 Bad Request"'

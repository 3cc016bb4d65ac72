"""Node.js handlers in real workers: what they return, how they fail, what they log."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runtime.functions.poolworld import PoolWorld, run
from stategate.services.ports import InvocationResult

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no `node` on the PATH")

NEWEST = "nodejs24.x"


def once(
    directory: Path, source: str | Mapping[str, str], payload: bytes = b"{}", **changes: Any
) -> tuple[InvocationResult, list[str]]:
    """The result of one invocation of index.js (or of the files), and what was logged."""
    files = {"index.js": source} if isinstance(source, str) else source
    settings = {"runtime": "nodejs20.x", "handler": "index.handler", **changes}

    async def test(world: PoolWorld) -> tuple[InvocationResult, list[str]]:
        result = await world.invoke(await world.function(files, **settings), payload, request_id="rid")
        return result, world.messages

    return run(directory, test)


@pytest.mark.parametrize(
    ("source", "payload", "expected"),
    [
        ("exports.handler = async (event) => event", b'{"a": 1}', b'{"a":1}'),
        ("exports.handler = async (event) => event", '"h\u00e9llo \U0001f600"'.encode(), None),
        ("exports.handler = async () => {}", b"{}", b"null"),
        ("exports.handler = async () => ({a: undefined, b: [undefined]})", b"{}", b'{"b":[null]}'),
        ("exports.handler = (event, context, callback) => callback(null, event)", b"7", b"7"),
        ("exports.handler = (event, context, callback) => { setTimeout(() => callback(null, 1), 20) }", b"{}", b"1"),
        ("exports.handler = (event, context) => context.succeed('s')", b"{}", b'"s"'),
        ("exports.handler = (event, context) => context.done(null, 'd')", b"{}", b'"d"'),
        ("exports.handler = () => 'neither promise nor callback'", b"{}", b"null"),
        ("exports.handler = async () => { await new Promise(() => {}) }", b"{}", b"null"),
        ("exports.handler = () => ({then: (resolve) => resolve('thenable')})", b"{}", b'"thenable"'),
        ("exports.handler = async (event) => event.length", b'"' + b"x" * 5_000_000 + b'"', b"5000000"),
        ("exports.handler = async () => 'x'.repeat(5_000_000)", b"{}", b'"' + b"x" * 5_000_000 + b'"'),
        ("let n = 0; exports.handler = async () => ++n + await new Promise(r => setTimeout(r, 5, 1))", b"{}", b"2"),
    ],
)
def test_what_a_handler_returns(tmp_path: Path, source: str, payload: bytes, expected: bytes | None) -> None:
    result, _ = once(tmp_path, source, payload)
    assert (result.payload, result.error) == (payload if expected is None else expected, None)


MODULE = "export const handler = async () => 'module'"
COMMON = "exports.handler = async () => 'common'"


@pytest.mark.parametrize(
    ("files", "handler", "expected"),
    [
        ({"index.mjs": MODULE}, "index.handler", "module"),
        ({"index.cjs": COMMON}, "index.handler", "common"),
        ({"index.js": MODULE, "package.json": '{"type": "module"}'}, "index.handler", "module"),
        ({"index.js": COMMON, "package.json": '{"type": "commonjs"}'}, "index.handler", "common"),
        ({"index.js": COMMON, "index.mjs": MODULE}, "index.handler", "common"),
        ({"src/app/index.js": COMMON}, "src/app/index.handler", "common"),
        ({"src/app/index.js": MODULE, "src/package.json": '{"type": "module"}'}, "src/app/index.handler", "module"),
        ({"index.js": "exports.a = {b: {c: async () => 'nested'}}"}, "index.a.b.c", "nested"),
        ({"index.mjs": "const v = await Promise.resolve('top'); export const h = async () => v"}, "index.h", "top"),
        (
            {"index.js": "exports.handler = async () => require('dep')"}
            | {"node_modules/dep/index.js": "module.exports = 9"},
            "index.handler",
            9,
        ),
        (
            {"index.mjs": "import dep from 'dep'; export const handler = async () => dep"}
            | {"node_modules/dep/index.js": "module.exports = 9"},
            "index.handler",
            9,
        ),
        ({"node_modules/app/index.js": COMMON}, "app.handler", "common"),
    ],
)  # fmt: skip
def test_where_a_handler_is_found(tmp_path: Path, files: Mapping[str, str], handler: str, expected: Any) -> None:
    result, _ = once(tmp_path, files, handler=handler)
    assert json.loads(result.payload) == expected


@pytest.mark.parametrize(
    ("source", "error_type", "message", "first"),
    [
        (
            "exports.handler = async () => { throw new TypeError('no \u00e9') }",
            "TypeError",
            "no \u00e9",
            ["TypeError: no \u00e9", "    at exports.handler (/var/task/index.js:1:39)"],
        ),
        (
            "class Custom extends Error { constructor() { super('c'); this.name = 'MyError' } }\n"
            "exports.handler = () => { throw new Custom() }",
            "MyError",
            "c",
            [],
        ),
        ("exports.handler = (e, c, callback) => callback(new Error('cb'))", "Error", "cb", ["Error: cb"]),
        ("exports.handler = (e, c, callback) => callback('text')", "string", "text", []),
        ("exports.handler = (e, c) => c.fail(new RangeError('f'))", "RangeError", "f", ["RangeError: f"]),
        ("exports.handler = async () => { throw 'thrown' }", "string", "thrown", []),
        ("exports.handler = async () => { throw {a: 1} }", "object", "[object Object]", []),
        ("exports.handler = async () => { throw undefined }", "string", "handled", []),
        ("exports.handler = async () => 10n", "Error", "Unable to stringify response body", []),
        ("exports.handler = async () => () => 1", "Error", "Unable to stringify response body", []),
        ("exports.handler = async () => { const a = {}; a.a = a; return a }", "Error", None, []),
        (
            "exports.handler = async () => { Promise.reject(new Error('r')); await new Promise(r => setTimeout(r, 9))}",
            "Runtime.UnhandledPromiseRejection",
            "Error: r",
            ["Runtime.UnhandledPromiseRejection: Error: r"],
        ),
        (
            "exports.handler = () => { setTimeout(() => { throw new Error('late') }) }",
            "Error",
            "late",
            ["Error: late", "    at Timeout._onTimeout (/var/task/index.js:1:52)"],
        ),
        ("exports.other = 1", "Runtime.HandlerNotFound", "index.handler is undefined or not exported", []),
        ("exports.handler = 1", "Runtime.HandlerNotFound", "index.handler is not a function", []),
        (
            "exports.handler = (",
            "Runtime.UserCodeSyntaxError",
            "SyntaxError: Unexpected end of input",
            ["/var/task/index.js:1", "exports.handler = ("],
        ),
        (
            "require('nowhere')",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'nowhere'\nRequire stack:\n- /var/task/index.js\n- /var/runtime/index.mjs",
            ["Runtime.ImportModuleError: Error: Cannot find module 'nowhere'"],
        ),
        ("throw new RangeError('at init')", "RangeError", "at init", ["RangeError: at init"]),
        ("setTimeout(() => { throw new Error('x') }); exports.handler = (e, c, cb) => {}", "Error", "x", ["Error: x"]),
    ],
)
def test_how_a_handler_fails(
    tmp_path: Path, source: str, error_type: str, message: str | None, first: list[str]
) -> None:
    result, _ = once(tmp_path, source)
    assert result.error == "Unhandled"
    problem = json.loads(result.payload)
    assert list(problem) == ["errorType", "errorMessage", "trace"]
    assert problem["errorType"] == error_type
    assert message is None or problem["errorMessage"] == message
    # Older ones put the object before the name of the function.
    trace = [line.replace("at Runtime.exports.", "at exports.") for line in problem["trace"]]
    assert trace[: len(first)] == first
    assert str(tmp_path) not in result.payload.decode()


def test_an_import_of_what_is_missing(tmp_path: Path) -> None:
    source = "import { S3 } from '@aws-sdk/client-s3'; export const handler = async () => 1"
    problem = json.loads(once(tmp_path, {"index.mjs": source})[0].payload)
    missing, hint = problem["errorMessage"].split("\n")
    assert problem["errorType"] == "Error"
    assert missing == "Cannot find package '@aws-sdk/client-s3' imported from /var/task/index.mjs"
    assert hint.startswith("Stategate does not bundle the AWS SDK: put @aws-sdk/client-s3 into node_modules")


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        ("index", "Bad handler"),
        (
            "../index.handler",
            "'../index.handler' is not a valid handler name."
            " Use absolute paths when specifying root directories in handler names.",
        ),
    ],
)
def test_a_handler_name_that_is_none(tmp_path: Path, handler: str, message: str) -> None:
    problem = json.loads(once(tmp_path, "", handler=handler)[0].payload)
    assert (problem["errorType"], problem["errorMessage"]) == ("Runtime.MalformedHandlerName", message)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("exports.handler = async () => process.exit(0)", "Runtime exited without providing a reason"),
        ("exports.handler = async () => process.exit(3)", "Runtime exited with error: exit status 3"),
        ("process.exit(4)", "Runtime exited with error: exit status 4"),
        ("exports.handler = () => process.kill(process.pid, 'SIGKILL')", "Runtime exited with error: signal: killed"),
    ],
)
def test_a_handler_that_ends_the_process(tmp_path: Path, source: str, text: str) -> None:
    problem = json.loads(once(tmp_path, source)[0].payload)
    assert problem == {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: rid Error: {text}"}


def test_too_large_a_response(tmp_path: Path) -> None:
    result, _ = once(tmp_path, "exports.handler = async () => 'x'.repeat(7_000_000)")
    message = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
    expected = f'{{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"{message}"}}'
    assert result.payload.decode() == expected


def test_a_timeout_ends_a_busy_handler(tmp_path: Path) -> None:
    result, messages = once(tmp_path, "exports.handler = async () => { for (;;); }", timeout=1)
    assert json.loads(result.payload)["errorMessage"] == "RequestId: rid Error: Task timed out after 1.00 seconds"
    assert messages[-1].endswith("\tStatus: timeout\n")


def test_callback_waits_for_the_event_loop_unless_told_otherwise(tmp_path: Path) -> None:
    source = (
        "exports.handler = (event, context, callback) => {\n"
        "  context.callbackWaitsForEmptyEventLoop = event; setTimeout(() => {}, 2000); callback(null, 1) }\n"
    )

    async def test(world: PoolWorld) -> list[float]:
        code = await world.function({"index.js": source}, runtime="nodejs20.x", handler="index.handler")
        durations = []
        for payload in (b"true", b"false"):
            world.logged.clear()
            assert (await world.invoke(code, payload)).payload == b"1"
            durations.append(float(world.messages[-1].split("Duration: ")[1].split()[0]))
        return durations

    waited, not_waited = run(tmp_path, test)
    assert not_waited < 1900 < waited


def test_a_worker_stands_still_between_invocations(tmp_path: Path) -> None:
    """Timers that are left over run when the next invocation thaws the worker, as on AWS."""
    source = (
        "let ran\nexports.handler = async () => {\n"
        "  if (ran) return Date.now() - ran; setTimeout(() => { ran = Date.now() }, 500) }\n"
    )

    async def test(world: PoolWorld) -> int:
        code = await world.function({"index.js": source}, runtime="nodejs20.x", handler="index.handler")
        assert (await world.invoke(code)).payload == b"null"
        await asyncio.sleep(2)
        return int((await world.invoke(code)).payload)

    # Without standing still, it would have run one and a half seconds ago.
    assert run(tmp_path, test) < 1000


@pytest.mark.parametrize("late", ["resolve('old')", "callback(null, 'old')", "context.succeed('old')"])
def test_what_an_invocation_left_behind_does_not_answer_the_next(tmp_path: Path, late: str) -> None:
    source = (
        "let finish\nexports.handler = (event, context, callback) => {\n"
        f"  if (finish === undefined) return new Promise((resolve) => {{ finish = () => {late} }})\n"
        "  finish(); return Promise.resolve('new') }\n"
    )

    async def test(world: PoolWorld) -> list[bytes]:
        code = await world.function({"index.js": source}, runtime="nodejs20.x", handler="index.handler")
        return [(await world.invoke(code)).payload for _ in range(2)]

    assert run(tmp_path, test) == [b"null", b'"new"']


def test_a_rejection_after_the_result_ends_the_worker_but_loses_nothing(tmp_path: Path) -> None:
    source = (
        "let n = 0\nexports.handler = async (e) => { n += 1; if (e) Promise.reject(new Error('floating')); return n }\n"
    )

    async def test(world: PoolWorld) -> list[bytes]:
        code = await world.function({"index.js": source}, runtime="nodejs20.x", handler="index.handler", concurrency=1)
        calls = [world.invoke(code, b"1" if at < 3 else b"0") for at in range(5)]
        return [(await call).payload for call in calls]

    assert run(tmp_path, test) == [b"1", b"1", b"1", b"1", b"2"]


def test_the_log(tmp_path: Path) -> None:
    source = (
        "console.log('at init')\nexports.handler = async (event) => {\n"
        "  console.log('a %s', 'b', {c: 1}); console.debug('two\\nlines'); console.warn('w'); console.trace('t')\n"
        "  process.stdout.write('raw\\n'); process.stderr.write('err\\n'); console.error(new Error('e'))\n"
        "  throw new Error('boom') }\n"
    )
    result, messages = once(tmp_path, source)
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(r"INIT_START Runtime Version: nodejs20.x on Node.js \d+\.\d+\.\d+\n", messages[0])
    assert re.fullmatch(rf"{moment}\tundefined\tINFO\tat init\n", messages[1])
    assert messages[2] == "START RequestId: rid Version: $LATEST\n"
    expected = ["INFO\ta b { c: 1 }", "DEBUG\ttwo\nlines", "WARN\tw", "TRACE\tt"]
    for message, text in zip(messages[3:7], expected, strict=True):
        assert re.fullmatch(rf"{moment}\trid\t{re.escape(text)}\n", message)
    assert messages[7:9] == ["raw\n", "err\n"]
    assert re.match(rf"{moment}\trid\tERROR\tError: e\n    at (Runtime\.)?exports.handler ", messages[9])
    head, _, logged = messages[10].partition("Invoke Error \t")
    assert re.fullmatch(rf"{moment}\trid\tERROR\t", head)
    assert list(json.loads(logged)) == ["errorType", "errorMessage", "stack"]
    assert json.loads(logged)["stack"][0] == "Error: boom"
    assert messages[11] == "END RequestId: rid\n"
    assert result.log_tail.decode() == "".join(messages[2:])


def test_much_output_is_there_before_the_answer(tmp_path: Path) -> None:
    source = "exports.handler = async () => { for (let i = 0; i < 200; i++) console.log('x'.repeat(9999)); return 1 }"
    _, messages = once(tmp_path, source)
    assert sum("x" * 9999 in message for message in messages) == 200


def test_the_context(tmp_path: Path) -> None:
    source = (
        "exports.handler = async (event, context) =>\n"
        "  [JSON.stringify(context), context.getRemainingTimeInMillis(), context.clientContext.custom]\n"
    )

    async def test(world: PoolWorld) -> None:
        code = await world.function({"index.js": source}, runtime="nodejs20.x", handler="index.handler")
        client = json.dumps({"custom": {"k": "v"}})
        result = await world.invoke(code, request_id="rid", invoked_arn=code.arn + ":$LATEST", client_context=client)
        text, remaining, custom = json.loads(result.payload)
        shown = json.loads(text)
        assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", shown.pop("logStreamName"))
        assert shown == {
            "callbackWaitsForEmptyEventLoop": True,
            "functionVersion": "$LATEST",
            "functionName": code.name,
            "memoryLimitInMB": "256",
            "logGroupName": code.log_group,
            "clientContext": {"custom": {"k": "v"}},
            "invokedFunctionArn": code.arn + ":$LATEST",
            "awsRequestId": "rid",
        }
        assert 0 < remaining <= 60_000
        assert custom == {"k": "v"}

    run(tmp_path, test)


def test_the_environment(tmp_path: Path) -> None:
    async def test(world: PoolWorld) -> None:
        source = {
            "index.js": "const { env, argv } = process\n"
            "exports.handler = async () => ({...env, cwd: process.cwd(), argv: argv.length})"
        }
        settings = {"TABLE": "t", "AWS_REGION": "nowhere", "NODE_OPTIONS": "--no-warnings"}
        code = await world.function(source, runtime="nodejs20.x", handler="index.handler", environment=settings)
        variables = json.loads((await world.invoke(code, trace_id="Root=1")).payload)
        assert variables["TABLE"] == "t"
        assert variables["AWS_REGION"] == "us-east-1"
        assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_nodejs20.x"
        assert variables["_HANDLER"] == "index.handler"
        assert variables["_X_AMZN_TRACE_ID"] == "Root=1"
        assert variables["NODE_PATH"] == variables["LAMBDA_TASK_ROOT"] == variables["cwd"]
        assert variables["argv"] == 2
        assert "HOME" not in variables
        assert "_X_AMZN_TRACE_ID" not in json.loads((await world.invoke(code)).payload)

    run(tmp_path, test)


def test_a_heap_within_the_memory_of_the_function(tmp_path: Path) -> None:
    source = (
        "exports.handler = async () => {\n"
        "  for (let i = 0; i < 400; i++) { Buffer.alloc(100); new Array(100_000).fill(i) }\n"
        "  return require('v8').getHeapStatistics().heap_size_limit < 190 * 1024 * 1024 }\n"
    )
    assert once(tmp_path, source, memory=128)[0].payload == b"true"


@pytest.mark.parametrize(
    ("source", "payload", "error_type"),
    [
        ("exports.handler = (event) => 'plain'", b'"plain"', None),
        ("exports.handler = (event, context, callback) => 1", None, "Runtime.CallbackHandlerDeprecated"),
        ("exports.handler = async () => 10n", None, "Runtime.JSONStringifyError"),
        ("exports.handler = async (e, c) => [c.done, c.callbackWaitsForEmptyEventLoop]", b"[null,null]", None),
        ("exports.handler = async () => { await new Promise(() => {}) }", None, "Runtime.ExitError"),
    ],
)
def test_what_is_new_in_nodejs24(tmp_path: Path, source: str, payload: bytes | None, error_type: str | None) -> None:
    result, _ = once(tmp_path, source, runtime=NEWEST)
    if error_type is None:
        assert result.payload == payload
    else:
        assert json.loads(result.payload)["errorType"] == error_type


def test_streamed_responses_are_refused(tmp_path: Path) -> None:
    source = "exports.handler = awslambda.streamifyResponse(async (event, stream) => stream.end())"
    problem = json.loads(once(tmp_path, source)[0].payload)
    assert problem["errorType"] == "Runtime.MalformedStreamingHandler"
    assert "does not support response streaming" in problem["errorMessage"]


def test_node_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    result, messages = once(tmp_path, "exports.handler = async () => 1")
    problem = json.loads(result.payload)
    assert (result.error, problem["errorType"]) == ("Unhandled", "Runtime.InvalidEntrypoint")
    assert problem["errorMessage"].startswith("RequestId: rid Error: The runtime nodejs20.x needs Node.js")
    assert messages[1].endswith("\nRuntime.InvalidEntrypoint\n")


def test_node_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "node"
    old.write_text("#!/bin/sh\necho v12.22.9 /opt/node\n")
    old.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(old))
    result, _ = once(tmp_path / "data", "exports.handler = async () => 1")
    assert json.loads(result.payload)["errorMessage"].endswith(f"needs Node.js 16 or later; {old} is 12.22.9.")


def test_a_version_manager_stands_before_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = shutil.which("node")
    shim = tmp_path / "node"
    shim.write_text(f'#!/bin/sh\n[ -n "$HOME" ] && exec {node} "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: str(shim))
    assert once(tmp_path / "data", "exports.handler = async () => 1")[0].payload == b"1"


def test_node_that_could_not_be_asked_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim, set_up = tmp_path / "node", tmp_path / "set_up"
    shim.write_text(f'#!/bin/sh\n[ -e {set_up} ] && exec {shutil.which("node")} "$@"\nexit 1\n')
    shim.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(shim))
    source = "exports.handler = async () => 1"
    assert json.loads(once(tmp_path / "data", source)[0].payload)["errorMessage"].endswith(f"{shim} is no Node.js.")
    set_up.touch()
    assert once(tmp_path / "data", source)[0].payload == b"1"


@pytest.mark.parametrize("what", ["new Array(9999).fill({})", "Buffer.alloc(1 << 20, 1)"])
def test_a_handler_that_takes_too_much_memory(tmp_path: Path, what: str) -> None:
    """Node.js gives up by itself when its heap is full, if it is not killed before."""
    source = f"const kept = []; exports.handler = async () => {{ for (;;) kept.push({what}) }}"
    problem = json.loads(once(tmp_path, source, memory=128)[0].payload)
    assert problem["errorType"] == "Runtime.ExitError"
    assert re.fullmatch(
        r"RequestId: rid Error: Runtime exited with error: signal: (killed|aborted)", problem["errorMessage"]
    )


def test_much_garbage_is_no_memory(tmp_path: Path) -> None:
    source = (
        "exports.handler = async () => {\n"
        "  for (let i = 0; i < 3000; i++) { globalThis.last = new Array(30_000).fill(i); JSON.stringify(last) }\n"
        "  return 1 }\n"
    )
    assert once(tmp_path, source, memory=128)[0].payload == b"1"

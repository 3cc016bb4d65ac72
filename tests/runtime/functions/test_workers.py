"""Handlers in real workers: what they return, how they fail, what they log."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runtime.functions.poolworld import PoolWorld, ends, run, until
from stategate.runtime.functions import life, worker
from stategate.services.ports import InvocationResult


def once(directory: Path, source: str, payload: bytes = b"{}", **changes: Any) -> tuple[InvocationResult, list[str]]:
    """The result of one invocation, and what was logged."""

    async def test(world: PoolWorld) -> tuple[InvocationResult, list[str]]:
        result = await world.invoke(await world.function(source, **changes), payload, request_id="rid")
        return result, world.messages

    return run(directory, test)


@pytest.mark.parametrize(
    ("source", "payload", "expected"),
    [
        ("def handler(e, c): return e", b'{"a":1}', b'{"a": 1}'),
        ("def handler(e, c): return e", '"h\u00e9llo \U0001f600"'.encode(), '"h\u00e9llo \U0001f600"'.encode()),
        ("def handler(e, c): pass", b"{}", b"null"),
        ("def handler(e, c): return b'\"HelloWorld!\"'", b"{}", b'"HelloWorld!"'),
        ("def handler(e, c): return e", b"0.0", b"0.0"),
        ("def handler(e, c): return len(e)", b'"' + b"x" * 5_000_000 + b'"', b"5000000"),
        ("def handler(e, c): return 'x' * 5_000_000", b"{}", b'"' + b"x" * 5_000_000 + b'"'),
        (
            "from decimal import Decimal\ndef handler(e, c): return [*map(Decimal, ('1.50', '-NaN', '1E+30')), 'a']",
            b"{}",
            b'[1.50, NaN, 1E+30, "a"]',
        ),
        (
            "from decimal import Decimal\nclass Price(Decimal): pass\ndef handler(e, c): return Price('1.50')",
            b"{}",
            b"1.50",
        ),
    ],
)
def test_what_a_handler_returns(tmp_path: Path, source: str, payload: bytes, expected: bytes) -> None:
    result, _ = once(tmp_path, source, payload)
    assert (result.payload, result.error) == (expected, None)


def test_stack_traces_show_the_library_where_aws_has_it(tmp_path: Path) -> None:
    result, _ = once(tmp_path, "import json\ndef handler(e, c):\n    json.loads('x')\n", runtime="python3.12")
    first, second, *_ = json.loads(result.payload)["stackTrace"]
    assert first.startswith('  File "/var/task/handler.py", line 3, in handler')
    assert second.startswith('  File "/var/lang/lib/python3.12/json/__init__.py", line ')


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process from outside")
def test_a_worker_may_open_as_many_files_as_on_aws_whatever_the_server_may(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        source = "import resource\ndef handler(e, c): return resource.getrlimit(resource.RLIMIT_NOFILE)[0]"
        result, _ = once(tmp_path, source)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert json.loads(result.payload) == (min(worker.OPEN_FILES, hard) if hard >= 0 else worker.OPEN_FILES)


def test_older_runtimes_escape_what_is_not_ascii(tmp_path: Path) -> None:
    result, _ = once(tmp_path, "def handler(e, c): return '\u00e9'", runtime="python3.11")
    assert result.payload == b'"\\u00e9"'


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "def handler(e, c):\n    raise ValueError('no \u00e9')\n",
            {
                "errorMessage": "no \u00e9",
                "errorType": "ValueError",
                "requestId": "rid",
                "stackTrace": [
                    "  File \"/var/task/handler.py\", line 2, in handler\n    raise ValueError('no \u00e9')\n"
                ],
            },
        ),
        (
            "class CustomError(Exception): pass\ndef handler(e, c):\n    raise CustomError()\n",
            {
                "errorMessage": "",
                "errorType": "CustomError",
                "requestId": "rid",
                "stackTrace": ['  File "/var/task/handler.py", line 3, in handler\n    raise CustomError()\n'],
            },
        ),
        (
            "def handler(e, c): return {1, 2}",
            {
                "errorMessage": "Unable to marshal response: Object of type set is not JSON serializable",
                "errorType": "Runtime.MarshalError",
                "requestId": "rid",
                "stackTrace": [],
            },
        ),
        (
            "import nowhere",
            {
                "errorMessage": "Unable to import module 'handler': No module named 'nowhere'",
                "errorType": "Runtime.ImportModuleError",
                "requestId": "",
                "stackTrace": [],
            },
        ),
        (
            "def other(e, c): pass",
            {
                "errorMessage": "Handler 'handler' missing on module 'handler'",
                "errorType": "Runtime.HandlerNotFound",
                "requestId": "",
                "stackTrace": [],
            },
        ),
        (
            "def handler(:",
            {
                "errorMessage": "Syntax error in module 'handler': invalid syntax (handler.py, line 1)",
                "errorType": "Runtime.UserCodeSyntaxError",
                "requestId": "",
                "stackTrace": ['  File "/var/task/handler.py" Line 1\n    def handler(:'],
            },
        ),
        (
            "import os\ndef handler(e, c): os._exit(127)",
            {
                "errorType": "Runtime.ExitError",
                "errorMessage": "RequestId: rid Error: Runtime exited with error: exit status 127",
            },
        ),
        (
            "import sys\ndef handler(e, c): sys.exit(0)",
            {
                "errorType": "Runtime.ExitError",
                "errorMessage": "RequestId: rid Error: Runtime exited without providing a reason",
            },
        ),
        (
            "import sys\nsys.exit(3)",
            {
                "errorType": "Runtime.ExitError",
                "errorMessage": "RequestId: rid Error: Runtime exited with error: exit status 3",
            },
        ),
        (
            "import os, signal\ndef handler(e, c): os.kill(os.getpid(), signal.SIGABRT)",
            {
                "errorType": "Runtime.ExitError",
                "errorMessage": "RequestId: rid Error: Runtime exited with error: signal: aborted",
            },
        ),
        (
            "def handler(e, c): return 'x' * 7_000_000",
            {
                "errorType": "Function.ResponseSizeTooLarge",
                "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            },
        ),
    ],
)
def test_how_a_handler_fails(tmp_path: Path, source: str, expected: dict[str, Any]) -> None:
    result, _ = once(tmp_path, source)
    assert result.error == "Unhandled"
    assert json.loads(result.payload) == expected
    assert list(json.loads(result.payload)) == list(expected)


def test_what_is_logged_of_a_failed_initialisation(tmp_path: Path) -> None:
    result, messages = once(tmp_path, "print('first')\nimport nowhere")
    log = [
        "first\n",
        "[ERROR] Runtime.ImportModuleError: Unable to import module 'handler': No module named 'nowhere'\n"
        "Traceback (most recent call last):\n",
    ]
    assert messages[1:3] == log
    assert messages[3] == "START RequestId: rid Version: $LATEST\n"
    assert result.log_tail.decode().startswith("".join([messages[3], *log, "END RequestId: rid\n"]))


def test_a_handler_that_cannot_be_called_fails_in_the_runtime(tmp_path: Path) -> None:
    result, _ = once(tmp_path, "def handler(e): pass")
    failure = json.loads(result.payload)
    assert failure["errorMessage"] == "handler() takes 1 positional argument but 2 were given"
    assert [entry.startswith('  File "/var/runtime/bootstrap.py", line ') for entry in failure["stackTrace"]] == [True]


def test_a_handler_name_without_a_dot(tmp_path: Path) -> None:
    result, _ = once(tmp_path, "", handler="handler")
    assert json.loads(result.payload)["errorType"] == "Runtime.MalformedHandlerName"


def test_a_timeout_kills_the_handler_and_its_children(tmp_path: Path) -> None:
    source = (
        "import subprocess, time\ndef handler(e, c):\n    child = subprocess.Popen(['sleep', '60'])\n"
        "    print(child.pid)\n    time.sleep(60)\n"
    )
    result, messages = once(tmp_path, source, timeout=2)
    expected = {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: rid Error: Task timed out after 2.00 seconds",
    }
    assert json.loads(result.payload) == expected
    child = int(next(message for message in messages if message.strip().isdigit()))
    assert ends(child)
    assert messages[-1].startswith("REPORT RequestId: rid\tDuration: 2000.00 ms\tBilled Duration: 2000 ms\t")
    assert messages[-1].endswith("\tStatus: timeout\n")


@pytest.mark.parametrize(
    "source",
    [
        "def handler(e, c):\n    kept = []\n    while True: kept.append(b'x' * (1 << 20))\n",
        "import time\nkept = b'x' * (200 << 20)\ntime.sleep(5)\ndef handler(e, c): pass\n",
    ],
)
def test_a_handler_that_takes_too_much_memory_is_killed(tmp_path: Path, source: str) -> None:
    result, _ = once(tmp_path, source, memory=128)
    assert json.loads(result.payload)["errorMessage"] == (
        "RequestId: rid Error: Runtime exited with error: signal: killed"
    )


def test_the_most_memory_of_all_invocations_is_reported(tmp_path: Path) -> None:
    source = (
        "import os\ndef handler(e, c):\n    global kept\n    if e == 'exit': os._exit(1)\n    kept = b'x' * (e << 20)\n"
    )

    async def test(world: PoolWorld) -> list[int]:
        code = await world.function(source)
        tails = [(await world.invoke(code, payload)).log_tail.decode() for payload in (b"80", b"1", b'"exit"')]
        return [int(re.findall(r"Max Memory Used: (\d+) MB", tail)[0]) for tail in tails]

    first, second, third = run(tmp_path, test)
    assert 80 < first <= second <= third


def test_a_flood_of_output_is_cut_and_said_so(tmp_path: Path) -> None:
    source = "def handler(e, c):\n    line = 'x' * 99_999\n    for _ in range(1000): print(line)\n    return 'done'\n"
    result, messages = once(tmp_path, source)
    assert result.payload == b'"done"'
    assert sum(map(len, messages)) < 20_000_000
    assert any(re.match(r"Stategate dropped \d+ bytes of output", message) for message in messages)
    assert messages[-2:][0] == "END RequestId: rid\n"
    assert len(result.log_tail) == 4096


def printed(world: PoolWorld) -> int:
    return sum(map(len, world.messages))


def test_what_floods_the_log_between_invocations_stands_still(tmp_path: Path) -> None:
    source = (
        "import threading\nthreads = []\ndef flood():\n    while True: print('x' * 9999)\n"
        "def handler(e, c):\n    if not threads:\n        threads.append(threading.Thread(target=flood, daemon=True))\n"
        "        threads[0].start()\n    return len(threads)\n"
    )

    async def test(world: PoolWorld) -> None:
        code = await world.function(source)
        for _ in range(3):
            world.logged.clear()
            assert (await world.invoke(code)).payload == b"1"
            meanwhile = printed(world)
            await until(lambda: printed(world) > 100_000)
            await asyncio.sleep(0.5)
            assert printed(world) - meanwhile < 6 << 20

    run(tmp_path, test)


def test_the_log(tmp_path: Path) -> None:
    source = (
        "import logging, sys\nlogging.getLogger().setLevel('INFO')\n"
        "def handler(e, c):\n    print('one'); print('two', file=sys.stderr)\n    logging.info('three\\nlines')\n"
        "    sys.stdout.write('no end')\n    raise KeyError('k')\n"
    )
    result, messages = once(tmp_path, source)
    assert re.fullmatch(r"INIT_START Runtime Version: python3.12 on CPython 3\.\d+\.\d+\S*\n", messages[0])
    assert messages[1:4] == ["START RequestId: rid Version: $LATEST\n", "one\n", "two\n"]
    assert re.fullmatch(r"\[INFO\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\trid\tthree\nlines\n", messages[4])
    assert messages[5].startswith("no end")
    assert (
        "[ERROR] KeyError: 'k'\nTraceback (most recent call last):\n\xa0\xa0File \"/var/task/handler.py\""
        in messages[5]
    )
    assert messages[6] == "END RequestId: rid\n"
    assert re.fullmatch(
        r"REPORT RequestId: rid\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\t"
        r"Max Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t\n",
        messages[7],
    )
    assert result.log_tail.decode() == "".join(messages[1:])


def test_without_permission_there_is_no_log_but_a_tail(tmp_path: Path) -> None:
    async def test(world: PoolWorld) -> None:
        world.allowed = False
        result = await world.invoke(await world.function("def handler(e, c): print('hello')"))
        assert b"hello\n" in result.log_tail
        assert world.logged == []

    run(tmp_path, test)


def test_the_context(tmp_path: Path) -> None:
    source = (
        "def handler(e, c):\n    return [c.aws_request_id, c.function_name, c.function_version, c.invoked_function_arn,"
        " c.memory_limit_in_mb, c.log_group_name, c.client_context.custom, c.client_context.client.app_title,"
        " c.identity.cognito_identity_id, c.log_stream_name, c.get_remaining_time_in_millis(), repr(c)[:13]]\n"
    )

    async def test(world: PoolWorld) -> None:
        code = await world.function(source)
        client = json.dumps({"custom": {"k": "v"}, "client": {"app_title": "t"}})
        result = await world.invoke(code, request_id="rid", invoked_arn=code.arn + ":$LATEST", client_context=client)
        values = json.loads(result.payload)
        assert values[:9] == [
            "rid", code.name, "$LATEST", code.arn + ":$LATEST", "256", code.log_group, {"k": "v"}, "t", None,
        ]  # fmt: skip
        assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", values[9])
        assert values[9] == world.logged[0][1]
        assert 0 < values[10] <= 60_000
        assert values[11] == "LambdaContext"

    run(tmp_path, test)


def test_the_environment(tmp_path: Path) -> None:
    async def test(world: PoolWorld) -> None:
        code = await world.function(
            "import os\ndef handler(e, c): return dict(os.environ)",
            environment={"TABLE": "t", "AWS_REGION": "nowhere"},
        )
        variables = json.loads((await world.invoke(code, trace_id="Root=1")).payload)
        assert variables["TABLE"] == "t"
        assert variables["_X_AMZN_TRACE_ID"] == "Root=1"
        assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "us-east-1"
        assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
        assert variables["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"
        assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12"
        assert variables["AWS_SESSION_TOKEN"] == "t"
        assert variables["_HANDLER"] == "handler.handler"
        assert "HOME" not in variables
        assert "_X_AMZN_TRACE_ID" not in json.loads((await world.invoke(code)).payload)

    run(tmp_path, test)


def test_a_warm_worker_keeps_its_state_and_a_failed_one_does_not_come_back(tmp_path: Path) -> None:
    source = (
        "import os\ncount = 0\ndef handler(e, c):\n    global count\n    count += 1\n    if e == 'exit': os._exit(1)\n"
        "    if e == 'raise': raise ValueError\n    return count\n"
    )

    async def test(world: PoolWorld) -> None:
        code = await world.function(source)
        payloads = [b"{}", b'"raise"', b"{}", b'"exit"', b"{}"]
        results = [await world.invoke(code, payload) for payload in payloads]
        assert [results[at].payload for at in (0, 2, 4)] == [b"1", b"3", b"1"]

    run(tmp_path, test)


def test_the_last_words_of_a_process_that_ended_before_it_was_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawn = worker._spawn

    def ended(*given: Any) -> subprocess.Popen[bytes]:
        process = spawn(*given)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        return process

    monkeypatch.setattr(worker, "_spawn", ended)
    result, _ = once(tmp_path, "raise RuntimeError('at start')")
    assert json.loads(result.payload)["errorMessage"] == "at start"


def test_where_the_kernel_tells_of_no_end_of_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More live workers than the event loop has threads."""
    monkeypatch.delattr(os, "pidfd_open", raising=False)

    async def test(world: PoolWorld) -> None:
        for number in range(min(32, (os.cpu_count() or 1) + 4) + 2):
            code = await world.function("def handler(e, c): return e")
            result = await asyncio.wait_for(world.invoke(code, str(number).encode()), 60)
            assert result.payload == str(number).encode()
        exiting = await world.invoke(await world.function("import os\ndef handler(e, c): os._exit(3)"))
        assert json.loads(exiting.payload)["errorMessage"].endswith("exit status 3")

    run(tmp_path, test)


PYTHON_BUSY = (
    "import os, re\ndef handler(e, c):\n    open({pid}, 'w').write(str(os.getpid()))\n"
    "    re.match('(a*)*b', 'a' * 60)\n"
)
PYTHON_ASLEEP = (
    "import os, time\ndef handler(e, c):\n    open({pid}, 'w').write(str(os.getpid()))\n    time.sleep(600)\n"
)
NODE_BUSY = "exports.handler = () => {{ require('fs').writeFileSync({pid}, `${{process.pid}}`); for (;;); }}"
SHELL_BUSY = "#!/bin/sh\nprintf $$ > {pid}\nwhile :; do :; done\n"


@pytest.mark.parametrize(
    ("runtime", "name", "source", "in_kernel"),
    [
        ("python3.12", "handler.py", PYTHON_BUSY, True),
        ("python3.12", "handler.py", PYTHON_ASLEEP, False),
        ("nodejs20.x", "handler.js", NODE_BUSY, True),
        ("nodejs20.x", "handler.js", NODE_BUSY, False),
        ("provided.al2023", "bootstrap", SHELL_BUSY, True),
    ],
)
def test_workers_die_with_the_server_even_in_a_busy_loop(
    tmp_path: Path, runtime: str, name: str, source: str, in_kernel: bool
) -> None:
    """The regular expression holds the interpreter for hours: no thread of the worker could end it. Not `in_kernel`:
    what happens on systems where the bootstrap must watch."""
    if runtime.startswith("nodejs") and shutil.which("node") is None:
        pytest.skip("there is no `node` on the PATH")
    if in_kernel and not life.LINUX:
        pytest.skip("this system does not end workers by itself")
    file = tmp_path / "pid"
    server = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom runtime.functions.poolworld import pool_world\n"
        "from stategate.runtime.functions import life\n"
        f"life.LINUX = {in_kernel}\nasync def main():\n    async with pool_world(Path(sys.argv[1])) as world:\n"
        f"        code = await world.function({{sys.argv[2]: sys.argv[3]}}, runtime={runtime!r}, timeout=600)\n"
        "        await world.invoke(code)\nasyncio.run(main())\n"
    )
    tests = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", server, str(tmp_path / "data"), name, source.format(pid=repr(str(file)))],
        env={**os.environ, "PYTHONPATH": str(tests)},
    )
    deadline = time.monotonic() + 60
    while not (file.exists() and file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    pid = int(file.read_text())
    time.sleep(0.1)
    process.kill()
    process.wait()
    assert ends(pid)

"""The program in a worker process: loads the handler, then answers one invocation after the other.

It runs by its path, apart from the server: it imports nothing of Stategate and no more of the standard library than a
handler needs, so that it starts fast. What it does follows AWS's Python runtime interface client.

Started as: python bootstrap.py <control fd> <life fd or -1> <runtime> <separator in hex>, with the working directory
at the code and Lambda's environment variables set. `protocol.py` describes the frames on the control socket.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import socket
import struct
import sys
import time
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

READY, RESULT, ERROR, INIT_ERROR = 0, 1, 2, 3
MAX_RESPONSE = 6291556
TASK_ROOT = "/var/task"
RUNTIME_FILE = "/var/runtime/bootstrap.py"
_root = ""
_library = os.path.dirname(os.__file__)  # noqa: PTH120
_aws_library = ""
# The indentation of stack traces in the log is by no-break spaces, as AWS's is.
NO_BREAK_SPACE = "\u00a0"

_REQUEST = struct.Struct("!II")
_RESPONSE = struct.Struct("!BII")


class Fault(Exception):
    """What Lambda reports without a stack trace of the handler: `error_type` is its name."""

    def __init__(self, error_type: str, message: str, trace: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.trace = list(trace)


# --- living and dying -------------------------------------------------------------------------------------------


def die_with(life_fd: int) -> None:
    """Where the kernel does not end the worker with the server (`life_fd` is given), a thread reads the pipe that only
    the server keeps open."""
    if life_fd < 0:
        return
    import threading

    def watch() -> None:
        os.read(life_fd, 1)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


# --- the handler ------------------------------------------------------------------------------------------------


def load(handler: str) -> Callable[[Any, Any], Any]:
    """The handler function that `module.function` names."""
    try:
        module_name, function_name = handler.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{handler}': {error}") from None
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {module_name} as a handler module")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from None
    except SyntaxError as error:
        trace = ['  File "{}" Line {}\n    {}'.format(_shown(error.filename or ""), error.lineno, error.text)]
        message = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", message, trace) from None
    try:
        function: Callable[[Any, Any], Any] = getattr(module, function_name)
    except AttributeError:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", message) from None
    return function


def _shown(path: str) -> str:
    """A path as it would be on AWS."""
    if path == __file__:
        return RUNTIME_FILE
    for here, there in ((_root, TASK_ROOT), (_library, _aws_library)):
        if path == here or path.startswith(here + os.sep):
            return there + path[len(here) :]
    return path


def _stack(error: BaseException) -> list[str]:
    """The stack trace of an exception, from the first frame that is not this file's, if there is one."""
    frames = [(_shown(f.filename), f.lineno or 0, f.name, f.line) for f in traceback.extract_tb(error.__traceback__)]
    theirs = (index for index, frame in enumerate(frames) if frame[0] != RUNTIME_FILE)
    return traceback.format_list(frames[next(theirs, 0) :])


def failure(error: Exception, request_id: str) -> dict[str, Any]:
    """The payload of a failure. Lambda puts the keys in this order."""
    if isinstance(error, Fault):
        message, error_type, trace = error.message, error.error_type, error.trace
    else:
        message, error_type, trace = str(error), type(error).__name__, _stack(error)
    return {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": trace}


# --- the context ------------------------------------------------------------------------------------------------


class _Fields:
    __slots__: tuple[str, ...] = ()

    def __init__(self, values: dict[str, Any]) -> None:
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self) -> str:
        fields = ",".join(f"{name}={getattr(self, name)}" for name in self.__slots__)
        return f"{type(self).__name__}([{fields}])"


class CognitoIdentity(_Fields):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Fields):
    __slots__ = ("app_package_name", "app_title", "app_version_code", "app_version_name", "installation_id")


class ClientContext(_Fields):
    __slots__ = ("client", "custom", "env")

    client: Any

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.client = None if self.client is None else Client(self.client)


class LambdaContext:
    """The handler's second argument."""

    def __init__(
        self, request_id: str, deadline_ms: int, invoked_arn: str, client_context: dict[str, Any] | None
    ) -> None:
        environ = os.environ
        self.aws_request_id = request_id
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = invoked_arn
        self.tenant_id = None
        self.client_context = None if client_context is None else ClientContext(client_context)
        self.identity = CognitoIdentity({})
        self._epoch_deadline_time_in_ms = deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, message: Any) -> None:
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        names = (
            "aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb",
            "function_version", "invoked_function_arn", "client_context", "identity", "tenant_id",
        )  # fmt: skip
        return "LambdaContext([{}])".format(",".join(f"{name}={getattr(self, name)}" for name in names))


# --- the log ----------------------------------------------------------------------------------------------------


class Log:
    """Standard output, where a record of several lines stays one event: `separator` stands for its line ends."""

    def __init__(self, separator: str) -> None:
        self.stream = sys.stdout
        self.separator = separator
        self.request_id = ""

    def write(self, text: str) -> None:
        self.stream.flush()
        self.stream.write(text.rstrip("\n").replace("\n", self.separator) + "\n")
        self.stream.flush()

    def error(self, payload: dict[str, Any]) -> None:
        lines = ["[ERROR] {}: {}".format(payload["errorType"], payload["errorMessage"])]
        if not payload["errorMessage"]:
            lines = ["[ERROR] {}".format(payload["errorType"])]
        lines.append("Traceback (most recent call last):")
        for entry in payload["stackTrace"]:
            lines += [_indented(line) for line in entry.splitlines()]
        self.write("\n".join(lines))


def _indented(line: str) -> str:
    text = line.lstrip(" ")
    return NO_BREAK_SPACE * (len(line) - len(text)) + text


class Handler(logging.Handler):
    """What Lambda's root logger has: level, time, request id and message, with tabs between."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.log = log
        formatter = logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
        )
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            record.aws_request_id = self.log.request_id
            self.log.write(self.format(record))
        except Exception:  # noqa: BLE001  as every logging handler: a record that cannot be written stops nobody
            self.handleError(record)


# --- the loop ---------------------------------------------------------------------------------------------------


class Control:
    """The socket to the server."""

    def __init__(self, fd: int) -> None:
        self.socket = socket.socket(fileno=fd)
        self.statm: int | None = None
        if os.path.exists("/proc/self/statm"):  # noqa: PTH110  pathlib would cost starting time
            self.statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        self.page_kb = os.sysconf("SC_PAGE_SIZE") // 1024

    def read(self, size: int) -> bytes:
        received = self.socket.recv(size)
        if len(received) == size:
            return received
        data = bytearray(received)
        while len(data) < size:
            if not received:
                os._exit(0)
            received = self.socket.recv(min(size - len(data), 1 << 20))
            data += received
        return bytes(data)

    def next(self) -> tuple[dict[str, Any], bytes]:
        """The next invocation's head and payload. Does not return if the server has gone."""
        head_size, payload_size = _REQUEST.unpack(self.read(_REQUEST.size))
        head = json.loads(self.read(head_size))
        return head, self.read(payload_size)

    def memory_kb(self) -> int:
        if self.statm is not None:
            return int(os.pread(self.statm, 128, 0).split(None, 2)[1]) * self.page_kb
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak // 1024 if sys.platform == "darwin" else peak

    def send(self, kind: int, payload: bytes) -> None:
        head = _RESPONSE.pack(kind, self.memory_kb(), len(payload))
        if len(payload) < 65536:
            self.socket.sendall(head + payload)
        else:
            self.socket.sendall(head)
            self.socket.sendall(payload)


class Encoder:
    """JSON of what handlers return: Decimals are numbers with all their digits, bytes are texts."""

    def __init__(self, *, ensure_ascii: bool) -> None:
        self._encode = json.JSONEncoder(ensure_ascii=ensure_ascii, default=self._default).encode
        self._mark = ""

    def __call__(self, value: Any) -> str:
        text = self._encode(value)
        if self._mark:
            text = text.replace(f'"{self._mark}', "").replace(f'{self._mark}"', "")
        return text

    def _default(self, value: Any) -> str:
        decimal = sys.modules.get("decimal")
        if decimal is not None and isinstance(value, decimal.Decimal):
            # The encoder writes a text; what nobody can foresee stands for the quotation marks that have to go.
            self._mark = self._mark or os.urandom(16).hex()
            return f"{self._mark}{'NaN' if value.is_nan() else value}{self._mark}"
        if isinstance(value, bytes):
            return value.decode()
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def marshal(result: Any, encode: Callable[[Any], str]) -> bytes:
    """The response payload of a handler's result; bytes are taken to be JSON text already."""
    if isinstance(result, bytes):
        return result
    try:
        return encode(result).encode()
    except Exception as error:  # noqa: BLE001  whatever a user's object does when it is encoded
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def too_large() -> bytes:
    message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
    return f'{{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"{message}"}}'.encode()


def answer(
    handler: Callable[[Any, Any], Any], head: dict[str, Any], payload: bytes, encode: Callable[[Any], str], log: Log
) -> tuple[int, bytes]:
    """(kind, response payload) of one invocation."""
    request_id = head["id"]
    if head["trace"]:
        os.environ["_X_AMZN_TRACE_ID"] = head["trace"]
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        try:
            event = json.loads(payload)
        except ValueError as error:
            raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None
        client = json.loads(head["client"]) if head["client"] else None
        context = LambdaContext(request_id, head["deadline"], head["arn"], client)
        response = marshal(handler(event, context), encode)
    except Exception as error:  # noqa: BLE001  the handler's failure is this invocation's result
        problem = failure(error, request_id)
        log.error(problem)
        return ERROR, encode(problem).encode("utf-8", "replace")
    if len(response) > MAX_RESPONSE:
        return ERROR, too_large()
    return RESULT, response


def main() -> None:
    global _root, _aws_library
    _root = os.getcwd()  # noqa: PTH109
    control_fd, life_fd, runtime, separator = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    _aws_library = f"/var/lang/lib/{runtime}"
    die_with(life_fd)
    control = Control(control_fd)
    os.set_inheritable(control_fd, False)
    sys.argv[:] = [""]
    sys.path[0] = _root
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(  # type: ignore[union-attr]
            encoding="utf-8", errors="surrogateescape", line_buffering=True
        )
    log = Log(bytes.fromhex(separator).decode("ascii"))
    logging.getLogger().addHandler(Handler(log))
    minor = int(runtime.rpartition(".")[2])
    # Since python3.12 the runtime leaves non-ASCII characters as they are.
    encode = Encoder(ensure_ascii=minor < 12)
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as error:  # noqa: BLE001  whatever the module does when it is imported
        problem = failure(error, "")
        log.error(problem)
        sys.stderr.flush()
        control.send(INIT_ERROR, encode(problem).encode("utf-8", "replace"))
        os._exit(1)
    _flush()
    control.send(READY, b"")
    while True:
        head, payload = control.next()
        log.request_id = head["id"]
        kind, response = answer(handler, head, payload, encode, log)
        _flush()
        control.send(kind, response)


def _flush() -> None:
    """Output must be in the pipe before the answer is."""
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()


if __name__ == "__main__":
    main()

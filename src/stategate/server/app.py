"""Puts everything together. The only place that constructs things: what a part needs, it is given here."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import secrets
import signal
import socket
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import structlog
import uvicorn
import uvloop

from stategate import __version__
from stategate.asl.effects import ScheduleTask
from stategate.runtime.clock import SystemClock
from stategate.runtime.engine import Engine
from stategate.runtime.engine.beside import SLICE, Threads
from stategate.runtime.engine.language import states_language
from stategate.runtime.engine.retention import keep_purging
from stategate.runtime.entropy import SystemEntropy
from stategate.runtime.functions.pool import FunctionPool
from stategate.runtime.logs import LogStore
from stategate.runtime.outbound.http import HttpClient
from stategate.runtime.outbound.s3 import S3
from stategate.runtime.store.sqlite import CannotOpen, SqliteStore
from stategate.server import logs as server_logs
from stategate.server.http import OWN_PREFIX, Application
from stategate.server.protocol import Protocol
from stategate.server.settings import Settings
from stategate.services import apigateway, iam, lambda_, logs, states, sts
from stategate.services.apigateway.execute import ExecuteApi
from stategate.services.call import Operations
from stategate.services.dispatch import Dispatcher
from stategate.services.lambda_.events import resume
from stategate.services.lambda_.execution_role import credentials, may_log
from stategate.services.lambda_.packages import tidy_soon
from stategate.services.lambda_.urlinvoke import FunctionUrls
from stategate.services.logs.retention import keep_applying
from stategate.services.ports import NewExecution, Ports, TaskOutcome
from stategate.services.states.items import MapRunItems
from stategate.services.states.logging import ExecutionLogs
from stategate.services.states.machines import finish_deletions
from stategate.services.states.tasks import refusal, run_task
from stategate.wire.http import HttpResponse

SERVICES: Mapping[str, Operations] = {
    "apigateway": apigateway.OPERATIONS,
    "iam": iam.OPERATIONS,
    "lambda": lambda_.OPERATIONS,
    "logs": logs.OPERATIONS,
    "stepfunctions": states.OPERATIONS,
    "sts": sts.OPERATIONS,
}

GRACE = 30
"""Seconds that requests in flight have to finish after SIGTERM."""

SECRET_BYTES = 32

OPEN_FILES = 65_536
"""So many are enough: connections, workers and what they print to are open files."""
OF_A_WORKER = 4
OF_THE_REST = 256

METRICS_PAGE = OWN_PREFIX + "metrics"

log = structlog.get_logger("stategate.server")


class StartupError(Exception):
    """The server can't start; the message says why, for the one who started it."""


@dataclass(frozen=True)
class Parts:
    """What runs behind the application, and begins and ends with it."""

    ports: Ports
    dispatcher: Dispatcher
    store: SqliteStore
    engine: Engine
    functions: FunctionPool
    outbound: HttpClient
    log_store: LogStore
    log_writer: logs.Writer

    async def close(self) -> None:
        await self.engine.close()
        await self.functions.close()
        await self.outbound.close()
        await self.store.close()
        self.log_store.close()


@dataclass(frozen=True)
class App:
    asgi: Application
    parts: Parts


def build(settings: Settings) -> App:
    """Call it in the event loop that will serve. Raises `StartupError`."""
    try:
        parts = _parts(settings)
    except CannotOpen as error:
        raise StartupError(str(error)) from error
    except OSError as error:
        where = error.filename or settings.data_dir
        why = "it is no directory" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
        raise StartupError(f"data_dir: {where} cannot be used: {why}") from error
    return App(_application(parts, settings), parts)


def _parts(settings: Settings) -> Parts:
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds users' secret keys
    (settings.data_dir / "functions").mkdir(exist_ok=True)
    store = SqliteStore(settings.data_dir)
    secret = _secret(settings.data_dir)
    clock, entropy = SystemClock(), SystemEntropy()
    log_store = LogStore(settings.data_dir / "logs.db", clock)
    log_writer = logs.Writer(store, clock, log_store)
    functions = FunctionPool(
        settings.data_dir / "functions",
        endpoint=lambda: settings.url,
        clock=clock,
        log_writer=log_writer,
        credentials=lambda code: credentials(ports, code),
        may_log=lambda code: may_log(ports, code),
        limit=settings.function_workers,
    )

    def made_ports() -> Ports:
        return ports

    def perform(execution: NewExecution, task: ScheduleTask) -> Awaitable[TaskOutcome]:
        return run_task(ports, execution, task, dispatcher)

    language = states_language(lambda resource, arguments: refusal(ports, resource, arguments), SLICE)
    outbound = HttpClient()
    objects = S3(outbound, clock, settings.s3_endpoint, settings.s3_access_key, settings.s3_secret_key)
    engine = Engine(
        store.executions,
        perform,
        clock,
        entropy,
        [ExecutionLogs(log_writer, store)],
        language=language,
        beside=Threads(),
        map_run_data=MapRunItems(made_ports, objects),
    )
    ports = Ports(clock, entropy, store, engine, functions, log_store, settings, secret, outbound)
    dispatcher = Dispatcher(ports, SERVICES)
    return Parts(ports, dispatcher, store, engine, functions, outbound, log_store, log_writer)


def _application(parts: Parts, settings: Settings) -> Application:
    ports = parts.ports
    background: list[asyncio.Task[None]] = []

    async def start() -> None:
        parts.engine.open()
        resume(ports)
        tidy_soon(ports)
        purging = keep_purging(parts.store.retention, ports.clock, settings.retention_days)
        work = (finish_deletions(ports), keep_applying(ports), purging)
        background.extend(asyncio.create_task(endless) for endless in work)

    async def stop() -> None:
        for task in background:
            task.cancel()
        await parts.close()

    execute_api = ExecuteApi(ports, parts.dispatcher, parts.log_writer)
    return Application(
        parts.dispatcher,
        execute_api,
        function_urls=FunctionUrls(ports),
        domains=execute_api.by_domain,
        pages={METRICS_PAGE: lambda: _metrics(execute_api)},
        version=__version__,
        startup=[start],
        shutdown=[stop],
    )


def _metrics(execute_api: ExecuteApi) -> HttpResponse:
    """For Prometheus."""
    headers = [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")]
    return HttpResponse(200, headers, execute_api.metrics.text().encode())


def _secret(data_dir: Path) -> bytes:
    """The key that signs session tokens and page tokens: made once, readable by the owner only. Raises `CannotOpen`,
    OSError."""
    file = data_dir / "secret"
    if not file.exists():
        _make_secret(file)
    secret = file.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise CannotOpen(f"{file} cannot be used: it has {len(secret)} bytes instead of {SECRET_BYTES}")
    return secret


def _make_secret(file: Path) -> None:
    temporary = file.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as writer:
        writer.write(secrets.token_bytes(SECRET_BYTES))
        writer.flush()
        os.fsync(writer.fileno())
    temporary.rename(file)


# --- serving ----------------------------------------------------------------------------------------------------


def run(settings: Settings, listener: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT. Raises `StartupError`."""
    server_logs.configure(settings)
    raise_open_files(settings.function_workers)
    uvloop.run(_serve(settings, listener))


def raise_open_files(workers: int) -> None:
    """The limit that processes begin with is for small programs; each may raise its own as far as it is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < enough:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
            soft = enough
    needed = OF_A_WORKER * workers + OF_THE_REST
    if soft != resource.RLIM_INFINITY and soft < needed:
        log.warning("few open files allowed", allowed=soft, needed=needed, hint="ulimit -n, or fewer function_workers")


async def _serve(settings: Settings, listener: socket.socket) -> None:
    app = build(settings)
    config = uvicorn.Config(
        app.asgi,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        date_header=True,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=65,
    )
    server = _Server(config, settings, app.parts.engine)
    _spare_the_collector()
    await server.serve(sockets=[listener])
    if not server.started:
        raise StartupError("the server could not start; see the log above")
    log.info("stopped")


def _spare_the_collector() -> None:
    """What was made at the start stays (compiled service models, mostly): the garbage collector need not look at it,
    nor come as often as a busy server makes objects. Each full collection is a pause for all requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class _Server(uvicorn.Server):
    """Ends with status 0 on SIGTERM: uvicorn's own server raises the signal once more after it has shut down. A second
    Ctrl-C cuts off the requests in flight, but what runs is still closed in order."""

    def __init__(self, config: uvicorn.Config, settings: Settings, engine: Engine) -> None:
        super().__init__(config)
        self._settings = settings
        self._engine = engine

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            settings = self._settings
            log.info(
                "listening", url=settings.url, data_dir=str(settings.data_dir), auth=settings.auth, version=__version__
            )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self.force_exit:
            log.warning("requests in flight are cut off")
            return
        requests = len(self.server_state.tasks)
        hint = {"hint": f"requests have {GRACE} seconds to finish; Ctrl-C cuts them off"} if requests else {}
        log.info("stopping", requests=requests, **hint)
        self._engine.release_workers()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self.force_exit:  # then uvicorn would leave it at that
            for task in list(self.server_state.tasks):
                task.cancel()
            await self.lifespan.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

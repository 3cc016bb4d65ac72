"""The server's own log: structlog, readable on a terminal, or one JSON object a line. It goes to standard error.

Tracebacks are shown without local variables: those hold secrets."""

import contextlib
import io
import logging
import os
import sys
from typing import Any

import orjson
import structlog

from stategate.server.settings import Settings


class _Passed(logging.Handler):
    """What libraries say through Python's own logging (uvicorn: a request that is no HTTP), as a line of our log."""

    def emit(self, record: logging.LogRecord) -> None:
        failure = {"exc_info": record.exc_info} if record.exc_info else {}
        structlog.get_logger(record.name).log(record.levelno, record.getMessage(), **failure)


class _Lenient(io.FileIO):
    """Standard error: may be a file on a full disk, or a pipe that nobody reads any more. Then lines are lost, but not
    the work that they were about."""

    def __init__(self) -> None:
        there = sys.stderr is not None
        super().__init__(2 if there else os.open(os.devnull, os.O_WRONLY), "w", closefd=not there)

    def write(self, data: Any, /) -> int:
        rest = memoryview(data)
        with contextlib.suppress(OSError):
            while rest and (written := super().write(rest)):
                rest = rest[written:]
        return len(memoryview(data))


LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(settings: Settings) -> None:
    logging.basicConfig(level=max(LEVELS[settings.log_level], logging.WARNING), handlers=[_Passed()], force=True)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    file = _Lenient()
    wrapper = structlog.make_filtering_bound_logger(LEVELS[settings.log_level])
    if settings.log_format == "json":
        structlog.configure(
            processors=[
                *shared,
                structlog.processors.ExceptionRenderer(
                    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
                ),
                structlog.processors.JSONRenderer(orjson.dumps),
            ],
            logger_factory=structlog.BytesLoggerFactory(file),
            wrapper_class=wrapper,
            cache_logger_on_first_use=True,
        )
    else:
        structlog.configure(
            processors=[
                *shared,
                structlog.dev.ConsoleRenderer(
                    colors=file.isatty(),
                    exception_formatter=structlog.dev.RichTracebackFormatter(show_locals=False)
                    if file.isatty()
                    else structlog.dev.plain_traceback,
                ),
            ],
            logger_factory=structlog.PrintLoggerFactory(
                io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace")
            ),
            wrapper_class=wrapper,
            cache_logger_on_first_use=True,
        )

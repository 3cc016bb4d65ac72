"""The server's own log: structlog, readable on a terminal, or one JSON object a line. It goes to standard error.

Tracebacks are shown without local variables: those hold secrets."""

import logging
import sys

import orjson
import structlog

from stategate.server.settings import Settings


class _Passed(logging.Handler):
    """What libraries say through Python's own logging (uvicorn: a request that is no HTTP), as a line of our log."""

    def emit(self, record: logging.LogRecord) -> None:
        failure = {"exc_info": record.exc_info} if record.exc_info else {}
        structlog.get_logger(record.name).log(record.levelno, record.getMessage(), **failure)


LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(settings: Settings) -> None:
    logging.basicConfig(level=max(LEVELS[settings.log_level], logging.WARNING), handlers=[_Passed()], force=True)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
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
            logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
            wrapper_class=wrapper,
            cache_logger_on_first_use=True,
        )
    else:
        structlog.configure(
            processors=[
                *shared,
                structlog.dev.ConsoleRenderer(
                    colors=sys.stderr.isatty(),
                    exception_formatter=structlog.dev.RichTracebackFormatter(show_locals=False)
                    if sys.stderr.isatty()
                    else structlog.dev.plain_traceback,
                ),
            ],
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
            wrapper_class=wrapper,
            cache_logger_on_first_use=True,
        )

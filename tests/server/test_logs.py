import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from stategate.server import logs
from stategate.server.settings import Settings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_what_libraries_log_is_a_line_of_ours(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    logs.configure(Settings(log_format="json"))
    logging.getLogger("some.library").warning("Invalid HTTP request received.")
    logging.getLogger("some.library").info("not shown")
    line = json.loads(capfdbinary.readouterr().err)
    assert (line["level"], line["event"]) == ("warning", "Invalid HTTP request received.")


def test_no_more_of_it_than_the_level_says(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    logs.configure(Settings(log_format="json", log_level="error"))
    logging.getLogger("some.library").warning("Invalid HTTP request received.")
    assert capfdbinary.readouterr().err == b""

"""What the commands share: reading JSON from options and files, and showing where in a text something is wrong."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click

from stategate.lang import jsontext
from stategate.lang.jsontext import JSON, dumps

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""How every command's help is shown."""

SHOWN = 100
"""Characters of a line that is shown with a caret."""

_ASIDE = re.compile(r" \((?:for|start marker|not recognized) |: enable ")
"""Where AWS's parser goes on about itself."""


class Refused(click.ClickException):
    """What was asked for can't be done: exit status 2."""

    exit_code = 2


def name_of(path: Path) -> str:
    """As messages name a file that may be `-`."""
    return "standard input" if str(path) == "-" else str(path)


def read_bytes(path: Path) -> bytes:
    """Of a file, or of standard input (`-`). Raises `Refused`."""
    try:
        if str(path) == "-":
            return sys.stdin.buffer.read()
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None


def text_of(raw: bytes, source: str) -> str:
    """Without a byte order mark. Raises `Refused` for what is no UTF-8."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Refused(f"{source} is UTF-16 text; save it as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{source} is not UTF-8 text: {error.reason} at byte {error.start}") from None


def read_text(path: Path) -> str:
    """Of a file, or of standard input (`-`). Raises `Refused`."""
    return text_of(read_bytes(path), name_of(path))


def read_input(given: str | None, file: Path | None) -> tuple[str, str]:
    """The text of `--input` or `--input-file`, `{}` without both; and the name of where it is from."""
    if given is not None and file is not None:
        raise click.UsageError("Give either --input or --input-file.")
    return (read_text(file), name_of(file)) if file is not None else ("{}" if given is None else given, "the input")


def parse_json(text: str, source: str, read: Callable[[str], JSON] = jsontext.loads) -> JSON:
    """`source` names the text in errors: `--input`, a file. Raises `Refused` with the place."""
    if not text.strip():
        raise Refused(f"{source} is empty; JSON is expected")
    try:
        return read(text)
    except jsontext.JSONSyntaxError as error:
        column = max(1, error.column - 1)  # AWS's parser names the place after the character
        place = offset_of(text, error.line, column)
        message = _ASIDE.split(error.message.partition("\n")[0], 1)[0]
        raise Refused(
            f"{source} is not JSON, line {error.line}, column {column}: {message}\n{caret(text, place)}"
        ) from None


def parse_object(text: str, source: str) -> dict[str, JSON]:
    value = parse_json(text, source)
    if not isinstance(value, dict):
        raise Refused(f"{source} must be a JSON object")
    return value


def encodable(text: str) -> str:
    """JSON text that can be written as UTF-8: lone surrogates as JSON escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def on_one_line(text: str) -> str:
    """Text from elsewhere that can't break the line or command the terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else dumps(char)[1:-1] if char < " " else ascii(char)[1:-1] for char in text
    )


def offset_of(text: str, line: int, column: int) -> int:
    """The offset of a place given by its line and column, from 1."""
    start = 0
    for _ in range(line - 1):
        found = text.find("\n", start)
        if found < 0:
            break
        start = found + 1
    return max(0, min(start + column - 1, len(text)))


def caret(text: str, offset: int) -> str:
    """The line of the text at the offset, and below it a caret."""
    offset = max(0, min(offset, len(text)))
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = text[start : len(text) if end < 0 else end].rstrip("\r")
    column = offset - start
    if len(line) > SHOWN:
        first = max(0, column - SHOWN // 2)
        line, column = line[first : first + SHOWN], column - first
    indent = "".join("\t" if char == "\t" else " " for char in line[:column].ljust(column))
    return f"  {line}\n  {indent}^"


def fail(message: str, text: str, offset: int | None) -> NoReturn:
    """Ends the command with exit status 1, showing the place if it is known."""
    shown = message if offset is None else f"{message}\n{caret(text, offset)}"
    raise click.ClickException(shown)

"""The settings: one frozen object, from the command line, the environment and a TOML file, in that order.

Every setting has the same name in all three: `--data-dir`, `STATEGATE_DATA_DIR`, `data_dir`. A name that is no
setting is an error wherever it stands, so that a misspelt one is never silently ignored.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "STATEGATE_"
FILE_VARIABLE = "STATEGATE_CONFIG"
DEFAULT_FILE = "stategate.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    """What `stategate serve` can be told. The defaults are for a laptop."""

    host: str = "127.0.0.1"
    port: int = 4566
    data_dir: Path = Path(".stategate")
    auth: str = "open"
    log_format: str = "console"
    log_level: str = "info"
    root_access_key: str = ""
    root_secret_key: str = ""
    function_workers: int = 64
    s3_endpoint: str = ""
    s3_access_key: str = ""
    s3_secret_key: str = ""
    retention_days: int = 90
    aws_endpoints: Mapping[str, str] = field(default_factory=dict)
    user_pools: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where functions and people on this machine reach the server."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


HELP: Mapping[str, str] = {
    "host": "Address to bind. Anything but loopback needs --auth strict.",
    "port": "Port to bind.",
    "data_dir": "Where everything is kept; made when it is missing.",
    "auth": "open: any access key is the account's root. strict: signatures and identity policies are checked.",
    "log_format": "console: for people at a terminal. json: one object a line.",
    "log_level": "The least severe level that is logged; debug has a line for each request.",
    "root_access_key": "The root user's access key id, for --auth strict.",
    "root_secret_key": "The root user's secret access key, for --auth strict.",
    "function_workers": "How many function worker processes may run at a time.",
    "s3_endpoint": "URL of the S3 that distributed Maps read from and write to, such as http://127.0.0.1:9000.",
    "s3_access_key": "Access key id for it; without one, requests are not signed.",
    "s3_secret_key": "Secret access key for it.",
    "retention_days": "For so many days executions are kept after their end.",
    "aws_endpoints": "Where AWS integrations find services not hosted here, as sqs=http://127.0.0.1:9324[,...].",
    "user_pools": "Issuers of tokens by user pool, as us-east-1_abc=http://127.0.0.1:9229/us-east-1_abc[,...].",
}

CHOICES: Mapping[str, tuple[str, ...]] = {
    "auth": ("open", "strict"),
    "log_format": ("console", "json"),
    "log_level": ("debug", "info", "warning", "error"),
}

NAMES = tuple(field.name for field in fields(Settings))

HOSTED = frozenset(("apigateway", "iam", "lambda", "logs", "states", "sts"))
"""Services that `aws_endpoints` can't send elsewhere, as integration URIs name them."""

_SERVICE = re.compile(r"[a-z][a-z0-9.-]*")
_USER_POOL = re.compile(r"[a-z0-9-]+_[0-9a-zA-Z]+")


class SettingsError(Exception):
    """Everything that is wrong with the settings, a line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(given: Mapping[str, Any], environ: Mapping[str, str], file: Path | None = None) -> Settings:
    """`given` by setting name (None: not given). `file` must exist if it is given, here or in STATEGATE_CONFIG;
    `stategate.toml` in the working directory is read when it is there. Raises `SettingsError`."""
    problems: list[str] = []
    raw: dict[str, tuple[str, Any]] = {}
    for source, values in (
        *_from_file(file, environ, problems),
        ("the environment", _from_environ(environ, problems)),
        ("the command line", {k: v for k, v in given.items() if v is not None}),
    ):
        raw.update({name: (source, value) for name, value in values.items()})
    values = {}
    for name, (source, value) in raw.items():
        try:
            convert: Callable[[Any], Any] = _CONVERT.get(name, _text)
            values[name] = convert(value)
        except (TypeError, ValueError) as error:
            problems.append(f"{name} (from {source}): {error}")
    if problems:
        raise SettingsError(problems)
    settings = Settings(**values)
    if problems := _conflicts(settings):
        raise SettingsError(problems)
    return settings


def _from_file(
    file: Path | None, environ: Mapping[str, str], problems: list[str]
) -> list[tuple[str, Mapping[str, Any]]]:
    if file is None and environ.get(FILE_VARIABLE):
        file = Path(environ[FILE_VARIABLE])
    if file is None:
        file = Path(DEFAULT_FILE)
        if not file.exists():
            return []
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"the settings file {file} cannot be read: {error.strerror}")
        return []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{file}: not TOML: {error}")
        return []
    problems += [f"{file}: {name!r} is no setting ({_meant(name)})" for name in table if name not in NAMES]
    return [(str(file), {name: value for name, value in table.items() if name in NAMES})]


def _from_environ(environ: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    values = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable == FILE_VARIABLE:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in NAMES:
            values[name] = value
        else:
            problems.append(f"the environment: {variable} is no setting ({_meant(name)})")
    return values


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name, NAMES, n=1)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(NAMES)}"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, not {value!r}")
    return value


def _host(value: Any) -> str:
    if not _text(value).strip():
        raise ValueError("expected an address, such as 127.0.0.1")
    return str(value)


def _url(value: Any) -> str:
    try:
        parts = urlsplit(_text(value))
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an address that is none
        good = False
    if not good:
        raise ValueError(f"expected a URL such as http://127.0.0.1:9000, not {value!r}")
    return str(value)


def _data_dir(value: Any) -> Path:
    if not str(value):
        raise ValueError("expected a directory; an empty text is none")
    return value if isinstance(value, Path) else Path(_text(value))


def _choice(*choices: str) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}, not {value!r}")
        return str(value)

    return convert


def _number(least: int, most: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise TypeError(f"expected a whole number, not {value!r}")
        try:
            number = int(value)
        except ValueError:
            raise ValueError(f"expected a whole number, not {value!r}") from None
        if not least <= number <= most:
            raise ValueError(f"expected {least} to {most}, not {number}")
        return number

    return convert


def _urls(kind: str, pattern: re.Pattern[str], never: frozenset[str] = frozenset()) -> Callable[[Any], dict[str, str]]:
    """`name=URL,name=URL`, or a table in the file; `kind` says what the names are."""

    def convert(value: Any) -> dict[str, str]:
        if isinstance(value, str):
            pairs = [part.strip().partition("=")[::2] for part in value.split(",") if part.strip()]
            names = sorted(name for name, _ in pairs)
            if twice := [name for name, following in pairwise(names) if name == following]:
                raise ValueError(f"{twice[0]} is given twice")
            value = dict(pairs)
        if not isinstance(value, Mapping):
            raise TypeError(f"expected name=URL,... or a table, not {value!r}")
        for name, url in value.items():
            if pattern.fullmatch(name) is None:
                raise ValueError(f"expected {kind}, not {name!r}")
            if name in never:
                raise ValueError(f"{name} is hosted here and cannot be elsewhere")
            try:
                _url(url)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name}: {error}") from None
        return dict(value)

    return convert


_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    "port": _number(0, 65535),
    "function_workers": _number(1, 10_000),
    "retention_days": _number(1, 36_500),
    "host": _host,
    "data_dir": _data_dir,
    "s3_endpoint": lambda value: _url(value) if value else "",
    "aws_endpoints": _urls("a service as integration URIs name it, such as sqs", _SERVICE, HOSTED),
    "user_pools": _urls("a user pool's id, such as us-east-1_AbC123", _USER_POOL),
    **{name: _choice(*choices) for name, choices in CHOICES.items()},
}


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _conflicts(settings: Settings) -> list[str]:
    problems = []
    if settings.auth == "open" and not is_loopback(settings.host):
        problems.append(
            f"host: {settings.host} can be reached from other machines, and with --auth open"
            " anybody there would be root; use --auth strict, or bind 127.0.0.1"
        )
    if bool(settings.s3_access_key) != bool(settings.s3_secret_key):
        problems.append("s3_access_key and s3_secret_key must be given together")
    if settings.s3_access_key and not settings.s3_endpoint:
        problems.append("s3_access_key: without s3_endpoint there is no S3 to sign for")
    root_keys = (settings.root_access_key, settings.root_secret_key)
    if settings.auth == "strict" and not all(root_keys):
        problems.append("auth: strict needs root_access_key and root_secret_key, for the first user to sign with")
    if settings.auth == "open" and any(root_keys):
        problems.append("root_access_key, root_secret_key: only --auth strict checks keys")
    return problems

"""`$input` and `$util`, the objects that API Gateway lends to mapping templates.

What they print is recorded from AWS (test_input_body_formatting, test_input_path_template_formatting) or documented in
the mapping template reference.
"""

from __future__ import annotations

import base64
import binascii
import re
from time import thread_time
from typing import Any, ClassVar
from urllib.parse import quote_plus, unquote, unquote_plus

from stategate.gateway.failures import GatewayFailure
from stategate.gateway.mappings import searches
from stategate.gateway.stages import Routed
from stategate.lang import jsonpath, jsontext
from stategate.lang.vtl.errors import CallError
from stategate.lang.vtl.host import Exposed
from stategate.lang.vtl.methods.strings import writable
from stategate.lang.vtl.values import measure, text

_UNREAD = object()
_KEPT_PATHS = 1000
# Seconds of the processor for one rendering's paths that search, such as `$..name`.
_MAX_SEARCHING, _HURRIED_SEARCHING = 2.0, 0.005
_MAX_WRITTEN = 5_000_000  # values that one rendering writes with `$input.json`
_paths: dict[str, jsonpath.Path] = {}


class Input(Exposed):
    """`body` is what the template transforms: the request's body, or the integration's answer."""

    __slots__ = ("_body", "_document", "_params", "_routed", "_searching", "_written")

    def __init__(self, routed: Routed, body: str) -> None:
        self._routed = routed
        self._body = body or "{}"
        self._document: Any = _UNREAD
        self._searching = 0.0
        self._written = 0
        self._params: dict[str, dict[str, str]] | None = None

    def vtl_get(self, name: str) -> Any:
        return self._body if name == "body" else None

    def vtl_text(self) -> str | None:
        return None

    def path(self, expression: Any) -> Any:
        """The value; missing and null have none."""
        return self._find(expression)

    def json(self, expression: Any) -> str:
        """The JSON of the value; nothing there prints two quotes."""
        value = self._find(expression)
        if value is None:
            return '""'
        try:
            self._written += measure(value)
            if self._written > _MAX_WRITTEN:
                raise CallError(f"$input.json: more than {_MAX_WRITTEN} values are written")
            return jsontext.dumps(value)
        except (TypeError, RecursionError, UnicodeError) as error:
            # A template can put anything into the document that it got from `$input.path`.
            raise CallError(f"$input.json: {error}") from None

    def all_params(self) -> dict[str, dict[str, str]]:
        if self._params is None:
            received = self._routed.received
            raw = self._routed.path_parameters
            self._params = {
                "path": {name: unquote(value) if "%" in value else value for name, value in raw.items()},
                "querystring": dict(received.query),
                "header": dict(received.headers),
            }
        return self._params

    def param(self, name: Any) -> str:
        """Searched in path, query string and headers, in this order; "" if it is nowhere."""
        wanted = text(name)
        received = self._routed.received
        value = self._routed.path_parameters.get(wanted)
        if value is not None:
            return unquote(value) if "%" in value else value
        for key, given in reversed(received.query):
            if key == wanted:
                return given
        for key, given in reversed(received.headers):
            if key == wanted:
                return given
        return received.header(wanted) or ""

    def _find(self, expression: Any) -> Any:
        source = text(expression)
        path = _paths.get(source)
        if path is None:
            try:
                path = jsonpath.compile(source)
            except jsonpath.JSONPathError as error:
                raise CallError(str(error)) from None
            if len(_paths) >= _KEPT_PATHS:
                _paths.clear()
            _paths[source] = path
        if self._routed.hurried and not path.reference and searches(source, len(self._body)):
            raise CallError(f"$input: searching may take long ({source[:80]!r})")
        started = thread_time()
        try:
            return path.find(self._read())
        except jsonpath.JSONPathError:
            return None
        finally:
            if not path.reference:
                self._searching += thread_time() - started
                if self._searching > (_HURRIED_SEARCHING if self._routed.hurried else _MAX_SEARCHING):
                    raise CallError(f"$input: searching takes too long (last for {source[:80]!r})")

    def _read(self) -> Any:
        if self._document is _UNREAD:
            try:
                self._document = jsontext.loads(self._body)
            except jsontext.JSONSyntaxError as error:
                if isinstance(error, jsontext.JSONDepthError) or self._body.lstrip().startswith("{"):
                    raise GatewayFailure("BAD_REQUEST_BODY", "Invalid JSON in request body") from None
                self._document = self._body
        return self._document

    vtl_methods: ClassVar = {
        ("path", 1): path,
        ("json", 1): json,
        ("params", 0): all_params,
        ("params", 1): param,
    }


_ESCAPES = {
    '"': '\\"',
    "'": "\\'",
    "\\": "\\\\",
    "/": "\\/",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}


_ESCAPED = re.compile(r"""[^ !#-&(-.0-\[\]-~]""")


def escape_javascript(value: str) -> str:
    """As Apache Commons Lang does it: also `'`, `/`, controls and everything beyond ASCII, by UTF-16 unit."""
    if value.isascii() and value.isprintable():
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'").replace("/", "\\/")
    return _ESCAPED.sub(_escaped, value)


def _escaped(found: re.Match[str]) -> str:
    char = found[0]
    code = ord(char)
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04X}\\u{0xDC00 + (code & 0x3FF):04X}"
    return _ESCAPES.get(char) or f"\\u{code:04X}"


class Util(Exposed):
    """`$util`. Null in, nothing out."""

    __slots__ = ()

    def vtl_text(self) -> str | None:
        return None

    def escape(self, value: Any) -> str | None:
        return None if value is None else escape_javascript(text(value))

    def parse(self, value: Any) -> Any:
        if value is None:
            return None
        try:
            return jsontext.loads(text(value))
        except jsontext.JSONSyntaxError as error:
            raise CallError(f"$util.parseJson: {error}") from None

    def url_encode(self, value: Any) -> str | None:
        return None if value is None else quote_plus(writable(text(value)), safe="*-._").replace("~", "%7E")

    def url_decode(self, value: Any) -> str | None:
        return None if value is None else unquote_plus(text(value))

    def encode(self, value: Any) -> str | None:
        return None if value is None else base64.b64encode(writable(text(value)).encode()).decode()

    def decode(self, value: Any) -> str | None:
        if value is None:
            return None
        try:
            return base64.b64decode(text(value)).decode("utf-8", "replace")
        except (binascii.Error, ValueError) as error:
            raise CallError(f"$util.base64Decode: {error}") from None

    vtl_methods: ClassVar = {
        ("escapeJavaScript", 1): escape,
        ("parseJson", 1): parse,
        ("urlEncode", 1): url_encode,
        ("urlDecode", 1): url_decode,
        ("base64Encode", 1): encode,
        ("base64Decode", 1): decode,
    }


UTIL = Util()

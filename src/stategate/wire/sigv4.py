"""Signature Version 4: reads the credentials of a request, in its header or presigned query string, and verifies them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, unquote

from stategate.wire.http import HttpRequest

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW = 15 * 60.0
MAX_EXPIRY = 7 * 24 * 3600

_UNSIGNED = "UNSIGNED-PAYLOAD"


class SignatureError(Exception):
    """Why a signature is not accepted. `str()` is AWS's message."""


class MalformedSignature(SignatureError):
    """A part is missing or not of the right form: IncompleteSignatureException."""


class ExpiredSignature(SignatureError):
    """The request's time is too far from the server's, or the presigned URL is too old."""


class SignatureMismatch(SignatureError):
    """The signature is not that of this request and key. `canonical` and `string_to_sign` are what it should have been
    made of, where that is the reason."""

    def __init__(self, message: str, canonical: str | None = None, string_to_sign: str | None = None) -> None:
        super().__init__(message)
        self.canonical = canonical
        self.string_to_sign = string_to_sign


MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request says of its signature. `date` is the whole timestamp, as 20240131T235959Z; `expires` in seconds,
    of a presigned request only."""

    access_key: str
    date: str
    scope_date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    security_token: str | None = None
    expires: int | None = None

    @property
    def presigned(self) -> bool:
        return self.expires is not None


def parse(request: HttpRequest) -> Signature | None:
    """None if the request is not signed with Signature Version 4. Raises `MalformedSignature`, for version 4A too."""
    header = request.header("authorization")
    if header is not None and header.startswith(ALGORITHM):
        return _from_header(request, header)
    if header is not None and header.startswith("AWS4-"):
        raise MalformedSignature(f"Unsupported AWS 'algorithm': '{header.partition(' ')[0]}'.")
    if "X-Amz-Algorithm=" in request.query or "X-Amz-Credential=" in request.query:
        return _from_query(request)
    return None


def scope_service(request: HttpRequest) -> str | None:
    """The service in the credential scope, if there is one, of a signature in whatever state; never raises."""
    header = request.header("authorization")
    if header is not None and header.startswith(ALGORITHM):
        credential = header.partition("Credential=")[2].partition(",")[0]
    elif "X-Amz-Credential=" in request.query:
        credential = next((value for name, value in request.parameters if name == "X-Amz-Credential"), "")
    else:
        return None
    parts = credential.split("/")
    return parts[3] or None if len(parts) == 5 else None


def _from_header(request: HttpRequest, header: str) -> Signature:
    fields = _header_fields(header)
    date = request.header("x-amz-date")
    if date is None:
        date = _http_date(request.header("date"))
    return _signature(fields[0], fields[1], fields[2], date, request.header("x-amz-security-token"), None)


@lru_cache(maxsize=1024)
def _header_fields(header: str) -> tuple[str, str, str]:
    fields = {}
    for piece in header[len(ALGORITHM) :].split(","):
        name, _, value = piece.strip().partition("=")
        fields[name] = value
    for name in ("Credential", "Signature", "SignedHeaders"):
        if not fields.get(name):
            raise MalformedSignature(
                f"Authorization header requires '{name}' parameter. Authorization={header.split(' ')[0]}"
            )
    return fields["Credential"], fields["SignedHeaders"], fields["Signature"]


def _from_query(request: HttpRequest) -> Signature:
    fields = dict(request.parameters)
    for name in ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date"):
        if name not in fields:
            raise MalformedSignature(f"AWS query-string parameters must include '{name}'.")
    if fields["X-Amz-Algorithm"] != ALGORITHM:
        raise MalformedSignature(f"Unsupported AWS 'algorithm': '{fields['X-Amz-Algorithm']}'.")
    expires = fields.get("X-Amz-Expires", "300")
    if not (expires.isascii() and expires.isdigit() and len(expires) < 8 and 0 < int(expires) <= MAX_EXPIRY):
        raise MalformedSignature("X-Amz-Expires must be a number of seconds between 1 and 604800.")
    return _signature(
        fields["X-Amz-Credential"],
        fields["X-Amz-SignedHeaders"],
        fields["X-Amz-Signature"],
        fields["X-Amz-Date"],
        fields.get("X-Amz-Security-Token"),
        int(expires),
    )


def _signature(
    credential: str, signed: str, signature: str, date: str | None, token: str | None, expires: int | None
) -> Signature:
    parts = credential.split("/")
    if len(parts) != 5 or not all(parts) or parts[4] != "aws4_request":
        raise MalformedSignature(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{credential}'"
        )
    if date is None:
        raise MalformedSignature("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    key, scope_date, region, service, _ = parts
    names = tuple(signed.lower().split(";"))
    return Signature(key, date, scope_date, region, service, names, signature, token, expires)


def _http_date(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        moment = datetime.strptime(text, "%a, %d %b %Y %H:%M:%S %Z")
    except ValueError:
        return text
    return moment.strftime("%Y%m%dT%H%M%SZ")


def verify(request: HttpRequest, signature: Signature, secret_key: str, now: float) -> None:
    """Returns if the signature is that of this request and key, and fresh (`now` in epoch seconds).

    Raises `MalformedSignature`, `ExpiredSignature`, `SignatureMismatch`.
    """
    _check_time(signature, now)
    if "host" not in signature.signed_headers:
        raise MalformedSignature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    key = _signing_key(secret_key, signature.scope_date, signature.region, signature.service)
    scope = f"{signature.scope_date}/{signature.region}/{signature.service}/aws4_request"
    tried = []
    for canonical in _canonical_requests(request, signature):
        digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
        text = f"{ALGORITHM}\n{signature.date}\n{scope}\n{digest}"
        tried.append((canonical, text))
        if hmac.compare_digest(_hmac(key, text).hex().encode(), signature.signature.encode()):
            return
    raise SignatureMismatch(MISMATCH, *tried[0])


def _check_time(signature: Signature, now: float) -> None:
    try:
        made = datetime.strptime(signature.date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise MalformedSignature(
            f"Date must be in ISO-8601 'basic format'. Got '{signature.date}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ) from None
    if signature.scope_date != signature.date[:8]:
        raise SignatureMismatch(
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{signature.scope_date}' != '{signature.date[:8]}', from '{signature.date}'."
        )
    oldest = signature.expires if signature.expires is not None else MAX_SKEW
    if now - made > oldest:
        limit = amz_date(now - oldest)
        raise ExpiredSignature(
            f"Signature expired: {signature.date} is now earlier than {limit} ({amz_date(now)} - {_minutes(oldest)}.)"
        )
    if made - now > MAX_SKEW:
        limit = amz_date(now + MAX_SKEW)
        raise ExpiredSignature(
            f"Signature not yet current: {signature.date} is still later than {limit} "
            f"({amz_date(now)} + {_minutes(MAX_SKEW)}.)"
        )


def amz_date(seconds: float) -> str:
    """Epoch seconds as the header x-amz-date has them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")


def _minutes(seconds: float) -> str:
    return f"{int(seconds // 60)} min" if seconds >= 60 else f"{int(seconds)} s"


def _canonical_requests(request: HttpRequest, signature: Signature) -> list[str]:
    """The canonical request; where clients differ (how often the path is encoded), each form that they use."""
    headers = "".join(f"{name}:{_header_value(request, name)}\n" for name in signature.signed_headers)
    signed = ";".join(signature.signed_headers)
    query = _canonical_query(request.query, signature.presigned)
    payload = _payload_hash(request, signature)
    paths = dict.fromkeys((_canonical_path(request.path), _encode_once(request.path)))
    return [f"{request.method}\n{path}\n{query}\n{headers}\n{signed}\n{payload}" for path in paths]


def _payload_hash(request: HttpRequest, signature: Signature) -> str:
    """The body's own hash, unless the client says that it did not sign it; a hash that it claims proves nothing."""
    if request.header("x-amz-content-sha256") == _UNSIGNED:
        return _UNSIGNED
    if signature.presigned and signature.service == "s3":
        return _UNSIGNED
    return hashlib.sha256(request.body).hexdigest()


def _header_value(request: HttpRequest, name: str) -> str:
    return ",".join(" ".join(value.split()) for value in request.header_values(name))


def _canonical_path(path: str) -> str:
    """The path as sent, normalised, encoded once more: services other than s3."""
    return quote(_normalize(path), safe="/~")


def _encode_once(path: str) -> str:
    return quote(unquote(path), safe="/~")


def _normalize(path: str) -> str:
    out: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if out:
                out.pop()
        elif part and part != ".":
            out.append(part)
    tail = "/" if path.endswith("/") and out else ""
    return "/" + "/".join(out) + tail


def _canonical_query(query: str, presigned: bool) -> str:
    pairs = []
    for piece in query.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            name = _encode_query(name)
            if not (presigned and name == "X-Amz-Signature"):
                pairs.append((name, _encode_query(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encode_query(text: str) -> str:
    return quote(unquote(text.replace("+", " "), errors="surrogateescape"), safe="~", errors="surrogateescape")


@lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def sign(
    request: HttpRequest,
    access_key: str,
    secret_key: str,
    region: str,
    service: str,
    now: float,
    signed_headers: Sequence[str] | None = None,
) -> str:
    """The Authorization header of a request that has its headers already, `x-amz-date` of `now` included. Without
    `signed_headers` the host and every x-amz-* header are signed: S3 refuses a request with one that is not."""
    if signed_headers is None:
        names = {name.lower() for name, _ in request.headers}
        signed_headers = [name for name in names if name == "host" or name.startswith("x-amz-")]
    date = amz_date(now)
    signature = Signature(access_key, date, date[:8], region, service, tuple(sorted(signed_headers)), "")
    canonical = _canonical_requests(request, signature)[-1 if service == "s3" else 0]
    scope = f"{signature.scope_date}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    made = _hmac(_signing_key(secret_key, date[:8], region, service), f"{ALGORITHM}\n{date}\n{scope}\n{digest}").hex()
    shown = ";".join(signature.signed_headers)
    return f"{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={shown}, Signature={made}"

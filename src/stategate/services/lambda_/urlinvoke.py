"""A request to a function URL: the event in format 2.0, permission, and what the function's answer becomes.

Source: the Lambda developer guide ("Invoking Lambda function URLs"), and recordings of API Gateway's HTTP integrations.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from stategate.iam import Context, Principal, context_of, says_to_anybody
from stategate.lang import jsontext
from stategate.services.access import account_of, principal_of, secret_of
from stategate.services.errors import AwsError
from stategate.services.lambda_ import calling, invoking, permissions, records, urls
from stategate.services.lambda_.names import FunctionName
from stategate.services.lambda_.records import FunctionUrl
from stategate.services.ports import Ports
from stategate.wire import sigv4
from stategate.wire.http import HttpRequest, HttpResponse

ACTION = "lambda:InvokeFunctionUrl"
MAX_REQUEST = 6 * 1024 * 1024

TLS = {"x-amzn-tls-version": "TLSv1.3", "x-amzn-tls-cipher-suite": "TLS_AES_128_GCM_SHA256"}
"""What AWS's front, which always ends TLS, tells functions of it. X-Forwarded-Proto stays what the client used:
functions build links with it."""

_TEXT = ("text/", "application/json", "application/javascript", "application/xml", "application/x-www-form-urlencoded")
_FORBIDDEN = '{"Message":"Forbidden"}'


class FunctionUrls:
    """Serves the function URLs of all worlds. `server.http.FunctionUrls` is its protocol."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def __call__(self, request: HttpRequest, url_id: str, source_ip: str) -> HttpResponse:
        """Never raises for what a client or a function's author caused."""
        request_id = self._ports.entropy.uuid()
        trace_id = request.header("x-amzn-trace-id") or calling.new_trace_id(self._ports)
        found = urls.find(self._ports, url_id)
        if found is None:
            return _answer(403, _FORBIDDEN, request_id, trace_id, "AccessDeniedException")
        world, url = found
        if request.too_large or len(request.body) > MAX_REQUEST:
            return _answer(
                413, '{"Message":"Request Too Long"}', request_id, trace_id, "RequestEntityTooLargeException"
            )
        name = FunctionName(world, url.function, url.qualifier)
        caller = self._caller(name, url, request, source_ip)
        if isinstance(caller, AwsError):
            text = jsontext.dumps({"Message": caller.message})
            return _answer(403, text, request_id, trace_id, caller.code)
        event = jsontext.dumps(self._event(request, url, source_ip, request_id, trace_id, caller)).encode()
        try:
            invoked = await invoking.run(self._ports, name, event, request_id=request_id, trace_id=trace_id)
        except AwsError as error:
            status = error.status if error.status in (413, 429) else 502
            return _answer(status, "Internal Server Error", request_id, trace_id, error.code, "text/plain")
        if invoked.function_error is not None:
            return _answer(502, "Internal Server Error", request_id, trace_id, None, "application/json")
        return _reply(invoked.payload, request_id, trace_id)

    def _caller(
        self, name: FunctionName, url: FunctionUrl, request: HttpRequest, source_ip: str
    ) -> Principal | AwsError | None:
        """None: nobody in particular, and that is allowed."""
        given = {
            "lambda:FunctionUrlAuthType": url.auth,
            "aws:SourceIp": source_ip,
            "aws:UserAgent": request.header("user-agent"),
        }
        if url.auth == "NONE":
            allowed = _open_to_anybody(self._ports, name, context_of(given))
            return None if allowed else AwsError("AccessDeniedException", "Forbidden", status=403)
        try:
            principal = _signer(self._ports, request, name.world.region)
            permissions.authorize(self._ports, name, principal, ACTION, given)
        except (AwsError, sigv4.SignatureError):
            return AwsError("AccessDeniedException", "Forbidden", status=403)
        return principal

    def _event(
        self,
        request: HttpRequest,
        url: FunctionUrl,
        source_ip: str,
        request_id: str,
        trace_id: str,
        caller: Principal | None,
    ) -> dict[str, Any]:
        cookies = [part.strip() for value in request.header_values("cookie") for part in value.split(";")]
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": request.path,
            "rawQueryString": request.query,
            "headers": _forwarded(request, source_ip, trace_id),
            "requestContext": _context(request, url, source_ip, request_id, caller, self._ports.clock.now()),
            "isBase64Encoded": False,
        }
        if cookies:
            event["cookies"] = cookies
        if request.parameters:
            event["queryStringParameters"] = _joined(request.parameters)
        if request.body:
            text = _text(request)
            event["isBase64Encoded"] = text is None
            event["body"] = text if text is not None else base64.b64encode(request.body).decode()
        return event


def _context(
    request: HttpRequest, url: FunctionUrl, source_ip: str, request_id: str, caller: Principal | None, now: float
) -> dict[str, Any]:
    context: dict[str, Any] = {
        "accountId": caller.account if caller is not None else "anonymous",
        "apiId": url.id,
        "domainName": request.header("host") or "",
        "domainPrefix": url.id,
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": "HTTP/1.1",
            "sourceIp": source_ip,
            "userAgent": request.header("user-agent") or "",
        },
        "requestId": request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now * 1000),
    }
    if caller is not None:
        iam = {"accountId": caller.account, "userArn": caller.arn, "userId": caller.user_id}
        context["authorizer"] = {"iam": iam}
    return context


def _forwarded(request: HttpRequest, source_ip: str, trace_id: str) -> dict[str, str]:
    """The headers as the function gets them."""
    headers = _joined([pair for pair in request.headers if pair[0] != "cookie"])
    host = request.header("host") or ""
    headers.setdefault("x-amzn-trace-id", trace_id)
    given = headers.get("x-forwarded-for")
    headers["x-forwarded-for"] = f"{given}, {source_ip}" if given else source_ip
    headers.setdefault("x-forwarded-proto", "http")
    headers.setdefault("x-forwarded-port", host.rpartition(":")[2] if ":" in host else "80")
    headers.update(TLS)
    return headers


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Values of one name, joined by commas."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _text(request: HttpRequest) -> str | None:
    kind = (request.header("content-type") or "application/octet-stream").lower()
    if not kind.startswith(_TEXT) and "+json" not in kind and "+xml" not in kind:
        return None
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        return None


def _open_to_anybody(ports: Ports, name: FunctionName, context: Context) -> bool:
    policy = records.policies(ports, name.world).get(permissions.policy_key(name))
    if policy is None:
        return False
    return says_to_anybody(permissions.document(policy), ACTION, name.qualified_arn, context) is True


def _signer(ports: Ports, request: HttpRequest, region: str) -> Principal:
    """Raises AwsError or SignatureError."""
    signature = sigv4.parse(request)
    if signature is None:
        raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", status=403)
    key, token = signature.access_key, signature.security_token
    principal = principal_of(ports, account_of(key), key, token, "rest-json")
    secret = secret_of(ports, key, token)
    if secret is not None:
        if signature.service != "lambda" or signature.region != region:
            raise AwsError("InvalidSignatureException", "Credential should be scoped to lambda.", status=403)
        sigv4.verify(request, signature, secret, ports.clock.now())
    elif ports.settings.auth == "strict":
        raise AwsError("UnrecognizedClientException", "The security token is invalid.", status=403)
    return principal


def _reply(payload: bytes, request_id: str, trace_id: str) -> HttpResponse:
    """With a statusCode the answer is taken apart; anything else is the body of a 200."""
    try:
        value = jsontext.loads(payload or b"null")
    except jsontext.JSONSyntaxError:
        return _answer(502, "Internal Server Error", request_id, trace_id)
    if not isinstance(value, dict) or "statusCode" not in value:
        return _answer(
            200, value if isinstance(value, str) else payload.decode("utf-8", "replace"), request_id, trace_id
        )
    try:
        status = int(value["statusCode"])
        body = value.get("body")
        data = body if isinstance(body, str) else "" if body is None else jsontext.dumps(body)
        content = base64.b64decode(data, validate=True) if value.get("isBase64Encoded") is True else data.encode()
    except (ValueError, TypeError, binascii.Error):
        return _answer(502, "Internal Server Error", request_id, trace_id)
    given = value.get("headers")
    headers = [(str(name), _header(item)) for name, item in given.items()] if isinstance(given, dict) else []
    cookies = value.get("cookies")
    headers += [("Set-Cookie", str(cookie)) for cookie in cookies] if isinstance(cookies, list) else []
    if not 100 <= status <= 599:
        return _answer(502, "Internal Server Error", request_id, trace_id)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.insert(0, ("Content-Type", "application/json"))
    return HttpResponse(status, [*headers, *_own(len(content), request_id, trace_id)], content)


def _header(value: Any) -> str:
    return value if isinstance(value, str) else jsontext.dumps(value)


def _answer(
    status: int,
    text: str,
    request_id: str,
    trace_id: str,
    error_type: str | None = None,
    content_type: str = "application/json",
) -> HttpResponse:
    body = text.encode()
    headers = [("Content-Type", content_type), *_own(len(body), request_id, trace_id)]
    if error_type is not None:
        headers.append(("x-amzn-ErrorType", error_type))
    return HttpResponse(status, headers, body)


def _own(length: int, request_id: str, trace_id: str) -> list[tuple[str, str]]:
    return [
        ("Content-Length", str(length)),
        ("Connection", "keep-alive"),
        ("x-amzn-RequestId", request_id),
        ("X-Amzn-Trace-Id", trace_id),
    ]

"""The request validator stage: required parameters first, then the body against its model [recorded]."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stategate.gateway import media
from stategate.gateway.failures import GatewayFailure, configuration_error
from stategate.gateway.model import Method, Snapshot
from stategate.gateway.schemas import Check, InvalidSchema, compile_schema, schemas_of
from stategate.gateway.stages import Routed
from stategate.lang import jsontext

Validate = Callable[[Routed], None]


def compile_validator(method: Method, snapshot: Snapshot) -> Validate | None:
    """None: nothing is checked."""
    validator = next((v for v in snapshot.validators if v.id == method.request_validator_id), None)
    parameters = _parameters(method) if validator is not None and validator.validate_request_parameters else None
    body = _body(method, snapshot) if validator is not None and validator.validate_request_body else None

    if parameters is None or body is None:
        return parameters or body

    def validate(routed: Routed) -> None:
        parameters(routed)
        body(routed)

    return validate


def _parameters(method: Method) -> Validate | None:
    required = tuple(
        tuple(key.split(".", 3)[2:]) for key, needed in sorted((method.request_parameters or {}).items()) if needed
    )
    if not required:
        return None

    def validate(routed: Routed) -> None:
        received = routed.received
        missing = []
        for place, name in required:
            match place:
                case "header":
                    present = bool(received.header(name))
                case "path":
                    present = bool(routed.path_parameters.get(name))
                case _:
                    present = any(key == name and value for key, value in received.query)
            if not present:
                missing.append(name)
        if missing:
            raise GatewayFailure(
                "BAD_REQUEST_PARAMETERS", f"Missing required request parameters: [{', '.join(missing)}]"
            )

    return validate


def _body(method: Method, snapshot: Snapshot) -> Validate | None:
    if not method.request_models:
        return None
    schemas = schemas_of(snapshot.models)
    checks: dict[str, Check | str] = {
        content_type if content_type == "$default" else media.media_type(content_type): _check(name, schemas)
        for content_type, name in method.request_models.items()
    }

    def validate(routed: Routed) -> None:
        check = _chosen(checks, routed)
        if check is None:
            return
        if isinstance(check, str):
            raise configuration_error(check)
        received = routed.received
        try:
            value = jsontext.loads(received.body if received.body.strip() else b"{}")
        except (jsontext.JSONSyntaxError, RecursionError) as error:
            raise _invalid(f"[{error}]") from None
        wrong = check(value)
        if wrong is not None:
            raise _invalid(wrong)

    return validate


def _check(name: str, schemas: Mapping[str, str]) -> Check | str:
    """A model that can't be used makes the request fail, never pass: the text says why."""
    schema = schemas.get(name)
    if schema is None:
        return f"Invalid model identifier specified: {name}"
    try:
        return compile_schema(schema, schemas)
    except InvalidSchema as error:
        return f"Invalid model schema {name}: {error}"


def _chosen(checks: Mapping[str, Check | str], routed: Routed) -> Check | str | None:
    chosen = checks.get(media.media_type(routed.received.header("content-type")))
    return checks.get("$default") if chosen is None else chosen


def _invalid(detail: str) -> GatewayFailure:
    return GatewayFailure("BAD_REQUEST_BODY", validation_error=detail)

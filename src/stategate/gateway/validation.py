"""The request validator stage: required parameters, and the body against its model.

A validator of bodies needs JSON Schema and is refused when it is created; see `services.apigateway`.
"""

from __future__ import annotations

from collections.abc import Callable

from stategate.gateway.failures import GatewayFailure
from stategate.gateway.model import Method, Snapshot
from stategate.gateway.stages import Routed

Validate = Callable[[Routed], None]


def compile_validator(method: Method, snapshot: Snapshot) -> Validate:
    """Without a validator, nothing is checked."""
    validator = next((v for v in snapshot.validators if v.id == method.request_validator_id), None)
    if validator is None or not validator.validate_request_parameters:
        return lambda routed: None
    required = tuple(
        tuple(key.split(".", 3)[2:]) for key, needed in sorted((method.request_parameters or {}).items()) if needed
    )

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

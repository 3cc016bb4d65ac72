"""Gateway responses: every way the gateway itself answers, with AWS's default statuses, error types and texts.

Source: AWS's developer guide ("Gateway response types") and recordings of GetGatewayResponses.
"""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_TEMPLATE = '{"message":$context.error.messageString}'


@dataclass(frozen=True, slots=True)
class ResponseType:
    """`status` None: the DEFAULT types have none until they are customised. `error_type` is the header's value."""

    status: int | None
    error_type: str
    message: str | None


_SERVER = "InternalServerErrorException"

RESPONSE_TYPES: dict[str, ResponseType] = {
    "ACCESS_DENIED": ResponseType(403, "AccessDeniedException", "User is not authorized to access this resource"),
    "API_CONFIGURATION_ERROR": ResponseType(500, _SERVER, "Internal server error"),
    "AUTHORIZER_CONFIGURATION_ERROR": ResponseType(500, "AuthorizerConfigurationException", None),
    "AUTHORIZER_FAILURE": ResponseType(500, "AuthorizerFailureException", None),
    "BAD_REQUEST_BODY": ResponseType(400, "BadRequestException", "Invalid request body"),
    "BAD_REQUEST_PARAMETERS": ResponseType(400, "BadRequestException", "Missing required request parameters"),
    "DEFAULT_4XX": ResponseType(None, "BadRequestException", None),
    "DEFAULT_5XX": ResponseType(None, _SERVER, None),
    "EXPIRED_TOKEN": ResponseType(
        403, "ExpiredTokenException", "The security token included in the request is expired"
    ),
    "INTEGRATION_FAILURE": ResponseType(504, _SERVER, "Internal server error"),
    "INTEGRATION_TIMEOUT": ResponseType(504, _SERVER, "Endpoint request timed out"),
    "INVALID_API_KEY": ResponseType(403, "ForbiddenException", "Forbidden"),
    "INVALID_SIGNATURE": ResponseType(
        403,
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details.",
    ),
    "MISSING_AUTHENTICATION_TOKEN": ResponseType(
        403, "MissingAuthenticationTokenException", "Missing Authentication Token"
    ),
    "QUOTA_EXCEEDED": ResponseType(429, "LimitExceededException", "Limit Exceeded"),
    "REQUEST_TOO_LARGE": ResponseType(413, "RequestEntityTooLargeException", "Request Too Long"),
    "RESOURCE_NOT_FOUND": ResponseType(404, "NotFoundException", "Not Found"),
    "THROTTLED": ResponseType(429, "TooManyRequestsException", "Too Many Requests"),
    "UNAUTHORIZED": ResponseType(401, "UnauthorizedException", "Unauthorized"),
    "UNSUPPORTED_MEDIA_TYPE": ResponseType(415, "BadRequestException", "Unsupported Media Type"),
    "WAF_FILTERED": ResponseType(403, "ForbiddenException", "Forbidden"),
}

NOT_CUSTOMISABLE = frozenset({"REQUEST_TOO_LARGE"})


class GatewayFailure(Exception):
    """A stage failed: what the client is told, and what the execution log says.

    `log` completes "Execution failed due to configuration error: " for API_CONFIGURATION_ERROR; `line` is the whole
    line where AWS words it otherwise. `status` overrides the type's own status on the wire where AWS does (502 for a
    malformed Lambda answer), `error_type` its x-amzn-ErrorType.
    """

    def __init__(
        self,
        response_type: str,
        message: str | None = None,
        *,
        log: str | None = None,
        line: str | None = None,
        status: int | None = None,
        validation_error: str | None = None,
        error_type: str | None = None,
    ) -> None:
        known = RESPONSE_TYPES[response_type]
        super().__init__(line or log or message or known.message)
        self.response_type = response_type
        self.message = message if message is not None else known.message
        self.log = log
        self.line = line
        self.status = status
        self.validation_error = validation_error
        self.error_type = error_type or known.error_type


class TakesLong(Exception):
    """A template or a pattern of a hurried request takes long; nothing was changed, the stage may be done again."""


def configuration_error(log: str, *, status: int | None = None) -> GatewayFailure:
    """The API is set up wrongly: "Internal server error" to the client, the reason to the log."""
    return GatewayFailure("API_CONFIGURATION_ERROR", log=log, status=status)

"""How the services differ where they read input, and where they tell that a constraint is broken."""

from __future__ import annotations

from stategate.wire.validation import Style

_IAM_NAME = (
    "The specified value for {name} is invalid. "
    "It must contain only alphanumeric characters and/or the following: +=,.@_-"
)
_IAM_PATH = (
    "The specified value for {name} is invalid. It must begin and end with / and contain only alphanumeric "
    "characters and/or / characters."
)

STYLES = {
    "iam": Style(
        code="ValidationError",
        echo_enum=False,
        phrases=(
            (r"[\w+=,.@-]+", _IAM_NAME),
            (r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)", _IAM_PATH),
        ),
    ),
    "sts": Style(code="ValidationError"),
    "apigateway": Style(prefixed=True),
    "stepfunctions": Style(),
    "lambda": Style(skip=frozenset({("Runtime", "enum")})),
    "logs": Style(code="InvalidParameterException"),
}
"""By boto3's name of the service. Lambda checks runtimes itself: it answers InvalidParameterValueException."""

KEEP_NULLS = {"apigateway": frozenset({"requestTemplates", "responseTemplates"})}
"""Maps whose entries may be null: a mapping template that is null passes the body through."""

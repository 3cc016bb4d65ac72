"""A workflow's failure, as a value: the error's name and its cause, as a Retry, a Catch and the history see them."""


class StateFailure(Exception):
    """A state failed with `error` (`States.Runtime`, `States.IntrinsicFailure`, ...) because of `cause`.

    It never leaves the machine. `cause` is what the evaluation found wrong; the machine puts
    "An error occurred while executing the state 'S' (entered at the event id #N). " before it.
    """

    __slots__ = ("cause", "error")

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(error, cause)
        self.error = error
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.error}: {self.cause}"


class ResultTooLarge(StateFailure):
    """What a state makes for its work is over the limit of a payload."""

    def __init__(self) -> None:
        super().__init__(DATA_LIMIT_EXCEEDED, "")


class EvaluationFailure(StateFailure):
    """JSONata in the field `location` (`Output/result`, `Arguments/FunctionName`, `Items`) could not be evaluated, or
    gave what the field can't have. The history has an event EvaluationFailed for it."""

    __slots__ = ("location",)

    def __init__(self, cause: str, location: str) -> None:
        super().__init__(QUERY_EVALUATION_ERROR, cause)
        self.location = location


RUNTIME = "States.Runtime"
QUERY_EVALUATION_ERROR = "States.QueryEvaluationError"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"


def runtime_failure(cause: str) -> StateFailure:
    return StateFailure(RUNTIME, cause)


def reason(error: str | None, cause: str | None) -> dict[str, str]:
    """The details of a history event that tells of a failure: what is not known is left out."""
    return {name: text for name, text in (("error", error), ("cause", cause)) if text is not None}

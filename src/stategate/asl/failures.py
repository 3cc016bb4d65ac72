"""A workflow's failure, as a value: the error's name and its cause, as a Retry, a Catch and the history see them."""


class StateFailure(Exception):
    """A state failed with `error` (`States.Runtime`, `States.ResultPathMatchFailure`, ...) because of `cause`.

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


RUNTIME = "States.Runtime"
RESULT_PATH_MATCH_FAILURE = "States.ResultPathMatchFailure"


def runtime_failure(cause: str) -> StateFailure:
    return StateFailure(RUNTIME, cause)

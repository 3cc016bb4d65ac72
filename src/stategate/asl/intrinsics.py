"""Intrinsic functions: `States.Format('{} {}', $.a, States.UUID())`."""

from stategate.asl.paths import Selection


class IntrinsicSyntaxError(ValueError):
    """The text is not a call of a known function with arguments it takes."""


def compile_intrinsic(text: str) -> Selection:
    """Raises IntrinsicSyntaxError; the function raises StateFailure (States.IntrinsicFailure or States.Runtime) or PathNotFound."""
    raise NotImplementedError

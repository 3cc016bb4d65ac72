"""What can go wrong with a path."""


class JSONPathError(Exception):
    """The message is Jayway's."""

    @property
    def message(self) -> str:
        return str(self)


class PathSyntaxError(JSONPathError, ValueError):
    """The text is not a path."""


class PathNotFound(JSONPathError):
    """A definite path leads nowhere, or a step can't be applied to what is there."""

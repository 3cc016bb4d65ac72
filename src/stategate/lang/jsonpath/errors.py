"""What can go wrong with a path."""


class JSONPathError(Exception):
    """The message is Jayway's."""

    @property
    def message(self) -> str:
        return str(self)


class PathSyntaxError(JSONPathError, ValueError):
    """The text is not a path."""


class PathNotFound(JSONPathError):
    """The path leads nowhere in this document."""


class PathNotApplicable(PathNotFound):
    """A step of the path can't be taken on the kind of value that it meets, such as an index on an object."""

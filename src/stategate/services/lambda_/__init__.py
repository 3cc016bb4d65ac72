"""AWS Lambda: its operations, and invoking functions from inside the server (`invoking`)."""

from stategate.services.lambda_.operations import OPERATIONS

__all__ = ["OPERATIONS"]

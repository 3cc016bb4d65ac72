"""STS: who am I, and sessions of roles."""

from collections.abc import Mapping

from stategate.services.call import Operation
from stategate.services.sts.assume import assume_role
from stategate.services.sts.identity import get_caller_identity, get_session_token

OPERATIONS: Mapping[str, Operation] = {
    "GetCallerIdentity": get_caller_identity,
    "GetSessionToken": get_session_token,
    "AssumeRole": assume_role,
}
"""By AWS's name."""

__all__ = ["OPERATIONS"]

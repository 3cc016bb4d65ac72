"""IAM: roles, users, policies, access keys."""

from collections.abc import Mapping

from stategate.services.call import Operation
from stategate.services.iam import owners, policies, roles, users

OPERATIONS: Mapping[str, Operation] = {
    **roles.OPERATIONS,
    **users.OPERATIONS,
    **owners.OPERATIONS,
    **policies.OPERATIONS,
}
"""By AWS's name."""

__all__ = ["OPERATIONS"]

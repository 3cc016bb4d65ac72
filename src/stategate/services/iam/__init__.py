"""IAM: roles, users, policies, access keys."""

from collections.abc import Mapping

from stategate.services.call import Operation

OPERATIONS: Mapping[str, Operation] = {}

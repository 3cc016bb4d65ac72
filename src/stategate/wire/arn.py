"""Amazon Resource Names: `arn:partition:service:region:account:resource`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


class InvalidArn(ValueError):
    """The text is not an ARN."""


@dataclass(frozen=True, slots=True)
class Arn:
    """`resource` is everything after the account, colons and slashes included. `region` and `account` may be ''."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @staticmethod
    def parse(text: str) -> Arn:
        """Raises `InvalidArn` unless the text has the prefix, six parts, a partition, a service and a resource."""
        return _parse(text)

    @property
    def resource_type(self) -> str:
        """`function` of `function:name:1`, `role` of `role/path/name`; '' if the resource has one part only."""
        ends = (self.resource.find(separator) for separator in ":/")
        return self.resource[: min((end for end in ends if end >= 0), default=0)]

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


@lru_cache(maxsize=8192)
def _parse(text: str) -> Arn:
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not (parts[1] and parts[2] and parts[5]):
        raise InvalidArn(f"Invalid ARN: {text}")
    return Arn(parts[1], parts[2], parts[3], parts[4], parts[5])

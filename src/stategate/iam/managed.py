"""The AWS managed policies that are shipped: `managed.json`, read once.

The statements are AWS's, except that ReadOnlyAccess, whose original names every service, is cut to common ones. The ids
are of AWS's form but not AWS's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

PREFIX = "arn:aws:iam::aws:policy"


@dataclass(frozen=True, slots=True)
class AwsManagedPolicy:
    """`document` is JSON text; `created` and `updated` epoch seconds; `id` as AWS's: ANPA and 17 characters."""

    name: str
    path: str
    id: str
    description: str
    version: str
    created: float
    updated: float
    document: str

    @property
    def arn(self) -> str:
        return f"{PREFIX}{self.path}{self.name}"


@cache
def aws_managed_policies() -> Mapping[str, AwsManagedPolicy]:
    """By ARN, sorted by it."""
    text = resources.files("stategate.iam").joinpath("managed.json").read_text(encoding="utf-8")
    policies = [_policy(entry) for entry in json.loads(text)["policies"]]
    return {policy.arn: policy for policy in sorted(policies, key=lambda policy: policy.arn)}


def _policy(entry: Mapping[str, Any]) -> AwsManagedPolicy:
    return AwsManagedPolicy(
        name=entry["name"],
        path=entry["path"],
        id=entry["id"],
        description=entry["description"],
        version=entry["version"],
        created=float(entry["created"]),
        updated=float(entry["updated"]),
        document=json.dumps(entry["document"], indent=4),
    )

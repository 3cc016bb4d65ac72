"""The tags of a resource, as policies see them by `aws:ResourceTag/<key>`.

What belongs to a state machine, an API or a function has its tags: executions, versions, aliases, the parts of an API.
A stage has its own as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from stategate.services.apigateway import records as gateway
from stategate.services.apigateway import tagging
from stategate.services.iam import records as iam
from stategate.services.lambda_ import records as lambda_
from stategate.services.logs import records as logs
from stategate.services.ports import Ports, Records, World
from stategate.services.states import activities
from stategate.services.states import records as states

Tags = Mapping[str, str]
Table = Callable[[Ports, World], Records[Any]]

_ARN = re.compile(r"arn:[a-z-]+:(?P<service>[a-z]+):[^:]*:[^:]*:(?P<kind>[a-zA-Z-]+)[:/](?P<name>.+)")
_BY_KIND: Mapping[tuple[str, str], Table] = {
    ("states", "stateMachine"): states.machines,
    ("states", "execution"): states.machines,
    ("states", "express"): states.machines,
    ("states", "mapRun"): states.machines,
    ("states", "activity"): activities.activities,
    ("lambda", "function"): lambda_.functions,
    ("logs", "log-group"): lambda ports, world: logs.groups(ports.store, world),
    ("iam", "role"): lambda ports, world: iam.roles(ports, world.account),
    ("iam", "user"): lambda ports, world: iam.users(ports, world.account),
}
_GATEWAY_ARN = re.compile(r"arn:[a-z-]+:apigateway:[^:]*::/(?P<path>.+)")


def tags_of(ports: Ports, world: World, resource: str) -> Tags:
    """`resource`: the ARN that a permission is asked for, in `world`. Empty for what is not there or has no tags."""
    if (found := _GATEWAY_ARN.fullmatch(resource)) is not None:
        return _of_gateway(ports, world, _tagged(found["path"]))
    if (found := _ARN.fullmatch(resource)) is None:
        return {}
    service, kind, name = found.group("service", "kind", "name")
    match service, kind:
        case "iam", "policy":
            return _tags(iam.policies(ports, world.account), resource)
        case "iam", _:
            key = iam.key_of(name.rpartition("/")[2])
        case "states", _:
            # `<state machine>/<label>` is what a map run's children run.
            key = name.partition(":")[0].partition("/")[0]
        case _:
            key = name.partition(":")[0]
    table = _BY_KIND.get((service, kind))
    return {} if table is None else _tags(table(ports, world), key)


def _tags(table: Records[Any], key: str) -> Tags:
    found = table.get(key)
    tags: Tags = {} if found is None else found.tags
    return tags


def _tagged(path: str) -> str:
    """Of `tags/<ARN>`, what has the tags: the ARN's path."""
    if not path.startswith("tags/"):
        return path
    found = _GATEWAY_ARN.fullmatch(unquote(path.removeprefix("tags/")))
    return "" if found is None else found["path"]


def _of_gateway(ports: Ports, world: World, path: str) -> Tags:
    kind, _, rest = path.partition("/")
    if kind not in tagging.KINDS:
        return {}
    name, _, part = rest.partition("/")
    table, _ = tagging.KINDS[kind]
    tags = _tags(table(ports, world), unquote(name))
    if kind == "restapis" and part.startswith("stages/"):
        stage = unquote(part.removeprefix("stages/").partition("/")[0])
        tags = {**tags, **_tags(gateway.stages(ports, world), f"{name}/{stage}")}
    return tags

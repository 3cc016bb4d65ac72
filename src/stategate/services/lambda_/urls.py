"""Function URLs: Create, Get, Update, Delete, List. What is called at a URL is `urlinvoke`'s business."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError
from stategate.services.lambda_ import functions, lookup, records
from stategate.services.lambda_.names import FunctionName, conflict, invalid, not_found
from stategate.services.lambda_.records import LATEST, FunctionUrl, UrlOwner
from stategate.services.ports import Ports, World

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_MISSING = "The resource you requested does not exist."


def find(ports: Ports, url_id: str) -> tuple[World, FunctionUrl] | None:
    """The URL with this id, in whatever world."""
    for world in ports.store.worlds("lambda.urlowner"):
        owner = records.url_owners(ports, world).get(url_id)
        url = records.function_urls(ports, world).get(owner.key) if owner is not None else None
        if url is not None:
            return world, url
    return None


def create(call: Call, given: Input) -> Output:
    name = _named(call, given, "CreateFunctionUrlConfig")
    lookup.configuration(call.ports, name)
    _check(given)
    key = _key(name)
    if records.function_urls(call.ports, call.world).get(key) is not None:
        raise conflict(
            f"Failed to create function url config for [functionArn = {name.qualified_arn}]. "
            f"Error message:  FunctionUrlConfig exists for this Lambda function"
        )
    url = FunctionUrl(
        id=call.ports.entropy.letters(32, _LETTERS),
        function=name.name,
        qualifier=name.qualifier,
        auth=given["AuthType"],
        created=call.now,
        modified=call.now,
    )
    records.function_urls(call.ports, call.world).put(key, url)
    records.url_owners(call.ports, call.world).put(url.id, UrlOwner(key))
    return _shape(call, url, updated=False)


def get(call: Call, given: Input) -> Output:
    return _shape(call, _url(call, _named(call, given, "GetFunctionUrlConfig")))


def update(call: Call, given: Input) -> Output:
    name = _named(call, given, "UpdateFunctionUrlConfig")
    url = _url(call, name)
    _check(given)
    url = replace(url, auth=given.get("AuthType") or url.auth, modified=call.now)
    records.function_urls(call.ports, call.world).put(_key(name), url)
    return _shape(call, url)


def delete(call: Call, given: Input) -> Output:
    name = _named(call, given, "DeleteFunctionUrlConfig")
    _url(call, name)
    records.forget_url(call.ports, call.world, _key(name))
    return {}


def list_configs(call: Call, given: Input) -> Output:
    name = _named(call, given, "ListFunctionUrlConfigs")
    lookup.function(call.ports, name)
    found = ((key, url) for key, url in records.function_urls(call.ports, call.world).items(name.name))
    shown, marker = functions.page(given, (((key,), url) for key, url in found if url.function == name.name))
    return {"FunctionUrlConfigs": [_shape(call, url) for url in shown], "NextMarker": marker}


def _named(call: Call, given: Input, action: str) -> FunctionName:
    name = functions.named(call, given, action)
    if name.qualifier is not None and (name.qualifier == LATEST or name.qualifier.isdigit()):
        raise invalid("A function URL can be added to $LATEST (without a qualifier) or to an alias.")
    return name


def _url(call: Call, name: FunctionName) -> FunctionUrl:
    url = records.function_urls(call.ports, call.world).get(_key(name))
    if url is None:
        raise not_found(_MISSING)
    return url


def _key(name: FunctionName) -> str:
    return name.name if name.qualifier is None else f"{name.name}:{name.qualifier}"


def _check(given: Input) -> None:
    for member, wanted in (("Cors", None), ("InvokeMode", "BUFFERED")):
        if given.get(member) not in (None, wanted):
            raise AwsError(
                "InvalidParameterValueException",
                f"Stategate does not support {member} of function URLs yet.",
                members={"Type": "User"},
            )


def address(ports: Ports, region: str, url_id: str) -> str:
    """On this machine: names under `.localhost` are the machine itself (RFC 6761)."""
    return f"http://{url_id}.lambda-url.{region}.localhost:{getattr(ports.settings, 'port', 4566)}/"


def _shape(call: Call, url: FunctionUrl, *, updated: bool = True) -> dict[str, Any]:
    name = FunctionName(call.world, url.function, url.qualifier)
    shape = {
        "FunctionUrl": address(call.ports, call.world.region, url.id),
        "FunctionArn": name.qualified_arn,
        "AuthType": url.auth,
        "CreationTime": _time(url.created),
        "InvokeMode": "BUFFERED",
    }
    return {**shape, "LastModifiedTime": _time(url.modified)} if updated else shape


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


OPERATIONS: Mapping[str, Any] = {
    "CreateFunctionUrlConfig": create,
    "GetFunctionUrlConfig": get,
    "UpdateFunctionUrlConfig": update,
    "DeleteFunctionUrlConfig": delete,
    "ListFunctionUrlConfigs": list_configs,
}

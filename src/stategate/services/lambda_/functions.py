"""Functions: created, shown, changed, listed, deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from msgspec import structs

from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError, access_denied
from stategate.services.lambda_ import lookup, names, packages, records, settings, shapes, versions
from stategate.services.lambda_.names import FunctionName, conflict, invalid
from stategate.services.lambda_.records import LATEST, Configuration, Function
from stategate.services.pages import InvalidMarker, Place, cut

T = TypeVar("T")

DEFAULT_PAGE = 50
MAX_REQUEST = 70_167_211


def named(call: Call, given: Input, action: str) -> FunctionName:
    """The function that the input names; other accounts' functions may only be invoked."""
    name = names.parse(call.world, given["FunctionName"], given.get("Qualifier"))
    if name.world.account != call.world.account:
        raise access_denied(
            f"User: {call.principal.arn} is not authorized to perform: lambda:{action} on resource: {name.arn}"
            f" because no resource-based policy allows the lambda:{action} action",
            status=403,
        )
    return name


def check_revision(given: Input, revision: str, what: str = "GetFunction/GetAlias") -> None:
    """Raises PreconditionFailedException if the caller saw another revision."""
    if given.get("RevisionId") not in (None, revision):
        raise AwsError(
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId."
            f" Call the {what} API to retrieve the latest RevisionId for your resource.",
            status=412,
            members={"Type": "User"},
        )


@asynccontextmanager
async def put_package(call: Call, package: bytes, operation: str) -> AsyncIterator[dict[str, Any]]:
    """The fields of a `Configuration` that say what the package is; it is there for the block, which puts the record.
    Raises InvalidParameterValueException and RequestEntityTooLargeException."""
    if len(package) * 4 / 3 > MAX_REQUEST:
        raise AwsError(
            "RequestEntityTooLargeException",
            f"Request must be smaller than {MAX_REQUEST} bytes for the {operation} operation",
            status=413,
            members={"Type": "User"},
        )
    with packages.uploading(call.ports):
        try:
            code_sha256, code_size = await call.ports.functions.put_package(package)
        except ValueError as error:
            raise invalid(str(error)) from None
        yield {"code_sha256": code_sha256, "code_size": code_size}


# --- creating and deleting --------------------------------------------------------------------------------------


async def create_function(call: Call, given: Input) -> Output:
    name = named(call, given, "CreateFunction")
    if name.qualifier is not None:
        raise invalid("The function name must not have a qualifier.")
    settings.check(given)
    if not given.get("Runtime") or not given.get("Handler"):
        raise invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
    settings.check_tags(given.get("Tags") or {})
    _check_new(call, name)
    settings.check_role(call, given["Role"])
    async with put_package(call, settings.check_code(given["Code"]), "CreateFunction") as code:
        _check_new(call, name)
        latest = Configuration(
            name=name.name,
            role=given["Role"],
            runtime=given["Runtime"],
            handler=given["Handler"],
            revision=call.ports.entropy.uuid(),
            modified=call.now,
            architectures=given.get("Architectures") or ["x86_64"],
            **code,
        )
        latest = structs.replace(latest, **_changes(given))
        function = Function(latest=latest, tags=dict(given.get("Tags") or {}))
        records.functions(call.ports, call.world).put(name.name, function)
    if given.get("Publish"):
        latest = versions.publish(call, function, None)
    return shapes.created(call.world, latest)


def _check_new(call: Call, name: FunctionName) -> None:
    if records.functions(call.ports, call.world).get(name.name) is not None:
        raise conflict(f"Function already exist: {name.name}")


def delete_function(call: Call, given: Input) -> Output:
    name = named(call, given, "DeleteFunction")
    if name.qualifier == LATEST:
        raise invalid("$LATEST version cannot be deleted without deleting the function.")
    lookup.function(call.ports, FunctionName(name.world, name.name, None))
    if name.qualifier is not None:
        versions.delete_version(call, name)
    else:
        _delete(call, name)
    call.ports.functions.retire(name.arn)
    packages.tidy_soon(call.ports)
    return {"StatusCode": 204}


def _delete(call: Call, name: FunctionName) -> None:
    records.functions(call.ports, call.world).delete(name.name)
    records.policies(call.ports, call.world).delete(name.name)
    # By the URLs, not the aliases: records of before an alias took its URL with it.
    with_url = [key for key, _ in records.function_urls(call.ports, call.world).items(f"{name.name}:")]
    for key in (name.name, *with_url):
        records.forget_url(call.ports, call.world, key)
    for kept in (
        records.versions(call.ports, call.world),
        records.aliases(call.ports, call.world),
        records.policies(call.ports, call.world),
        records.event_invokes(call.ports, call.world),
    ):
        for key, _ in list(kept.items(f"{name.name}:")):
            kept.delete(key)


# --- showing ----------------------------------------------------------------------------------------------------


def get_function(call: Call, given: Input) -> Output:
    """Without the location of the code, which would be a URL of S3."""
    name = named(call, given, "GetFunction")
    function, configuration = lookup.configuration(call.ports, name)
    output: Output = {
        "Configuration": shapes.configuration(call.world, configuration, name.qualifier),
        "Code": {"RepositoryType": "S3"},
    }
    if function.tags:
        output["Tags"] = dict(function.tags)
    if function.concurrency is not None:
        output["Concurrency"] = {"ReservedConcurrentExecutions": function.concurrency}
    return output


def get_function_configuration(call: Call, given: Input) -> Output:
    name = named(call, given, "GetFunctionConfiguration")
    _, configuration = lookup.configuration(call.ports, name)
    return shapes.configuration(call.world, configuration, name.qualifier)


def list_functions(call: Call, given: Input) -> Output:
    if given.get("MasterRegion") not in (None, "ALL", call.world.region):
        return {"Functions": []}
    every = given.get("FunctionVersion") == "ALL"
    shown: list[tuple[Place, tuple[Configuration, str | None]]] = []
    for key, function in records.functions(call.ports, call.world).items():
        shown.append(((key, 0), (function.latest, LATEST if every else None)))
        if every:
            shown += [((key, int(version.version)), (version, None)) for version in published(call, key)]
    chosen, marker = page(given, shown)
    return {"Functions": [_listed(call, *one) for one in chosen], "NextMarker": marker}


def published(call: Call, name: str) -> list[Configuration]:
    """The versions of a function, the oldest first."""
    found = [version for _, version in records.versions(call.ports, call.world).items(f"{name}:")]
    return sorted(found, key=lambda version: int(version.version))


def _listed(call: Call, configuration: Configuration, qualifier: str | None) -> Output:
    shape = shapes.configuration(call.world, configuration, qualifier)
    for member in ("State", "LastUpdateStatus", "RuntimeVersionConfig"):
        del shape[member]
    return shape


def page(given: Input, items: Iterable[tuple[Place, T]]) -> tuple[list[T], str | None]:
    """A page of `items`, which are sorted by their places, and the marker of the next."""
    limit = min(given.get("MaxItems") or DEFAULT_PAGE, DEFAULT_PAGE)
    try:
        return cut(items, limit, given.get("Marker"))
    except InvalidMarker:
        raise invalid("Invalid marker") from None


# --- changing ---------------------------------------------------------------------------------------------------


async def update_function_code(call: Call, given: Input) -> Output:
    name = _unqualified(named(call, given, "UpdateFunctionCode"))
    check_revision(given, lookup.function(call.ports, name).latest.revision)
    if given.get("PublishTo") is not None:
        raise settings.unsupported("PublishTo", given["PublishTo"])
    async with put_package(call, settings.check_code(given), "UpdateFunctionCode") as changes:
        function = lookup.function(call.ports, name)
        check_revision(given, function.latest.revision)
        if given.get("Architectures"):
            changes["architectures"] = list(given["Architectures"])
        if given.get("DryRun"):
            return shapes.configuration(call.world, structs.replace(function.latest, **changes))
        return _updated(call, function, changes, publish=bool(given.get("Publish")))


def update_function_configuration(call: Call, given: Input) -> Output:
    name = _unqualified(named(call, given, "UpdateFunctionConfiguration"))
    function = lookup.function(call.ports, name)
    settings.check(given)
    check_revision(given, function.latest.revision)
    changes = _changes(given)
    if given.get("Role") is not None:
        settings.check_role(call, given["Role"])
        changes["role"] = given["Role"]
    for member, field in (("Runtime", "runtime"), ("Handler", "handler")):
        if given.get(member) is not None:
            changes[field] = given[member]
    return _updated(call, function, changes)


def _unqualified(name: FunctionName) -> FunctionName:
    if name.qualifier not in (None, LATEST):
        raise invalid("This operation is permitted on Lambda functions' $LATEST version only.")
    return FunctionName(name.world, name.name, None)


def _updated(call: Call, function: Function, changes: Mapping[str, Any], *, publish: bool = False) -> Output:
    latest = structs.replace(function.latest, revision=call.ports.entropy.uuid(), modified=call.now, **changes)
    function = structs.replace(function, latest=latest)
    records.functions(call.ports, call.world).put(latest.name, function)
    call.ports.functions.retire(shapes.function_arn(call.world, latest.name))
    if publish:
        return shapes.updated(call.world, versions.publish(call, function, None))
    return shapes.updated(call.world, latest)


def _changes(given: Input) -> dict[str, Any]:
    """The settings that the input gives, by their field."""
    changes: dict[str, Any] = {}
    for member, field in (("Description", "description"), ("Timeout", "timeout"), ("MemorySize", "memory")):
        if given.get(member) is not None:
            changes[field] = given[member]
    if (environment := given.get("Environment")) is not None:
        # An empty set of variables is as none.
        changes["environment"] = dict(environment.get("Variables") or {}) or None
    if (storage := given.get("EphemeralStorage")) is not None:
        changes["ephemeral_storage"] = storage["Size"]
    if (logging := given.get("LoggingConfig")) is not None and logging.get("LogGroup") is not None:
        changes["log_group"] = logging["LogGroup"]
    return changes

"""What of an API has no documentation: the locations of its parts, less those that documentation parts speak of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from stategate.gateway.model import Authorizer, Method, Model, Resource

Location = Mapping[str, str]

_PARAMETERS = {"path": "PATH_PARAMETER", "querystring": "QUERY_PARAMETER", "header": "REQUEST_HEADER"}
_INHERITING = frozenset((*_PARAMETERS.values(), "RESPONSE", "RESPONSE_HEADER", "RESPONSE_BODY"))
_DEFAULTS = {"path": "/", "method": "*", "statusCode": "*"}


def undocumented(locations: Iterable[Location], parts: Iterable[Location]) -> list[Location]:
    """Those of `locations` that none of `parts` covers.

    Parameters and responses inherit what is said of a path above, of any method or of any status code [AWS's service
    model]; everything else is documented in its own place.
    """
    by_type: dict[str, list[Location]] = {}
    for part in parts:
        by_type.setdefault(part["type"], []).append(part)
    return [item for item in locations if not any(_covers(part, item) for part in by_type.get(item["type"], ()))]


def _covers(part: Location, item: Location) -> bool:
    inherits = item["type"] in _INHERITING
    for field, value in item.items():
        given = part.get(field) or _DEFAULTS.get(field)
        above = inherits and (given == "*" or (field == "path" and _is_above(given or "/", value)))
        if given != value and not above:
            return False
    return True


def _is_above(prefix: str, path: str) -> bool:
    return path.startswith(prefix if prefix.endswith("/") else f"{prefix}/")


def locations_of(
    methods: Iterable[tuple[Resource, Iterable[Method]]], models: Iterable[Model], authorizers: Iterable[Authorizer]
) -> Iterator[Location]:
    """Of everything that can be documented. `methods` are those of each resource."""
    yield {"type": "API"}
    for authorizer in authorizers:
        yield {"type": "AUTHORIZER", "name": authorizer.name}
    for model in models:
        yield {"type": "MODEL", "name": model.name}
    for resource, of_resource in methods:
        yield {"type": "RESOURCE", "path": resource.path}
        for method in of_resource:
            yield from _of_method({"path": resource.path, "method": method.http_method}, method)


def _of_method(where: Location, method: Method) -> Iterator[Location]:
    yield {"type": "METHOD", **where}
    for parameter in method.request_parameters or ():
        _, _, place, name = parameter.split(".", 3)
        yield {"type": _PARAMETERS[place], **where, "name": name}
    if method.request_models:
        yield {"type": "REQUEST_BODY", **where}
    for code, response in method.responses.items():
        answered = {**where, "statusCode": code}
        yield {"type": "RESPONSE", **answered}
        for parameter in response.response_parameters or ():
            yield {"type": "RESPONSE_HEADER", **answered, "name": parameter.split(".", 3)[3]}
        if response.response_models:
            yield {"type": "RESPONSE_BODY", **answered}

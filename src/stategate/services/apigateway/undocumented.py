"""What of an API has no documentation: the locations of its parts, less those that documentation parts speak of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from stategate.gateway.model import Authorizer, Method, Model, Resource

Location = Mapping[str, str]
_Place = tuple[str, str, str, str, str]

_PARAMETERS = {"path": "PATH_PARAMETER", "querystring": "QUERY_PARAMETER", "header": "REQUEST_HEADER"}
_INHERITING = frozenset((*_PARAMETERS.values(), "RESPONSE", "RESPONSE_HEADER", "RESPONSE_BODY"))


def undocumented(locations: Iterable[Location], parts: Iterable[Location]) -> list[Location]:
    """Those of `locations` that none of `parts` covers.

    Parameters and responses inherit what is said of a path above, of any method or of any status code [AWS's service
    model]; everything else is documented in its own place.
    """
    documented = {_place(part) for part in parts}
    return [item for item in locations if documented.isdisjoint(_covering(_place(item)))]


def _place(location: Location) -> _Place:
    """Type, path, method, status code and name. A request has one body, whatever its part is called."""
    kind = location["type"]
    name = "" if kind == "REQUEST_BODY" else location.get("name", "")
    path, method, code = (location.get(field) for field in ("path", "method", "statusCode"))
    return kind, path or "/", method or "*", code or "*", name


def _covering(place: _Place) -> Iterable[_Place]:
    kind, path, method, code, name = place
    if kind not in _INHERITING:
        return (place,)
    above = ("/", *(path[:at] for at in range(1, len(path)) if path[at] == "/"), path)
    return product((kind,), above, (method, "*"), (code, "*"), (name,))


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

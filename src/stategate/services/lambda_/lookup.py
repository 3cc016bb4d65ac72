"""From a function's name to the version that it means."""

from __future__ import annotations

from collections.abc import Callable

from stategate.services.lambda_ import records
from stategate.services.lambda_.names import FunctionName, function_not_found
from stategate.services.lambda_.records import LATEST, Alias, Configuration, Function
from stategate.services.ports import Ports


def function(ports: Ports, name: FunctionName) -> Function:
    """Raises ResourceNotFoundException, showing the name as it was qualified."""
    found = records.functions(ports, name.world).get(name.name)
    if found is None:
        raise function_not_found(name.qualified_arn)
    return found


def alias(ports: Ports, name: FunctionName) -> Alias | None:
    """The alias that the name's qualifier is, if it is one."""
    return records.aliases(ports, name.world).get(f"{name.name}:{name.qualifier}") if name.qualifier else None


def configuration(
    ports: Ports, name: FunctionName, draw: Callable[[], float] = lambda: 1.0
) -> tuple[Function, Configuration]:
    """`draw` is uniform in [0, 1) and chooses among an alias's weighted versions; the default takes the main one.
    Raises ResourceNotFoundException."""
    found = function(ports, name)
    if name.qualifier is None or name.qualifier == LATEST:
        return found, found.latest
    number = name.qualifier
    if (named := alias(ports, name)) is not None:
        number = _weighted(named, draw)
        if number == LATEST:
            return found, found.latest
    version = records.versions(ports, name.world).get(f"{name.name}:{number}")
    if version is None:
        raise function_not_found(name.qualified_arn)
    return found, version


def _weighted(named: Alias, draw: Callable[[], float]) -> str:
    if named.weights:
        at = draw()
        for version, weight in named.weights.items():
            if at < weight:
                return version
            at -= weight
    return named.version

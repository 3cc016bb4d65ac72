"""Custom domain names at run time: from a host and a path to the API, its stage and the path below it."""

from __future__ import annotations

from dataclasses import dataclass

from stategate.services.apigateway import records_data
from stategate.services.ports import Ports, World

NONE = "(none)"


@dataclass(frozen=True, slots=True)
class Mapped:
    """`api_id` None: the domain name has no mapping for this path. `base` is what `$context.path` begins with,
    `matched` the mapping's base path. `edge`: the domain name is an edge-optimised one."""

    api_id: str | None
    stage: str | None
    path: str
    base: str
    edge: bool
    matched: str = NONE


def mapped(ports: Ports, host: str | None, path: str) -> Mapped | None:
    """None if the host is no custom domain name. The longest base path wins; `(none)` takes the rest."""
    name = (host or "").lower().partition(":")[0]
    if not name:
        return None
    for world in ports.store.worlds("apigateway.domainname"):
        domain = records_data.domain_names(ports, world).get(name)
        if domain is not None:
            return _mapped(ports, world, name, path, domain.endpoint_type == "EDGE")
    return None


def _mapped(ports: Ports, world: World, name: str, path: str, edge: bool) -> Mapped:
    segments = path.strip("/").split("/") if path.strip("/") else []
    table = records_data.base_path_mappings(ports, world)
    for count in range(len(segments), -1, -1):
        mapping = table.get(f"{name}/{'/'.join(segments[:count]) or NONE}")
        if mapping is None:
            continue
        base = "".join(f"/{segment}" for segment in segments[:count])
        matched = base[1:] or NONE
        rest = path.lstrip("/")[len(base) - 1 :] if base else "/" + path.lstrip("/")
        stage = mapping.stage
        if not stage or stage == NONE:
            # The mapping leaves the stage to the path.
            stage, _, tail = rest.lstrip("/").partition("/")
            rest = "/" + tail
            base += f"/{stage}"
        return Mapped(mapping.api_id, stage or None, rest or "/", base, edge, matched)
    return Mapped(None, None, path, "", edge)

"""What a document defines: the parts of a REST API, before they have ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from stategate.gateway.model import Authorizer, GatewayResponse, Method, Model, RequestValidator


@dataclass(frozen=True, slots=True)
class Problem:
    """`what` is what could not be done, as AWS says it; `why` the reason."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


@dataclass(frozen=True, slots=True)
class DefinedMethod:
    """`method.authorizer_id` and `method.request_validator_id` hold names. `cache_namespace` "" is the resource's."""

    path: str
    method: Method


@dataclass(frozen=True, slots=True)
class DefinedPart:
    """A documentation part: its location by AWS's member names, its properties as JSON text."""

    location: dict[str, str]
    properties: str


@dataclass(slots=True)
class Definition:
    """None where the document says nothing."""

    name: str | None = None
    description: str | None = None
    version: str | None = None
    api_key_source: str | None = None
    binary_media_types: tuple[str, ...] | None = None
    minimum_compression_size: int | None = None
    policy: str | None = None
    disable_execute_api_endpoint: bool | None = None
    vpc_endpoint_ids: tuple[str, ...] | None = None
    endpoint_type: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    authorizers: dict[str, Authorizer] = field(default_factory=dict)
    validators: dict[str, RequestValidator] = field(default_factory=dict)
    gateway_responses: dict[str, GatewayResponse] = field(default_factory=dict)
    parts: list[DefinedPart] = field(default_factory=list)
    documentation_version: str | None = None
    paths: list[str] = field(default_factory=list)
    methods: list[DefinedMethod] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def refuser(self, what: str) -> Callable[[str], None]:
        """Records why something could not be done."""
        return lambda why: self.errors.append(Problem(what, why))

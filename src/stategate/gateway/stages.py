"""What a request is at each stage of the pipeline: one frozen type per stage.

    Received -> Routed -> Authorized -> IntegrationRequest -> IntegrationResult -> Reply

A stage is a function from one to the next; it fails by raising `GatewayFailure`, which becomes a gateway response at
one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stategate.gateway.model import Method, Resource
from stategate.gateway.trace import Trace

Pairs = tuple[tuple[str, str], ...]
InvocationType = Literal["RequestResponse", "Event", "DryRun"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a request meets: the API and the stage that it was sent to. One per compiled stage, not per request.
    `canary`: whether this is the canary's side; None where the stage has no canary."""

    account_id: str
    region: str
    api_id: str
    stage: str
    deployment_id: str
    variables: Mapping[str, str]
    binary_media_types: tuple[str, ...] = ()
    canary: bool | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came, without the headers that never pass (`headers.incoming`), with those that the gateway's
    front adds (`headers.arrived`, `edge.forwarded`). `path` is raw, below the stage, and starts with `/`;
    `full_path` is `$context.path`. Query parameters are decoded. `time` is epoch milliseconds."""

    around: Surroundings
    method: str
    path: str
    full_path: str
    query: Pairs
    headers: Pairs
    body: bytes
    source_ip: str
    domain_name: str
    protocol: str
    request_id: str
    extended_request_id: str
    trace_id: str
    time: int
    trace: Trace | None = None
    test: bool = False
    custom_domain: bool = False

    def header(self, name: str) -> str | None:
        """The last value of the header, whatever its case."""
        name, size = name.lower(), len(name)
        found = None
        for key, value in self.headers:
            if len(key) == size and key.lower() == name:
                found = value
        return found


@dataclass(frozen=True, slots=True)
class Routed:
    """`path_parameters` raw; `context` is `$context`, shared by all templates of this request, which may set overrides
    in it. `hurried`: others wait meanwhile, and a stage that would take long fails with `TakesLong`."""

    received: Received
    resource: Resource
    method: Method
    path_parameters: Mapping[str, str]
    context: dict[str, Any]
    hurried: bool = False


@dataclass(frozen=True, slots=True)
class Authorized:
    """The caller may call. `claims` is what an authorizer returned, as a proxy event shows it. `caller` is the identity
    that signed the request (AWS_IAM), for integrations that are called with the caller's own credentials."""

    routed: Routed
    claims: Mapping[str, Any] = field(default_factory=dict)
    caller: object = None


@dataclass(frozen=True, slots=True)
class MockRequest:
    """`body` is the rendered template, which names the status code."""

    body: str


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """A call of an AWS service's API: `service` as in the URI (`states`), `path` with its leading slash."""

    service: str
    region: str
    method: str
    path: str
    query: Pairs
    headers: Pairs
    body: bytes
    credentials: str | None
    timeout: float


@dataclass(frozen=True, slots=True)
class FunctionRequest:
    """An invocation of a Lambda function."""

    function: str
    region: str
    payload: bytes
    credentials: str | None
    timeout: float
    invocation_type: InvocationType = "RequestResponse"


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request to an HTTP endpoint. `proxy`: the endpoint's answer is the client's. `verify`: certificates are."""

    method: str
    url: str
    headers: Pairs
    body: bytes
    timeout: float
    proxy: bool
    verify: bool = True


IntegrationRequest = MockRequest | ServiceRequest | FunctionRequest | HttpCall


@dataclass(frozen=True, slots=True)
class IntegrationResult:
    """What the integration answered. `selector` is what selection patterns are matched with: the status code, or for a
    Lambda function its `errorMessage` ("" if it succeeded)."""

    status: int
    headers: Pairs
    body: bytes
    selector: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the client gets."""

    status: int
    headers: Pairs
    body: bytes

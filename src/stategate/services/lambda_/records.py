"""What is kept of functions: records of the kinds `lambda.*`.

`lambda.function` by name, `lambda.version` and `lambda.alias` by `<name>:<qualifier>`, `lambda.policy` by `<name>` or
`<name>:<qualifier>`, `lambda.functionurl` by `<name>` or `<name>:<alias>`, `lambda.urlowner` by the URL's id,
`lambda.eventinvoke` by `<name>:<qualifier>` too, `lambda.event` by time and request id.
"""

from __future__ import annotations

from msgspec import Struct, field

from stategate.services.ports import FunctionCode, Ports, Records, World

LATEST = "$LATEST"


class Configuration(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version of a function: `$LATEST`, which changes, or a published one, which does not. `modified` is epoch
    seconds, `timeout` seconds, `memory` and `ephemeral_storage` MB."""

    name: str
    version: str = LATEST
    role: str
    runtime: str
    handler: str
    code_sha256: str
    code_size: int
    revision: str
    modified: float
    description: str = ""
    timeout: int = 3
    memory: int = 128
    environment: dict[str, str] | None = None
    ephemeral_storage: int = 512
    architectures: list[str] = field(default_factory=lambda: ["x86_64"])
    tracing: str = "PassThrough"
    log_format: str = "Text"
    log_group: str = ""


class Function(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`next_version` is the number that the next published version gets; numbers are never used twice."""

    latest: Configuration
    tags: dict[str, str] = field(default_factory=dict)
    next_version: int = 1
    concurrency: int | None = None


class Alias(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`weights`: the share of invocations, in [0, 1], that goes to another version."""

    function: str
    name: str
    version: str
    revision: str
    description: str = ""
    weights: dict[str, float] = field(default_factory=dict)


class Policy(Struct, frozen=True, kw_only=True):
    """The resource policy of a function, a version or an alias; `statements` are JSON texts in order, by their Sid."""

    statements: dict[str, str]
    revision: str


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An asynchronous invocation that was acknowledged. `attempts` have been made; the next is due at `due`."""

    function: str
    qualifier: str | None = None
    invoked_arn: str
    request_id: str
    payload: bytes
    accepted: float
    due: float
    attempts: int = 0
    throttled: int = 0
    client_context: str | None = None
    trace_id: str | None = None


class EventInvoke(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How asynchronous invocations of a function, version or alias are delivered. `max_age` in seconds; None: Lambda's
    own. Destinations are ARNs of functions."""

    modified: float
    retries: int | None = None
    max_age: int | None = None
    on_success: str | None = None
    on_failure: str | None = None


class FunctionUrl(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`auth`: NONE or AWS_IAM. Times in epoch seconds."""

    id: str
    function: str
    qualifier: str | None = None
    auth: str
    created: float
    modified: float


class UrlOwner(Struct, frozen=True):
    """`key` is that of the `FunctionUrl`."""

    key: str


def functions(ports: Ports, world: World) -> Records[Function]:
    return ports.store.records(world, "lambda.function", Function)


def versions(ports: Ports, world: World) -> Records[Configuration]:
    return ports.store.records(world, "lambda.version", Configuration)


def aliases(ports: Ports, world: World) -> Records[Alias]:
    return ports.store.records(world, "lambda.alias", Alias)


def policies(ports: Ports, world: World) -> Records[Policy]:
    return ports.store.records(world, "lambda.policy", Policy)


def events(ports: Ports, world: World) -> Records[Event]:
    return ports.store.records(world, "lambda.event", Event)


def event_invokes(ports: Ports, world: World) -> Records[EventInvoke]:
    return ports.store.records(world, "lambda.eventinvoke", EventInvoke)


def function_urls(ports: Ports, world: World) -> Records[FunctionUrl]:
    return ports.store.records(world, "lambda.functionurl", FunctionUrl)


def url_owners(ports: Ports, world: World) -> Records[UrlOwner]:
    return ports.store.records(world, "lambda.urlowner", UrlOwner)


def forget_url(ports: Ports, world: World, key: str) -> None:
    """If there is one."""
    url = function_urls(ports, world).get(key)
    if url is not None:
        function_urls(ports, world).delete(key)
        url_owners(ports, world).delete(url.id)


def event_invoke_key(function: str, qualifier: str | None) -> str:
    return f"{function}:{qualifier or LATEST}"


def function_code(world: World, function: Function, configuration: Configuration) -> FunctionCode:
    """What a worker needs to run this version."""
    return FunctionCode(
        world=world,
        name=configuration.name,
        version=configuration.version,
        arn=f"arn:aws:lambda:{world.region}:{world.account}:function:{configuration.name}",
        role_arn=configuration.role,
        runtime=configuration.runtime,
        handler=configuration.handler,
        code_sha256=configuration.code_sha256,
        revision=configuration.revision,
        timeout=configuration.timeout,
        memory=configuration.memory,
        environment=configuration.environment or {},
        log_group=configuration.log_group or f"/aws/lambda/{configuration.name}",
        concurrency=function.concurrency,
    )

"""A service, compiled from its model: finds operations, reads and checks requests, writes answers and errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import Any

from stategate.wire import jsonbody, query, rest
from stategate.wire.http import Headers, HttpRequest, HttpResponse, parse_query
from stategate.wire.jsonbody import Readers, Writers
from stategate.wire.model import OperationModel, ServiceModel, Shape, load_model
from stategate.wire.problems import WireError, serialization, unknown_operation
from stategate.wire.query import QueryReaders, XmlWriters
from stategate.wire.routes import Labels, Routes
from stategate.wire.styles import KEEP_NULLS, STYLES
from stategate.wire.validation import Style, Validators

Read = Callable[[HttpRequest, Labels], dict[str, Any]]
Write = Callable[[dict[str, Any], str], HttpResponse]


class Operation:
    """One operation. `read` and `write` speak the service's protocol; values are by the model's member names."""

    def __init__(self, service: Service, model: OperationModel) -> None:
        self.service = service
        self.model = model
        self.name = model.name

    @cached_property
    def read(self) -> Read:
        """`read(request, labels) -> input`, unchecked. Raises `WireError` for what is not of the model's form."""
        return self.service.compile_reader(self.model)

    @cached_property
    def check(self) -> Callable[[Mapping[str, Any]], None]:
        """`check(input)` raises `WireError` if a constraint of the model is broken."""
        return self.service.validators.of_operation(self.name, self.model.input)

    @cached_property
    def write(self) -> Write:
        """`write(output, request_id) -> HttpResponse`. Members that are None are left out; a member that the model
        does not have is a `TypeError`."""
        return self.service.compile_writer(self.model)

    @cached_property
    def write_json(self) -> Write:
        """As `write`, for a caller whose Accept is JSON: what services of the query protocol answer then."""
        return self.service.compile_json_writer(self.model)

    def answer(self, request: HttpRequest, output: dict[str, Any], request_id: str) -> HttpResponse:
        """The answer to `request`, in the form that it asks for."""
        return (self.write_json if self.service.in_json(request) else self.write)(output, request_id)

    @property
    def streams(self) -> bool:
        """Whether the answer is an event stream, which Stategate does not write."""
        return any(member.shape.event_stream for member in self.model.output.members.values())


class Service:
    """`name` is boto3's name of the service, `protocol` json, rest-json or query."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self.name = model.name
        self.protocol = model.protocol
        self.validators = Validators(STYLES.get(model.name, Style()))
        self.operations = {name: Operation(self, operation) for name, operation in model.operations.items()}
        self._readers = Readers(KEEP_NULLS.get(model.name, frozenset()))
        self._writers = Writers()
        self._query_readers = QueryReaders()
        self._xml_writers = XmlWriters()
        self._content_type = f"application/x-amz-json-{model.json_version}"

    @cached_property
    def _routes(self) -> Routes[Operation]:
        routes: Routes[Operation] = Routes()
        for operation in self.operations.values():
            routes.add(operation.model.method, operation.model.uri, operation)
        return routes

    def operation(self, request: HttpRequest) -> tuple[Operation, Labels]:
        """The operation that the request names, with the labels of its path. Raises `WireError` if there is none."""
        other = request.header("smithy-protocol")
        if other is not None:
            text = f"Stategate does not support the protocol {other} with {self.name} yet; use {self.protocol}."
            raise WireError("NotImplementedException", text, 501)
        match self.protocol:
            case "json":
                return self._by_target(request), {}
            case "query":
                return self._by_action(request), {}
            case _:
                found = self._routes.find(request)
                if found is None:
                    raise unknown_operation("Unable to determine service/operation name to be authorized")
                return found

    def _by_target(self, request: HttpRequest) -> Operation:
        prefix, _, name = (request.header("x-amz-target") or "").partition(".")
        operation = self.operations.get(name) if prefix == self.model.target_prefix else None
        if operation is None:
            raise unknown_operation()
        return operation

    def _by_action(self, request: HttpRequest) -> Operation:
        name = version = None
        for key, value in form(request):
            if key == "Action":
                name = value
            elif key == "Version":
                version = value
        if name is None:
            raise WireError("MissingAction", "Missing Action")
        operation = self.operations.get(name)
        if operation is None or (version is not None and version != self.model.api_version):
            shown = version or self.model.api_version
            raise WireError("InvalidAction", f"Could not find operation {name} for version {shown}")
        return operation

    def compile_reader(self, model: OperationModel) -> Read:
        match self.protocol:
            case "json":
                read_body = self._readers.of(model.input)

                def read_json(request: HttpRequest, labels: Labels) -> dict[str, Any]:
                    value = jsonbody.loads(request.body)
                    if value is None:
                        raise serialization("Expected structure or null")
                    return read_body(value)  # type: ignore[no-any-return]

                return read_json
            case "query":
                read_tree = self._query_readers.of(model.input)

                def read_form(request: HttpRequest, labels: Labels) -> dict[str, Any]:
                    return read_tree(query.tree(form(request)))  # type: ignore[no-any-return]

                return read_form
            case _:
                return rest.compile_reader(model, self._readers)

    def compile_writer(self, model: OperationModel) -> Write:
        match self.protocol:
            case "json":
                return self._json_writer(model)
            case "query":
                write_xml, namespace = self._xml_writers.of(model.output), self.model.xml_namespace

                def write_query(output: dict[str, Any], request_id: str) -> HttpResponse:
                    body = query.write_result(model, namespace, write_xml, output, request_id)
                    return HttpResponse(200, _headers(request_id, "text/xml"), body)

                return write_query
            case _:
                write_rest = rest.compile_writer(model, self._writers)

                def write(output: dict[str, Any], request_id: str) -> HttpResponse:
                    return write_rest(output, [("x-amzn-RequestId", request_id)])

                return write

    def in_json(self, request: HttpRequest) -> bool:
        """Whether a query service answers this request with JSON in the place of XML."""
        return self.protocol == "query" and (request.header("accept") or "").partition(";")[0] == "application/json"

    def compile_json_writer(self, model: OperationModel) -> Write:
        write_value = self._writers.of(model.output)

        def write(output: dict[str, Any], request_id: str) -> HttpResponse:
            answer: dict[str, Any] = {"ResponseMetadata": {"RequestId": request_id}}
            if model.result_wrapper is not None:
                answer = {model.result_wrapper: write_value(output) if write_value else output, **answer}
            body = jsonbody.dumps({f"{model.name}Response": answer})
            return HttpResponse(200, _headers(request_id, "application/json"), body)

        return write

    def _json_writer(self, model: OperationModel) -> Write:
        write_value, content_type = self._writers.of(model.output), self._content_type
        # A logs operation without an output answers with an empty body, as AWS does.
        has_output = bool(model.output.members) or model.output.name != "Unit"
        assert write_value is not None

        def write(output: dict[str, Any], request_id: str) -> HttpResponse:
            value = write_value(output)
            body = jsonbody.dumps(value) if has_output else b""
            return HttpResponse(200, _headers(request_id, content_type), body)

        return write

    def write_error(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        members: Mapping[str, Any] | None = None,
        sender: bool = True,
        request_id: str = "",
        request: HttpRequest | None = None,
    ) -> HttpResponse:
        """The protocol's error shape. A status of 400 gives way to the one that the model has for this error. `request`
        is the one that is answered, where it may ask for a form."""
        shape = self.model.errors.get(code)
        if status == 400 and shape is not None and shape.error_status is not None:
            status = shape.error_status
        if request is not None and self.in_json(request):
            error = {"Code": code, "Message": message, "Type": "Sender" if sender else "Receiver"}
            body = jsonbody.dumps({"Error": error, "RequestId": request_id})
            return HttpResponse(status, _headers(request_id, "application/json"), body)
        if self.protocol == "query":
            body = query.write_error(self.model.xml_namespace, code, message, sender, request_id)
            return HttpResponse(status, _headers(request_id, "text/xml"), body)
        fields = self._error_fields(shape, code, message, dict(members or {}), sender)
        if self.protocol == "json":
            name = code if shape is not None or code not in _CORAL else f"com.amazon.coral.service#{code}"
            headers = _headers(request_id, self._content_type)
            return HttpResponse(status, headers, jsonbody.dumps({"__type": name, **fields}))
        headers = [*_headers(request_id, "application/json"), ("x-amzn-ErrorType", code)]
        return HttpResponse(status, headers, jsonbody.dumps(fields))

    def _error_fields(
        self, shape: Shape | None, code: str, message: str, members: dict[str, Any], sender: bool
    ) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        key = "Message" if code in _CAPITAL else "message"
        if shape is not None:
            key = next((name for name in shape.members if name.lower() == "message"), key)
            if "Type" in shape.members and "Type" not in members:
                fields["Type"] = "User" if sender else "Service"
            elif "Type" in members:
                fields["Type"] = members.pop("Type")
            write = self._writers.of(shape)
            assert write is not None
            members = write({name: value for name, value in members.items() if name in shape.members})
        return {**fields, key: message, **members} if message or shape is not None else {**fields, **members}


_CORAL = frozenset(
    {
        "AccessDeniedException",
        "InternalFailure",
        "SerializationException",
        "UnknownOperationException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "IncompleteSignatureException",
        "ExpiredTokenException",
    }
)
"""Errors of the front door that all JSON services share; their `__type` is qualified."""

_CAPITAL = frozenset({"AccessDeniedException", "SerializationException"})


def form(request: HttpRequest) -> list[tuple[str, str]]:
    """The parameters of a query-protocol request: query string and form body."""
    if not request.body:
        return request.parameters
    return [*request.parameters, *parse_query(request.body.decode("utf-8", "replace"))]


def _headers(request_id: str, content_type: str) -> Headers:
    return [("x-amzn-RequestId", request_id), ("Content-Type", content_type)]


@lru_cache(maxsize=32)
def load(name: str) -> Service:
    """The service that boto3 calls `name`. Raises `UnknownService`."""
    return Service(load_model(name))

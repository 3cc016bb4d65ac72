"""The official service models as values, read from botocore's data files (its code is not used)."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

import orjson


class UnknownService(LookupError):
    """There is no model of that name."""


@dataclass(slots=True, eq=False)
class Member:
    """A member of a structure, a list's element, or a map's key or value. `wire` is its name in the body, header or
    query string; `location` one of None (body), uri, querystring, header, headers, statusCode."""

    name: str
    wire: str
    shape: Shape
    location: str | None = None
    named: bool = False
    required: bool = False


@dataclass(slots=True, eq=False)
class Shape:
    """`type` is the model's: structure, list, map, string, integer, long, float, double, boolean, timestamp, blob."""

    name: str
    type: str
    members: dict[str, Member] = field(default_factory=dict)
    member: Member | None = None
    key: Member | None = None
    value: Member | None = None
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    sensitive: bool = False
    flattened: bool = False
    streaming: bool = False
    event_stream: bool = False
    payload: str | None = None
    timestamp_format: str | None = None
    error_code: str | None = None
    error_status: int | None = None


@dataclass(slots=True, eq=False)
class OperationModel:
    """`uri` is the template with its query literals, as `/restapis?mode=import`; `status` that of a success."""

    name: str
    method: str
    uri: str
    status: int
    input: Shape
    output: Shape
    result_wrapper: str | None


class ServiceModel:
    """One service: `operations` and `errors` (exception shapes by the code that clients see)."""

    def __init__(self, name: str, data: Mapping[str, Any]) -> None:
        metadata = data["metadata"]
        self.name = name
        self.protocol: str = metadata["protocol"]
        self.json_version: str = metadata.get("jsonVersion", "1.1")
        self.target_prefix: str = metadata.get("targetPrefix", "")
        self.api_version: str = metadata["apiVersion"]
        self.xml_namespace: str = metadata.get("xmlNamespace", "")
        self._definitions: Mapping[str, Any] = data["shapes"]
        self._shapes: dict[str, Shape] = {}
        self._empty = Shape("Unit", "structure")
        self.operations = {key: self._operation(key, value) for key, value in data["operations"].items()}
        self.errors = self._errors()

    def shape(self, name: str) -> Shape:
        known = self._shapes.get(name)
        if known is None:
            known = self._shapes[name] = self._scalar(name, self._definitions[name])
            self._fill(known, self._definitions[name])
        return known

    def _scalar(self, name: str, data: Mapping[str, Any]) -> Shape:
        error = data.get("error", {})
        return Shape(
            name,
            "string" if data["type"] == "character" else data["type"],
            enum=tuple(data.get("enum", ())),
            minimum=data.get("min"),
            maximum=data.get("max"),
            pattern=data.get("pattern"),
            sensitive=data.get("sensitive", False),
            flattened=data.get("flattened", False),
            streaming=data.get("streaming", False),
            event_stream=data.get("eventstream", False),
            payload=data.get("payload"),
            timestamp_format=data.get("timestampFormat"),
            error_code=(error.get("code") or name) if data.get("exception") else None,
            error_status=error.get("httpStatusCode"),
        )

    def _fill(self, shape: Shape, data: Mapping[str, Any]) -> None:
        required = frozenset(data.get("required", ()))
        for name, reference in data.get("members", {}).items():
            shape.members[name] = self._member(name, reference, name in required)
        if shape.type == "list":
            shape.member = self._member("member", data["member"])
        elif shape.type == "map":
            shape.key = self._member("key", data["key"])
            shape.value = self._member("value", data["value"])

    def _member(self, name: str, reference: Mapping[str, Any], required: bool = False) -> Member:
        return Member(
            name,
            reference.get("locationName", name),
            self.shape(reference["shape"]),
            reference.get("location"),
            "locationName" in reference,
            required,
        )

    def _operation(self, name: str, data: Mapping[str, Any]) -> OperationModel:
        http = data["http"]
        return OperationModel(
            name,
            http["method"],
            http["requestUri"],
            http.get("responseCode", 200),
            self.shape(data["input"]["shape"]) if "input" in data else self._empty,
            self.shape(data["output"]["shape"]) if "output" in data else self._empty,
            data.get("output", {}).get("resultWrapper"),
        )

    def _errors(self) -> dict[str, Shape]:
        errors = {}
        for name, data in self._definitions.items():
            if data.get("exception"):
                shape = self.shape(name)
                errors[shape.error_code or name] = shape
        return errors


@lru_cache(maxsize=32)
def load_model(name: str) -> ServiceModel:
    """The newest model of the service that boto3 calls `name`. Raises `UnknownService`."""
    folder = files("botocore").joinpath("data", name)
    if not name.replace("-", "").isalnum() or not folder.is_dir():
        raise UnknownService(name)
    version = max(entry.name for entry in folder.iterdir() if entry.is_dir())
    packed = folder.joinpath(version, "service-2.json.gz").read_bytes()
    return ServiceModel(name, orjson.loads(gzip.decompress(packed)))


_SDK_NAMES = {
    "applicationdiscoveryservice": "discovery",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "configservice": "config",
    "costandusagereportservice": "cur",
    "costexplorer": "ce",
    "databasemigrationservice": "dms",
    "directoryservice": "ds",
    "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticsearchservice": "es",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "lexmodelbuildingservice": "lex-models",
    "lexmodelsv2": "lexv2-models",
    "lexruntimeservice": "lex-runtime",
    "lexruntimev2": "lexv2-runtime",
    "marketplaceentitlementservice": "marketplace-entitlement",
    "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh",
    "pinpointsmsvoice": "sms-voice",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
    "simpledb": "sdb",
}
"""Where boto3's name is not the service id in lower case without its punctuation."""


@lru_cache(maxsize=1)
def _plain_names() -> Mapping[str, str]:
    folders = files("botocore").joinpath("data").iterdir()
    return {folder.name.replace("-", ""): folder.name for folder in folders if folder.is_dir()}


def sdk_service(name: str) -> str | None:
    """boto3's name of the service that `aws-sdk:NAME:...` means in a state machine; None for none that is known."""
    return _SDK_NAMES.get(name) or _plain_names().get(name.replace("-", ""))

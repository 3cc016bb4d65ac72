"""AWS's protocols, driven by the official service models: HTTP in, values out, and back. Pure."""

from stategate.wire.arn import Arn, InvalidArn
from stategate.wire.http import HttpRequest, HttpResponse
from stategate.wire.identify import identify
from stategate.wire.model import UnknownService
from stategate.wire.problems import WireError
from stategate.wire.service import Operation, Service, load

__all__ = [
    "Arn",
    "HttpRequest",
    "HttpResponse",
    "InvalidArn",
    "Operation",
    "Service",
    "UnknownService",
    "WireError",
    "identify",
    "load",
]

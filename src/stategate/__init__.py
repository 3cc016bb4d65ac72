"""Stategate: API Gateway REST APIs, Step Functions state machines and Lambda functions on your own machines."""

from importlib.metadata import version

__version__ = version("stategate")

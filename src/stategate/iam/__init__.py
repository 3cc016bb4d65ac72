"""Policies and decisions, with their reasons. Pure."""

from stategate.iam.principal import Principal

__all__ = ["Principal"]

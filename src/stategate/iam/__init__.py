"""Policies and decisions, with their reasons. Pure."""

from stategate.iam.decision import By, Decision, Subject, Target, context_of, evaluate, says, says_to_anybody
from stategate.iam.managed import AwsManagedPolicy, aws_managed_policies
from stategate.iam.matching import Context, ContextValue
from stategate.iam.policy import Kind, MalformedPolicy, Policy, parse_policy
from stategate.iam.principal import Principal

__all__ = [
    "AwsManagedPolicy",
    "By",
    "Context",
    "ContextValue",
    "Decision",
    "Kind",
    "MalformedPolicy",
    "Policy",
    "Principal",
    "Subject",
    "Target",
    "aws_managed_policies",
    "context_of",
    "evaluate",
    "parse_policy",
    "says",
    "says_to_anybody",
]

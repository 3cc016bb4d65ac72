"""Which field stands where. The tables of the States Language in both modes; what is in no column is refused."""

from collections.abc import Mapping

STATE_TYPES = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")
"""In the order in which AWS names them."""

ByLanguage = Mapping[str, frozenset[str]]
"""Query language -> the fields that are there in it."""

ONLY_IN = "Field is only supported when 'QueryLanguage' is '{}'"
"""AWS's words about a field of the other query language."""

_ALL = ("Type", "Comment", "QueryLanguage")
_PATHS = ("InputPath", "OutputPath")
_ON = ("Next", "End")
_WORK = ("Parameters", "ResultPath", "ResultSelector", "Retry", "Catch", "Assign")

STATE_FIELDS: Mapping[str, frozenset[str]] = {
    "Task": frozenset((*_ALL, *_PATHS, *_ON, *_WORK, "Resource", "Credentials", "TimeoutSeconds", "TimeoutSecondsPath",
                       "HeartbeatSeconds", "HeartbeatSecondsPath")),
    "Wait": frozenset((*_ALL, *_PATHS, *_ON, "Assign", "Seconds", "SecondsPath", "Timestamp", "TimestampPath")),
    "Pass": frozenset((*_ALL, *_PATHS, *_ON, "Assign", "Parameters", "Result", "ResultPath")),
    "Succeed": frozenset((*_ALL, *_PATHS)),
    "Fail": frozenset((*_ALL, "Error", "ErrorPath", "Cause", "CausePath")),
    "Choice": frozenset((*_ALL, *_PATHS, "Assign", "Choices", "Default")),
    "Parallel": frozenset((*_ALL, *_PATHS, *_ON, *_WORK, "Branches")),
    "Map": frozenset((*_ALL, *_PATHS, *_ON, *_WORK, "ItemsPath", "ItemSelector", "ItemProcessor", "Iterator",
                      "MaxConcurrency", "MaxConcurrencyPath", "ItemReader", "ItemBatcher", "ResultWriter", "Label",
                      "ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage",
                      "ToleratedFailurePercentagePath")),
}  # fmt: skip

_MADE = ("Output", "Assign")
_JSONATA_WORK = (*_MADE, "Retry", "Catch")

JSONATA_STATE_FIELDS: Mapping[str, frozenset[str]] = {
    "Task": frozenset((*_ALL, *_ON, *_JSONATA_WORK, "Arguments", "Resource", "Credentials", "TimeoutSeconds",
                       "HeartbeatSeconds")),
    "Wait": frozenset((*_ALL, *_ON, *_MADE, "Seconds", "Timestamp")),
    "Pass": frozenset((*_ALL, *_ON, *_MADE)),
    "Succeed": frozenset((*_ALL, "Output")),
    "Fail": frozenset((*_ALL, "Error", "Cause")),
    "Choice": frozenset((*_ALL, *_MADE, "Choices", "Default")),
    "Parallel": frozenset((*_ALL, *_ON, *_JSONATA_WORK, "Arguments", "Branches")),
    "Map": frozenset((*_ALL, *_ON, *_JSONATA_WORK, "Items", "ItemSelector", "ItemProcessor", "MaxConcurrency",
                      "ToleratedFailureCount", "ToleratedFailurePercentage", "ItemReader", "ItemBatcher",
                      "ResultWriter", "Label")),
}  # fmt: skip


def state_fields(kind: str) -> ByLanguage:
    """Those of a state of this type."""
    return {"JSONPath": STATE_FIELDS[kind], "JSONata": JSONATA_STATE_FIELDS[kind]}


CATCHER_FIELDS: ByLanguage = {
    "JSONPath": frozenset(("ErrorEquals", "Next", "ResultPath", "Assign", "Comment")),
    "JSONata": frozenset(("ErrorEquals", "Next", "Output", "Assign", "Comment")),
}
CREDENTIALS_FIELDS: ByLanguage = {"JSONPath": frozenset(("RoleArn", "RoleArn.$")), "JSONata": frozenset(("RoleArn",))}

DEFINITION_FIELDS = frozenset(("StartAt", "States", "Comment", "QueryLanguage", "TimeoutSeconds", "Version"))
BRANCH_FIELDS = frozenset(("StartAt", "States", "Comment"))
PROCESSOR_FIELDS = frozenset((*BRANCH_FIELDS, "ProcessorConfig"))
RETRIER_FIELDS = frozenset(
    ("ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment")
)

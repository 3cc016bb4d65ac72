"""Which field stands where. The tables of the States Language in both modes; what is in no column is refused."""

from collections.abc import Mapping

STATE_TYPES = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")
"""In the order in which AWS names them."""

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

JSONATA_RULE_FIELDS = frozenset(("Condition", "Next", "Assign", "Output", "Comment"))
JSONATA_CATCHER_FIELDS = frozenset(("ErrorEquals", "Next", "Assign", "Output", "Comment"))

DEFINITION_FIELDS = frozenset(("StartAt", "States", "Comment", "QueryLanguage", "TimeoutSeconds", "Version"))
BRANCH_FIELDS = frozenset(("StartAt", "States", "Comment"))
PROCESSOR_FIELDS = frozenset((*BRANCH_FIELDS, "ProcessorConfig"))
RETRIER_FIELDS = frozenset(
    ("ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment")
)
CATCHER_FIELDS = frozenset(("ErrorEquals", "Next", "ResultPath", "Assign", "Comment"))

NOT_YET: Mapping[str, frozenset[str]] = {}
"""Fields that AWS knows and this version does not carry out: named as such when they are refused."""

JSONATA_NOT_YET: Mapping[str, frozenset[str]] = {}

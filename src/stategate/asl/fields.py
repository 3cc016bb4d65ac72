"""Which field stands where. The table of the States Language in JSONPath mode; what is in no column is refused."""

from collections.abc import Mapping

STATE_TYPES = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")
"""In the order in which AWS names them."""

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
                      "MaxConcurrency", "MaxConcurrencyPath")),
}  # fmt: skip

DEFINITION_FIELDS = frozenset(("StartAt", "States", "Comment", "QueryLanguage", "TimeoutSeconds", "Version"))
BRANCH_FIELDS = frozenset(("StartAt", "States", "Comment"))
PROCESSOR_FIELDS = frozenset((*BRANCH_FIELDS, "ProcessorConfig"))
RETRIER_FIELDS = frozenset(
    ("ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment")
)
CATCHER_FIELDS = frozenset(("ErrorEquals", "Next", "ResultPath", "Assign", "Comment"))

NOT_YET: Mapping[str, frozenset[str]] = {
    "Map": frozenset(("ItemReader", "ItemBatcher", "ResultWriter", "Label", "ToleratedFailureCount",
                      "ToleratedFailureCountPath", "ToleratedFailurePercentage", "ToleratedFailurePercentagePath")),
}  # fmt: skip
"""Fields that AWS knows and this version does not carry out: named as such when they are refused."""

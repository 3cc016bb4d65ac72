"""CloudWatch Logs."""

from collections.abc import Mapping

from stategate.services.call import Operation
from stategate.services.logs import events, groups, streams
from stategate.services.logs.writer import Writer

__all__ = ["OPERATIONS", "Writer"]

OPERATIONS: Mapping[str, Operation] = {
    "CreateLogGroup": groups.create_log_group,
    "DeleteLogGroup": groups.delete_log_group,
    "DescribeLogGroups": groups.describe_log_groups,
    "PutRetentionPolicy": groups.put_retention_policy,
    "DeleteRetentionPolicy": groups.delete_retention_policy,
    "TagResource": groups.tag_resource,
    "UntagResource": groups.untag_resource,
    "ListTagsForResource": groups.list_tags_for_resource,
    "TagLogGroup": groups.tag_log_group,
    "UntagLogGroup": groups.untag_log_group,
    "ListTagsLogGroup": groups.list_tags_log_group,
    "PutResourcePolicy": groups.put_resource_policy,
    "DescribeResourcePolicies": groups.describe_resource_policies,
    "DeleteResourcePolicy": groups.delete_resource_policy,
    "CreateLogStream": streams.create_log_stream,
    "DeleteLogStream": streams.delete_log_stream,
    "DescribeLogStreams": streams.describe_log_streams,
    "PutLogEvents": events.put_log_events,
    "GetLogEvents": events.get_log_events,
    "FilterLogEvents": events.filter_log_events,
}

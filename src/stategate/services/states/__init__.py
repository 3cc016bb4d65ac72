"""Step Functions' operations."""

from collections.abc import Mapping

from stategate.services.call import Operation
from stategate.services.states import aliases, executions, machines, versions

OPERATIONS: Mapping[str, Operation] = {
    "CreateStateMachine": machines.create_state_machine,
    "CreateStateMachineAlias": aliases.create_state_machine_alias,
    "DeleteStateMachine": machines.delete_state_machine,
    "DeleteStateMachineAlias": aliases.delete_state_machine_alias,
    "DeleteStateMachineVersion": versions.delete_state_machine_version,
    "DescribeExecution": executions.describe_execution,
    "DescribeStateMachine": machines.describe_state_machine,
    "DescribeStateMachineAlias": aliases.describe_state_machine_alias,
    "DescribeStateMachineForExecution": executions.describe_state_machine_for_execution,
    "GetExecutionHistory": executions.get_execution_history,
    "ListExecutions": executions.list_executions,
    "ListStateMachineAliases": aliases.list_state_machine_aliases,
    "ListStateMachineVersions": versions.list_state_machine_versions,
    "ListStateMachines": machines.list_state_machines,
    "ListTagsForResource": machines.list_tags_for_resource,
    "PublishStateMachineVersion": versions.publish_state_machine_version,
    "StartExecution": executions.start_execution,
    "StartSyncExecution": executions.start_sync_execution,
    "StopExecution": executions.stop_execution,
    "TagResource": machines.tag_resource,
    "UntagResource": machines.untag_resource,
    "UpdateStateMachine": machines.update_state_machine,
    "UpdateStateMachineAlias": aliases.update_state_machine_alias,
    "ValidateStateMachineDefinition": machines.validate_state_machine_definition,
}

"""The errors of Step Functions, with AWS's texts."""

from __future__ import annotations

from dataclasses import dataclass

from stategate.services.errors import AwsError


@dataclass(frozen=True, slots=True)
class Wording:
    """An error's code and its text; calling it makes the error, with what goes into the text."""

    code: str
    text: str

    def __call__(self, *what: object) -> AwsError:
        return AwsError(self.code, self.text.format(*what))


invalid_arn = Wording("InvalidArn", "Invalid Arn: '{}'")
invalid_role_arn = Wording("InvalidArn", "Invalid Role Arn: '{}'")
invalid_name = Wording("InvalidName", "Invalid Name: '{}'")
invalid_token = Wording("InvalidToken", "Invalid Token: 'Invalid token'")
invalid_definition = Wording("InvalidDefinition", "Invalid State Machine Definition: {}")
invalid_logging = Wording("InvalidLoggingConfiguration", "Invalid Logging Configuration: {}")
invalid_tracing = Wording("InvalidTracingConfiguration", "Invalid Tracing Configuration: '{}'")
invalid_encryption = Wording("InvalidEncryptionConfiguration", "Invalid Encryption Configuration: {}")
invalid_input = Wording("InvalidExecutionInput", "Invalid State Machine Execution Input: '{}'")
invalid_output = Wording("InvalidOutput", "Invalid Output: '{}'")
machine_does_not_exist = Wording("StateMachineDoesNotExist", "State Machine Does Not Exist: '{}'")
machine_already_exists = Wording("StateMachineAlreadyExists", "State Machine Already Exists: '{}'")
machine_deleting = Wording("StateMachineDeleting", "State Machine is being deleted: '{}'")
type_not_supported = Wording(
    "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"
)
execution_does_not_exist = Wording("ExecutionDoesNotExist", "Execution Does Not Exist: '{}'")
execution_already_exists = Wording("ExecutionAlreadyExists", "Execution Already Exists: '{}'")
execution_not_redrivable = Wording("ExecutionNotRedrivable", "{}")
activity_does_not_exist = Wording("ActivityDoesNotExist", "Activity Does Not Exist: '{}'")
activity_already_exists = Wording("ActivityAlreadyExists", "Activity Already Exists: '{}'")
task_timed_out = Wording("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
task_does_not_exist = Wording("TaskDoesNotExist", "Task Does Not Exist: 'Provided task does not exist'")
alias_not_found = Wording("ResourceNotFound", "Request references a resource that does not exist.")
too_many_tags = Wording("TooManyTags", "A resource can have {} tags at most.")
nothing_to_update = Wording(
    "MissingRequiredParameter",
    "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
)
quota_exceeded = Wording("ServiceQuotaExceededException", "The maximum number of {} has been reached: {}")
conflict = Wording("ConflictException", "{}")


def resource_not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFound", f"Resource not found: '{arn}'", members={"resourceName": arn})

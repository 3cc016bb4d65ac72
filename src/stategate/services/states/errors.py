"""The errors of Step Functions, with AWS's texts."""

from __future__ import annotations

from stategate.services.errors import AwsError


def invalid_arn(reason: str) -> AwsError:
    return AwsError("InvalidArn", f"Invalid Arn: '{reason}'")


def invalid_name(name: str) -> AwsError:
    return AwsError("InvalidName", f"Invalid Name: '{name}'")


def invalid_token() -> AwsError:
    return AwsError("InvalidToken", "Invalid Token: 'Invalid token'")


def invalid_definition(problems: object) -> AwsError:
    return AwsError("InvalidDefinition", f"Invalid State Machine Definition: {problems}")


def invalid_logging(reason: str) -> AwsError:
    return AwsError("InvalidLoggingConfiguration", f"Invalid Logging Configuration: {reason}")


def invalid_encryption(reason: str) -> AwsError:
    return AwsError("InvalidEncryptionConfiguration", f"Invalid Encryption Configuration: {reason}")


def invalid_input(reason: str) -> AwsError:
    return AwsError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{reason}'")


def machine_does_not_exist(arn: str) -> AwsError:
    return AwsError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def machine_already_exists(arn: str) -> AwsError:
    return AwsError("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")


def machine_deleting(arn: str) -> AwsError:
    return AwsError("StateMachineDeleting", f"State Machine is being deleted: '{arn}'")


def type_not_supported() -> AwsError:
    return AwsError("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")


def execution_does_not_exist(arn: str) -> AwsError:
    return AwsError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")


def execution_already_exists(arn: str) -> AwsError:
    return AwsError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")


def resource_not_found(arn: str) -> AwsError:
    return AwsError("ResourceNotFound", f"Resource not found: '{arn}'", members={"resourceName": arn})


def conflict(message: str) -> AwsError:
    return AwsError("ConflictException", message)


def activity_does_not_exist(arn: str) -> AwsError:
    return AwsError("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")


def activity_already_exists(arn: str) -> AwsError:
    return AwsError("ActivityAlreadyExists", f"Activity Already Exists: '{arn}'")


def invalid_output(reason: str) -> AwsError:
    return AwsError("InvalidOutput", f"Invalid Output: '{reason}'")


def task_timed_out() -> AwsError:
    return AwsError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")


def task_does_not_exist() -> AwsError:
    return AwsError("TaskDoesNotExist", "Task Does Not Exist: 'Provided task does not exist'")

"""The Invoke operation, and all operations by their names."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from stategate.services.call import Call, Input, Operation, Output
from stategate.services.lambda_ import accounts, eventinvoke, functions, invoking, resource_policies, urls, versions
from stategate.services.lambda_.names import invalid


async def invoke(call: Call, given: Input) -> Output:
    for member in ("DurableExecutionName", "TenantId"):
        if given.get(member) is not None:
            raise invalid(f"Stategate does not support {member}.")
    invoked = await invoking.invoke(
        call.ports,
        call.world,
        call.principal,
        given["FunctionName"],
        bytes(given.get("Payload") or b""),
        qualifier=given.get("Qualifier"),
        context={"aws:SourceIp": call.source_ip, "aws:UserAgent": call.user_agent or None},
        log_tail=given.get("LogType") == "Tail",
        request_id=call.request_id,
        client_context=given.get("ClientContext"),
        invocation_type=given.get("InvocationType") or "RequestResponse",
    )
    return {
        "StatusCode": invoked.status,
        "FunctionError": invoked.function_error,
        "LogResult": None if invoked.log_tail is None else base64.b64encode(invoked.log_tail).decode(),
        "Payload": invoked.payload,
        "ExecutedVersion": invoked.executed_version,
    }


OPERATIONS: Mapping[str, Operation] = {
    "CreateFunction": functions.create_function,
    "DeleteFunction": functions.delete_function,
    "GetFunction": functions.get_function,
    "GetFunctionConfiguration": functions.get_function_configuration,
    "ListFunctions": functions.list_functions,
    "UpdateFunctionCode": functions.update_function_code,
    "UpdateFunctionConfiguration": functions.update_function_configuration,
    "Invoke": invoke,
    "AddPermission": resource_policies.add_permission,
    "GetPolicy": resource_policies.get_policy,
    "RemovePermission": resource_policies.remove_permission,
    "PublishVersion": versions.publish_version,
    "ListVersionsByFunction": versions.list_versions_by_function,
    "CreateAlias": versions.create_alias,
    "GetAlias": versions.get_alias,
    "UpdateAlias": versions.update_alias,
    "DeleteAlias": versions.delete_alias,
    "ListAliases": versions.list_aliases,
    "ListTags": accounts.list_tags,
    "TagResource": accounts.tag_resource,
    "UntagResource": accounts.untag_resource,
    "PutFunctionConcurrency": accounts.put_function_concurrency,
    "GetFunctionConcurrency": accounts.get_function_concurrency,
    "DeleteFunctionConcurrency": accounts.delete_function_concurrency,
    "GetAccountSettings": accounts.get_account_settings,
    "GetFunctionCodeSigningConfig": accounts.get_function_code_signing_config,
    **eventinvoke.OPERATIONS,
    **urls.OPERATIONS,
}

"""FlushStageCache, FlushStageAuthorizersCache; and what is refused by name: SDKs, private domain names."""

from __future__ import annotations

from msgspec.structs import replace

from stategate.services.apigateway import records
from stategate.services.apigateway.errors import unsupported
from stategate.services.call import Call, Input, Operation, Output


def flush_stage_cache(call: Call, given: Input) -> Output:
    """The data plane keeps cached answers by `cache_flushed`: a later flush makes them unknown."""
    stage = records.get_stage(call, given["restApiId"], given["stageName"])
    key = f"{given['restApiId']}/{stage.name}"
    records.stages(call.ports, call.world).put(key, replace(stage, cache_flushed=call.now))
    return {}


def flush_stage_authorizers_cache(call: Call, given: Input) -> Output:
    """As FlushStageCache, for `authorizers_flushed`."""
    stage = records.get_stage(call, given["restApiId"], given["stageName"])
    key = f"{given['restApiId']}/{stage.name}"
    records.stages(call.ports, call.world).put(key, replace(stage, authorizers_flushed=call.now))
    return {}


def _refuse(what: str) -> Operation:
    def refuse(call: Call, given: Input) -> Output:
        raise unsupported(what)

    return refuse


OPERATIONS: dict[str, Operation] = {
    "FlushStageCache": flush_stage_cache,
    "FlushStageAuthorizersCache": flush_stage_authorizers_cache,
    "GetSdk": _refuse("the generation of SDKs (GetSdk)"),
    "GetSdkType": _refuse("the generation of SDKs (GetSdkType)"),
    "GetSdkTypes": _refuse("the generation of SDKs (GetSdkTypes)"),
    "CreateDomainNameAccessAssociation": _refuse("access associations of private domain names"),
    "GetDomainNameAccessAssociations": _refuse("access associations of private domain names"),
    "DeleteDomainNameAccessAssociation": _refuse("access associations of private domain names"),
    "RejectDomainNameAccessAssociation": _refuse("access associations of private domain names"),
}

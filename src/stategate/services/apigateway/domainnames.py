"""Custom domain names and base path mappings, as data: Create, Get, list, Update, Delete."""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from stategate.services.apigateway import records, records_data, shapes
from stategate.services.apigateway.errors import bad_request, conflict, not_found, unsupported
from stategate.services.apigateway.paging import page
from stategate.services.apigateway.patching import Patch, patches, unknown_path, unsupported_op
from stategate.services.apigateway.records_data import BasePathMapping, DomainName
from stategate.services.apigateway.tags import new_tags
from stategate.services.call import Call, Input, Output

EMPTY_PATH = "(none)"
_NAME = re.compile(r"(?=.{1,253}\Z)(?:\*\.)?(?:[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\.)+[a-z0-9\-]{2,63}\Z")
_BASE_PATH = re.compile(r"[A-Za-z0-9$\-_.+!*'()]+\Z")
SECURITY_POLICIES = (
    "TLS_1_0",
    "TLS_1_2",
    "SecurityPolicy_TLS13_1_3_2025_09",
    "SecurityPolicy_TLS13_1_3_FIPS_2025_09",
    "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_FIPS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_FIPS_PFS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_Ext2_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_Ext2_FIPS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_2021_06",
    "SecurityPolicy_TLS13_2025_EDGE",
    "SecurityPolicy_TLS12_PFS_2025_EDGE",
    "SecurityPolicy_TLS12_2018_EDGE",
)
"""The model's names. Kept as data: TLS ends before the server."""

# CloudFront's zone is one for all; the regional ones differ, and a local name has none of them but this.
_EDGE_ZONE = "Z2FDTNDATAQYW2"
_REGIONAL_ZONE = "Z1UJRXOUMOOFQ8"
_UNSUPPORTED = (
    "certificateBody",
    "certificatePrivateKey",
    "certificateChain",
    "mutualTlsAuthentication",
    "policy",
    "routingMode",
    "endpointAccessMode",
)


def create_domain_name(call: Call, given: Input) -> Output:
    name = given["domainName"]
    for member in _UNSUPPORTED:
        if given.get(member) not in (None, "", "BASE_PATH_MAPPING_ONLY", "BASIC"):
            raise unsupported(f"{member} of domain names")
    if _NAME.match(name) is None:
        raise bad_request(f"Invalid domain name specified: {name}")
    table = records_data.domain_names(call.ports, call.world)
    if table.get(name) is not None:
        raise bad_request("The domain name you provided already exists.")
    endpoint = given.get("endpointConfiguration") or {}
    types = endpoint.get("types") or ["EDGE"]
    if len(types) > 1:
        raise bad_request("Cannot create a domain name with multiple Endpoint Types.")
    if types[0] == "PRIVATE":
        raise unsupported("private domain names")
    domain = DomainName(
        name=name,
        created=call.now,
        target=_target(call, types[0]),
        endpoint_type=types[0],
        ip_address_type=endpoint.get("ipAddressType") or "ipv4",
        certificate_arn=given.get("certificateArn"),
        certificate_name=given.get("certificateName"),
        regional_certificate_arn=given.get("regionalCertificateArn"),
        regional_certificate_name=given.get("regionalCertificateName"),
        ownership_verification_certificate_arn=given.get("ownershipVerificationCertificateArn"),
        security_policy=given.get("securityPolicy") or "TLS_1_2",
        tags=new_tags(given),
    )
    _check(domain)
    table.put(name, domain)
    return shape(domain)


def get_domain_name(call: Call, given: Input) -> Output:
    return shape(_domain(call, given))


def get_domain_names(call: Call, given: Input) -> Output:
    others = given.get("resourceOwner") == "OTHER_ACCOUNTS"
    found = [] if others else [domain for _, domain in records_data.domain_names(call.ports, call.world).items()]
    return page(given, found, lambda domain: domain.name, shape)


def update_domain_name(call: Call, given: Input) -> Output:
    domain = _domain(call, given)
    before = domain
    for patch in patches(given):
        domain = _patched(domain, patch)
    _check(domain)
    if domain.endpoint_type != before.endpoint_type:
        domain = replace(domain, target=_target(call, domain.endpoint_type))
    records_data.domain_names(call.ports, call.world).put(domain.name, domain)
    return shape(domain)


def delete_domain_name(call: Call, given: Input) -> Output:
    domain = _domain(call, given)
    table = records_data.base_path_mappings(call.ports, call.world)
    for key, _ in list(table.items(f"{domain.name}/")):
        table.delete(key)
    records_data.domain_names(call.ports, call.world).delete(domain.name)
    return {}


def create_base_path_mapping(call: Call, given: Input) -> Output:
    domain = _domain(call, given)
    mapping = BasePathMapping(given.get("basePath") or EMPTY_PATH, given["restApiId"], given.get("stage") or None)
    _check_mapping(call, mapping)
    table = records_data.base_path_mappings(call.ports, call.world)
    key = f"{domain.name}/{mapping.base_path}"
    if table.get(key) is not None:
        raise conflict("Base path already exists for this domain name")
    table.put(key, mapping)
    return _mapping_shape(mapping)


def get_base_path_mapping(call: Call, given: Input) -> Output:
    return _mapping_shape(_mapping(call, given))


def get_base_path_mappings(call: Call, given: Input) -> Output:
    domain = _domain(call, given)
    found = [item for _, item in records_data.base_path_mappings(call.ports, call.world).items(f"{domain.name}/")]
    return page(given, found, lambda item: item.base_path, _mapping_shape)


def update_base_path_mapping(call: Call, given: Input) -> Output:
    mapping = changed = _mapping(call, given)
    for patch in patches(given):
        if patch.op != "replace":
            raise unsupported_op(patch)
        match patch.path:
            case "/basePath":
                changed = replace(changed, base_path=patch.value or EMPTY_PATH)
            case "/restapiId":
                changed = replace(changed, api_id=patch.value or "")
            case "/stage":
                changed = replace(changed, stage=patch.value or None)
            case _:
                raise unknown_path(patch, ("/basePath", "/restapiId", "/stage"))
    _check_mapping(call, changed)
    table, name = records_data.base_path_mappings(call.ports, call.world), given["domainName"]
    if changed.base_path != mapping.base_path:
        if table.get(f"{name}/{changed.base_path}") is not None:
            raise conflict("Base path already exists for this domain name")
        table.delete(f"{name}/{mapping.base_path}")
    table.put(f"{name}/{changed.base_path}", changed)
    return _mapping_shape(changed)


def delete_base_path_mapping(call: Call, given: Input) -> Output:
    mapping = _mapping(call, given)
    records_data.base_path_mappings(call.ports, call.world).delete(f"{given['domainName']}/{mapping.base_path}")
    return {}


def check_unmapped(call: Call, api_id: str, stage: str | None = None) -> None:
    """Whether an API (or a stage) may go: not while a domain name leads to it."""
    found = [mapping for _, mapping in records_data.base_path_mappings(call.ports, call.world).items()]
    for mapping in found:
        if mapping.api_id == api_id and stage in (None, mapping.stage):
            what = "the API" if stage is None else f"stage '{stage}'"
            raise bad_request(
                f"Please remove all base path mappings related to {what} in your account, then try again."
            )


def _domain(call: Call, given: Input) -> DomainName:
    if given.get("domainNameId"):
        raise unsupported("private domain names")
    return records_data.get_domain_name(call, given["domainName"])


def _mapping(call: Call, given: Input) -> BasePathMapping:
    domain = _domain(call, given)
    key = f"{domain.name}/{given['basePath'] or EMPTY_PATH}"
    mapping = records_data.base_path_mappings(call.ports, call.world).get(key)
    if mapping is None:
        raise not_found("Invalid base path mapping identifier specified")
    return mapping


def _check_mapping(call: Call, mapping: BasePathMapping) -> None:
    if "/" in mapping.base_path:
        raise bad_request(
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. "
            "To create a multi-level base path mapping, use API Gateway V2."
        )
    if mapping.base_path != EMPTY_PATH and _BASE_PATH.match(mapping.base_path) is None:
        raise bad_request(f"Invalid base path specified: {mapping.base_path}")
    if records.apis(call.ports, call.world).get(mapping.api_id) is None:
        raise bad_request("Invalid REST API identifier specified")
    if mapping.stage and records.stages(call.ports, call.world).get(f"{mapping.api_id}/{mapping.stage}") is None:
        raise bad_request("Invalid stage identifier specified")


def _check(domain: DomainName) -> None:
    if domain.security_policy not in SECURITY_POLICIES:
        raise bad_request(f"Invalid security policy specified. Valid options are {','.join(SECURITY_POLICIES)}")
    arn = domain.regional_certificate_arn if domain.endpoint_type == "REGIONAL" else domain.certificate_arn
    if arn is None:
        raise bad_request("Certificate ARN must be specified for the endpoint type of the domain name")
    if not re.match(r"arn:[a-z\-]+:(?:acm|iam):", arn):
        raise bad_request("Invalid ARN specified in the request")


def _target(call: Call, endpoint_type: str) -> str:
    if endpoint_type == "EDGE":
        return f"d{records.new_id(call, 13)}.cloudfront.net"
    return f"d-{records.new_id(call, 10)}.execute-api.{call.world.region}.amazonaws.com"


_TEXTS = {
    "/certificateArn": "certificate_arn",
    "/certificateName": "certificate_name",
    "/regionalCertificateArn": "regional_certificate_arn",
    "/regionalCertificateName": "regional_certificate_name",
    "/ownershipVerificationCertificateArn": "ownership_verification_certificate_arn",
}


def _patched(domain: DomainName, patch: Patch) -> DomainName:
    if patch.op != "replace":
        raise unsupported_op(patch)
    if patch.path in _TEXTS:
        return replace(domain, **{_TEXTS[patch.path]: patch.value or None})
    match patch.keys:
        case ["securityPolicy"]:
            return replace(domain, security_policy=patch.value or "")
        case ["endpointConfiguration", "types", _]:
            if patch.value not in ("EDGE", "REGIONAL"):
                raise bad_request("Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE")
            return replace(domain, endpoint_type=patch.value)
        case ["endpointConfiguration", "ipAddressType"]:
            if patch.value not in ("ipv4", "dualstack"):
                raise bad_request("ipAddressType must be either ipv4 or dualstack.")
            return replace(domain, ip_address_type=patch.value)
        case ["mutualTlsAuthentication", *_] | ["policy"] | ["managementPolicy"] | ["routingMode"]:
            raise unsupported(f"{patch.path} of domain names")
        case _:
            raise unknown_path(patch, (*_TEXTS, "/securityPolicy", "/endpointConfiguration/types/{type}"))


def shape(domain: DomainName) -> dict[str, Any]:
    regional = domain.endpoint_type == "REGIONAL"
    edge = domain.target if not regional else None
    return shapes.present(
        domainName=domain.name,
        certificateName=domain.certificate_name,
        certificateArn=domain.certificate_arn,
        certificateUploadDate=shapes.seconds(domain.created) if domain.certificate_arn else None,
        regionalDomainName=domain.target if regional else None,
        regionalHostedZoneId=_REGIONAL_ZONE if regional else None,
        regionalCertificateName=domain.regional_certificate_name,
        regionalCertificateArn=domain.regional_certificate_arn,
        distributionDomainName=edge,
        distributionHostedZoneId=_EDGE_ZONE if edge else None,
        endpointConfiguration={"types": [domain.endpoint_type], "ipAddressType": domain.ip_address_type},
        domainNameStatus="AVAILABLE",
        securityPolicy=domain.security_policy,
        ownershipVerificationCertificateArn=domain.ownership_verification_certificate_arn,
        tags=dict(domain.tags),
    )


def _mapping_shape(mapping: BasePathMapping) -> dict[str, Any]:
    return shapes.present(basePath=mapping.base_path, restApiId=mapping.api_id, stage=mapping.stage)


OPERATIONS = {
    "CreateDomainName": create_domain_name,
    "GetDomainName": get_domain_name,
    "GetDomainNames": get_domain_names,
    "UpdateDomainName": update_domain_name,
    "DeleteDomainName": delete_domain_name,
    "CreateBasePathMapping": create_base_path_mapping,
    "GetBasePathMapping": get_base_path_mapping,
    "GetBasePathMappings": get_base_path_mappings,
    "UpdateBasePathMapping": update_base_path_mapping,
    "DeleteBasePathMapping": delete_base_path_mapping,
}

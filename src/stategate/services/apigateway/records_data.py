"""Domain names, base path mappings, VPC links and client certificates: kept as data, by AWS's member names."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from stategate.services.apigateway.errors import not_found
from stategate.services.call import Call
from stategate.services.ports import Ports, Records, World


class DomainName(msgspec.Struct, frozen=True, omit_defaults=True):
    """Key: the name. `target` is the host name that DNS has to point to."""

    name: str
    created: float
    target: str
    endpoint_type: str = "EDGE"
    ip_address_type: str = "ipv4"
    certificate_arn: str | None = None
    certificate_name: str | None = None
    regional_certificate_arn: str | None = None
    regional_certificate_name: str | None = None
    ownership_verification_certificate_arn: str | None = None
    security_policy: str = "TLS_1_2"
    tags: Mapping[str, str] = {}


class BasePathMapping(msgspec.Struct, frozen=True, omit_defaults=True):
    """Key: `<domain name>/<base path>`; `(none)` is the empty base path."""

    base_path: str
    api_id: str
    stage: str | None = None


class VpcLink(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    name: str
    target_arns: tuple[str, ...]
    description: str | None = None
    tags: Mapping[str, str] = {}


class ClientCertificate(msgspec.Struct, frozen=True, omit_defaults=True):
    """`certificate` and `private_key` in PEM; the key never leaves the server."""

    id: str
    created: float
    expires: float
    certificate: str
    private_key: str
    description: str | None = None
    tags: Mapping[str, str] = {}


def domain_names(ports: Ports, world: World) -> Records[DomainName]:
    return ports.store.records(world, "apigateway.domainname", DomainName)


def base_path_mappings(ports: Ports, world: World) -> Records[BasePathMapping]:
    return ports.store.records(world, "apigateway.basepathmapping", BasePathMapping)


def vpc_links(ports: Ports, world: World) -> Records[VpcLink]:
    return ports.store.records(world, "apigateway.vpclink", VpcLink)


def client_certificates(ports: Ports, world: World) -> Records[ClientCertificate]:
    return ports.store.records(world, "apigateway.clientcertificate", ClientCertificate)


def get_domain_name(call: Call, name: str) -> DomainName:
    domain = domain_names(call.ports, call.world).get(name)
    if domain is None:
        raise not_found("Invalid domain name identifier specified")
    return domain


def get_vpc_link(call: Call, link_id: str) -> VpcLink:
    link = vpc_links(call.ports, call.world).get(link_id)
    if link is None:
        raise not_found("Invalid Vpc Link identifier specified")
    return link


def get_client_certificate(call: Call, certificate_id: str) -> ClientCertificate:
    certificate = client_certificates(call.ports, call.world).get(certificate_id)
    if certificate is None:
        raise not_found("Invalid Client Certificate identifier specified")
    return certificate

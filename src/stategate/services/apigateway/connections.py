"""VPC links and client certificates, as data: Create (Generate), Get, list, Update, Delete."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from stategate.services.apigateway import records, records_data, shapes
from stategate.services.apigateway.errors import bad_request
from stategate.services.apigateway.paging import page
from stategate.services.apigateway.patching import Patch, apply_style_a, text
from stategate.services.apigateway.records_data import ClientCertificate, VpcLink
from stategate.services.apigateway.tags import new_tags
from stategate.services.call import Call, Input, Operations, Output

_TARGET = re.compile(r"arn:[a-z\-]+:elasticloadbalancing:[a-z0-9\-]+:\d{12}:loadbalancer/net/[^/]+/[^/]+\Z")
_YEAR = timedelta(days=365)


def create_vpc_link(call: Call, given: Input) -> Output:
    if not given["name"]:
        raise bad_request("Name cannot be empty")
    targets = tuple(given["targetArns"])
    if len(targets) != 1:
        raise bad_request("Exactly one target ARN must be specified")
    if _TARGET.match(targets[0]) is None:
        raise bad_request(f"Invalid ARN. ARN is not well formed {targets[0]}")
    link = VpcLink(
        records.new_id(call, 6),
        given["name"],
        targets,
        given.get("description") or None,
        new_tags(given),
    )
    records_data.vpc_links(call.ports, call.world).put(link.id, link)
    return _link_shape(link)


def get_vpc_link(call: Call, given: Input) -> Output:
    return _link_shape(records_data.get_vpc_link(call, given["vpcLinkId"]))


def get_vpc_links(call: Call, given: Input) -> Output:
    found = [link for _, link in records_data.vpc_links(call.ports, call.world).items()]
    found.sort(key=lambda link: (link.name, link.id))
    return page(given, found, lambda link: link.id, _link_shape)


def update_vpc_link(call: Call, given: Input) -> Output:
    link = records_data.get_vpc_link(call, given["vpcLinkId"])

    def apply(patch: Patch, value: str | None) -> None:
        nonlocal link
        if patch.path == "/description":
            link = replace(link, description=value)
        elif not value:
            raise bad_request("Name cannot be empty")
        else:
            link = replace(link, name=value)

    apply_style_a(given, {"/name": text, "/description": text}, apply)
    records_data.vpc_links(call.ports, call.world).put(link.id, link)
    return _link_shape(link)


def delete_vpc_link(call: Call, given: Input) -> Output:
    link = records_data.get_vpc_link(call, given["vpcLinkId"])
    for key, method in records.methods(call.ports, call.world).items():
        if method.integration is not None and method.integration.connection_id == link.id:
            raise bad_request(
                f"Cannot delete vpc link. Vpc link '{link.id}', is referenced in [{method.http_method}:"
                f"{key.split('/')[1]}] in format of [Method:Resource]."
            )
    records_data.vpc_links(call.ports, call.world).delete(link.id)
    return {}


async def generate_client_certificate(call: Call, given: Input) -> Output:
    created = datetime.fromtimestamp(int(call.now), UTC)
    # A key has to come from the system's own randomness, whatever the entropy port gives. It takes half a second, and
    # other requests go on meanwhile.
    # Imported when it is first needed: a server starts faster without it.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = await asyncio.to_thread(rsa.generate_private_key, public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ApiGateway")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(created)
        .not_valid_after(created + _YEAR)
        .sign(key, hashes.SHA256())
    )
    made = ClientCertificate(
        id=records.new_id(call, 6),
        created=created.timestamp(),
        expires=(created + _YEAR).timestamp(),
        certificate=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        private_key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        description=given.get("description") or None,
        tags=new_tags(given),
    )
    records_data.client_certificates(call.ports, call.world).put(made.id, made)
    return _certificate_shape(made)


def get_client_certificate(call: Call, given: Input) -> Output:
    return _certificate_shape(records_data.get_client_certificate(call, given["clientCertificateId"]))


def get_client_certificates(call: Call, given: Input) -> Output:
    found = [item for _, item in records_data.client_certificates(call.ports, call.world).items()]
    found.sort(key=lambda item: (item.created, item.id))
    return page(given, found, lambda item: item.id, _certificate_shape)


def update_client_certificate(call: Call, given: Input) -> Output:
    certificate = records_data.get_client_certificate(call, given["clientCertificateId"])

    def apply(patch: Patch, value: str | None) -> None:
        nonlocal certificate
        certificate = replace(certificate, description=value)

    apply_style_a(given, {"/description": text}, apply)
    records_data.client_certificates(call.ports, call.world).put(certificate.id, certificate)
    return _certificate_shape(certificate)


def delete_client_certificate(call: Call, given: Input) -> Output:
    certificate = records_data.get_client_certificate(call, given["clientCertificateId"])
    for _, stage in records.stages(call.ports, call.world).items(""):
        if stage.client_certificate_id == certificate.id:
            raise bad_request(f"Client certificate {certificate.id} is used by stage {stage.name}")
    records_data.client_certificates(call.ports, call.world).delete(certificate.id)
    return {}


def _link_shape(link: VpcLink) -> dict[str, Any]:
    return shapes.present(
        id=link.id,
        name=link.name,
        description=link.description,
        targetArns=list(link.target_arns),
        status="AVAILABLE",
        statusMessage="Your vpc link is ready for use",
        tags=dict(link.tags),
    )


def _certificate_shape(item: ClientCertificate) -> dict[str, Any]:
    return shapes.present(
        clientCertificateId=item.id,
        description=item.description,
        pemEncodedCertificate=item.certificate,
        createdDate=shapes.seconds(item.created),
        expirationDate=shapes.seconds(item.expires),
        tags=dict(item.tags),
    )


OPERATIONS: Operations = {
    "CreateVpcLink": create_vpc_link,
    "GetVpcLink": get_vpc_link,
    "GetVpcLinks": get_vpc_links,
    "UpdateVpcLink": update_vpc_link,
    "DeleteVpcLink": delete_vpc_link,
    "GenerateClientCertificate": generate_client_certificate,
    "GetClientCertificate": get_client_certificate,
    "GetClientCertificates": get_client_certificates,
    "UpdateClientCertificate": update_client_certificate,
    "DeleteClientCertificate": delete_client_certificate,
}

"""How tasks name the members of operations."""

from __future__ import annotations

import pytest

from stategate.services.states.tasks.aws_sdk import pascal


@pytest.mark.parametrize(
    ("member", "name"),
    [
        ("restApiId", "RestApiId"),
        ("KMSKeyArn", "KmsKeyArn"),
        ("SAMLProviderUUID", "SamlProviderUUID"),
        ("QRCodePNG", "QrCodePNG"),
        ("UUID", "Uuid"),
        ("ETag", "ETag"),
        ("ARNs", "ArNs"),
        ("S3Bucket", "S3Bucket"),
        ("MD5OfBody", "Md5OfBody"),
    ],
)
def test_members_are_named_as_by_the_sdk_for_java(member: str, name: str) -> None:
    assert pascal(member) == name

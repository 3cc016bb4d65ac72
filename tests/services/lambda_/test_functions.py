"""Functions through their operations: defaults, errors, changes, versions, permissions."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.lambda_.functionworld import ACCOUNT, ECHO, WORLD, FunctionWorld, allow, error, run, zipped
from services.memorystore import MemoryStore
from stategate.iam import Principal
from stategate.iam.principal import service
from stategate.services import access
from stategate.services.lambda_ import packages as tidying
from stategate.services.lambda_.invoking import invoke

ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"


def test_a_new_function_and_its_defaults(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        role = await world.role("r")
        package = zipped(ECHO)
        made = await world(
            "CreateFunction",
            FunctionName="f",
            Runtime="python3.12",
            Handler="handler.handler",
            Role=role,
            Code={"ZipFile": package},
            Environment={"Variables": {"AB": "1"}},
            Tags={"t": "v"},
        )
        assert (made["State"], made["StateReasonCode"], made["FunctionArn"]) == ("Pending", "Creating", ARN)
        shown = await world("GetFunction", FunctionName=ARN)
        expected = {
            "FunctionName": "f",
            "FunctionArn": ARN,
            "Runtime": "python3.12",
            "Role": role,
            "Handler": "handler.handler",
            "CodeSize": len(package),
            "Description": "",
            "Timeout": 3,
            "MemorySize": 128,
            "CodeSha256": base64.b64encode(hashlib.sha256(package).digest()).decode(),
            "Version": "$LATEST",
            "Environment": {"Variables": {"AB": "1"}},
            "TracingConfig": {"Mode": "PassThrough"},
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Architectures": ["x86_64"],
            "EphemeralStorage": {"Size": 512},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
        }
        configuration = shown["Configuration"]
        assert {name: configuration[name] for name in expected} == expected
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", configuration["LastModified"])
        assert shown["Tags"] == {"t": "v"}
        listed = await world("ListFunctions")
        assert [function["FunctionName"] for function in listed["Functions"]] == ["f"]
        await world("DeleteFunction", FunctionName="f")
        assert await error(world("GetFunction", FunctionName="f")) == (
            "ResourceNotFoundException",
            f"Function not found: {ARN}",
            404,
        )

    run(tmp_path, test)


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"Runtime": "java21"}, "InvalidParameterValueException", "runtime java21"),
        ({"PackageType": "Image"}, "InvalidParameterValueException", "PackageType Image"),
        ({"Layers": ["arn:aws:lambda:us-east-1:111122223333:layer:l:1"]}, "InvalidParameterValueException", "Layers"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "InvalidParameterValueException", "VpcConfig"),
        ({"TracingConfig": {"Mode": "Active"}}, "InvalidParameterValueException", "TracingConfig"),
        ({"LoggingConfig": {"LogFormat": "JSON"}}, "InvalidParameterValueException", "LoggingConfig.LogFormat JSON"),
        ({"Code": {"S3Bucket": "b-b", "S3Key": "k"}}, "InvalidParameterValueException", "S3Bucket"),
        ({"Code": {"ZipFile": b"x"}}, "InvalidParameterValueException", "Could not unzip uploaded file."),
        ({"Timeout": 901}, "ValidationException", "less than or equal to 900"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException", "AWS_REGION"),
        ({"Environment": {"Variables": {"AB": "x" * 4096}}}, "InvalidParameterValueException", "the 4KB limit"),
        (
            {"Role": f"arn:aws:iam::{ACCOUNT}:role/none"},
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], code: str, message: str) -> None:
    async def test(world: FunctionWorld) -> None:
        refused = await error(world.function(**changes))
        assert refused[0] == code
        assert message in refused[1]
        assert (await world("ListFunctions"))["Functions"] == []

    run(tmp_path, test)


def test_a_function_that_exists(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function()
        role = await world.role("other")
        assert await error(world.function(Role=role)) == (
            "ResourceConflictException",
            "Function already exist: f",
            409,
        )

    run(tmp_path, test)


def test_changing_code_and_configuration(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function("import os\ndef handler(e, c): return ['one', os.environ.get('AB')]")
        assert (await world.invoke())["Payload"] == b'["one", null]'
        before = (await world("GetFunctionConfiguration", FunctionName="f"))["RevisionId"]
        changed = await world(
            "UpdateFunctionCode",
            FunctionName="f",
            ZipFile=zipped("import os\ndef handler(e, c): return ['two', os.environ.get('AB')]"),
        )
        assert changed["LastUpdateStatus"] == "InProgress"
        assert (await world.invoke())["Payload"] == b'["two", null]'
        await world("UpdateFunctionConfiguration", FunctionName="f", Environment={"Variables": {"AB": "x"}}, Timeout=7)
        assert (await world.invoke())["Payload"] == b'["two", "x"]'
        shown = await world("GetFunctionConfiguration", FunctionName="f")
        assert (shown["Timeout"], shown["LastUpdateStatus"]) == (7, "Successful")
        refused = await error(world("UpdateFunctionConfiguration", FunctionName="f", Timeout=8, RevisionId=before))
        assert (refused[0], refused[2]) == ("PreconditionFailedException", 412)

    run(tmp_path, test)


def test_versions_and_aliases(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function("def handler(e, c): return [c.function_version, c.invoked_function_arn]")
        one = await world("PublishVersion", FunctionName="f")
        assert (one["Version"], one["FunctionArn"]) == ("1", f"{ARN}:1")
        assert (await world("PublishVersion", FunctionName="f"))["Version"] == "1"
        await world("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
        code = zipped("def handler(e, c): return 'changed'")
        await world("UpdateFunctionCode", FunctionName="f", ZipFile=code, Publish=True)
        called = await world.invoke(name="f:live")
        assert (json.loads(called["Payload"]), called["ExecutedVersion"]) == (["1", f"{ARN}:live"], "1")
        assert json.loads((await world.invoke(Qualifier="2"))["Payload"]) == "changed"
        assert await error(world.invoke(name="f:1", Qualifier="2")) == (
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
            400,
        )
        assert (await error(world.invoke(Qualifier="3")))[1] == f"Function not found: {ARN}:3"
        refused = await error(world("DeleteFunction", FunctionName="f", Qualifier="1"))
        assert refused[0] == "ResourceConflictException"
        versions = await world("ListVersionsByFunction", FunctionName="f")
        assert [version["Version"] for version in versions["Versions"]] == ["$LATEST", "1", "2"]
        await world("UpdateAlias", FunctionName="f", Name="live", FunctionVersion="2")
        await world("DeleteFunction", FunctionName="f", Qualifier="1")
        assert (await world("GetAlias", FunctionName="f", Name="live"))["FunctionVersion"] == "2"

    run(tmp_path, test)


def test_permissions(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function()
        given = {
            "FunctionName": "f",
            "StatementId": "s",
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": f"arn:aws:execute-api:us-east-1:{ACCOUNT}:api/*",
        }
        statement = json.loads((await world("AddPermission", **given))["Statement"])
        assert statement == {
            "Sid": "s",
            "Effect": "Allow",
            "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": ARN,
            "Condition": {"ArnLike": {"AWS:SourceArn": given["SourceArn"]}},
        }
        policy = json.loads((await world("GetPolicy", FunctionName="f"))["Policy"])
        assert policy == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
        refused = await error(world("AddPermission", **given))
        assert refused[0] == "ResourceConflictException"
        assert refused[1].startswith("The statement id (s) provided already exists.")
        await world("RemovePermission", FunctionName="f", StatementId="s")
        assert await error(world("GetPolicy", FunctionName="f")) == (
            "ResourceNotFoundException",
            "The resource you requested does not exist.",
            404,
        )
        refused = await error(world("RemovePermission", FunctionName="f", StatementId="s"))
        assert refused[1] == "No policy is associated with the given resource."

    run(tmp_path, test)


def test_who_may_invoke(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function()
        gateway = service("apigateway.amazonaws.com")
        source = {"aws:SourceArn": f"arn:aws:execute-api:us-east-1:{ACCOUNT}:api/prod/GET/"}

        async def by(principal: Principal, **context: str) -> bytes:
            return (await invoke(world.ports, WORLD, principal, "f", b"1", context={**context})).payload

        assert (await error(by(gateway, **source)))[0] == "AccessDeniedException"
        await world(
            "AddPermission",
            FunctionName="f",
            StatementId="s",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:us-east-1:{ACCOUNT}:api/*",
        )
        assert await by(gateway, **source) == b"1"
        assert (await error(by(gateway, **{"aws:SourceArn": "arn:aws:execute-api:us-east-1:1:other/"})))[2] == 403
        role_arn = await world.role("caller", service="states.amazonaws.com")
        caller = access.assume_role(world.ports, WORLD, role_arn, "states.amazonaws.com", "s" * 32)
        assert (await error(by(caller)))[1] == (
            f"User: arn:aws:sts::{ACCOUNT}:assumed-role/caller/{'s' * 32} is not authorized to perform:"
            f" lambda:InvokeFunction on resource: {ARN} because no identity-based policy allows the"
            " lambda:InvokeFunction action"
        )
        document = allow("lambda:InvokeFunction", resource=ARN)
        await world("PutRolePolicy", "iam", RoleName="caller", PolicyName="p", PolicyDocument=document)
        assert await by(caller) == b"1"

    run(tmp_path, test)


def test_concurrency_and_tags(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function()
        refused = await error(world("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=901))
        assert "below its minimum value of [100]" in refused[1]
        await world("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=0)
        assert (await error(world.invoke())) == ("TooManyRequestsException", "Rate Exceeded.", 429)
        shown = await world("GetFunction", FunctionName="f")
        assert shown["Concurrency"] == {"ReservedConcurrentExecutions": 0}
        await world("DeleteFunctionConcurrency", FunctionName="f")
        assert (await world.invoke(1))["Payload"] == b"1"
        await world("TagResource", Resource=ARN, Tags={"a": "1", "b": "2"})
        await world("UntagResource", Resource=ARN, TagKeys=["a"])
        assert (await world("ListTags", Resource=ARN))["Tags"] == {"b": "2"}

    run(tmp_path, test)


def packages(directory: Path) -> set[str]:
    return {path.name for path in (directory / "functions").iterdir()}


async def left(directory: Path, count: int) -> set[str]:
    async with asyncio.timeout(60):
        while len(packages(directory)) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return packages(directory)


def test_packages_go_when_nothing_refers_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "PAUSE", 0.01)

    async def test(world: FunctionWorld) -> None:
        await world.function(ECHO)
        first = await left(tmp_path, 1)
        await world("PublishVersion", FunctionName="f")
        await world("UpdateFunctionCode", FunctionName="f", ZipFile=zipped("def handler(e, c): return 2"))
        both = await left(tmp_path, 2)
        assert (await world.invoke(1, Qualifier="1"))["Payload"] == b"1"
        await world("UpdateFunctionCode", FunctionName="f", ZipFile=zipped("def handler(e, c): return 3"))
        await asyncio.sleep(0.1)
        assert first < await left(tmp_path, 2) != both
        await world.function(ECHO, "g")
        await world("DeleteFunction", FunctionName="f:1")
        await asyncio.sleep(0.1)
        assert first < await left(tmp_path, 2)
        await world("DeleteFunction", FunctionName="f")
        assert await left(tmp_path, 1) == first
        assert (await world.invoke(5, "g"))["Payload"] == b"5"
        dry = zipped("def handler(e, c): return 4")
        await world("UpdateFunctionCode", FunctionName="g", ZipFile=dry, DryRun=True)
        assert await left(tmp_path, 1) == first
        await world("DeleteFunction", FunctionName="g")
        await left(tmp_path, 0)

    run(tmp_path, test)


def test_packages_on_their_way_stay(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        with tidying.uploading(world.ports):
            sha256, _ = await world.pool.put_package(zipped(ECHO))
            await tidying.tidy(world.ports)
            assert world.pool.package(sha256) is not None
        await tidying.tidy(world.ports)
        assert world.pool.package(sha256) is None

    run(tmp_path, test)


def test_packages_that_a_killed_server_left_go_at_the_start(tmp_path: Path) -> None:
    """It died between the deletion of a function and that of its package."""
    store = MemoryStore()

    async def before(world: FunctionWorld) -> None:
        await world.function(ECHO)
        await world.function("def handler(e, c): return 2", "g")
        await world("DeleteFunction", FunctionName="g")
        assert len(packages(tmp_path)) == 2

    async def after(world: FunctionWorld) -> None:
        await tidying.tidy(world.ports)
        await left(tmp_path, 1)
        assert (await world.invoke(7))["Payload"] == b"7"

    for test in (before, after):
        run(tmp_path, test, store)


def test_pages_of_functions_that_are_deleted_as_they_are_shown(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        for name in ("a", "b", "c", "d", "e"):
            await world.function(ECHO, name=name)
        seen, marker = [], None
        while True:
            page = await world("ListFunctions", MaxItems=2, **({"Marker": marker} if marker else {}))
            for shown in page["Functions"]:
                seen.append(shown["FunctionName"])
                await world("DeleteFunction", FunctionName=shown["FunctionName"])
            if (marker := page["NextMarker"]) is None:
                break
        assert seen == ["a", "b", "c", "d", "e"]
        assert (await error(world("ListFunctions", Marker="a")))[:2] == (
            "InvalidParameterValueException",
            "Invalid marker",
        )

    run(tmp_path, test)

"""Deploys the example with boto3, as one would to AWS: three roles, four functions, the state machine, the REST API.

    python deploy.py [--endpoint http://127.0.0.1:4566]

Deploying again updates what is there. `deploy()` returns what the demo and the tests need to know.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError, EndpointConnectionError

HERE = Path(__file__).resolve().parent
FUNCTIONS = {
    "UpdateRecipe": "update_recipe.handler",
    "IndexRecipe": "index_recipe.handler",
    "IndexPreviousOwner": "index_previous_owner.handler",
    "IndexNewOwner": "index_new_owner.handler",
}
STAGE = "v1"
ACCESS_FORMAT = (
    '$context.requestId "$context.httpMethod $context.resourcePath" $context.status $context.responseLatency'
)


@dataclass(frozen=True)
class Deployment:
    api_id: str
    state_machine_arn: str
    invoke_url: str
    access_log_group: str


class Deployer:
    def __init__(self, endpoint: str, variables: dict[str, str], session: boto3.Session) -> None:
        self._clients: list[Any] = []

        def client(service: str) -> Any:
            self._clients.append(session.client(service, endpoint_url=endpoint))
            return self._clients[-1]

        self.endpoint, self.variables = endpoint, variables
        self.iam, self.functions, self.states = client("iam"), client("lambda"), client("stepfunctions")
        self.apis, self.logs = client("apigateway"), client("logs")
        self.region = session.region_name
        self.account = client("sts").get_caller_identity()["Account"]

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def role(self, name: str, service: str, statement: dict[str, Any] | None = None, managed: str | None = None) -> str:
        """A role that only `service` may assume, with one inline statement or one managed policy or both."""
        trust = _policy({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})
        _unless_exists(lambda: self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust))
        self.iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
        if statement:
            self.iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=_policy(statement))
        if managed:
            self.iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/service-role/{managed}")
        return str(self.iam.get_role(RoleName=name)["Role"]["Arn"])

    def function(self, name: str, handler: str, package: bytes, role: str) -> str:
        settings = {"Role": role, "Handler": handler, "Timeout": 20, "Environment": {"Variables": self.variables}}
        created = _unless_exists(
            lambda: self.functions.create_function(
                FunctionName=name, Runtime="python3.12", Code={"ZipFile": package}, **settings
            )
        )
        if not created:
            self.functions.update_function_code(FunctionName=name, ZipFile=package)
            self.functions.get_waiter("function_updated_v2").wait(FunctionName=name)
            self.functions.update_function_configuration(FunctionName=name, **settings)
        self.functions.get_waiter("function_active_v2").wait(FunctionName=name)
        return str(self.functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"])

    def state_machine(self, name: str, definition: str, role: str) -> str:
        arn = f"arn:aws:states:{self.region}:{self.account}:stateMachine:{name}"
        try:
            self.states.update_state_machine(stateMachineArn=arn, definition=definition, roleArn=role)
        except ClientError as error:
            if error.response["Error"]["Code"] != "StateMachineDoesNotExist":
                raise
            self.states.create_state_machine(name=name, definition=definition, roleArn=role)
        return arn

    def api(self, name: str, role: str) -> str:
        """`POST /recipes/{id}/move`; an API of that name is used again: its methods are put anew."""
        found = [
            api["id"]
            for page in self.apis.get_paginator("get_rest_apis").paginate()
            for api in page["items"]
            if api["name"] == name
        ]
        api_id: str = found[0] if found else self.apis.create_rest_api(name=name)["id"]
        resource = self.resource(api_id, "/recipes/{id}/move")
        method = {"restApiId": api_id, "resourceId": resource, "httpMethod": "POST"}
        try:
            self.apis.delete_method(**method)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NotFoundException":
                raise
        self.apis.put_method(**method, authorizationType="NONE", requestParameters={"method.request.path.id": True})
        self.apis.put_integration(
            **method,
            type="AWS",
            integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:{self.region}:states:action/StartExecution",
            credentials=role,
            passthroughBehavior="NEVER",
            requestTemplates={"application/json": (HERE / "request.vtl").read_text()},
        )
        for status, pattern in (("200", ""), ("400", r"4\d{2}"), ("500", r"5\d{2}")):
            self.apis.put_method_response(**method, statusCode=status)
            self.apis.put_integration_response(**method, statusCode=status, selectionPattern=pattern)
        return api_id

    def resource(self, api_id: str, path: str) -> str:
        pages = self.apis.get_paginator("get_resources").paginate(restApiId=api_id)
        known = {item["path"]: item["id"] for page in pages for item in page["items"]}
        reached = ""
        for part in path.strip("/").split("/"):
            parent, reached = known[reached or "/"], f"{reached}/{part}"
            if reached not in known:
                known[reached] = self.apis.create_resource(restApiId=api_id, parentId=parent, pathPart=part)["id"]
        return str(known[path])

    def stage(self, api_id: str, state_machine_arn: str, log_group: str) -> None:
        variables = {"stateMachineArn": state_machine_arn}
        self.apis.create_deployment(restApiId=api_id, stageName=STAGE, variables=variables)
        group_arn = f"arn:aws:logs:{self.region}:{self.account}:log-group:{log_group}"
        settings = {
            "/variables/stateMachineArn": state_machine_arn,
            "/*/*/logging/loglevel": "INFO",
            "/*/*/logging/dataTrace": "true",
            "/accessLogSettings/destinationArn": group_arn,
            "/accessLogSettings/format": ACCESS_FORMAT,
        }
        operations = [{"op": "replace", "path": path, "value": value} for path, value in settings.items()]
        self.apis.update_stage(restApiId=api_id, stageName=STAGE, patchOperations=operations)


def deploy(
    endpoint: str, variables: dict[str, str], session: boto3.Session, say: Callable[[str], None] = print
) -> Deployment:
    """`variables` go into the functions' environment: where the database and the index are."""
    with contextlib.closing(Deployer(endpoint, variables, session)) as to:
        return _deploy(to, say)


def _deploy(to: Deployer, say: Callable[[str], None]) -> Deployment:
    function_role = to.role("recipes-functions", "lambda.amazonaws.com", managed="AWSLambdaBasicExecutionRole")
    package = _package()
    arns = {name: to.function(name, handler, package, function_role) for name, handler in FUNCTIONS.items()}
    say(f"functions        {', '.join(arns)}")

    machine_role = to.role(
        "recipes-machine",
        "states.amazonaws.com",
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": [*arns.values()]},
    )
    definition = (HERE / "definition.asl.json").read_text()
    for name, arn in arns.items():
        definition = definition.replace(f"${{{name}Arn}}", arn)
    machine = to.state_machine("MoveRecipe", definition, machine_role)
    say(f"state machine    {machine}")

    api_role = to.role(
        "recipes-api",
        "apigateway.amazonaws.com",
        {"Effect": "Allow", "Action": "states:StartExecution", "Resource": machine},
        managed="AmazonAPIGatewayPushToCloudWatchLogs",
    )
    to.apis.update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": api_role}])
    log_group = "/recipes/access"
    _unless_exists(lambda: to.logs.create_log_group(logGroupName=log_group))
    api_id = to.api("recipes", api_role)
    to.stage(api_id, machine, log_group)
    url = f"{to.endpoint}/_aws/execute-api/{api_id}/{STAGE}"
    say(f"REST API         {url}/recipes/{{id}}/move")
    return Deployment(api_id, machine, url, log_group)


def _package() -> bytes:
    """All functions share one package: the Python files of `functions/`, with fixed times, so that the same files give
    the same package."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((HERE / "functions").glob("*.py")):
            archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes())
    return buffer.getvalue()


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _unless_exists(create: Callable[[], Any]) -> bool:
    """True if it was created, False if it was there."""
    try:
        create()
    except ClientError as error:
        if error.response["Error"]["Code"] not in (
            "EntityAlreadyExists",
            "ResourceConflictException",
            "ResourceAlreadyExistsException",
        ):
            raise
        return False
    return True


def settings_from(environ: dict[str, str], data: Path) -> dict[str, str]:
    """The functions' variables: the servers that are named in the environment, else files under `data`."""
    variables = {name: environ[name] for name in ("DATABASE_URL", "SEARCH_URL") if environ.get(name)}
    variables.setdefault("RECIPES_DB", str((data / "recipes.db").resolve()))
    variables.setdefault("RECIPES_INDEX", str((data / "index.db").resolve()))
    return variables


def local_session() -> boto3.Session:
    """Any keys do where `--auth open`; the ones in the environment are taken if there are any."""
    return boto3.Session(
        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "test"),
        aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "test"),
        region_name=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", default=os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"))
    parser.add_argument("--data", type=Path, default=Path(".stategate/recipes"), help="where the SQLite files are kept")
    arguments = parser.parse_args()
    arguments.data.mkdir(parents=True, exist_ok=True)
    try:
        deploy(arguments.endpoint, settings_from(dict(os.environ), arguments.data), local_session())
    except (EndpointConnectionError, ValueError) as error:
        parser.exit(1, f"{error}\nIs a server there? `make serve` starts one.\n")

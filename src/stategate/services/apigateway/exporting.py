"""GetExport: a stage's API as a document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from stategate.gateway.model import DocumentationPart
from stategate.gateway.openapi.documents import dump_json, dump_yaml
from stategate.gateway.openapi.exporter import EXTENSIONS, Exported, Kind, write_document
from stategate.services.apigateway import records
from stategate.services.apigateway.errors import bad_request, not_found, unsupported
from stategate.services.beside import LARGE, beside
from stategate.services.call import Call, Input, Output

FEW = 10
"""Resources whose document is written in no time."""

_YAML = ("application/yaml", "application/x-yaml", "text/yaml")


async def get_export(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    stage = records.get_stage(call, api.id, given["stageName"])
    kind = given["exportType"]
    if kind not in ("oas30", "swagger"):
        raise bad_request("Invalid Export type specified. Valid options are oas30,swagger")
    parameters = given.get("parameters") or {}
    for name in parameters:
        if name != "extensions":
            raise unsupported(f"the parameter {name} of GetExport")
    chosen = [name for name in (parameters.get("extensions") or "").split(",") if name.strip()]
    chosen = [name.strip().lower() for name in chosen]
    for name in chosen:
        if name == "postman":
            raise unsupported("the extension postman of GetExport")
        if name not in EXTENSIONS:
            raise bad_request(f"Invalid Export extension specified: {name}")
    deployment = records.get_deployment(call, api.id, stage.deployment_id)
    snapshot = records.snapshots(call.ports, call.world).get(f"{api.id}/{deployment.id}")
    if snapshot is None:
        raise not_found("Invalid Deployment identifier specified")
    parts: tuple[DocumentationPart, ...] = ()
    if stage.documentation_version is not None:
        parts = records.get_documentation_version(call, api.id, stage.documentation_version).parts
    version = datetime.fromtimestamp(int(deployment.created), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    host = f"{api.id}.execute-api.{call.world.region}.amazonaws.com"
    source = Exported(api, snapshot, stage.name, host, version, parts, stage.documentation_version)
    accept = (given.get("accepts") or "").split(";")[0].strip().lower()
    yaml = accept in _YAML
    if not yaml and accept not in ("", "*/*", "application/json"):
        raise unsupported(f"the export as {accept}")

    def write() -> bytes:
        document = write_document(source, cast(Kind, kind), chosen)
        return dump_yaml(document) if yaml else dump_json(document)

    name = f"{kind}_{api.version or version}.{'yaml' if yaml else 'json'}".replace('"', "").replace("\n", "")
    return {
        "contentType": "application/octet-stream",
        "contentDisposition": f'attachment; filename="{name}"',
        "body": await beside(LARGE if len(snapshot.resources) > FEW else 0, write),
    }


OPERATIONS = {"GetExport": get_export}

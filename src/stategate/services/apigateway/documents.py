"""GetModelTemplate, ImportDocumentationParts."""

from __future__ import annotations

import json
from typing import Any

from stategate.gateway.model import DocumentationPart
from stategate.gateway.openapi.documents import InvalidDocument, parse
from stategate.gateway.openapi.importer import MAX_THINGS, read_documentation
from stategate.gateway.openapi.samples import sample_template
from stategate.services.apigateway import records, shapes
from stategate.services.apigateway.documentation import located
from stategate.services.apigateway.errors import bad_request
from stategate.services.apigateway.importing import raw
from stategate.services.apigateway.models import get_model_record
from stategate.services.beside import beside
from stategate.services.call import Call, Input, Operations, Output


def get_model_template(call: Call, given: Input) -> Output:
    model = get_model_record(call, given)
    table = records.models(call.ports, call.world)

    def resolve(target: str) -> Any:
        found = table.get(f"{given['restApiId']}/{target.rpartition('/')[2]}")
        return None if found is None else _schema(found.schema)

    return {"value": sample_template(_schema(model.schema), resolve)}


async def import_documentation_parts(call: Call, given: Input) -> Output:
    """The parts of a document's `x-amazon-apigateway-documentation`, merged by location or in place of all."""
    records.get_api(call, given["restApiId"])
    body = raw(given["body"])
    try:
        parts, warnings = await beside(len(body), lambda: read_documentation(parse(body)))
    except InvalidDocument:
        raise bad_request("Unable to build importer with provided input.") from None
    if len(parts) > MAX_THINGS:
        raise bad_request(f"The document has {len(parts)} documentation parts, at most {MAX_THINGS} are allowed")
    api = records.get_api(call, given["restApiId"])
    if warnings and given.get("failOnWarnings"):
        raise bad_request("Warnings found during import:\n\t" + "\n\t".join(warnings))
    table = records.documentation_parts(call.ports, call.world)
    known = dict(table.items(f"{api.id}/"))
    places = {located(part.location): part.id for part in known.values()}
    ids: dict[str, None] = {}
    for defined in parts:
        part_id = places.setdefault(located(defined.location), records.new_id(call, 6))
        table.put(f"{api.id}/{part_id}", DocumentationPart(part_id, defined.location, defined.properties))
        ids[part_id] = None
    if given.get("mode") == "overwrite":
        for key, part in known.items():
            if part.id not in ids:
                table.delete(key)
    return shapes.present(ids=list(ids), warnings=warnings or None)


def _schema(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


OPERATIONS: Operations = {
    "GetModelTemplate": get_model_template,
    "ImportDocumentationParts": import_documentation_parts,
}

"""TagResource, UntagResource, GetTags: by ARN, for everything that can be tagged."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from msgspec.structs import replace

from stategate.services.apigateway import apikeys, records, records_data, records_keys
from stategate.services.apigateway.errors import bad_request, not_found
from stategate.services.apigateway.tags import merged
from stategate.services.call import Call, Input, Output
from stategate.services.ports import Records

_ARN = re.compile(r"arn:[a-z\-]+:apigateway:([a-z0-9\-]+)::/([a-z]+)/([^/]+)(?:/stages/([^/]+))?\Z")


def get_tags(call: Call, given: Input) -> Output:
    _, _, thing = _tagged(call, given)
    return {"tags": dict(thing.tags)}


def tag_resource(call: Call, given: Input) -> Output:
    table, key, thing = _tagged(call, given)
    table.put(key, replace(thing, tags=merged(thing.tags, given["tags"])))
    return {}


def untag_resource(call: Call, given: Input) -> Output:
    table, key, thing = _tagged(call, given)
    gone = set(given["tagKeys"])
    table.put(key, replace(thing, tags={name: value for name, value in thing.tags.items() if name not in gone}))
    return {}


def _api(call: Call, api_id: str) -> Any:
    api = records.apis(call.ports, call.world).get(api_id)
    if api is None:
        raise not_found("Invalid API identifier specified")
    return api


def _plan(call: Call, plan_id: str) -> Any:
    plan = records_keys.usage_plans(call.ports, call.world).get(plan_id)
    if plan is None:
        raise not_found("Invalid Usage Plan ID specified")
    return plan


KINDS: dict[str, tuple[Callable[..., Records[Any]], Callable[[Call, str], Any]]] = {
    "restapis": (records.apis, _api),
    "apikeys": (records_keys.api_keys, apikeys.get_key),
    "usageplans": (records_keys.usage_plans, _plan),
    "domainnames": (records_data.domain_names, records_data.get_domain_name),
    "vpclinks": (records_data.vpc_links, records_data.get_vpc_link),
    "clientcertificates": (records_data.client_certificates, records_data.get_client_certificate),
}


def _tagged(call: Call, given: Input) -> tuple[Records[Any], str, Any]:
    found = _ARN.match(unquote(given["resourceArn"]))
    region, kind, name, stage = found.groups() if found is not None else (None, "", "", None)
    if region != call.world.region or kind not in KINDS or (stage and kind != "restapis"):
        raise bad_request("Invalid ARN specified in the request")
    if stage:
        return records.stages(call.ports, call.world), f"{name}/{stage}", records.get_stage(call, name, stage)
    table, read = KINDS[kind]
    return table(call.ports, call.world), name, read(call, name)


OPERATIONS = {"GetTags": get_tags, "TagResource": tag_resource, "UntagResource": untag_resource}

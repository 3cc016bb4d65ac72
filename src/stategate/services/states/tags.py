"""Tags of state machines and activities."""

from __future__ import annotations

import msgspec

from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError
from stategate.services.states import activities, records
from stategate.services.states.errors import resource_not_found
from stategate.services.states.tagging import read_tags


def tag_resource(call: Call, input: Input) -> Output:
    tagged = _tagged(call, input["resourceArn"])
    _put(call, tagged, read_tags(tagged.tags, input["tags"]))
    return {}


def untag_resource(call: Call, input: Input) -> Output:
    tagged = _tagged(call, input["resourceArn"])
    _put(call, tagged, {key: value for key, value in tagged.tags.items() if key not in input["tagKeys"]})
    return {}


def list_tags_for_resource(call: Call, input: Input) -> Output:
    tagged = _tagged(call, input["resourceArn"])
    return {"tags": [{"key": key, "value": value} for key, value in tagged.tags.items()]}


Tagged = records.Machine | activities.Activity


def _tagged(call: Call, arn: str) -> Tagged:
    parts = arn.split(":")
    activity = len(parts) > 5 and parts[5] == "activity"
    try:
        return activities.existing(call, arn) if activity else records.existing_machine(call.ports, call.world, arn)
    except AwsError as error:
        if error.code in ("StateMachineDoesNotExist", "ActivityDoesNotExist"):
            raise resource_not_found(arn) from None
        raise


def _put(call: Call, tagged: Tagged, tags: dict[str, str]) -> None:
    match tagged:
        case records.Machine():
            records.machines(call.ports, call.world).put(tagged.name, msgspec.structs.replace(tagged, tags=tags))
        case activities.Activity():
            activities.activities(call.ports, call.world).put(tagged.name, msgspec.structs.replace(tagged, tags=tags))

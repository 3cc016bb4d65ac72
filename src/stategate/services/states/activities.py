"""Activities: what workers outside ask for tasks of. Their records, and the long poll."""

from __future__ import annotations

import msgspec

from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError
from stategate.services.ports import Ports, Records, World
from stategate.services.states import names, paging
from stategate.services.states.configuration import read_encryption
from stategate.services.states.errors import activity_already_exists, activity_does_not_exist
from stategate.services.states.records import OWNED_KEY
from stategate.services.states.tagging import read_tags
from stategate.wire.arn import Arn, InvalidArn

LONG_POLL = 60.0
"""Seconds that GetActivityTask waits for a task."""


class Activity(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    created: float
    tags: dict[str, str] = {}
    encryption: str | None = None


def activities(ports: Ports, world: World) -> Records[Activity]:
    """By name."""
    return ports.store.records(world, "states.activity", Activity)


def activity_arn(world: World, name: str) -> str:
    return names.arn_of(world, f"activity:{name}")


def exists(ports: Ports, arn: str) -> bool:
    """Whether there is an activity of this ARN, in whichever world the ARN names."""
    try:
        parsed = Arn.parse(arn)
    except InvalidArn:
        return False
    kind, _, name = parsed.resource.partition(":")
    return kind == "activity" and activities(ports, World(parsed.account, parsed.region)).get(name) is not None


def existing(call: Call, arn: str) -> Activity:
    """Raises `InvalidArn`, `ActivityDoesNotExist`."""
    world, (name,) = names.parse_arn(arn, "activity")
    found = activities(call.ports, call.world).get(name) if world == call.world else None
    if found is None:
        raise activity_does_not_exist(arn)
    return found


def create_activity(call: Call, input: Input) -> Output:
    """Making the same again is not an error; tags are not compared."""
    name = input["name"]
    names.check_name(name)
    encryption = read_encryption(input.get("encryptionConfiguration"))
    table = activities(call.ports, call.world)
    activity = table.get(name)
    if activity is None:
        activity = Activity(name, call.now, read_tags({}, input.get("tags")), encryption)
        table.put(name, activity)
    elif (activity.encryption or OWNED_KEY) != (encryption or OWNED_KEY):
        raise activity_already_exists(activity_arn(call.world, name))
    return {"activityArn": activity_arn(call.world, name), "creationDate": activity.created}


def describe_activity(call: Call, input: Input) -> Output:
    activity = existing(call, input["activityArn"])
    return {
        "activityArn": activity_arn(call.world, activity.name),
        "name": activity.name,
        "creationDate": activity.created,
        "encryptionConfiguration": {"type": activity.encryption or OWNED_KEY},
    }


def delete_activity(call: Call, input: Input) -> Output:
    """Deleting what is not there is not an error. Tasks that were scheduled wait until they time out."""
    try:
        activity = existing(call, input["activityArn"])
    except AwsError as error:
        if error.code == "ActivityDoesNotExist":
            return {}
        raise
    activities(call.ports, call.world).delete(activity.name)
    return {}


def list_activities(call: Call, input: Input) -> Output:
    """By name."""
    found, token = paging.by_name(call, input, "ListActivities", activities(call.ports, call.world))
    shown = [
        {
            "activityArn": activity_arn(call.world, activity.name),
            "name": activity.name,
            "creationDate": activity.created,
        }
        for activity in found
    ]
    return {"activities": shown, "nextToken": token}


async def get_activity_task(call: Call, input: Input) -> Output:
    """Waits up to a minute for a task; without one the answer is empty."""
    activity = existing(call, input["activityArn"])
    arn = activity_arn(call.world, activity.name)
    task = await call.ports.executions.take_task(arn, input.get("workerName"), LONG_POLL)
    return {} if task is None else {"taskToken": task.token, "input": task.input}

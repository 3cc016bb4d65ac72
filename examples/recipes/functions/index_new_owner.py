"""IndexNewOwner: writes the search document of the owner who got the recipe."""

from typing import Any

import owners


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    return owners.index_owner(event["new_owner_id"])

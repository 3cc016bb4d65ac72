"""IndexPreviousOwner: writes the search document of the owner who gave the recipe away."""

from typing import Any

import owners


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    return owners.index_owner(event["previous_owner_id"])

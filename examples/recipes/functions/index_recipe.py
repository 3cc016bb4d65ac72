"""IndexRecipe: writes the search document of the recipe that moved."""

from typing import Any

import database
import search


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    with database.transaction() as db:
        recipe = db.one(
            "SELECT recipe.id, recipe.title, owner.id AS owner_id, owner.name AS owner"
            " FROM recipe JOIN owner ON owner.id = recipe.owner_id WHERE recipe.id = ?",
            event["recipe_id"],
        )
    assert recipe is not None, "UpdateRecipe has seen this recipe"
    with search.connect() as index:
        index.put("recipes", recipe["id"], recipe)
    return {"index": "recipes", "id": recipe["id"]}

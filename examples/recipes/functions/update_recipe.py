"""UpdateRecipe: gives a recipe to a new owner, in the database."""

from typing import Any

import database


class RecipeNotFound(Exception):
    """There is no such recipe."""


class InvalidMove(Exception):
    """The new owner is missing or unknown."""


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """`event`: {"move_id", "recipe_id", "user_id"}. A task may be called again after a crash, so the move is recorded
    under its id, and a second call for the same move answers what the first did."""
    move_id, recipe_id, user_id = event["move_id"], event["recipe_id"], event["user_id"]
    with database.transaction() as db:
        recipe = db.one("SELECT id, title, owner_id FROM recipe WHERE id = ?", recipe_id)
        if recipe is None:
            raise RecipeNotFound(f"There is no recipe {recipe_id!r}.")
        if db.one("SELECT id FROM owner WHERE id = ?", user_id) is None:
            raise InvalidMove(f"There is no user {user_id!r} to give a recipe to.")
        first = db.run(
            "INSERT INTO move (id, recipe_id, previous_owner_id, new_owner_id) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO NOTHING RETURNING id",
            move_id,
            recipe_id,
            recipe["owner_id"],
            user_id,
        )
        if first:
            db.run("UPDATE recipe SET owner_id = ?, moves = moves + 1 WHERE id = ?", user_id, recipe_id)
        move = db.one("SELECT previous_owner_id, new_owner_id FROM move WHERE id = ?", move_id)
        assert move is not None
    print(f"recipe {recipe_id}: {move['previous_owner_id']} -> {move['new_owner_id']}")
    return {"recipe_id": recipe_id, "title": recipe["title"], **move}

"""What IndexPreviousOwner and IndexNewOwner share: the search document of an owner, with their recipes' titles."""

import database
import search


def index_owner(owner_id: str) -> dict[str, str]:
    with database.transaction() as db:
        owner = db.one("SELECT id, name FROM owner WHERE id = ?", owner_id)
        assert owner is not None, "recipe.owner_id refers to an owner"
        titles = [
            row["title"] for row in db.run("SELECT title FROM recipe WHERE owner_id = ? ORDER BY title", owner_id)
        ]
    with search.connect() as index:
        index.put("owners", owner_id, {**owner, "recipes": titles})
    return {"index": "owners", "id": owner_id}

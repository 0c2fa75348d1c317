"""Pairs of random catalogs in which the same ids mean the same things."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from backstay.catalog import Catalog
from backstay.catalog.operations import CreateCollection, replay
from backstay.migrations.files import first_catalog

COLLECTIONS = ("cone", "ctwo", "cthree", "cfour")
NAMES = ("posts", "tags", "Order", "group", "notes", "items")
FIELDS = ("fa", "fb", "fc", "fd", "fe")
FIELD_NAMES = ("title", "body", "select", "Value", "n", "x", "y")
KINDS: tuple[dict[str, Any], ...] = (
    {"type": "text"},
    {"type": "number"},
    {"type": "bool"},
    {"type": "json"},
    {"type": "date"},
    {"type": "geoPoint"},
    {"type": "editor"},
    {"type": "url"},
    {"type": "select", "values": ["a", "b", "c"], "maxSelect": 1},
    {"type": "file", "maxSelect": 1},
    {"type": "relation", "maxSelect": 1},
)
RULES = (None, "", "id != ''", "@request.auth.id != ''")


class Shapes:
    """What stays the same between the catalogs of one pair: types, and where relations lead."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.types = {id: chance.choice(["base", "base", "auth"]) for id in COLLECTIONS}
        self.kinds = {(id, field): chance.choice(KINDS) for id in COLLECTIONS for field in FIELDS}
        self.targets = {key: chance.choice(COLLECTIONS) for key in self.kinds}

    def catalog(self) -> Catalog:
        """Return a random catalog beside what every site has."""
        chance = self.chance
        present = chance.sample(COLLECTIONS, chance.randint(0, len(COLLECTIONS)))
        names = dict(zip(present, chance.sample(NAMES, len(present)), strict=True))
        bodies = [self._collection(id, name, present) for id, name in names.items()]
        if bodies and chance.random() < 0.5:
            seen = "".join(f', "{field["name"]}"' for field in bodies[0]["fields"][:2])
            query = f'SELECT id{seen} FROM "{bodies[0]["name"]}"'
            bodies.append({"id": "cview", "name": "seen", "type": "view", "viewQuery": query})
        return replay(first_catalog(), map(CreateCollection, bodies))

    def _collection(self, id: str, name: str, present: Sequence[str]) -> dict[str, Any]:
        chance, type = self.chance, self.types[id]
        possible = [field for field in FIELDS if self._is_possible(id, field, present)]
        picked = chance.sample(possible, chance.randint(0, len(possible)))
        labels = chance.sample(FIELD_NAMES, len(picked))
        fields = [self._field(id, field, label) for field, label in zip(picked, labels, strict=True)]
        indexed = [field["name"] for field in fields if field["type"] in {"text", "number"}]
        indexes = [
            f"CREATE INDEX `by_{id}_{at}` ON `{name}` (`{column}`)"
            for at, column in enumerate(indexed)
            if chance.random() < 0.5
        ]
        out: dict[str, Any] = {"id": id, "name": name, "type": type, "fields": fields, "indexes": indexes}
        out |= {rule: chance.choice(RULES) for rule in ("listRule", "viewRule", "createRule", "deleteRule")}
        if type == "auth":
            return out | {
                "authToken": {"duration": chance.choice([60, 600])},
                "authRule": chance.choice(RULES),
            }
        return out | {"appendOnly": chance.random() < 0.3}

    def _is_possible(self, id: str, field: str, present: Sequence[str]) -> bool:
        return self.kinds[id, field]["type"] != "relation" or self.targets[id, field] in present

    def _field(self, id: str, field: str, name: str) -> dict[str, Any]:
        chance = self.chance
        out = {**self.kinds[id, field], "id": field, "name": name}
        out |= {"systemOnly": chance.random() < 0.2, "presentable": chance.random() < 0.2}
        if out["type"] == "relation":
            out["collectionId"] = self.targets[id, field]
        if "maxSelect" in out:
            out["maxSelect"] = chance.choice([1, 3])
        if out["type"] == "text":
            out["max"] = chance.choice([0, 500])
        if out["type"] == "number":
            out["min"] = chance.choice([None, -5.5, 3])
        return out

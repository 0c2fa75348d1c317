"""Migrations: files in `SITE/migrations/` which bring a database from one schema to the next.

    from backstay import migrations

    operations = [
        migrations.RenameField("posts", "headline", "title"),
        migrations.AddField("posts", {"name": "views", "type": "number"}),
    ]

    async def data(db: migrations.Data) -> None:
        await db.execute("UPDATE posts SET views = 1")

Here stands what such a file uses. `files` reads and writes them, `runner` applies them, `start` is what happens when
a site starts, `recorder` writes down what is changed over the API in development.
"""

from __future__ import annotations

from backstay.catalog.operations import (
    AddField,
    AddIndex,
    ChangeCollection,
    ChangeField,
    CreateCollection,
    DropCollection,
    DropField,
    DropIndex,
    Operation,
    OrderFields,
    RenameCollection,
    RenameField,
)
from backstay.migrations.data import Data, Records

__all__ = [
    "AddField",
    "AddIndex",
    "ChangeCollection",
    "ChangeField",
    "CreateCollection",
    "Data",
    "DropCollection",
    "DropField",
    "DropIndex",
    "Operation",
    "OrderFields",
    "Records",
    "RenameCollection",
    "RenameField",
]

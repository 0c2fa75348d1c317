"""The tables that Backstay itself needs: described once, written for each database by SQLAlchemy.

Statements on them are portable text with `?` for each value. Texts compare and sort by their bytes on every database.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect as SqlDialect
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from backstay.plans.dialects.base import Dialect
from backstay.plans.params import Statement
from backstay.stores.base import Transaction

_TEXT = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def system_table(name: str, *columns: sa.Column[object], is_counted: bool = False) -> sa.Table:
    """Describe a table.

    is_counted: its key is a number that grows with each row and is never used again
    """
    return sa.Table(
        name,
        sa.MetaData(),
        *columns,
        sqlite_autoincrement=is_counted,
        sqlite_with_rowid=is_counted,
    )


def key(name: str) -> sa.Column[object]:
    """Describe the column of texts by which a row is found."""
    return sa.Column(name, _TEXT, primary_key=True)


def counter(name: str) -> sa.Column[object]:
    """Describe the number that a row gets by itself."""
    return sa.Column(name, _NUMBER, sa.Identity(always=False), primary_key=True)


def text(name: str, default: str | None = None) -> sa.Column[object]:
    """Describe a column of texts."""
    return sa.Column(name, _TEXT, nullable=False, server_default=default)


def number(name: str, default: int | None = None) -> sa.Column[object]:
    """Describe a column of whole numbers."""
    return sa.Column(name, _NUMBER, nullable=False, server_default=_default(default))


def seconds(name: str, default: int | None = None) -> sa.Column[object]:
    """Describe a column of Unix times."""
    return sa.Column(name, sa.Double(), nullable=False, server_default=_default(default))


def flag(name: str) -> sa.Column[object]:
    """Describe a column that is false unless told otherwise."""
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _default(value: int | None) -> sa.TextClause | None:
    return None if value is None else sa.text(str(value))


def creation(table: sa.Table, dialect: SqlDialect) -> Iterator[str]:
    """Yield what creates a table and its indexes where they are not there yet."""
    yield str(CreateTable(table, if_not_exists=True).compile(dialect=dialect))
    for index in sorted(table.indexes, key=lambda item: str(item.name)):
        yield str(CreateIndex(index, if_not_exists=True).compile(dialect=dialect))


COLUMNS_OF = {
    "sqlite": Statement("SELECT name FROM pragma_table_info(?)"),
    "postgresql": Statement(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(quote_ident(?)) AND attnum > 0 AND NOT attisdropped"
    ),
}
"""By the name of the dialect, what gives the columns of a table; none where it is not there."""


async def prepare(tx: Transaction, dialect: Dialect, table: sa.Table) -> None:
    """Make a table with its indexes, or add the columns that an older site's lacks; its rows stay."""
    create, *indexes = creation(table, dialect.sql)
    await tx.execute(Statement(create))
    known = {row[0] for row in await tx.fetch(COLUMNS_OF[dialect.name], [table.name])}
    for column in table.columns:
        if column.name not in known:
            definition = CreateColumn(column).compile(dialect=dialect.sql)
            await tx.execute(Statement(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))
    for sql in indexes:
        await tx.execute(Statement(sql))

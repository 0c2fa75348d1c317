"""docs/limits.md tells the limits as the code has them, and all of them."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/limits.md").read_text()
UNITS = {"KB": 1 << 10, "MB": 1 << 20}
ROWS = re.findall(r"^\| (.+?) \| ([\d,]+)(?: (KB|MB))? \| (.+?) \| `([\w.]+)` \|$", TEXT, re.MULTILINE)
MODULES = (
    *("filters.parser", "plans.limits", "plans.fields", "plans.operands", "plans.dialects.sqlite"),
    *("http.bodies", "http.context", "http.batch", "http.auth", "http.rate_limits", "strict_json"),
    *("accounts.passwords", "accounts.sign_in", "accounts.viewers", "records.cascade", "records.plan_cache"),
    *("records.reader", "stores.sqlite", "stores.like", "accounts.forms", "accounts.one_time"),
    *("accounts.recovery", "accounts.origins", "accounts.places", "mail.fill", "http.account_pages"),
    *("pages.languages", "http.oauth2", "oauth2.apple", "oauth2.profile", "outbound", "files.names"),
    *("files.incoming", "files.ranges", "files.sizes", "files.thumb_worker", "files.thumbs", "http.files"),
    *("collections.view_files", "realtime.clients", "realtime.topics", "http.realtime", "realtime.broker"),
    *("realtime.shared", "outbox.outbox", "outbox.topics", "outbox.lanes", "jobs.arguments", "jobs.job"),
    *("jobs.times", "stores.postgresql", "plans.dialects.postgresql", "extending.hooks"),
)
INTERNAL = {
    "accounts.passwords.ARGON2_LANES_MAX": "of hashes from elsewhere",
    "accounts.passwords.ARGON2_MEMORY_MAX_KIB": "of hashes from elsewhere",
    "accounts.passwords.ARGON2_PASSES_MAX": "of hashes from elsewhere",
    "accounts.passwords.BCRYPT_COST_MAX": "of hashes from elsewhere",
    "accounts.passwords.BCRYPT_MAX_BYTES": "of the algorithm",
    "filters.parser.CALL_DEPTH_MAX": "no function takes another",
    "records.reader.OFFSET_MAX": "the databases' own; a page beyond it is as empty as the one before",
    "jobs.times.DAYS_MAX": "of the calendar",
    "plans.dialects.sqlite.CHAIN_MAX": "how statements are written",
}


def value_of(name: str) -> Any:
    """Return a constant, or the default of an option, by its dotted name."""
    owner, _, last = name.rpartition(".")
    if owner.rpartition(".")[2][:1].isupper():
        module, _, options = owner.rpartition(".")
        return getattr(getattr(import_module(f"backstay.{module}"), options)(), last)
    return getattr(import_module(f"backstay.{owner}"), last)


def test_every_row_is_read() -> None:
    assert len(ROWS) == TEXT.count("` |\n")


@pytest.mark.parametrize(("limit", "number", "unit", "error", "name"), ROWS, ids=[row[-1] for row in ROWS])
def test_the_table_is_true(limit: str, number: str, unit: str, error: str, name: str) -> None:
    assert value_of(name) == int(number.replace(",", "")) * UNITS.get(unit, 1), limit
    assert error


@pytest.mark.parametrize("module", MODULES)
def test_every_limit_is_in_the_table(module: str) -> None:
    known = {row[-1] for row in ROWS} | set(INTERNAL)
    loaded = import_module(f"backstay.{module}")
    source = Path(str(loaded.__file__)).read_text()
    own = re.findall(r"^([A-Z][A-Z_0-9]*_MAX(?:_[A-Z]+)*|MAX_[A-Z]+)\b[^=\n]*=", source, re.MULTILINE)
    assert {f"{module}.{name}" for name in own} <= known

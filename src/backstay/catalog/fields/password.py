"""Passwords: the value is a hash; a plain password lives only between the body and the hashing."""

from __future__ import annotations

from typing import Any

from backstay.catalog.casts import to_text
from backstay.catalog.fields.base import INVALID_FORMAT, REQUIRED, FieldBase, Value
from backstay.catalog.patterns import matches
from backstay.catalog.strength import weakness
from backstay.errors import Fault

MAX_BYTES = 71


class PasswordField(FieldBase, frozen=True, kw_only=True, tag="password"):
    """A password of `min` to `max` characters (0: 71), kept as a hash and never sent.

    cost:     kept for collections from elsewhere; new hashes are argon2id and don't use it
    minScore: how hard to guess it must be, from 0 (whatever) to 4, as zxcvbn counts; needs `backstay[strength]`
    """

    help: str = ""
    min: int = 0
    max: int = 0
    pattern: str = ""
    cost: int = 0
    minScore: int = 0
    required: bool = False

    def cast(self, raw: Any) -> Value:
        return to_text(raw)

    def check_plain(self, plain: str) -> Fault | None:
        """Return what is wrong with a password before it is hashed."""
        if not plain:
            return REQUIRED if self.required else None
        if self.min > 0 and len(plain) < self.min:
            return Fault("validation_min_text_constraint", f"Must be at least {self.min} character(s).")
        longest = self.max or MAX_BYTES
        if len(plain) > longest:
            return Fault("validation_max_text_constraint", f"Must be less than {longest} character(s).")
        if self.pattern and not matches(self.pattern, plain):
            return INVALID_FORMAT
        return weakness(plain, self.minScore) if self.minScore else None

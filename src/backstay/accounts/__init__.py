"""Accounts: who signs in, and how. Here: the primitives, without HTTP and without a database."""

from backstay.accounts.passwords import PASSWORD_MAX_CHARS, Cost, Hasher, Verdict
from backstay.accounts.tokens import Claims, TokenType, issue, read_unverified, signing_key, verify

__all__ = [
    "PASSWORD_MAX_CHARS",
    "Claims",
    "Cost",
    "Hasher",
    "TokenType",
    "Verdict",
    "issue",
    "read_unverified",
    "signing_key",
    "verify",
]

"""What is special about writing records of auth collections: passwords, e-mail, verified, token keys (A5)."""

from __future__ import annotations

from backstay.catalog.casts import to_text
from backstay.catalog.fields import TextField
from backstay.catalog.fields.base import REQUIRED
from backstay.catalog.patterns import generate
from backstay.errors import Fault
from backstay.records.draft import Draft
from backstay.records.query import Body

MISMATCH = Fault("validation_values_mismatch", "Values don't match.")
WRONG_OLD_PASSWORD = Fault("validation_invalid_old_password", "Missing or invalid old password.")


def _text(body: Body, key: str) -> str:
    return to_text(body.get(key))


def needs_old_password(draft: Draft, body: Body, *, manager: bool) -> bool:
    """Tell whether the change of a password must be confirmed with the old one."""
    return (
        not draft.is_new and not manager and bool(_text(body, "password") or _text(body, "passwordConfirm"))
    )


def check_auth_draft(draft: Draft, body: Body, *, manager: bool, old_password_ok: bool) -> dict[str, Fault]:
    """Return the faults of an auth record's own fields. `manager` may write what its owner may not.

    An owner changes the e-mail through its confirmation only, and nobody but a manager says what is verified.
    """
    faults: dict[str, Fault] = {}
    old = draft.old or {"email": "", "verified": False}
    if not manager:
        if not draft.is_new and draft.values["email"] != old["email"]:
            faults["email"] = MISMATCH
        if draft.values["verified"] != old["verified"]:
            faults["verified"] = MISMATCH
    faults |= _check_passwords(draft, body)
    if needs_old_password(draft, body, manager=manager):
        if not _text(body, "oldPassword"):
            faults["oldPassword"] = REQUIRED
        elif not old_password_ok:
            faults["oldPassword"] = WRONG_OLD_PASSWORD
    return faults


def _check_passwords(draft: Draft, body: Body) -> dict[str, Fault]:
    password, confirm = _text(body, "password"), _text(body, "passwordConfirm")
    old_password = _text(body, "oldPassword")
    faults: dict[str, Fault] = {}
    if not password and (draft.is_new or confirm or old_password or "password" in body):
        faults["password"] = REQUIRED
    if not confirm and (draft.is_new or password or old_password):
        faults["passwordConfirm"] = REQUIRED
    elif confirm != password:
        faults["passwordConfirm"] = MISMATCH
    return faults


def rotate_token_key(draft: Draft) -> None:
    """Give the record a new token key, which ends all its tokens, when its password or e-mail changes."""
    if draft.old is None:
        return
    changes_email = draft.values["email"] != draft.old["email"]
    key_is_sent = draft.values["tokenKey"] != draft.old["tokenKey"]
    if (changes_email or draft.plain.get("password")) and not key_is_sent:
        renew_token_key(draft)


def renew_token_key(draft: Draft) -> None:
    """Give the record a new token key."""
    field = draft.collection.by_name["tokenKey"]
    assert isinstance(field, TextField)
    draft.values["tokenKey"] = generate(field.autogeneratePattern or "[a-zA-Z0-9]{50}")

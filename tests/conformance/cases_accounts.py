"""Records of auth collections: who may set what of an account, and what others see of it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import (
    Case,
    Json,
    Step,
    case,
    delete,
    drop,
    get,
    make,
    patch,
    post,
    records,
    send,
)
from tests.conformance.cases_auth import NEW, OTHER, SECRET, TWICE, bearer, identity, make_accounts
from tests.conformance.servers import EMAIL, PASSWORD

CREATES: tuple[dict[str, Json], ...] = (
    {},
    {"email": "x@b.co"},
    {"email": "x@b.co", "password": SECRET},
    {"email": "x@b.co", "passwordConfirm": SECRET},
    {"email": "x@b.co", "password": SECRET, "passwordConfirm": "other-1234"},
    {"email": "x@b.co", "password": "short", "passwordConfirm": "short"},
    {"email": "x@b.co", "password": "x" * 71, "passwordConfirm": "x" * 71},
    {"email": "y@b.co", "password": "x" * 72, "passwordConfirm": "x" * 72},
    {"email": "y@b.co", "password": 12345678, "passwordConfirm": 12345678},
    {"email": "z@b.co", "password": None, "passwordConfirm": None},
    {"password": SECRET, "passwordConfirm": SECRET},
    {"email": "", **TWICE},
    {"email": "bad", **TWICE},
    {"email": "new@b.co", **TWICE},
    {"email": "NEW@B.CO", **TWICE},
    {"email": "v@b.co", "verified": True, **TWICE},
    {"email": "v2@b.co", "verified": False, **TWICE},
    {"email": "e@b.co", "emailVisibility": True, **TWICE},
    {"email": "k@b.co", "tokenKey": "k" * 40, **TWICE},
    {"email": "k2@b.co", "tokenKey": "short", **TWICE},
    {"email": "k3@b.co", "tokenKey": "k" * 40, **TWICE},
    {"email": "o@b.co", "oldPassword": "nonsense", **TWICE},
    {"email": "i@b.co", "id": NEW, **TWICE},
    {"email": "i@b.co", "id": "annannannannann", **TWICE},
    {"email": "p@b.co", "password:autogenerate": "", "passwordConfirm": ""},
    {"email": "q@b.co", "username": "x", "passwordHash": "x", "lastResetSentAt": "x", **TWICE},
)


def creates() -> Iterator[Case]:
    """Yield accounts as a superuser, a guest and a signed-in person make them."""
    for who in ("superuser", "guest", "ann"):
        steps = [post(records("accounts_new"), body, who) for body in CREATES]
        yield case(
            f"accounts: create as {who}", *make_accounts("accounts_new"), *steps, *drop("accounts_new")
        )
    yield case(
        "accounts: create closed",
        *make_accounts("accounts_new", createRule=None),
        post(records("accounts_new"), {"email": "x@b.co", **TWICE}, "guest"),
        post(records("accounts_new"), {"email": "x@b.co", **TWICE}, "superuser"),
        *drop("accounts_new"),
    )
    manager = "@request.auth.name = 'new'"
    verified = {"email": "x@b.co", "verified": True, **TWICE}
    yield case(
        "accounts: create as a manager",
        *make_accounts("accounts_new", manageRule=manager),
        post(records("accounts_new"), verified, "guest", headers=bearer("{{new}}")),
        post(records("accounts_new"), {**verified, "email": "y@b.co"}, "guest", headers=bearer("{{other}}")),
        *drop("accounts_new"),
    )


CHANGES: tuple[dict[str, Json], ...] = (
    {"name": "changed"},
    {"email": "changed@b.co"},
    {"email": "new@b.co"},
    {"email": ""},
    {"email": "bad"},
    {"emailVisibility": True},
    {"verified": True},
    {"verified": False},
    {"tokenKey": "k" * 40},
    {"password": "fresh-1234"},
    {"password": "fresh-1234", "passwordConfirm": "other"},
    {"password": "fresh-1234", "passwordConfirm": "fresh-1234"},
    {"password": "fresh-1234", "passwordConfirm": "fresh-1234", "oldPassword": "wrong"},
    {"password": "fresh-1234", "passwordConfirm": "fresh-1234", "oldPassword": ""},
    {"password": "short", "passwordConfirm": "short", "oldPassword": SECRET},
    {"password": "", "passwordConfirm": ""},
    {"oldPassword": SECRET},
    {"oldPassword": "wrong"},
    {"passwordConfirm": "x"},
    {"id": OTHER},
)


def updates() -> Iterator[Case]:
    """Yield changes by oneself, by another, by a manager and by a superuser."""
    actors: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("itself", "guest", bearer("{{new}}")),
        ("another", "guest", bearer("{{other}}")),
        ("a guest", "guest", {}),
        ("a superuser", "superuser", {}),
    )
    one = records("accounts_change", NEW)
    for manage in (None, "@request.auth.name = 'other'"):
        for name, who, headers in actors:
            for change in CHANGES:
                shown = " ".join(f"{k}={v}" for k, v in change.items())
                managed = " managed" if manage else ""
                if manage and (name == "a guest" or "short" in shown):
                    continue
                yield case(
                    f"accounts: {name}{managed} sets {shown}",
                    *make_accounts("accounts_change", manageRule=manage),
                    patch(one, change, who, headers=headers),
                    get(one),
                    post(
                        "/api/collections/accounts_change/auth-refresh",
                        {},
                        "guest",
                        headers=bearer("{{new}}"),
                    ),
                    *drop("accounts_change"),
                )


def seen() -> Iterator[Case]:
    """Yield what each sees of an account: list, view, expand, answers to changes."""
    one, other = records("accounts_seen", NEW), records("accounts_seen", OTHER)
    for manage in (None, "", "@request.auth.name = 'other'", "name = 'new'", "@request.auth.id = id"):
        steps: list[Step] = [patch(other, {"emailVisibility": True}, quiet=True)]
        for headers in ({}, bearer("{{new}}"), bearer("{{other}}")):
            steps.append(send("GET", one, who="guest", headers=headers))
            steps.append(send("GET", other, who="guest", headers=headers))
            steps.append(send("GET", records("accounts_seen") + "?sort=id", who="guest", headers=headers))
            steps.append(
                send(
                    "GET", records("accounts_seen") + "?filter=email='new@b.co'", who="guest", headers=headers
                )
            )
            steps.append(patch(one, {"name": "new"}, "guest", headers=headers))
        yield case(
            f"accounts: seen, managed by [{manage}]",
            *make_accounts("accounts_seen", manageRule=manage),
            *steps,
            *drop("accounts_seen"),
        )


def unique() -> Iterator[Case]:
    """Yield ids, which are unique over all auth collections, and addresses, which are so in each."""
    yield case(
        "accounts: unique",
        *make_accounts("accounts_one"),
        make("accounts_two", type="auth"),
        post(records("accounts_two"), {"id": NEW, "email": "new@b.co", **TWICE}),
        post(records("accounts_two"), {"email": "new@b.co", **TWICE}),
        post(records("accounts_two"), {"email": "New@b.co", **TWICE}),
        post(records("accounts_two"), {"id": "everything00001", "email": "e@b.co", **TWICE}),
        get(records("accounts_two"), fields="email", sort="@rowid"),
        *drop("accounts_two", "accounts_one"),
    )
    optional = {"name": "email", "type": "email", "system": True, "required": False}
    yield case(
        "accounts: without addresses",
        make("accounts_free", [optional], type="auth"),
        post(records("accounts_free"), {**TWICE}),
        post(records("accounts_free"), {**TWICE, "email": ""}),
        post(records("accounts_free"), {**TWICE, "email": "a@b.co"}),
        post("/api/collections/accounts_free/auth-with-password", identity("", SECRET), "guest"),
        get("/api/collections/accounts_free"),
        *drop("accounts_free"),
    )


def superusers() -> Iterator[Case]:
    """Yield the superusers' own records; the last one stays."""
    url = records("_superusers")
    one = records("_superusers", "superrecord0001")
    body: dict[str, Json] = {"id": "superrecord0001", "email": "second@example.com", **TWICE}
    yield case(
        "accounts: superusers",
        get(url, fields="email,verified,emailVisibility", sort="@rowid"),
        *(post(url, body, who) for who in ("guest", "ann")),
        post(url, {**body, "password": "short", "passwordConfirm": "short"}),
        post(url, {**body, "email": EMAIL}),
        post(url, body),
        get(one),
        get(one, "guest"),
        get(one, "ann"),
        patch(one, {"verified": False}),
        patch(one, {"emailVisibility": True}),
        patch(one, {"email": "third@example.com"}),
        post(
            "/api/collections/_superusers/auth-with-password",
            identity("third@example.com", SECRET),
            "guest",
            keep={"two": "token"},
        ),
        send("GET", one, who="guest", headers=bearer("{{two}}")),
        patch(
            one,
            {"password": "fresh-1234", "passwordConfirm": "fresh-1234"},
            "guest",
            headers=bearer("{{two}}"),
        ),
        send("GET", "/api/settings?fields=meta.appName", who="guest", headers=bearer("{{two}}")),
        patch(one, {"password": "fresh-1234"}),
        delete(one, "ann"),
        delete(one),
        delete(one),
    )
    login = post(
        "/api/collections/_superusers/auth-with-password",
        identity(EMAIL, PASSWORD),
        "guest",
        keep={"id": "record.id"},
    )
    yield case("accounts: the last superuser", login, delete(records("_superusers", "{{id}}")), login)
    yield case(
        "accounts: superusers' collection",
        delete("/api/collections/_superusers"),
        delete("/api/collections/_superusers/truncate"),
        patch("/api/collections/_superusers", {"name": "root"}),
        patch("/api/collections/_superusers", {"listRule": ""}),
        patch("/api/collections/_superusers", {"authRule": "id = ''"}),
        patch("/api/collections/_superusers", {"manageRule": "id = ''"}),
        patch("/api/collections/_superusers", {"system": False}),
        patch("/api/collections/_superusers", {"passwordAuth": {"enabled": False}}),
        patch("/api/collections/_superusers", {"oauth2": {"enabled": True}}),
        get("/api/collections/_superusers"),
    )


CASES = [*creates(), *updates(), *seen(), *unique(), *superusers()]

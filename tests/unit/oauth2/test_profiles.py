"""Each provider's answer, in the shape that its documentation shows, and the user that it means."""

from __future__ import annotations

from typing import Any

import pytest

from backstay.catalog.model import OAuth2Provider
from backstay.catalog.providers import PROVIDERS as NAMES
from backstay.oauth2.flow import begin, challenge_of
from backstay.oauth2.profile import Profile, pick_email, read_profile
from backstay.oauth2.providers import PROVIDERS

MAIL = "ann@example.com"
PICTURE = "https://pictures.example/ann.png"


def user(
    id: str,
    name: str = "Ann Lee",
    username: str = "ann",
    email: str = MAIL,
    avatar: str = PICTURE,
    *,
    verified: bool = True,
) -> Profile:
    return Profile(id, name, username, email, verified and bool(email), avatar)


OIDC = {
    "sub": "s1",
    "name": "Ann Lee",
    "preferred_username": "ann",
    "email": MAIL,
    "email_verified": True,
    "picture": PICTURE,
}
SHAPES: list[tuple[str, Any, Profile]] = [
    ("apple", {"sub": "s1", "email": MAIL, "email_verified": "true"}, user("s1", "", "", avatar="")),
    (
        "apple",
        {"sub": "s1", "email": MAIL, "email_verified": "false"},
        user("s1", "", "", avatar="", verified=False),
    ),
    (
        "google",
        {"sub": "s1", "name": "Ann Lee", "email": MAIL, "email_verified": True, "picture": PICTURE},
        user("s1", username=""),
    ),
    (
        "google",
        {"sub": "s1", "name": "Ann Lee", "email": MAIL, "email_verified": False},
        user("s1", username="", avatar="", verified=False),
    ),
    (
        "microsoft",
        {"id": "m1", "displayName": "Ann Lee", "mail": MAIL, "userPrincipalName": "x"},
        user("m1", username="", avatar="", verified=False),
    ),
    (
        "yandex",
        {
            "id": "1",
            "real_name": "Ann Lee",
            "login": "ann",
            "default_email": MAIL,
            "default_avatar_id": "a/b",
            "is_avatar_empty": False,
        },
        user("1", avatar="https://avatars.yandex.net/get-yapic/a/b/islands-200"),
    ),
    (
        "facebook",
        {"id": "f1", "name": "Ann Lee", "email": MAIL, "picture": {"data": {"url": PICTURE}}},
        user("f1", username=""),
    ),
    (
        "instagram2",
        {"user_id": "i1", "id": "x", "name": "Ann Lee", "username": "ann", "profile_picture_url": PICTURE},
        user("i1", email=""),
    ),
    (
        "github",
        {"id": 42, "login": "ann", "name": "Ann Lee", "email": "open@example.com", "avatar_url": PICTURE},
        user("42", email=""),
    ),
    (
        "gitlab",
        {
            "id": 42,
            "username": "ann",
            "name": "Ann Lee",
            "email": MAIL,
            "avatar_url": PICTURE,
            "confirmed_at": "2020-01-01T00:00:00Z",
        },
        user("42"),
    ),
    (
        "gitlab",
        {"id": 42, "username": "ann", "name": "Ann Lee", "email": MAIL, "confirmed_at": None},
        user("42", avatar="", verified=False),
    ),
    (
        "bitbucket",
        {
            "uuid": "{b1}",
            "display_name": "Ann Lee",
            "username": "ann",
            "account_status": "active",
            "links": {"avatar": {"href": PICTURE}},
        },
        user("{b1}", email=""),
    ),
    ("gitee", {"id": 42, "login": "ann", "name": "Ann Lee", "avatar_url": PICTURE}, user("42", email="")),
    (
        "gitea",
        {"id": 42, "login": "ann", "full_name": "Ann Lee", "email": MAIL, "avatar_url": PICTURE},
        user("42", email=""),
    ),
    (
        "discord",
        {
            "id": "8",
            "username": "ann",
            "global_name": "Ann Lee",
            "avatar": "abc",
            "email": MAIL,
            "verified": True,
        },
        user("8", avatar="https://cdn.discordapp.com/avatars/8/abc.png"),
    ),
    (
        "discord",
        {
            "id": "8",
            "username": "ann",
            "global_name": "Ann Lee",
            "avatar": None,
            "email": MAIL,
            "verified": False,
        },
        user("8", avatar="", verified=False),
    ),
    (
        "twitter",
        {
            "data": {
                "id": "8",
                "name": "Ann Lee",
                "username": "ann",
                "profile_image_url": PICTURE,
                "confirmed_email": MAIL,
            }
        },
        user("8"),
    ),
    (
        "kakao",
        {
            "id": 8,
            "kakao_account": {
                "profile": {"nickname": "Ann Lee", "profile_image_url": PICTURE},
                "email": MAIL,
                "is_email_verified": True,
            },
        },
        user("8", username=""),
    ),
    (
        "vk",
        {
            "response": [
                {"id": 8, "first_name": "Ann", "last_name": "Lee", "screen_name": "ann", "photo_max": PICTURE}
            ]
        },
        user("8", email=""),
    ),
    (
        "linear",
        {
            "data": {
                "viewer": {
                    "id": "8",
                    "displayName": "ann",
                    "name": "Ann Lee",
                    "email": MAIL,
                    "avatarUrl": PICTURE,
                    "active": True,
                }
            }
        },
        user("8"),
    ),
    (
        "notion",
        {
            "object": "user",
            "bot": {
                "owner": {
                    "type": "user",
                    "user": {"id": "8", "name": "Ann Lee", "avatar_url": PICTURE, "person": {"email": MAIL}},
                }
            },
        },
        user("8", username=""),
    ),
    (
        "monday",
        {
            "data": {
                "me": {
                    "id": "8",
                    "name": "Ann Lee",
                    "email": MAIL,
                    "is_verified": True,
                    "photo_small": PICTURE,
                }
            }
        },
        user("8", username=""),
    ),
    (
        "lark",
        {"code": 0, "data": {"union_id": "8", "name": "Ann Lee", "email": MAIL, "avatar_big": PICTURE}},
        user("8", username="", verified=False),
    ),
    (
        "box",
        {"id": "8", "name": "Ann Lee", "login": MAIL, "avatar_url": PICTURE, "status": "active"},
        user("8", username=""),
    ),
    (
        "spotify",
        {"id": "ann", "display_name": "Ann Lee", "email": MAIL, "images": [{"url": PICTURE}]},
        user("ann", username="", email=""),
    ),
    (
        "trakt",
        {
            "user": {
                "username": "ann",
                "name": "Ann Lee",
                "ids": {"slug": "ann", "uuid": "8"},
                "images": {"avatar": {"full": PICTURE}},
            }
        },
        user("8", email=""),
    ),
    (
        "twitch",
        {
            "data": [
                {
                    "id": "8",
                    "login": "ann",
                    "display_name": "Ann Lee",
                    "email": MAIL,
                    "profile_image_url": PICTURE,
                }
            ]
        },
        user("8"),
    ),
    (
        "patreon",
        {
            "data": {
                "id": "8",
                "attributes": {
                    "full_name": "Ann Lee",
                    "vanity": "ann",
                    "email": MAIL,
                    "is_email_verified": True,
                    "image_url": PICTURE,
                },
            }
        },
        user("8"),
    ),
    (
        "strava",
        {"id": 8, "firstname": "Ann", "lastname": "Lee", "username": "ann", "profile": PICTURE},
        user("8", email=""),
    ),
    (
        "wakatime",
        {
            "data": {
                "id": "8",
                "display_name": "Ann Lee",
                "username": "ann",
                "email": MAIL,
                "is_email_confirmed": True,
                "photo": PICTURE,
            }
        },
        user("8"),
    ),
    (
        "livechat",
        {"account_id": "8", "name": "Ann Lee", "email": MAIL, "email_verified": True, "avatar_url": PICTURE},
        user("8", username=""),
    ),
    (
        "mailcow",
        {"id": MAIL, "username": "ann", "full_name": "Ann Lee", "email": MAIL, "active": 1},
        user(MAIL, avatar=""),
    ),
    (
        "planningcenter",
        {"data": {"id": "8", "attributes": {"name": "Ann Lee", "avatar": PICTURE, "status": "active"}}},
        user("8", username="", email=""),
    ),
    ("oidc", OIDC, user("s1")),
    ("oidc2", OIDC | {"email_verified": None}, user("s1", verified=False)),
    ("oidc3", {"sub": "s1"}, user("s1", "", "", "", "")),
]


@pytest.mark.parametrize(("name", "raw", "expected"), SHAPES, ids=[shape[0] for shape in SHAPES])
def test_what_a_provider_says(name: str, raw: Any, expected: Profile) -> None:
    found = read_profile(PROVIDERS[name].fields, raw)
    assert (found.id, found.name, found.username) == (expected.id, expected.name, expected.username)
    assert (found.email, found.verified, found.avatar_url) == (
        expected.email,
        expected.verified,
        expected.avatar_url,
    )
    assert found.raw is raw


def test_every_provider_has_a_shape() -> None:
    assert {name for name, _, _ in SHAPES} == set(PROVIDERS) == set(NAMES)


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(
    "raw", [None, [], {}, "x", 5, {"id": {}, "sub": [], "data": "x"}, {"data": []}, {"response": {}}]
)
def test_answers_that_are_none(name: str, raw: Any) -> None:
    assert read_profile(PROVIDERS[name].fields, raw).id == ""


LISTS: list[tuple[str, Any, str]] = [
    (
        "github",
        [
            {"email": "old@example.com", "verified": True, "primary": False},
            {"email": MAIL, "verified": True, "primary": True},
        ],
        MAIL,
    ),
    ("github", [{"email": MAIL, "verified": False, "primary": True}], ""),
    (
        "github",
        [{"email": MAIL, "verified": False, "primary": True}, {"email": "b@example.com", "verified": True}],
        "b@example.com",
    ),
    ("bitbucket", {"values": [{"email": MAIL, "is_confirmed": True, "is_primary": True}]}, MAIL),
    (
        "gitee",
        [{"email": "x@example.com", "state": "unconfirmed"}, {"email": MAIL, "state": "confirmed"}],
        MAIL,
    ),
    ("gitea", [{"email": MAIL, "verified": True, "primary": True}], MAIL),
    ("gitea", {"message": "no"}, ""),
    ("gitea", [None, 5, {"email": None, "verified": True}], ""),
]


@pytest.mark.parametrize(("name", "raw", "email"), LISTS)
def test_lists_of_addresses(name: str, raw: Any, email: str) -> None:
    emails = PROVIDERS[name].emails
    assert emails is not None
    assert pick_email(emails, raw) == email


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_start_of_a_flow(name: str) -> None:
    start = begin(
        OAuth2Provider(
            name=name, clientId="a client", authURL="https://id.example/auth?x=1" if name == "oidc" else ""
        )
    )
    other = begin(OAuth2Provider(name=name, clientId="a client"))
    assert start.auth_url.endswith("&redirect_uri=")
    assert "client_id=a+client" in start.auth_url
    assert f"state={start.state}" in start.auth_url
    assert start.state != other.state
    if PROVIDERS[name].pkce:
        assert len(start.codeVerifier) == 43
        assert f"code_challenge={challenge_of(start.codeVerifier)}" in start.auth_url
        assert start.codeVerifier not in start.auth_url
    assert "secret" not in start.auth_url
    if name == "oidc":
        assert start.auth_url.startswith("https://id.example/auth?x=1&")


def test_pkce_can_be_switched() -> None:
    assert begin(OAuth2Provider(name="google", pkce=False)).codeVerifier == ""
    assert begin(OAuth2Provider(name="vk", pkce=True)).codeVerifier != ""


def test_the_example_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

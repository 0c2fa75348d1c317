"""The names of the OAuth2 providers that a collection may use."""

from __future__ import annotations

PROVIDERS = frozenset(
    (
        "apple",
        "bitbucket",
        "box",
        "discord",
        "facebook",
        "gitea",
        "gitee",
        "github",
        "gitlab",
        "google",
        "instagram2",
        "kakao",
        "lark",
        "linear",
        "livechat",
        "mailcow",
        "microsoft",
        "monday",
        "notion",
        "oidc",
        "oidc2",
        "oidc3",
        "patreon",
        "planningcenter",
        "spotify",
        "strava",
        "trakt",
        "twitch",
        "twitter",
        "vk",
        "wakatime",
        "yandex",
    )
)

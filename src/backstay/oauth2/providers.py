"""The providers: where they are asked, for what, and what their answers mean. All of it is data.

Paths lead into a provider's answer: `a.b.0` is the first item of `b` in `a`. An address counts as verified only where
the provider says so of this very address, or promises it for all; whoever can write any address into their profile
elsewhere must not get into an account here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

Verified: TypeAlias = str
"""A path to what says that the address is verified; `ALWAYS`, or '' for never."""
ALWAYS = "*"


class Emails(msgspec.Struct, frozen=True):
    """Where a provider lists a user's addresses: the first one that is verified, and primary if it says so, counts.

    items: path to the list, '' when the answer is one
    """

    url: str
    items: str = ""
    email: str = "email"
    verified: str = "verified"
    verified_value: object = True
    primary: str = "primary"


class Fields(msgspec.Struct, frozen=True):
    """Paths to what makes a user. `name` may be several paths, whose texts are joined.

    avatar: a path, or a URL with paths in braces
    """

    id: str
    name: str = ""
    username: str = ""
    email: str = ""
    verified: Verified = ""
    avatar: str = ""


class Provider(msgspec.Struct, frozen=True):
    """One provider.

    pkce:       it knows PKCE (RFC 7636)
    basic:      the client proves itself in the Authorization header, not in the form
    json_token: the token is asked for in JSON, not in a form
    user:       how the profile is asked for; `id_token` reads it from the signed token instead
    headers:    more headers for that; `{client}` is the client's id
    """

    fields: Fields
    auth: str = ""
    token: str = ""
    user: str = ""
    scopes: tuple[str, ...] = ()
    pkce: bool = True
    parameters: Mapping[str, str] = {}
    basic: bool = False
    json_token: bool = False
    how: Literal["get", "post", "query", "id_token"] = "get"
    query: str = ""
    headers: Mapping[str, str] = {}
    emails: Emails | None = None
    token_email: bool = False
    issuers: tuple[str, ...] = ()
    jwks: str = ""


_OIDC = Provider(
    Fields("sub", "name", "preferred_username", "email", "email_verified", "picture"),
    scopes=("openid", "email", "profile"),
)

PROVIDERS: Mapping[str, Provider] = {
    "apple": Provider(
        Fields("sub", "name", "", "email", "email_verified"),
        "https://appleid.apple.com/auth/authorize",
        "https://appleid.apple.com/auth/token",
        scopes=("name", "email"),
        parameters={"response_mode": "form_post"},
        how="id_token",
        issuers=("https://appleid.apple.com",),
        jwks="https://appleid.apple.com/auth/keys",
    ),
    "google": Provider(
        Fields("sub", "name", "", "email", "email_verified", "picture"),
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        "https://www.googleapis.com/oauth2/v3/userinfo",
        (
            "https://www.googleapis.com/auth/userinfo.profile",
            "https://www.googleapis.com/auth/userinfo.email",
        ),
    ),
    # Anybody may write any address into the `mail` of their own tenant, so it proves nothing.
    "microsoft": Provider(
        Fields("id", "displayName", "", "mail"),
        "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
        "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        "https://graph.microsoft.com/v1.0/me",
        ("User.Read",),
    ),
    "yandex": Provider(
        Fields(
            "id",
            "real_name",
            "login",
            "default_email",
            ALWAYS,
            "https://avatars.yandex.net/get-yapic/{default_avatar_id}/islands-200",
        ),
        "https://oauth.yandex.com/authorize",
        "https://oauth.yandex.com/token",
        "https://login.yandex.ru/info",
        ("login:email", "login:avatar", "login:info"),
    ),
    "facebook": Provider(
        Fields("id", "name", "", "email", ALWAYS, "picture.data.url"),
        "https://www.facebook.com/v3.2/dialog/oauth",
        "https://graph.facebook.com/v3.2/oauth/access_token",
        "https://graph.facebook.com/me?fields=name,email,picture.type(large)",
        ("email",),
    ),
    "instagram2": Provider(
        Fields("user_id", "name", "username", avatar="profile_picture_url"),
        "https://www.instagram.com/oauth/authorize",
        "https://api.instagram.com/oauth/access_token",
        "https://graph.instagram.com/me?fields=id,username,account_type,user_id,name,profile_picture_url",
        ("instagram_business_basic",),
    ),
    "github": Provider(
        Fields("id", "name", "login", avatar="avatar_url"),
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
        "https://api.github.com/user",
        ("read:user", "user:email"),
        emails=Emails("https://api.github.com/user/emails"),
    ),
    "gitlab": Provider(
        Fields("id", "name", "username", "email", "confirmed_at", "avatar_url"),
        "https://gitlab.com/oauth/authorize",
        "https://gitlab.com/oauth/token",
        "https://gitlab.com/api/v4/user",
        ("read_user",),
    ),
    "bitbucket": Provider(
        Fields("uuid", "display_name", "username", avatar="links.avatar.href"),
        "https://bitbucket.org/site/oauth2/authorize",
        "https://bitbucket.org/site/oauth2/access_token",
        "https://api.bitbucket.org/2.0/user",
        ("account",),
        pkce=False,
        emails=Emails(
            "https://api.bitbucket.org/2.0/user/emails",
            items="values",
            verified="is_confirmed",
            primary="is_primary",
        ),
    ),
    "gitee": Provider(
        Fields("id", "name", "login", avatar="avatar_url"),
        "https://gitee.com/oauth/authorize",
        "https://gitee.com/oauth/token",
        "https://gitee.com/api/v5/user",
        ("user_info", "emails"),
        emails=Emails(
            "https://gitee.com/api/v5/emails", verified="state", verified_value="confirmed", primary=""
        ),
    ),
    "gitea": Provider(
        Fields("id", "full_name", "login", avatar="avatar_url"),
        "https://gitea.com/login/oauth/authorize",
        "https://gitea.com/login/oauth/access_token",
        "https://gitea.com/api/v1/user",
        ("read:user", "user:email"),
        emails=Emails("/emails"),
    ),
    "discord": Provider(
        Fields(
            "id",
            "global_name",
            "username",
            "email",
            "verified",
            "https://cdn.discordapp.com/avatars/{id}/{avatar}.png",
        ),
        "https://discord.com/api/oauth2/authorize",
        "https://discord.com/api/oauth2/token",
        "https://discord.com/api/users/@me",
        ("identify", "email"),
    ),
    "twitter": Provider(
        Fields(
            "data.id", "data.name", "data.username", "data.confirmed_email", ALWAYS, "data.profile_image_url"
        ),
        "https://x.com/i/oauth2/authorize",
        "https://api.x.com/2/oauth2/token",
        "https://api.x.com/2/users/me?user.fields=id,name,username,profile_image_url,confirmed_email",
        ("users.read", "users.email", "tweet.read"),
        basic=True,
    ),
    "kakao": Provider(
        Fields(
            "id",
            "kakao_account.profile.nickname",
            "",
            "kakao_account.email",
            "kakao_account.is_email_verified",
            "kakao_account.profile.profile_image_url",
        ),
        "https://kauth.kakao.com/oauth/authorize",
        "https://kauth.kakao.com/oauth/token",
        "https://kapi.kakao.com/v2/user/me",
        ("account_email", "profile_nickname", "profile_image"),
    ),
    "vk": Provider(
        Fields(
            "response.0.id",
            "response.0.first_name response.0.last_name",
            "response.0.screen_name",
            avatar="response.0.photo_max",
        ),
        "https://oauth.vk.com/authorize",
        "https://oauth.vk.com/access_token",
        "https://api.vk.com/method/users.get?fields=photo_max,screen_name&v=5.131",
        ("email",),
        pkce=False,
        how="query",
        token_email=True,
    ),
    "linear": Provider(
        Fields(
            "data.viewer.id",
            "data.viewer.name",
            "data.viewer.displayName",
            "data.viewer.email",
            ALWAYS,
            "data.viewer.avatarUrl",
        ),
        "https://linear.app/oauth/authorize",
        "https://api.linear.app/oauth/token",
        "https://api.linear.app/graphql",
        ("read",),
        pkce=False,
        how="post",
        query="query Me { viewer { id displayName name email avatarUrl active } }",
    ),
    "notion": Provider(
        Fields(
            "bot.owner.user.id",
            "bot.owner.user.name",
            "",
            "bot.owner.user.person.email",
            ALWAYS,
            "bot.owner.user.avatar_url",
        ),
        "https://api.notion.com/v1/oauth/authorize",
        "https://api.notion.com/v1/oauth/token",
        "https://api.notion.com/v1/users/me",
        basic=True,
        json_token=True,
        headers={"Notion-Version": "2022-06-28"},
    ),
    "monday": Provider(
        Fields(
            "data.me.id",
            "data.me.name",
            "",
            "data.me.email",
            "data.me.is_verified",
            "data.me.photo_small",
        ),
        "https://auth.monday.com/oauth2/authorize",
        "https://auth.monday.com/oauth2/token",
        "https://api.monday.com/v2",
        ("me:read",),
        how="post",
        query="query { me { id enabled name email is_verified photo_small } }",
    ),
    "lark": Provider(
        Fields("data.union_id", "data.name", "", "data.email", "", "data.avatar_big"),
        "https://accounts.feishu.cn/open-apis/authen/v1/authorize",
        "https://open.feishu.cn/open-apis/authen/v2/oauth/token",
        "https://open.feishu.cn/open-apis/authen/v1/user_info",
        json_token=True,
    ),
    "box": Provider(
        Fields("id", "name", "", "login", ALWAYS, "avatar_url"),
        "https://account.box.com/api/oauth2/authorize",
        "https://api.box.com/oauth2/token",
        "https://api.box.com/2.0/users/me?fields=id,login,name,avatar_url,status",
        ("root_readonly",),
    ),
    # Spotify says of its own addresses that they are not verified.
    "spotify": Provider(
        Fields("id", "display_name", avatar="images.0.url"),
        "https://accounts.spotify.com/authorize",
        "https://accounts.spotify.com/api/token",
        "https://api.spotify.com/v1/me",
        ("user-read-private",),
    ),
    "trakt": Provider(
        Fields("user.ids.uuid", "user.name", "user.username", avatar="user.images.avatar.full"),
        "https://trakt.tv/oauth/authorize",
        "https://api.trakt.tv/oauth/token",
        "https://api.trakt.tv/users/settings",
        headers={"trakt-api-version": "2", "trakt-api-key": "{client}"},
    ),
    "twitch": Provider(
        Fields(
            "data.0.id",
            "data.0.display_name",
            "data.0.login",
            "data.0.email",
            ALWAYS,
            "data.0.profile_image_url",
        ),
        "https://id.twitch.tv/oauth2/authorize",
        "https://id.twitch.tv/oauth2/token",
        "https://api.twitch.tv/helix/users",
        ("user:read:email",),
        headers={"Client-Id": "{client}"},
    ),
    "patreon": Provider(
        Fields(
            "data.id",
            "data.attributes.full_name",
            "data.attributes.vanity",
            "data.attributes.email",
            "data.attributes.is_email_verified",
            "data.attributes.image_url",
        ),
        "https://www.patreon.com/oauth2/authorize",
        "https://www.patreon.com/api/oauth2/token",
        "https://www.patreon.com/api/oauth2/v2/identity"
        "?fields%5Buser%5D=full_name,email,vanity,image_url,is_email_verified",
        ("identity", "identity[email]"),
    ),
    "strava": Provider(
        Fields("id", "firstname lastname", "username", avatar="profile"),
        "https://www.strava.com/oauth/authorize",
        "https://www.strava.com/oauth/token",
        "https://www.strava.com/api/v3/athlete",
        ("profile:read_all",),
    ),
    "wakatime": Provider(
        Fields(
            "data.id",
            "data.display_name",
            "data.username",
            "data.email",
            "data.is_email_confirmed",
            "data.photo",
        ),
        "https://wakatime.com/oauth/authorize",
        "https://wakatime.com/oauth/token",
        "https://wakatime.com/api/v1/users/current",
        ("email",),
    ),
    "livechat": Provider(
        Fields("account_id", "name", "", "email", "email_verified", "avatar_url"),
        "https://accounts.livechat.com/",
        "https://accounts.livechat.com/token",
        "https://accounts.livechat.com/v2/accounts/me",
    ),
    # mailcow is the mail server of these addresses.
    "mailcow": Provider(Fields("id", "full_name", "username", "email", ALWAYS), scopes=("profile",)),
    "planningcenter": Provider(
        Fields("data.id", "data.attributes.name", avatar="data.attributes.avatar"),
        "https://api.planningcenteronline.com/oauth/authorize",
        "https://api.planningcenteronline.com/oauth/token",
        "https://api.planningcenteronline.com/people/v2/me",
        ("people",),
    ),
    "oidc": _OIDC,
    "oidc2": _OIDC,
    "oidc3": _OIDC,
}

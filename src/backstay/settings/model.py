"""Shapes and defaults of the settings, and their way from and to JSON.

Names, order of keys and defaults are the protocol's. Whether a value makes sense is decided in `validate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from backstay.errors import BadRequest
from backstay.overlay import Misfit, overlay


class Smtp(msgspec.Struct, frozen=True, rename="camel"):
    """Where mail goes out. Disabled: the machine's own `sendmail`."""

    enabled: bool = False
    port: int = 587
    host: str = "smtp.example.com"
    username: str = ""
    password: str = ""
    auth_method: str = ""
    tls: bool = False
    local_name: str = ""


class S3(msgspec.Struct, frozen=True, rename="camel"):
    """A bucket for files or backups."""

    enabled: bool = False
    bucket: str = ""
    region: str = ""
    endpoint: str = ""
    access_key: str = ""
    secret: str = ""
    force_path_style: bool = False


class Backups(msgspec.Struct, frozen=True, rename="camel"):
    """When backups are made (a cron expression, "" = never), how many of these are kept, and where."""

    cron: str = ""
    cron_max_keep: int = 3
    s3: S3 = S3()


class Meta(msgspec.Struct, frozen=True):
    """What the app is called and who signs its mail."""

    accent_color: str = msgspec.field(default="#1055c9", name="accentColor")
    app_name: str = msgspec.field(default="Acme", name="appName")
    app_url: str = msgspec.field(default="http://localhost:8090", name="appURL")
    sender_name: str = msgspec.field(default="Support", name="senderName")
    sender_address: str = msgspec.field(default="support@example.com", name="senderAddress")
    hide_controls: bool = msgspec.field(default=False, name="hideControls")


class RateRule(msgspec.Struct, frozen=True, rename="camel"):
    """At most `max_requests` in `duration` seconds for what `label` names.

    label:    `METHOD /path`, `/path`, prefix `/path/`, `collection:action` or `*:action`
    audience: "" (everybody), "@guest" or "@auth"
    """

    label: str = ""
    audience: str = ""
    duration: int = 0
    max_requests: int = 0


DEFAULT_RATE_RULES = (
    RateRule("*:auth", duration=3, max_requests=2),
    RateRule("*:create", duration=5, max_requests=20),
    RateRule("/api/batch", duration=1, max_requests=3),
    RateRule("/api/", duration=10, max_requests=300),
)


class RateLimits(msgspec.Struct, frozen=True):
    """How often one may ask; `excluded_ips` (addresses or subnets) may ask as often as they like."""

    rules: tuple[RateRule, ...] = DEFAULT_RATE_RULES
    excluded_ips: tuple[str, ...] = msgspec.field(default=(), name="excludedIPs")
    enabled: bool = False


class TrustedProxy(msgspec.Struct, frozen=True):
    """Headers from which the client's address is believed."""

    headers: tuple[str, ...] = ()
    use_leftmost_ip: bool = msgspec.field(default=False, name="useLeftmostIP")


class Batch(msgspec.Struct, frozen=True, rename="camel"):
    """Limits of batch requests: `timeout` in seconds, `max_body_size` in bytes (0 = the server's default)."""

    enabled: bool = False
    max_requests: int = 50
    timeout: int = 3
    max_body_size: int = 0


class Logs(msgspec.Struct, frozen=True):
    """What is logged and for how many days (0 = nothing); `max_data_size` in bytes (0 = 16 KB)."""

    max_data_size: int = msgspec.field(default=0, name="maxDataSize")
    max_days: int = msgspec.field(default=5, name="maxDays")
    min_level: int = msgspec.field(default=0, name="minLevel")
    log_ip: bool = msgspec.field(default=True, name="logIP")
    log_auth_id: bool = msgspec.field(default=False, name="logAuthId")


class Settings(msgspec.Struct, frozen=True):
    """All settings of an app. `superuser_ips` (addresses or subnets) are those from where superusers may act."""

    superuser_ips: tuple[str, ...] = msgspec.field(default=(), name="superuserIPs")
    smtp: Smtp = Smtp()
    backups: Backups = Backups()
    s3: S3 = S3()
    meta: Meta = Meta()
    rate_limits: RateLimits = msgspec.field(default=RateLimits(), name="rateLimits")
    trusted_proxy: TrustedProxy = msgspec.field(default=TrustedProxy(), name="trustedProxy")
    batch: Batch = Batch()
    logs: Logs = Logs()


_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def decode(text: str | bytes) -> Settings:
    """Read settings as `encode` wrote them; what is missing gets its default, unknown keys are ignored.

    Raises ValueError when `text` is no JSON object of settings.
    """
    return overlay(Settings(), _decode_object(text), fold=True)


def encode(settings: Settings) -> bytes:
    """Write settings for the database, secrets included."""
    return _encode(settings)


def public(settings: Settings) -> dict[str, Any]:
    """Return the settings as clients see them: the secrets' keys are left out."""
    shown = _decode_object(_encode(settings))
    del shown["smtp"]["password"], shown["s3"]["secret"], shown["backups"]["s3"]["secret"]
    return shown


def merge(settings: Settings, patch: Mapping[str, Any]) -> Settings:
    """Return `settings` with everything replaced that `patch` names; the result is still to be validated.

    Secrets stay when their key is absent, which is what a client sends back that changes what `public` gave it;
    an empty text or null clears them. Lists are replaced whole.

    Raises BadRequest when a value has the wrong type.
    """
    try:
        return overlay(settings, patch, fold=True)
    except Misfit as misfit:
        raise BadRequest(
            "An error occurred while loading the submitted data.", hint=str(misfit), at=misfit.path or None
        ) from misfit


def rename_collection(settings: Settings, old: str, new: str) -> Settings:
    """Return `settings` with the rate limits of the collection `old` under its new name."""
    prefix = f"{old}:"
    rules = tuple(
        msgspec.structs.replace(rule, label=f"{new}:{rule.label.removeprefix(prefix)}")
        if rule.label.startswith(prefix)
        else rule
        for rule in settings.rate_limits.rules
    )
    return msgspec.structs.replace(
        settings, rate_limits=msgspec.structs.replace(settings.rate_limits, rules=rules)
    )

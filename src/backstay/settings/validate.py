"""Whether settings make sense. Every fault is found at once, keyed as the settings are."""

from __future__ import annotations

import re

from backstay import checks
from backstay.checks import SAFE_INT_MAX, each, first, gather, length, maximum, minimum, required, when
from backstay.errors import BadRequest, Fault, Faults
from backstay.settings.cron import CronError, parse_cron
from backstay.settings.model import S3, Backups, Batch, Logs, Meta, RateLimits, RateRule, Settings, Smtp

_RATE_LABEL = re.compile(r"^(?:(\w+ )?/[\w/-]*|(\w+:|\*:)?\w+)\Z", re.ASCII)


def validate(settings: Settings) -> None:
    """Raise BadRequest with all faults of `settings`, or return when there is none."""
    faults = gather(
        {
            "superuserIPs": each(settings.superuser_ips, required, checks.ip_or_subnet),
            "meta": _meta(settings.meta),
            "logs": _logs(settings.logs),
            "smtp": _smtp(settings.smtp),
            "s3": _s3(settings.s3),
            "backups": _backups(settings.backups),
            "batch": _batch(settings.batch),
            "rateLimits": _rate_limits(settings.rate_limits),
        }
    )
    if faults:
        raise BadRequest("An error occurred while saving the new settings.", faults)


def _meta(meta: Meta) -> Faults:
    return gather(
        {
            "accentColor": first(meta.accent_color, length(7, 7), checks.hex_colour),
            "appName": first(meta.app_name, required, length(1, 255)),
            "appURL": first(meta.app_url, required, checks.url),
            "senderName": first(meta.sender_name, required, length(1, 255)),
            "senderAddress": first(meta.sender_address, required, checks.email),
        }
    )


def _logs(logs: Logs) -> Faults:
    return gather(
        {
            "maxDays": first(logs.max_days, minimum(0), maximum(SAFE_INT_MAX)),
            "maxDataSize": first(logs.max_data_size, minimum(0), maximum(SAFE_INT_MAX)),
        }
    )


def _smtp(smtp: Smtp) -> Faults:
    return gather(
        {
            "host": first(smtp.host, when(smtp.enabled, required), checks.host),
            "port": first(smtp.port, when(smtp.enabled, required), minimum(0)),
            "authMethod": first(smtp.auth_method, checks.one_of("PLAIN", "LOGIN")),
            "localName": checks.host(smtp.local_name),
        }
    )


def _s3(s3: S3) -> Faults:
    needed = when(s3.enabled, required)
    return gather(
        {
            "endpoint": first(s3.endpoint, checks.url, needed),
            "bucket": needed(s3.bucket),
            "region": needed(s3.region),
            "accessKey": needed(s3.access_key),
            "secret": needed(s3.secret),
        }
    )


def _backups(backups: Backups) -> Faults:
    return gather(
        {
            "s3": _s3(backups.s3),
            "cron": _cron(backups.cron),
            "cronMaxKeep": first(backups.cron_max_keep, when(bool(backups.cron), required), minimum(1)),
        }
    )


def _cron(expression: str) -> Fault | None:
    try:
        if expression:
            parse_cron(expression)
    except CronError as error:
        return Fault("validation_invalid_cron", str(error))
    return None


def _batch(batch: Batch) -> Faults:
    needed = when(batch.enabled, required)
    return gather(
        {
            "maxRequests": first(batch.max_requests, needed, minimum(0)),
            "timeout": first(batch.timeout, needed, minimum(0)),
            "maxBodySize": minimum(0)(batch.max_body_size),
        }
    )


def _rate_limits(limits: RateLimits) -> Faults:
    rules = gather({str(index): _rate_rule(rule) for index, rule in enumerate(limits.rules)})
    return gather(
        {
            "rules": when(limits.enabled, required)(limits.rules) or rules or _rate_conflict(limits.rules),
            "excludedIPs": each(limits.excluded_ips, required, checks.ip_or_subnet),
        }
    )


def _rate_rule(rule: RateRule) -> Faults:
    return gather(
        {
            "label": first(rule.label, required, checks.matches(_RATE_LABEL)),
            "maxRequests": first(rule.max_requests, required, minimum(1)),
            "duration": first(rule.duration, required, minimum(1)),
            "audience": first(rule.audience, checks.one_of("@guest", "@auth")),
        }
    )


def _rate_conflict(rules: tuple[RateRule, ...]) -> Faults | None:
    """Find the first rule whose label another one has for the same people, or for everybody."""
    taken: dict[str, set[str]] = {}
    for index, rule in enumerate(rules):
        audiences = taken.setdefault(rule.label, set())
        if audiences and (not rule.audience or audiences & {"", rule.audience}):
            message = (
                f"Rate limit rule configuration with label {rule.label} "
                "already exists or conflicts with another rule."
            )
            fault = Fault("validation_conflicting_rate_limit_rule", message, {"label": rule.label})
            return {str(index): {"label": fault}}
        audiences.add(rule.audience)
    return None

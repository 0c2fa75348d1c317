"""The settings of an app: mail, storage, backups, rate limits and the like (`protocol.md` A10).

Values only: reading them from the database and steering the parts by them is the business of others.
"""

from backstay.settings.cron import CronError, Schedule, parse_cron
from backstay.settings.model import (
    S3,
    Backups,
    Batch,
    Logs,
    Meta,
    RateLimits,
    RateRule,
    Settings,
    Smtp,
    TrustedProxy,
    decode,
    encode,
    merge,
    public,
    rename_collection,
)
from backstay.settings.validate import validate

__all__ = [
    "S3",
    "Backups",
    "Batch",
    "CronError",
    "Logs",
    "Meta",
    "RateLimits",
    "RateRule",
    "Schedule",
    "Settings",
    "Smtp",
    "TrustedProxy",
    "decode",
    "encode",
    "merge",
    "parse_cron",
    "public",
    "rename_collection",
    "validate",
]

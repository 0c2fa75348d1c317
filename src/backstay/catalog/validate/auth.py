"""The options of an auth collection."""

from __future__ import annotations

from backstay import checks
from backstay.catalog.indexes import find_unique
from backstay.catalog.model import (
    AuthOptions,
    MailTemplate,
    MfaOptions,
    OAuth2Options,
    OAuth2Provider,
    OtpOptions,
    PasswordAuthOptions,
    TokenOptions,
)
from backstay.catalog.providers import PROVIDERS
from backstay.catalog.validate.case import Case
from backstay.catalog.validate.rules import rule_fault
from backstay.checks import first, gather, length, maximum, minimum, required, when
from backstay.errors import Fault, Faults

TOKEN_MAX_S = 94_670_856
"""About three years."""

TOKENS = ("authToken", "passwordResetToken", "emailChangeToken", "verificationToken", "fileToken")
TEMPLATES = ("verificationTemplate", "resetPasswordTemplate", "confirmEmailChangeTemplate")

_EMPTY_RULE = Fault("validation_nil_or_not_empty_required", "Cannot be blank.")
_FEW_METHODS = Fault("validation_mfa_not_enough_auths", "MFA requires at least 2 auth methods to be enabled.")


def auth_faults(case: Case, auth: AuthOptions) -> dict[str, Fault | Faults]:
    """Check each option by itself, and when all are well, whether they fit together."""
    old = case.old.auth if case.old is not None else None
    manage = rule_fault(case, auth.manageRule, old.manageRule if old else None)
    found: dict[str, Fault | Faults | None] = {
        "authRule": rule_fault(case, auth.authRule, old.authRule if old else None),
        "manageRule": _EMPTY_RULE if auth.manageRule == "" else manage,
        "authAlert": gather({"emailTemplate": _template(auth.authAlert.emailTemplate)}),
        "passwordAuth": _password(auth.passwordAuth),
        "oauth2": _oauth2(auth.oauth2),
        "otp": _otp(auth.otp),
        "mfa": _mfa(auth.mfa),
    }
    found |= {name: _token(getattr(auth, name)) for name in TOKENS}
    found |= {name: _template(getattr(auth, name)) for name in TEMPLATES}
    return gather(found) or _together(case, auth, old)


def _together(case: Case, auth: AuthOptions, old: AuthOptions | None) -> dict[str, Fault | Faults]:
    if auth.mfa.enabled:
        if auth.passwordAuth.enabled + auth.oauth2.enabled + auth.otp.enabled < 2:
            return {"mfa": {"enabled": _FEW_METHODS}}
        fault = rule_fault(case, auth.mfa.rule, old.mfa.rule if old else "") if auth.mfa.rule else None
        if fault:
            return {"mfa": {"rule": fault}}
    if auth.passwordAuth.enabled:
        fault = _identity(case, auth.passwordAuth.identityFields)
        if fault:
            return {"passwordAuth": {"identityFields": fault}}
    return {}


def _identity(case: Case, names: list[str]) -> Fault | None:
    """Find a field by which two people could sign in with the same text."""
    for name in names:
        if name not in case.new.by_name:
            return Fault("validation_missing_field", f"Invalid or missing field {name}.", {"fieldName": name})
        if find_unique(case.new.indexes, name) is None:
            message = f"The field {name} doesn't have a UNIQUE constraint."
            return Fault("validation_missing_unique_constraint", message, {"fieldName": name})
    return None


def _template(mail: MailTemplate) -> Faults:
    return gather({"subject": required(mail.subject), "body": required(mail.body)})


def _token(token: TokenOptions) -> Faults:
    return gather(
        {
            "secret": first(token.secret, required, length(30, 255)),
            "duration": first(token.duration, required, minimum(10), maximum(TOKEN_MAX_S)),
        }
    )


def _password(options: PasswordAuthOptions) -> Faults:
    return gather(
        {"identityFields": when(options.enabled, required)([name for name in options.identityFields if name])}
    )


def _otp(options: OtpOptions) -> Faults:
    duration = when(options.enabled, required, minimum(10), maximum(86_400))
    return gather(
        {
            "duration": duration(options.duration),
            "length": when(options.enabled, required, minimum(4))(options.length),
            "emailTemplate": _template(options.emailTemplate),
        }
    )


def _mfa(options: MfaOptions) -> Faults:
    duration = when(options.enabled, required, minimum(10), maximum(86_400))
    return gather({"duration": duration(options.duration)})


def _oauth2(options: OAuth2Options) -> Faults:
    if not options.enabled:
        return {}
    each = gather({str(at): _provider(provider) for at, provider in enumerate(options.providers)})
    return gather({"providers": _twice(options.providers) or each})


def _twice(providers: list[OAuth2Provider]) -> Faults | None:
    seen: set[str] = set()
    for at, provider in enumerate(providers):
        if provider.name in seen:
            message = f"The provider {provider.name} is already registered."
            return {
                str(at): {"name": Fault("validation_duplicated_provider", message, {"name": provider.name})}
            }
        seen |= {provider.name} - {""}
    return None


def _provider(provider: OAuth2Provider) -> Faults:
    return gather(
        {
            "name": first(provider.name, required, _known_provider),
            "clientId": required(provider.clientId),
            "clientSecret": required(provider.clientSecret),
            "authURL": checks.url(provider.authURL),
            "tokenURL": checks.url(provider.tokenURL),
            "userInfoURL": checks.url(provider.userInfoURL),
        }
    )


def _known_provider(name: str) -> Fault | None:
    if name in PROVIDERS:
        return None
    return Fault(
        "validation_missing_provider", f"Invalid or missing provider with name {name}.", {"name": name}
    )

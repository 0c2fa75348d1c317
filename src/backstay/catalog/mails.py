"""The texts of the mails that a new auth collection starts with; owners edit them in the collection's options.

Placeholders (protocol A5): {APP_NAME} {APP_URL} {TOKEN} {OTP} {OTP_ID} {ALERT_INFO} {RECORD:field}.
"""

from __future__ import annotations

from backstay.catalog.model import MailTemplate

_CLOSING = "<p>\n  Best regards,<br/>\n  {APP_NAME}\n</p>"


def _mail(subject: str, *paragraphs: str) -> MailTemplate:
    body = "\n".join(("<p>Hello,</p>", *(f"<p>{text}</p>" for text in paragraphs), _CLOSING))
    return MailTemplate(subject=subject, body=body)


def _button(page: str, label: str) -> str:
    link = f"{{APP_URL}}/account/{page}/{{TOKEN}}"
    return f'\n  <a class="btn" href="{link}" target="_blank" rel="noopener">{label}</a>\n'


VERIFICATION = _mail(
    "Is this your address? Confirm it for {APP_NAME}",
    "Somebody signed up at {APP_NAME} with this address. If that was you, please confirm that it is yours:",
    _button("verify", "Confirm my address"),
    "<i>It wasn't you? Then there is nothing to do.</i>",
)

RESET_PASSWORD = _mail(
    "Choose a new password for {APP_NAME}",
    "You asked for a new password. Choose it here:",
    _button("password", "Choose a new password"),
    "<i>It wasn't you? Then there is nothing to do: your password stays as it is.</i>",
)

CONFIRM_EMAIL_CHANGE = _mail(
    "Confirm your new address for {APP_NAME}",
    "You asked to use this address for your account at {APP_NAME} from now on. Please confirm it:",
    _button("email", "Use this address"),
    "<i>It wasn't you? Then there is nothing to do: the account keeps its address.</i>",
)

OTP = _mail(
    "Your one-time password for {APP_NAME}",
    "Sign in with this one-time password: <strong>{OTP}</strong>",
    "<i>You didn't ask for it? Then there is nothing to do, and nobody can sign in without it.</i>",
)

AUTH_ALERT = _mail(
    "New sign-in to your {APP_NAME} account",
    "Your account was just used from a place that we haven't seen before:",
    "<em>{ALERT_INFO}</em>",
    "<strong>It wasn't you? Change your password at once: this signs out every device.</strong>",
    "It was you? Then there is nothing to do.",
)

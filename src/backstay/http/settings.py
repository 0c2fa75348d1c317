"""/api/settings and /api/health (A1, A10)."""

from __future__ import annotations

from collections.abc import Callable

from starlette.routing import BaseRoute

from backstay.accounts.forms import check_texts, email_checks, read_texts, refuse
from backstay.catalog.model import SUPERUSERS, AuthOptions, MailTemplate
from backstay.checks import one_of, required
from backstay.errors import BadRequest, Fault, SetupError
from backstay.http.auth import small_body
from backstay.http.bodies import parse_body
from backstay.http.context import Ask, Door
from backstay.http.replies import Reply, json_reply, no_content
from backstay.http.routing import Route
from backstay.mail import MailFailed
from backstay.moments import Moment
from backstay.settings import Settings, merge, public, validate


async def health(ask: Ask) -> Reply:
    data: dict[str, object] = {}
    if ask.viewer.is_superuser:
        data = {"canBackup": True, "realIP": ask.address, "possibleProxyHeader": ""}
    return json_reply({"message": "API is healthy.", "code": 200, "data": data}, ask.fields)


async def view_settings(ask: Ask) -> Reply:
    ask.require_superuser()
    return json_reply(public(ask.site.settings), ask.fields)


async def update_settings(ask: Ask) -> Reply:
    ask.require_superuser()
    try:
        patch = (await parse_body(ask.request, null_is_empty=False)).values
    except BadRequest as exc:
        raise BadRequest(
            "An error occurred while loading the submitted data.", hint=exc.hint, at=exc.at
        ) from exc

    def change(settings: Settings) -> Settings:
        changed = merge(settings, patch)
        validate(changed)
        return changed

    moment = Moment(name="settings", subject=patch, info=ask.info())
    async with ask.site.moments.around("settings", lambda: moment):
        changed = await ask.site.change_settings(change)
    return json_reply(public(changed), ask.fields)


async def test_email(ask: Ask) -> Reply:
    """Send one of the mails of an auth collection, filled with sample values, and wait until it is sent."""
    ask.require_superuser()
    texts = read_texts(await small_body(ask), "email", "template", "collection")
    rules = {"email": email_checks, "template": (required, one_of(*TEST_MAILS))}
    faults = check_texts(texts, rules)
    collection = ask.site.catalog.find(texts["collection"] or SUPERUSERS)
    if collection is None or collection.auth is None:
        faults["collection"] = Fault(
            "validation_invalid_auth_collection", "Must be a valid auth collection id or name."
        )
    refuse(faults, MAIL_FAILED)
    assert collection is not None
    assert collection.auth is not None
    template = TEST_MAILS[texts["template"]](collection.auth)
    letter = ask.site.post.write(ask.site.settings, texts["email"], template, SAMPLE_VALUES)
    try:
        await ask.site.post.send_now(letter)
    except MailFailed as exc:
        raise BadRequest(f"{MAIL_FAILED} Raw error: \n{exc}.") from exc
    return no_content()


async def test_s3(ask: Ask) -> Reply:
    """Write a file to the bucket for files or for backups, read it and remove it."""
    ask.require_superuser()
    texts = read_texts(await small_body(ask), "filesystem")
    faults = check_texts(texts, {"filesystem": (required, one_of("storage", "backups"))})
    if faults:
        raise BadRequest(S3_FAILED, faults)
    settings = ask.site.settings
    s3 = settings.s3 if texts["filesystem"] == "storage" else settings.backups.s3
    if not s3.enabled:
        raise BadRequest(f"{S3_FAILED} Raw error: \nS3 storage filesystem is not enabled.")
    from backstay.files.s3 import S3Failed, try_out

    try:
        await try_out(s3, ask.site.keeper.incoming.folder)
    except (S3Failed, SetupError) as exc:
        raise BadRequest(f"{S3_FAILED} Raw error: \n{str(exc).removesuffix('.')}.") from exc
    return no_content()


MAIL_FAILED = "Failed to send the test email."
S3_FAILED = "Failed to test the S3 filesystem."
TEST_MAILS: dict[str, Callable[[AuthOptions], MailTemplate]] = {
    "verification": lambda auth: auth.verificationTemplate,
    "password-reset": lambda auth: auth.resetPasswordTemplate,
    "email-change": lambda auth: auth.confirmEmailChangeTemplate,
    "otp": lambda auth: auth.otp.emailTemplate,
    "login-alert": lambda auth: auth.authAlert.emailTemplate,
}
SAMPLE_VALUES = {
    "TOKEN": "sample-token",
    "OTP": "12345678",
    "OTP_ID": "sample-otp-id",
    "ALERT_INFO": "2026-01-01 12:00 UTC - 203.0.113.7 - a sample browser",
}

routes: list[BaseRoute] = [
    Route("/api/settings/test/s3", Door(test_s3), methods=["POST"]),
    Route("/api/settings/test/email", Door(test_email), methods=["POST"]),
    Route("/api/health", Door(health), methods=["GET"]),
    Route("/api/settings", Door(view_settings), methods=["GET"]),
    Route("/api/settings", Door(update_settings), methods=["PATCH"]),
]

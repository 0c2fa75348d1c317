"""/account: the pages behind the links in mails. They work without JavaScript, and a look at one changes nothing.

A link is opened by mail scanners and by link previews, too. So GET shows a form with one button, and only its POST
does something. The token stands in the path of that first GET alone; forms carry it in their body.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.routing import BaseRoute

from backstay.accounts.mail_tokens import Kind, Proof
from backstay.accounts.recovery import PASSWORD_MAX_CHARS
from backstay.catalog.fields import PasswordField
from backstay.errors import BadRequest, Fault, Faults, RequestError, TooManyRequests
from backstay.http.bodies import form_pairs, read_body
from backstay.http.context import Ask, Door
from backstay.http.replies import Reply
from backstay.http.routing import Route
from backstay.pages import Page

PAGES: dict[str, Kind] = {"verify": "verification", "password": "passwordReset", "email": "emailChange"}
DONE = {
    "verify": "verified",
    "password": "password_changed",
    "email": "email_changed",
}
MESSAGES = ("verified", "password_changed", "email_changed", "connected", "not_connected")
"""Pages that only say something; their paths have - for _."""

NO_FAULTS = {"form": "", "password": "", "passwordConfirm": ""}
FORM_MAX_BYTES = 16 << 10
_WORDS = {
    "validation_required": "blank",
    "validation_values_mismatch": "mismatch",
    "validation_length_out_of_range": "too_short",
    "validation_invalid_password": "wrong_password",
}
"""What the pages say to the faults of a form; to others they say `bad_value`."""


async def show_form(page: str, ask: Ask) -> Reply:
    """Show the form of a link, or that the link is used up."""
    token = ask.path("token")
    try:
        proof = await ask.site.recovery.look_up(ask.site.catalog, PAGES[page], token)
    except BadRequest:
        return _gone(ask)
    return _form(ask, page, token, proof, {})


async def submit(page: str, ask: Ask) -> Reply:
    """Do what the form asks for. What is wrong is told beside its field; a success leads to a page of its own."""
    values = await _form_values(ask)
    token = values.get("token", "")
    try:
        proof = await ask.site.recovery.look_up(ask.site.catalog, PAGES[page], token)
    except BadRequest:
        return _gone(ask)
    if _comes_from_elsewhere(ask):
        return _form(ask, page, token, proof, {"form": "other_site"}, 403)
    try:
        await _confirm(ask, page, values)
    except TooManyRequests as exc:
        return _form(ask, page, token, proof, {"form": "too_many"}, exc.status)
    except BadRequest as exc:
        if "token" in exc.faults:
            return _gone(
                ask, "taken_email" if _code(exc.faults, "token") == "validation_existing_token_email" else ""
            )
        faults = {name: _WORDS.get(_code(exc.faults, name), "bad_value") for name in exc.faults}
        return _form(ask, page, token, proof, faults or {"form": "bad_value"}, 400)
    done = _path_of(DONE[page])
    return Reply(b"", 303, headers={"Location": done, "Cache-Control": "no-store"})


async def _confirm(ask: Ask, page: str, values: Mapping[str, str]) -> None:
    recovery, catalog = ask.site.recovery, ask.site.catalog
    match page:
        case "verify":
            await recovery.confirm_verification(catalog, values)
        case "password":
            await recovery.confirm_password_reset(catalog, values)
        case _:
            await recovery.confirm_email_change(catalog, values, ask.place)


async def _form_values(ask: Ask) -> dict[str, str]:
    """Return the texts of a form; {} for a body that is none."""
    try:
        return dict(form_pairs(await read_body(ask.request, FORM_MAX_BYTES)))
    except RequestError:
        return {}


def _comes_from_elsewhere(ask: Ask) -> bool:
    """Tell whether another site's page has sent the form. Browsers say so themselves (Fetch Metadata)."""
    site = next((value for name, value in ask.scope["headers"] if name == b"sec-fetch-site"), b"none")
    return site not in {b"same-origin", b"none"}


def _code(faults: Faults, name: str) -> str:
    fault = faults[name]
    return fault.code if isinstance(fault, Fault) else ""


def _form(
    ask: Ask, page: str, token: str, proof: Proof, faults: Mapping[str, str], status: int = 200
) -> Reply:
    password = proof.collection.by_name["password"]
    assert isinstance(password, PasswordField), "every auth collection has one"
    return _reply(
        _render(
            ask,
            page,
            action=f"{ask.scope.get('root_path', '')}/account/{page}",
            token=token,
            email=proof.claims.new_email or proof.claims.email or str(proof.record["email"]),
            min=password.min or 1,
            max=password.max or PASSWORD_MAX_CHARS,
            faults={**NO_FAULTS, **faults},
        ),
        status,
    )


def _gone(ask: Ask, why: str = "") -> Reply:
    return _reply(_render(ask, "message", what=why or "gone"), 400)


async def show_message(what: str, ask: Ask) -> Reply:
    """Say how something ended."""
    return _reply(_render(ask, "message", what=what))


async def forward(ask: Ask) -> Reply:
    """Send links of PocketBase's dashboard on to these pages: what matters in them follows a #, so a script must."""
    return _reply(_render(ask, "forward"))


def _render(ask: Ask, name: str, **values: Any) -> Page:
    headers = ask.scope["headers"]
    accepted = next((value for key, value in headers if key == b"accept-language"), b"").decode("latin-1")
    return ask.site.pages.render(name, accepted=accepted, meta=ask.site.settings.meta, **values)


def _reply(page: Page, status: int = 200) -> Reply:
    return Reply(page.html.encode(), status, content_type=b"text/html; charset=utf-8", headers=page.headers)


def _path_of(message: str) -> str:
    return message.replace("_", "-")


routes: list[BaseRoute] = [
    *(Route(f"/account/{page}/{{token}}", Door(partial(show_form, page)), methods=["GET"]) for page in PAGES),
    *(Route(f"/account/{page}", Door(partial(submit, page)), methods=["POST"]) for page in PAGES),
    *(
        Route(f"/account/{_path_of(what)}", Door(partial(show_message, what)), methods=["GET"])
        for what in MESSAGES
    ),
    Route("/_/", Door(forward), methods=["GET"]),
]

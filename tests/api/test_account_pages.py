"""The pages behind the links in mails: they work without JavaScript, and a hostile visitor gets nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

import pytest

from tests.api.shape import ANN
from tests.api.site import PASSWORD, Answer, Served

pytestmark = pytest.mark.anyio

FORM = {"content-type": "application/x-www-form-urlencoded"}
KINDS = {
    "verify": "request-verification",
    "password": "request-password-reset",
    "email": "request-email-change",
}


async def link(site: Served, page: str) -> str:
    """Return the path of a link that was mailed to Ann."""
    body = {"email": "ann@example.com", "newEmail": "new@example.com"}
    reply = await site.send("POST", f"/api/collections/people/{KINDS[page]}", who="ann", body=body)
    assert reply.status == 204
    return (await site.mails())[-1].link.removeprefix("http://localhost:8090")


async def post(site: Served, page: str, values: Mapping[str, str], **headers: str) -> Answer:
    text = "&".join(f"{key}={quote(value)}" for key, value in values.items())
    reply = await site.client.post(
        f"/account/{page}",
        content=text,
        headers={**FORM, **{key.replace("_", "-"): value for key, value in headers.items()}},
    )
    return Answer(reply.status_code, reply.headers, reply.content)


async def ann(site: Served) -> dict[str, object]:
    return dict((await site.view("people", ANN, "boss")).json())


@pytest.mark.parametrize("page", KINDS)
async def test_looking_changes_nothing(site: Served, page: str) -> None:
    """Mail scanners open links."""
    path = await link(site, page)
    before = await ann(site)
    for _ in range(3):
        reply = await site.get(path)
        assert reply.status == 200
        assert b'<form method="post"' in reply.body
    assert await ann(site) == before
    assert (await site.send("HEAD", path)).status in {200, 404}


async def test_forms_do_what_they_say(site: Served) -> None:
    token = (await link(site, "verify")).rpartition("/")[2]
    done = await post(site, "verify", {"token": token})
    assert (done.status, done.headers["location"]) == (303, "verified")
    assert (await ann(site))["verified"] is True
    token = (await link(site, "password")).rpartition("/")[2]
    done = await post(
        site, "password", {"token": token, "password": "12345678", "passwordConfirm": "12345678"}
    )
    assert (done.status, done.headers["location"]) == (303, "password-changed")
    assert (
        await post(site, "password", {"token": token, "password": "87654321", "passwordConfirm": "87654321"})
    ).status == 400
    body = {"identity": "ann@example.com", "password": "12345678"}
    signed = await site.send("POST", "/api/collections/people/auth-with-password", body=body)
    assert signed.status == 200, "a password of digits stays a text"
    site.tokens["ann"] = signed.json()["token"]
    token = (await link(site, "email")).rpartition("/")[2]
    wrong = await post(site, "email", {"token": token, "password": "nope"})
    assert wrong.status == 400
    assert b"not your password" in wrong.body
    done = await post(site, "email", {"token": token, "password": "12345678"})
    assert (done.status, done.headers["location"]) == (303, "email-changed")
    assert (await ann(site))["email"] == "new@example.com"
    for path in ("verified", "password-changed", "email-changed", "connected", "not-connected"):
        assert (await site.get(f"/account/{path}")).status == 200


async def test_faults_stand_beside_their_fields(site: Served) -> None:
    token = (await link(site, "password")).rpartition("/")[2]
    short = await post(site, "password", {"token": token, "password": "x", "passwordConfirm": "y"})
    assert short.status == 400
    text = short.body.decode()
    assert "Use 8 to 255 characters." in text
    assert "The two passwords differ." in text
    assert f'value="{token}"' in text
    assert ">x<" not in text


async def test_a_page_of_another_site_can_not_post(site: Served) -> None:
    token = (await link(site, "verify")).rpartition("/")[2]
    for source in ("cross-site", "same-site"):
        reply = await post(site, "verify", {"token": token}, sec_fetch_site=source)
        assert reply.status == 403
    assert (await ann(site))["verified"] is False
    assert (await post(site, "verify", {"token": token}, sec_fetch_site="same-origin")).status == 303


@pytest.mark.parametrize("page", KINDS)
async def test_tokens_that_are_none(site: Served, page: str) -> None:
    others = [path.rpartition("/")[2] for path in [await link(site, kind) for kind in KINDS if kind != page]]
    for token in (
        *others,
        site.tokens["ann"],
        "x",
        "%00",
        "a" * 5000,
        "<script>alert(1)</script>",
        "%ff",
        "..%2f",
    ):
        reply = await site.get(f"/account/{page}/{quote(token)}")
        assert reply.status in {400, 404}
        assert b"<script>" not in reply.body
        values = {"token": token, "password": PASSWORD, "passwordConfirm": PASSWORD}
        assert (await post(site, page, values)).status == 400
    for body in (b"", b"\xff", b"token=%zz", b"{", b"x" * 20000):
        reply = await site.raw(
            "POST", f"/account/{page}", headers=[(b"content-type", b"text/plain")], chunks=[body]
        )
        assert reply.status == 400


async def test_nothing_from_elsewhere_and_nothing_kept(site: Served) -> None:
    reply = await site.get(await link(site, "password"))
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert not re.search(rb"(src|href)=\"?https?:", reply.body)


async def test_names_are_text(site: Served) -> None:
    settings = {"meta": {"appName": "<b>Café & Söhne</b>", "accentColor": "#00aa00"}}
    assert (await site.send("PATCH", "/api/settings", who="boss", body=settings)).status == 200
    reply = await site.get(await link(site, "verify"))
    text = reply.body.decode()
    assert "<b>" not in text
    assert "&lt;b&gt;Café &amp; Söhne" in text


async def test_languages(site: Served) -> None:
    path = await link(site, "verify")
    for accepted, word in (
        ("de-AT,de;q=0.9,en;q=0.5", "Adresse bestätigen"),
        ("fr, de;q=0.4", "Adresse bestätigen"),
        ("en,de;q=0.9", "Confirm your address"),
        ("xx", "Confirm your address"),
        (";;q=,\u00e9," * 2000, "Confirm your address"),
    ):
        headers = [(b"accept-language", accepted.encode("latin-1", "replace")[:8000])]
        reply = await site.raw("GET", path, headers=headers)
        assert reply.status == 200
        assert word in reply.body.decode()


async def test_old_links_find_their_page(site: Served) -> None:
    reply = await site.get("/_/")
    assert reply.status == 200
    assert "script-src 'sha256-" in reply.headers["content-security-policy"]

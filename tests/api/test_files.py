"""Files: uploads, addresses, thumbnails, and what a hostile client does with them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from backstay.files.thumb_worker import PIXELS_MAX
from backstay.plans.params import Statement
from tests.api.site import Answer, Served, serve

pytestmark = pytest.mark.anyio

File = tuple[str, tuple[str, bytes]]
OPEN = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), "")


def image(width: int = 300, height: int = 200, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "navy").save(out, kind, **options)
    return out.getvalue()


@pytest.fixture
async def albums(site: Served) -> Served:
    """A site with albums: a cover, several papers, a secret."""
    fields = [
        {"type": "text", "name": "title"},
        {"type": "text", "name": "owner"},
        {
            "type": "file",
            "name": "cover",
            "maxSelect": 1,
            "mimeTypes": ["image/png", "image/jpeg"],
            "thumbs": ["50x0", "20x20f"],
        },
        {"type": "file", "name": "papers", "maxSelect": 3, "maxSize": 2000},
        {"type": "file", "name": "secret", "maxSelect": 1, "protected": True},
    ]
    rules = OPEN | {"viewRule": "title != 'private' || owner = @request.auth.id"}
    await site.site.create_collection({"name": "albums", "type": "base", "fields": fields, **rules})
    return site


async def send(
    site: Served,
    files: Sequence[File],
    values: Mapping[str, str] | None = None,
    path: str = "",
    method: str = "POST",
    who: str = "guest",
) -> Answer:
    token = site.tokens.get(who, who)
    reply = await site.client.request(
        method,
        f"/api/collections/albums/records{path}",
        files=list(files) or None,
        data=dict(values or {}),
        headers={"authorization": token} if token else {},
    )
    return Answer(reply.status_code, reply.headers, reply.content)


async def fetch(
    site: Served,
    record: Mapping[str, Any],
    name: str,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    **params: str,
) -> Answer:
    path = f"/api/files/albums/{record['id']}/{name}"
    return await site.send(method, path, params=params, headers=headers)


def stored(site: Served) -> set[str]:
    """Return the names of all files on disk, thumbnails left out."""
    root = site.site.data / "storage"
    return {
        path.name
        for path in root.rglob("*")
        if path.is_file() and not path.name.endswith(".lock") and "thumbs_" not in str(path)
    }


async def settled(site: Served) -> set[str]:
    await site.site.outbox.drain()
    return stored(site)


async def test_a_file_comes_back_as_it_was(albums: Served) -> None:
    content = bytes(range(256)) * 7
    made = (await send(albums, [("papers", ("My Data.bin", content))], {"title": "x"})).json()
    [name] = made["papers"]
    assert name.startswith("my_data_")
    reply = await fetch(albums, made, name)
    assert (reply.status, reply.body) == (200, content)
    assert stored(albums) == {name}
    by_id = await albums.get(f"/api/files/{made['collectionId']}/{made['id']}/{name}")
    assert by_id.body == content


async def test_modifiers_and_removal(albums: Served) -> None:
    made = (await send(albums, [("papers", (f"{n}.txt", b"x")) for n in range(2)])).json()
    path = f"/{made['id']}"
    first, second = made["papers"]
    more = (await send(albums, [("papers+", ("third.txt", b"y"))], path=path, method="PATCH")).json()
    assert more["papers"][:2] == [first, second]
    front = await albums.update("albums", made["id"], {"papers-": first})
    assert front.json()["papers"] == more["papers"][1:]
    assert await settled(albums) == set(more["papers"][1:])
    ahead = (await send(albums, [("+papers", ("zero.txt", b"z"))], path=path, method="PATCH")).json()
    assert ahead["papers"][1:] == more["papers"][1:]
    replaced = (await send(albums, [("papers", ("only.txt", b"o"))], path=path, method="PATCH")).json()
    assert len(replaced["papers"]) == 1
    assert await settled(albums) == set(replaced["papers"])
    assert (await albums.delete("albums", made["id"])).status == 204
    assert await settled(albums) == set()


@pytest.mark.parametrize(
    ("field", "file", "code"),
    [
        ("papers", ("big.txt", b"x" * 2001), "validation_file_size_limit"),
        ("cover", ("fake.png", b"<script>alert(1)</script>"), "validation_invalid_mime_type"),
        ("cover", ("fake.png", b"GIF89a" + b"x" * 50), "validation_invalid_mime_type"),
    ],
)
async def test_what_is_refused_leaves_nothing(
    albums: Served, field: str, file: tuple[str, bytes], code: str
) -> None:
    reply = await send(albums, [(field, file), ("papers", ("good.txt", b"good"))])
    assert reply.faults == {field: code}
    assert await settled(albums) == set()


async def test_too_many_and_names_of_others(albums: Served) -> None:
    reply = await send(albums, [("papers", (f"{n}.txt", b"x")) for n in range(4)])
    assert reply.faults == {"papers": "validation_too_many_files"}
    made = (await send(albums, [("papers", ("a.txt", b"a"))])).json()
    theft = await albums.create("albums", {"papers": made["papers"]})
    assert theft.faults == {"papers": "validation_invalid_file"}
    assert await settled(albums) == set(made["papers"])


async def test_a_refused_rule_leaves_nothing(albums: Served) -> None:
    await albums.change("albums", createRule="title = 'yes'", updateRule="title = 'no'")
    assert (await send(albums, [("papers", ("a.txt", b"a"))], {"title": "no"})).status == 400
    made = (await send(albums, [("papers", ("a.txt", b"a"))], {"title": "yes"})).json()
    reply = await send(albums, [("papers", ("b.txt", b"b"))], path=f"/{made['id']}", method="PATCH")
    assert reply.status == 404
    assert await settled(albums) == set(made["papers"])


async def test_files_that_no_field_takes_leave_nothing(albums: Served) -> None:
    reply = await send(albums, [("title", ("a.txt", b"a")), ("nope", ("b.txt", b"b")), ("papers", ("", b""))])
    assert reply.status == 200
    assert await settled(albums) == set()
    two = await send(albums, [("cover", ("a.png", image())), ("cover", ("b.png", image(20, 20)))])
    assert await settled(albums) == {two.json()["cover"]}


async def test_the_id_of_another_record_harms_nothing(albums: Served) -> None:
    made = (await send(albums, [("papers", ("a.txt", b"a"))])).json()
    reply = await send(albums, [("papers", ("b.txt", b"b"))], {"id": made["id"]})
    assert reply.status == 400
    for bad in ("../../../x", "a/b", ".."):
        assert (await send(albums, [("papers", ("b.txt", b"b"))], {"id": bad})).status == 400
    assert await settled(albums) == set(made["papers"])
    assert not list(albums.site.data.parent.rglob("b_*"))


async def test_a_batch_with_files_is_one(albums: Served) -> None:
    await albums.allow_batch()
    url = "/api/collections/albums/records"
    good = {"method": "POST", "url": url, "body": {"title": "good"}}
    bad = {"method": "POST", "url": url, "body": {"papers": ["stolen.txt"]}}

    async def batch(*requests: Any) -> Answer:
        files = [("requests.0.papers", ("a.txt", b"a")), ("requests[1].papers", ("b.txt", b"b"))]
        data = {"@jsonPayload": json.dumps({"requests": requests})}
        reply = await albums.client.post("/api/batch", files=files, data=data)
        return Answer(reply.status_code, reply.headers, reply.content)

    assert (await batch(good, bad)).status == 400
    assert await settled(albums) == set()
    done = await batch(good, good)
    assert done.status == 200, done
    names = {name for item in done.json() for name in item["body"]["papers"]}
    assert await settled(albums) == names
    assert len(names) == 2


async def test_a_crash_between_file_and_record_leaves_no_orphan(albums: Served, tmp_path: Path) -> None:
    """The process dies after the file is stored, and before its record is written."""
    keeper = albums.site.keeper
    path = keeper.incoming.new_path()
    path.write_bytes(b"orphan")
    from backstay.records.upload import Upload

    await keeper.keep("albums_x/record_x", [Upload("orphan_1234567890.txt", "o", 6, "text/plain", path)])
    left = keeper.incoming.new_path()
    left.write_bytes(b"half an upload")
    assert "orphan_1234567890.txt" in await settled(albums)
    import os

    lock = keeper.incoming._lock
    assert lock is not None
    os.close(lock)  # as the system does when a process dies
    keeper.incoming._lock = None
    async with serve(albums.site.data) as again:
        assert await settled(again) == set()


async def test_collections_take_their_files_along(albums: Served) -> None:
    for _ in range(3):
        await send(albums, [("papers", ("a.txt", b"a"))])
    path = "/api/collections/albums/truncate"
    assert (await albums.send("DELETE", path, who="boss")).status == 204
    assert await settled(albums) == set()
    await send(albums, [("papers", ("a.txt", b"a"))])
    assert (await albums.send("DELETE", "/api/collections/albums", who="boss")).status == 204
    assert await settled(albums) == set()


# -- addresses ------------------------------------------------------------------------------------------------


async def test_headers(albums: Served) -> None:
    files = [
        ("papers", ("a.html", b"<html><script>alert(1)</script>")),
        ("papers", ("b.svg", b"<svg onload='x'>")),
        ("cover", ("c.png", image())),
    ]
    made = (await send(albums, files)).json()
    for name in made["papers"]:
        reply = await fetch(albums, made, name)
        assert reply.headers["content-disposition"].startswith("attachment;")
    shown = await fetch(albums, made, made["cover"])
    assert shown.headers["content-disposition"].startswith("inline;")
    assert shown.headers["content-type"] == "image/png"
    for reply in (shown, await fetch(albums, made, made["papers"][0])):
        assert "sandbox" in reply.headers["content-security-policy"]
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"].startswith("max-age=")
    forced = await fetch(albums, made, made["cover"], download="1")
    assert forced.headers["content-disposition"].startswith("attachment;")


async def test_conditions_and_ranges(albums: Served) -> None:
    content = bytes(range(200))
    made = (await send(albums, [("papers", ("a.bin", content))])).json()
    name = made["papers"][0]
    whole = await fetch(albums, made, name)
    etag, modified = whole.headers["etag"], whole.headers["last-modified"]
    for header in (
        {"if-none-match": etag},
        {"if-none-match": f'"x", W/{etag}'},
        {"if-none-match": "*"},
        {"if-modified-since": modified},
    ):
        known = await fetch(albums, made, name, header)
        assert (known.status, known.body) == (304, b"")
    assert (await fetch(albums, made, name, {"if-modified-since": "rubbish"})).status == 200
    part = await fetch(albums, made, name, {"range": "bytes=10-19"})
    assert (part.status, part.body, part.headers["content-range"]) == (206, content[10:20], "bytes 10-19/200")
    stale = await fetch(albums, made, name, {"range": "bytes=10-19", "if-range": '"other"'})
    assert (stale.status, stale.body) == (200, content)
    none = await fetch(albums, made, name, {"range": "bytes=500-"})
    assert (none.status, none.headers["content-range"]) == (416, "bytes */200")
    parts = await fetch(albums, made, name, {"range": "bytes=0-1,10-11"})
    assert parts.status == 206
    assert len(parts.body) == int(parts.headers["content-length"])
    assert content[10:12] in parts.body
    head = await fetch(albums, made, name, method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "200")


async def test_empty_files(albums: Served) -> None:
    made = (await send(albums, [("papers", ("empty.txt", b""))])).json()
    assert made["papers"]
    reply = await fetch(albums, made, made["papers"][0])
    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize(
    "name", ["nope.txt", "..", "%2e%2e", "..%2f..%2fsite.db", "site.db", "\u202e.txt", "x" * 3000]
)
async def test_names_that_are_none(albums: Served, name: str) -> None:
    made = (await send(albums, [("papers", ("a.txt", b"a"))])).json()
    for path in (
        f"/api/files/albums/{made['id']}/{name}",
        f"/api/files/albums/{name}/a",
        f"/api/files/{name}/x/y",
    ):
        assert (await albums.get(path)).status == 404
    other = (await send(albums, [("papers", ("b.txt", b"b"))])).json()
    assert (await fetch(albums, made, other["papers"][0])).status == 404


async def test_protected_files(albums: Served) -> None:
    ann = (await albums.list("people", "boss", filter="name='ann'")).ids[0]
    values = {"title": "private", "owner": ann}
    made = (await send(albums, [("secret", ("s.txt", b"sesame"))], values, who="boss")).json()
    name = made["secret"]
    tokens = {}
    for who in ("ann", "ben", "boss"):
        reply = await albums.send("POST", "/api/files/token", who=who)
        tokens[who] = reply.json()["token"]
    assert (await albums.send("POST", "/api/files/token")).status == 401
    assert (await fetch(albums, made, name)).status == 404
    assert (await fetch(albums, made, name, token=tokens["ben"])).status == 404
    assert (await fetch(albums, made, name, token=albums.tokens["ann"])).status == 404, (
        "an auth token is no file token"
    )
    for who in ("ann", "boss"):
        reply = await fetch(albums, made, name, token=tokens[who])
        assert (reply.status, reply.body) == (200, b"sesame")
        assert reply.headers["cache-control"] == "private, no-store"
    refresh = await albums.send("POST", "/api/collections/people/auth-refresh", who=tokens["ann"])
    assert refresh.status == 401, "a file token is no auth token"
    await albums.update("albums", made["id"], {"owner": "somebody else"}, "boss")
    assert (await fetch(albums, made, name, token=tokens["ann"])).status == 404, "whoever may view it now"
    new = {"password": "a new password", "passwordConfirm": "a new password"}
    await albums.update("albums", made["id"], {"owner": ann}, "boss")
    await albums.update("people", ann, new, "boss")
    assert (await fetch(albums, made, name, token=tokens["ann"])).status == 404


async def test_files_of_views(albums: Served) -> None:
    await albums.site.create_collection(
        {
            "name": "shelf",
            "type": "view",
            "viewQuery": "select id, cover as front from albums",
            "viewRule": "",
            "listRule": "",
        }
    )
    made = (await send(albums, [("cover", ("c.png", image()))])).json()
    reply = await albums.get(f"/api/files/shelf/{made['id']}/{made['cover']}")
    assert (reply.status, reply.headers["content-type"]) == (200, "image/png")


# -- thumbnails -----------------------------------------------------------------------------------------------


def shape(reply: Answer) -> tuple[str, int, int]:
    assert reply.status == 200, reply
    with Image.open(io.BytesIO(reply.body)) as thumb:
        return thumb.format or "", *thumb.size


@pytest.mark.parametrize(
    ("size", "width", "height"), [("100x100", 100, 100), ("50x0", 50, 33), ("20x20f", 20, 13)]
)
async def test_thumbnails(albums: Served, size: str, width: int, height: int) -> None:
    made = (await send(albums, [("cover", ("c.png", image(300, 200)))])).json()
    reply = await fetch(albums, made, made["cover"], thumb=size)
    assert shape(reply) == ("PNG", width, height)
    again = await fetch(albums, made, made["cover"], thumb=size)
    assert again.body == reply.body
    assert again.headers["etag"] == reply.headers["etag"]
    await albums.delete("albums", made["id"])
    await albums.site.outbox.drain()
    assert not list((albums.site.data / "storage").rglob("thumbs_*"))


async def test_sizes_that_nobody_allowed_give_the_original(albums: Served) -> None:
    content = image()
    made = (await send(albums, [("cover", ("c.png", content)), ("papers", ("a.txt", b"a"))])).json()
    for size in ("51x0", "9999x9999", "x", "100x100;", "../x"):
        assert (await fetch(albums, made, made["cover"], thumb=size)).body == content
    assert (await fetch(albums, made, made["papers"][0], thumb="100x100")).body == b"a"
    assert not list((albums.site.data / "storage").rglob("thumbs_*"))


async def test_a_photograph_stands_upright(albums: Served) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    made = (await send(albums, [("cover", ("c.jpg", image(300, 200, "JPEG", exif=exif)))])).json()
    assert shape(await fetch(albums, made, made["cover"], thumb="50x0")) == ("JPEG", 50, 75)


def bomb() -> bytes:
    """A small file of over 40 million pixels."""
    out = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("what", ["bomb", "cut", "noise"])
async def test_broken_and_explosive_images_give_the_original(albums: Served, what: str) -> None:
    whole = image(400, 400)
    content = {"bomb": bomb(), "cut": whole[: len(whole) // 2], "noise": whole[:60] + b"\xff" * 400}[what]
    assert what != "bomb" or (len(content) < 100_000 and PIXELS_MAX < 12_000 * 12_000)
    made = (await send(albums, [("cover", ("c.png", content))])).json()
    for _ in range(2):
        assert (await fetch(albums, made, made["cover"], thumb="100x100")).body == content


async def test_nothing_but_what_waits_is_left_in_the_outbox(albums: Served) -> None:
    made = (await send(albums, [("papers", ("a.txt", b"a")), ("cover", ("c.png", image()))])).json()
    await fetch(albums, made, made["cover"], thumb="100x100")
    await albums.site.outbox.drain()
    assert await albums.site.store.fetch(Statement("SELECT topic FROM _outbox")) == []

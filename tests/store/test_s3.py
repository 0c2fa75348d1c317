"""Files in a bucket: a real S3 service on loopback, uploads over the API, and moving there and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.buckets import s3_service

from backstay.files.incoming import Incoming
from backstay.files.move import copy_missing
from backstay.files.s3 import S3Failed, S3Store, try_out
from backstay.files.stores import LocalStore
from backstay.http.application import create_application
from backstay.lifespan import Lifespan, Requests
from backstay.settings import S3
from backstay.site import Site, open_site

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with s3_service() as url:
        yield url


@pytest.fixture
def settings(service: str, request: pytest.FixtureRequest) -> S3:
    """A new bucket."""
    bucket = f"bucket-{abs(hash(request.node.nodeid))}"
    httpx.put(f"{service}/{bucket}").raise_for_status()
    return S3(True, bucket, "us-east-1", service, "key", "secret", force_path_style=True)


@pytest.fixture
def incoming(tmp_path: Path) -> Iterator[Incoming]:
    incoming = Incoming(tmp_path / "incoming")
    incoming.open()
    yield incoming
    incoming.close()


async def test_the_contract(settings: S3, incoming: Incoming) -> None:
    store, path = S3Store(settings), incoming.new_path()
    content = bytes(range(256)) * 4000
    path.write_bytes(content)
    await store.put("c/r/name.bin", path)
    found = await store.find("c/r/name.bin")
    assert found is not None
    assert found.size == len(content)
    assert await store.find("c/r/nope") is None
    assert await store.find("c/r") is None
    assert b"".join([chunk async for chunk in store.read("c/r/name.bin", 100, 50)]) == content[100:150]
    assert b"".join([chunk async for chunk in store.read("c/r/name.bin", 0, len(content))]) == content
    assert [chunk async for chunk in store.read("c/r/name.bin", 0, 0)] == []
    await store.fetch("c/r/name.bin", copy := incoming.new_path())
    assert copy.read_bytes() == content
    for name in ("c/r/thumbs_name.bin/1_name.bin", "c/r2/other"):
        path.write_bytes(b"x")
        await store.put(name, path)
    assert await store.names("c/r") == ["c/r/name.bin", "c/r/thumbs_name.bin/1_name.bin"]
    await store.remove("c/r/thumbs_name.bin")
    await store.remove("c/r/name.bin")
    await store.remove("c/r/name.bin")
    assert await store.names("") == ["c/r2/other"]


async def test_trying_out(settings: S3, tmp_path: Path) -> None:
    await try_out(settings, tmp_path)
    assert await S3Store(settings).names("") == []
    assert list(tmp_path.glob("*")) == []
    missing = S3(
        True, "nobody-made-this", "us-east-1", settings.endpoint, "key", "secret", force_path_style=True
    )
    with pytest.raises(S3Failed):
        await try_out(missing, tmp_path)


async def test_moving_there_and_back(settings: S3, incoming: Incoming, tmp_path: Path) -> None:
    local, bucket = LocalStore(tmp_path / "files"), S3Store(settings)
    for number in range(5):
        path = incoming.new_path()
        path.write_bytes(b"x" * number)
        await local.put(f"c/r{number}/f.txt", path)
    told: list[tuple[int, int]] = []
    assert await copy_missing(local, bucket, incoming, lambda *numbers: told.append(numbers)) == 5
    assert told[-1] == (5, 5)
    assert await copy_missing(local, bucket, incoming, lambda *_: None) == 0
    other = LocalStore(tmp_path / "other")
    assert await copy_missing(bucket, other, incoming, lambda *_: None) == 5
    assert await other.names("") == await local.names("")


@pytest.fixture
async def site(settings: S3, tmp_path: Path) -> AsyncIterator[tuple[Site, httpx.AsyncClient]]:
    """A site whose files are in the bucket."""
    async with open_site(tmp_path / "data") as made:
        rules: dict[str, Any] = dict.fromkeys(("listRule", "viewRule", "createRule", "deleteRule"), "")
        field = {"type": "file", "name": "paper", "maxSelect": 1}
        await made.create_collection({"name": "papers", "type": "base", "fields": [field], **rules})
        import msgspec

        await made.change_settings(lambda old: msgspec.structs.replace(old, s3=settings))
    opened = open_site(tmp_path / "data")
    application = create_application(opened)
    lifespan = Lifespan(application)
    await lifespan.start()
    transport = httpx.ASGITransport(Requests(application, lifespan.state), client=("127.0.0.1", 4))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as client:
            yield lifespan.state["site"], client
    finally:
        await lifespan.stop()


async def test_uploads_go_to_the_bucket(site: tuple[Site, httpx.AsyncClient], settings: S3) -> None:
    opened, client = site
    bucket = S3Store(settings)
    url = "/api/collections/papers/records"
    made = (await client.post(url, files={"paper": ("a.txt", b"hello there")})).json()
    [key] = await bucket.names("")
    assert key.endswith(f"/{made['id']}/{made['paper']}")
    address = f"/api/files/papers/{made['id']}/{made['paper']}"
    assert (await client.get(address)).text == "hello there"
    part = await client.get(address, headers={"range": "bytes=6-"})
    assert (part.status_code, part.text) == (206, "there")
    assert not [
        path for path in (opened.data / "storage").rglob("*") if path.is_file() and path.suffix != ".lock"
    ]
    assert (await client.delete(f"{url}/{made['id']}")).status_code == 204
    await opened.outbox.drain()
    assert await bucket.names("") == []

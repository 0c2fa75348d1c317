"""The test kit: a pytest plugin that opens a site on a database of the test's own.

In `conftest.py` beside `site.py`: `pytest_plugins = ["backstay.testing"]`. Tests are async (with anyio, which comes along:
`anyio_mode = "auto"` in pytest's configuration) and ask for the fixture `site`.

    async def test_a_stranger_may_not_order(site: TestSite) -> None:
        assert (await site.post("/api/sales", json={"sku": "pen"})).status_code == 401

Nothing happens behind a test's back: jobs, `committed` hooks and mails run with `await site.run_jobs()`, by the clock of
`site.clock`. Needs `backstay[test]`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from backstay.app import Backstay, load
from backstay.extending.data import Record
from backstay.lifespan import Lifespan, Requests
from backstay.options import ServeOptions

TOKEN_S = 3600


class Mail(msgspec.Struct, frozen=True):
    """A mail that the site has sent."""

    to: str
    subject: str
    text: str
    html: str


class Clock:
    """The clock of jobs, retries, schedules, tokens, codes by mail and autodate fields; it stands still once it is set."""

    def __init__(self) -> None:
        self._set: float | None = None

    def now(self) -> float:
        """Return the time as Unix seconds."""
        return time.time() if self._set is None else self._set

    def set(self, moment: datetime) -> None:
        """Stop the clock at a moment, which must be aware."""
        if moment.tzinfo is None:
            raise ValueError("the clock needs a time zone: datetime(2026, 1, 2, tzinfo=UTC) has one")
        self._set = moment.timestamp()

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self._set = self.now() + by.total_seconds()


class TestSite:
    """A running site, as somebody who talks to it: at first a guest."""

    __test__ = False

    def __init__(self, app: Backstay, client: httpx.AsyncClient, clock: Clock, token: str = "") -> None:
        self.app, self.clock = app, clock
        self._client, self._token = client, token

    # -- asking ---------------------------------------------------------------------------------------------

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request, with the options of httpx."""
        headers = {**({"authorization": self._token} if self._token else {}), **options.pop("headers", {})}
        return await self._client.request(method, path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("DELETE", path, **options)

    async def as_(self, viewer: Record | str, *, collection: str = "users") -> TestSite:
        """Return the site as somebody who is signed in: a record of an auth collection, or an e-mail address.

        Somebody with this address is made where there is nobody; with `collection="_superusers"` a superuser.
        """
        if isinstance(viewer, str):
            records = self.app.records(collection)
            found = await records.first("email = {:email}", email=viewer)
            viewer = found or await records.create(email=viewer, password="long enough to pass")  # noqa: S106
        return TestSite(self.app, self._client, self.clock, await self._token_of(viewer))

    async def _token_of(self, viewer: Record) -> str:
        site = self.app.site
        collection = site.catalog.find(viewer["collectionName"])
        assert collection is not None, "the record came from there"
        stored = await site.viewers.load(collection, viewer["id"])
        assert stored is not None, "somebody has deleted the record"
        return site.sign_in.new_token(collection, stored, duration_s=TOKEN_S, refreshable=True)

    # -- what happens later ---------------------------------------------------------------------------------

    async def run_jobs(self) -> None:
        """Do what is due: schedules, jobs, `committed` hooks, mails, and what follows from them."""
        await self.app.site.schedules.tick()
        await self.app.site.outbox.drain()

    @property
    def mails(self) -> list[Mail]:
        """The mails that have been sent, the oldest first."""
        files = sorted((self.app.site.data / "mails").glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        return [_mail(path.read_bytes()) for path in files]


def _mail(raw: bytes) -> Mail:
    message = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(message, EmailMessage)
    html, text = message.get_body(("html",)), message.get_body(("plain",))
    return Mail(
        str(message["To"]),
        str(message["Subject"]),
        text.get_content() if text else "",
        html.get_content() if html else "",
    )


@asynccontextmanager
async def open_test_site(app: Backstay, folder: Path, data: Path) -> AsyncIterator[TestSite]:
    """Run an application for a test.

    folder: of the site, for its classes, migrations and templates
    data:   of the database, which is made
    """
    options = ServeOptions.of_folder(data, site=folder)
    asgi = app.asgi(msgspec.structs.replace(options, jobs=False))
    life = Lifespan(asgi)
    await life.start()
    clock = Clock()
    app.site.clock.read = clock.now
    transport = httpx.ASGITransport(Requests(asgi, life.state), client=("127.0.0.1", 40000))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as client:
            yield TestSite(app, client, clock)
    finally:
        await life.stop()


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of async tests: asyncio alone."""
    return "asyncio"


@pytest.fixture
def site_folder(request: pytest.FixtureRequest) -> Path:
    """The folder of the site: that of pytest's configuration. Override it where `site.py` is elsewhere."""
    return request.config.rootpath


@pytest.fixture(scope="session")
def loaded_sites() -> dict[Path, Backstay]:
    """The applications that were loaded, so that each is loaded once."""
    return {}


@pytest.fixture
async def site(
    site_folder: Path, tmp_path: Path, loaded_sites: dict[Path, Backstay], anyio_backend: str
) -> AsyncIterator[TestSite]:
    """The site, with an empty database of the test's own."""
    app = loaded_sites.get(site_folder)
    if app is None:
        app = loaded_sites[site_folder] = load(ServeOptions.of_folder(tmp_path, site=site_folder))
    async with open_test_site(app, site_folder, tmp_path / "data") as opened:
        yield opened

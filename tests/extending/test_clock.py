"""The clock of the test kit: sign-ins end by it, and autodate fields are stamped by it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backstay import Backstay
from backstay.testing import open_test_site

pytestmark = pytest.mark.anyio
FILE_TOKEN = "/api/files/token"


async def test_sign_ins_end_by_the_clock(tmp_path: Path) -> None:
    async with open_test_site(Backstay(), tmp_path, tmp_path / "data") as site:
        ann = await site.as_("ann@example.com")
        assert (await ann.post(FILE_TOKEN)).status_code == 200
        site.clock.advance(timedelta(minutes=59))
        assert (await ann.post(FILE_TOKEN)).status_code == 200
        site.clock.advance(timedelta(minutes=2))
        assert (await ann.post(FILE_TOKEN)).status_code == 401
        again = await site.as_("ann@example.com")
        assert (await again.post(FILE_TOKEN)).status_code == 200


async def test_autodates_are_stamped_by_the_clock(tmp_path: Path) -> None:
    async with open_test_site(Backstay(), tmp_path, tmp_path / "data") as site:
        site.clock.set(datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC))
        ann = await site.app.records("users").create(email="ann@example.com", password="long enough")
        assert str(ann["created"]).startswith("2031-02-03")
        site.clock.advance(timedelta(days=1))
        changed = await site.app.records("users").update(ann.id, name="Ann")
        assert changed is not None
        assert [str(changed[name])[:10] for name in ("created", "updated")] == ["2031-02-03", "2031-02-04"]


async def test_rules_and_filters_go_by_the_clock(tmp_path: Path) -> None:
    """`@now` in rules, in filters of code and of requests, also in a rule that an event is held against."""
    async with open_test_site(Backstay(), tmp_path, tmp_path / "data") as site:
        fields = [{"type": "date", "name": "opens"}]
        rule = "opens <= @now"
        await site.app.site.create_collection({"name": "doors", "fields": fields, "listRule": rule})
        site.clock.set(datetime(2031, 2, 3, tzinfo=UTC))
        await site.app.records("doors").create(opens="2031-02-04 00:00:00.000Z")
        door, passed = "/api/collections/doors/records", "opens <= @todayEnd"
        for days, seen in ((0, 0), (2, 1), (-1, 0)):
            site.clock.set(datetime(2031, 2, 3 + max(days, 0), tzinfo=UTC) + timedelta(days=min(days, 0)))
            assert (await site.get(door)).json()["totalItems"] == seen
            assert await site.app.records("doors").count(passed) == seen


async def test_links_in_mails_end_by_the_clock(tmp_path: Path) -> None:
    async with open_test_site(Backstay(), tmp_path, tmp_path / "data") as site:
        await site.as_("ann@example.com")
        door = "/api/collections/users"
        await site.post(f"{door}/request-password-reset", json={"email": "ann@example.com"})
        await site.run_jobs()
        found = re.search(r"ey[\w-]+\.[\w-]+\.[\w-]+", site.mails[-1].text + site.mails[-1].html)
        assert found is not None
        body = {"token": found[0], "password": "another long one", "passwordConfirm": "another long one"}
        site.clock.advance(timedelta(days=30))
        late = await site.post(f"{door}/confirm-password-reset", json=body)
        assert (late.status_code, list(late.json()["data"])) == (400, ["token"])
        site.clock.advance(timedelta(days=-30))
        assert (await site.post(f"{door}/confirm-password-reset", json=body)).status_code == 204
